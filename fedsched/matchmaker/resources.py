"""Resource vectors in integers, and the arithmetic of fitting; nothing here knows who asks or who lends."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

UNBOUNDED = 2**62
"""What stands for "no limit" in counts; far above any federation, far below overflow."""


class Resources(msgspec.Struct, frozen=True, gc=False, order=True, omit_defaults=True):
    """An amount of each resource: a request, a node's allocatable, or what is free.

    cpu_milli: thousandths of a core. memory_mib, disk_mib: MiB. gpus: whole devices. pods: places for pods on a node.
    other: extended resources by their Kubernetes name, sorted by name, without zeros.
    """

    cpu_milli: int = 0
    memory_mib: int = 0
    disk_mib: int = 0
    gpus: int = 0
    pods: int = 0
    other: tuple[tuple[str, int], ...] = ()

    def items(self) -> Iterator[tuple[str, int]]:
        """Every resource with its amount, zeros of the five fixed ones included."""
        yield "cpu_milli", self.cpu_milli
        yield "memory_mib", self.memory_mib
        yield "disk_mib", self.disk_mib
        yield "gpus", self.gpus
        yield "pods", self.pods
        yield from self.other

    def get(self, name: str) -> int:
        """The amount of one resource; 0 for an extended resource that is not named."""
        if name in FIXED:
            value: int = getattr(self, name)
            return value
        return dict(self.other).get(name, 0)

    def __add__(self, more: Resources) -> Resources:
        return _combine(self, more, 1)

    def __sub__(self, less: Resources) -> Resources:
        """May go below zero: a node can be oversubscribed by pods that the scheduler did not place."""
        return _combine(self, less, -1)

    def times(self, count: int) -> Resources:
        """`count` of this amount."""
        return Resources(
            self.cpu_milli * count,
            self.memory_mib * count,
            self.disk_mib * count,
            self.gpus * count,
            self.pods * count,
            tuple((name, amount * count) for name, amount in self.other if amount * count),
        )

    def floor_zero(self) -> Resources:
        """Negative amounts become 0."""
        return Resources(
            max(0, self.cpu_milli),
            max(0, self.memory_mib),
            max(0, self.disk_mib),
            max(0, self.gpus),
            max(0, self.pods),
            tuple((name, amount) for name, amount in self.other if amount > 0),
        )

    def at_most(self, ceiling: Resources, named: frozenset[str]) -> Resources:
        """Component-wise minimum with `ceiling` for the resources in `named`; the others stay."""
        fixed = {n: min(v, ceiling.get(n)) if n in named else v for n, v in self.items() if n in FIXED}
        other = tuple((n, min(v, ceiling.get(n)) if n in named else v) for n, v in self.other)
        return Resources(**fixed, other=tuple((n, v) for n, v in other if v))


FIXED = frozenset({"cpu_milli", "memory_mib", "disk_mib", "gpus", "pods"})
"""Names of the resources that are fields; every other name is an extended resource."""

UNITS = {"cpu_milli": "m", "memory_mib": "MiB", "disk_mib": "MiB", "gpus": "GPU", "pods": "pods"}
"""Unit of each fixed resource, for sentences."""


def _combine(left: Resources, right: Resources, sign: int) -> Resources:
    other = left.other
    if right.other:
        sums = dict(left.other)
        for name, amount in right.other:
            sums[name] = sums.get(name, 0) + sign * amount
        other = tuple(sorted((name, amount) for name, amount in sums.items() if amount))
    return Resources(
        left.cpu_milli + sign * right.cpu_milli,
        left.memory_mib + sign * right.memory_mib,
        left.disk_mib + sign * right.disk_mib,
        left.gpus + sign * right.gpus,
        left.pods + sign * right.pods,
        other,
    )


def how_many(request: Resources, room: Resources) -> int:
    """How often `request` fits into `room`: floor of the scarcest ratio (SU2); UNBOUNDED for an empty request."""
    best = UNBOUNDED
    for name, amount in request.items():
        if amount > 0:
            best = min(best, max(0, room.get(name)) // amount)
    return best


def fits(request: Resources, room: Resources) -> bool:
    """Whether one `request` fits into `room`; what is not asked for may be missing. Written out: it is asked most."""
    return (
        (request.cpu_milli <= room.cpu_milli or request.cpu_milli <= 0)
        and (request.memory_mib <= room.memory_mib or request.memory_mib <= 0)
        and (request.disk_mib <= room.disk_mib or request.disk_mib <= 0)
        and (request.gpus <= room.gpus or request.gpus <= 0)
        and (request.pods <= room.pods or request.pods <= 0)
        and (not request.other or all(amount <= max(0, room.get(name)) for name, amount in request.other))
    )


def with_amount(room: Resources, name: str, amount: int) -> Resources:
    """The same with another amount of one resource."""
    if name in FIXED:
        return msgspec.structs.replace(room, **{name: amount})
    other = {**dict(room.other), name: amount}
    return msgspec.structs.replace(room, other=tuple(sorted((key, value) for key, value in other.items() if value)))


def lacking(request: Resources, room: Resources) -> tuple[str, int, int] | None:
    """The first resource that does not fit as (name, needed, had), the relatively scarcest first; None when all fit."""
    short = [(room.get(n) / amount, n, amount, room.get(n)) for n, amount in request.items() if amount > room.get(n)]
    if not short:
        return None
    _, name, need, have = min(short)
    return name, need, have


def show(name: str, amount: int) -> str:
    """One amount for a person: '12 cores', '96.0 GiB', '1 GPU', '2 xilinx.com/fpga'."""
    if name == "cpu_milli":
        return f"{amount / 1000:g} core{'' if amount == 1000 else 's'}"
    if name in {"memory_mib", "disk_mib"}:
        return f"{amount / 1024:.4g} GiB" if abs(amount) >= 1024 else f"{amount} MiB"
    if name == "gpus":
        return f"{amount} GPU"
    return f"{amount} {name}"


def describe(request: Resources) -> str:
    """A request for a person: '8 cores · 96 GiB · 10 GiB disk · 1 GPU'."""
    parts = [show("cpu_milli", request.cpu_milli), show("memory_mib", request.memory_mib)]
    if request.disk_mib:
        parts.append(show("disk_mib", request.disk_mib) + " disk")
    parts += [show(n, v) for n, v in (("gpus", request.gpus), *request.other) if v]
    return " · ".join(parts)
