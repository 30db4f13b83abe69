"""Jobs of several pods at once: counted as one Job and as all of their pods, in turns, rights and evictions."""

from __future__ import annotations

from fedsched.matchmaker.model import Room
from tests.matchmaker.builders import group, member, res
from tests.matchmaker.queued import decide, kind, queue, queued, world


def test_of_three_jobs_of_two_pods_those_that_fit_are_placed_and_the_third_is_told_what_is_lacking() -> None:
    work = tuple(queued(name) for name in "abc")
    there = group(rooms=(Room(res(4, 32, 100, pods=100), 1),))
    asked = queue(*work, classes=(kind(pods=2, request=res(1)),))
    plan, _ = decide(world(schedds=(asked,), members=(member("m1", there),)))
    (report,) = plan.classes
    assert (report.idle, report.placed, report.unmet) == (3, 2, 1)
    assert [held.placement.pods for held in plan.held] == [2, 2]
    assert report.why is not None
    assert str(report.why.cause) == "no-room"
