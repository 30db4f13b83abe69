"""Room by eviction: who may ask for it, and what becomes of the victims (step 8 of the recipe)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker import fill, preempt
from fedsched.matchmaker.model import ClassReport, DemandClass, Memory
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources

MOST_WISHES = 100
"""So many classes may ask for an eviction in one cycle; the others in the next ones."""


def make_room(
    filled: fill.Filled, turns: fill.Round, standing: tuple[Standing, ...], base: Memory
) -> tuple[tuple[Standing, ...], tuple[ClassReport, ...], Memory]:
    """What stands, with victims told to go; reports with what became of each wish; memory with evictions counted."""
    theirs = frozenset(stand.held.placement.member for stand in standing if stand.held.phase != "gone")
    awaited = {key: len(sets) for key, sets in preempt.in_flight(standing, _wait_s(turns), turns.at).items()}
    seen = _Seen(filled.out, theirs, awaited, _sides(turns, theirs))
    asking = tuple(turn for turn in filled.turns if _asks(turn, turns, seen))
    if not asking:
        return standing, filled.reports, base
    recent = {name: memory.evictions for name, memory in base.members.items()}
    places = tuple(site.place for site in turns.table.sites())
    rules = preempt.Rules(turns.policy, places, recent, turns.at, turns.book)
    present = (*standing, *(Standing(held) for held in filled.new))
    wishes = (_wish(turn, turns, seen) for turn in _some(asking, base.cycle))
    evictions = preempt.make_room(wishes, present, turns.shared, rules)
    after = tuple(_told(stand, evictions, turns.at) for stand in standing) if evictions.victims else standing
    reports = tuple(
        msgspec.structs.replace(report, spared=evictions.refused[report.key])
        if report.key in evictions.refused
        else report
        for report in filled.reports
    )
    members = {
        name: msgspec.structs.replace(memory, evictions=evictions.evictions[name])
        if name in evictions.evictions
        else memory
        for name, memory in base.members.items()
    }
    return after, reports, msgspec.structs.replace(base, members=members)


def _some(asking: tuple[fill.Turn, ...], cycle: int) -> tuple[fill.Turn, ...]:
    """All that ask, or where there are too many a part of them, another one in each cycle."""
    begin = cycle * MOST_WISHES % len(asking) if len(asking) > MOST_WISHES else 0
    return (*asking[begin:], *asking[:begin])[:MOST_WISHES]


_BESIDES = preempt.ROOM | {Cause.BUDGET}


class _Seen(NamedTuple):
    """What wishes are weighed with: unclaimed startds by trust, members where somebody could yield, room on its way.

    places: of each place of startds whether it is on such a member, and shut to all by nothing but these causes.
    """

    out: dict[str, int]
    members: frozenset[str]
    awaited: dict[str, int]
    places: dict[frozenset[Cause], NDArray[np.bool_]]


def _sides(turns: fill.Round, members: frozenset[str]) -> dict[frozenset[Cause], NDArray[np.bool_]]:
    """See `_Seen`; nothing where nobody could yield anywhere."""
    if not members:
        return {}
    shut = list(zip(turns.book.places, turns.book.doors.fixed().firsts, strict=True))
    return {
        causes: np.array(
            [place.terms.name in members and (why is None or why.cause in causes) for place, why in shut], np.bool_
        )
        for causes in (preempt.ROOM, _BESIDES)
    }


def _wait_s(turns: fill.Round) -> float:
    return turns.policy.preemption.wait_s


def _asks(turn: fill.Turn, turns: fill.Round, seen: _Seen) -> bool:
    """Whether the class found no room and is otherwise free to start.

    A class for which room is on its way always does, or that room would be given away.
    """
    demand = turn.ask.demand
    if not turn.unmet or turn.ask.blocked or not _starts(turn, seen) or not _may_ask(demand, turns):
        return False
    return next(_full(turn, turns, seen, _in_the_way(turn, seen)), None) is not None


def _starts(turn: fill.Turn, seen: _Seen) -> int:
    awaited = seen.awaited.get(turn.ask.demand.key, 0)
    return turn.starts_left(seen.out, awaited) + awaited


def _wish(turn: fill.Turn, turns: fill.Round, seen: _Seen) -> preempt.Wish:
    """What such a class asks of preemption."""
    options = _wanted(turn, turns, seen, preempt.ROOM)
    besides = _in_the_way(turn, seen)
    kept = options if besides is preempt.ROOM else _wanted(turn, turns, seen, besides)
    return preempt.Wish(turn.ask.demand, options, turn.unmet, _starts(turn, seen), kept)


def _in_the_way(turn: fill.Turn, seen: _Seen) -> frozenset[Cause]:
    """What may keep the class from a place that it asks about: room; where room is on its way, a budget, too (PR3)."""
    return _BESIDES if seen.awaited.get(turn.ask.demand.key) else preempt.ROOM


def _wanted(turn: fill.Turn, turns: fill.Round, seen: _Seen, causes: frozenset[Cause]) -> Sequence[Option]:
    """The options of `_full`, in columns where they are of startds."""
    if turn.ask.demand.job is not None or not seen.members:
        return tuple(_full(turn, turns, seen, causes))
    options, kinds = turn.options, preempt.Kinds.of_all(turn.options)
    ways = turns.in_the_way(turn.ask.demand, options)
    wanted = _sought(turn, ways.counts, seen, causes)
    for position in np.flatnonzero(wanted & ways.besides_room).tolist():
        wanted[position] = _in_words(turn, turns, options[position], causes)
    free = [next(turns.apart_from_room(turn.ask.demand, option), None) is None for option in kinds.samples]
    wanted &= ways.besides_room | np.array(free, np.bool_)[kinds.of]
    return preempt.Picked(options, kinds, np.flatnonzero(wanted))


def _sought(turn: fill.Turn, counts: NDArray[np.int64], seen: _Seen, causes: frozenset[Cause]) -> NDArray[np.bool_]:
    """Of each option whether it is worth a look: it is not open, and its place not shut to all by something else."""
    shut: NDArray[np.bool_] = counts != 0
    return shut if turn.ask.demand.job is not None else shut & seen.places[causes][turn.options.places()]


def _full(turn: fill.Turn, turns: fill.Round, seen: _Seen, causes: frozenset[Cause]) -> Iterator[Option]:
    """Options on members where somebody could yield, that nothing but these causes keeps the class from."""
    demand, free = turn.ask.demand, dict[tuple[Resources, int], bool]()
    ways = turns.in_the_way(demand, turn.options)
    for position in np.flatnonzero(_sought(turn, ways.counts, seen, causes)).tolist() if seen.members else ():
        option = turn.options[position]
        if option.place.terms.name not in seen.members:
            continue
        if ways.besides_room[position]:
            wanting = _in_words(turn, turns, option, causes)
        else:
            alike = option.size, option.units  # in nothing else those that were counted differ
            if alike not in free:
                free[alike] = next(turns.apart_from_room(demand, option), None) is None
            wanting = free[alike]
        if wanting:
            yield option


def _in_words(turn: fill.Turn, turns: fill.Round, option: Option, causes: frozenset[Cause]) -> bool:
    """Whether something keeps the class from that option, and nothing but these causes."""
    reasons = tuple(turns.room_blockers(turn.ask.demand, option))
    return bool(reasons) and all(reason.cause in causes for reason in reasons)


def _may_ask(demand: DemandClass, turns: fill.Round) -> bool:
    """Whether its principal, or a group above it, has less than it has a right to; priority needs no right (PR6)."""
    preemption = turns.policy.preemption
    if preemption.by_priority:
        return True
    if preemption.mode == "never":
        return False
    above = turns.shared.ancestors(turns.shared.line(demand.principal).path)
    lines = [line for path in above if (line := turns.shared.lines.get(path)) is not None]
    return lines[0].held < lines[0].entitled or any(line.held < line.floor for line in lines) if lines else False


def _told(stand: Standing, evictions: preempt.Evictions, at: float) -> Standing:
    """The victim with its order, the reason that its owner reads, and whom it makes room for (PR8)."""
    victim = evictions.victims.get(stand.held.placement.id)
    if victim is None:
        return stand
    return Standing(preempt.evict(stand.held, victim, at), stand.object, stand.slots)
