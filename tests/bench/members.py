"""A daemon on a hundred members: from a cold journal to a plan of them all, memory, CPU when nothing happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from fedsched.config.settings import Credential
from fedsched.journal import SqliteJournal
from fedsched.kube.join import credentials
from tests.bench import members_plane
from tests.laboratory.session import cpu_s

TITLE = "A daemon on 100 members"
FEDERATION = "bench"
JOBS = 50
SHAPES, LEAST = 10, 115
"""Cores that they ask for: fewer than the largest nodes have, more than is free on one of them."""
LIMIT_S = 300.0
SOFT_LIMIT = 1024
"""Open files that a service may have unless it asks for more."""


class Size(NamedTuple):
    """members: each with so many nodes and pods, from so many records. settle_s, idle_s: waited, then measured.

    busy_s: measured with pods that come and go.
    """

    members: int
    records: int
    nodes: int
    pods: int
    settle_s: float
    idle_s: float
    busy_s: float


FULL = Size(100, 10, 100, 3000, 120.0, 60.0, 40.0)
QUICK = Size(10, 2, 20, 600, 5.0, 10.0, 10.0)


class Usage(NamedTuple):
    """Of a process and its children: CPU seconds, resident MiB now and at most, threads, connections, children."""

    cpu_s: float
    rss_mib: float
    peak_mib: float
    threads: int
    connections: int
    children_mib: float


class Idle(NamedTuple):
    """CPU seconds of the daemon and of its children, and cycles, within so many seconds."""

    seconds: float
    cpu_s: float
    cycles: int

    @property
    def share(self) -> float:
        """Of one core."""
        return self.cpu_s / self.seconds


class Found(NamedTuple):
    """What was measured. first_s: wall and CPU seconds from start to the first plan of all members."""

    first_s: float
    first_cpu_s: float
    after: Usage
    settled: Usage
    idle: Idle
    busy: Idle
    end: Usage
    decide_ms: float
    record_bytes: int


def run(*, quick: bool) -> str:
    """The section's text."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="fedsched-bench-") as name:
        folder = Path(name)
        for number in range(size.records):
            members_plane.record(folder / f"record-{number}", size.nodes, size.pods, number)
        with _servers(folder, size.members) as (server, ports):
            federation(folder, ports)
            with daemon(folder) as process:
                try:
                    found = _measured(folder, process, server, size)
                except AssertionError:
                    print((folder / "log").read_text()[-4000:])
                    raise
    return table(found, size)


@contextlib.contextmanager
def _servers(folder: Path, members: int) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    command = [sys.executable, "-m", "tests.bench.members_plane", str(folder), str(members), FEDERATION]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def federation(folder: Path, ports: list[int]) -> None:
    """Its files, as joining would have left them, and Jobs that wait in its journal for an empty node."""
    for name in ("clusters", "policies", "credentials"):
        (folder / name).mkdir(mode=0o700)
    settings = f'id = "{FEDERATION}"\npolicy = "plain"\nlisten = "unix:{folder}/api"\nsocket = ""\n'
    (folder / "fedsched.toml").write_text(settings)
    (folder / "policies" / "plain.toml").write_text("")
    authority = (folder / "authority" / "ca.crt").read_text()
    for number, port in enumerate(ports):
        name, server = f"m{number:03}", f"https://127.0.0.1:{port}"
        (folder / "clusters" / f"{name}.toml").write_text(
            f'name = "{name}"\nnamespace = "{members_plane.NAMESPACE}"\ncredential = "{name}.json"\n'
            f'server = "{server}"\nmode = "on"\nforms = ["startd-job", "job"]\n'
        )
        credential = Credential(server, members_plane.NAMESPACE, f"token-of-{name}", authority)
        credentials.save(folder / "credentials" / f"{name}.json", credential)
    jobs = [_job(number) for number in range(JOBS)]
    (folder / "jobs.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": jobs}))
    said = subprocess.run(
        [*_fedsched("submit"), "jobs.json"], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr


def _job(number: int) -> dict[str, Any]:
    requests = {"cpu": str(LEAST + number % SHAPES), "memory": "2Gi"}
    container = {"name": "c", "image": "registry.example.org/a:1", "resources": {"requests": requests}}
    pod = {"restartPolicy": "Never", "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"j{number}"},
        "spec": {"template": {"spec": pod}},
    }


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`fedsched serve` as a supervisor begins and ends it."""
    command = ["sh", "-c", f'ulimit -Sn {SOFT_LIMIT}; exec "$@"', "sh", *_fedsched("serve")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=_environment(), stderr=log, stdout=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fedsched(verb: str) -> list[str]:
    return [sys.executable, "-m", "fedsched", verb]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


def _measured(folder: Path, process: subprocess.Popen[bytes], server: subprocess.Popen[str], size: Size) -> Found:
    began = time.time()
    number, cpu = _first_plan(folder, process, size)
    cycle = next(one for one in _cycles(folder) if one["cycle"] == number)
    first_s = datetime.fromisoformat(cycle["timestamp"]).timestamp() - began
    after = usage(process.pid)
    print(f"members: first plan of all after {first_s:.1f} s, {after}", flush=True)
    time.sleep(size.settle_s)
    settled = usage(process.pid)
    print(f"members: settled, {settled}", flush=True)
    idle = _idle(folder, process.pid, size.idle_s)
    server.send_signal(signal.SIGUSR1)
    time.sleep(size.busy_s / 4)
    busy = _idle(folder, process.pid, size.busy_s)
    last = [one["decide_s"] for one in _cycles(folder)[-5:]]
    records = sum(members_plane.recorded(each).size for each in folder.glob("record-*"))
    decide_ms = 1000 * sum(last) / len(last)
    return Found(first_s, cpu, after, settled, idle, busy, usage(process.pid), decide_ms, records)


def _first_plan(folder: Path, process: subprocess.Popen[bytes], size: Size) -> tuple[int, float]:
    """The first recorded cycle that knows every node of every member; CPU seconds until it was seen."""
    end, looked = time.monotonic() + LIMIT_S, 0
    while time.monotonic() < end:
        assert process.poll() is None, "the daemon ended"
        time.sleep(0.5)
        numbers = [one["cycle"] for one in _cycles(folder)]
        for number in numbers[looked:]:
            cpu = cpu_s(process.pid)
            if _knows_all(folder, number, size):
                return number, cpu
        looked = len(numbers)
    raise AssertionError(f"no plan of all members within {LIMIT_S:g} s")


def _knows_all(folder: Path, number: int, size: Size) -> bool:
    with contextlib.closing(SqliteJournal(folder / "fedsched.db")) as journal:
        recorded = journal.cycle(number)
    assert recorded is not None
    members = recorded.snapshot.observation.members
    whole = [m for m in members if m.seen_at is not None and sum(g.nodes for g in m.node_groups) == size.nodes]
    return len(whole) == size.members and bool(recorded.plan.classes)


def _cycles(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "log").read_text().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [event for event in events if event["event"] == "cycle"]


def _idle(folder: Path, pid: int, seconds: float) -> Idle:
    cycles, before, began = len(_cycles(folder)), usage(pid).cpu_s, time.monotonic()
    time.sleep(seconds)
    took, used = time.monotonic() - began, usage(pid).cpu_s - before
    found = Idle(took, used, len(_cycles(folder)) - cycles)
    print(f"members: {found}, {100 * found.share:.1f} % of a core, load {os.getloadavg()[0]:.1f}", flush=True)
    return found


def usage(pid: int) -> Usage:
    """Of a process and those of its children that live; children that ended count for CPU alone."""
    status = _status(pid)
    children = _children(pid)
    return Usage(
        cpu_s(pid) + _ended_cpu_s(pid) + sum(cpu_s(child) for child in children),
        status["VmRSS"] / 1024,
        status["VmHWM"] / 1024,
        status["Threads"],
        sum(_is_socket(each) for each in Path(f"/proc/{pid}/fd").iterdir()),
        sum(_status(child).get("VmRSS", 0) for child in children) / 1024,
    )


def _ended_cpu_s(pid: int) -> float:
    """Of its children that ended and were waited for."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[13]) + int(stat[14])) / os.sysconf("SC_CLK_TCK")


def _status(pid: int) -> dict[str, int]:
    with contextlib.suppress(OSError):
        lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}
    return {}


def _children(pid: int) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((each / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(each.name))
    return found


def _is_socket(file: Path) -> bool:
    with contextlib.suppress(OSError):
        return str(file.readlink()).startswith("socket:")
    return False


def table(found: Found, size: Size) -> str:
    """The figures against what is wanted."""
    rows = (
        ("cold start to the first plan that knows all, s", f"{found.first_s:.1f}", "< 60"),
        ("of it CPU of the daemon, s", f"{found.first_cpu_s:.1f}", ""),
        ("resident memory, most, MiB", f"{found.end.peak_mib:,.0f}", "< 1,536"),
        (f"resident memory after {size.settle_s:.0f} s, MiB", f"{found.settled.rss_mib:,.0f}", "< 1,536"),
        ("CPU when nothing happens, % of a core", f"{100 * found.idle.share:.1f}", "< 20"),
        ("CPU with pods that come and go, % of a core", f"{100 * found.busy.share:.1f}", ""),
        ("threads", f"{found.settled.threads:,}", ""),
        ("connections", f"{found.settled.connections:,}", ""),
        ("deciding, ms a cycle", f"{found.decide_ms:.0f}", ""),
    )
    lines = ["| | found | wanted |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    events = size.members * size.nodes / members_plane.NODE_BEAT_S
    pods = size.members / members_plane.POD_EVERY_S
    return "\n".join(lines) + (
        f"\n\n{size.members} members of {size.nodes} nodes and {size.pods:,} pods each, from {size.records} records of "
        f"{found.record_bytes / size.records / 1e6:.0f} MB, answered over TLS by another process on this machine. "
        f"`fedsched serve` with the default cadence and a cold journal, in which {JOBS} Jobs of {SHAPES} classes wait "
        f"for an empty node. Nothing happens: {events:.1f} statuses of nodes a second, bookmarks, and all that "
        f"fedsched asks by itself, for {found.idle.seconds:.0f} s ({found.idle.cycles} cycles). Pods that come and go: "
        f"{pods:.1f} of other people a second besides, each five events, for {found.busy.seconds:.0f} s "
        f"({found.busy.cycles} cycles). The daemon began with a soft limit of {SOFT_LIMIT:,} open files. No forecast "
        f"was made in these times. CPU is user and system time of the daemon and its children; load average "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, which others used, too."
    )
