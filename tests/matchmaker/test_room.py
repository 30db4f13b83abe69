"""S1, S2, S3, S4, OW3, MA2: what is free, and what is not although it looks so."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import Budgets, Memory, Plan, Policy, Quota, Ramp, Room, SitePod, Snapshot
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Verdict
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import (
    SEEN,
    T0,
    demand,
    group,
    held,
    member,
    pod,
    res,
    schedd,
    slot,
    snapshot,
    terms,
    thing,
)
from tests.properties.reference_filling import Node, most_alike

WIDE = Policy(ramp=Ramp(first=1000, max_starts=1000))


def known(snap: Snapshot) -> Snapshot:
    """Every pair has been seen before, so that no probe holds anything back."""
    pairs = {f"{m.name}/{g.name}/": SEEN for m in snap.observation.members for g in m.node_groups}
    return msgspec.structs.replace(snap, memory=msgspec.structs.replace(snap.memory, pairs=pairs))


def placed(plan: Plan) -> list[tuple[str, str]]:
    return [(h.placement.member, h.placement.class_key) for h in plan.held if h.phase == "intended"]


def test_a_request_goes_where_one_node_has_room_and_never_where_only_the_sum_has() -> None:
    small = member("A", group("small", 10, res(8, 64, 100, pods=110)))
    large = member("B", group("large", 2, res(16, 64, 100, pods=110)))
    twelve = demand("twelve", idle=5, request=res(12, 4))
    plan = negotiate(known(snapshot(members=(small, large), schedds=(schedd(twelve),))), WIDE)
    assert placed(plan) == [("B", "twelve")] * 2
    report = plan.classes[0]
    verdicts = {m.member: m for m in report.members}
    assert verdicts["A"].verdict is Verdict.NEVER
    assert verdicts["A"].blocker
    assert verdicts["A"].blocker.cause is Cause.NODE_TOO_SMALL
    assert verdicts["B"].blocker
    assert verdicts["B"].blocker.cause is Cause.NO_ROOM
    assert (report.placed, report.unmet) == (2, 3)


def test_twenty_jobs_for_four_slots_decided_in_two_quick_cycles_place_exactly_four() -> None:
    four = member("m1", group("g", 4, res(1.5, 4, 10, pods=10)))
    jobs = demand("k", idle=20, request=res(1, 2))
    first = known(snapshot(members=(four,), schedds=(schedd(jobs),)))
    plan = negotiate(first, WIDE)
    assert len(placed(plan)) == 4
    again = msgspec.structs.replace(first, memory=plan.memory)
    second = negotiate(again, WIDE)
    assert len(placed(second)) == 4
    assert second.classes[0].unmet == 16
    assert second.classes[0].why
    assert second.classes[0].why.cause is Cause.NO_ROOM


def test_room_for_which_a_pod_of_the_site_waits_is_not_ours_whoever_freed_it() -> None:
    jobs = demand("k", idle=5, request=res(1, 2))

    def starts(waits_s: float, *groups: str) -> int:
        waiting = SitePod("site/web", Resources(1000, 1024, pods=1), T0 - waits_s, (), groups=groups)
        two = member("m1", group("g", 2, res(1, 4, 10, pods=10)), site_pods=(waiting,))
        return len(placed(negotiate(known(snapshot(members=(two,), schedds=(schedd(jobs),))), WIDE)))

    assert starts(5, "g") == 1
    assert starts(5, "elsewhere") == 2
    assert starts(3600, "g") == 2, "what waits for an hour beside free nodes waits for something else"


def test_a_quota_is_named_before_the_member_refuses() -> None:
    quota = Quota("compute-small", Resources(cpu_milli=2500), frozenset({"cpu_milli"}))
    view = member("m1", quotas=(quota,))
    plan = negotiate(known(snapshot(members=(view,), schedds=(schedd(demand(idle=9)),))), WIDE)
    assert len(placed(plan)) == 2
    why = plan.classes[0].why
    assert why
    assert why.cause is Cause.QUOTA_FULL
    assert "compute-small" in why.source


def test_a_trial_member_gets_n_pods_and_an_observed_one_none() -> None:
    jobs = schedd(demand(idle=9))
    trial = known(snapshot(schedds=(jobs,), terms=(terms("m1", mode="trial", trial=2),)))
    assert len(placed(negotiate(trial, WIDE))) == 2
    observed = known(snapshot(schedds=(jobs,), terms=(terms("m1", mode="observe"),)))
    plan = negotiate(observed, WIDE)
    assert placed(plan) == []
    assert plan.classes[0].verdict is Verdict.CORDONED


def test_what_the_owner_keeps_free_is_never_room() -> None:
    view = member("m1", group("g", 2, res(8, 64, 100, pods=50)))
    kept = terms("m1", leave_free=(("g", Resources(cpu_milli=10_000)),))
    plan = negotiate(known(snapshot(members=(view,), terms=(kept,), schedds=(schedd(demand(idle=9)),))), WIDE)
    assert len(placed(plan)) == 6
    assert plan.classes[0].why
    assert plan.classes[0].why.cause is Cause.LEAVE_FREE


def test_a_ceiling_holds_over_what_is_there_and_what_is_new() -> None:
    capped = terms("m1", ceiling=Resources(cpu_milli=3000), ceiling_names=frozenset({"cpu_milli"}))
    mine = held(phase="claimed", claims=1, claimed_at=T0 - 20)
    place = mine.placement
    snap = known(
        snapshot(
            terms=(capped,),
            schedds=(schedd(demand(idle=9)),),
            objects=(thing(place, pod()),),
            memory=Memory(at=T0 - 5, held=(mine,)),
        )
    )
    plan = negotiate(snap, WIDE)
    assert len(placed(plan)) == 2
    assert plan.classes[0].why
    assert plan.classes[0].why.cause is Cause.CEILING_REACHED


def test_a_new_pair_gets_one_probe_and_the_rest_waits_for_its_slot() -> None:
    plan = negotiate(snapshot(schedds=(schedd(demand(idle=9)),)), WIDE)
    assert len(placed(plan)) == 1
    assert plan.held[0].placement.probe
    assert plan.classes[0].why
    assert plan.classes[0].why.cause is Cause.PROBING


def test_never_is_not_said_of_an_attribute_that_only_a_real_slot_can_tell() -> None:
    wants = demand(idle=3, requirements="TARGET.HasCvmfsOasis == true")
    plan = negotiate(snapshot(schedds=(schedd(wants),)), WIDE)
    assert len(placed(plan)) == 1
    seen = known(snapshot(schedds=(schedd(wants),)))
    after = negotiate(seen, WIDE)
    assert placed(after) == []
    assert after.classes[0].verdict is Verdict.NEVER


def test_requests_in_flight_at_one_member_are_bounded() -> None:
    slow = terms("m1", budgets=Budgets(objects_in_flight=3))
    plan = negotiate(known(snapshot(terms=(slow,), schedds=(schedd(demand(idle=9)),))), WIDE)
    assert len(placed(plan)) == 3
    assert plan.classes[0].why
    assert plan.classes[0].why.cause is Cause.BUDGET


def test_stale_capacity_backs_no_new_placement() -> None:
    old = member("m1", at=T0, seen_at=T0 - 300)
    plan = negotiate(known(snapshot(members=(old,))), WIDE)
    assert placed(plan) == []
    assert plan.classes[0].why
    assert plan.classes[0].why.cause is Cause.STALE


def test_gpus_go_only_where_gpus_are() -> None:
    plain, gpu = member("m1"), member("m2", group("gpu", 1, res(16, 64, 100, gpus=2, pods=20)))
    wants = demand("g", idle=5, request=res(1, 4, gpus=1))
    plan = negotiate(known(snapshot(members=(plain, gpu), schedds=(schedd(wants),))), WIDE)
    assert placed(plan) == [("m2", "g")] * 2


def test_an_extended_resource_of_any_name_is_a_resource() -> None:
    board = msgspec.structs.replace(res(16, 64, 100, pods=20), other=(("xilinx.com/u280", 1),))
    wants = demand("f", idle=3, request=msgspec.structs.replace(res(), other=(("xilinx.com/u280", 1),)))
    plan = negotiate(known(snapshot(members=(member("m1", group("g", 2, board)),), schedds=(schedd(wants),))), WIDE)
    assert len(placed(plan)) == 2


def test_supply_that_the_scarcest_resource_makes_useless_is_not_supply() -> None:
    mine = held(phase="unclaimed", slot_seen_at=T0 - 9)
    free = Resources(cpu_milli=1000, memory_mib=100, disk_mib=1024)
    snap = known(
        snapshot(
            objects=(thing(mine.placement, pod()),),
            slots=(slot(mine.placement, free=free),),
            memory=Memory(at=T0 - 5, held=(mine,)),
        )
    )
    report = negotiate(snap, WIDE).classes[0]
    assert (report.served, report.placed) == (0, 1)


rooms = st.lists(
    st.tuples(st.integers(1, 16), st.integers(1, 64), st.integers(1, 5)),
    min_size=1,
    max_size=4,
    unique_by=lambda t: t[:2],
)
asks = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 48), st.integers(1, 30)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(rooms, asks)
def test_what_is_placed_always_fits_and_every_job_is_accounted_for(
    nodes: list[tuple[int, int, int]], wanted: list[tuple[int, int, int]]
) -> None:
    bars = tuple(sorted(Room(res(c, g, 100, pods=50), n) for c, g, n in nodes))
    whole = group("g", sum(b.nodes for b in bars), res(64, 256, 100, pods=50), rooms=bars)
    classes = tuple(demand(f"k{i}", idle=n, request=res(c, g)) for i, (c, g, n) in enumerate(wanted))
    plan = negotiate(known(snapshot(members=(member("m1", whole),), schedds=(schedd(*classes),))), WIDE)
    empty = dict(whole.allocatable.items())
    there = [Node("m1", "g", dict(bar.free.items()), empty) for bar in bars for _ in range(bar.nodes)]
    overhead = terms("m1").pod_overhead
    for one in plan.held:
        size = dict((one.placement.size + overhead).items())
        fitting = [node for node in there if all(node.free[name] >= amount for name, amount in size.items())]
        assert fitting, "placed without a node that has room"
        taken = most_alike(fitting, size)
        taken.free = {name: have - size[name] for name, have in taken.free.items()}
    for report in plan.classes:
        assert report.served + report.placed + report.unmet == report.idle
        assert sum(count for count, _ in report.parts) == report.idle
        assert report.unmet == 0 or report.why is not None


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(5)), st.permutations(range(3)))
def test_the_order_of_observation_never_matters(classes: list[int], members: list[int]) -> None:
    demands = [demand(f"k{i}", idle=i + 1, request=res(1 + i, 2)) for i in range(5)]
    views = [member(f"m{i}", group("g", i + 1)) for i in range(3)]
    plain = negotiate(known(snapshot(members=tuple(views), schedds=(schedd(*demands),))), WIDE)
    mixed = known(snapshot(members=tuple(views[i] for i in members), schedds=(schedd(*(demands[i] for i in classes)),)))
    assert msgspec.json.encode(negotiate(mixed, WIDE)) == msgspec.json.encode(plain)
