"""Jobs of several pods at once: counted as one Job and as all of their pods, in turns, rights and evictions."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.book.keeping import kept
from fedsched.matchmaker.explain import near_miss
from fedsched.matchmaker.model import Budgets, JobShape, MemberMemory, NearestMiss, PairMemory, Room, SitePod
from fedsched.matchmaker.preempt.owner import yield_to_owner
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, group, held, member, placement, res, terms
from tests.matchmaker.preempting import asked, line, place_of, shares, startd, who, wish
from tests.matchmaker.queued import decide, kind, queue, queued, world
from tests.properties.test_preemption_of_jobs import copy, of_job


def test_of_three_jobs_of_two_pods_those_that_fit_are_placed_and_the_third_is_told_what_is_lacking() -> None:
    work = tuple(queued(name) for name in "abc")
    there = group(rooms=(Room(res(4, 32, 100, pods=100), 1),))
    asked = queue(*work, classes=(kind(shape=JobShape("lab", 2, gang=True), request=res(1)),))
    plan, _ = decide(world(schedds=(asked,), members=(member("m1", there),)))
    (report,) = plan.classes
    assert (report.idle, report.placed, report.unmet) == (3, 2, 1)
    assert [held.placement.pods for held in plan.held] == [2, 2]
    assert report.why is not None
    assert str(report.why.cause) == "no-room"


NONE = Resources(pods=50)
"""What is free on a full node."""
TWO = (place_of("m1", ("n1", NONE), ("n2", NONE)),)
RIGHTS = shares(line("/ann@x", 0, 8), line("/ben@x", 8, 0), line("/eve@x", 4, 4))


def test_a_job_of_several_pods_yields_on_any_of_its_nodes_and_goes_as_a_whole() -> None:
    ben = copy("2-1", "/ben@x", ("n1", "n2"), 4, "m1", T0 - 5000)
    eve = startd("1-1", "/eve@x", "n1")
    found = asked((wish("a", "/ann@x", TWO, cores=4, unmet=2),), (ben, eve), RIGHTS)
    assert set(found.victims) == {"2-1"}
    assert found.evictions == {"m1": (T0,)}
    # both nodes are free then: the second of her jobs needs nobody else
    assert found.refused["a"].cause is Cause.ROOM_ON_ITS_WAY
    assert (found.refused["a"].need, found.refused["a"].have) == ("2", "2")


def test_a_victim_is_found_by_the_node_of_its_second_pod() -> None:
    ben = copy("2-1", "/ben@x", ("n1", "n2"), 4, "m1", T0 - 5000)
    there = (place_of("m1", ("n1", NONE), ("n2", res(2, 4, 1, pods=50))),)
    found = asked((wish("a", "/ann@x", there, cores=6),), (ben,), RIGHTS)
    assert set(found.victims) == {"2-1"}  # only n2 has six cores then


def test_nobody_is_made_to_go_for_a_job_of_several_pods_which_is_told_so() -> None:
    ben = startd("1-1", "/ben@x", "n1", cores=8)
    found = asked((of_job(wish("a", "/ann@x", TWO, cores=1), pods=2),), (ben,), RIGHTS)
    assert not found.victims
    why = found.refused["a"]
    assert (why.cause, why.what, why.need) == (Cause.NO_VICTIMS, "pods at once", "2")


def test_room_that_is_made_stays_on_the_node_for_which_it_is_made() -> None:
    """PR3: what both free together is kept on the node that they share, not on the first that one of them had."""
    ben = copy("2-1", "/ben@x", ("n1", "n2"), 2, "m1", T0 - 5000)
    eve = startd("1-1", "/eve@x", "n2", cores=2)
    told = [
        type(one)(
            msgspec.structs.replace(
                one.held,
                wanted="vacate",
                yields_to="a",
                yields_at=T0,
                yields_with="1-1",
                yields_room=Resources(6000, 6144),
            ),
            one.object,
            one.slots,
        )
        for one in (ben, eve)
    ]
    (one,) = kept(told, {"m1": TWO[0].terms}, 300.0, T0)
    assert (one.node, one.amount.cpu_milli) == ("n2", 2000)


def test_a_job_of_several_pods_that_was_placed_just_now_counts_with_all_of_them() -> None:
    """PR2: who got four pods in this very cycle is not asked for room as if it had got one."""
    new = placement(
        "3-1",
        "m1",
        form="job",
        principal=who("/ann@x"),
        class_key="other",
        size=res(2, 2),
        created_at=T0,
        pods=4,
        job="lab/a",
        job_uid="u",
    )
    placed = type(startd("1-9", "/ann@x"))(held(new, "intended", written_at=None, nodes=4))
    ben = startd("1-1", "/ben@x", "n1", cores=8)
    found = asked((wish("a", "/ann@x", TWO, cores=4),), (ben, placed), RIGHTS)
    assert not found.victims  # its right of eight is used up
    assert found.refused["a"].cause is Cause.ABOVE_SHARE


def test_with_how_many_pods_less_a_job_could_run_is_told_with_where() -> None:
    """E9: nodes of m1 hold four pods when they are empty, those of m2 six."""
    four = member("m1", group("g", 2, res(8, 64, 100, pods=50)))
    six = member("m2", group("g", 3, res(8, 64, 100, pods=50)))
    asked = queue(queued(), classes=(kind(shape=JobShape("lab", 9, gang=True), request=res(4)),))
    plan, _ = decide(world(schedds=(asked,), members=(four, six)))
    assert plan.classes[0].near == (
        NearestMiss("pods", "9 pods", "6 pods", 1, "m2"),
        NearestMiss("pods", "9 pods", "4 pods", 2, "m1"),
    )
    assert near_miss(plan.classes[0].near[0]) == "With 6 pods instead of 9 pods member m2 would match."


def test_for_the_owner_a_job_of_several_pods_goes_once_and_as_a_whole() -> None:
    """OW2: two pods of the site's own wait, one for each node; one eviction frees both."""
    ben = copy("2-1", "/ben@x", ("n1", "n1", "n2"), 3, "m1", T0 - 5000)
    eve = startd("1-1", "/eve@x", "n2", cores=4)
    view = place_of("m1", ("n1", NONE), ("n2", NONE)).view
    waits = tuple(
        SitePod(f"site-{node}", msgspec.structs.replace(res(cores, 1, 0), disk_mib=0), T0 - 60, (node,))
        for node, cores in (("n1", 6), ("n2", 3))
    )
    file = terms("m1", budgets=Budgets(evictions_per_min=1))
    seen = msgspec.structs.replace(view, site_pods=waits)
    found, times = yield_to_owner(seen, (ben, eve), file, MemberMemory(), T0)
    assert set(found) == {"2-1"}
    assert times == (T0,)


def test_what_keeps_startds_from_a_place_keeps_no_users_job_from_there() -> None:
    """X8: startds failed there lately, and the third Job finds no place at the first look."""
    work = tuple(queued(name) for name in "abc")
    there = group(rooms=(Room(res(2, 32, 100, pods=100), 1),))
    seen = world(schedds=(queue(*work),), members=(member("m1", there), member("m2", there)))
    closed = {f"{name}/g/": PairMemory(failures=3, closed_until=T0 + 900) for name in ("m1", "m2")}
    plan, _ = decide(msgspec.structs.replace(seen, memory=msgspec.structs.replace(seen.memory, pairs=closed)))
    assert [held.placement.member for held in plan.held] == ["m1", "m1", "m2"]
