"""What a run of the daemon promises, seen from outside: signals, lease, health, files that change, exit codes."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fedsched.journal import SqliteJournal

ROOT = Path(__file__).parents[2]
MEMBER = 'name = "{0}"\nnamespace = "n-{0}"\ncredential = "{0}.json"\n'


class Daemon:
    """A running child and what it said."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.log = folder / f"log-{time.monotonic_ns()}"
        with self.log.open("wb") as log:
            arguments = [sys.executable, "-m", "tests.daemon.child", str(folder), *words]
            self.process = subprocess.Popen(arguments, cwd=ROOT, stderr=log, stdout=log)

    def events(self, name: str = "") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if name in {"", line["event"]}]

    def until(self, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        return found

    def ended(self, seconds: float = 60.0) -> int:
        return self.process.wait(seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A federation of m1 and m2 in which two placements are wished."""
    (tmp_path / "clusters").mkdir()
    for name in ("m1", "m2"):
        (tmp_path / "clusters" / f"{name}.toml").write_text(MEMBER.format(name))
    listen = f"unix:{tmp_path}/health"
    (tmp_path / "fedsched.toml").write_text(
        f'id = "t"\nlisten = "{listen}"\n[[pool]]\nname = "a"\ncollector = "h:1"\n'
        "[cadence]\ncycle_s = 0.2\ndebounce_s = 0.1\n"
    )
    (tmp_path / "wishes").write_text("a m1\nb m2\n")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Daemon]]:
    running: list[Daemon] = []

    def begin(*words: str) -> Daemon:
        running.append(Daemon(folder, *words))
        return running[-1]

    yield begin
    for daemon in running:
        if daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()


def objects(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder / "world")) for file in (folder / "world").glob("m*/*"))


def health(folder: Path) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(folder / "health"))
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content


def test_it_carries_plans_out_and_ends_cleanly_when_told_to(folder: Path, start: Callable[..., Daemon]) -> None:
    daemon = start()
    daemon.until(lambda: objects(folder) == ["m1/fs-a", "m2/fs-b"])
    daemon.until(lambda: len(daemon.events("cycle")) > 3)
    assert health(folder)[0] == 200
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.ended(10) == 0
    journal = SqliteJournal(folder / "fedsched.db")
    assert journal.lease() is None
    assert journal.open_intents() == ()
    journal.close()
    assert (folder / "stopped").exists()
    assert not (folder / "health").exists()


def test_a_member_that_hangs_keeps_nothing_up_not_even_the_end(folder: Path, start: Callable[..., Daemon]) -> None:
    (folder / "hang").touch()
    daemon = start()
    daemon.until(lambda: objects(folder) == ["m2/fs-b"])
    daemon.until(lambda: len(daemon.events("cycle")) > 5)
    began = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.ended(10) in {0, 1}, "1: even a library's thread that never ends is not waited for"
    assert time.monotonic() - began < 10
    assert daemon.events("world-hangs")


def test_a_second_daemon_is_refused_and_a_killed_one_is_followed_at_once(
    folder: Path, start: Callable[..., Daemon]
) -> None:
    first = start()
    first.until(lambda: first.events("cycle"))
    second = start()
    assert second.ended() == 1
    assert f"process {first.process.pid} on" in second.events("stopped")[0]["why"]
    first.process.kill()
    first.process.wait()
    third = start()
    third.until(lambda: third.events("cycle"))
    epochs = [daemon.events("started")[0]["epoch"] for daemon in (first, third)]
    assert epochs[1] > epochs[0]
    third.until(lambda: objects(folder) == ["m1/fs-a", "m2/fs-b"])


def test_a_start_takes_an_epoch_above_every_fence_and_a_later_higher_one_stops_it(
    folder: Path, start: Callable[..., Daemon]
) -> None:
    (folder / "fence").write_text("5000000000")
    daemon = start()
    assert daemon.until(lambda: daemon.events("started"))[0]["epoch"] == 5_000_000_001
    daemon.until(lambda: daemon.events("cycle"))
    (folder / "fence").write_text("5000000002")
    assert daemon.ended() == 1
    assert "another fedsched of this federation took over" in daemon.events("stopped")[0]["why"]
    journal = SqliteJournal(folder / "fedsched.db")
    assert journal.lease() is None
    journal.close()


def test_without_a_journal_a_start_uses_an_epoch_above_the_last_run_even_when_no_fence_can_be_read(
    folder: Path, start: Callable[..., Daemon]
) -> None:
    epochs = []
    for _ in range(2):
        daemon = start("once")
        assert daemon.ended() == 0
        epochs.append(daemon.events("started")[0]["epoch"])
        for file in folder.glob("fedsched.db*"):
            file.unlink()
        daemon.until(lambda: time.time() >= epochs[-1], 5)
    assert epochs[1] > epochs[0] >= 1_700_000_000


def test_files_are_read_again_on_sighup_and_bad_ones_change_nothing(folder: Path, start: Callable[..., Daemon]) -> None:
    daemon = start()
    daemon.until(lambda: daemon.events("cycle"))
    (folder / "clusters" / "m3.toml").write_text("name = 3\n")
    daemon.process.send_signal(signal.SIGHUP)
    (refused,) = daemon.until(lambda: daemon.events("reload-refused"))
    assert "m3.toml:1: name: expected" in " ".join(refused["problems"])
    (folder / "wishes").write_text("a m1\nb m2\nc m3\n")
    (folder / "clusters" / "m3.toml").write_text(MEMBER.format("m3"))
    toml = (folder / "fedsched.toml").read_text()
    (folder / "fedsched.toml").write_text('policy = "frugal"\nassumed_length_s = 60\n' + toml)
    daemon.process.send_signal(signal.SIGHUP)
    (again,) = daemon.until(lambda: daemon.events("reloaded"))
    assert (again["policy"], again["needs_restart"]) == ("frugal", ["assumed_length_s"])
    daemon.until(lambda: "m3/fs-c" in objects(folder))


def test_once_is_one_cycle_and_its_exit_code_tells_whether_all_was_done(
    folder: Path, start: Callable[..., Daemon]
) -> None:
    whole = start("once")
    assert whole.ended() == 0
    assert objects(folder) == ["m1/fs-a", "m2/fs-b"]
    assert len(whole.events("cycle")) == 1
    (folder / "refuse").touch()
    (folder / "wishes").write_text("c m1\n")
    assert start("once").ended() == 3
    (folder / "fault").touch()
    assert start("once").ended() == 1


def test_with_dispatch_none_plans_are_recorded_and_nothing_is_made(folder: Path, start: Callable[..., Daemon]) -> None:
    assert start("once", "none").ended() == 0
    assert objects(folder) == []
    journal = SqliteJournal(folder / "fedsched.db")
    last = journal.last_cycle()
    journal.close()
    assert last is not None
    assert len(last.plan.held) == len(last.issued) == 2


def test_a_broken_journal_is_moved_aside_and_said_so(folder: Path, start: Callable[..., Daemon]) -> None:
    (folder / "fedsched.db").write_bytes(b"not a database at all, in no way\n" * 50)
    daemon = start("once")
    assert daemon.ended() == 0
    assert daemon.events("journal-broken")[0]["moved_to"].endswith("fedsched.db.broken-1")


def test_a_fault_of_ours_leaves_the_daemon_alive_and_recovers(folder: Path, start: Callable[..., Daemon]) -> None:
    (folder / "fault").touch()
    daemon = start()
    daemon.until(lambda: len(daemon.events("cycle-failed")) > 2)
    (folder / "fault").unlink()
    daemon.until(lambda: daemon.events("cycle"))


def test_an_address_that_is_taken_is_an_error_and_gives_the_lease_back(
    folder: Path, start: Callable[..., Daemon]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = (folder / "fedsched.toml").read_text()
        (folder / "fedsched.toml").write_text(text.replace(f"unix:{folder}/health", f"127.0.0.1:{port}"))
        daemon = start()
        assert daemon.ended() == 1
        assert f"127.0.0.1:{port}" in daemon.events("stopped")[0]["why"]
    journal = SqliteJournal(folder / "fedsched.db")
    assert journal.lease() is None
    journal.close()
