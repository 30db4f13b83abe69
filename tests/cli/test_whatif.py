"""`whatif` reads changes as files would say them, and shows both sides of each, now and hours ahead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fedsched.cli.otherwise import with_factor, with_quota
from fedsched.cli.output import Failure
from fedsched.config import load_policy
from fedsched.matchmaker.model import Policy
from tests.cli.conftest import Fedsched

CLOUD = """name = "{name}"
namespace = "fedsched"
credential = "{name}.json"
mode = "on"

[[simulated.nodes]]
name = "big"
count = 20
size = {{ cpu = 32, memory = "128 GiB", disk = "400 GiB", pods = 110 }}
"""
POLICY = """
[group."physics.cms"]
weight = 2
accept_surplus = true

[[principal]]
pattern = "*@physics.example"
factor = 3
ceiling = 50
"""


def cloud(folder: Path, name: str = "cloud") -> str:
    file = folder / f"{name}.toml"
    file.write_text(CLOUD.format(name=name))
    return str(file)


def loaded(folder: Path, text: str) -> Policy:
    (folder / "p.toml").write_text(text)
    return load_policy("p", folder)


def test_a_factor_in_thought_is_the_factor_in_the_file(tmp_path: Path) -> None:
    before = loaded(tmp_path, POLICY)
    edited = loaded(tmp_path, POLICY.replace("factor = 3", "factor = 9"))
    assert with_factor(before, "*@physics.example=9") == edited
    new = '[[principal]]\npattern = "biology.*"\nfactor = 0.5\n\n'
    assert with_factor(before, "biology=0.5") == loaded(
        tmp_path, POLICY.replace("[[principal]]", new + "[[principal]]")
    )


def test_a_factor_for_one_keeps_what_the_policy_says_of_them_all(tmp_path: Path) -> None:
    first = with_factor(loaded(tmp_path, POLICY), "physics.cms.ann@physics.example=2").principals[0]
    assert (first.pattern, first.factor, first.ceiling) == ("physics.cms.ann@physics.example", 2.0, 50.0)


def test_a_quota_in_thought_is_the_quota_in_the_file(tmp_path: Path) -> None:
    before = loaded(tmp_path, POLICY)
    said = 'weight = 2\nquota = { cpu = 64, memory = "256 GiB", gpus = 4 }'
    edited = loaded(tmp_path, POLICY.replace("weight = 2", said))
    assert with_quota(before, "physics.cms=cpu=64,memory=256 GiB,gpus=4") == edited
    edited = loaded(tmp_path, POLICY.replace("weight = 2", "weight = 2\nquota_fraction = 0.25"))
    assert with_quota(with_quota(before, "physics.cms=cpu=64"), "physics.cms=0.25") == edited
    edited = loaded(tmp_path, POLICY + '[group."climate"]\nquota = { cpu = 8 }\n')
    assert with_quota(before, "climate=cpu=8") == edited


@pytest.mark.parametrize(
    ("change", "given", "cause"),
    [
        (with_factor, "physics", "expected NAME=VALUE"),
        (with_factor, "=2", "expected NAME=VALUE"),
        (with_factor, "physics=-1", "factor: expected a number"),
        (with_factor, "physics=much", "factor: expected a number"),
        (with_quota, "physics=2", "expected a number from 0 to 1"),
        (with_quota, "physics=cpus=4", "unknown resource"),
        (with_quota, "physics=memory=4", "expected a size with its unit"),
        (with_quota, "physics=cpu=4,cpu=5", "stands twice"),
        (with_quota, "phy sics=cpu=4", "the dotted path of a group"),
    ],
)
def test_terms_that_no_policy_file_could_have_are_usage_errors(change: object, given: str, cause: str) -> None:
    assert callable(change)
    with pytest.raises(Failure, match=re.escape(cause)) as refused:
        change(Policy(), given)
    assert refused.value.code == 2
    assert given.partition("=")[0] in refused.value.text


def test_floors_of_children_beyond_their_parents_are_refused_as_in_a_file(tmp_path: Path) -> None:
    policy = loaded(tmp_path, '[group."a"]\nquota = { cpu = 8 }\n[group."a.b"]\nquota = { cpu = 4 }\n')
    with pytest.raises(Failure, match="their parent's quota is 8 cores"):
        with_quota(policy, "a.c=cpu=5")


def test_a_lost_members_startds_are_gone_and_its_jobs_wait_again(fedsched: Fedsched) -> None:
    said = fedsched("whatif", "--lose", "alps")
    assert said.code == 0, said.err
    assert "fewer startds" in said.out
    assert "on alps/medium (0 instead of" in said.out
    found = fedsched("whatif", "--lose", "alps", "-o", "json").json()
    ann = next(one for one in found["principals"] if "ann@" in one["principal"])
    assert ann["after"]["idle"] > ann["before"]["idle"]
    assert ann["after"]["held"] < ann["before"]["held"]
    assert any(one["type"] == "placements" for one in found["differences"])


def test_a_new_member_takes_its_first_startd_alone_and_hours_show_the_rest(fedsched: Fedsched, tmp_path: Path) -> None:
    said = fedsched("whatif", "--add-member", cloud(tmp_path))
    assert said.code == 0, said.err
    assert "on cloud/big (1 instead of 0)" in said.out
    found = fedsched("whatif", "--add-member", cloud(tmp_path), "--hours", "0.3", "-o", "json").json()
    everybody = next(one for one in found["principals"] if not one["principal"])
    assert everybody["after"]["started"] >= everybody["before"]["started"]
    assert found["before"]["seed"] == found["after"]["seed"]
    assert "MEDIAN WAIT" in fedsched("whatif", "--add-member", cloud(tmp_path), "--hours", "0.1").out


def test_changes_are_combined(fedsched: Fedsched, tmp_path: Path) -> None:
    jobs = tmp_path / "more.sub"
    jobs.write_text("executable = /bin/x\nrequest_memory = 1GB\nqueue 40\n")
    said = fedsched(
        "whatif",
        *("--lose", "alps", "--add-member", cloud(tmp_path, "alps"), "--quota", "biology=cpu=16", "--policy", "frugal"),
        *("--jobs", str(jobs), "--schedd", "ce1.physics.example", "--as", "ann@physics.example", "-o", "json"),
    )
    assert said.code == 0, said.err
    text = " ".join(said.json()["sentences"])
    assert "on alps/medium (0 instead of" in text
    assert "on alps/big (1 instead of 0)" in text


def test_a_workload_of_a_scenario_comes_all_at_once(fedsched: Fedsched, tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(
        'title = "t"\nbegins_at = 2026-06-01T00:00:00Z\nends_s = "1h"\n\n[[workload.once]]\nat_s = "10m"\n'
        'schedd = "ce9"\ngroup = "physics"\nusers = ["kim@k.example"]\njobs = 25\n'
        'request = { cpu = 1, memory = "2 GiB", disk = "1 GiB" }\nruns_s = "10m"\n'
    )
    said = fedsched("whatif", "--jobs", str(file), "-o", "json")
    assert said.code == 0, said.err
    kim = next(one for one in said.json()["principals"] if "kim@" in one["principal"])
    assert (kim["before"]["idle"], kim["after"]["idle"]) == (0, 25)


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ((), "what if what?"),
        (("--lose", "aps"), 'did you mean "alps"?'),
        (("--policy", "frugl"), 'did you mean "frugal"?'),
        (("--add-member", "/none.toml"), "/none.toml: cannot be read"),
        (("--factor", "x"), "expected NAME=VALUE"),
        (("--jobs", "/none.sub", "--schedd", "x", "--as", "a@b"), "/none.sub: No such file"),
    ],
)
def test_what_cannot_be_changed_is_a_usage_error(fedsched: Fedsched, words: tuple[str, ...], cause: str) -> None:
    said = fedsched("whatif", *words)
    assert said.code == 2
    assert cause in said.err


def test_a_member_that_is_there_must_be_lost_before_it_is_added(fedsched: Fedsched, tmp_path: Path) -> None:
    said = fedsched("whatif", "--add-member", cloud(tmp_path, "alps"))
    assert said.code == 2
    assert "--lose alps --add-member" in said.err


def test_a_member_without_a_simulated_table_cannot_be_added_in_thought(fedsched: Fedsched, federation: Path) -> None:
    said = fedsched("whatif", "--lose", "alps", "--add-member", str(federation / "clusters" / "alps.toml"))
    assert said.code == 2
    assert "[[simulated.nodes]]" in said.err


def test_a_policy_is_named_or_a_file_such_as_the_one_for_the_conference_week(
    fedsched: Fedsched, tmp_path: Path
) -> None:
    week = tmp_path / "week.toml"
    week.write_text(
        '[group."biology"]\naccept_surplus = true\n[group."physics"]\naccept_surplus = true\n'
        '[preemption]\nmode = "reclaim"\n[[reservation]]\ngroup = "biology"\nquota = { cpu = 300 }\n'
        "begins_at = 2020-01-01T00:00:00Z\nends_at = 2040-01-01T00:00:00Z\n"
    )
    found = fedsched("whatif", "--policy", str(week), "-o", "json").json()
    eve = next(one for one in found["principals"] if "eve@" in one["principal"])
    assert eve["after"]["entitled"] > eve["before"]["entitled"]
    assert eve["after"]["entitled"] >= 250_000
