"""A simulated month of a large federation, in a process of its own: real loop, matchmaker and journal.

`python -m tests.bench month` runs all of it; `python -m tests.bench.month --days 3` prints the figures of its first
three days and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fedsched.log import configure
from fedsched.sim.schedd import Job
from fedsched.sim.world import SimWorld
from fedsched.study.compare import fewer_collections
from fedsched.study.run import How, SimRun
from tests.bench.month_load import DAY, DEADLINE_DAY, HOUR, Size, policy, scenario
from tests.bench.month_progress import Progress

TITLE = "A simulated month"
FULL = Size()
QUICK = Size(members=10, jobs=5_000, days=1.0)
LIMIT_S = 3_600.0
"""Of wall time: a run that takes longer ends there, and says so."""
WANTED_S, WANTED_MIB = 1_800.0, 2_048.0


class Found(msgspec.Struct, frozen=True):
    """What was measured. days: how much was simulated; jobs: submitted by then; lost: neither done nor there.

    startds: how many were started; standing, waiting_most: most startds, and most waiting jobs, of one cycle. waits in
    seconds, of a job that never ran up to the end. core_h: of jobs that are done; lost_core_h: run for nothing.
    """

    days: float
    cycles: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    startup_s: float
    jobs: int
    done: int
    running: int
    waiting: int
    returned: int
    startds: int
    standing: int
    waiting_most: int
    mean_wait_s: float
    p95_wait_s: float
    core_h: float
    lost_core_h: float
    offered_core_h: float

    @property
    def lost(self) -> int:
        """None is, ever."""
        return self.jobs - self.done - self.running - self.waiting


def simulated(size: Size, limit_s: float = math.inf, days: float = math.inf, *, shown: bool = True) -> Found:
    """The first so many days of the month, as far as wall time allows. Raises AssertionError for a job that is lost."""
    began, cpu = time.monotonic(), time.process_time()
    configure(level="error")
    with tempfile.TemporaryDirectory(prefix="fedsched-month-") as folder, fewer_collections():
        month = scenario(size)
        how = How(cycle_s=size.cadence_s, longest_s=2 * size.days * DAY)
        run = SimRun(month, policy(), Path(folder), size.seed, how)
        try:
            startup_s = time.monotonic() - began
            until_s, standing = min(size.days, days) * DAY, 0
            progress = Progress("month", until_s, shown=shown)
            while run.world.monotonic() < until_s and time.monotonic() - began < limit_s:
                summary = run.cycle()
                standing = max(standing, sum(summary.phases.values()) - summary.phases.get("gone", 0))
                progress.at(run.world.monotonic())
            run.watch.close()
            due = sum(batch.count for batch in month.batches if batch.at <= run.world.monotonic())
            return _found(run, due, standing, (time.monotonic() - began, time.process_time() - cpu, startup_s))
        finally:
            run.close()


def _found(run: SimRun, due: int, standing: int, took: tuple[float, float, float]) -> Found:
    jobs, running, waiting = counted(run.world)
    assert jobs == due, f"{jobs:,} jobs were submitted, {due:,} were due"
    every = [job for schedd in run.world.schedds for job in schedd.jobs]
    waits = sorted(_waited_s(job, run.world.now()) for job in every)
    done = [job for job in every if job.done_at is not None]
    found = Found(
        days=run.world.monotonic() / DAY,
        cycles=run.watch.cycles,
        wall_s=took[0],
        cpu_s=took[1],
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        startup_s=took[2],
        jobs=jobs,
        done=len(done),
        running=running,
        waiting=waiting,
        returned=sum(job.starts > 1 for job in every),
        startds=run.watch.placed.written,
        standing=standing,
        waiting_most=run.watch.peaks.idle_jobs,
        mean_wait_s=sum(waits) / max(1, len(waits)),
        p95_wait_s=waits[math.ceil(0.95 * len(waits)) - 1] if waits else 0.0,
        core_h=sum(job.runs_s * _cores(job) for job in done) / HOUR,
        lost_core_h=sum(job.lost_s * _cores(job) for job in every) / HOUR,
        offered_core_h=sum(run.watch.sums.offered.values()),
    )
    assert found.lost == 0, f"{found.lost:,} of {jobs:,} jobs are neither done nor running nor waiting"
    return found


def counted(world: SimWorld) -> tuple[int, int, int]:
    """Jobs that were submitted, that run, and that wait. What schedds say to run is what startds say to run."""
    queues = [queue for schedd in world.schedds for queue in schedd.queues.values()]
    running = sum(queue.running for queue in queues)
    on_startds = sum(len(startd.runs) for startd in world.pool.startds.values())
    assert running == on_startds, f"schedds say that {running:,} jobs run, startds {on_startds:,}"
    return sum(len(schedd.jobs) for schedd in world.schedds), running, sum(len(queue.idle) for queue in queues)


def _waited_s(job: Job, now: float) -> float:
    return (job.first_claimed_at or now) - job.submitted_at


def _cores(job: Job) -> float:
    return job.queue.batch.request.cpu_milli / 1000


def run(*, quick: bool) -> str:
    """The section's text."""
    size, load = QUICK if quick else FULL, os.getloadavg()[0]
    command = [sys.executable, "-m", "tests.bench.month", "--json", "--limit", str(LIMIT_S)]
    done = subprocess.run([*command, msgspec.json.encode(size).decode()], check=True, stdout=subprocess.PIPE)
    return table(msgspec.json.decode(done.stdout, type=Found), size, load)


def table(found: Found, size: Size, load: float) -> str:
    """The figures against what is wanted. load: average when it began."""
    rows = [f"| {' | '.join(row)} |" for row in _rows(found, size)]
    lines = ["| | found | wanted |", "|---|---|---|", *rows, "", _said(found, size)]
    return "\n".join([*lines, f"Load average {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end."])


def _rows(found: Found, size: Size) -> Iterator[tuple[str, str, str]]:
    whole = size == FULL and found.days >= size.days
    yield f"simulated, of {size.days:g} days", f"{found.days:.2f}", f"{size.days:g}"
    yield "wall, min", f"{found.wall_s / 60:.1f}", f"< {WANTED_S / 60:.0f}" if whole else ""
    yield "CPU, min", f"{found.cpu_s / 60:.1f}", ""
    yield "a cycle, ms", f"{1000 * (found.wall_s - found.startup_s) / max(1, found.cycles):.0f}", ""
    yield "resident memory, most, MiB", f"{found.peak_mib:,.0f}", f"< {WANTED_MIB:,.0f}"
    yield "jobs submitted", f"{found.jobs:,}", ""
    yield "done, running, waiting at the end", f"{found.done:,}, {found.running:,}, {found.waiting:,}", ""
    yield "lost", f"{found.lost:,}", "0"
    yield "lost their slot at least once", f"{found.returned:,}", ""
    yield "startds started; most at once", f"{found.startds:,}; {found.standing:,}", ""
    yield "most jobs that waited at once", f"{found.waiting_most:,}", ""
    yield "wait of a job, mean, min", f"{found.mean_wait_s / 60:.0f}", ""
    yield "wait of a job, 95 %, min", f"{found.p95_wait_s / 60:.0f}", ""
    yield "core-hours of jobs that are done", f"{found.core_h:,.0f}", ""
    yield "core-hours that were run for nothing", f"{found.lost_core_h:,.0f}", ""
    yield "core-hours that owners left", f"{found.offered_core_h:,.0f}", ""


def _said(found: Found, size: Size) -> str:
    said = (
        f"{size.members} members of 10 node groups of {size.nodes} nodes, owners' load by the hour, {size.jobs:,} jobs "
        f"of 200 people in 20 groups over {size.days:g} days, one cycle in {size.cadence_s:.0f} s; journal on, "
        f"invariants not checked. One process, one core; {found.cycles:,} cycles. "
    )
    if found.days >= size.days:
        return said
    times = size.days / found.days
    return said + (
        f"**The run was ended after {found.wall_s / 60:.0f} min, at {found.days:.2f} of {size.days:g} days**; nothing "
        f"here was measured for more, and the deadline's rush on days 17 to 19 is {_rush_said(found)}. "
        f"Extrapolated, not measured: as many days at this pace take {times * found.wall_s / 60:.0f} min. "
    )


def _rush_said(found: Found) -> str:
    return "in it" if found.days >= DEADLINE_DAY else "not in it"


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.month")
    parser.add_argument("size", nargs="?", default="{}", help="as JSON: members, nodes, jobs, days, cadence_s, seed")
    parser.add_argument("--days", type=float, default=math.inf, help="end after so many simulated days")
    parser.add_argument("--limit", type=float, default=math.inf, help="end after so many seconds of wall time")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    said = parser.parse_args()
    size, load = msgspec.json.decode(said.size.encode(), type=Size), os.getloadavg()[0]
    found = simulated(size, said.limit, said.days)
    print(json.dumps(msgspec.to_builtins(found)) if said.json else table(found, size, load))


if __name__ == "__main__":
    _main()
