"""A run that was killed leaves things behind, and the next one clears them without touching what lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.laboratory import ledger, places, session
from tests.laboratory.part_condor import not_root

ROOT = Path(__file__).parents[2]
CRASH = """\
import os, signal, sys
from pathlib import Path
from tests.laboratory import network, session
made = session.Session()
made.spawn("sleeper", ["sleep", "600"], made.folder / "log")
if os.geteuid() == 0:
    bridge = network.Bridge(made)
    bridge.close_inbound()
    network.PodNetwork(bridge).join()
    made.address()
print(made.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
COME_AND_GO = """\
from tests.laboratory import session
for _ in range(50):
    made = session.Session()
    made.ports(5)
    made.block()
    made.spawn("sleeper", ["sleep", "600"], made.folder / "log")
    made.close()
"""


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sessions of a folder of its own, so that this test sweeps only what it made."""
    monkeypatch.setenv("FEDSCHED_LABORATORY_CACHE", str(tmp_path))
    return tmp_path


def crashed() -> str:
    """Runs a session that dies without a word; its id."""
    done = subprocess.run([sys.executable, "-c", CRASH], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.strip()


def test_what_a_killed_session_left_is_cleared(own_state: Path) -> None:
    name = crashed()
    entries = (own_state / "sessions" / name / "ledger").read_text()
    pid = next(int(line.split('"pid": ')[1].split(",")[0]) for line in entries.splitlines() if '"process"' in line)
    assert ledger.alive(pid)

    lines = session.sweep()

    assert [line.split(":")[0] for line in lines] == [f"cleared session {name}"]
    assert not ledger.alive(pid)
    assert not (own_state / "sessions" / name).exists()
    if not_root("this") is None:
        links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
        rules = subprocess.run(["iptables", "-w", "-S"], capture_output=True, text=True, check=True).stdout
        bridges = [line.split('"name": "')[1].split('"')[0] for line in entries.splitlines() if '"link"' in line]
        assert bridges
        assert not [bridge for bridge in bridges if f" {bridge}:" in links or f" {bridge} " in rules]


@pytest.mark.usefixtures("own_state")
def test_a_living_session_is_left_alone_and_shares_no_port_or_block() -> None:
    one, two = session.Session(), session.Session()
    try:
        assert session.sweep() == []
        assert not set(one.ports(5)) & set(two.ports(5))
        assert one.block() != two.block()
        assert {one.id, two.id} == {folder.name for folder in places.sessions().iterdir()}
    finally:
        one.close()
        two.close()
    assert list(places.sessions().iterdir()) == []


def test_sessions_that_begin_and_end_at_once_do_not_trip_over_each_other(own_state: Path) -> None:
    """Two runs of the tests beside each other: one closes while the other sweeps and looks for free ports."""
    command = [sys.executable, "-c", COME_AND_GO]
    runs = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [run.communicate(timeout=120)[1] for run in runs]
    assert said == [""] * 4
    assert list((own_state / "sessions").iterdir()) == []


def test_a_process_that_got_the_number_of_a_dead_one_is_not_killed(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as bystander:
        book = ledger.Ledger(tmp_path / "ledger")
        book.record("process", pid=bystander.pid, start=(ledger.started(bystander.pid) or 0) - 1)

        book.undo_all()

        time.sleep(0.05)
        assert ledger.alive(bystander.pid)
        os.kill(bystander.pid, signal.SIGKILL)
