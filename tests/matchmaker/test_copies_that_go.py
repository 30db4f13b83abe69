"""Copies of users' Jobs on their way out, or that vanish, are never run again beside themselves (FA3, FA4)."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.model import CreateObject, DeleteObject, JobCondition, JobStatus, Memory, TellJob
from fedsched.matchmaker.reasons import Cause, Reason
from tests.matchmaker.builders import T0
from tests.matchmaker.queued import RUNS, copied, copy_of, decide, queued, running, world


def created(changes: tuple[object, ...]) -> list[str]:
    return [c.placement.job for c in changes if isinstance(c, CreateObject)]


def test_a_copy_that_is_deleted_and_unknown_keeps_its_job_until_it_is_gone() -> None:
    going = running(copied(), deleting=True)
    nothing = Memory(cycle=3, at=T0 - 5, since=T0 - 1000)
    _, changes = decide(world(queued(), memory=nothing, objects=(going,)))
    assert created(changes) == []
    _, changes = decide(world(queued(), memory=nothing))
    assert created(changes) == ["lab/a"]


def test_a_copy_that_was_seen_and_whose_deadlines_are_over_keeps_nothing() -> None:
    mine = copied(of={"created_at": T0 - 5000})
    old = running(mine, deleting=True, status=msgspec.structs.replace(RUNS, started_at=T0 - 4000))
    _, changes = decide(world(queued(), memory=Memory(cycle=3, at=T0 - 5, since=T0 - 1000), objects=(old,)))
    assert created(changes) == ["lab/a"]


def test_that_a_copy_is_about_to_end_is_told_with_its_end_and_not_before() -> None:
    mine = copied()
    about = msgspec.structs.replace(RUNS, conditions=(JobCondition("FailureTarget", "True", "DeadlineExceeded"),))
    _, changes = decide(world(queued(), mine=(mine,), objects=(running(mine, status=about),)))
    status = next(c.status for c in changes if isinstance(c, TellJob))
    assert status.condition("FailureTarget") is None
    ends = (*about.conditions, JobCondition("Failed", "True", "DeadlineExceeded"))
    over = copy_of(mine, finished="failed", status=JobStatus(failed=1, started_at=T0 - 30, conditions=ends))
    _, changes = decide(world(queued(), mine=(mine,), objects=(over,)))
    status = next(c.status for c in changes if isinstance(c, TellJob))
    assert [one.type for one in status.conditions if one.type in {"FailureTarget", "Failed"}] == [
        "FailureTarget",
        "Failed",
    ]


def test_a_copy_that_was_to_finish_and_vanished_is_unknown_finished() -> None:
    mine = copied(wanted="leave", leave_ordered_at=T0 - 20)
    plan, changes = decide(world(queued(), mine=(mine,)))
    assert plan.held[0].failure is not None
    assert plan.held[0].failure.cause is Cause.VANISHED
    assert created(changes) == []


def test_a_copy_whose_post_was_given_up_without_an_answer_serves_when_it_is_there_after_all() -> None:
    given_up = Reason(Cause.MEMBER_SILENT, "writing", need="60 s", have="61 s", member="m1")
    mine = copied(phase="gone", wanted="clear", why=given_up, failure=given_up, written_at=None, claims=0)
    plan, changes = decide(world(queued(), mine=(mine,), objects=(running(mine),)))
    assert [(held.phase, held.wanted, held.failure) for held in plan.held] == [("claimed", "run", None)]
    assert not any(isinstance(change, CreateObject | DeleteObject) for change in changes)


def test_a_copy_that_runs_again_before_it_was_cleared_is_told_once_and_removed() -> None:
    over = JobStatus(
        succeeded=1, started_at=T0 - 300, completed_at=T0 - 200, conditions=(JobCondition("Complete", "True"),)
    )
    mine = copied(phase="gone", wanted="clear", ended=over, claims=0)
    alive = running(mine)
    plan, changes = decide(world(queued(state="over", status=over), mine=(mine,), objects=(alive,)))
    assert [notice.kind for notice in plan.notices if alive.name in notice.text] == ["revived"]
    assert [change.uid for change in changes if isinstance(change, DeleteObject)] == [alive.uid]
    plan, _ = decide(world(queued(state="over", status=over), mine=plan.held, objects=(alive,)))
    assert not [notice for notice in plan.notices if alive.name in notice.text]
