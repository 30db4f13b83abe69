"""Reading demand: a schedd's queue as classes, against reading its jobs one by one; real schedd, real queue."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fedsched.condor.demand import terms
from fedsched.condor.processes import Children
from fedsched.condor.questions import AskDemand, Demand, FindSchedds, FoundSchedd, Schedds
from tests.condor.pools import federation, settings, until
from tests.laboratory import Laboratory

if TYPE_CHECKING:
    from tests.laboratory.pool import Pool

TITLE = "Grouped demand of one schedd"
TIMES = 5
AT_ONCE = 10_000
"""Jobs of one submission; a schedd takes 20,000."""
TICK = os.sysconf("SC_CLK_TCK")
ONE_BY_ONE = """
import collections, resource, sys, time
import htcondor2, classad2
location = classad2.ClassAd({"MyAddress": sys.argv[1], "CondorVersion": sys.argv[2]})
schedd = htcondor2.Schedd(location)
walls, cpus = [], []
for _ in range(int(sys.argv[3])):
    wall, cpu = time.perf_counter(), time.process_time()
    names = ("User", "RequestCpus", "RequestMemory", "RequestDisk", "Requirements")
    counted = collections.Counter(tuple(str(job.lookup(n)) for n in names) for job in schedd.query("JobStatus == 1"))
    walls.append(time.perf_counter() - wall)
    cpus.append(time.process_time() - cpu)
print(sorted(walls)[len(walls) // 2], sorted(cpus)[len(cpus) // 2], sum(counted.values()), len(counted))
"""


def run(*, quick: bool) -> str:
    """The section's text."""
    sizes = [(1_000, 100)] if quick else [(10_000, 1_000), (100_000, 40)]
    rows = []
    with Laboratory() as lab, tempfile.TemporaryDirectory() as folder:
        for jobs, groups in sizes:
            pool = lab.pool(f"bench{groups}", daemons=("COLLECTOR", "SCHEDD"))
            rows.append(_row(pool, jobs, groups, Path(folder)))
            pool.stop()
    head = "| idle jobs | shapes | classes | wall | CPU | wall, one by one | CPU, one by one | CPU ratio |"
    note = (
        f"Median of {TIMES}. Grouped: from question to finished classes (principal, request, length, age) "
        "in a child that already runs. One by one: the same bindings fetch every job and count by five attributes."
    )
    return "\n".join([note, "", head, "|" + "---|" * 8, *rows])


def _row(pool: Pool, jobs: int, groups: int, folder: Path) -> str:
    _submit(pool, jobs, groups)
    made = federation(settings(pool, folder))
    children = Children(made.pools[0], 60)
    try:
        schedd = until("the schedd", lambda: _schedds(children, pool))[0]
        wall, cpu, answer = _grouped(children, AskDemand(schedd, "bench", terms(made, 2 * groups)))
    finally:
        children.close()
    idle = sum(one.idle for one in answer.classes)
    if (idle, len(answer.classes)) != (jobs, groups):
        raise AssertionError(f"{idle} jobs in {len(answer.classes)} classes, not {jobs} in {groups}")
    plain_wall, plain_cpu = _one_by_one(pool, schedd, jobs)
    return (
        f"| {jobs:,} | {groups:,} | {len(answer.classes):,} | {wall:.3f} s | {cpu:.3f} s | {plain_wall:.2f} s "
        f"| {plain_cpu:.2f} s | {plain_cpu / max(cpu, 0.5 / TICK):.0f} |"
    )


def _submit(pool: Pool, jobs: int, groups: int) -> None:
    text = "executable = /bin/sleep\ntransfer_executable = false\narguments = 60\nrequest_disk = 1024\n"
    each = jobs // groups
    step = max(1, AT_ONCE // each)
    for first in range(0, groups, step):
        sizes = " ".join(str(256 * (n + 1)) for n in range(first, min(first + step, groups)))
        pool.submit("alice", f"{text}request_memory = $(size)\nqueue {each} size in ({sizes})\n")


def _schedds(children: Children, pool: Pool) -> tuple[FoundSchedd, ...]:
    answer = children.ask(FindSchedds(pool.address))
    return answer.found if isinstance(answer, Schedds) else ()


def _grouped(children: Children, question: AskDemand) -> tuple[float, float, Demand]:
    """Median wall and CPU seconds of the child, and its last answer; what it learnt goes into the next question."""
    walls, cpus = [], []
    answer = children.ask(question)
    for _ in range(TIMES):
        assert isinstance(answer, Demand)
        again = AskDemand(question.schedd, question.pool, question.terms, answer.reads, answer.submitted)
        wall, cpu = time.perf_counter(), _child_cpu(children)
        answer = children.ask(again)
        walls.append(time.perf_counter() - wall)
        cpus.append(_child_cpu(children) - cpu)
    assert isinstance(answer, Demand)
    return statistics.median(walls), statistics.median(cpus), answer


def _child_cpu(children: Children) -> float:
    (child,) = children._all
    fields = Path(f"/proc/{child._process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _one_by_one(pool: Pool, schedd: FoundSchedd, jobs: int) -> tuple[float, float]:
    times = TIMES if jobs <= 10_000 else 1
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, schedd.address, schedd.version, str(times)],
        env={**os.environ, **pool.client_environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    wall, cpu, seen, _ = done.stdout.split()
    if int(seen) != jobs:
        raise AssertionError(f"{seen} jobs one by one, not {jobs}")
    return float(wall), float(cpu)
