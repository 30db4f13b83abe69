"""How much of what divisible units could reach a round reaches, on random cases, and whether the plain ways agree."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator

from fedsched.matchmaker.model import Plan
from tests.quality.cases import Case, Of, case
from tests.quality.measure import Quality, decided, quality, same_one_by_one, same_place_by_place

TITLE = "What a round reaches"
CASES: dict[Of, int] = {"node": 200, "room": 100}
LEAST_UNITS, WANTED, QUICK = 500, 0.95, 10
NAMED: dict[Of, str] = {"node": "a tenth of its node", "room": "a tenth of what is free on its node"}
NOTE = (
    "Reached is 1 ÷ t: t is the largest common factor by which what was placed for the classes that still wait for "
    "room could grow with divisible units on the same rooms and limits, with everything placed anew ([quality]"
    "(quality.md)). Each to its own end: who is held at t stays there and the others grow on; cores placed by cores "
    "that could be. {skipped} of {all} cases had less than {least} units and are left out. CPU {cpu:.0f} s. Load "
    "average {before:.1f} at the start, {after:.1f} at the end."
)


def run(*, quick: bool) -> str:
    """The section's text."""
    load, cpu = os.getloadavg()[0], time.process_time()
    lines, cases, skipped, bars = [], 0, 0, []
    for of, said in NAMED.items():
        found, same, few = _measured(of, QUICK if quick else CASES[of])
        cases, skipped = cases + len(found), skipped + few
        lines += [_row(f"{len(found)}, no request above {said}", [one.reached for one in found], f"≥ {WANTED:.0%}")]
        lines += [_row("… each to its own end", [one.each for one in found], "")]
        bars += ["", f"Reached, no request above {said}; cases:", "", *_histogram([one.reached for one in found])]
        bars += ["", _told(found, same)]
    head = ["| cases | mean | least | quarter | half | three quarters | most | wanted |", "|" + "---|" * 8]
    note = NOTE.format(
        skipped=skipped,
        all=cases + skipped,
        least=LEAST_UNITS,
        cpu=time.process_time() - cpu,
        before=load,
        after=os.getloadavg()[0],
    )
    return "\n".join([*head, *lines, *bars, "", note])


def _measured(of: Of, count: int) -> tuple[list[Quality], Counter[str], int]:
    """Of so many cases what each reached and how many the plain ways decide alike; how many cases were too small."""
    found, same, skipped = [], Counter[str](), 0
    for its, plan in _rounds(of):
        one = quality(its, plan)
        if one.units < LEAST_UNITS:
            skipped += 1
            continue
        found.append(one)
        same["place by place"] += same_place_by_place(its, plan)
        same["one by one"] += same_one_by_one(its, plan)
        if len(found) == count:
            break
    return found, same, skipped


def _rounds(of: Of) -> Iterator[tuple[Case, Plan]]:
    seed = 0
    while True:
        its = case(seed, of)
        yield its, decided(its)
        seed += 1


def _row(said: str, values: list[float], wanted: str) -> str:
    quarters = statistics.quantiles(values, method="inclusive")
    figures = (statistics.fmean(values), min(values), *quarters, max(values))
    return f"| {said} | {' | '.join(f'{value:.1%}' for value in figures)} | {wanted} |"


def _histogram(values: list[float]) -> list[str]:
    """Cases in steps of 2.5 %, as text."""
    counts = Counter(min(39, int(value * 40 + 1e-6)) for value in values)
    rows = [(step / 40, counts[step]) for step in range(min(counts), 40)]
    return ["```", *(f"{low:6.1%} to {low + 0.025:6.1%} {n:4d} {'#' * n}" for low, n in rows), "```"]


def _told(found: list[Quality], same: Counter[str]) -> str:
    units, unserved = [one.units for one in found], [one.unserved for one in found]
    nothing = statistics.fmean(one.nothing for one in found)
    return (
        f"{min(units):,} to {max(units):,} units (median {statistics.median(units):,.0f}); {min(unserved)} to "
        f"{max(unserved)} classes of a case wait for room and were given something, {nothing:.1f} on average nothing. "
        f"The same plan, byte for byte, place by place: {same['place by place']} of {len(found)} cases; the same turns "
        f"in the same order one unit at a time: {same['one by one']} of {len(found)}."
    )
