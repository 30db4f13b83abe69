"""Plots over the time of a run: demand and supply, shares, fairness, evictions, members."""

from __future__ import annotations

from matplotlib.figure import Figure

from fedsched.study.moment import PHASES
from fedsched.study.report.drawing import HOURS, MOST_PANELS, Legend, Scale, Shape, over_time, panels, stack
from fedsched.study.report.ink import INKS, series
from fedsched.study.result import Result

_PHASE_INKS = dict(zip(PHASES, ("c1", "c2", "c3", "c4"), strict=True))


def supply_legend(_result: Result, _scale: Scale) -> Legend:
    """See Plot."""
    areas = tuple((colour, "area", f"startds {phase}") for phase, colour in _PHASE_INKS.items())
    return (("ink", "line", "wanted by jobs that wait or run"), *areas)


def supply(result: Result, shape: Shape, scale: Scale) -> Figure | None:
    """Stacked startds under the line of what is wanted."""
    figure, (axes,) = panels(shape, shape.height)
    stack(axes, result, ((f"supply/{phase}", colour) for phase, colour in _PHASE_INKS.items()))
    axes.plot(result.series.hours, result.series.of("demand"), color=INKS["ink"])
    over_time(axes, scale, scale.most["supply"], "cores")
    axes.set_xlabel(HOURS)
    return figure


def shares_legend(_result: Result, _scale: Scale) -> Legend:
    """See Plot."""
    return (("c1", "area", "held"), ("c5", "line", "entitled to"))


def largest_groups(result: Result) -> tuple[str, ...]:
    """Groups that are drawn: those with the largest rights, in the order of their names."""
    names = result.series.names("entitled")
    largest = sorted(names, key=lambda group: -result.numbers.get(f"entitled.{group}", 0.0))
    return tuple(sorted(largest[:MOST_PANELS]))


def shares(result: Result, shape: Shape, scale: Scale) -> Figure | None:
    """A panel for each group on one scale; None without any."""
    shown = largest_groups(result)
    if not shown:
        return None
    figure, rows = panels(shape, 40 + shape.panel * len(shown), len(shown), share_y=True)
    for axes, group in zip(rows, shown, strict=True):
        stack(axes, result, [(f"held/{group}", "c1")])
        axes.plot(result.series.hours, result.series.of(f"entitled/{group}"), color=INKS["c5"])
        over_time(axes, scale, scale.most["shares"], "")
        axes.set_title(group or "no group")
    rows[-1].set_xlabel(HOURS)
    figure.supylabel("core-equivalents", color=INKS["faint"], fontsize=9)
    return figure


def losses_legend(_result: Result, scale: Scale) -> Legend:
    """See Plot."""
    return tuple((series(number), "area", cause) for number, cause in enumerate(scale.causes))


def losses(result: Result, shape: Shape, scale: Scale) -> Figure | None:
    """Jobs, and work, that went so far; None without any."""
    if not result.losses:
        return None
    figure, rows = panels(shape, 40 + 2 * shape.panel, 2)
    for axes, kind, title in zip(rows, ("evicted", "lost"), ("jobs", "core-hours of work lost"), strict=True):
        stack(axes, result, ((f"{kind}/{cause}", series(number)) for number, cause in enumerate(scale.causes)))
        over_time(axes, scale, scale.most["losses" if kind == "evicted" else "losses/work"], "")
        axes.set_title(f"{title}, all so far")
    rows[-1].set_xlabel(HOURS)
    return figure


def fairness_legend(_result: Result, scale: Scale) -> Legend:
    """See Plot."""
    return tuple((series(number), "area", group or "no group") for number, group in enumerate(scale.groups))


def fairness(result: Result, shape: Shape, scale: Scale) -> Figure | None:
    """Stacked by group; None without any."""
    if not scale.groups:
        return None
    figure, (axes,) = panels(shape, shape.height)
    stack(axes, result, ((f"short/{group}", series(number)) for number, group in enumerate(scale.groups)))
    over_time(axes, scale, scale.most["fairness"], "core-equivalents short")
    axes.set_xlabel(HOURS)
    return figure


def largest_members(result: Result) -> tuple[str, ...]:
    """Members that are drawn: those that offered most, in the order of their names."""
    names = result.series.names("offered")
    largest = sorted(names, key=lambda member: -result.numbers.get(f"offered_core_hours.{member}", 0.0))
    return tuple(sorted(largest[:MOST_PANELS]))


def members_legend(_result: Result, _scale: Scale) -> Legend:
    """See Plot."""
    return (
        ("ink", "line", "offered: not used by others there"),
        ("c1", "area", "held by jobs"),
        ("c2", "area", "held by startds without a job"),
    )


def members(result: Result, shape: Shape, scale: Scale) -> Figure | None:
    """A panel for each member on a scale of its own; None without any."""
    shown = largest_members(result)
    if not shown:
        return None
    figure, rows = panels(shape, 40 + shape.panel * len(shown), len(shown))
    for axes, member in zip(rows, shown, strict=True):
        hours, offered = result.series.hours, result.series.of(f"offered/{member}")
        axes.fill_between(hours, result.series.of(f"ours/{member}"), color=INKS["c2"], linewidth=0)
        axes.fill_between(hours, result.series.of(f"claimed/{member}"), color=INKS["c1"], linewidth=0)
        axes.plot(hours, offered, color=INKS["ink"], linewidth=1.2)
        over_time(axes, scale, max(offered, default=0.0), "")
        used = result.numbers.get(f"utilisation.{member}", 0.0)
        axes.set_title(f"{member}: {100 * used:.0f} % used")
    rows[-1].set_xlabel(HOURS)
    figure.supylabel("cores", color=INKS["faint"], fontsize=9)
    return figure
