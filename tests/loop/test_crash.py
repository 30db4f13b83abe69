"""kill -9 between any two writes: whatever the point, the next run ends with exactly one object per wish."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fedsched.journal import SqliteJournal

ROOT = Path(__file__).parents[2]
CHILD = """
import sys
from pathlib import Path
from fedsched.journal import Holder, PlacementFiles, RunFiles, SqliteJournal, crashpoints
from fedsched.log import configure
from fedsched.loop import Loop, Options, SystemClock
from fedsched.matchmaker.model import Claim, Observation, PoolView, Principal, SlotView
from fedsched.matchmaker.resources import Resources
from tests.loop.shelf import START, Shelf, Wishes

folder, crash_at = Path(sys.argv[1]), sys.argv[2]
configure(level="error")
journal = SqliteJournal(folder / "fedsched.db", rebuild=True)
assert journal.moved_aside is None
clock = SystemClock()
journal.acquire_lease(Holder.mine(), 3600, clock.now())
shelf = Shelf(folder / "w", ["m1", "m2"])
size = Resources(cpu_milli=1000)
claim = Claim(Principal("physics", "ada@example"), 1000, START - 60, "1.0", "s")
slot = SlotView("slot1", "a", "a", "m1", "all", "pod", size, size, START, (claim,))
shelf.extra = Observation(START, pools=(PoolView("a", seen_at=START, slots=(slot,)),))
journal.raise_epoch(max(journal.epoch(), 1) + 1)
crashpoints.arm(crash_at)
inline = sys.argv[3] == "inline"
wishes = Wishes({"a": "m1", "b": "m2"})
records = folder / "records"
options = Options(inline=inline, records=PlacementFiles(records), runs=RunFiles(records))
loop = Loop(shelf, journal, wishes.mind(), clock, options)
for cycle in range(7):
    # First two placements, then one of them is no longer wanted, so that deletion and records are crossed too.
    wishes.ids = {"a": "m1", "b": "m2"} if cycle < 3 and not (folder / "half").exists() else {"b": "m2"}
    if cycle == 3:
        (folder / "half").touch()
    loop.cycle()
    loop._collect(5.0, len(loop._in_flight))
loop.stop(5)
journal.release_lease()
crashpoints.arm(None)
print("ended", shelf.made)
"""


def child(folder: Path, crash_at: str, lanes: str = "inline") -> subprocess.CompletedProcess[str]:
    """One run of the loop in a process of its own."""
    arguments = [sys.executable, "-c", CHILD, str(folder), crash_at, lanes]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def objects(folder: Path) -> list[str]:
    return sorted(f"{file.parent.name}/{file.name}" for m in ("m1", "m2") for file in (folder / "w" / m).iterdir())


@pytest.mark.parametrize("lanes", ["inline", "threads"])
def test_killed_at_every_point_the_next_run_leaves_exactly_one_object_per_wish(tmp_path: Path, lanes: str) -> None:
    """Every numbered point, one after the other, until a run passes them all."""
    point = 0
    while True:
        point += 1
        folder = tmp_path / str(point)
        folder.mkdir()
        killed = child(folder, f"*:{point}", lanes)
        if killed.returncode == 0:
            break
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        again = child(folder, "", lanes)
        assert again.returncode == 0, again.stderr
        assert objects(folder) == ["m2/fs-b"], f"after a kill at point {point}"
        lines = [line for file in (folder / "records").glob("pl*") for line in file.read_text().splitlines()]
        assert len(lines) == len({line.split('"')[3] for line in lines}), "no placement is in the records twice"
        runs = [line for file in (folder / "records").glob("runs*") for line in file.read_text().splitlines()]
        assert [json.loads(line)["seconds"] for line in runs] == [60], f"one run, once, after a kill at point {point}"
        journal = SqliteJournal(folder / "fedsched.db")
        assert journal.open_intents() == ()
        assert journal.ended_runs() == ()
        journal.close()
    assert point > 30


def test_an_object_that_was_made_right_before_the_kill_is_found_and_not_made_again(tmp_path: Path) -> None:
    assert child(tmp_path, "act-after:1").returncode == -signal.SIGKILL
    assert len(objects(tmp_path)) == 1
    before = (tmp_path / "w" / objects(tmp_path)[0]).stat().st_ino
    assert child(tmp_path, "done-after:1").returncode == -signal.SIGKILL
    assert len(objects(tmp_path)) == 2
    assert before in {(tmp_path / "w" / name).stat().st_ino for name in objects(tmp_path)}


@pytest.mark.parametrize("spec", ["nonsense", "name:0", "name:-1", ":1", "name:x"])
def test_a_crash_point_that_cannot_be_meant_is_refused(tmp_path: Path, spec: str) -> None:
    run = child(tmp_path, spec)
    assert run.returncode == 1
    assert "expected NAME:N" in run.stderr
