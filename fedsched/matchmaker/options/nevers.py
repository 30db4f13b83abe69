"""What members say to a class that can run on none of their places: of each its nearest place does (E1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.columns import UNKNOWN
from fedsched.matchmaker.match import Matching, Place, false_of
from fedsched.matchmaker.model import DemandClass, MemberVerdict
from fedsched.matchmaker.options.asking import Verdicts
from fedsched.matchmaker.options.fitting import Fitting
from fedsched.matchmaker.options.option import Numbers
from fedsched.matchmaker.options.replies import Replies
from fedsched.matchmaker.options.sweep import UNTOLD, Said, Sweep
from fedsched.matchmaker.reasons import Reason


class Nevers:
    """Of the places of one table. never: the first thing that rules a class out somewhere."""

    def __init__(
        self,
        matching: Matching,
        fitting: Fitting,
        replies: Replies,
        never: Callable[[DemandClass, Place], Reason | None],
    ) -> None:
        self._matching, self._fitting, self._replies, self._never = matching, fitting, replies, never
        seen = (site.place.pair.seen_at for site in matching.sites)
        self._seen = np.array([-np.inf if at is None else at for at in seen], np.float64)

    def answer(
        self, answers: Verdicts, silent: NDArray[np.bool_], classes: Sequence[tuple[DemandClass, Sweep]]
    ) -> None:
        """Writes for classes (rows) what their silent members (columns) say.

        What expressions alone rule out is said again in the next round, while slots there were last seen at the same
        time: nothing else that is told of it can change.
        """
        rows = np.flatnonzero(silent.any(axis=1))
        if not len(rows):
            return
        said = [self._said(classes[row][1]) for row in rows.tolist()]
        asked, nearest = silent[rows], np.array([one.nearest for one in said])
        known = asked & (np.array([one.seen for one in said]) == self._seen[nearest])
        todo = asked & ~known
        for at in np.flatnonzero(todo.any(axis=1)).tolist():
            self._say(*classes[int(rows[at])], said[at], np.flatnonzero(todo[at]))
        its = answers[rows]
        its[asked] = np.stack([one.words for one in said])[asked]
        answers[rows] = its

    def _said(self, sweep: Sweep) -> Said:
        if sweep.found.said is None:
            members = len(self._replies.names)
            words, seen = np.full(members, None, object), np.full(members, np.nan)
            sweep.found.said = Said(np.full(members, UNTOLD, np.int64), words, seen)
        return sweep.found.said

    def _say(self, demand: DemandClass, sweep: Sweep, said: Said, members: Numbers) -> None:
        """Puts in words what these members say."""
        untold = np.zeros(len(self._replies.names), np.bool_)
        untold[members] = said.nearest[members] == UNTOLD
        if untold.any():
            nearest = sweep.nearest(np.flatnonzero(untold[self._replies.member_of]))
            whose, first = np.unique(self._replies.member_of[nearest], return_index=True)
            said.nearest[whose] = nearest[first]
        numbers = said.nearest[members]
        kinds = sweep.kinds(numbers)
        said.words[members] = np.fromiter(self._words(demand, sweep, numbers, kinds), object, len(members))
        said.seen[members] = np.where(kinds >= 0, self._seen[numbers], np.nan)

    def _words(self, demand: DemandClass, sweep: Sweep, numbers: Numbers, kinds: Numbers) -> Iterator[MemberVerdict]:
        """What these places say, each the nearest of its member; where expressions alone rule out, once for alike."""
        said: dict[tuple[int, int], int] = {}
        for number, kind in zip(numbers.tolist(), kinds.tolist(), strict=True):
            if kind < 0:
                place = self._matching.sites[number].place
                yield self._replies.never(number, self._never(demand, place))
                continue
            key = kind, self._replies.slots[number]
            if key not in said:
                why = self._first_clause(demand, sweep, number, kind)
                said[key] = self._replies.known(why or self._never(demand, self._matching.sites[number].place))
            yield self._replies.again(number, said[key])

    def _first_clause(self, demand: DemandClass, sweep: Sweep, number: int, kind: int) -> Reason | None:
        """The first of all that rules out where it is known which of the job's clauses that is; None elsewhere."""
        found, clause = sweep.found, int(sweep.found.firsts[kind])
        if clause == UNKNOWN:
            return None
        site = self._matching.sites[number]
        if kind not in found.told:
            side, size = self._matching.side(demand), self._fitting.fit(demand, site).size
            found.told[kind] = self._matching.clause(side, site, size, clause)
        told = found.told[kind]
        return None if told is None else false_of(told, site.place)
