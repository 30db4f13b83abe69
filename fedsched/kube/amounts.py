"""Amounts as nodes and pods state them, in integers: reading, adding, turning them into Resources."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

from fedsched.kube.quantities import value
from fedsched.kube.wire import Needs, PodSpec
from fedsched.kube.wire_own import OwnPodSpec
from fedsched.matchmaker.resources import UNBOUNDED, Resources

LONGEST_QUANTITY = 64
MEBI = 2**20


class Amounts(NamedTuple):
    """cpu in thousandths of a core; memory and disk in bytes; other: extended resources, sorted by name, no zeros."""

    cpu: int = 0
    memory: int = 0
    disk: int = 0
    pods: int = 0
    other: tuple[tuple[str, int], ...] = ()


NOTHING = Amounts()
_resources = msgspec.json.Decoder(Needs)


@lru_cache(maxsize=65536)
def quantity(text: str, thousandths: bool = False, up: bool = True) -> int | None:  # noqa: FBT001, FBT002 - the cache wants plain arguments
    """A Kubernetes quantity in whole units or thousandths, rounded, at most UNBOUNDED; None if it is none."""
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text) * (1000 if thousandths else 1)
    number = value(text) if len(text) <= LONGEST_QUANTITY else None
    if number is None:
        return None
    number *= 1000 if thousandths else 1
    whole = math.ceil(number) if up else math.floor(number)
    return max(-UNBOUNDED, min(UNBOUNDED, whole))


def available(stated: Mapping[str, str]) -> Amounts:
    """Allocatable, rounded down; what cannot be read counts as nothing."""
    return _amounts(tuple(stated.items()), up=False)


@lru_cache(maxsize=16384)
def _amounts(stated: tuple[tuple[str, str], ...], *, up: bool) -> Amounts:
    """Requests are rounded up, and what cannot be read is without bound, so that it is never taken for room."""
    unreadable = UNBOUNDED if up else 0
    read = dict.fromkeys(("cpu", "memory", "ephemeral-storage", "pods"), 0)
    other = {}
    for name, text in stated:
        amount = quantity(text, name == "cpu", up)
        amount = unreadable if amount is None else max(0, amount)
        if name in read:
            read[name] = amount
        elif "/" in name and amount:
            other[name] = amount
    return Amounts(read["cpu"], read["memory"], read["ephemeral-storage"], read["pods"], tuple(sorted(other.items())))


def add(left: Amounts, right: Amounts) -> Amounts:
    """Both together."""
    if not right.other or not left.other:
        other = left.other or right.other
    else:
        sums = dict(left.other)
        for name, amount in right.other:
            sums[name] = sums.get(name, 0) + amount
        other = tuple(sorted(sums.items()))
    return Amounts(
        left.cpu + right.cpu, left.memory + right.memory, left.disk + right.disk, left.pods + right.pods, other
    )


def larger(left: Amounts, right: Amounts) -> Amounts:
    """The larger of each."""
    other = dict(left.other)
    for name, amount in right.other:
        other[name] = max(other.get(name, 0), amount)
    return Amounts(
        max(left.cpu, right.cpu),
        max(left.memory, right.memory),
        max(left.disk, right.disk),
        max(left.pods, right.pods),
        tuple(sorted(other.items())),
    )


def less(left: Amounts, right: Amounts) -> Amounts:
    """What remains; never below zero."""
    other = left.other
    if right.other and other:
        taken = dict(right.other)
        rest = ((name, amount - taken.get(name, 0)) for name, amount in other)
        other = tuple((name, amount) for name, amount in rest if amount > 0)
    return Amounts(
        max(0, left.cpu - right.cpu),
        max(0, left.memory - right.memory),
        max(0, left.disk - right.disk),
        max(0, left.pods - right.pods),
        other,
    )


def resources(amounts: Amounts, gpu_resource: str = "", *, up: bool = False) -> Resources:
    """As the matchmaker counts: whole MiB, rounded down (room) or up (needs); `gpu_resource` becomes gpus."""
    spare = MEBI - 1 if up else 0
    other, gpus = amounts.other, 0
    if gpu_resource and other:
        gpus = dict(other).get(gpu_resource, 0)
        other = tuple(pair for pair in other if pair[0] != gpu_resource)
    return Resources(
        amounts.cpu, (amounts.memory + spare) // MEBI, (amounts.disk + spare) // MEBI, gpus, amounts.pods, other
    )


def gpu_name(amounts: Amounts, known: Iterable[str]) -> str:
    """Which of the resources that count as GPUs is there; the first of `known`, "" for none."""
    there = {name for name, _ in amounts.other}
    return next((name for name in known if name in there), "")


def pod_needs(spec: PodSpec | OwnPodSpec) -> Amounts:
    """What the scheduler counts for a pod on its node, one place included.

    Containers and restartable init containers (sidecars) add up; a plain init container needs its own request beside
    the sidecars started before it, and the larger of the two phases counts; requests of the pod as a whole replace the
    sum; overhead comes on top.
    """
    if isinstance(spec, OwnPodSpec):
        main = tuple(_plain(c.resources.requests) for c in spec.containers)
        init = tuple((_plain(c.resources.requests), c.restart_policy) for c in spec.init_containers)
        whole = _plain(spec.resources.requests) if spec.resources is not None else ()
    elif not (spec.init_containers or spec.overhead or spec.resources):
        return _alike(tuple([bytes(c.resources) for c in spec.containers]))
    else:
        main = tuple(_stated(bytes(c.resources)) for c in spec.containers)
        init = tuple((_stated(bytes(c.resources)), c.restart_policy) for c in spec.init_containers)
        whole = _stated(bytes(spec.resources)) if spec.resources else ()
    return _needs(main, init, whole, _plain(spec.overhead))


Stated = tuple[tuple[str, str], ...]
"""Requests as written."""


def _plain(stated: Mapping[str, str]) -> Stated:
    return tuple(stated.items())


@lru_cache(maxsize=16384)
def _alike(containers: tuple[bytes, ...]) -> Amounts:
    return _needs(tuple(_stated(text) for text in containers), (), (), ())


@lru_cache(maxsize=16384)
def _stated(resources: bytes) -> Stated:
    return _plain(_resources.decode(resources).requests)


@lru_cache(maxsize=16384)
def _needs(main: tuple[Stated, ...], init: tuple[tuple[Stated, str], ...], whole: Stated, overhead: Stated) -> Amounts:
    total = NOTHING
    for stated in main:
        total = add(total, _amounts(stated, up=True))
    total = _with_init(total, init)
    asked, names = _amounts(whole, up=True), dict(whole)
    total = total._replace(
        cpu=asked.cpu if "cpu" in names else total.cpu, memory=asked.memory if "memory" in names else total.memory
    )
    return add(total, _amounts(overhead, up=True))._replace(pods=1)


def _with_init(main: Amounts, init: Iterable[tuple[Stated, str]]) -> Amounts:
    sidecars = peak = NOTHING
    for stated, restart_policy in init:
        needs = _amounts(stated, up=True)
        if restart_policy == "Always":
            sidecars = add(sidecars, needs)
            peak = larger(peak, sidecars)
        else:
            peak = larger(peak, add(sidecars, needs))
    return larger(add(main, sidecars), peak)
