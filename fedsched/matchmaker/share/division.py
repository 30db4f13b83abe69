"""Weighted max-min division of one amount (FS1, FS4): arithmetic only; who asks and why is known elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec


class Claimant(msgspec.Struct, frozen=True):
    """One who shares: by `weight` (0: only what the others leave), at least `floor`, at most `cap`."""

    weight: float
    floor: float
    cap: float


def divide(amount: float, claimants: Sequence[Claimant]) -> list[float]:
    """Each one's part: clamp(level x weight, floor, cap), with the one level at which the parts sum to `amount`.

    Less when all are at their caps. Floors that together exceed the amount are scaled down together. Weight 0 gets its
    floor, and beyond it equal parts of what the others leave.
    Source: max-min fairness by progressive filling: Bertsekas and Gallager, Data Networks, section 6.5.2.
    """
    floors = [min(max(0.0, c.floor), max(0.0, c.cap)) for c in claimants]
    caps = [max(0.0, c.cap) for c in claimants]
    assured = math.fsum(floors)
    if assured >= amount:
        part = max(0.0, amount) / assured if assured > 0 else 0.0
        return [floor * part for floor in floors]
    weighty = [i for i, c in enumerate(claimants) if c.weight > 0]
    light = [i for i, c in enumerate(claimants) if c.weight <= 0]
    parts = floors[:]
    left = amount - math.fsum(floors[i] for i in light)
    _level(parts, left, weighty, [c.weight for c in claimants], caps)
    if light:
        left = amount - math.fsum(parts[i] for i in weighty)
        _level(parts, left, light, [1.0] * len(caps), caps)
    return parts


def _level(parts: list[float], amount: float, who: list[int], weights: Sequence[float], caps: list[float]) -> None:
    """Raise the level from one event (a floor passed, a cap reached) to the next until the amount is divided.

    parts: the floors of `who` on entry, their parts on return.
    """
    events = sorted([(parts[i] / weights[i], 0, i) for i in who] + [(caps[i] / weights[i], 1, i) for i in who])
    fixed = {i: parts[i] for i in who}
    growing: set[int] = set()
    total, weight, level = math.fsum(fixed.values()), 0.0, 0.0
    for at, kind, i in events:
        if weight > 0 and total + weight * (at - level) >= amount:
            break
        total += weight * (at - level)
        level = at
        if kind == 0:
            growing.add(i)
            fixed.pop(i)
        else:
            growing.discard(i)
            fixed[i] = caps[i]
        weight = math.fsum(weights[j] for j in growing) if len(growing) < 2 else _grown(weight, weights[i], kind)
    if growing:
        rest = amount - math.fsum(fixed.values())
        level = rest / math.fsum(weights[j] for j in growing)
    for i in who:
        parts[i] = fixed[i] if i in fixed else min(caps[i], max(parts[i], level * weights[i]))


def _grown(weight: float, change: float, kind: int) -> float:
    return weight + change if kind == 0 else weight - change
