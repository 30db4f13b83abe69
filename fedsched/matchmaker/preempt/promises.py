"""Room on its way: what leaves, how long that is believed, and to which class it is promised (PR1, PR3)."""

from __future__ import annotations

from collections.abc import Iterable

from fedsched.matchmaker.model import Held
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile import Standing

Sets = dict[str, list[Standing]]
"""Placements that make room for one startd together, by the id of the first."""


def is_coming(stand: Standing, wait_s: float, at: float) -> bool:
    """Whether its room will be free soon: it was told to go at once, or has nothing to finish.

    Not what the member's own pods get (OW2), and nothing that should have gone wait_s ago: that may hang.
    """
    held = stand.held
    if held.phase == "gone" or held.wanted == "run" or (held.why is not None and held.why.cause is Cause.OWNER):
        return False
    told = told_at(held)
    if told is not None and at - told >= wait_s:
        return False
    return held.wanted != "leave" or bool(held.yields_to) or not held.claims


def told_at(held: Held) -> float | None:
    """When it was told to go; None where nobody wrote that down."""
    if held.yields_to:
        return held.yields_at
    return held.leave_ordered_at or (held.why.at if held.why else None)


def in_flight(standing: Iterable[Standing], wait_s: float, at: float) -> dict[str, Sets]:
    """Evictions whose room is awaited: class key -> those that make room for one startd of it together (PR3)."""
    found: dict[str, Sets] = {}
    for stand in [stand for stand in standing if stand.held.yields_to]:
        held = stand.held
        if held.phase != "gone" and _is_promise(held, wait_s, at):
            found.setdefault(held.yields_to, {}).setdefault(held.yields_with, []).append(stand)
    return found


def promised(standing: Iterable[Standing], wait_s: float, at: float) -> dict[str, int]:
    """Startds of each class for which room was made: on its way, or free at last in this very cycle.

    Filling serves these classes first, so many startds each, or others would take what was not theirs.
    """
    found: dict[str, set[str]] = {}
    for stand in standing:
        if _is_promise(stand.held, wait_s, at):
            found.setdefault(stand.held.yields_to, set()).add(stand.held.yields_with)
    return {key: len(sets) for key, sets in sorted(found.items())}


def _is_promise(held: Held, wait_s: float, at: float) -> bool:
    return bool(held.yields_to) and at - held.yields_at < wait_s
