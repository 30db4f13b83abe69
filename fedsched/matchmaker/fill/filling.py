"""Progressive filling (FS6): one unit after the other to the lowest level, until nothing fits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np

from fedsched.matchmaker import breaker
from fedsched.matchmaker.book import Book
from fedsched.matchmaker.bounds import Bounds
from fedsched.matchmaker.fill.ends import Ends, InTheWay
from fedsched.matchmaker.fill.reports import report
from fedsched.matchmaker.fill.starting import Birth, copy_of, held_for
from fedsched.matchmaker.fill.tree import Tree
from fedsched.matchmaker.fill.turn import Ask, Turn
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import Breaker, ClassReport, DemandClass, Held, Policy, QueuedJob, Ramping
from fedsched.matchmaker.options import Option, Options, Table
from fedsched.matchmaker.purse import Purse
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.share import Shared


class Round(msgspec.Struct):
    """One round's services: what may still be spent (they change while it is filled), and what it reads.

    table: who could run where. serial: number of the next placement. together: what all classes may start.
    breakers: a copy that this round changes. grows: whether some place could have more nodes. ends: what `blockers` and
    `in_the_way` know when all turns are taken. bound: see `_bound`. jobs: of each class of Kubernetes Jobs, those that
    wait, next one first; who is placed leaves.
    """

    table: Table
    policy: Policy
    at: float
    epoch: int
    serial: int
    shared: Shared
    book: Book
    purse: Purse
    bounds: Bounds
    breakers: dict[str, Breaker]
    together: Ramping
    ends: Ends
    grows: bool = False
    bound: dict[tuple[object, ...], tuple[int, Cause | None]] = msgspec.field(default_factory=dict)
    jobs: dict[str, deque[QueuedJob]] = msgspec.field(default_factory=dict)

    def no_room(self, demand: DemandClass, option: Option) -> Reason | None:
        """The first thing that keeps one more startd of the class from room that is there; None when it may start."""
        return next(self.room_blockers(demand, option), None)

    def shut(self, demand: DemandClass, options: Options, position: int) -> bool:
        """Whether something keeps one more startd of the class from room there, which is not put in words."""
        option = options[position]
        free = self.book.open(options.place(position), option.size) if self._alike(option) else None
        if free is None:
            has_room = self.book.has_room(option.place, option.size, option.pods)
            return not has_room or self.no_room(demand, option) is not None
        return not free or self._bound(demand, option) is not None

    def cause(self, demand: DemandClass, options: Options, position: int) -> Cause | None:
        """What does, first of all; None when it may start."""
        option, number = options[position], options.place(position)
        if not self._alike(option) or self.book.doors.depends[number]:
            reason = self.no_room(demand, option)
            return reason.cause if reason is not None else None
        return self._bound(demand, option) or self.book.cause(number, option.size)

    def _alike(self, option: Option) -> bool:
        """Whether nothing but the place itself differs from place to place: no breaker, tier or budget."""
        return option.form == "startd-job" and not self.breakers and self.purse.bounds_nothing

    def _bound(self, demand: DemandClass, option: Option) -> Cause | None:
        """Which bound the class would pass with it: the same at all places, until something starts."""
        key = (demand.key, option.size, option.units)
        version, cause = self.bound.get(key, (-1, None))
        if version != self.bounds.version:
            reason = next(self.apart_from_room(demand, option), None)
            cause = reason.cause if reason is not None else None
            self.bound[key] = self.bounds.version, cause
        return cause

    def roomy(self, options: Options) -> list[int]:
        """Positions of options whose nodes have room for one placement now, where startds may start at all.

        Of several pods at once nodes are asked.
        """
        roomy = np.ones(len(options), np.bool_)
        places = options.places()
        if len(options) and not options[0].place.jobs:
            roomy = ~self.book.doors.shut()[places]
        for option, positions in options.alike():
            if option.pods == 1:
                lacking = self.book.lacking(option.size, jobs=option.place.jobs)
                roomy[positions] &= lacking[places[positions]] == 0
        return np.flatnonzero(roomy).tolist()

    def room_blockers(self, demand: DemandClass, option: Option) -> Iterator[Reason]:
        """All that keeps one more startd of the class from room that is there; growth is no room (PR1)."""
        yield from self.apart_from_room(demand, option)
        yield from self.book.blockers(option.place, option.size, option.shape)

    def blocker(self, demand: DemandClass, option: Option) -> Reason | None:
        """The first thing that keeps one more startd of the class from that place; None when it may start."""
        return next(self.blockers(demand, option), None)

    def blockers(self, demand: DemandClass, option: Option) -> Iterator[Reason]:
        """All that keeps one more startd of the class from that place, be it that the place grows for it (S7)."""
        yield from self.apart_from_room(demand, option)
        yield from self.ends.blockers(demand, option)

    def in_the_way(self, demand: DemandClass, options: Options) -> InTheWay:
        """What is in the way of each option of the class when all turns are taken."""
        alike = not self.breakers and self.purse.bounds_nothing
        return self.ends.in_the_way(demand, options, partial(self.apart_from_room, demand) if alike else None)

    def no_growth(self, demand: DemandClass, option: Option) -> Reason | None:
        """The first thing that keeps that place from growing for the class; None when it may be asked to (S7)."""
        grown = self.book.growable(option.place, option.size, option.shape, demand.key)
        return grown or next(self.apart_from_room(demand, option), None)

    def apart_from_room(self, demand: DemandClass, option: Option) -> Iterator[Reason]:
        """All that keeps one more startd of the class from there but what the place itself has and allows."""
        resting = breaker.blocker(self.breakers, demand, option.place, self.at) if self.breakers else None
        if resting is not None:
            yield resting
        nodes = self.book.nodes(option.place, option.size, option.shape)
        yield from self.bounds.blockers(demand, option.size.times(nodes), _jobs_on(demand, option, nodes))
        yield from self.purse.blockers(demand, option)

    def options(self, demand: DemandClass) -> Options:
        """Where the class could run: lower tiers first (SU4), then best rank (MA5)."""
        found = self.table.options(demand)
        return found.sorted(self.purse.order) if self.policy.tiers else found

    @property
    def left(self) -> int:
        """Startds that all classes together may start in this interval (SU3)."""
        return self.together.allowance - self.together.used


class Filled(msgspec.Struct, frozen=True):
    """New placements, one report per class, how many startds each class started, and the turns as they ended.

    out: unclaimed startds of each (schedd, principal), new ones included.
    """

    new: tuple[Held, ...]
    reports: tuple[ClassReport, ...]
    started: dict[str, int]
    turns: tuple[Turn, ...]
    out: dict[str, int]


def fill(asks: Iterable[Ask], rounds: Round) -> Filled:
    """Give one unit after the other to the lowest level, of its next class by (job priority, age), on the best place.

    Classes for which room was made by eviction are served first, as many startds as were promised. A class that fits
    nowhere, or may start nothing more, steps aside with its reason and never blocks the next (P10).
    """
    filling = _Filling.of(asks, rounds)
    filling.run()
    turns = filling.turns
    reports = tuple(report(turn, rounds, filling.limits(turn)) for turn in turns)
    started = {t.ask.demand.key: t.started for t in turns if t.started and t.ask.demand.job is None}
    return Filled(tuple(filling.new), reports, started, tuple(turns), filling.out)


def fill_for(asks: Iterable[Ask], rounds: Round, key: str) -> ClassReport | None:
    """How one class fares in the same turns, which end where it steps aside; None for a class that does not ask.

    What it starts and which of MA3's answers it has is the same as in `fill`; what holds it is told as of its last
    turn, and of no other class anything is told, which saves most of a large round.
    """
    filling = _Filling.of(asks, rounds)
    turn = next((turn for turn in filling.turns if turn.ask.demand.key == key), None)
    if turn is None:
        return None
    if turn.unmet and not turn.ask.blocked:
        filling.run(turn)
    return report(turn, rounds, filling.limits(turn))


class _Filling:
    """The running state of one round. out: see Filled."""

    def __init__(self, rounds: Round, turns: list[Turn]) -> None:
        self.rounds = rounds
        self.turns = turns
        self.out = {turn.ask.trusted.key: turn.ask.trusted.out for turn in turns}
        self.new: list[Held] = []
        self.startds = 0

    @classmethod
    def of(cls, asks: Iterable[Ask], rounds: Round) -> _Filling:
        """With a turn for every class, by key."""
        return cls(rounds, [Turn(ask, rounds.options(ask.demand)) for ask in sorted(asks, key=lambda a: a.demand.key)])

    def run(self, until: Turn | None = None) -> None:
        """Take turns until nothing fits; until: end where this one has stepped aside."""
        waiting = [turn for turn in self.turns if turn.unmet and not turn.ask.blocked]
        sizes = self.rounds.shared.sizes
        # the largest first: a small one would take the room that was made for a large one before its own has come
        for first in sorted(waiting, key=lambda turn: -sizes.of(turn.ask.demand.request)):
            for _ in range(first.ask.promised):
                self.keep_promise(first)
        tree = Tree(self.rounds.shared, waiting)
        while (turn := tree.next()) is not None:
            milli = self.serve(turn)
            if milli:
                tree.took(milli)
            else:
                tree.leave()
                if turn is until:
                    break

    def keep_promise(self, turn: Turn) -> None:
        """One startd in the room that was made for the class; it was counted as growth when the room was asked for."""
        if turn.unmet and self._take(turn):
            turn.started -= 1

    def serve(self, turn: Turn) -> int:
        """Start one startd for the class where that is best; its thousandths of a core-equivalent, 0 where none may."""
        if not turn.unmet or self.limits(turn):
            return 0
        return self._take(turn)

    def _take(self, turn: Turn) -> int:
        rounds, demand = self.rounds, turn.ask.demand
        option = turn.choose(lambda at: rounds.shut(demand, turn.options, at), lambda: rounds.roomy(turn.options))
        grows = option is None and rounds.grows
        if grows:
            option = turn.choose_growth(lambda one: rounds.no_growth(demand, one))
        if option is None:
            return 0
        held = _start(turn, option, rounds, Serial(rounds.serial + len(self.new), grows))
        self.new.append(held)
        self.startds += demand.job is None
        self.out[turn.ask.trusted.key] += 1
        milli = rounds.shared.sizes.of(option.size) * held.nodes
        turn.took(min(turn.unmet, _jobs_on(demand, option, held.nodes)), milli)
        return milli

    def limits(self, turn: Turn) -> tuple[Reason, ...]:
        """What holds the class as a whole now; () when it may start one more."""
        return tuple(turn.limits(self.out, self.rounds.left - self.startds))


def _jobs_on(demand: DemandClass, option: Option, nodes: int) -> int:
    """Jobs of the class that one placement there is for: a user's Job is one, however many pods it has."""
    return 1 if demand.job is not None else option.units * nodes


class Serial(NamedTuple):
    """Number of a new placement, and whether it is for a node that does not exist yet."""

    number: int
    grows: bool


def _start(turn: Turn, option: Option, rounds: Round, serial: Serial) -> Held:
    """Book one startd for the class at the option."""
    demand, place, life = turn.ask.demand, option.place, rounds.policy.startds
    option = option if serial.grows else _widened(turn, option, rounds)
    considered = () if serial.grows else turn.candidates(lambda at: rounds.cause(demand, turn.options, at))
    lifetime_s = rounds.purse.lifetime_s(demand, option, _longest_s(demand, place))
    priced = rounds.purse.take(demand, option, lifetime_s)
    id_ = f"{rounds.epoch:x}-{serial.number:x}"
    birth = Birth(id_, rounds.epoch, rounds.at, lifetime_s, priced, serial.grows, considered)
    if serial.grows:
        nodes = rounds.book.take_growth(place, option.size, option.shape, demand.key)
    else:
        nodes = rounds.book.take(place, option.size, option.shape)
    rounds.bounds.take(demand, option.size.times(nodes), _jobs_on(demand, option, nodes))
    breaker.take(rounds.breakers, demand, place)
    held = held_for(turn, option, birth, nodes, life)
    if demand.job is None:
        return held
    return copy_of(rounds.jobs[demand.key].popleft(), demand.job, held, rounds.policy.silence.margin_s)


def _widened(turn: Turn, option: Option, rounds: Round) -> Option:
    """With as many pods of a Job as fit there now, beyond those without which it does not begin.

    No more than its principal has a right to: what others wait for is not taken in one turn.
    """
    demand = turn.ask.demand
    if demand.job is None or demand.job.least == demand.job.pods:
        return option
    line, each = rounds.shared.line(demand.principal), max(1, rounds.shared.sizes.of(option.size))
    fits, too_many = 1, min(demand.job.pods, max(1, (line.entitled - line.held - turn.milli) // each)) + 1
    while too_many - fits > 1:
        pods = (fits + too_many) // 2
        if rounds.no_room(demand, msgspec.structs.replace(option, pods=pods)) is None:
            fits = pods
        else:
            too_many = pods
    return msgspec.structs.replace(option, pods=fits)


def _longest_s(demand: DemandClass, place: Place) -> int:
    """Seconds that a placement may live: a Job no longer than its own deadline, where it has one (FA4)."""
    own = demand.job is not None and demand.length.source != "assumed"
    return min(place.life_s, demand.length.seconds) if own else place.life_s
