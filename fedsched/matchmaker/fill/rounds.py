"""One round's services: who may still start where, while turns are taken and after; who starts is filling's."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial

import msgspec
import numpy as np

from fedsched.matchmaker import breaker
from fedsched.matchmaker.book import Book
from fedsched.matchmaker.bounds import Bounds
from fedsched.matchmaker.fill.ends import Ends, InTheWay
from fedsched.matchmaker.model import Breaker, DemandClass, Policy, QueuedJob, Ramping
from fedsched.matchmaker.options import Option, Options, Table
from fedsched.matchmaker.options.asking import Columns
from fedsched.matchmaker.purse import Purse
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.share import Shared


class Round(msgspec.Struct):
    """One round's services: what may still be spent (they change while it is filled), and what it reads.

    table: who could run where. serial: number of the next placement. together: what all classes may start.
    breakers: a copy that this round changes. resting: classes of which they say something. grows: whether some place
    could have more nodes. ends: what `blockers` and `in_the_way` know when all turns are taken. bound: see `_bound`.
    jobs: of each class of Kubernetes Jobs, those that wait, next one first; who is placed leaves.
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
    resting: frozenset[str]
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
        number = options.place(position)
        if demand.job is None and self.book.closed(number):
            return True
        option = options[position]
        free = self.book.open(number, option.size) if self._alike(demand, option) else None
        if free is None:
            has_room = self.book.has_room(option.place, option.size, option.pods)
            return not has_room or self.no_room(demand, option) is not None
        return not free or self._bound(demand, option) is not None

    def cause(self, demand: DemandClass, options: Options, position: int) -> Cause | None:
        """What does, first of all; None when it may start."""
        option, number = options[position], options.place(position)
        if not self._alike(demand, option) or self.book.doors.depends[number]:
            reason = self.no_room(demand, option)
            return reason.cause if reason is not None else None
        return self._bound(demand, option) or self.book.cause(number, option.size)

    def lasts(self, demand: DemandClass, options: Options, positions: list[int], chosen: int) -> bool:
        """Whether what is in the way at these options stays as it is while the class takes room at the chosen one.

        So it is where no bound could be reached and nothing there depends on sizes: a startd takes room from its own
        place, and what members count, that place would say first. Of two options there the one for a single job stays
        open while the packed one is; the other way round the packed one may lack something else with each.
        """
        option, own = options[chosen], options.place(chosen)
        if not self._alike(demand, option) or not self.bounds.never(demand) or self.book.doors.depends[own]:
            return False
        return option.packed or all(options.place(position) != own for position in positions if position != chosen)

    def _alike(self, demand: DemandClass, option: Option) -> bool:
        """Whether nothing but the place itself differs from place to place: no breaker, tier or budget."""
        return option.form == "startd-job" and self._everywhere(demand)

    def _everywhere(self, demand: DemandClass) -> bool:
        """Whether what keeps the class from startds apart from places keeps it from all of them."""
        return self.purse.bounds_nothing and demand.key not in self.resting

    def _bound(self, demand: DemandClass, option: Option) -> Cause | None:
        """Which bound the class would pass with it: the same at all places, until something starts."""
        if self.bounds.never(demand):
            return None
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
        apart = partial(self.apart_from_room, demand) if self._everywhere(demand) else None
        return self.ends.in_the_way(demand, options, apart)

    def columns(self, demand: DemandClass, options: Options) -> Columns | None:
        """The same by place, so that many classes are told at once; None where more than the places counts."""
        if demand.job is not None or not self._everywhere(demand) or not self.bounds.never(demand):
            return None
        return self.ends.columns(demand, options)

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
        yield from self.bounds.blockers(demand, option.size.times(nodes), jobs_on(demand, option, nodes))
        yield from self.purse.blockers(demand, option)

    def options(self, demand: DemandClass) -> Options:
        """Where the class could run: lower tiers first (SU4), then best rank (MA5)."""
        found = self.table.options(demand)
        return found.sorted(self.purse.order) if self.policy.tiers else found

    @property
    def left(self) -> int:
        """Startds that all classes together may start in this interval (SU3)."""
        return self.together.allowance - self.together.used


def jobs_on(demand: DemandClass, option: Option, nodes: int) -> int:
    """Jobs of the class that one placement there is for: a user's Job is one, however many pods it has."""
    return 1 if demand.job is not None else option.units * nodes
