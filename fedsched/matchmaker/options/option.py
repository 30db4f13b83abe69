"""An option: a place where a class could run, with form and size of a startd; and the order of options (MA5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import msgspec

from fedsched.matchmaker.match import Place, Shape
from fedsched.matchmaker.model import Form, Order, Policy
from fedsched.matchmaker.resources import Resources


class Choosing(msgspec.Struct, frozen=True):
    """What choosing reads besides classes and places: policy, people's orders, the snapshot's time."""

    policy: Policy
    orders: tuple[Order, ...]
    at: float


class Option(msgspec.Struct, frozen=True):
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
    """The options of a class, best first, found one by one as they are asked for; its length finds them all."""

    def __init__(self, source: Iterator[Option]) -> None:
        self._source = source
        self._found: list[Option] = []

    @overload
    def __getitem__(self, index: int) -> Option: ...
    @overload
    def __getitem__(self, index: slice) -> list[Option]: ...
    def __getitem__(self, index: int | slice) -> Option | list[Option]:
        """IndexError behind the last one."""
        if isinstance(index, slice) or index < 0:
            return self.all()[index]
        while len(self._found) <= index:
            option = next(self._source, None)
            if option is None:
                break
            self._found.append(option)
        return self._found[index]

    def __len__(self) -> int:
        return len(self.all())

    def __bool__(self) -> bool:
        """Whether there is one; finds no more than that."""
        return next(iter(self), None) is not None

    def all(self) -> list[Option]:
        """Every option, found now."""
        self._found += self._source
        return self._found
