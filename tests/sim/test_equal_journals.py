"""Equal scenarios and seeds give byte-equal journals, in whatever process, folder and hash order they are written."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fedsched.log import configure
from fedsched.study.run import SimRun
from tests.sim.spike import conference_spike, policy

CYCLES = 50
ROOT = Path(__file__).parents[2]


def written(folder: Path, seed: int) -> bytes:
    """All recorded cycles of the first minutes of the spike, as they come back from the journal."""
    configure(level="error")
    run = SimRun(conference_spike(), policy(), folder, seed)
    for _ in range(CYCLES):
        run.cycle()
    recorded = list(run.journal.history(0, CYCLES + 1))
    run.close()
    assert len(recorded) == CYCLES
    return b"".join(msgspec.msgpack.encode(one) for one in recorded)


def elsewhere(folder: Path, seed: int, hashing: str) -> str:
    """The digest of the same in a process of its own, with another order of sets."""
    code = (
        "import hashlib, sys; from pathlib import Path; from tests.sim.test_equal_journals import written; "
        "print(hashlib.sha256(written(Path(sys.argv[1]), int(sys.argv[2]))).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hashing, "PYTHONPATH": str(ROOT)}
    asked = [sys.executable, "-c", code, str(folder), str(seed)]
    return subprocess.run(asked, check=True, capture_output=True, text=True, env=environment).stdout.strip()


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("one", "another", "other")]
    for folder in made:
        folder.mkdir()
    return made


def test_equal_seeds_give_byte_equal_journals_in_two_processes_and_other_seeds_do_not(folders: list[Path]) -> None:
    here = written(folders[0], 5)
    assert elsewhere(folders[1], 5, "77") == hashlib.sha256(here).hexdigest()
    assert written(folders[2], 6) != here
