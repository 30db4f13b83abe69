"""`python -m tests.stages [--again N] [paths, test ids, options of pytest]`: the tests in stages, with their times."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.stages.lanes import Lanes, say, show_whole
from tests.stages.stage import FAILED, NOTHING_CHOSEN, OK, Stage, narrowed

LANES = 3
"""Real parts mostly wait, for each other and for time to pass: three pytest processes keep two cores busy."""
CONDOR = ("tests/condor",)
BROWSER = ("tests/browser",)
PARTS = ("tests/bench", "tests/cli", "tests/daemon", "tests/kube", "tests/laboratory", "tests/web")
REASONS = ("tests/reasons",)
FEDERATION = "tests/federation"
TIMES = Path(".pytest_cache/times.txt")


def folders() -> dict[str, list[str]]:
    """What each stage runs, the longest first.

    The federation's files are dealt out to three; `units` has every folder that no other has, so none is forgotten.
    """
    hands = dealt(sorted(Path(FEDERATION).glob("test_*.py")), 3)
    found = {f"tests/{file.relative_to('tests').parts[0]}" for file in Path("tests").rglob("test_*.py")}
    return {
        **{f"federation {number}": hand for number, hand in enumerate(hands, 1)},
        "condor": [folder for folder in CONDOR if folder in found],
        "units": sorted(found - {*BROWSER, *CONDOR, *PARTS, *REASONS, FEDERATION}),
        "browser": [folder for folder in BROWSER if folder in found],
        "parts": [folder for folder in PARTS if folder in found],
        "reasons": [folder for folder in REASONS if folder in found],
    }


LONG_S = {
    "upgrade": 320,
    "answers": 260,
    "two_users": 235,
    "losses": 230,
    "doctor_logs": 180,
    "leaving": 170,
    "outages": 155,
    "crash_points": 140,
    "jobs_partitions": 140,
    "jobs_end_to_end": 120,
    "recovery": 105,
    "workflow": 105,
    "daemonset": 100,
    "jobs_one_account": 95,
    "spike": 95,
    "flocked_job": 80,
}
"""About how long the long files take, in seconds; any other about a minute."""


def dealt(files: Sequence[Path], hands: int) -> list[list[str]]:
    """Files in so many parts that take about as long: the longest first, each to the part that has less."""
    took = {file: LONG_S.get(file.stem.removeprefix("test_"), 58) for file in files}
    parts: list[list[Path]] = [[] for _ in range(hands)]
    for file in sorted(files, key=lambda one: (-took[one], one)):
        min(parts, key=lambda part: sum(took[one] for one in part)).append(file)
    return [[str(file) for file in sorted(part)] for part in parts]


def stages_of(options: Sequence[str]) -> list[Stage]:
    """The stages of which something is chosen; one that is alone writes as it goes."""
    chosen = [word for word in options if Path(word.split("::")[0]).parts[:1] == ("tests",)]
    rest = [word for word in options if word not in chosen]
    paths = {name: narrowed(whole, chosen) for name, whole in folders().items()}
    alone = sum(map(bool, paths.values())) == 1
    return [
        Stage(name, some, rest, to_file=not alone, yields=name == "units" and not alone)
        for name, some in paths.items()
        if some
    ]


def once_more(stages: Sequence[Stage], most: int) -> list[Stage]:
    """Stages of the tests that failed, if these are few: a loaded machine can miss a deadline of a real part.

    None where a stage did not get through.
    """
    failed = [test for stage in stages for test in stage.failed_tests()]
    if not failed or len(failed) > most or not {stage.code for stage in stages} <= {OK, FAILED, NOTHING_CHOSEN}:
        return []
    say("=== failed once:", *failed)
    return [stage.again() for stage in stages if stage.code == FAILED]


def table(stages: Sequence[Stage]) -> list[str]:
    """One line for each stage."""
    return [f"{stage.name:20} {stage.seconds:5.0f} s  {stage.outcome()}" for stage in stages]


def verdict(stages: Sequence[Stage], more: Sequence[Stage]) -> int:
    """0 when every stage is right, at once or when it ran again."""
    codes = {stage.code for stage in stages} or {NOTHING_CHOSEN}
    if codes == {NOTHING_CHOSEN}:
        return NOTHING_CHOSEN
    if more and {stage.code for stage in more} == {OK}:
        codes.discard(FAILED)
    return int(not codes <= {OK, NOTHING_CHOSEN})


def main(words: Sequence[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.stages", description=__doc__, allow_abbrev=False)
    parser.add_argument("--again", type=int, default=0, metavar="N", help="run up to N failed tests once more, alone")
    known, options = parser.parse_known_args(words)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job is born deaf to the first
        signal.signal(number, signal.default_int_handler)
    try:
        stages = Lanes(stages_of(options), LANES).run()
        more = Lanes(once_more(stages, known.again), 1).run()
    except KeyboardInterrupt:
        return 130
    show_whole([*stages, *more])
    lines = table([*stages, *more])
    TIMES.write_text("\n".join(lines) + "\n")
    left_out = [f"left out of {stage.name}: {line}" for stage in stages for line in stage.left_out()]
    say("=== times:", *lines, *left_out)
    return verdict(stages, more)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
