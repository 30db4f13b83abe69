"""Turns: which class gets the next startd, and where (FS6, MA2, MA5), within what members, ramps and trust allow.

What could run where at all is matching's; what the room is, is the book's.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.match import Place, cordoned, form_for, may_probe, never
from fedsched.matchmaker.model import (
    ClassReport,
    DemandClass,
    Held,
    MemberVerdict,
    Order,
    Placement,
    Policy,
    Principal,
    Ramping,
)
from fedsched.matchmaker.options import Choosing, Option, options, size_for
from fedsched.matchmaker.reasons import VERDICT_ORDER, Cause, Reason, Verdict


class Trusted(msgspec.Struct, frozen=True):
    """What all classes of one (schedd, principal) share (SU7): out of `most` unclaimed startds `out` are there."""

    key: str
    out: int
    most: int


class Ask(msgspec.Struct, frozen=True):
    """A class with what is still to be placed for: unmet jobs, and what limits it as a whole.

    ramp: what it may start now. blocked: why nothing at all may start for it (stale schedd or pool); None when it may.
    """

    demand: DemandClass
    served: int
    ramp: Ramping
    trusted: Trusted
    blocked: Reason | None = None


class Rules(msgspec.Struct, frozen=True):
    """What filling reads besides classes and places."""

    policy: Policy
    orders: tuple[Order, ...]
    at: float
    epoch: int
    serial: int

    @property
    def choosing(self) -> Choosing:
        """The part that choosing places reads."""
        return Choosing(self.policy, self.orders, self.at)


class Filled(msgspec.Struct, frozen=True):
    """New placements, one report per class, and how many startds each class started."""

    new: tuple[Held, ...]
    reports: tuple[ClassReport, ...]
    started: dict[str, int]


class _Turn:
    """The mutable state of one class while turns are taken."""

    def __init__(self, ask: Ask, options: list[Option]) -> None:
        self.ask = ask
        self.options = options
        self.unmet = max(0, ask.demand.idle - ask.served)
        self.placed = 0
        self.started = 0
        have = f"{ask.ramp.allowance} per interval"
        self.limit = Reason(Cause.RAMP, "starts", str(ask.demand.idle), have, source="policy ramp")

    def must_stop(self, out: Mapping[str, int]) -> bool:
        """Whether trust (SU7) or its ramp (SU3) allows no further startd; `limit` then says which. out: see Trusted."""
        trusted, ramp = self.ask.trusted, self.ask.ramp
        if out[trusted.key] >= trusted.most:
            have, who = f"{out[trusted.key]} of {trusted.most} out", str(self.ask.demand.principal)
            self.limit = Reason(Cause.TRUST, "unclaimed startds", "claims first", have, source=who)
            return True
        return self.started >= ramp.allowance - ramp.used


def fill(
    asks: Iterable[Ask], places: tuple[Place, ...], counted: Mapping[Principal, int], book: Book, rules: Rules
) -> Filled:
    """Progressive filling (FS6).

    The principal that holds least takes the next startd, of its next class by (job priority, age), on the best-ranked
    place with room, until nothing fits. A class that fits nowhere steps aside.
    """
    held_by = dict(counted)
    asks = tuple(asks)
    out = {ask.trusted.key: ask.trusted.out for ask in asks}
    turns = [
        _Turn(ask, options(ask.demand, places, rules.choosing)) for ask in sorted(asks, key=lambda a: a.demand.key)
    ]
    queue = [(*_order(t, held_by), i) for i, t in enumerate(turns) if t.unmet and not t.ask.blocked]
    heapq.heapify(queue)
    new: list[Held] = []
    while queue:
        index = heapq.heappop(queue)[-1]
        turn = turns[index]
        if turn.must_stop(out):
            continue
        chosen = next((o for o in turn.options if book.blocker(o.place, o.size, o.form) is None), None)
        if chosen is None:
            continue
        new.append(_start(turn, chosen, book, rules, rules.serial + len(new)))
        out[turn.ask.trusted.key] += 1
        who = turn.ask.demand.principal
        held_by[who] = held_by.get(who, 0) + chosen.size.cpu_milli
        if turn.unmet:
            heapq.heappush(queue, (*_order(turn, held_by), index))
    reports = tuple(_report(turn, places, book, rules) for turn in turns)
    return Filled(tuple(new), reports, {t.ask.demand.key: t.started for t in turns if t.started})


def _order(turn: _Turn, held_by: Mapping[Principal, int]) -> tuple[int, int, float, str]:
    demand = turn.ask.demand
    priority = demand.priorities[0][0] if demand.priorities else 0
    return held_by.get(demand.principal, 0), -priority, demand.oldest_at, demand.key


def _start(turn: _Turn, option: Option, book: Book, rules: Rules, serial: int) -> Held:
    """Book one startd for the class at the option."""
    demand, place, life = turn.ask.demand, option.place, rules.policy.startds
    lifetime_s = min(life.lifetime_s, place.terms.max_lifetime_s)
    gpu = option.size.gpus > 0
    probe = not place.pair.attributes
    placement = Placement(
        id=f"{rules.epoch:x}-{serial:x}",
        member=place.terms.name,
        node_group=place.group.name,
        form=option.form,
        pool=demand.pool,
        schedd=demand.schedd,
        principal=demand.principal,
        class_key=demand.key,
        size=option.size,
        created_at=rules.at,
        expires_at=rules.at + lifetime_s + life.pending_s,
        lifetime_s=lifetime_s,
        retire_s=min(life.retire_s, lifetime_s // 2),
        idle_s=life.gpu_idle_s if gpu else life.idle_s,
        first_refusal_s=life.first_refusal_s,
        epoch=rules.epoch,
        units=option.units,
        share=place.terms.share,
        image=place.terms.image,
        selector=place.group.selector,
        taints=place.group.taints,
        gpu_resource=place.group.gpu_resource,
        probe=probe,
    )
    nodes = book.take(place, option.size, option.form)
    jobs = min(turn.unmet, option.units * nodes)
    turn.unmet -= jobs
    turn.placed += jobs
    turn.started += 1
    why = place.here(
        Reason(Cause.PROBE if probe else Cause.DEMAND, demand.key, str(demand.idle), str(turn.ask.served), at=rules.at)
    )
    return Held(placement, "intended", rules.at, why=why, nodes=nodes)


def _report(turn: _Turn, places: tuple[Place, ...], book: Book, rules: Rules) -> ClassReport:
    """How the class stands, every idle job accounted for (RE1)."""
    ask, demand = turn.ask, turn.ask.demand
    served = min(ask.served, demand.idle)
    members = _verdicts(demand, places, book, rules) if turn.unmet else ()
    why = _dominant(turn, members)
    parts = []
    if served:
        parts.append(
            (served, Reason(Cause.SUPPLY_ON_ITS_WAY, "startds", str(demand.idle), str(ask.served), at=rules.at))
        )
    if turn.placed:
        parts.append((turn.placed, Reason(Cause.DEMAND, demand.key, str(demand.idle), str(ask.served), at=rules.at)))
    if why is not None:
        parts.append((turn.unmet, why))
    verdict = why.verdict if why else Verdict.NOW
    return ClassReport(demand.key, demand.idle, served, turn.placed, turn.unmet, verdict, why, tuple(parts), members)


def _dominant(turn: _Turn, members: tuple[MemberVerdict, ...]) -> Reason | None:
    """The one reason that holds the rest: the class's own limits, else the member that came closest."""
    if not turn.unmet:
        return None
    if turn.ask.blocked:
        return turn.ask.blocked
    best = max(members, key=lambda m: VERDICT_ORDER[m.verdict], default=None)
    if best is None:
        return Reason(Cause.NO_NODE_GROUPS, "members", "1", "0", source="no member is joined")
    if best.blocker is None or best.verdict is Verdict.NOW:
        return turn.limit
    return best.blocker


def _verdicts(demand: DemandClass, places: tuple[Place, ...], book: Book, rules: Rules) -> tuple[MemberVerdict, ...]:
    """Per member the best answer of its node groups, with its first blocker (E1)."""
    best: dict[str, MemberVerdict] = {}
    for place in places:
        verdict = _verdict(demand, place, book, rules)
        known = best.get(verdict.member)
        if known is None or VERDICT_ORDER[verdict.verdict] > VERDICT_ORDER[known.verdict]:
            best[verdict.member] = verdict
    return tuple(best[name] for name in sorted(best))


def _verdict(demand: DemandClass, place: Place, book: Book, rules: Rules) -> MemberVerdict:
    member, group = place.terms.name, place.group.name
    form = form_for(place) or "startd-job"
    size, _ = size_for(demand, place, form, rules.policy)
    reason = never(demand, place, size, rules.at)
    if reason is not None and not may_probe(reason, demand, place, size):
        return MemberVerdict(member, Verdict.NEVER, reason, group)
    held_back = cordoned(demand, place, rules.orders)
    if held_back is not None:
        return MemberVerdict(member, Verdict.CORDONED, held_back, group)
    blocker = book.blocker(place, size, form)
    if blocker is not None:
        return MemberVerdict(member, Verdict.NOT_NOW, blocker, group)
    return MemberVerdict(member, Verdict.NOW, None, group)
