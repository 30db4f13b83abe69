"""What a class has, in words: its principal's share, where its startds are and why, which must go; decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isinf

from fedsched.matchmaker.explain.facts_of_jobs import copies
from fedsched.matchmaker.explain.near import why_there
from fedsched.matchmaker.explain.sentences import age, located, sentence
from fedsched.matchmaker.model import DemandClass, Having, Held, Observation, Plan, ShareLine
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.share import path_of

MOST = 4
"""Lines of each kind; what is more is counted."""
_HOW = {"vacate": "goes now", "withdraw": "is withdrawn before it ran"}


def having(demand: DemandClass, plan: Plan, seen: Observation, fresh_s: float = 10.0) -> Having:
    """Everything that a plan gives to one class, and takes from its principal."""
    return Having(
        share=tuple(_share(demand, plan.shares)),
        startds=tuple(_startds(demand, plan.held)),
        going=tuple(_going(demand, plan, seen, fresh_s)),
        coming=tuple(_coming(demand, plan.held)),
    )


def _share(demand: DemandClass, shares: tuple[ShareLine, ...]) -> Iterator[str]:
    lines = {line.path: line for line in shares}
    mine = lines.get(path_of(demand.principal))
    if mine is None:
        return
    yield (
        f"Holds {_stands(mine)}; used lately {mine.usage:.1f}, times factor {mine.factor:g}"
        + (f"; {_ce(mine.wasted)} held for nothing" if mine.wasted else "")
        + "."
    )
    line = sorted((one for one in shares if one.rank), key=lambda one: one.rank)
    if mine.rank:
        what = "startd" if demand.job is None else "place"
        yield f"Number {mine.rank} of {len(line)} in line for the next {what}{_ahead(mine, line)}."
    if mine.held >= mine.entitled and mine.demand > mine.held:
        yield "It has what it has a right to; more comes where others leave some."
    above = lines.get(mine.parent) if mine.parent else None
    while above is not None:
        yield f"Group {above.path}: holds {_stands(above)}."
        above = lines.get(above.parent) if above.parent else None


def _stands(line: ShareLine) -> str:
    level = "without any right" if isinf(line.level) else f"level {line.level:.2f}"
    floor = f", {_ce(line.floor)} of them a floor" if line.floor else ""
    return f"{_ce(line.held)} core-equivalents, entitled to {_ce(line.entitled)}{floor} ({level})"


def _ahead(mine: ShareLine, line: list[ShareLine]) -> str:
    before = [one for one in line if one.rank < mine.rank]
    named = [f"{one.path} (holds {_ce(one.held)} of {_ce(one.entitled)})" for one in before[:MOST]]
    more = [f"{len(before) - MOST} more"] if len(before) > MOST else []
    return f"; ahead: {', '.join(named + more)}" if before else ""


def _startds(demand: DemandClass, held: tuple[Held, ...]) -> Iterator[str]:
    places: dict[tuple[str, str], list[Held]] = {}
    for one in held:
        if one.placement.class_key == demand.key and one.wanted == "run" and one.phase != "gone":
            places.setdefault((one.placement.member, one.placement.node_group), []).append(one)
    ranked = sorted(places.items(), key=lambda item: (-len(item[1]), item[0]))
    for (member, group), ones in ranked[:MOST]:
        newest = max(ones, key=lambda one: (one.placement.created_at, one.placement.id))
        why = f" For the newest: {why_there(newest)}" if newest.candidates else ""
        many = len(ones)
        yield f"{_count(many) if demand.job is None else copies(many)} on {member}/{group}.{why}"
    yield from _rest(len(ranked), "place")


def _going(demand: DemandClass, plan: Plan, seen: Observation, fresh_s: float) -> Iterator[str]:
    claimed = {
        slot.placement_id
        for pool in seen.pools
        for slot in pool.slots
        if any(claim.principal == demand.principal for claim in slot.claims)
    }
    ones = [
        one
        for one in plan.held
        if one.wanted in {"leave", *_HOW}
        and one.phase != "gone"
        and (one.placement.principal == demand.principal or one.placement.id in claimed)
    ]
    ones.sort(key=lambda one: (one.why is None or one.why.cause is not Cause.PREEMPTED, one.placement.id))
    for one in ones[:MOST]:
        told = located(one.why, one.placement.member, one.placement.node_group)
        jobs = one.placement.form == "job"
        why = (
            sentence(told, seen.at, fresh_s, jobs=jobs)
            if told is not None
            else "No reason was recorded, which is a bug."
        )
        where = f"{one.placement.object_name} on {one.placement.member}/{one.placement.node_group}"
        yield f"{where} {how_it_goes(one)}. {why}"
    yield from _rest(len(ones), "startd")


def _coming(demand: DemandClass, held: Iterable[Held]) -> Iterator[str]:
    ones = [one for one in held if one.yields_to == demand.key and one.phase != "gone"]
    for one in ones[:MOST]:
        at = f"{one.placement.member}/{one.placement.node_group}"
        yield f"{one.placement.object_name} of {one.placement.principal} on {at} {how_it_goes(one)}."
    yield from _rest(len(ones), "startd")


def how_it_goes(one: Held) -> str:
    """In which way a startd, or a copy of a Job, goes that must, for the middle of a sentence."""
    if one.placement.form == "job":
        return "is removed"
    if one.wanted != "leave":
        return _HOW.get(one.wanted, "goes")
    return f"takes no new job and goes when it is empty, at the latest {age(one.placement.retire_s)} after its order"


def _rest(many: int, what: str) -> Iterator[str]:
    if many > MOST:
        yield f"And {many - MOST} more {what}{'s' if many - MOST > 1 else ''}."


def _count(many: int) -> str:
    return "1 startd" if many == 1 else f"{many} startds"


def _ce(milli: int) -> str:
    """Core-equivalents with at most one digit after the point."""
    return f"{milli / 1000:.1f}".removesuffix(".0")
