"""What one schedd says can harm only itself (issue of bad input; MA4, MA7): others' plans, our time, and reasons."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from fedsched.matchmaker.classad.crowd import MAX_TEXT, MAX_WEIGHT, OTHERS, bounded, heard
from fedsched.matchmaker.match import pair_key
from fedsched.matchmaker.model import (
    DemandClass,
    Memory,
    NodeGroup,
    PairMemory,
    Plan,
    Policy,
    Principal,
    ScheddView,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Verdict
from tests.matchmaker import hostile
from tests.matchmaker.builders import T0, demand, group, member, res, schedd, snapshot

POLICY = Policy()
SEEN = (("Arch", '"X86_64"'), ("HasFileTransfer", "true"), ("Machine", '"n.site"'), ("OpSys", '"LINUX"'))
USUAL = '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && (TARGET.Memory >= RequestMemory)'


def honest() -> tuple[ScheddView, ...]:
    """Each asks for more than its share: whoever took anything away from anybody would be seen."""
    views = []
    for s in range(4):
        name = f"schedd-{s}"
        classes = (
            demand(
                f"{name}-{n}",
                400 + n,
                res(1 + n, 2),
                schedd=name,
                principal=Principal("", f"user{s}@{n}"),
                requirements=USUAL,
            )
            for n in range(4)
        )
        views.append(schedd(*classes, name=name))
    return tuple(views)


def world(*more: ScheddView) -> Snapshot:
    """Every schedd as the core hears it; a real slot was seen on every group, so that nothing has to be probed."""
    members = tuple(member(f"m{m}", *(_group(g) for g in range(5))) for m in range(6))
    seen = PairMemory(attributes=SEEN, seen_at=T0 - 60)
    pairs = {pair_key(m.name, g.name, ""): seen for m in members for g in m.node_groups}
    schedds = heard((*honest(), *more), POLICY.max_classes)
    return snapshot(members=members, schedds=schedds, memory=Memory(at=T0 - 5, pairs=pairs))


def _group(number: int) -> NodeGroup:
    return group(f"g{number}", 3, res(8 + number, 32, 100, pods=100))


def of_others(plan: Plan) -> tuple[Any, ...]:
    """All that the plan says of honest schedds, but for the serial numbers in names."""
    placed = [
        (p.member, p.node_group, p.form, p.pool, p.schedd, p.principal, p.class_key, p.size, h.phase, h.wanted, h.nodes)
        for h in plan.held
        if (p := h.placement).schedd != "evil"
    ]
    return sorted(map(repr, placed)), [report for report in plan.classes if report.key.startswith("schedd-")]


def cpu_of(state: Snapshot) -> tuple[float, Plan]:
    began = time.process_time()
    plan = negotiate(state, POLICY)
    return time.process_time() - began, plan


@pytest.fixture(scope="module")
def alone() -> Plan:
    return negotiate(world(), POLICY)


def test_the_honest_have_more_demand_than_there_is_room(alone: Plan) -> None:
    assert alone.held
    assert any(report.unmet for report in alone.classes)


@pytest.mark.parametrize("name", sorted(hostile.EXPRESSIONS))
def test_a_hostile_expression_changes_nobody_elses_plan_and_is_named(name: str, alone: Plan) -> None:
    began = time.process_time()
    state = world(hostile.evil(hostile.one(name)))
    _, plan = cpu_of(state)
    spent = time.process_time() - began
    assert of_others(plan) == of_others(alone)
    assert not [h for h in plan.held if h.placement.schedd == "evil"]
    (report,) = [r for r in plan.classes if r.key.startswith("evil")]
    assert report.unmet == report.idle
    assert report.verdict is Verdict.NEVER
    assert report.why is not None
    assert report.why.cause in {Cause.EXPRESSION_REFUSED, Cause.REQUIREMENTS}
    assert report.why.have or report.why.need
    assert len(str(report.why)) < 3_000
    assert spent < 2.0


def test_a_thousand_hostile_classes_cost_less_than_a_second_more_than_harmless_ones(alone: Plan) -> None:
    """Forty variants of each kind, none like another, against as many that ask for a machine that nobody has."""
    each = POLICY.max_classes // len(hostile.EXPRESSIONS)
    harmless = hostile.evil(*(hostile.harmless(n) for n in range(each * len(hostile.EXPRESSIONS))))
    usual, _ = _cost(harmless)
    spent, plan = _cost(hostile.everything(each))
    print(f"{len(harmless.classes)} classes of one schedd: harmless {usual:.2f} s, hostile {spent:.2f} s")
    assert of_others(plan) == of_others(alone)
    assert spent - usual < 1.0
    named = [r for r in plan.classes if r.key.startswith("evil")]
    assert len(named) == len(harmless.classes)
    assert all(r.why is not None and r.unmet == r.idle for r in named)


def _cost(evil: ScheddView) -> tuple[float, Plan]:
    """Seconds of hearing that schedd and deciding, everything seen for the first time."""
    began = time.process_time()
    _, plan = cpu_of(world(evil))
    return time.process_time() - began, plan


def _many(count: int, **more: Any) -> tuple[DemandClass, ...]:
    """Classes of which no two are alike in anything that counts."""
    return tuple(
        demand(
            f"evil-{n}",
            1 + n % 7,
            res(1 + n % 64, 1 + n % 97),
            schedd="evil",
            principal=hostile.EVIL,
            requirements=f"TARGET.NoSuch == {n}",
            **more,
        )
        for n in range(count)
    )


def test_a_hundred_thousand_classes_are_lumped_in_the_core_as_well(alone: Plan) -> None:
    classes = _many(100_000)
    began = time.process_time()
    state = world(hostile.evil(*classes))
    lumping = time.process_time() - began
    spent, plan = cpu_of(state)
    print(f"100,000 classes: {lumping:.2f} s to lump, {spent:.2f} s to decide")
    assert lumping < 1.5
    mine = next(view for view in state.observation.schedds if view.name == "evil").classes
    assert len(mine) <= POLICY.max_classes
    assert sum(one.idle for one in mine) == sum(1 + n % 7 for n in range(100_000))
    assert sum(one.lumped or 1 for one in mine) == 100_000
    assert of_others(plan) == of_others(alone)


def test_ten_thousand_accounting_groups_of_one_schedd_are_told_apart_as_far_as_there_is_place() -> None:
    groups = tuple(
        msgspec.structs.replace(one, principal=Principal(f"g{n}", f"u{n}@evil")) for n, one in enumerate(_many(10_000))
    )
    began = time.process_time()
    kept = bounded(groups, 1_000)
    assert time.process_time() - began < 1.0
    assert len(kept) <= 1_000
    assert sum(one.idle for one in kept) == sum(one.idle for one in groups)
    (rest,) = [one for one in kept if one.principal.user == OTHERS]
    assert "principals" in rest.gate
    assert all(not one.gate for one in kept if one is not rest)


def test_lumps_do_not_depend_on_the_order_of_classes() -> None:
    classes = _many(3_000)
    assert bounded(classes, 100) == bounded(tuple(reversed(classes)), 100)
    assert bounded(bounded(classes, 100), 100) == bounded(classes, 100)


def test_a_chain_that_the_library_gives_up_on_is_refused_with_that_reason_and_a_shorter_one_is_not() -> None:
    long, short = (" || ".join(f'TARGET.Machine == "n{n}"' for n in range(count)) for count in (600, 300))
    kept = bounded(
        [msgspec.structs.replace(one, requirements=text) for one, text in zip(_many(2), (long, short), strict=True)], 9
    )
    assert ["more than 400" in one.gate for one in kept] == [True, False]


def test_an_ordinary_queue_is_left_as_it_is() -> None:
    classes = tuple(sorted(_many(900), key=lambda one: one.key))
    assert bounded(classes, 1_000) == classes


@pytest.mark.parametrize(("text", "limit"), [('TARGET.X == "{long}"', MAX_TEXT), ("A7 > {n}", MAX_WEIGHT)])
def test_more_text_than_a_schedd_may_have_evaluated_is_refused_longest_first(text: str, limit: int) -> None:
    doubling = (("A0", "1+1"), *((f"A{i}", f"A{i - 1}+A{i - 1}+A{i - 1}") for i in range(1, 8)))
    heavy = tuple(
        msgspec.structs.replace(
            one, requirements=text.format(n=n, long="x" * (5_000 + n)), attributes=doubling, priorities=((0, one.idle),)
        )
        for n, one in enumerate(_many(500))
    )
    light = msgspec.structs.replace(heavy[0], key="evil-light", requirements="true", attributes=())
    kept = bounded((*heavy, light), 1_000)
    refused = [one for one in kept if one.gate]
    assert 0 < len(refused) < 500
    assert all(f"{limit >> 10} KiB" in one.gate for one in refused)
    assert not next(one for one in kept if one.key == "evil-light").gate


def test_absurd_numbers_of_jobs_and_sizes_leave_others_alone(alone: Plan) -> None:
    huge = (
        demand("evil-jobs", 2**53, res(10_000), schedd="evil", principal=hostile.EVIL),
        demand("evil-memory", 5, res(1, 2**40), schedd="evil", principal=hostile.EVIL),
        demand("evil-priority", 5, res(500), schedd="evil", principal=hostile.EVIL, priorities=((2**31, 5),)),
        demand("evil-name", 5, res(500), schedd="evil", principal=Principal("g" * 300, "u" * 300)),
    )
    _, plan = cpu_of(world(hostile.evil(*huge)))
    assert of_others(plan) == of_others(alone)
    named = {r.key: r.why.cause for r in plan.classes if r.key.startswith("evil") and r.why}
    assert named == dict.fromkeys((one.key for one in huge), Cause.NODE_TOO_SMALL)
