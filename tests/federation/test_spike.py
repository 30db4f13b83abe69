"""A spike from onset to nothing left, with its report; its spill to a priced member ends with the budget (SU1-SU6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.federation.harness import POLICY, Federation, claimed, eventually, sleep_job
from tests.federation.kept import events
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

CORES = {"own": 2, "cloud": 4}
JOBS = 40
PRICE = 60.0
"""Of a core-hour, so that a core-minute costs 1."""
LENGTH_S = 300
IDLE_S = 20
"""A startd that nobody claims goes after so long: more than the negotiator takes on a busy machine."""
BUDGET = 6.85
"""Pays for one startd that is long enough for a job, and when that has run for some seconds for none any more."""
LEAST = (LENGTH_S + 2 * IDLE_S + 60) * PRICE / 3600
"""What must be left for one more: a job's length, twice the idle time, and a minute for the end."""
POLICY_OF_SPIKES = f"""
[surge]
on = 4.0
on_s = 2
off = 0.0
off_s = 4

[[tier]]
name = "own"
order = 0
members = ["own"]
[[tier]]
name = "cloud"
order = 1
members = ["cloud"]
budget = {BUDGET}
dwell_s = 2
"""


@pytest.fixture(scope="module")
def planes(lab: Laboratory) -> Iterator[dict[str, ControlPlane]]:
    """A member that costs nothing and one that does; their startds run as processes."""
    with lab.part() as part:
        made = part.control_planes(*CORES)
        for name, plane in made.items():
            plane.add_fake_nodes("n", 1, cpu=CORES[name], memory="32Gi")
            part.pod_runner(plane)
        yield made


class Watch:
    """What was ever seen of budget and placements."""

    def __init__(self, hub: Federation) -> None:
        self.hub = hub
        self.spent: list[float] = []

    def look(self) -> dict[str, Any]:
        """The spikes as the command line shows them."""
        told: dict[str, Any] = self.hub.json("spikes")
        self.spent.append(told["budgets"].get("tier/cloud", {"spent": 0.0})["spent"])
        return told

    def placed(self, member: str = "") -> list[str]:
        """Placements that were ever written, of one member or of all."""
        made = [e for e in events(self.hub, "change") if e["kind"] == "create" and e["result"] == "done"]
        return [e["placement"] for e in made if member in {"", e["member"]}]


@pytest.mark.timeout(900)
def test_a_spike_spills_until_the_budget_is_spent_and_ends_with_nothing_left_and_its_report(
    federation: Callable[..., Federation], planes: dict[str, ControlPlane], target_pool: Pool, guest_pool: Pool
) -> None:
    policy = POLICY.replace("idle_s = 20", f"idle_s = {IDLE_S}").replace("retire_s = 600", "retire_s = 20")
    hub = federation(policy=policy + POLICY_OF_SPIKES)
    for plane in planes.values():
        hub.join(plane)
    hub.edit_member("cloud", ("price_per_core_hour = 0.0", f"price_per_core_hour = {PRICE}"))
    begin = time.monotonic()
    hub.start()
    watch = Watch(hub)
    with _waiting_jobs(guest_pool, JOBS):
        eventually("a spike began", lambda: [s["id"] for s in watch.look()["spikes"]] == ["s1"], 60)
        eventually("it spills to what costs money", lambda: watch.look() and hub.jobs(planes["cloud"]), 90)
        print(f"spilt after {time.monotonic() - begin:.1f} s")
        eventually("a paid startd runs jobs", lambda: watch.look() and _claimed(target_pool, "cloud"), 90)
        print("all bound:", eventually("the rest of the budget is bound", lambda: _refused_by_the_budget(hub), 60))
        eventually("a part of it is really spent", lambda: watch.look() and watch.spent[-1] >= BUDGET - LEAST, 60)
        assert len(hub.jobs(planes["cloud"])) == 1, "a second one could not be paid to its end"
    report = eventually("nothing of the spike is left", lambda: _over(watch), 150)
    print(hub.run("spikes", "show", "s1").stdout)
    _report_says_what_was(report, watch)
    for plane in planes.values():
        left = [o for o in hub.objects(plane) if "fedsched.io/placement" in o["metadata"]["labels"]]
        assert not left, "only the anchor and what stands with it"
    with _waiting_jobs(guest_pool, JOBS):
        eventually("the next wave fills what costs nothing", lambda: watch.look() and len(watch.placed("own")) >= 4, 60)
        said = eventually("what is left of the budget pays for no job", lambda: _refused_by_the_budget(hub), 60)
        print(f"spent {watch.spent[-1]:.2f}:", said)
        assert "budget" in hub.run("explain", _class(hub), "--no-counterfactuals").stdout
    eventually("nothing is left again", lambda: watch.look() and not any(hub.jobs(p) for p in planes.values()), 150)
    assert len(watch.placed("cloud")) == 1
    assert BUDGET - LEAST < max(watch.spent) <= BUDGET, "never more than the budget, at no moment"
    assert hub.stop() == 0


@contextmanager
def _waiting_jobs(guest: Pool, count: int) -> Iterator[None]:
    """Many short jobs, removed afterwards; a job is cut off by its pool after LENGTH_S."""
    more = f"allowed_job_duration = {LENGTH_S}"
    cluster = guest.submit("alice", sleep_job(12, 1, more=more, count=count))
    try:
        yield
    finally:
        guest.run("condor_rm", str(cluster), user="alice")


def _claimed(pool: Pool, member: str) -> list[dict[str, Any]]:
    return [ad for ad in claimed(pool) if ad.get("FedschedMember") == member]


def _class(hub: Federation) -> str:
    """The key of the one class that waits."""
    rows = hub.json("q")["classes"]
    return str(rows[0]["demand"]["key"]) if rows else ""


def _refused_by_the_budget(hub: Federation) -> str:
    """What `explain` says of the class at the priced member when the budget is in the way, "" otherwise."""
    if not (key := _class(hub)):
        return ""
    told = hub.json("explain", key)["explanation"]
    line = next(line for line in told["members"] if line["member"] == "cloud")
    return str(line["text"]) if (line["reason"] or {}).get("cause") == "budget-spent" else ""


def _over(watch: Watch) -> dict[str, Any]:
    """The report of a spike that left nothing behind."""
    watch.look()
    (spike,) = watch.hub.json("spikes", "show", "s1")["spikes"]
    return dict(spike) if spike["zero_at"] is not None else {}


def _report_says_what_was(report: dict[str, Any], watch: Watch) -> None:
    """Against what was seen from outside."""
    never = sum(count for _, count in report["never_claimed"])
    assert JOBS - sum(CORES.values()) <= report["peak"] <= JOBS
    assert report["added"] == len(watch.placed()), "every placement was made in it"
    assert report["claimed"] >= 3
    assert report["claimed"] + never == report["added"]
    assert report["cost"] == pytest.approx(watch.spent[-1], abs=0.2)
    assert 0 < report["first_claim_s"] < 60
    assert report["began_at"] < report["ended_at"] <= report["zero_at"]
    assert report["open_ids"] == []
