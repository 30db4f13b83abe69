"""A scenario folder is read as a whole: what is wrong in any of its files is told with file, line and key, at once."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from fedsched.config import ConfigError, check, load_member
from fedsched.matchmaker.resources import Resources
from fedsched.sim.expect import Expected, Range, judge
from fedsched.sim.folder import SHIPPED, load_scenario, shipped
from fedsched.sim.scenario import Window
from fedsched.sim.tables import scenario_schemas
from tests.config.test_schema import seen_by_an_editor
from tests.workload import writers

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = SHIPPED.parents[2]
FEDERATION = 'id = "x"\n[[pool]]\nname = "a"\ncollector = "127.0.0.1:9618"\n'
MEMBER = """\
name = "m1"
namespace = "fedsched"
credential = "m1.json"
[simulated]
[[simulated.nodes]]
name = "std"
count = 2
size = { cpu = 8, memory = "32 GiB", disk = "100 GiB" }
"""
SCENARIO = """\
title = "small"
begins_at = 2027-01-14T08:00:00Z
ends_s = "1h"
[[workload.steady]]
group = "hep"
users = ["ann@x"]
schedd = "ap1"
request = { cpu = 1, memory = "2 GiB", disk = "1 GiB" }
runs_s = "10m"
per_hour = 60
lasts_s = "1h"
"""
EXPECT = "[contended]\ncontended_cycles = { least = 0.5 }\n"
FILES = {"fedsched.toml": FEDERATION, "clusters/m1.toml": MEMBER, "scenario.toml": SCENARIO, "expect.toml": EXPECT}


def folder(root: Path, **changed: str | Callable[[str], str]) -> Path:
    """A small, right scenario; `changed` by the stem of a file: another text, or what makes one of it."""
    (root / "clusters").mkdir(exist_ok=True)
    for name, text in FILES.items():
        change = changed.get(Path(name).stem, text)
        (root / name).write_text(change if isinstance(change, str) else change(text))
    return root


def refused(root: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_scenario(root)
    return [line.replace(f"{root}/", "") for line in str(caught.value).splitlines()]


def test_a_small_folder_becomes_a_scenario(tmp_path: Path) -> None:
    loaded = load_scenario(folder(tmp_path))
    assert (loaded.title, loaded.seed, loaded.until_s, loaded.ends_s) == ("small", 1, 3600, 3600)
    assert loaded.expect == Expected({"contended_cycles": Range(least=0.5)})
    assert loaded.policy.name == "fair-share"
    (member,) = loaded.scenario.members
    assert member.groups[0].size == Resources(8000, 32 * 1024, 100 * 1024, 0, 110)
    assert loaded.scenario.pool == "a"
    assert loaded.scenario.schedds == ("ap1",)
    assert loaded.scenario.jobs == load_scenario(tmp_path, seed=1).scenario.jobs
    assert loaded.scenario.jobs != load_scenario(tmp_path, seed=2).scenario.jobs


def test_everything_that_a_member_and_a_scenario_can_suffer_arrives(tmp_path: Path) -> None:
    faults = """
[[simulated.owner]]
at_s = "10m"
nodes = "std"
count = 1
request = { cpu = 4 }
lasts_s = "5m"
[simulated.faults]
silent = [{ begin_s = 60, end_s = "2m" }]
timeout = 0.1
losses = [{ at_s = 5, pods = 1 }]
node_losses = [{ at_s = 5, nodes = "std", back_s = "1h" }]
stale = [{ begin_s = 0, end_s = 9, every_s = 3 }]
admission = [{ begin_s = 0, end_s = 9, keeps = 0.5 }]
quotas = [{ begin_s = 0, end_s = 9, pods = 3 }]
"""
    absent = '[[silent]]\nschedd = "ap1"\nbegin_s = 1\nend_s = 2\n[[silent_hub]]\nbegin_s = 3\nend_s = 4\n'
    gone = absent.partition("[[silent_hub]]")[0].replace("silent", "gone")
    root = folder(tmp_path, m1=MEMBER + faults, scenario=SCENARIO + absent + gone)
    scenario = load_scenario(root).scenario
    (member,) = scenario.members
    assert member.owners[0].request.cpu_milli == 4000
    assert member.faults.silent == (Window(60, 120),)
    assert (member.faults.timeout, member.faults.losses) == (0.1, ((5, 1),))
    assert member.faults.node_losses[0].back_at == 3600
    assert (member.faults.stale[0].every_s, member.faults.admission[0].keeps) == (3, 0.5)
    assert member.faults.quotas[0].pods == 3
    assert scenario.silent_schedds == scenario.gone_schedds == (("ap1", Window(1, 2)),)
    assert scenario.silent_hub == (Window(3, 4),)


WRONG: dict[str, tuple[str, Callable[[str], str], str]] = {
    "a member without [simulated]": (
        "m1",
        lambda t: t.partition("[simulated]")[0],
        "clusters/m1.toml: simulated: is missing; a simulation needs to know what stands for this member",
    ),
    "an unknown generator": (
        "scenario",
        lambda t: t.replace("workload.steady", "workload.steedy"),
        'scenario.toml:4: workload.steedy: unknown key; did you mean "steady"?',
    ),
    "an unknown key of a generator": (
        "scenario",
        lambda t: t + "rush = 1\n",
        'scenario.toml:12: workload.steady[0].rush: unknown key; did you mean "runs_s"?',
    ),
    "a key too few": (
        "scenario",
        lambda t: t.replace("per_hour = 60\n", ""),
        "scenario.toml:4: workload.steady[0].per_hour: is missing",
    ),
    "a rate below zero": (
        "scenario",
        lambda t: t.replace("= 60", "= -60"),
        "scenario.toml:10: workload.steady[0].per_hour: expected a number from 0 to 1e+06, not -60",
    ),
    "a length of nothing": (
        "scenario",
        lambda t: t.replace('"10m"', "0"),
        "scenario.toml:9: workload.steady[0].runs_s: expected at least 1 s, not 0",
    ),
    "a number that is none": (
        "scenario",
        lambda t: t.replace("= 60", "= nan"),
        "scenario.toml:10: workload.steady[0].per_hour: expected a number from 0 to 1e+06, not nan",
    ),
    "nobody submits": (
        "scenario",
        lambda t: t.replace('["ann@x"]', "[]"),
        "scenario.toml:6: workload.steady[0].users: expected at least one user",
    ),
    "no workload": (
        "scenario",
        lambda t: t.partition("[[")[0] + "[workload]\n",
        "scenario.toml:4: workload: has no job at all",
    ),
    "an end before what is shown": (
        "scenario",
        lambda t: 'until_s = "2h"\n' + t,
        "scenario.toml:1: until_s: is after the end (ends_s = 3600 s)",
    ),
    "a schedd that nobody knows falls silent": (
        "scenario",
        lambda t: t + '[[silent]]\nschedd = "ap2"\nbegin_s = 0\nend_s = 5\n',
        'scenario.toml:13: silent[0].schedd: nobody submits there; did you mean "ap1"?',
    ),
    "a window that ends before it begins": (
        "scenario",
        lambda t: t + '[[silent]]\nschedd = "ap1"\nbegin_s = 6\nend_s = 5\n',
        "scenario.toml:15: silent[0].end_s: expected later than begin_s",
    ),
    "a log that is not there": (
        "scenario",
        lambda t: t + '[[workload.trace]]\nfile = "x.swf"\nformat = "swf"\n',
        "x.swf: cannot be read: No such file or directory",
    ),
    "a format that nobody knows": (
        "scenario",
        lambda t: t + '[[workload.trace]]\nfile = "x.swf"\nformat = "sfw"\n',
        "scenario.toml:14: workload.trace[0].format: expected one of swf, history, pods, not 'sfw'",
    ),
    "an unknown policy": (
        "fedsched",
        lambda t: 'policy = "fair"\n' + t,
        'no policy "fair"; known here: conference-spike, fair-share,',
    ),
    "nothing is contended": (
        "expect",
        lambda _: "[contended]\n",
        "expect.toml:1: contended: is empty; a scenario in which nobody waits for room shows nothing",
    ),
    "no word of contention": ("expect", lambda _: "[results]\ncost = { most = 1 }\n", "contended: is missing"),
    "an unknown table of expectations": (
        "expect",
        lambda t: t + "[result]\n",
        'expect.toml:3: result: unknown key; did you mean "results"?',
    ),
    "a range that is a number": (
        "expect",
        lambda t: t + "[results]\ncost = 5\n",
        "expect.toml:4: results.cost: expected { least = …, most = … } or one of them, not 5",
    ),
    "a range with another end": (
        "expect",
        lambda t: t + "[results]\ncost = { max = 5 }\n",
        "expect.toml:4: results.cost.max: unknown key; known here: least, most",
    ),
    "a range that is upside down": (
        "expect",
        lambda t: t + "[results]\ncost = { least = 5, most = 4 }\n",
        "expect.toml:4: results.cost.least: least (5) is above most (4)",
    ),
    "no nodes": (
        "m1",
        lambda t: t.partition("[[simulated")[0] + "nodes = []\n",
        "clusters/m1.toml:5: simulated.nodes: is missing; a simulated member has at least one",
    ),
    "nodes without disk": (
        "m1",
        lambda t: t.replace(', disk = "100 GiB"', ""),
        "clusters/m1.toml:8: simulated.nodes[0].size: no disk: no job would ever fit",
    ),
    "a node that is more than busy": (
        "m1",
        lambda t: t + "busy = { cpu = 9 }\n",
        "clusters/m1.toml:9: simulated.nodes[0].busy: is more than a node has: 9 cores of 8 cores",
    ),
    "an owner of other nodes": (
        "m1",
        lambda t: t + '[[simulated.owner]]\nat_s = 5\nnodes = "big"\ncount = 1\nrequest = { cpu = 1 }\nlasts_s = 5\n',
        'clusters/m1.toml:11: simulated.owner[0].nodes: no [[simulated.nodes]] named "big"',
    ),
    "a chance above one": (
        "m1",
        lambda t: t + "[simulated.faults]\ntimeout = 1.5\n",
        "clusters/m1.toml:10: simulated.faults.timeout: expected a number from 0 to 1, not 1.5",
    ),
    "more nodes lost than there are": (
        "m1",
        lambda t: t + '[simulated.faults]\nnode_losses = [{ at_s = 1, nodes = "std", count = 3 }]\n',
        'simulated.faults.node_losses[0].nodes: "std" has 2 nodes, not 3',
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_a_folder_is_told_with_file_line_and_key(case: str, tmp_path: Path) -> None:
    stem, change, expected = WRONG[case]
    told = refused(folder(tmp_path, **{stem: change}))
    assert len(told) == 1
    assert expected in told[0]


def test_more_jobs_than_anything_can_run_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedsched.sim.workload.jobs.MOST_JOBS", 30)
    assert refused(folder(tmp_path)) == ["scenario.toml:4: workload.steady[0]: more than 30 jobs in all"]


def test_problems_of_all_files_are_told_together(tmp_path: Path) -> None:
    root = folder(tmp_path, m1=MEMBER + "x = 1\n", scenario=SCENARIO + "x = 1\n", expect=EXPECT + "x = 1\n")
    assert [line.partition(":")[0] for line in refused(root)] == ["clusters/m1.toml", "expect.toml", "scenario.toml"]


def test_a_policy_of_the_folder_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "mine.toml").write_text("[ramp]\nfrist = 5\n")
    root = folder(tmp_path, fedsched='policy = "mine"\n' + FEDERATION)
    assert refused(root) == ['policies/mine.toml:2: ramp.frist: unknown key; did you mean "first"?']


@pytest.mark.parametrize("name", ["fedsched.toml", "scenario.toml", "expect.toml"])
def test_a_folder_without_one_of_its_files_is_refused(name: str, tmp_path: Path) -> None:
    (folder(tmp_path) / name).unlink()
    assert name in refused(tmp_path)[0]


def test_a_scenario_that_nobody_knows_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match='no such scenario; did you mean "conference"'):
        load_scenario("conferense")
    with pytest.raises(ConfigError, match=r"scenario.toml: is missing; a folder of a scenario has one"):
        load_scenario(ROOT / "docs")


def test_a_log_in_a_folder_is_replayed_beside_what_is_generated(tmp_path: Path) -> None:
    jobs = writers.drawn(60)
    root = folder(
        tmp_path,
        scenario=SCENARIO + '[[workload.trace]]\nfile = "a.swf.gz"\nformat = "swf"\nload = 4\ngroups = { bio = 1 }\n',
    )
    writers.swf(root / "a.swf.gz", jobs)
    loaded = load_scenario(root)
    assert sum(one.principal.group == "bio" for one in loaded.scenario.jobs) == len(jobs)
    assert sum(one.principal.group == "hep" for one in loaded.scenario.jobs) > 10
    assert loaded.tallies == (("a.swf.gz", {"read": len(jobs), "used": len(jobs), "split": 0, "pieces": 0}),)
    assert [one.at for one in loaded.scenario.jobs] == sorted(one.at for one in loaded.scenario.jobs)


def test_a_run_that_was_not_contended_says_so_first() -> None:
    expected = Expected({"contended_cycles": Range(least=0.2)}, {"cost": Range(most=5), "evictions": Range(1, 2)})
    results = {"contended_cycles": 0.01, "cost": 7.0, "evictions": 1.0}
    nobody = "; nobody had to wait for room, so the run shows nothing"
    assert [str(missed) for missed in judge(expected, results)] == [
        f"contended.contended_cycles: expected at least 0.2, came to 0.01{nobody}",
        "results.cost: expected at most 5, came to 7",
    ]
    assert judge(expected, {"contended_cycles": 0.2, "cost": 5.0, "evictions": 2.0}) == ()
    unknown = Expected({"contended_cycle": Range(1)}, {"wait_p95_s.hep": Range(1)})
    assert [missed.text for missed in judge(unknown, {"contended_cycles": float("nan")})] == [
        'there is no such result; did you mean "contended_cycles"?',
        "there is no such result; known here: contended_cycles",
    ]
    assert judge(Expected({"contended_cycles": Range(least=0)}), {"contended_cycles": float("nan")})


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_scenario_can_be_checked_as_any_federation_and_fits_its_schemas(name: str) -> None:
    assert check(SHIPPED / name / "fedsched.toml") == ()
    for kind, made in scenario_schemas().items():
        jsonschema.Draft202012Validator.check_schema(made)
        text = (SHIPPED / name / f"{kind}.toml").read_text()
        jsonschema.Draft202012Validator(made).validate(seen_by_an_editor(text))
        assert not jsonschema.Draft202012Validator(made).is_valid(seen_by_an_editor("x = 1\n" + text))
    for file in (SHIPPED / name / "clusters").glob("*.toml"):
        assert load_member(file).simulated is not None


def test_the_shipped_scenarios_are_in_the_wheel(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named hatchling" in made.stderr:
        pytest.skip("hatchling is not installed here")
    assert made.returncode == 0, made.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name.removeprefix("fedsched/sim/scenarios/") for name in zipfile.ZipFile(wheel).namelist()}
    there = {str(file.relative_to(SHIPPED)) for file in SHIPPED.rglob("*.toml")}
    assert there
    assert there <= inside
