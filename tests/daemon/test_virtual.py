"""The same daemon by a virtual clock: lease, health, signals, journal and order of chores are those of a real one."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fedsched.config.settings import Federation, MemberFile
from fedsched.daemon import How, Parts, serve
from fedsched.daemon.virtual import Paced
from fedsched.journal import Recorded, SqliteJournal
from fedsched.matchmaker.model import Change
from tests.loop.shelf import START, Shelf, VirtualClock, Wishes

MEMBER = 'name = "m1"\nnamespace = "n"\ncredential = "m1.json"\n'


class Timeless(Shelf):
    """A shelf whose time passes only while somebody waits; `waits` are these."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock = VirtualClock()
        self.waits: list[float] = []
        self.answer = self._note
        self.threads: set[threading.Thread] = set()
        self.now = self.clock.now
        self.sleep = self.clock.sleep

    def monotonic(self) -> float:
        return self.clock.at - START

    def wait(self, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        self.clock.sleep(timeout_s)
        return False

    def _note(self, _change: Change) -> str:
        self.threads.add(threading.current_thread())
        return ""


class Demo:
    """A federation of one member in a folder, and its run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = Timeless(folder / "world")
        self.wishes = Wishes({"a": "m1"})
        self.recorded: list[Recorded] = []
        self.config = folder / "fedsched.toml"
        (folder / "clusters").mkdir()
        (folder / "clusters" / "m1.toml").write_text(MEMBER)
        self.write("fair-share")

    def write(self, policy: str) -> None:
        self.config.write_text(
            f'id = "t"\npolicy = "{policy}"\nlisten = "unix:{self.folder}/health"\n'
            '[[pool]]\nname = "a"\ncollector = "h:1"\n[cadence]\ncycle_s = 60\n'
        )

    def get(self, path: str) -> bytes:
        """What the running daemon answers."""
        connection = http.client.HTTPConnection("localhost", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.folder / "health"))
        connection.request("GET", path)
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def serve(self, seconds: float, *told: Callable[[Recorded], None], speed: float = float("inf")) -> int:
        paced = Paced(self.world, speed)

        def build(_settings: Federation, _members: tuple[MemberFile, ...]) -> Paced:
            return paced

        parts = Parts(
            build,
            self.wishes.negotiate,
            self.wishes.changes,
            paced.time,
            told=(self.recorded.append, *told),
            over=lambda: self.world.monotonic() >= seconds,
        )
        return serve(self.config, parts, How())


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


def test_it_cycles_by_virtual_time_and_ends_when_the_world_is_over(demo: Demo) -> None:
    began = time.monotonic()
    assert demo.serve(4 * 3600) == 0
    assert time.monotonic() - began < 30
    assert [round(r.plan.at - START) for r in demo.recorded] == [60 * n for n in range(241)]
    assert demo.world.names() == ["m1/fs-a"]
    assert not (demo.folder / "health").exists()


def test_whoever_only_looks_on_keeps_no_cycle_from_acting(demo: Demo) -> None:
    def broken(recorded: Recorded) -> None:
        raise LookupError(recorded.plan.cycle)

    assert demo.serve(300, broken) == 0
    assert len(demo.recorded) > 3
    assert demo.world.names() == ["m1/fs-a"]


def test_in_between_it_waits_for_nothing_but_what_is_due(demo: Demo) -> None:
    demo.serve(1200)
    assert max(demo.world.waits) <= 10.0
    assert len(demo.world.waits) <= 1200 / 10 + 5, "the lease is the most frequent chore"


def test_its_lease_is_renewed_by_its_own_clock_and_given_back(demo: Demo) -> None:
    left: list[float] = []

    def look(recorded: Recorded) -> None:
        journal = SqliteJournal(demo.folder / "fedsched.db")
        lease = journal.lease()
        journal.close()
        assert lease is not None
        assert lease.holder.pid == os.getpid()
        left.append(lease.expires_at - recorded.plan.at)

    demo.serve(1200, look)
    assert len(left) > 10
    assert all(15 <= seconds <= 30 for seconds in left)
    journal = SqliteJournal(demo.folder / "fedsched.db")
    assert journal.lease() is None
    assert len(journal.cycles()) == len(left)
    journal.close()


def test_it_acts_in_its_own_thread_because_time_stands_still_meanwhile(demo: Demo) -> None:
    demo.serve(120)
    assert demo.world.threads == {threading.current_thread()}


def test_its_health_is_served_while_it_runs(demo: Demo) -> None:
    seen: list[dict[str, Any]] = []

    def look(_recorded: Recorded) -> None:
        seen.append(json.loads(demo.get("/healthz")))

    demo.serve(180, look)
    assert [body["state"] for body in seen] == ["starting", *["running"] * (len(seen) - 1)]
    assert seen[-1]["cycle"] == len(seen) - 1


def test_prometheus_reads_what_it_did_while_it_runs(demo: Demo) -> None:
    """O7, in a daemon: cycles, changes and startds are those of the cycles that were."""
    seen: dict[str, float] = {}

    def look(recorded: Recorded) -> None:
        # Once: within a second everybody is told the same.
        if recorded.plan.cycle == 3:
            for family in text_string_to_metric_families(demo.get("/metrics").decode()):
                seen.update(
                    {f"{sample.name}{sorted(sample.labels.values())}": sample.value for sample in family.samples}
                )

    demo.serve(180, look)
    assert seen["fedsched_healthy[]"] == 1
    assert seen["fedsched_cycles_total[]"] == seen["fedsched_cycle_number[]"] == 2, "the third is not over"
    assert seen["fedsched_changes_issued_total['create']"] == seen["fedsched_changes_total['done']"] == 1
    assert seen["fedsched_startds['m1', 'starting']"] == 1
    assert seen["fedsched_cycle_seconds_count['decide']"] == 2
    assert seen["fedsched_journal_bytes[]"] > 0


def test_sighup_reads_its_files_again(demo: Demo) -> None:
    def hup(recorded: Recorded) -> None:
        if recorded.plan.cycle == 2:
            demo.write("frugal")
            os.kill(os.getpid(), signal.SIGHUP)

    demo.serve(300, hup)
    policies = [recorded.policy for recorded in demo.recorded]
    assert len(set(policies[:2])) == len(set(policies[2:])) == 1
    assert policies[0] != policies[-1]


def test_a_speed_holds_virtual_time_back_to_real_time(demo: Demo) -> None:
    began = time.monotonic()
    demo.serve(120, speed=120.0)
    assert 0.9 <= time.monotonic() - began < 10


def test_another_speed_counts_from_where_it_was_set(demo: Demo) -> None:
    paced = Paced(demo.world, 1.0)
    paced.start()
    paced.speed = 1000.0
    began = time.monotonic()
    paced.wait(300.0)
    assert 0.25 <= time.monotonic() - began < 10


def test_after_a_delay_it_goes_on_at_its_speed_instead_of_catching_up(demo: Demo) -> None:
    paced = Paced(demo.world, 10.0)
    paced.start()
    time.sleep(0.8)
    began = time.monotonic()
    paced.wait(1.0)
    paced.wait(3.0)
    assert time.monotonic() - began >= 0.25
