"""How a table asks what is in the way of options now: counted where somebody counted it, else in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.model import MemberVerdict
from fedsched.matchmaker.options.option import Numbers, Option, Options
from fedsched.matchmaker.options.sets import UNCOUNTED, Way, first_smallest, smallest
from fedsched.matchmaker.reasons import Reason, Verdict
from fedsched.matchmaker.resources import Resources

Verdicts = NDArray[Any]
"""A MemberVerdict or None for each place or member, as an array of objects."""


def nothing(said: Verdicts) -> NDArray[np.bool_]:
    """Of each whether it says nothing."""
    return np.array([one is None for one in said.tolist()], np.bool_)


Firsts: TypeAlias = Callable[[Numbers], list[Reason]]


NOWHERE = 1 << 14
"""More than there can be in the way of an option: there is none."""


class Columns(NamedTuple):
    """What is in the way of a class at each place (by its number), of startds of one size: how many things.

    UNCOUNTED where that must be asked, NOWHERE where there is no option. Startds for several jobs, beside which there
    is one for a single job, are left out: what is in the way of the one is in the way of the other, too, and that one
    comes first.
    """

    counts: NDArray[np.int16]
    size: Resources


class Asked(msgspec.Struct, frozen=True):
    """Who knows what keeps one more startd of a class from an option.

    blockers: all that does, the first of it first. counts: of each option of the class how many that are, or UNCOUNTED;
    None where nobody counted. all_blocked: it is known that no option is open. shut: of each place (by its number) what
    it says to every class whose way there is counted, where that is known. firsts: the first blocker of each of some
    options whose way is counted and not open, by their positions. columns: how many there are by place, where all that
    are counted can be told so; counts are not needed then but where columns have UNCOUNTED.
    """

    blockers: Callable[[Option], Iterable[Reason]]
    counts: Numbers | None = None
    all_blocked: bool = False
    shut: Verdicts | None = None
    firsts: Firsts | None = None
    columns: Columns | None = None

    def counted(self, options: Options) -> Numbers:
        """Of each option how many blockers it has, or UNCOUNTED."""
        return np.full(len(options), UNCOUNTED, np.int64) if self.counts is None else self.counts

    def fewest(self, options: Options) -> tuple[Reason, ...]:
        """All that stands in the way with the least in it, of those the first; () where one is open (RE2)."""
        counts, packed = self.counted(options), options.packed()
        order = np.arange(len(counts))
        if packed.any():
            order = np.argsort(packed, kind="stable")  # more keeps those for several away
        if (counts == UNCOUNTED).any():
            return smallest(self._ways(options, counts, order), none_empty=self.all_blocked)
        best = int(order[first_smallest(counts[order], none_empty=self.all_blocked)])
        return tuple(self.blockers(options[best])) if counts[best] else ()

    def _ways(self, options: Options, counts: Numbers, order: Numbers) -> Iterator[Way]:
        for position in order.tolist():
            yield int(counts[position]), partial(self._of, options, position)

    def _of(self, options: Options, position: int) -> Iterable[Reason]:
        return self.blockers(options[position])

    def verdict(self, member: str, options: Options, positions: Iterable[int]) -> MemberVerdict:
        """What a member with the options at these positions says: "now" where one is open, else what blocks the best.

        The best is the first for a single job: one comes after each for several. `replies` says the same of all members
        whose options were counted.
        """
        best: MemberVerdict | None = None
        counts = self.counted(options)
        for position in positions:
            count = counts[position]
            if best is not None and (count > 0 or self.all_blocked):
                continue
            option = options[position]
            reason = None if count == 0 else next(iter(self.blockers(option)), None)
            if reason is None:
                return MemberVerdict(member, Verdict.NOW, None, option.place.group.name)
            if best is None and not option.packed:
                best = MemberVerdict(member, Verdict.NOT_NOW, reason, option.place.group.name)
        if best is None:
            raise AssertionError("no option, or a packed one without the one for a single job behind it")
        return best
