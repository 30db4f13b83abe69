"""One class while turns to ask are taken: what it still needs, where, and how much of that is on its way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.picked import Picked
from fedsched.matchmaker.preempt.wishes import Wish
from fedsched.matchmaker.preempt.yard import Places
from fedsched.matchmaker.share import path_of


class Turn:
    """A class while turns are taken: what it still needs, and for how many of its startds room is on its way."""

    def __init__(self, wish: Wish) -> None:
        self.demand = wish.demand
        self.options = _single(wish.options)
        self.kept = self.options if wish.kept is wish.options else _single(wish.kept) or self.options
        self.pods = _most_pods(wish.options)
        self.path = path_of(wish.demand.principal)
        self.unmet = wish.unmet
        self.starts = wish.starts
        self.awaited = 0
        self.usable: Places | None = None

    @property
    def priority(self) -> int:
        """The priority of its best job that nothing serves yet: the schedd starts higher ones first."""
        ahead = max(0, self.demand.idle - self.unmet)
        for priority, jobs in self.demand.priorities:
            if ahead < jobs:
                return priority
            ahead -= jobs
        return self.demand.priorities[-1][0] if self.demand.priorities else 0

    def await_room(self, option: Option) -> None:
        """One startd of the option will have room."""
        self.awaited += 1
        self.starts -= 1
        self.unmet -= option.units


def _single(options: Sequence[Option]) -> Sequence[Option]:
    """Options of one pod each: for these an eviction makes room."""
    if isinstance(options, Picked):
        single = np.zeros(len(options), np.bool_)
        for option, its in options.alike:
            single[its] = _is_single(option)
        return options.part(single)
    return tuple(o for o in options if _is_single(o))


def _is_single(option: Option) -> bool:
    return option.form != "startd-daemonset" and option.pods == 1


def _most_pods(options: Sequence[Option]) -> int:
    some = [option for option, _ in options.alike] if isinstance(options, Picked) else options
    return max((option.pods for option in some), default=1)
