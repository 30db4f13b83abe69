"""How plots of a report are drawn: shapes, shared axes, panels, areas; which plots there are lives beside."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib as mpl
import msgspec
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedsched.study.report.ink import INKS, inline
from fedsched.study.result import Result

MOST_PANELS = 8
PIXELS_PER_INCH = 96
HOURS = "hours since the beginning"
Legend = tuple[tuple[str, str, str], ...]
"""(colour, kind, text) of each entry; kinds are area, line, dots and dot."""


class Shape(msgspec.Struct, frozen=True):
    """How large a plot is drawn, in CSS pixels: its width, and the height of one panel."""

    name: str
    width: int
    height: int
    panel: int


WIDE = Shape("wide", 880, 300, 120)
NARROW = Shape("narrow", 430, 270, 112)


class Scale(msgspec.Struct, frozen=True):
    """What several reports share, so that they can be compared: ends of axes, in hours and by plot, and colours.

    causes, groups: what has a colour of its own, in the order in which colours are given out.
    """

    hours: float
    most: dict[str, float]
    causes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Plot(msgspec.Struct, frozen=True):
    """One plot: what it is, how to read it, its legend as (colour, kind, text), and how it is drawn."""

    name: str
    title: str
    text: str
    unit: str
    legend: Callable[[Result, Scale], Legend]
    draw: Callable[[Result, Shape, Scale], Figure | None]


def drawn(plot: Plot, result: Result, shape: Shape, scale: Scale, run: str) -> str:
    """The plot as SVG text; "" where there is nothing to draw. run: a word that no other run of the page has."""
    with mpl.rc_context(_style()):
        figure = plot.draw(result, shape, scale)
        if figure is None:
            return ""
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    told = html.escape(f"{plot.title}, {result.about.policy}")
    return inline(out.getvalue(), f"{plot.name}-{run}-{shape.name}", told)


def _style() -> dict[Any, Any]:
    ink, faint, line = INKS["ink"], INKS["faint"], INKS["line"]
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "fedsched",
        "text.parse_math": False,
        "font.size": 9,
        "text.color": ink,
        "axes.edgecolor": line,
        "axes.labelcolor": faint,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": line,
        "grid.linewidth": 0.5,
        "xtick.color": line,
        "ytick.color": line,
        "xtick.labelcolor": faint,
        "ytick.labelcolor": faint,
        "lines.linewidth": 1.5,
        "lines.solid_joinstyle": "round",
    }


def panels(shape: Shape, height: int, rows: int = 1, *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure without a window or a display, and its panels from top to bottom."""
    inches = (shape.width / PIXELS_PER_INCH, height / PIXELS_PER_INCH)
    figure = Figure(figsize=inches, dpi=PIXELS_PER_INCH, layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, sharey=share_y, squeeze=False)
    return figure, [row[0] for row in axes]


def over_time(axes: Axes, scale: Scale, most: float, unit: str) -> None:
    """Hours below, amounts up to `most` on the left."""
    axes.set_xlim(0, scale.hours)
    axes.set_ylim(0, 1.05 * most or 1.0)
    axes.set_ylabel(unit)
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 3, 4, 6, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4))


def stack(axes: Axes, result: Result, names: Iterable[tuple[str, str]]) -> None:
    """Areas on top of each other: (series, colour) from the bottom up."""
    base = [0.0] * len(result.series.hours)
    for name, colour in names:
        top = [low + value for low, value in zip(base, result.series.of(name), strict=True)]
        axes.fill_between(result.series.hours, base, top, color=INKS[colour], linewidth=0)
        base = top
