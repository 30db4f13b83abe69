"""`python -m tests.faults [--seeds N] [--partitions N] [--from N] [--jobs N] [--seed N [--trace]]`: storms.

0 when all hold. Every third storm has users' Jobs amid everything else; storms of partitions, numbered from 1000000
on, have nothing but Jobs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from fedsched.log import configure
from tests.faults.job_acts import HIT
from tests.faults.shrink import fewest
from tests.faults.storm import FIRST_PARTITION, KINDS, Outcome, run, some
from tests.faults.telling import Trace, command, mishaps

BEGINS = 1_800_000_000.0
AT_ONCE = 10
"""Seeds that one task of a process takes: few enough for a progress line every now and then."""


def one(seed: int, *, trace: bool) -> int:
    """One seed, told; a failing one is made smaller first."""
    configure(level="critical")
    outcome = run(seed)
    print(*mishaps(outcome), sep="\n")
    if outcome.broken:
        left = fewest(outcome)
        outcome = run(seed, only=left)
        print(f"these {len(left)} alone do it:", *mishaps(outcome), sep="\n")
    if trace:
        run(seed, Trace(BEGINS).told, outcome.mishaps)
    print(outcome.broken or f"seed {seed} holds: {outcome.cycles} cycles, {outcome.simulated_s:.0f} s simulated")
    return int(bool(outcome.broken))


def campaign(first: int, storms: int, partitions: int, jobs: int) -> int:
    """Many seeds; 0 when all hold."""
    began, hits, writes, bad, done = time.monotonic(), Counter[str](), Counter[str](), list[Outcome](), 0
    seeds = [*range(first, first + storms), *range(FIRST_PARTITION + first, FIRST_PARTITION + first + partitions)]
    cycles, cpu_s, count = 0, 0.0, len(seeds)
    tasks = [seeds[at : at + AT_ONCE] for at in range(0, count, AT_ONCE)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as pool:
        for task in as_completed([pool.submit(some, task) for task in tasks]):
            for outcome in task.result():
                done += 1
                hits, writes = hits + outcome.hits, writes + outcome.writes
                cycles, cpu_s = cycles + outcome.cycles, cpu_s + outcome.cpu_s
                if outcome.broken:
                    bad.append(outcome)
                    print(f"seed {outcome.seed}: {outcome.broken}\n    {command(outcome.seed)}", flush=True)
            if done % 200 < AT_ONCE or done == count:
                took = time.monotonic() - began
                left = took / done * (count - done)
                print(f"{done}/{count} seeds, {len(bad)} broken, {took:.0f} s, {left:.0f} s to go", flush=True)
    _figures(hits, writes, f"{cycles} cycles, {cpu_s / max(1, done):.2f} s of CPU a seed")
    short = [*_unseen(hits, storms), *_too_few(hits, partitions)]
    for sentence in short:
        print(f"{sentence}; a check that never bites proves nothing")
    print(f"{done - len(bad)} of {done} seeds hold after {time.monotonic() - began:.0f} s", *_commands(bad), sep="\n")
    return int(bool(bad or short))


def _unseen(hits: Counter[str], storms: int) -> list[str]:
    return [f"no seed was hit by: {kind}" for kind in KINDS if storms >= 500 and not hits[kind]]


def _too_few(hits: Counter[str], partitions: int) -> list[str]:
    """What storms of partitions are for: each of them hits somebody's running copy once at least, on average."""
    return [f"only {hits[HIT]} partitions hit a running copy"] if hits[HIT] < partitions else []


def _commands(bad: list[Outcome]) -> list[str]:
    return [command(outcome.seed) for outcome in sorted(bad, key=lambda o: o.seed)[:20]]


def _figures(hits: Counter[str], writes: Counter[str], sums: str) -> None:
    print("mishaps that hit somebody:")
    for kind, count in sorted(hits.items()):
        print(f"  {kind:26} {count:9}")
    print("writes that reached a member:")
    for kind, count in sorted(writes.items()):
        print(f"  {kind:26} {count:9}")
    print(sums)


def main(words: Sequence[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--partitions", type=int, default=1000, help="storms of partitions (default: 1000)")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="with --seed: tell each cycle")
    asked = parser.parse_args(words)
    if asked.seed is not None:
        return one(asked.seed, trace=asked.trace)
    return campaign(asked.first, asked.seeds, asked.partitions, asked.jobs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
