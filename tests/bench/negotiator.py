"""Matching and deciding beside a live condor_negotiator that has the same slots and jobs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.bench.negotiator_ours import Ours
from tests.bench.negotiator_pool import Ads, Case, Cycle, cycle_of
from tests.laboratory import Laboratory

TITLE = "Beside a live condor_negotiator"
TIMES = 3
CASES = (Case(10_000, 100), Case(2_000, 1_000), Case(2_000, 10, interleaved=True), Case(10_000, 1_000))
BARRED = Case(10_000, 100, barred=True)
QUICK = (Case(500, 20, idle=1_000), Case(200, 10, interleaved=True, idle=1_000))
QUICK_BARRED = Case(500, 20, barred=True, idle=1_000)
WANTED = 50


class Row(NamedTuple):
    """Both sides of a case."""

    case: Case
    theirs: Cycle
    ours: Ours

    def together(self, clock: int, *, laid: bool) -> float:
        """Seconds of our match and decision; clock 0: CPU, 1: wall. laid: with laying out the slots."""
        whole = self.ours.matched[clock] + self.ours.decided[clock]
        return whole + (self.ours.laid[clock] if laid else 0.0)


def run(*, quick: bool) -> str:
    """The section's text."""
    cases, barred, load = QUICK if quick else CASES, QUICK_BARRED if quick else BARRED, os.getloadavg()[0]
    with Laboratory() as lab, tempfile.TemporaryDirectory() as folder:
        rows = [_row(lab, case, Path(folder)) for case in cases]
        alone = _row(lab, barred, Path(folder))
    jobs = f"{cases[0].idle:,} idle jobs of one user; seconds are CPU (wall)."
    lines = [jobs, "", *_whole(rows), "", *_ratios(rows), "", WHAT, "", *_pairs(alone, rows), "", HOW]
    after = os.getloadavg()[0]
    last = f" Ours: medians of {TIMES} fresh processes; the negotiator's cycle once, by a fresh one in a fresh pool. "
    lines[-1] += f"{last}Load average {load:.1f} at the start, {after:.1f} at the end."
    return "\n".join(lines)


def _row(lab: Laboratory, case: Case, folder: Path) -> Row:
    theirs, ads = cycle_of(lab, case)
    ours = _ours(ads, folder / "ads")
    if not theirs.cut and theirs.matches != ours.placed:
        raise AssertionError(f"{case}: {theirs.matches} matches there, {ours.placed} startds here")
    return Row(case, theirs, ours)


def _ours(ads: Ads, file: Path) -> Ours:
    """Of each figure the median."""
    file.write_bytes(msgspec.json.encode(ads))
    command = [sys.executable, "-m", "tests.bench.negotiator_ours", str(file)]
    found = [
        msgspec.json.decode(subprocess.run(command, check=True, capture_output=True).stdout, type=Ours)
        for _ in range(TIMES)
    ]
    parts = {
        part: tuple(statistics.median(getattr(one, part)[clock] for one in found) for clock in (0, 1))
        for part in ("laid", "matched", "decided")
    }
    return msgspec.structs.replace(found[0], **parts)


def _whole(rows: list[Row]) -> list[str]:
    lines = [
        (
            "| slots x autoclusters | negotiator: fetch, wall | match phase | matches | ours: laid out | matched "
            "| decided | startds | places |"
        ),
        "|" + "---|" * 9,
    ]
    for case, theirs, ours in rows:
        phase = f"{theirs.cpu:.2f} ({theirs.wall:.2f}){', not finished' if theirs.cut else ''}"
        parts = (f"{cpu:.3f} ({wall:.3f})" for cpu, wall in (ours.laid, ours.matched, ours.decided))
        figures = " | ".join((f"{theirs.fetch:.2f}", phase, f"{theirs.matches:,}", *parts, f"{ours.placed:,}"))
        lines.append(f"| {_name(case)} | {figures} | {ours.groups:,} |")
    return lines


def _ratios(rows: list[Row]) -> list[str]:
    lines = [
        (
            "| slots x autoclusters | match and decision, CPU | wall | with laying out, CPU | wall | match alone, CPU "
            "| wanted |"
        ),
        "|" + "---|" * 7,
    ]
    for row in rows:
        sign = "> " if row.theirs.cut else ""
        ratios = [
            spent / row.together(clock, laid=laid)
            for laid in (False, True)
            for clock, spent in enumerate((row.theirs.cpu, row.theirs.wall))
        ]
        ratios.append(row.theirs.cpu / row.ours.matched[0])
        told = " | ".join(f"{sign}{ratio:.1f}x" for ratio in ratios)
        lines.append(f"| {_name(row.case)} | {told} | ≥ {WANTED}x |")
    return lines


def _pairs(alone: Row, rows: list[Row]) -> list[str]:
    """Ratios are to the lowest cost of all, that of the library's loop alone."""
    lines = [
        (
            "| slots x autoclusters | negotiator: pairs | µs a pair | ours: pairs | µs a pair | with laying out "
            "| loop alone / ours | with laying out | wanted |"
        ),
        "|" + "---|" * 9,
    ]
    loop = alone.theirs.cpu / alone.theirs.pairs
    for case, theirs, ours in (alone, *rows):
        mine = ours.matched[0] / ours.pairs
        whole = mine + ours.laid[0] / ours.pairs
        each = theirs.cpu / theirs.pairs * 1e6
        costs = f"{theirs.pairs:,} | {each:.1f} | {ours.pairs:,} | {mine * 1e6:.3f} | {whole * 1e6:.3f}"
        name = f"{_name(case)}{', nothing matches: the loop alone' if case.barred else ''}"
        lines.append(f"| {name} | {costs} | {loop / mine:.0f}x | {loop / whole:.0f}x | ≥ {WANTED}x |")
    return lines


def _name(case: Case) -> str:
    return f"{case.slots:,} x {case.autoclusters:,}{' interleaved' if case.interleaved else ''}"


WHAT = (
    "The negotiator's match phase is its phase 4, after ads are fetched and submitters sorted: it asks the schedd for "
    "jobs, holds each autocluster against the slots that are left, ranks those that match, gives one job to one slot, "
    "and tells the schedd. It stops after 60 s for one user: where that happened its time is a lower bound, and so "
    "are the ratios. Ours, with nothing kept from before: slots laid out are columns made from the texts of all their "
    "attributes (the counterpart of its fetch, in which it makes ads from texts); jobs matched is every job's ad "
    "against every slot's; decided is a whole round over the same slots and jobs, which matches again what it needs. "
    "There a slot is a node with room for one pod, so that each takes one job as there; slots that differ in name and "
    "address only are nodes of one group (places). Everything may start at once. The round divides by fair share, of "
    "which one user leaves little to do, keeps quotas, limits and budgets, takes one turn for each startd, names it, "
    "and says of each class that waits why, with all that would have to change (RE1, RE2). The negotiator divides and "
    "keeps quotas, too; of a job that waits it says that nothing matched."
)
HOW = (
    "A pair of the negotiator is one autocluster held against one slot that is left, counted from its log; the time "
    "is that of the whole phase, with ranks and matches. Where nothing matches (the last clause of the jobs' "
    "Requirements is false of every slot) it is that of the ClassAd library's loop and little else, and all ratios "
    "are to that one. Ours judges all pairs, also those of slots that are taken by then. Slots: what a real startd of "
    "the pool says of its own, of six sizes at 20 sites, each ad with a claim; no startd stands behind them, so that "
    "claims fail, after the cycle."
)
