"""How a table asks what is in the way of options now: counted where somebody counted it, else in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec
import numpy as np

from fedsched.matchmaker.model import MemberVerdict
from fedsched.matchmaker.options.option import Option, Options
from fedsched.matchmaker.options.sets import UNCOUNTED, Way
from fedsched.matchmaker.reasons import Reason, Verdict


class Asked(msgspec.Struct, frozen=True):
    """Who knows what keeps one more startd of a class from an option.

    blockers: all that does, the first of it first. counts: of each option of the class how many that are, or UNCOUNTED;
    () where nobody counted. all_blocked: it is known that no option is open.
    """

    blockers: Callable[[Option], Iterable[Reason]]
    counts: Sequence[int] = ()
    all_blocked: bool = False

    def ways(self, options: Options) -> Iterator[Way]:
        """Every option as a way with what stands in it; those for several jobs, which more keeps away, last."""
        counts = self.counts or [UNCOUNTED] * len(options)
        packed = options.packed()
        for position in (*np.flatnonzero(~packed).tolist(), *np.flatnonzero(packed).tolist()):
            yield counts[position], partial(self._of, options, position)

    def _of(self, options: Options, position: int) -> Iterable[Reason]:
        return self.blockers(options[position])

    def verdict(self, member: str, options: Options, positions: Iterable[int]) -> MemberVerdict:
        """What a member with the options at these positions says: "now" where one is open, else what blocks the best.

        The best is the first for a single job: one comes after each for several.
        """
        best: MemberVerdict | None = None
        for position in positions:
            count = self.counts[position] if self.counts else UNCOUNTED
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
