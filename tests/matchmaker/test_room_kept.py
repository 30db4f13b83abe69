"""Room that evictions make stays with whom it is made for, while it comes bit by bit (PR3)."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.model import (
    Budgets,
    Claim,
    Held,
    MemberView,
    Memory,
    NodeRoom,
    ObjectView,
    PairMemory,
    Placement,
    Policy,
    Preemption,
    Principal,
    Ramp,
    Room,
    Sharing,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import (
    SEEN,
    T0,
    demand,
    group,
    held,
    member,
    placement,
    pod,
    res,
    schedd,
    slot,
    snapshot,
    terms,
    thing,
)

OWNER = demand("large", 1, res(2, 2), principal=Principal("owner", "bob@c"), oldest_at=T0 - 5)
BORROWER = demand("small", 3, res(1, 2), principal=Principal("", "alice@b"))
NEED = res(2, 2) + terms().pod_overhead


def victim(serial: int, *, gone: bool) -> tuple[Held, ObjectView]:
    """One of two that make room for one large job together; its pod has ended, or is ending."""
    place = placement(f"1-{serial}", principal=BORROWER.principal, class_key="small")
    one = held(
        place,
        "leaving",
        wanted="vacate",
        why=Reason(Cause.PREEMPTED, at=T0 - 3),
        yields_to="large",
        yields_at=T0 - 3,
        yields_with="1-1",
        yields_room=NEED,
    )
    its = pod(f"fs-1-{serial}-abc", "failed" if gone else "running", deleting=not gone)
    return one, thing(place, its)


def when(gone: int, free: Resources) -> Snapshot:
    """One node with so much free, on which two victims stood, of whom so many have gone."""
    victims = [victim(serial, gone=serial <= gone) for serial in (1, 2)]
    view = member(
        "m1",
        group("g", 1, res(2, 10, 50, pods=50), rooms=(Room(free, 1),)),
        node_rooms=(NodeRoom("n1", "g", free),) if gone < 2 else (),
    )
    memory = Memory(at=T0 - 1, held=tuple(h for h, _ in victims), pairs={"m1/g/": PairMemory((("Arch", '"X86_64"'),))})
    return snapshot(
        members=(view,),
        schedds=(schedd(OWNER, BORROWER),),
        objects=tuple(t for _, t in victims),
        memory=memory,
    )


def placed(snap: Snapshot, wait_s: float = 300) -> list[Placement]:
    plan = negotiate(snap, Policy(preemption=Preemption(wait_s=wait_s)))
    return [h.placement for h in plan.held if h.placement.created_at == T0]


def test_the_first_half_of_the_room_for_a_large_job_is_not_given_to_a_small_one() -> None:
    assert placed(when(1, free=res(1, 6, 50, pods=50))) == []


def test_what_is_free_beyond_what_it_needs_is_given() -> None:
    room = res(2, 6, 50, pods=50)  # one core is still to come: one is kept, the other is anybody's
    assert [one.class_key for one in placed(when(1, free=room))] == ["small"]


def test_when_all_of_it_has_come_it_is_theirs_first() -> None:
    assert [one.class_key for one in placed(when(2, free=res(2, 8, 50, pods=50)))] == ["large"]


def test_a_small_one_whose_own_room_is_still_coming_does_not_take_that_of_a_large_one() -> None:
    small = demand("a-small", 1, res(1, 2), principal=OWNER.principal, oldest_at=T0 - 5)
    snap = when(2, free=res(2, 8, 50, pods=50))
    one, its = victim(3, gone=False)
    one = msgspec.structs.replace(one, yields_to="a-small", yields_with="1-3", yields_room=res() + terms().pod_overhead)
    seen = snap.observation
    seen = msgspec.structs.replace(seen, schedds=(schedd(OWNER, small, BORROWER),), objects=(*seen.objects, its))
    memory = msgspec.structs.replace(snap.memory, held=(*snap.memory.held, one))
    snap = msgspec.structs.replace(snap, observation=seen, memory=memory)
    assert [one.class_key for one in placed(snap)] == ["large"]


def test_room_that_does_not_come_is_kept_no_longer_than_it_is_waited_for() -> None:
    assert [one.class_key for one in placed(when(1, free=res(1, 6, 50, pods=50)), 2)] == ["small"]


def test_what_was_recorded_before_rooms_were_kept_keeps_nothing() -> None:
    snap = when(1, free=res(1, 6, 50, pods=50))
    old = tuple(msgspec.structs.replace(h, yields_room=Resources()) for h in snap.memory.held)
    snap = msgspec.structs.replace(snap, memory=msgspec.structs.replace(snap.memory, held=old))
    assert [one.class_key for one in placed(snap)] == ["small"]


def test_room_that_is_asked_for_counts_as_growth_at_once() -> None:
    """SU3: a borrower holds the whole node; each startd that must go for the owner uses a start of its interval."""
    free = Resources(memory_mib=1024, disk_mib=1024, pods=40)
    serials = (1, 2, 3, 4)
    places = [placement(f"1-{n}", principal=BORROWER.principal, class_key="small") for n in serials]
    claim = Claim(BORROWER.principal, 1000, T0 - 2000)
    snap = snapshot(
        members=(
            member(
                "m1",
                group("g", 1, res(4, 40, 50, pods=50), rooms=(Room(free, 1),)),
                node_rooms=(NodeRoom("n1", "g", free),),
            ),
        ),
        schedds=(schedd(demand("owned", 4, res(1, 2), principal=OWNER.principal)),),
        objects=tuple(thing(place, pod(f"{place.object_name}-abc")) for place in places),
        slots=tuple(
            slot(place, f"{place.object_name}-abc", free=Resources(), claims=(claim,), unclaimed_since=None)
            for place in places
        ),
        memory=Memory(
            at=T0 - 1,
            held=tuple(held(place, "claimed", claimed_at=T0 - 2000, claims=1) for place in places),
            pairs={"m1/g/": SEEN},
        ),
    )

    plan = negotiate(snap, Policy(ramp=Ramp(first=2), sharing=Sharing(slot_weight="Cpus")))

    assert sum(one.yields_to == "owned" for one in plan.held) == 2
    assert plan.memory.ramps["owned"].used == 2


def full_of_borrowers(name: str) -> tuple[list[Placement], MemberView]:
    """A member whose only node they hold whole."""
    free = Resources(memory_mib=1024, disk_mib=1024, pods=40)
    node = group("g", 1, res(4, 40, 50, pods=50), rooms=(Room(free, 1),))
    places = [placement(f"{name}-{n}", name, principal=BORROWER.principal, class_key="small") for n in range(4)]
    return places, member(name, node, node_rooms=(NodeRoom("n1", "g", free),))


def test_room_that_is_made_where_a_budget_is_spent_just_now_is_waited_for_and_not_made_again_elsewhere() -> None:
    first, here = full_of_borrowers("m1")
    second, there = full_of_borrowers("m2")
    claim = Claim(BORROWER.principal, 1000, T0 - 2000)
    goes = held(
        first[0],
        "leaving",
        wanted="vacate",
        why=Reason(Cause.PREEMPTED, at=T0 - 3),
        yields_to="owned",
        yields_at=T0 - 3,
        yields_with=first[0].id,
        yields_room=res(1, 2),
    )
    rest = [held(place, "claimed", claimed_at=T0 - 2000, claims=1) for place in (*first[2:], *second)]
    pods = {place.id: pod(f"{place.object_name}-abc", deleting=place is first[0]) for place in (*first, *second)}
    pods[first[1].id] = pod(f"{first[1].object_name}-abc", "pending", started_at=None)
    snap = snapshot(
        members=(here, there),
        schedds=(schedd(*(msgspec.structs.replace(OWNER, key=key, request=res(1, 2)) for key in ("owned", "young"))),),
        objects=tuple(thing(place, pods[place.id]) for place in (*first, *second)),
        slots=tuple(
            slot(one.placement, pods[one.placement.id].name, free=Resources(), claims=(claim,), unclaimed_since=None)
            for one in rest
        ),
        memory=Memory(
            at=T0 - 1,
            held=(goes, held(first[1], "starting"), *rest),
            pairs={"m1/g/": SEEN, "m2/g/": SEEN},
        ),
    )
    policy = Policy(sharing=Sharing(slot_weight="Cpus"))
    for most in (50, 1):
        budgets = terms("m1", budgets=Budgets(objects_in_flight=most))
        plan = negotiate(msgspec.structs.replace(snap, terms=(budgets, terms("m2"))), policy)
        assert [h.placement.id for h in plan.held if h.yields_to == "owned"] == [first[0].id]


def test_what_was_promised_stands_in_the_order_in_which_it_was_decided() -> None:
    """S3: serial numbers are hexadecimal, so 1-10 comes after 1-f."""
    early = [held(placement(id_, created_at=T0 - 1), "intended", written_at=None) for id_ in ("1-10", "1-f")]
    plan = negotiate(snapshot(memory=Memory(at=T0 - 1, held=tuple(early))), Policy())
    assert [one.placement.id for one in plan.held][:2] == ["1-f", "1-10"]
