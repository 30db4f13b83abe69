"""What all members say to many classes at once, whose options were counted by place: `replies` says it of one class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.options.asking import NOWHERE, Asked, Columns, Verdicts
from fedsched.matchmaker.options.option import Numbers
from fedsched.matchmaker.options.replies import Replies
from fedsched.matchmaker.options.sets import UNCOUNTED
from fedsched.matchmaker.resources import Resources

MOST = 1 << 20
"""So many places of classes are laid out at once, for the memory that they take."""


class Lacking(NamedTuple):
    """Questions what a place (by number) lacks for a startd: of each the number of its size among `sizes`."""

    places: Numbers
    sizes: Sequence[Resources]
    which: Numbers


Closed: TypeAlias = Callable[[Lacking], Verdicts]
"""What places say that are not open."""


class Together(NamedTuple):
    """The answers of members (columns) to classes (rows).

    said: of no use where `in_words` is set and somebody must ask; None where the member has no option, see `has`.
    least: of each class the number of the place with the least in the way, and `counts` how much that is: UNCOUNTED
    where somebody must ask.
    """

    said: Verdicts
    has: NDArray[np.bool_]
    in_words: NDArray[np.bool_]
    least: Numbers
    counts: Numbers


def answered(replies: Replies, order: Numbers, asked: Sequence[tuple[Columns, Asked]], closed: Closed) -> Together:
    """What members say to classes that prefer places in that order."""
    counted = np.array([columns.counts for columns, _ in asked])
    its = replies.by_member(order)
    first = _Firsts(its, replies.begins)
    has, best = first.of(counted != NOWHERE)
    now, opened = first.of(counted == 0)
    uncounted = counted == UNCOUNTED
    in_words = first.of(uncounted)[0] if uncounted.any() else np.zeros_like(has)
    said = np.full(has.shape, None, object)
    said[now] = replies.now[opened[now]]
    shut = has & ~in_words & ~now
    if shut.any():
        said[shut] = closed(_shut(shut, best[shut], [columns for columns, _ in asked]))
    return Together(said, has, in_words, *_least(counted[:, order], order, [one.all_blocked for _, one in asked]))


class _Firsts:
    """The first place of each member of which something is true, where places are in order of members."""

    def __init__(self, its: Numbers, begins: Numbers) -> None:
        self._its, self._ends = its, [*begins.tolist()[1:], len(its)]
        self._kind: type[np.int16 | np.int32] = np.int16 if len(its) < np.iinfo(np.int16).max else np.int32
        self._ahead = np.arange(len(its), 0, -1).astype(self._kind)[:, np.newaxis]

    def of(self, true: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Numbers]:
        """Of classes (rows) and members whether there is one, and the number of the first; true: of classes, places."""
        ahead = np.take(true.T, self._its, axis=0) * self._ahead  # a row for each place: whole rows are compared
        found, begin = np.empty((len(self._ends), len(true)), self._kind), 0
        for member, end in enumerate(self._ends):
            ahead[begin:end].max(axis=0, out=found[member])
            begin = end
        there = found.T
        numbers: Numbers = self._its[len(self._its) - np.maximum(there, 1)]
        return there > 0, numbers


def _shut(shut: NDArray[np.bool_], places: Numbers, columns: Iterable[Columns]) -> Lacking:
    """The questions of classes and members none of whose places is open; places: the best of each."""
    sizes: dict[Resources, int] = {}
    of_class = np.array([sizes.setdefault(one.size, len(sizes)) for one in columns], np.int64)
    return Lacking(places, tuple(sizes), of_class[np.nonzero(shut)[0]])


def _least(counts: NDArray[np.int16], order: Numbers, all_blocked: Sequence[bool]) -> tuple[Numbers, Numbers]:
    """The place that `sets.smallest` takes of those in that order, of each class (rows), and what is in its way."""
    least, any_one = counts.argmin(axis=1), counts <= 1
    blocked = np.array(all_blocked, np.bool_) & any_one.any(axis=1)
    least[blocked] = any_one[blocked].argmax(axis=1)
    return order[least], counts[np.arange(len(counts)), least].astype(np.int64)
