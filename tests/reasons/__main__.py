"""`python -m tests.reasons [--states N] [--from N] [--jobs N] [--seed N]`: is what is told true? 0 when all is."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.reasons.remedies import REMEDIES
from tests.reasons.truth import Found, judged, several

STATES = 10_000
AT_ONCE = 50
"""States that one task of a process takes: few enough for a line of progress every now and then."""
SURELY = 4_000
"""From so many states on a cause that was never named is told: what is not there proves nothing."""


def campaign(first: int, count: int, jobs: int) -> int:
    """Many states; 0 when all that is told of them is true."""
    print(f"states {first} to {first + count - 1}; one of them again: python -m tests.reasons --seed N", flush=True)
    began, found = time.monotonic(), Found(first)
    tasks = [range(at, min(at + AT_ONCE, first + count)) for at in range(first, first + count, AT_ONCE)]
    done = 0
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as pool:
        futures = {pool.submit(several, task): len(task) for task in tasks}
        for future in as_completed(futures):
            more = future.result()
            found, done = found + more, done + futures[future]
            print(*more.broken, sep="\n", end="\n" if more.broken else "", flush=True)
            if done % 500 < AT_ONCE or done == count:
                took = time.monotonic() - began
                left = took / done * (count - done)
                print(
                    f"{done}/{count} states, {len(found.broken)} untrue, {took:.0f} s, {left:.0f} s to go", flush=True
                )
    print(*table(found), sep="\n")
    never = [str(cause) for cause in REMEDIES if count >= SURELY and not found.tested[str(cause)]]
    print(*(f"no state named and tried: {cause}" for cause in never), sep="\n", end="\n" if never else "")
    print(f"{len(found.broken)} untrue in {done} states after {time.monotonic() - began:.0f} s")
    return int(bool(found.broken or never))


def table(found: Found) -> list[str]:
    """How often each cause was named and lifted, each kind of change proven; for a person."""
    lines = [f"{found.waiting} classes wait; of {found.apart} nothing follows: others are before them"]
    lines += ["", f"{'cause':24}{'named':>8}{'lifted':>8}"]
    for cause, named in sorted(found.named.items(), key=lambda pair: (-pair[1], pair[0])):
        lines.append(f"{cause:24}{named:8}{found.tested[cause]:8}")
    lines += ["", f"{'counterfactual':24}{'told':>8}{'one less tried':>16}"]
    for kind, told in sorted(found.kinds.items(), key=lambda pair: (-pair[1], pair[0])):
        lines.append(f"{kind:24}{told:8}{found.proven[kind]:16}")
    sizes = ", ".join(f"{count} of {size}" for size, count in sorted(found.sets.items()))
    return [*lines, "", f"sets of reasons: {sizes}"]


def one(seed: int) -> int:
    """One state again, told."""
    found = judged(seed)
    print(*table(found), "", *(found.broken or [f"state {seed}: all that is told is true"]), sep="\n")
    return int(bool(found.broken))


def main(words: Sequence[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.reasons", description=__doc__, allow_abbrev=False)
    parser.add_argument("--states", type=int, default=STATES, metavar="N", help=f"how many (default {STATES})")
    parser.add_argument("--from", type=int, dest="first", metavar="N", help="the first seed (default: a new one)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default 2)")
    parser.add_argument("--seed", type=int, metavar="N", help="this one state again")
    asked = parser.parse_args(words)
    if asked.seed is not None:
        return one(asked.seed)
    first = asked.first if asked.first is not None else random.SystemRandom().randrange(10**9)
    return campaign(first, asked.states, asked.jobs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
