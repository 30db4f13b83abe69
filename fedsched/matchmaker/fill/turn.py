"""One class while turns are taken: what it still wants, what limits it as a whole, where it may go next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from fedsched.matchmaker.model import DemandClass, Held, Ramping
from fedsched.matchmaker.options import CANDIDATES, Option, Options
from fedsched.matchmaker.reasons import Cause, Reason

AGAIN = 50
"""When so many places in a row are shut, all are looked at again at once."""


class Trusted(msgspec.Struct, frozen=True):
    """What all classes of one (schedd, principal) share (SU7): out of `most` unclaimed startds `out` are there."""

    key: str
    out: int
    most: int


class Ask(msgspec.Struct, frozen=True):
    """A class with what is still to be placed for: unmet jobs, and what limits it as a whole.

    served: jobs that supply on hand or on its way takes. promised: startds for which room was made by eviction (PR3).
    ramp: what it may start now. blocked: all why nothing may start for it (stale schedd or pool, leaks); () when it
    may.
    """

    demand: DemandClass
    served: int
    ramp: Ramping
    trusted: Trusted
    blocked: tuple[Reason, ...] = ()
    promised: int = 0


class Turn:
    """The mutable state of one class while turns are taken."""

    def __init__(self, ask: Ask, options: Options) -> None:
        self.ask = ask
        self.options = options
        self.unmet = max(0, ask.demand.idle - ask.served)
        self.placed = 0
        self.started = 0
        self.milli = 0
        self._next = 0
        self._next_growth = 0
        self._roomy: list[int] | None = None
        self._priorities = _cumulated(ask.demand)

    def order(self) -> tuple[int, float, str]:
        """Within one principal: higher job priority, then older, then the key (FS6). Priority is that of its next job.

        Jobs of a class are alike but for their priority, so those of highest priority are taken to be served first.
        """
        demand = self.ask.demand
        return -self._next_job()[1], demand.oldest_at, demand.key

    def _next_job(self) -> tuple[int, int]:
        """Up to how many jobs of the class have at least its priority, and which that is."""
        done, left = self.ask.demand.idle - self.unmet, self._priorities
        while left and left[-1][0] <= done:
            left.pop()
        return left[-1] if left else (self.ask.demand.idle, 0)

    def as_urgent_as(self, held: Held | None) -> bool:
        """Whether the next job is of the priority for which that one was placed."""
        return held is not None and held.placement.priority == self._next_job()[1]

    def alike(self, units: int) -> int:
        """How many startds, of so many jobs each, until its next job is of another priority or there is none."""
        idle = self.ask.demand.idle
        return -(-(min(self._next_job()[0], idle) - idle + self.unmet) // units)

    def limits(self, out: Mapping[str, int], left: int) -> Iterator[Reason]:
        """All of trust (SU7) and growth (SU3) that allows no further startd; nothing when one may start.

        out: see Trusted. left: what all classes together may still start.
        """
        trusted, ramp, demand = self.ask.trusted, self.ask.ramp, self.ask.demand
        if out[trusted.key] >= trusted.most:
            have, who = f"{out[trusted.key]} of {trusted.most} out", str(demand.principal)
            yield Reason(Cause.TRUST, "unclaimed startds", "claims first", have, source=who)
        if self.started >= ramp.allowance - ramp.used:
            have = f"{ramp.allowance} per interval"
            yield Reason(Cause.RAMP, "starts", str(demand.idle), have, source="policy ramp")
        if left <= 0 and demand.job is None:
            have = "all classes' starts of this interval are used up"
            yield Reason(Cause.RAMP, "starts", str(demand.idle), have, source="policy ramp")

    def starts_left(self, out: Mapping[str, int], awaited: int) -> int:
        """For how many more startds room may be made; awaited: for so many it is on its way, counted as growth then."""
        trusted, ramp = self.ask.trusted, self.ask.ramp
        return max(0, min(trusted.most - out[trusted.key] - awaited, ramp.allowance - ramp.used - self.started))

    def choose(self, shut: Callable[[int], bool], roomy: Callable[[], list[int]]) -> Option | None:
        """The best place that is not shut. What was shut once is so until the round ends, as room only shrinks.

        shut: of an option, by its position. roomy: positions of options with room now, in order; asked when the best
        place is shut, and again when some in a row are.
        """
        if self._roomy is None and self._at(0) is not None and not shut(0):
            return self.options[0]
        if self._roomy is None:
            self._roomy = roomy()[::-1]
        found_shut = 0
        while self._roomy:
            self._next = self._roomy[-1]
            if not shut(self._next):
                return self.options[self._next]
            self._roomy.pop()
            found_shut += 1
            if found_shut % AGAIN == 0:
                self._roomy = [position for position in roomy() if position > self._next][::-1]
        self._next = len(self.options)
        return None

    def choose_growth(self, blocker: Callable[[Option], Reason | None]) -> Option | None:
        """The best place that could grow for it, where none has room (S7)."""
        while (option := self._at(self._next_growth)) is not None:
            if blocker(option) is None:
                return option
            self._next_growth += 1
        return None

    def _at(self, index: int) -> Option | None:
        """Options are found one by one; their number is known only behind the last."""
        try:
            return self.options[index]
        except IndexError:
            return None

    def took(self, jobs: int, milli: int, startds: int = 1) -> None:
        """So many startds were started, for so many jobs, of so many thousandths of a core-equivalent in all."""
        self.milli += milli
        self.unmet -= jobs
        self.placed += jobs
        self.started += startds

    @property
    def chosen(self) -> int:
        """Position of the option that was chosen last."""
        return self._next

    def considered(self) -> list[int]:
        """Positions of what is considered for the next placement (E5): better ones, the chosen, the runners-up."""
        wanted = (*range(min(self._next, CANDIDATES - 1)), *range(self._next, self._next + CANDIDATES))
        return [position for position in wanted if self._at(position) is not None]


def _cumulated(demand: DemandClass) -> list[tuple[int, int]]:
    """(jobs up to and with this priority, priority), highest priority last."""
    found, total = [], 0
    for priority, count in sorted(demand.priorities, reverse=True):
        total += count
        found.append((total, priority))
    return found[::-1]
