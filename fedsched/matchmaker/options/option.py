"""An option: a place where a class could run, with form and size of a startd; and the order of options (MA5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.match import Place, Shape
from fedsched.matchmaker.model import Form, Order, Policy
from fedsched.matchmaker.resources import Resources

Numbers: TypeAlias = NDArray[np.int64]
"""Positions of places in a round, or numbers of options."""


class Choosing(msgspec.Struct, frozen=True):
    """What choosing reads besides classes and places: policy, people's orders, the snapshot's time."""

    policy: Policy
    orders: tuple[Order, ...]
    at: float


class Option(msgspec.Struct, frozen=True, gc=False):
    """A place where a class could run, with the size of a startd for it and its rank.

    packed: it is for several jobs, and one for a single job follows it, which less can keep from there. pods: of one
    placement, each of that size: more than one only for a user's Job.
    """

    place: Place
    form: Form
    size: Resources
    units: int
    rank: tuple[float, float]
    packed: bool = False
    pods: int = 1

    @property
    def shape(self) -> Shape:
        """What one placement brings."""
        return Shape(self.form, self.pods)


def preference(place: Place, *, needs_gpus: bool) -> tuple[bool, bool, str, str]:
    """Where ranks tie (MA5): no GPU node for what needs none, then nodes that hold the image already.

    Then names, never the order of observation.

    Reads nothing of a class but whether it needs GPUs: the order is kept for a round.
    """
    wasted = place.group.allocatable.gpus > 0 and not needs_gpus
    pulls = place.terms.image not in place.group.images
    return wasted, pulls, place.terms.name, place.group.name


class Options(Sequence[Option]):
    """The options of a class, best first, found in batches as they are asked for; its length finds them all.

    batches: numbers of options: their places', of an option that is for a single job beside a packed one less than 0
    (the complement). make: the option of such a number. shapes: of each place, equal where options are alike in form,
    size, units and pods. uniform: the size of all where all are startds on one node that are alike, none beside
    another; None elsewhere.
    """

    def __init__(
        self,
        batches: Iterator[Numbers],
        make: Callable[[int], Option],
        shapes: Numbers,
        uniform: Resources | None = None,
    ) -> None:
        self._batches, self._make, self._shapes, self.uniform = batches, make, shapes, uniform
        self._found = np.empty(0, np.int64)
        self._made: dict[int, Option] = {}
        self._places: Numbers | None = None
        self._packed: NDArray[np.bool_] | None = None
        self._alike: list[tuple[Option, Numbers]] | None = None

    @overload
    def __getitem__(self, index: int) -> Option: ...
    @overload
    def __getitem__(self, index: slice) -> list[Option]: ...
    def __getitem__(self, index: int | slice) -> Option | list[Option]:
        """IndexError behind the last one."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        found = self._made.get(index)
        if found is None:
            while len(self._found) <= index and self._more():
                pass
            found = self._made[index] = self._make(int(self._found[index]))
        return found

    def alone_at(self, place: int) -> Option:
        """The option at that place that no other is beside, or that is for a single job."""
        return self._make(place) if self.uniform is not None else self[int(np.flatnonzero(self.places() == place)[-1])]

    def place(self, index: int) -> int:
        """Number of the place of an option that was asked for before."""
        number = int(self._found[index])
        return number if number >= 0 else ~number

    def __len__(self) -> int:
        return len(self.numbers())

    def __bool__(self) -> bool:
        """Whether there is one; finds little more than that."""
        while not len(self._found):
            if not self._more():
                return False
        return True

    def sorted(self, order: Callable[[Option], int]) -> Options:
        """All of them in another order; equals stay as they are."""
        positions = np.argsort([order(option) for option in self], kind="stable")
        return Options(iter((self.numbers()[positions],)), self._make, self._shapes, self.uniform)

    def numbers(self) -> Numbers:
        """Those of all options, found now."""
        while self._more():
            pass
        return self._found

    def places(self) -> Numbers:
        """Numbers of the places of all options."""
        if self._places is None:
            numbers = self.numbers()
            self._places = numbers if self.uniform is not None else np.where(numbers < 0, ~numbers, numbers)
        return self._places

    def packed(self) -> NDArray[np.bool_]:
        """Of every option whether it is for several jobs and the one for a single job follows it."""
        if self._packed is None:
            numbers = self.numbers()
            self._packed = np.zeros(len(numbers), np.bool_)
            if self.uniform is None:
                self._packed[:-1] = numbers[1:] == ~numbers[:-1]
        return self._packed

    def alike(self) -> list[tuple[Option, Numbers]]:
        """Positions of all options that are alike in form, size, units and pods, with one of these options."""
        if self._alike is None:
            self._alike = self._parts() if len(self) else []
        return self._alike

    def _parts(self) -> list[tuple[Option, Numbers]]:
        if self.uniform is not None:
            return [(self[0], np.arange(len(self)))]
        kinds = 2 * self._shapes[self.places()] + (self.numbers() < 0)
        if (kinds == kinds[0]).all():
            return [(self[0], np.arange(len(kinds)))]
        parts = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds).tolist()]
        return [(self[int(positions[0])], positions) for positions in parts]

    def _more(self) -> bool:
        batch = next(self._batches, None)
        if batch is not None:
            self._found = np.concatenate((self._found, batch)) if len(self._found) else batch
        return batch is not None
