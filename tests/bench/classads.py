"""Ten million pairs of job and slot ads: matched in columns, and by the ClassAd library's own symmetricMatch."""

from __future__ import annotations

import random
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fedsched.matchmaker import classad
from fedsched.matchmaker.columns import verdicts
from fedsched.matchmaker.columns.ads import Pairs
from fedsched.matchmaker.columns.values import Mask
from tests.matchmaker import classad_ads

TITLE = "ClassAd matching in columns"
AT = 1_000_000.0
RUNS = 5


class Ads(NamedTuple):
    """Distinct ads of both sides."""

    jobs: list[Pairs]
    slots: list[Pairs]


def ads(jobs: int, slots: int) -> Ads:
    """Ads as sites have them: 1,000 jobs ask for 64 amounts of memory; no slot is like another."""
    chance = random.Random(8)  # noqa: S311 - ads, not secrets
    return Ads([_job(n, chance) for n in range(jobs)], [_slot(n, chance) for n in range(slots)])


def _job(number: int, chance: random.Random) -> Pairs:
    made = classad_ads.job(chance)
    own = {"ClusterId": str(number), "RequestMemory": str(256 * chance.randint(1, 64))}
    return tuple(sorted({**made, **own}.items()))


def _slot(number: int, chance: random.Random) -> Pairs:
    made = classad_ads.slot(chance)
    own = {"Machine": f'"slot1@n{number}.site"', "Memory": str(512 * chance.randint(1, 512))}
    own |= {"Disk": str(chance.randint(1, 10**7)), "Cpus": str(chance.randint(1, 128))}
    return tuple(sorted({**made, **own}.items()))


def library_seconds(some: Ads) -> float:
    """CPU seconds per pair of the library's symmetricMatch, ads made before and held."""
    jobs = [classad.Ad(job).bind(AT) for job in some.jobs]
    slots = [classad.Ad(slot).bind(AT) for slot in some.slots]
    began = time.process_time()
    for job in jobs:
        for slot in slots:
            job.symmetricMatch(slot)
    return (time.process_time() - began) / (len(jobs) * len(slots))


def differing(every: Ads, told: Mask) -> int:
    """How many of all pairs the library judges otherwise, each asked by itself."""
    jobs = [classad.Ad(job).bind(AT) for job in every.jobs]
    slots = [classad.Ad(slot).bind(AT) for slot in every.slots]
    wrong = 0
    for job, row in zip(jobs, told, strict=True):
        judged = np.fromiter((_match(job, slot) for slot in slots), np.bool_, len(slots))
        wrong += int((judged != row).sum())
    return wrong


def _match(job: Any, slot: Any) -> bool:
    return bool(job.symmetricMatch(slot))


def timed(function: Callable[[], Any]) -> float:
    """CPU seconds; the median of some runs."""
    return statistics.median(_once(function) for _ in range(RUNS))


def _once(function: Callable[[], Any]) -> float:
    began = time.process_time()
    function()
    return time.process_time() - began


def changed(every: Ads) -> Ads:
    """One slot in a hundred is another."""
    slots = list(every.slots)
    for place in range(0, len(slots), 100):
        slots[place] = (*slots[place], ("Changed", str(place)))
    return Ads(every.jobs, slots)


def run(*, quick: bool) -> str:
    """The section's text."""
    every = ads(100, 1_000) if quick else ads(1_000, 10_000)
    pairs = len(every.jobs) * len(every.slots)
    before = resident()
    first = _once(lambda: verdicts(*every, AT))
    grown = resident() - before
    cold = timed(lambda: verdicts(*every, AT))
    told, cache = verdicts(*every, AT)
    warm = timed(lambda: verdicts(*every, AT, cache))
    less = changed(every)
    some = timed(lambda: verdicts(*less, AT, cache))
    sample = Ads(every.jobs[::10], every.slots[::50])
    one = statistics.median(library_seconds(sample) for _ in range(RUNS))
    rows = (
        ("first sight of everything, texts parsed", first),
        ("an empty cache", cold),
        ("one slot in a hundred changed", some),
        ("nothing changed", warm),
    )
    what = (
        f"{len(every.jobs):,} job ads, {len(every.slots):,} distinct slot ads: {pairs:,} pairs, "
        f"{told.mean():.0%} of them match; differing from the library: {differing(every, told):,}."
    )
    how = (
        f"The library: {one * 1e6:.1f} µs a pair, {1 / one:,.0f} pairs/s, by `symmetricMatch` of `classad2` on "
        f"{len(sample.jobs) * len(sample.slots):,} of the pairs with all ads made and held; medians of {RUNS}. "
        "Ours makes its columns from texts each time that the cache is empty. Memory: the resident set grew by "
        f"{grown / (1 << 20):.0f} MiB at first sight, of which the answers are {told.nbytes / (1 << 20):.0f} MiB. "
        "One process, one core."
    )
    table = (f"| {name} | {s:.3f} | {pairs / s:,.0f} | {one * pairs / s:,.0f}x | ≥ 100x |" for name, s in rows)
    head = ("| in columns | CPU s | pairs/s | ratio | wanted |", "|---|---|---|---|---|")
    return "\n".join((what, "", *head, *table, "", how))


def resident() -> int:
    """The largest resident set so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
