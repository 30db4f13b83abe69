"""Tests run against a copy of the package in a process of their own; what that means for a mutant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutant import Mutant, StaleError, copied
from tests.mutants.witness import FILE

ROOT = Path(__file__).parents[2]
SEED = 1
LONGEST_S = 150.0
"""A process that is not through by then is ended: that is no assertion, so its mutant is not killed."""
FOUND = "AssertionError"
SPELLS_OUT = frozenset({"CI", "BUILD_NUMBER"})
"""Where one of these is set pytest compares what differs line by line, however large it is."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant (killed, survived, stale), why, and after how many seconds."""

    verdict: str
    why: str
    seconds: float


def control(tests: Iterable[str]) -> str:
    """What is wrong when the tests run against a copy without any fault; "" when all pass."""
    chosen = sorted(set(tests))
    with tempfile.TemporaryDirectory(prefix="fedsched-control-") as folder:
        copied(Path(folder))
        ended, output = _run(chosen, Path(folder))
    wrong = [f"{test}: {how}" for test, how in _by_test(chosen, ended).items() if how != "passed"]
    return "" if not wrong else "\n".join([*wrong, output[-3000:]])


def judge(mutant: Mutant) -> Outcome:
    """Killed when every one of its tests failed by assertion."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fedsched-mutant-") as folder:
        try:
            mutant.seed(copied(Path(folder)))
        except StaleError as error:
            return Outcome("stale", str(error), time.monotonic() - begin)
        ended, output = _run(mutant.tests, Path(folder))
    wrong = {test: how for test, how in _by_test(mutant.tests, ended).items() if how != FOUND}
    took = time.monotonic() - begin
    if not wrong:
        return Outcome("killed", "", took)
    last = output.strip().splitlines()[-1:] if "not run" in wrong.values() else []
    return Outcome("survived", "; ".join([*(f"{test}: {how}" for test, how in wrong.items()), *last]), took)


def _by_test(tests: Iterable[str], ended: dict[str, str]) -> dict[str, str]:
    """How each test ended; one with parameters as the worst of them did: by assertion, else as it is."""
    found: dict[str, str] = {}
    for test in tests:
        hows = {how for key, how in ended.items() if key == test or key.startswith(f"{test}[")} or {"not run"}
        found[test] = FOUND if FOUND in hows else min(hows - {"passed"}, default="passed")
    return found


def _run(tests: Iterable[str], folder: Path) -> tuple[dict[str, str], str]:
    """How tests ended against the package in that folder, by id, and what pytest wrote."""
    witness = folder / "witness.json"
    paths = f"{folder}{os.pathsep}{ROOT}"  # the copy goes before what is installed
    env = {
        **{name: value for name, value in os.environ.items() if name not in SPELLS_OUT},
        "PYTHONPATH": paths,
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        FILE: str(witness),
    }
    options = ("-q", "-p", "tests.mutants.witness", "-p", "no:cacheprovider", f"--hypothesis-seed={SEED}")
    command = [sys.executable, "-m", "pytest", *options, "-o", "pythonpath=", "--tb=short", *tests]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {}, f"not through after {LONGEST_S:.0f} s"
    if not witness.exists():
        return {}, done.stdout + done.stderr
    said = json.loads(witness.read_text())
    if Path(said["package"]).parent.resolve() != folder.resolve():
        return {}, f"{said['package']} was tested instead of the copy"
    return dict(said["ended"]), done.stdout + done.stderr
