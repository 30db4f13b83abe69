"""What a round found out saves time in the next and changes nothing, whatever else changed meanwhile."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from fedsched.loop import Keeping
from fedsched.matchmaker.model import (
    ContainerLimits,
    DemandClass,
    MemberTerms,
    MemberView,
    Order,
    Policy,
    Room,
    Snapshot,
    Startds,
    Taint,
)
from fedsched.matchmaker.negotiate import Kept, negotiate, negotiated
from fedsched.matchmaker.options import ground
from fedsched.matchmaker.resources import Resources
from tests.bench.match import AT
from tests.bench.round import Size, changed, federation, policy
from tests.bench.standing import remembered
from tests.sameness import digest

SIZE = Size(jobs=4_000, classes=60, nodes=1_000)
LATER_S = 60.0
CLOCK = f' && (time() >= {AT + 30:.0f} || TARGET.Memory > 1000000) && TARGET.FedschedNodeGroup != "a00"'
BY_THE_CLOCK = f"(time() < {AT + 30:.0f} ? 1.0 : -1.0) * FedschedPricePerCoreHour"
Change = Callable[[Snapshot, Policy], tuple[Snapshot, Policy]]


def members(change: Callable[[MemberView], MemberView]) -> Change:
    """What a member shows, of every third."""

    def changes(seen: Snapshot, rules: Policy) -> tuple[Snapshot, Policy]:
        views = [change(one) if n % 3 == 0 else one for n, one in enumerate(seen.observation.members)]
        observation = msgspec.structs.replace(seen.observation, members=tuple(views))
        return msgspec.structs.replace(seen, observation=observation), rules

    return changes


def groups(**more: Any) -> Change:
    """What the node groups of every third member say."""

    def change(view: MemberView) -> MemberView:
        its = tuple(msgspec.structs.replace(one, **more) for one in view.node_groups)
        return msgspec.structs.replace(view, node_groups=its)

    return members(change)


def terms(**more: Any) -> Change:
    """What the files of every third member say."""

    def change(one: MemberTerms) -> MemberTerms:
        return msgspec.structs.replace(one, **more) if int(one.name[1:]) % 3 == 0 else one

    return lambda seen, rules: (msgspec.structs.replace(seen, terms=tuple(map(change, seen.terms))), rules)


def learnt(seen: Snapshot, rules: Policy) -> tuple[Snapshot, Policy]:
    """Slots of every other group were seen, and say something else."""
    pairs = {
        key: msgspec.structs.replace(pair, attributes=(("Arch", '"ppc64le"'), ("OpSys", '"LINUX"'))) if n % 2 else pair
        for n, (key, pair) in enumerate(seen.memory.pairs.items())
    }
    memory = msgspec.structs.replace(seen.memory, pairs=pairs)
    return msgspec.structs.replace(seen, memory=memory), rules


def seen_again(seen: Snapshot, rules: Policy) -> tuple[Snapshot, Policy]:
    """Slots of every other group were looked at once more, and say the same."""
    pairs = {
        key: msgspec.structs.replace(pair, seen_at=seen.at) if n % 2 else pair
        for n, (key, pair) in enumerate(seen.memory.pairs.items())
    }
    return msgspec.structs.replace(seen, memory=msgspec.structs.replace(seen.memory, pairs=pairs)), rules


def fewer(seen: Snapshot, rules: Policy) -> tuple[Snapshot, Policy]:
    """A member is gone, and a node group of another."""
    second, *rest = seen.observation.members[1:]
    second = msgspec.structs.replace(second, node_groups=second.node_groups[1:])
    observation = msgspec.structs.replace(seen.observation, members=(second, *rest))
    return msgspec.structs.replace(seen, observation=observation, terms=seen.terms[1:]), rules


def others(seen: Snapshot, rules: Policy) -> tuple[Snapshot, Policy]:
    """Other users ask for what was asked before."""
    views = tuple(
        msgspec.structs.replace(view, classes=tuple(map(_of_another, view.classes)))
        for view in seen.observation.schedds
    )
    return msgspec.structs.replace(seen, observation=msgspec.structs.replace(seen.observation, schedds=views)), rules


def _of_another(one: Any) -> Any:
    asks = msgspec.structs.replace(one.request, memory_mib=one.request.memory_mib + 4096)
    return msgspec.structs.replace(one, key=f"{one.key}x", request=asks)


def clocked(seen: Snapshot) -> Snapshot:
    """Every other class may run only after a moment that comes between the two rounds, and not in a group named a00.

    Every third member has a DaemonSet in one of its groups.
    """
    views = tuple(
        msgspec.structs.replace(
            view,
            classes=tuple(
                msgspec.structs.replace(one, requirements=one.requirements + CLOCK) if int(one.key[1:]) % 2 else one
                for one in view.classes
            ),
        )
        for view in seen.observation.schedds
    )
    seen = msgspec.structs.replace(seen, observation=msgspec.structs.replace(seen.observation, schedds=views))
    return terms(daemonset_groups=("g01",), forms=("startd-job", "startd-daemonset"))(seen, policy())[0]


def renamed(view: MemberView) -> MemberView:
    first, *rest = view.node_groups
    return msgspec.structs.replace(view, node_groups=(msgspec.structs.replace(first, name="a00"), *rest))


LIMIT = (ContainerLimits("small", Resources(4000), frozenset({"cpu_milli"}), Resources(), frozenset()),)
CORDON = (Order("cordon", "m003", "x"),)
PACKING = Startds(pack_cpu_milli=8000)
CHANGES: dict[str, tuple[Change, bool]] = {
    "nothing": (lambda seen, rules: (seen, rules), True),
    "room and jobs": (lambda seen, rules: (changed(seen), rules), True),
    "an order": (
        lambda seen, rules: (msgspec.structs.replace(seen, orders=CORDON), rules),
        True,
    ),
    "a rank": (lambda seen, rules: (seen, msgspec.structs.replace(rules, rank="-FedschedPricePerCoreHour")), True),
    "users": (others, True),
    "when slots were seen": (seen_again, True),
    "images": (groups(images=("startd",)), True),
    "attributes": (groups(attributes=(("FedschedRegion", '"moon"'), ("has_avx2", "true"))), False),
    "sizes of nodes": (groups(allocatable=Resources(2000, 4096, 4096, 0, 10)), False),
    "LimitRanges": (members(lambda view: msgspec.structs.replace(view, limits=LIMIT)), False),
    "who is admitted": (terms(principals=("*.g1/*",)), False),
    "a member's own requirements": (terms(requirements="TARGET.RequestCpus > 1"), False),
    "prices": (terms(price_per_core_hour=9.0), False),
    "what slots say": (learnt, False),
    "who is there": (fewer, False),
    "a group's name": (members(renamed), False),
    "taints": (groups(barred=(Taint("gpu", "", "NoSchedule"),)), False),
    "room of DaemonSets": (groups(rooms=(Room(Resources(1000, 2048, 2048, 0, 10), 10),)), False),
    "packing": (
        lambda seen, rules: (seen, msgspec.structs.replace(rules, startds=PACKING)),
        False,
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_round_that_was_told_of_the_one_before_makes_the_plan_of_one_that_was_not(what: str) -> None:
    change, keeps = CHANGES[what]
    first, rules = clocked(federation(SIZE)), policy()
    plan, kept = negotiated(first, rules, Kept())
    second, rules = change(remembered(first, plan.memory, LATER_S), rules)
    after, more = negotiated(second, rules, kept)
    assert digest(after) == digest(negotiate(second, rules))
    assert more.ground is not None
    assert bool(more.ground.earlier) is keeps


def test_what_one_round_says_again_another_may_say_otherwise_from_the_same() -> None:
    """Both are told of one round before them."""
    first, rules = clocked(federation(SIZE)), policy()
    plan, kept = negotiated(first, rules, Kept())
    second, _ = seen_again(remembered(first, plan.memory, LATER_S), rules)
    third = remembered(first, plan.memory, 2 * LATER_S)
    for later in (second, third, second):
        assert digest(negotiated(later, rules, kept)[0]) == digest(negotiate(later, rules))


def test_a_class_that_can_run_nowhere_is_no_demand_the_next_time_either() -> None:
    first, rules = federation(SIZE), policy()
    schedds = tuple(
        msgspec.structs.replace(view, classes=tuple(map(_hopeless, view.classes))) for view in first.observation.schedds
    )
    seen = msgspec.structs.replace(first.observation, schedds=schedds)
    plan, kept = negotiated(msgspec.structs.replace(first, observation=seen), rules, Kept())
    second = remembered(msgspec.structs.replace(first, observation=seen), plan.memory, LATER_S)
    assert digest(negotiated(second, rules, kept)[0]) == digest(negotiate(second, rules))


def _hopeless(one: DemandClass) -> DemandClass:
    nothing = f"{one.requirements} && TARGET.Memory < 0"
    return one if int(one.key[1:]) % 5 else msgspec.structs.replace(one, requirements=nothing)


def test_where_nodes_may_come_there_are_no_daemonsets_any_more() -> None:
    """All nodes are full, so that nothing else tells the one from the other."""
    first, rules = groups(rooms=())(clocked(federation(SIZE)), policy())
    plan, kept = negotiated(first, rules, Kept())
    second, _ = groups(can_grow_to=99)(remembered(first, plan.memory, LATER_S), rules)
    assert digest(negotiated(second, rules, kept)[0]) == digest(negotiate(second, rules))


def test_where_too_much_was_kept_all_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    first, rules = federation(SIZE), policy()
    plan, kept = negotiated(first, rules, Kept())
    second = remembered(first, plan.memory, LATER_S)
    monkeypatch.setattr(ground, "MOST_KEPT", 2)
    after, more = negotiated(second, rules, kept)
    assert more.ground is not None
    assert not more.ground.earlier
    assert digest(after) == digest(negotiate(second, rules))


def test_what_nobody_asks_for_any_more_is_forgotten() -> None:
    first, rules = federation(SIZE), policy()
    plan, kept = negotiated(first, rules, Kept())
    second, _ = others(remembered(first, plan.memory, LATER_S), rules)
    _, more = negotiated(second, rules, kept)
    assert kept.ground is not None
    assert more.ground is not None
    assert len(kept.ground.sweeps) == len(more.ground.sweeps) <= SIZE.classes
    assert kept.ground.sweeps.keys().isdisjoint(more.ground.sweeps)


def test_what_a_round_made_goes_with_the_next_but_one() -> None:
    """Memory: what is kept holds no round that is over."""
    seen, rules, kept, grounds = federation(Size(jobs=600, classes=12, nodes=1_000)), policy(), Kept(), []
    for _ in range(4):
        plan, kept = negotiated(seen, rules, kept)
        grounds.append(weakref.ref(kept.ground))
        seen = remembered(seen, plan.memory, LATER_S)
    gc.collect()
    assert [ground() is not None for ground in grounds] == [False, False, False, True]


def test_ranks_by_the_clock_are_those_of_their_moment() -> None:
    rules = msgspec.structs.replace(policy(), rank=BY_THE_CLOCK)
    first = federation(SIZE)
    plan, kept = negotiated(first, rules, Kept())
    second = remembered(first, plan.memory, LATER_S)
    assert digest(negotiated(second, rules, kept)[0]) == digest(negotiate(second, rules))


def test_one_decision_after_the_other_keeps_what_it_finds() -> None:
    rules, seen = policy(), federation(SIZE)
    deciding, plain = Keeping(negotiated, Kept()), negotiate(seen, rules)
    for _ in range(3):
        plan = deciding(seen, rules)
        assert digest(plan) == digest(plain)
        seen = changed(remembered(seen, plan.memory, LATER_S))
        plain = negotiate(seen, rules)
