"""Some of a class's options in columns: thousands are asked about in a round, and few of them are ever looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.options import Option, Options

Numbers = NDArray[np.int64]


class Kinds(NamedTuple):
    """Of each option of a class which kind it is, and one of each: options of one kind differ in their place alone."""

    of: Numbers
    samples: tuple[Option, ...]

    @classmethod
    def of_all(cls, options: Options) -> Kinds:
        """Of these."""
        of, samples = np.zeros(len(options), np.int64), []
        for number, (option, positions) in enumerate(options.alike()):
            of[positions] = number
            samples.append(option)
        return cls(of, tuple(samples))


class Picked(Sequence[Option]):
    """Options of one class, best first, each made when it is asked for; of startds, not of users' Jobs.

    places: numbers of their places, in the order in which the round has these.
    """

    def __init__(self, options: Options, kinds: Kinds, positions: Numbers) -> None:
        self._options, self._kinds, self._positions = options, kinds, positions
        self.places = options.places()[positions]

    @overload
    def __getitem__(self, index: int) -> Option: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Option]: ...
    def __getitem__(self, index: int | slice) -> Option | Sequence[Option]:
        """IndexError behind the last one."""
        if isinstance(index, slice):
            return Picked(self._options, self._kinds, self._positions[index])
        return self._options[int(self._positions[index])]

    def __len__(self) -> int:
        return len(self._positions)

    @cached_property
    def alike(self) -> list[tuple[Option, Numbers]]:
        """Of each kind one option, and where such are among these."""
        kinds = self._kinds.of[self._positions]
        found = ((sample, np.flatnonzero(kinds == number)) for number, sample in enumerate(self._kinds.samples))
        return [(sample, its) for sample, its in found if len(its)]

    def part(self, wanted: NDArray[np.bool_]) -> Picked:
        """Those of them that are wanted."""
        return self if wanted.all() else Picked(self._options, self._kinds, self._positions[wanted])
