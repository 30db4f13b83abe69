"""Who holds more than its right while others wait, in words (PR2); other causes need no tree and are told elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isinf

from fedsched.matchmaker.explain.sentences import clean
from fedsched.matchmaker.model import Plan, ShareLine

LEAST_PERCENT = 0.1
"""Less above a right than this is told as none."""


def above_its_right(path: str, plan: Plan) -> str | None:
    """Say "physics.hep holds 12% above its right while 3 others wait", with numbers; None where no line is known."""
    line = who_is_above(path, plan)
    if line is None:
        return None
    numbers = f"entitled to {_ce(line.entitled)}, holds {_ce(line.held)} core-equivalents"
    return f"{named(line.path)} holds {over(line)}{_while(others_wait(line.path, plan))} ({numbers})"


def who_is_above(path: str, plan: Plan) -> ShareLine | None:
    """The outermost group on the way up that holds more than its right while others wait, else the line of the path."""
    lines = {line.path: line for line in plan.shares}
    mine = lines.get(path)
    if mine is None:
        return None
    above = [line for line in (mine, *_above(mine, lines)) if _has_more(line) and _waiting(line, lines)]
    return above[-1] if above else mine


def _has_more(line: ShareLine) -> bool:
    return 100 * (line.level - 1) >= LEAST_PERCENT


def over(line: ShareLine) -> str:
    """How much of its right: "90% of its right", "12% above its right", "8 core-equivalents without any right"."""
    if not line.held:
        return "nothing yet" if line.entitled else "nothing"
    if isinf(line.level):
        return f"{_ce(line.held)} core-equivalents without any right"
    if line.held < line.entitled:
        return f"{100 * line.level:.0f}% of its right"
    if line.level >= 2:
        return f"{line.level:.3g} times its right"
    percent = 100 * (line.level - 1)
    if percent < LEAST_PERCENT:
        return "all that it has a right to"
    return f"{percent:.0f}% above its right" if percent >= 10 else f"{percent:.2g}% above its right"


def in_line(path: str, plan: Plan) -> str:
    """Its place in line for the next startd: "number 3 of 7 in line"; "" without one."""
    ranked = [line for line in plan.shares if line.rank]
    mine = next((line for line in ranked if line.path == path), None)
    return f"number {mine.rank} of {len(ranked)} in line" if mine is not None else ""


def named(path: str) -> str:
    """A path of the tree for a person; the root is everybody."""
    return clean(path.lstrip("/")) or "everybody together"


def others_wait(path: str, plan: Plan) -> int:
    """How many principals outside `path` want more and hold less than their right."""
    lines = {line.path: line for line in plan.shares}
    return _waiting(lines[path], lines) if path in lines else 0


def _above(line: ShareLine, lines: Mapping[str, ShareLine]) -> Iterator[ShareLine]:
    """The groups above a line, the nearest first, the root left out."""
    above = lines.get(line.parent) if line.parent else None
    while above is not None:
        yield above
        above = lines.get(above.parent) if above.parent else None


def _waiting(subject: ShareLine, lines: Mapping[str, ShareLine]) -> int:
    others = (line for line in lines.values() if line.rank and line.held < line.entitled and line.demand > line.held)
    return sum(line is not subject and all(up is not subject for up in _above(line, lines)) for line in others)


def _while(waiting: int) -> str:
    if not waiting:
        return ""
    return " while 1 other waits" if waiting == 1 else f" while {waiting} others wait"


def _ce(milli: int) -> str:
    return f"{milli / 1000:.1f}".removesuffix(".0")
