"""OW2, OW3: the cluster is its owner's: what its own pods need, what it keeps, and what it allows at most."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import (
    Budgets,
    Claim,
    Held,
    MemberMemory,
    Memory,
    NodeRoom,
    ObjectView,
    Order,
    Plan,
    Policy,
    Principal,
    Ramp,
    Room,
    SitePod,
    SlotView,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
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

WIDE = Policy(ramp=Ramp(first=10_000, max_starts=10_000))
NODES = ("n1", "n2", "n3")
PEOPLE = (Principal("physics", "alice@b"), Principal("physics.hep", "bob@b"), Principal("", "eve@c"))
CORES = 6
"""Of each node."""

ours = st.lists(
    st.tuples(st.sampled_from(NODES), st.integers(1, 3), st.booleans(), st.sampled_from(PEOPLE), st.integers(0, 900)),
    max_size=9,
)
"""Startds of ours: on which node, cores, whether claimed, whose, and for how many seconds."""


class Farm:
    """One member of three nodes on which startds of ours stand; more than one core there is nothing else to ask for."""

    def __init__(self, startds: list[tuple[str, int, bool, Principal, int]]) -> None:
        self.free = dict.fromkeys(NODES, CORES)
        self.parts: list[tuple[Held, ObjectView, SlotView]] = []
        for number, (node, cores, claimed, who, age_s) in enumerate(startds):
            if self.free[node] >= cores:
                self.free[node] -= cores
                self.parts.append(standing(number, node, cores, age_s, who if claimed else None, who))

    def snapshot(self, site: tuple[SitePod, ...] = (), idle: int = 0, **more: Any) -> Snapshot:
        rows = tuple(NodeRoom(node, "g", roomy(cores)) for node, cores in self.free.items())
        bars = tuple(sorted(Room(row.free, 1) for row in rows))
        view = member("m1", group("g", 3, roomy(CORES), rooms=merged(bars)), node_rooms=rows, site_pods=site)
        asked = [demand(f"of-{who}", idle, res(1, 1), principal=who) for who in PEOPLE if idle]
        file = more.pop("file", terms("m1", pod_overhead=Resources(), budgets=more.pop("budgets", PLENTY)))
        members = {"m1": MemberMemory(evictions=more.pop("evictions", ()))}
        memory = Memory(at=T0 - 5, held=tuple(h for h, _, _ in self.parts), pairs={"m1/g/": SEEN}, members=members)
        return snapshot(
            members=(view,),
            terms=(file,),
            schedds=(schedd(*asked),),
            objects=tuple(o for _, o, _ in self.parts),
            slots=tuple(s for _, _, s in self.parts),
            memory=memory,
            **more,
        )

    def cores(self, plan: Plan, wanted: str, node: str = "") -> int:
        """Of startds that stood before, on one node or all, and of which the plan wants that now."""
        nodes = {h.placement.id: o.pods[0].node for h, o, _ in self.parts}
        found = [h for h in plan.held if h.placement.id in nodes and h.wanted == wanted]
        return sum(h.placement.size.cpu_milli // 1000 for h in found if node in {"", nodes[h.placement.id]})


PLENTY = Budgets(objects_in_flight=10_000, evictions_per_min=99)


def roomy(cores: int) -> Resources:
    return res(cores, 500, 500, pods=100)


def merged(bars: tuple[Room, ...]) -> tuple[Room, ...]:
    return tuple(Room(free, sum(b.nodes for b in bars if b.free == free)) for free in sorted({b.free for b in bars}))


def standing(
    number: int, node: str, cores: int, age_s: int, claimant: Principal | None, asker: Principal
) -> tuple[Held, ObjectView, SlotView]:
    since = T0 - 1000 - age_s
    size = res(cores, 1)
    place = placement(f"1-{number:x}", principal=asker, class_key=f"of-{asker}", size=size, created_at=since)
    its_pod = pod(f"fs-{number}-x", node=node, created_at=since, started_at=since)
    claims = (Claim(claimant, cores * 1000, since),) if claimant else ()
    spoken = slot(place, its_pod.name, claims=claims, unclaimed_since=None if claims else T0 - 20, started_at=since)
    if claims:
        spoken = msgspec.structs.replace(spoken, free=Resources())
    more = {"claims": 1, "claimed_at": since} if claims else {"unclaimed_since": T0 - 20}
    one = held(place, "claimed" if claims else "unclaimed", slot_seen_at=since, pod_started_at=since, **more)
    return one, thing(place, its_pod), spoken


def new(plan: Plan) -> list[Held]:
    return [one for one in plan.held if one.phase == "intended"]


@settings(max_examples=80, deadline=None)
@given(ours, st.integers(1, CORES), st.lists(st.sampled_from(NODES), min_size=1, unique=True), st.integers(0, 4))
def test_the_owners_pod_gets_its_room_in_one_cycle_if_ours_can_make_it_and_else_nobody_goes(
    startds: list[tuple[str, int, bool, Principal, int]], cores: int, nodes: list[str], lately: int
) -> None:
    """OW2: outside all fair share; on one node that its pod may use, within the member's evictions a minute."""
    farm = Farm(startds)
    budget = 6
    waits = SitePod("site/web", res(cores, 1), T0 - 10, tuple(nodes), groups=("g",))
    snap = farm.snapshot(
        (waits,), budgets=Budgets(objects_in_flight=99, evictions_per_min=budget), evictions=(T0 - 30,) * lately
    )
    plan = negotiate(snap, WIDE)
    gone = {node: farm.cores(plan, "vacate", node) for node in NODES}
    if any(farm.free[node] >= cores for node in nodes):
        assert not any(gone.values()), "its scheduler has room for it already"
        return
    fewest = min((fewest_that_do(farm, node, cores) for node in nodes), default=math.inf)
    event(f"at least {fewest} must go")
    count = sum(one.wanted == "vacate" for one in plan.held)
    if fewest == math.inf or count == 0:
        assert not any(gone.values())
        assert fewest == math.inf or most_that_go(farm, nodes) > budget - lately
        return
    assert any(farm.free[node] + gone[node] >= cores for node in nodes)
    assert sum(amount > 0 for amount in gone.values()) == 1, "one node is enough"
    assert count <= budget - lately


def fewest_that_do(farm: Farm, node: str, cores: int) -> float:
    """The fewest startds on the node without which the pod fits there."""
    there = sorted((h.placement.size.cpu_milli // 1000 for h, o, _ in farm.parts if o.pods[0].node == node))
    free, count = farm.free[node], 0
    while free < cores and there:
        free, count = free + there.pop(), count + 1
    return count if free >= cores else math.inf


def most_that_go(farm: Farm, nodes: list[str]) -> int:
    """How many stand at most on a node of these."""
    return max(sum(o.pods[0].node == node for _, o, _ in farm.parts) for node in nodes)


@settings(max_examples=80, deadline=None)
@given(ours, st.integers(1, CORES), st.integers(3, 200))
def test_room_for_which_the_owners_pod_waits_is_not_ours(
    startds: list[tuple[str, int, bool, Principal, int]], cores: int, waited_s: int
) -> None:
    """OW2: what is free for it, and most of all what we just gave up for it; all the rest is used."""
    farm = Farm(startds)
    waits = SitePod("site/web", res(cores, 1), T0 - waited_s, NODES, groups=("g",))
    kept = cores if max(farm.free.values()) >= cores else 0
    plan = negotiate(farm.snapshot((waits,), idle=50), WIDE)
    assert sum(one.placement.size.cpu_milli // 1000 for one in new(plan)) == sum(farm.free.values()) - kept


@settings(max_examples=80, deadline=None)
@given(ours, st.integers(0, 20), st.sampled_from([("g",), ("*",), ("other",)]))
def test_what_the_owner_keeps_free_is_never_taken_and_all_beside_it_is(
    startds: list[tuple[str, int, bool, Principal, int]], keeps: int, where: tuple[str]
) -> None:
    """OW3: `leave_free`, summed over the node group."""
    farm = Farm(startds)
    kept = (where[0], Resources(cpu_milli=keeps * 1000))
    file = terms("m1", pod_overhead=Resources(), budgets=PLENTY, leave_free=(kept,))
    plan = negotiate(farm.snapshot(idle=50, file=file), WIDE)
    binds = keeps if where[0] != "other" else 0
    assert len(new(plan)) == max(0, sum(farm.free.values()) - binds)


@settings(max_examples=80, deadline=None)
@given(ours, st.integers(0, 12), st.sampled_from(["observe", "trial", "on"]))
def test_an_observed_member_gets_nothing_and_one_on_trial_never_has_more_than_so_many_pods(
    startds: list[tuple[str, int, bool, Principal, int]], most: int, mode: str
) -> None:
    """OW3: what stands there already counts."""
    farm = Farm(startds)
    file = terms("m1", pod_overhead=Resources(), budgets=PLENTY, mode=mode, trial=most)
    plan = negotiate(farm.snapshot(idle=50, file=file), WIDE)
    room = sum(farm.free.values())
    allowed = {"observe": 0, "trial": max(0, most - len(farm.parts)), "on": room}
    assert len(new(plan)) == min(room, allowed[mode])


@settings(max_examples=80, deadline=None)
@given(ours, st.sampled_from(["physics.*", "physics.hep.*", "*bob@b", "eve@c", "schedd-b", "schedd-x", "*"]))
def test_who_is_denied_has_nothing_new_and_all_its_startds_are_told_to_leave_in_one_cycle(
    startds: list[tuple[str, int, bool, Principal, int]], target: str
) -> None:
    """OW3: a pattern over principals and schedds; nobody else notices."""
    farm = Farm(startds)
    order = Order("deny", target, "abuse", "admin", T0 - 1)
    plan = negotiate(farm.snapshot(idle=50, orders=(order,)), WIDE)
    denied = {who for who in PEOPLE if fnmatchcase(str(who), target) or fnmatchcase("schedd-b", target)}
    event(f"{len(denied)} denied")
    for one in plan.held:
        assert (one.wanted == "run") is (one.placement.principal not in denied)
    assert bool(new(plan)) is (len(denied) < len(PEOPLE) and any(farm.free.values()))
