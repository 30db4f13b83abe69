"""Plots that are not over the time of a run: waits of groups, and supply since each spike began."""

from __future__ import annotations

from matplotlib.figure import Figure

from fedsched.study.report.drawing import Legend, Scale, Shape, panels
from fedsched.study.report.ink import INKS, series
from fedsched.study.result import Result

MOST_SPIKES = 6
HOUR_MIN = 60
TWO_DAYS_MIN = 2 * 24 * 60


def waits_legend(_result: Result, _scale: Scale) -> Legend:
    """See Plot."""
    return (("c1", "dot", "half of the jobs (p50)"), ("c5", "diamond", "95 of 100 jobs (p95)"))


def waits(result: Result, shape: Shape, scale: Scale) -> Figure | None:
    """A row for each group, on an axis that shows seconds and days; None without jobs."""
    known = [one for one in result.waits if one.p50_s is not None and one.p95_s is not None]
    if not known:
        return None
    figure, (axes,) = panels(shape, 78 + 26 * len(known))
    for row, one in enumerate(known):
        ends = (one.p50_s or 0.0) / 60, (one.p95_s or 0.0) / 60
        axes.plot(ends, (row, row), color=INKS["faint"], linewidth=1)
        axes.plot(ends[:1], (row,), "o", color=INKS["c1"])
        axes.plot(ends[1:], (row,), "D", color=INKS["c5"], markersize=5)
    axes.set_yticks(range(len(known)), [one.group or "no group" for one in known])
    axes.set_ylim(len(known) - 0.4, -0.6)
    axes.set_xscale("symlog", linthresh=1.0, linscale=0.5)
    axes.set_xlim(0, max(2.0, 1.3 * scale.most["waits"]))
    ticks = [0, 1, 10, 60, 600, 3600, 14_400]
    shown = [tick for tick in ticks if tick <= max(2.0, 1.3 * scale.most["waits"])]
    axes.set_xticks(shown, [_minutes(tick) for tick in shown])
    axes.minorticks_off()
    axes.set_xlabel("from submission to the first slot")
    return figure


def _minutes(minutes: float) -> str:
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 2880 else f"{minutes / 1440:.0f} d"


def largest_spikes(result: Result) -> tuple[int, ...]:
    """Places of the spikes that are drawn: the highest, in the order of time."""
    places = sorted(range(len(result.ramps)), key=lambda place: -result.ramps[place].spike.peak)
    return tuple(sorted(places[:MOST_SPIKES]))


def spikes_legend(result: Result, _scale: Scale) -> Legend:
    """See Plot."""
    shown = largest_spikes(result)
    lines = tuple((series(i), "line", f"{result.ramps[place].spike.id}: held") for i, place in enumerate(shown))
    return (*lines, ("faint", "dots", "wanted")) if lines else ()


def spikes(result: Result, shape: Shape, scale: Scale) -> Figure | None:
    """A line for each spike from its begin on; None without any."""
    shown = [result.ramps[place] for place in largest_spikes(result)]
    if not any(ramp.minutes for ramp in shown):
        return None
    figure, (axes,) = panels(shape, shape.height)
    for number, ramp in enumerate(shown):
        colour = INKS[series(number)]
        axes.plot(ramp.minutes, ramp.wanted, color=colour, linestyle=(0, (1, 2)), linewidth=1.2)
        axes.plot(ramp.minutes, ramp.claimed, color=colour)
    axes.set_ylim(0, 1.05 * scale.most["spikes"] or 1.0)
    axes.set_xlim(0, None)
    axes.set_ylabel("cores")
    axes.set_xlabel("minutes since the spike began")
    return figure
