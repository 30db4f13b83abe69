"""`python -m tests.forecast [SCENARIO] [SEEDS] [EVERY_MIN]`: how ranges come out over simulated days, by horizon."""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from fedsched.log import configure
from fedsched.sim.folder import load_scenario
from tests.forecast.day import HOUR_S, Plan, day, judged

EDGES_S = (0.0, 120.0, 600.0, 3600.0, 4 * 3600.0, float("inf"))


def main(words: list[str]) -> None:
    """Print one line for each day, and one for each horizon of all days together."""
    configure(level="critical")
    name = words[0] if words else "demo"
    seeds = int(words[1]) if len(words) > 1 else 3
    every_s = 60.0 * float(words[2]) if len(words) > 2 else 600.0
    together = []
    for seed in range(1, seeds + 1):
        began = time.perf_counter()
        loaded = load_scenario(name, seed)
        with tempfile.TemporaryDirectory() as folder:
            kept = day(loaded, Path(folder), Plan(every_s), print)
        warm = loaded.scenario.begins + 2 * HOUR_S
        print(f"seed {seed}: {len(kept)} made, {judged(kept, warm)}; {time.perf_counter() - began:.0f} s", flush=True)
        together += [one for one in kept if one.at >= warm]
    for low, high in pairwise(EDGES_S):
        part = [one for one in together if low <= one.middle_s < high]
        if part:
            print(f"  foretold {low / 60:.0f} to {high / 60:.0f} min: {judged(part, 0.0)}")
    print(f"all: {judged(together, 0.0)}")


if __name__ == "__main__":
    main(sys.argv[1:])
