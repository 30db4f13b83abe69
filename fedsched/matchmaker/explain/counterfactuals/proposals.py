"""Which changes are worth trying for a class, from what its report names; nothing is claimed of them here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from fedsched.matchmaker import classad
from fedsched.matchmaker.explain.counterfactuals.asking import length_knob, priority_knob, request_knob
from fedsched.matchmaker.explain.counterfactuals.changes import World, demand_of
from fedsched.matchmaker.explain.counterfactuals.policies import POLICY_KNOBS, weight_knob
from fedsched.matchmaker.explain.counterfactuals.proving import Candidate, Knob
from fedsched.matchmaker.explain.counterfactuals.sites import MEMBER_KNOBS
from fedsched.matchmaker.model import ClassReport, DemandClass, Step
from fedsched.matchmaker.reasons import Cause, Reason, Verdict

USER, ORDER, FILE, POLICY, SITE, BOTH = range(6)
"""Who decides, the easiest first: the user, an operator at once, a member's file, the policy, a site, or several."""
MOST_CLAUSES = 3
MOST_OF_KIND = 3
"""So many candidates of one kind, about one resource or order, are tried."""
_AMOUNTS = ("cpu_milli", "memory_mib", "disk_mib", "gpus")
_ROOM = frozenset({Cause.NO_ROOM, Cause.FRAGMENTED, Cause.QUOTA_FULL, Cause.CEILING_REACHED, Cause.LEAVE_FREE})
_BY_SIZE = frozenset({Cause.GROUP_BORROW, Cause.GROUP_QUOTA, Cause.PRINCIPAL_CEILING, Cause.NOT_LENT})
"""Bounds on core-equivalents, which a smaller request passes."""
_BY_LENGTH = frozenset({Cause.TOO_LONG, Cause.TIER_WINDOW, Cause.BUDGET_SPENT})


def candidates(world: World, report: ClassReport) -> tuple[Candidate, ...]:
    """In the order in which they are to be tried: who can decide them soonest first, then as the report names them."""
    demand = demand_of(world)
    named = tuple(_named(report))
    found = [Candidate(USER, (knob,)) for knob in _own(world, demand, report, named)]
    found += [Candidate(rank, (knob,)) for reason in named for rank, knob in _others(world, reason)]
    if any(reason.cause in _ROOM for reason in named):
        found += [Candidate(POLICY, (knob,)) for knob in weight_knob(world, demand)]
    together = _together(world, demand, report)
    found += [together] if together else []
    return _some_of_each(_once(sorted(found, key=lambda one: one.rank)))


def _named(report: ClassReport) -> Iterator[Reason]:
    """What the report names, what holds the rest first, then each member's blocker; each once."""
    held = (report.why, *report.also, *(verdict.blocker for verdict in report.members))
    yield from dict.fromkeys(reason for reason in held if reason is not None)


def _once(found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each change once, though several reasons propose it."""
    return tuple(
        {tuple(knob.at(knob.hints[-1]) for knob in one.knobs): one for one in reversed(tuple(found))}.values()
    )[::-1]


def _some_of_each(found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Not the same of every member: the first few of each kind, so that other kinds are tried, too."""
    tried: Counter[tuple[str, str]] = Counter()
    kept = []
    for one in found:
        step = one.knobs[0].at(one.knobs[0].hints[-1])
        kind = step.what, step.name
        tried[kind] += 1
        if tried[kind] <= MOST_OF_KIND:
            kept.append(one)
    return tuple(kept)


def _own(world: World, demand: DemandClass, report: ClassReport, named: tuple[Reason, ...]) -> Iterator[Knob]:
    """What the user can change: requests, clauses, length, image, priority."""
    amounts = {reason.what for reason in named} | {miss.what for miss in report.near}
    amounts |= {word for reason in named for word in reason.what.split(" of ")[:1]}
    if any(reason.cause in _BY_SIZE for reason in named):
        amounts.add("cpu_milli")
    for name in (*_AMOUNTS, *(name for name, _ in demand.request.other)):
        if name in amounts:
            yield from request_knob(world, demand, name)
    yield from _clauses(demand, report, named)
    if any(reason.cause in _BY_LENGTH for reason in named):
        yield from length_knob(world, demand)
    if demand.image and any(reason.cause is Cause.IMAGE_REFUSED for reason in named):
        yield Knob((1,), lambda _: Step("image"))
    yield from priority_knob(world, demand)


def _clauses(demand: DemandClass, report: ClassReport, named: tuple[Reason, ...]) -> Iterator[Knob]:
    """Single operands of the Requirements' && that are not true somewhere."""
    if demand.gate or not demand.requirements:
        return
    told = [miss.need for miss in report.near if miss.what == "requirements"]
    told += [reason.what for reason in named if reason.cause is Cause.REQUIREMENTS]
    try:
        clauses = classad.conjuncts(demand.requirements)
    except classad.Refused:
        return
    wanted = [one for one in clauses if any(one == text or one.startswith(text.removesuffix(" …")) for text in told)]
    for clause in wanted[:MOST_CLAUSES]:
        yield Knob((1,), lambda _, clause=clause: Step("clause", text=clause))  # type: ignore[misc]  # bound now


def _others(world: World, reason: Reason) -> Iterator[tuple[int, Knob]]:
    """What others than the user can change so that this reason goes."""
    if reason.cause in _ORDERS:
        yield from ((ORDER, knob) for knob in _orders(world, reason))
    for table, rank in ((MEMBER_KNOBS, FILE), (POLICY_KNOBS, POLICY)):
        propose = table.get(reason.cause)
        if propose is not None:
            yield from ((SITE if reason.cause in _OF_SITE else rank, knob) for knob in propose(world, reason))


_ORDERS = {
    Cause.CORDONED: "cordon",
    Cause.DRAINING: "drain",
    Cause.PAUSED: "pause",
    Cause.DENIED: "deny",
}
_OF_SITE = frozenset({Cause.QUOTA_FULL, Cause.NO_ROOM, Cause.FRAGMENTED, Cause.MEMBER_LOST, Cause.MEMBER_SILENT})


def _orders(world: World, reason: Reason) -> Iterator[Knob]:
    kind = _ORDERS[reason.cause]
    for order in world.snapshot.orders:
        mine = order.target == reason.what if kind == "deny" else order.target in {"*", reason.member}
        if order.kind == kind and mine:
            step = Step("order", reason.member, order.target, kind)
            yield Knob((1,), lambda _, step=step: step)  # type: ignore[misc]  # bound now


def _together(world: World, demand: DemandClass, report: ClassReport) -> Candidate | None:
    """All that the report names at once, where one thing alone is not enough; None where one of it cannot be told."""
    if report.why is None or not report.also:
        return None
    knobs: list[Knob] = []
    for reason in (report.why, *report.also):
        found = next(_lifting(world, demand, report, reason), None)
        if found is None:
            return None
        knobs.append(found)
    unlike = {knob.at(knob.hints[-1]): knob for knob in knobs}
    return Candidate(BOTH, tuple(unlike.values())) if len(unlike) > 1 else None


def _lifting(world: World, demand: DemandClass, report: ClassReport, reason: Reason) -> Iterator[Knob]:
    """Ways to lift one reason: what others can do, and where it can never run, what the user can."""
    others = (knob for _, knob in _others(world, reason))
    if report.verdict is not Verdict.NEVER:
        yield from others
        return
    yield from _own(world, demand, report, (reason,))
    yield from others
