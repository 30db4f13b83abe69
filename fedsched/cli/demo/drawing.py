"""Bars, charts and cut lines in text of a given width, in colour or plain; what they show is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text

COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "bright_red")
"""Of groups, in their order; they repeat when there are more groups."""


class Ink(NamedTuple):
    """What the terminal can show. levels: heights of a chart's column, from empty to full.

    full: of bars; "" where groups cannot be told apart by colours and are drawn as letters.
    """

    levels: str
    full: str
    coming: str
    going: str
    empty: str
    mark: str
    more: str
    between: str


BLOCKS = Ink(" ▁▂▃▄▅▆▇█", "█", "▒", "░", "·", "┃", "…", " · ")
PLAIN = Ink(" .:-=+*%#", "", "+", "-", ".", "|", "~", ", ")


class Part(NamedTuple):
    """A stretch of a bar."""

    amount: float
    symbol: str
    style: str = ""


def bar(parts: Sequence[Part], whole: float, width: int, empty: str) -> Text:
    """Stretches side by side in `width` characters that stand for `whole`; what is there is never drawn as nothing."""
    text = Text(no_wrap=True)
    done, drawn = 0.0, 0
    for part in parts:
        done += part.amount
        end = min(width, round(done / whole * width)) if whole > 0 else 0
        if part.amount > 0 and end <= drawn < width:
            end = drawn + 1
        text.append(part.symbol * max(0, end - drawn), style=part.style)
        drawn = max(drawn, end)
    text.append(empty * (width - drawn), style="dim")
    return text


def marked(text: Text, at: int, mark: str) -> Text:
    """The bar with a mark over its character number `at`."""
    at = min(max(at, 0), len(text) - 1)
    return Text.assemble(text[:at], (mark, "bold"), text[at + 1 :])


def chart(values: Sequence[float], most: float, size: tuple[int, int], ink: Ink) -> list[str]:
    """Columns of eighths, in size[0] characters and size[1] rows; the highest value drawn is `most`."""
    width, rows = size
    steps = len(ink.levels) - 1
    heights = [round(value / most * steps * rows) if most > 0 else 0 for value in values]
    heights = [max(1, height) if value > 0 else 0 for height, value in zip(heights, values, strict=True)]
    lines = []
    for row in reversed(range(rows)):
        levels = (min(steps, max(0, height - row * steps)) for height in heights)
        lines.append("".join(ink.levels[level] for level in levels).ljust(width))
    return lines


def buckets(samples: Sequence[tuple[float, float]], span: tuple[float, float], width: int) -> list[float]:
    """The highest value in each of `width` equal parts of the span, up to the last sample; gaps repeat what was."""
    begins, ends = span
    each = (ends - begins) / width
    found: list[float | None] = [None] * width
    for at, value in samples:
        place = min(width - 1, int((at - begins) / each)) if each > 0 else 0
        found[place] = max(found[place] or 0.0, value)
    last = max((place for place, value in enumerate(found) if value is not None), default=-1)
    filled: list[float] = []
    for place in range(last + 1):
        here = found[place]
        before = filled[-1] if filled else 0.0
        filled.append(before if here is None else here)
    return filled


def cut(text: Text | str, width: int, more: str) -> Text:
    """One line of at most `width` characters."""
    text = Text(text) if isinstance(text, str) else text
    text.no_wrap = True
    if len(text) <= width:
        return text
    return Text.assemble(text[: max(0, width - 1)], more) if width > 0 else Text()


def columns(cells: Sequence[Text | str], widths: Sequence[int], rights: frozenset[int], more: str) -> Text:
    """One row of a table: each cell cut or filled to its width, two spaces between; cells in `rights` are set right."""
    row = Text(no_wrap=True)
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        text = cut(cell, width, more)
        gap = " " * (width - len(text))
        row = Text.assemble(row, "  " if number else "", *((gap, text) if number in rights else (text, gap)))
    row.rstrip()
    return row
