"""`drain --plan` says which jobs finish, die and move, and orders nothing (R8)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedsched.cli.drained import Comes, listing, whose
from fedsched.journal import open_journal
from fedsched.matchmaker.model import Claim, JobLength, Observation, Order, PoolView, Principal
from fedsched.study.run import SimRun
from tests.cli.conftest import Fedsched
from tests.matchmaker.builders import T0, demand, held, placement, schedd, slot
from tests.sim.spike import conference_spike, policy

ANN = Principal("physics", "alice@b")
HOUR = 3600.0


def drained(claim: Claim, length: JobLength, deadline_s: float | None, retire_s: int = 7200, **slots: Any) -> Comes:
    """What becomes of one startd with one job; the order is given at T0."""
    one = placement(retire_s=retire_s)
    seen = Observation(
        T0,
        schedds=(schedd(demand("c1", length=length)),),
        pools=(PoolView("a", T0, slots=(slot(one, claims=(claim,), **slots),)),),
    )
    order = Order("drain", "m1", "why", at=T0, deadline_at=None if deadline_s is None else T0 + deadline_s)
    (row,) = listing([held(one, "claimed", claims=1)], order, seen)
    return row


def job(ran_s: float, cores: float = 4) -> Claim:
    return Claim(ANN, int(cores * 1000), T0 - ran_s, "1.0", "schedd-b")


def test_a_job_whose_own_limit_ends_before_the_deadline_surely_finishes() -> None:
    (one,) = drained(job(1800), JobLength(3600, "MaxWallTimeMins"), 2 * HOUR).running
    assert (one.fate, one.chance) == ("finishes", 1.0)
    assert T0 < one.ends_at <= T0 + 1800


def test_a_job_that_has_hours_to_go_dies_at_the_deadline_with_all_its_work() -> None:
    row = drained(job(8 * HOUR), JobLength(40 * 3600, "MaxWallTimeMins"), 600)
    (one,) = row.running
    assert one.fate == "dies"
    assert one.lost_core_s == (8 * HOUR + 600) * 4
    assert "its job is probably still running and evicted after 10 min" in row.what


def test_a_startd_is_evicted_at_the_first_of_deadline_retirement_and_its_own_end() -> None:
    length = JobLength(3600, "MaxWallTimeMins")
    assert drained(job(60), length, 600).latest_at == T0 + 600
    assert drained(job(60), length, 6 * HOUR, retire_s=1800).latest_at == T0 + 1800
    assert drained(job(60), length, None, retire_s=1800).latest_at == T0 + 1800
    assert drained(job(60), length, 6 * HOUR, end_at=T0 + 300).latest_at == T0 + 300


def test_startds_without_a_job_move_while_they_are_starting_and_are_empty_afterwards() -> None:
    starting = held(placement("1-1"), "starting", pod_started_at=None)
    idle = held(placement("1-2"), "unclaimed", pod_started_at=T0 - 40)
    elsewhere = held(placement("1-3", "m2"), "unclaimed")
    rows = listing([starting, idle, elsewhere], Order("drain", "m1", "why", at=T0), Observation(T0))
    assert [(row.startd, row.moves) for row in rows] == [("fs-1-1", True), ("fs-1-2", False)]
    (one,) = whose(rows)
    assert (one.principal, one.move, one.empty, one.finish, one.die) == (str(ANN), 1, 1, 0, 0)


def test_a_plan_of_a_drain_has_numbers_per_principal_and_orders_nothing(fedsched: Fedsched, federation: Path) -> None:
    short, long = (fedsched("drain", "alps", "--deadline", time, "--plan", "-o", "json") for time in ("5m", "6h"))
    assert short.code == long.code == 0, short.err
    counts = {}
    for name, said in (("short", short), ("long", long)):
        found = said.json()
        assert found["kind"] == "drain-plan"
        jobs = sum(row["jobs"] for row in found["startds"])
        counts[name] = [sum(one.get(key, 0) for one in found["principals"]) for key in ("finish", "die")]
        assert sum(counts[name]) == jobs > 0
    assert counts["short"][1] > counts["long"][1]
    said = fedsched("drain", "alps", "--deadline", "6h", "--plan")
    assert "nothing is ordered" in said.out
    assert "FINISH" in said.out
    assert "empty after 30 min at the latest" in said.out
    journal = open_journal(f"sqlite:{federation / 'fedsched.db'}")
    assert journal.orders() == ()
    journal.close()


def test_a_drain_that_is_meant_still_needs_its_reason(fedsched: Fedsched) -> None:
    assert fedsched("drain", "alps").code == 2
    assert fedsched("drain", "alpes", "--plan").code == 1


def test_where_startds_would_begin_instead_is_told(fedsched: Fedsched) -> None:
    found = fedsched("drain", "coast", "--plan", "-o", "json").json()
    assert all(one["member"] != "coast" and one["startds"] > 0 for one in found["elsewhere"])
    assert msgspec.convert(found["order"], Order).target == "coast"


@pytest.mark.parametrize("minutes", [8])
def test_jobs_that_are_said_to_finish_or_die_mostly_do_when_the_drain_is_really_ordered(
    tmp_path: Path, minutes: int
) -> None:
    run = SimRun(conference_spike(), policy(), tmp_path)
    try:
        run.until(19 * 60.0)
        cycle = run.journal.last_cycle()
        assert cycle is not None
        at = run.world.now()
        order = Order("drain", "alps", "maintenance", at=at, deadline_at=at + minutes * 60)
        accounts = (*run.journal.accounts(), *run.journal.ended_accounts())
        rows = listing(cycle.plan.held, order, cycle.observation, accounts)
        told = {(job.schedd, job.job): job.fate for row in rows for job in row.running}
        run.journal.add_order(order)
        run.until(run.world.monotonic() + minutes * 60 + 120)
        jobs = {(schedd.name, job.id): job for schedd in run.world.schedds for job in schedd.jobs}
        real = {key: "dies" if jobs[key].lost_s else "finishes" for key in told}
    finally:
        run.close()
    right = sum(told[key] == real[key] for key in told)
    assert len(told) >= 50
    assert right >= 0.8 * len(told), (Counter(told.values()), Counter(real.values()), right)
