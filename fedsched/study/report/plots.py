"""Which plots a report has, in their order, and the axes that several reports share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fedsched.study.report import spread, timed
from fedsched.study.report.drawing import Plot, Scale
from fedsched.study.result import Result

PLOTS = (
    Plot(
        "supply",
        "Demand and supply",
        "Cores that jobs want, and cores of our startds by what they do. Empty under the line: demand that waits.",
        "cores",
        timed.supply_legend,
        timed.supply,
    ),
    Plot(
        "shares",
        "Share held against entitlement",
        "What each group holds, and what it has a right to at that moment; without demand it has none.",
        "core-equivalents",
        timed.shares_legend,
        timed.shares,
    ),
    Plot(
        "waits",
        "Waits by group",
        "From submission to the first slot. A job that never ran counts with what it waited so far.",
        "minutes",
        spread.waits_legend,
        spread.waits,
    ),
    Plot(
        "spikes",
        "Spikes: how supply followed",
        "Cores that jobs held and wanted since each spike began; at most the six highest spikes are drawn.",
        "cores",
        spread.spikes_legend,
        spread.spikes,
    ),
    Plot(
        "losses",
        "Evictions with work lost",
        "Jobs that lost their slot before they were done, by cause, and the work that must be done again.",
        "jobs, core-hours",
        timed.losses_legend,
        timed.losses,
    ),
    Plot(
        "fairness",
        "Fairness error",
        "How much less than their entitlement principals held while they wanted it, added up by group.",
        "core-equivalents",
        timed.fairness_legend,
        timed.fairness,
    ),
    Plot(
        "members",
        "Utilisation of each member",
        "What each member offered, and what of it was used. Each panel has a scale of its own.",
        "cores",
        timed.members_legend,
        timed.members,
    ),
)
"""In the order of the page."""


def shared_scale(results: Sequence[Result]) -> Scale:
    """Axes and colours with which all of these fit."""
    hours = max((result.series.hours[-1] for result in results if result.series.hours), default=1.0)
    return Scale(
        hours=max(hours, 0.1),
        most={name: max((most(result) for result in results), default=0.0) for name, most in _HIGHEST.items()},
        causes=tuple(sorted({cause for result in results for cause in result.losses})),
        groups=tuple(sorted({group for result in results for group in timed.largest_groups(result)})),
    )


def _top(result: Result, names: Iterable[str]) -> float:
    return max((value for name in names for value in result.series.of(name)), default=0.0)


def _stacked(result: Result, kind: str) -> float:
    columns = [result.series.of(f"{kind}/{name}") for name in result.series.names(kind)]
    return max((sum(values) for values in zip(*columns, strict=True)), default=0.0)


_HIGHEST: dict[str, Callable[[Result], float]] = {
    "supply": lambda r: max(_top(r, ["demand"]), _stacked(r, "supply")),
    "shares": lambda r: _top(
        r, [f"{kind}/{group}" for kind in ("held", "entitled") for group in timed.largest_groups(r)]
    ),
    "waits": lambda r: max((one.p95_s or 0.0 for one in r.waits), default=0.0) / 60,
    "spikes": lambda r: max((max((*ramp.claimed, *ramp.wanted), default=0.0) for ramp in r.ramps), default=0.0),
    "losses": lambda r: _stacked(r, "evicted"),
    "losses/work": lambda r: _stacked(r, "lost"),
    "fairness": lambda r: _stacked(r, "short"),
}
