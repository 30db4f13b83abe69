"""One page that holds everything: numbers, plots and tables of one run, or of several beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from fedsched.matchmaker.explain import age
from fedsched.study.numbers import meaning
from fedsched.study.report.drawing import NARROW, WIDE, Plot, Scale, drawn
from fedsched.study.report.plots import PLOTS, shared_scale
from fedsched.study.report.tables import HIGHLIGHTS, compared, run_names, sheets, shown
from fedsched.study.report.verdict import Verdict
from fedsched.study.result import Result


class Picture(msgspec.Struct, frozen=True):
    """One plot of one run as SVG, in both widths; "" where there is nothing to draw or it is not shown."""

    name: str
    wide: str
    narrow: str


def page(results: Sequence[Result], verdict: Verdict | None = None) -> str:
    """The page as HTML text; several runs are compared, the first is what the others are measured against."""
    first, verdict, several = results[0], verdict or Verdict(), len(results) > 1
    names = run_names(results)
    folder = Path(__file__).parent
    world = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False
    )
    return world.get_template("page.html.j2").render(
        about=first.about,
        title=first.about.title or first.about.scenario,
        names=names,
        simulated=age(max(result.numbers["simulated_s"] for result in results)),
        cycles=f"{max(result.numbers['cycles'] for result in results):,.0f}",
        cycle=age(first.about.cycle_s),
        warnings=tuple(_warnings(results, names)),
        expected=verdict.ranges,
        missed=verdict.missed,
        tiles=_tiles(first),
        comparison=compared(results, names) if several else None,
        plots=_plots(results, names),
        tables=tuple((name, sheets(result)) for name, result in zip(names, results, strict=True)),
        commands=tuple(dict.fromkeys(result.about.command for result in results if result.about.command)),
        digests=tuple((name, result.about.digest) for name, result in zip(names, results, strict=True)),
        numbers=tuple((n, shown(n, value), meaning(n).text) for n, value in sorted(first.numbers.items())),
    )


def _warnings(results: Sequence[Result], names: Sequence[str]) -> Iterator[str]:
    for result, name in zip(results, names, strict=True):
        of = f"{name}: " if len(results) > 1 else ""
        if result.about.stopped:
            yield f"{of}{result.about.stopped}"
        if result.about.over and result.left:
            yield f"{of}{len(result.left)} things of ours are left behind: {', '.join(result.left[:5])}"


def _tiles(result: Result) -> tuple[tuple[str, str], ...]:
    known = ((name, result.numbers.get(name)) for name in HIGHLIGHTS)
    return tuple((shown(name, value), _title(name)) for name, value in known if value is not None)


def _title(name: str) -> str:
    titles = {
        "jobs_done": "jobs done",
        "wait_p50_s": "half of the jobs waited at most",
        "wait_p95_s": "95 % waited at most",
        "utilisation": "of what members offered was used",
        "fairness_error": "of entitlements wanted and not held",
        "evictions": "jobs lost their slot",
        "eviction_core_hours": "of work lost with it",
        "cost": "cost, at the members' prices",
    }
    return titles[name]


def _plots(results: Sequence[Result], names: Sequence[str]) -> list[dict[str, Any]]:
    scale = shared_scale(results)
    return [
        {
            "name": plot.name,
            "title": plot.title,
            "text": plot.text,
            "legend": _legend(plot, results, scale),
            "pictures": tuple(
                Picture(
                    name,
                    "" if len(results) > 1 else drawn(plot, result, WIDE, scale, str(place)),
                    drawn(plot, result, NARROW, scale, str(place)),
                )
                for place, (result, name) in enumerate(zip(results, names, strict=True))
            ),
        }
        for plot in PLOTS
    ]


def _legend(plot: Plot, results: Sequence[Result], scale: Scale) -> tuple[tuple[str, str, str], ...]:
    """Entries of all runs, each once."""
    return tuple(dict.fromkeys(entry for result in results for entry in plot.legend(result, scale)))
