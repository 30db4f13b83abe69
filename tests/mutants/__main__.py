"""`python -m tests.mutants [--list] [NAME…]`: every seeded fault must be found by the tests that are named for it."""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.mutants.mutant import Mutant, mutants
from tests.mutants.trial import Outcome, control, judge

LANES = 2


def say(*lines: str) -> None:
    """Lines of ours, at once."""
    print(*lines, sep="\n", flush=True)


def told(mutant: Mutant) -> str:
    """One mutant for a person."""
    rules = ", ".join(mutant.rules)
    return "\n".join([f"{mutant.name} ({rules}; {mutant.file}): {mutant.wrong}", *(f"    {t}" for t in mutant.tests)])


def sound(chosen: Sequence[Mutant], pool: ThreadPoolExecutor) -> bool:
    """Whether all named tests pass without a fault: else a failure with one would prove nothing."""
    begin, by_file = time.monotonic(), defaultdict(set)
    for test in (test for mutant in chosen for test in mutant.tests):
        by_file[test.split("::", maxsplit=1)[0]].add(test)
    wrong = [said for said in pool.map(control, by_file.values()) if said]
    count = sum(map(len, by_file.values()))
    say(*wrong, f"control: {count} tests without a fault, {len(wrong)} files fail, {time.monotonic() - begin:.0f} s")
    return not wrong


def run(chosen: Sequence[Mutant]) -> int:
    """Try all, two at a time; 0 when each is killed."""
    begin = time.monotonic()
    with ThreadPoolExecutor(LANES) as pool:
        if not sound(chosen, pool):
            return 1
        outcomes: dict[str, Outcome] = {}
        for done in as_completed(trials := {pool.submit(judge, mutant): mutant for mutant in chosen}):
            mutant, outcome = trials[done], done.result()
            outcomes[mutant.name] = outcome
            number = f"{len(outcomes)}/{len(chosen)}"
            say(f"{number:>6} {outcome.verdict:9}{outcome.seconds:5.0f} s  {mutant.name}  {outcome.why}".rstrip())
    alive = sorted(name for name, outcome in outcomes.items() if outcome.verdict != "killed")
    say(f"{len(chosen) - len(alive)} of {len(chosen)} mutants killed in {time.monotonic() - begin:.0f} s", *alive)
    return int(bool(alive))


def main(words: Sequence[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__, allow_abbrev=False)
    parser.add_argument("--list", action="store_true", help="say what they are and run nothing")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    asked = parser.parse_args(words)
    try:
        chosen = mutants(asked.names)
    except KeyError as error:
        parser.error(f"no mutant is called {error}; --list tells all")
    if asked.list:
        say(*map(told, chosen))
        return 0
    return run(chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
