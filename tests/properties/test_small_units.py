"""FS7: fairness where units are small beside the whole, and what more capacity does to a share."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import Budgets, Group, Memory, Policy, Principal, Ramp, Room, Sharing
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import SEEN, T0, demand, group, member, schedd, snapshot, terms

RAMP = Ramp(first=100_000, max_starts=100_000)
NODE = Resources(cpu_milli=3_000_000, memory_mib=9_000_000, disk_mib=1_000_000, gpus=3_000, pods=100_000)
NAMES = ("cpu_milli", "memory_mib", "gpus")
ENDLESS = 20_000
FEW = settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
"""A round of thousands of units takes a second: few of them, and none is made smaller."""


class Wants(NamedTuple):
    """Who wants as many units as it can get: its group's weight, and what one unit takes."""

    who: Principal
    weight: float
    unit: Resources


@st.composite
def units(draw: st.DrawFn) -> Resources:
    """At most a thousandth of the node in everything, and at least in one thing about that."""
    cpu, memory = draw(st.integers(100, 3_000)), draw(st.integers(200, 9_000))
    gpus = draw(st.sampled_from((0, 0, 1, 3)))
    large = draw(st.sampled_from(("cpu", "memory", "neither")))
    return Resources(3_000 if large == "cpu" else cpu, 9_000 if large == "memory" else memory, 1, gpus, pods=1)


@st.composite
def crowds(draw: st.DrawFn) -> list[Wants]:
    weights = [draw(st.sampled_from((1.0, 2.0, 5.0))) for _ in range(draw(st.integers(2, 3)))]
    return [Wants(Principal(f"g{i}", f"u{i}@x"), weight, draw(units())) for i, weight in enumerate(weights)]


def shared_out(crowd: list[Wants]) -> tuple[dict[Principal, int], dict[Principal, float]]:
    """Units that each gets of one node, and the part of the whole that each has a right to."""
    view = member("m1", group("g", 1, NODE, rooms=(Room(NODE, 1),)))
    classes = [demand(f"c-{one.who}", ENDLESS, one.unit, principal=one.who) for one in crowd]
    snap = snapshot(
        members=(view,),
        schedds=(schedd(*classes),),
        terms=(terms("m1", pod_overhead=Resources(), budgets=Budgets(objects_in_flight=10**6)),),
        memory=Memory(at=T0 - 5, pairs={"m1/g/": SEEN}),
    )
    weights = tuple(Group(one.who.group, weight=one.weight) for one in crowd)
    sharing = Sharing(reference=NODE, reference_names=frozenset(NAMES))
    plan = negotiate(snap, Policy(ramp=RAMP, groups=weights, sharing=sharing))
    placed = {one.who: 0 for one in crowd}
    for held in plan.held:
        placed[held.placement.principal] += 1
    entitled = {line.path: line.entitled / NODE.cpu_milli for line in plan.shares}
    return placed, {one.who: entitled[f"{one.who.group}/{one.who.user}"] for one in crowd}


def dominant(amount: Resources, count: int) -> float:
    """The largest part of the node that so many units take of anything."""
    return max(amount.get(name) * count / NODE.get(name) for name in NAMES)


def of_use(unit: Resources, bundle: dict[str, float]) -> float:
    """How many units a bundle is good for."""
    return min(bundle[name] / unit.get(name) for name in NAMES if unit.get(name))


@FEW
@given(crowds())
def test_nobody_is_pushed_below_its_right_by_anothers_larger_request(crowd: list[Wants]) -> None:
    placed, right = shared_out(crowd)
    for one in crowd:
        assert dominant(one.unit, placed[one.who]) >= 0.99 * right[one.who]


@FEW
@given(crowds())
def test_nobody_prefers_anothers_bundle_scaled_by_their_rights(crowd: list[Wants]) -> None:
    placed, right = shared_out(crowd)
    for one in crowd:
        for other in crowd:
            scale = placed[other.who] * right[one.who] / right[other.who]
            theirs = {name: other.unit.get(name) * scale for name in NAMES}
            assert of_use(one.unit, theirs) <= 1.01 * placed[one.who] + 1


@FEW
@given(crowds(), st.sampled_from(NAMES), st.sampled_from((1.5, 3.0)))
def test_nobody_gains_by_overstating_what_a_unit_needs(crowd: list[Wants], name: str, times: float) -> None:
    """Whoever asks for more than its jobs need is given no more jobs' worth of everything than the honest."""
    honest, _ = shared_out(crowd)
    liar = crowd[0]
    most = NODE.get(name) // 1000
    asked = min(most, max(1, int(liar.unit.get(name) * times)))
    event("overstated" if asked > liar.unit.get(name) else "as much")
    said = Resources(**{n: asked if n == name else a for n, a in liar.unit.items()})  # type: ignore[arg-type]  # no extended ones
    placed, _ = shared_out([liar._replace(unit=said), *crowd[1:]])
    bundle = {n: float(said.get(n) * placed[liar.who]) for n in NAMES}
    assert of_use(liar.unit, bundle) <= 1.01 * honest[liar.who] + 1


people = st.lists(
    st.tuples(st.sampled_from(("", "hep", "bio")), st.integers(1, 4), st.integers(0, 40)), min_size=1, max_size=5
)
"""Each one's group, cores of a job, and jobs."""
groups = st.one_of(
    st.builds(lambda w: (Group("hep", weight=w), Group("bio", weight=1.0)), st.sampled_from((1.0, 2.0, 5.0))),
    st.builds(
        lambda cores, part: (
            Group("hep", quota=Resources(cores * 1000), quota_names=frozenset({"cpu_milli"}), accept_surplus=True),
            Group("bio", quota_fraction=part, accept_surplus=True),
        ),
        st.integers(1, 40),
        st.sampled_from((0.2, 0.5)),
    ),
)


@settings(max_examples=150, deadline=None)
@given(people, st.integers(1, 60), st.integers(1, 30), groups)
def test_more_capacity_lowers_nobodys_share_by_more_than_a_unit(
    wanted: list[tuple[str, int, int]], cores: int, more: int, rules: tuple[Group, Group]
) -> None:
    """FS7 with one resource: a slot weight; groups with weights, or one with a fixed quota and one with a fraction."""
    before, after = held_with(wanted, cores, rules), held_with(wanted, cores + more, rules)
    largest = max(size for _, size, _ in wanted)
    for who, amount in before.items():
        assert after[who] >= amount - largest


def held_with(wanted: list[tuple[str, int, int]], cores: int, rules: tuple[Group, Group]) -> dict[Principal, int]:
    """Cores that each gets of a node of so many; 30 were lent until now."""
    room = Resources(cores * 1000, 10**6, 10**6, 0, 10**4)
    whos = [Principal(of, f"u{i}@x") for i, (of, _, _) in enumerate(wanted)]
    classes = [
        demand(f"c{i}", idle, Resources(size * 1000, 1, 1, pods=1), principal=who)
        for i, (who, (_, size, idle)) in enumerate(zip(whos, wanted, strict=True))
        if idle
    ]
    snap = snapshot(
        members=(member("m1", group("g", 1, room, rooms=(Room(room, 1),))),),
        schedds=(schedd(*classes),),
        terms=(terms("m1", pod_overhead=Resources(), budgets=Budgets(objects_in_flight=10**6)),),
        memory=Memory(at=T0 - 5, pairs={"m1/g/": SEEN}),
    )
    sharing = Sharing(slot_weight="Cpus", reference=Resources(30_000), reference_names=frozenset({"cpu_milli"}))
    plan = negotiate(snap, Policy(ramp=RAMP, groups=rules, sharing=sharing))
    found = dict.fromkeys(whos, 0)
    for held in plan.held:
        found[held.placement.principal] += held.placement.size.cpu_milli // 1000
    return found
