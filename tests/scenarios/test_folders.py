"""Shipped scenarios come to what they expect, and logs of each kind run: contended, with all that must hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from fedsched.config import load_policy
from fedsched.log import configure
from fedsched.sim.expect import judge
from fedsched.sim.folder import Loaded, load_scenario, shipped
from fedsched.sim.nodes_list import listed_members
from fedsched.sim.scenario import Scenario
from fedsched.sim.workload.fitting import rooms
from fedsched.sim.workload.terms import Trace
from fedsched.sim.workload.trace import format_of, replay
from fedsched.study.compare import Setting, play
from fedsched.study.invariants import Checker
from tests.scenarios.stage import HOUR, MINUTE, SHIPPED
from tests.workload import writers

if TYPE_CHECKING:
    from fedsched.matchmaker.model import Policy


def numbers(scenario: Scenario, policy: Policy, cycle_s: float, until_s: float) -> dict[str, float]:
    """What a run comes to, everything that must hold checked in every cycle."""
    configure(level="error")
    setting = Setting("test", "", scenario, seed=1, cycle_s=cycle_s, until_s=until_s, guard=Checker)
    return play(setting, policy, lambda _run: None).numbers


def of(loaded: Loaded, until_s: float | None = None) -> dict[str, float]:
    cycle_s = loaded.files.federation.cadence.cycle_s
    return numbers(loaded.scenario, loaded.policy, cycle_s, until_s or loaded.until_s)


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_scenario_is_contended_and_comes_to_what_it_expects(name: str) -> None:
    loaded = load_scenario(name)
    assert judge(loaded.expect, of(loaded)) == ()


def test_the_demo_is_calm_for_an_hour_then_has_its_spike_and_a_whole_day_to_go() -> None:
    loaded = load_scenario("demo")
    jobs = loaded.scenario.jobs
    assert (len(loaded.scenario.members), len({one.principal.group.partition(".")[0] for one in jobs})) == (5, 4)
    quarter = [sum(at <= one.at < at + 15 * MINUTE for one in jobs) for at in (0, 30 * MINUTE, HOUR)]
    assert quarter[2] > 10 * max(quarter[:2])
    assert (loaded.until_s, loaded.ends_s) == (3 * HOUR, 24 * HOUR)
    assert jobs[-1].at > 22 * HOUR


def test_a_scenario_that_nobody_fought_over_misses_its_contention() -> None:
    loaded = load_scenario("conference")
    quiet = msgspec.structs.replace(loaded.scenario, jobs=loaded.scenario.jobs[:3])
    missed = judge(loaded.expect, of(msgspec.structs.replace(loaded, scenario=quiet), 20 * MINUTE))
    assert str(missed[0]).startswith("contended.contended_cycles: expected at least 0.3, came to 0")
    assert "nobody had to wait for room" in str(missed[0])


LISTS = {
    "small.csv": "sn,cpu_milli,memory_mib,gpu,model\n" + "n,16000,65536,0,\n" * 4,
    "gpus.csv": "sn,cpu_milli,memory_mib,gpu,model\n" + "n,32000,262144,4,V100M32\n" * 3 + "n,32000,262144,2,T4\n" * 2,
}


@pytest.mark.parametrize(
    ("write", "name", "nodes"),
    [
        (writers.swf, "site.swf.gz", "small.csv"),
        (writers.history_json, "history.json", "small.csv"),
        (writers.history_long, "history.long.gz", "small.csv"),
        (writers.pods, "pods.csv.gz", "gpus.csv"),
    ],
)
def test_a_log_of_each_kind_runs_on_three_members_contended_and_with_all_that_must_hold(
    write: object, name: str, nodes: str, tmp_path: Path
) -> None:
    jobs = writers.training() if nodes == "gpus.csv" else writers.drawn(120)
    assert callable(write)
    log = write(tmp_path / name, jobs)
    (tmp_path / nodes).write_text(LISTS[nodes])
    members = listed_members(tmp_path / nodes, 3)
    terms = Trace(file=log, format=format_of(log), groups=(("a", 2.0), ("b", 1.0)), ignore_requirements=True)
    replayed = replay(log, terms, rooms(members))
    found = numbers(Scenario(members, jobs=replayed.jobs), load_policy("fair-share", SHIPPED), 60.0, 2 * HOUR)
    assert found["contended_cycles"] > 0.2
    assert found["jobs"] == len(replayed.jobs) == replayed.tally.used
    assert found["jobs_done"] > 0.2 * found["jobs"]
