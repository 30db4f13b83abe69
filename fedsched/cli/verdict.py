"""What a decision with more jobs means for these: now, after evicting whom, not now, never; decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from fedsched.loop import Decision
from fedsched.matchmaker.explain import action, clause, near_miss
from fedsched.matchmaker.model import ClassReport, CreateObject, DemandClass, Held, JobLength, Plan, Principal
from fedsched.matchmaker.reasons import Reason, Verdict
from fedsched.matchmaker.resources import Resources

Word = Literal["now", "after evicting", "not now", "not while cordoned", "never"]


class Where(msgspec.Struct, frozen=True):
    """So many startds that would be started in one place."""

    member: str
    node_group: str
    startds: int


class Evicted(msgspec.Struct, frozen=True):
    """So many startds of one principal that would make room. goes: at once (vacate) or when their jobs end (leave)."""

    member: str
    principal: Principal
    startds: int
    goes: str


class Judged(msgspec.Struct, frozen=True, omit_defaults=True):
    """One class of the jobs. Counts are jobs and sum to `jobs`: now, after (an eviction), waiting.

    by_standing: of those now, how many by startds that are there or starting already. nearest: what would let it run.
    """

    class_key: str
    word: Word
    text: str
    principal: Principal
    schedd: str
    request: Resources
    length: JobLength
    jobs: int
    now: int
    after: int
    waiting: int
    by_standing: int = 0
    where: tuple[Where, ...] = ()
    evicted: tuple[Evicted, ...] = ()
    reason: Reason | None = None
    nearest: tuple[str, ...] = ()
    floors: tuple[str, ...] = ()


def judged(one: DemandClass, before: Decision, after: Decision) -> Judged:
    """What becomes of the jobs that `one` counts, which only the second decision knew of."""
    first, second = _report(before.plan, one.key), _report(after.plan, one.key)
    served = max(0, second.served - first.served)
    now = min(one.idle, served + max(0, second.placed - first.placed))
    where = _where(one.key, before, after)
    victims = _victims(one.key, before.plan, after.plan)
    soon = min(one.idle - now, len({held.yields_with for held in victims}))
    waiting = one.idle - now - soon
    told = Judged(
        class_key=one.key,
        word=_word(now, soon, second),
        text="",
        principal=one.principal,
        schedd=one.schedd,
        request=one.request,
        length=one.length,
        jobs=one.idle,
        now=now,
        after=soon,
        waiting=waiting,
        by_standing=min(served, now),
        where=where,
        evicted=_evicted(victims),
        reason=second.why if waiting else None,
        nearest=tuple(near_miss(miss) for miss in second.near) if waiting else (),
        floors=one.floors,
    )
    return msgspec.structs.replace(told, text="; ".join(_parts(told, second.verdict)) + ".")


def displaced(before: Plan, after: Plan, own: frozenset[str], names: dict[str, Principal]) -> tuple[str, ...]:
    """Whose jobs would start later for it: principals of other classes that get fewer startds. own: keys of its own."""
    fewer: Counter[str] = Counter()
    for report in before.classes:
        if report.key not in own and report.key in names:
            lost = report.placed - _report(after, report.key).placed
            fewer[str(names[report.key])] += lost
    return tuple(f"{count} fewer for {who}" for who, count in sorted(fewer.items()) if count > 0)


def _report(plan: Plan, key: str) -> ClassReport:
    nothing = ClassReport(key, 0, 0, 0, 0, Verdict.NOW)
    return next((report for report in plan.classes if report.key == key), nothing)


def _word(now: int, soon: int, report: ClassReport) -> Word:
    if now:
        return "now"
    if soon:
        return "after evicting"
    words: dict[Verdict, Word] = {Verdict.NEVER: "never", Verdict.CORDONED: "not while cordoned"}
    return words.get(report.verdict, "not now")


def _where(key: str, before: Decision, after: Decision) -> tuple[Where, ...]:
    more = Counter(_places(key, after))
    more.subtract(Counter(_places(key, before)))
    return tuple(Where(member, group, count) for (member, group), count in sorted(more.items()) if count > 0)


def _places(key: str, decision: Decision) -> Iterator[tuple[str, str]]:
    for change in decision.changes:
        if isinstance(change, CreateObject) and change.placement.class_key == key:
            yield change.placement.member, change.placement.node_group


def _victims(key: str, before: Plan, after: Plan) -> tuple[Held, ...]:
    known = {held.placement.id for held in before.held if held.yields_to == key}
    return tuple(
        held
        for held in after.held
        if held.yields_to == key and held.yields_at == after.at and held.placement.id not in known
    )


def _evicted(victims: tuple[Held, ...]) -> tuple[Evicted, ...]:
    counts = Counter((v.placement.member, v.placement.principal, str(v.wanted)) for v in victims)
    return tuple(Evicted(member, who, count, goes) for (member, who, goes), count in sorted(counts.items()))


def _parts(told: Judged, verdict: Verdict) -> Iterator[str]:
    if told.now:
        where = [f"{one.startds} at {one.member}/{one.node_group}" for one in told.where]
        where += [f"{told.by_standing} by startds that are there or on their way"] if told.by_standing else []
        yield f"{told.now} now ({', '.join(where) or 'in room that is there'})"
    if told.after:
        whom = ", ".join(f"{_startds(one.startds)} of {one.principal} at {one.member}" for one in told.evicted)
        yield f"{told.after} after evicting {whom}"
    if told.waiting:
        words = {Verdict.NEVER: "never", Verdict.CORDONED: "not while this stands"}
        why = f"{clause(told.reason)}; {action(told.reason)}" if told.reason else "no reason was recorded, a bug"
        near = told.nearest[0].rstrip(".") if told.nearest else ""
        nearest = f"; nearest: {near[:1].lower()}{near[1:]}" if near else ""
        yield f"{told.waiting} {words.get(verdict, 'not now')}: {why}{nearest}"


def _startds(count: int) -> str:
    return "1 startd" if count == 1 else f"{count} startds"
