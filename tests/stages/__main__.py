"""`python -m tests.stages [--again N] [paths, test ids, options of pytest]`: the tests in stages, with their times."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.stages.lanes import Lanes, say
from tests.stages.stage import FAILED, NOTHING_CHOSEN, OK, Stage, narrowed

PARTS = ("tests/bench", "tests/condor", "tests/daemon", "tests/kube", "tests/laboratory")
FEDERATION = ("tests/federation",)
TIMES = Path(".pytest_cache/times.txt")


def units() -> list[str]:
    """Every other folder with tests in it, so that a new one is never forgotten."""
    found = {f"tests/{file.relative_to('tests').parts[0]}" for file in Path("tests").rglob("test_*.py")}
    return sorted(found - {*PARTS, *FEDERATION})


def there(folders: Sequence[str]) -> list[str]:
    """Those that exist."""
    return [folder for folder in folders if Path(folder).is_dir()]


def stages_of(options: Sequence[str]) -> list[list[Stage]]:
    """Lanes of stages: the federation's tests, which mostly wait, run beside all others."""
    chosen = [word for word in options if Path(word.split("::")[0]).parts[:1] == ("tests",)]
    rest = [word for word in options if word not in chosen]
    lanes = ({"units": units(), "parts": there(PARTS)}, {"federation": there(FEDERATION)})
    named = [{name: narrowed(folders, chosen) for name, folders in lane.items()} for lane in lanes]
    alone = sum(bool(paths) for lane in named for paths in lane.values()) == 1
    made = [[Stage(name, paths, rest, to_file=not alone) for name, paths in lane.items() if paths] for lane in named]
    return [lane for lane in made if lane]


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
    return [f"{stage.name:16} {stage.seconds:5.0f} s  {stage.outcome()}" for stage in stages]


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
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    lanes = Lanes(stages_of(options))
    try:
        stages = lanes.run()
        more = Lanes([once_more(stages, known.again)]).run()
    except KeyboardInterrupt:
        return 130
    lines = table([*stages, *more])
    TIMES.write_text("\n".join(lines) + "\n")
    left_out = [f"left out of {stage.name}: {line}" for stage in stages for line in stage.left_out()]
    say("=== times:", *lines, *left_out)
    return verdict(stages, more)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
