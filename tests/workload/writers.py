"""Writes jobs as logs of three kinds, in the forms that real systems write, for tests that read them back."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fedsched.sim.workload.jobs import generated
from fedsched.sim.workload.terms import Conference, Mornings, Training, Workload
from tests.scenarios.stage import job

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fedsched.sim.scenario import TraceJob

BEGINS = 1_800_000_000.0
EPOCH = 1_700_000_000
"""When the logs begin, in their own time."""


def drawn(jobs: int = 300, seed: int = 7) -> tuple[TraceJob, ...]:
    """Jobs of a conference and of a morning, as the generator draws them: many small ones, some wide ones."""
    small = Conference(
        group="hep",
        users=("ann@x", "ben@x", "cai@x"),
        schedd="ap",
        request=job(1, 2),
        runs_s=900,
        length_s=3600,
        jobs=jobs,
        at_s=0,
        lasts_s=7200,
    )
    wide = Mornings(
        group="bio", users=("eve@x", "fin@x"), schedd="ap", request=job(6, 12), runs_s=2400, per_day=jobs, lasts_s=7200
    )
    return _whole(generated(Workload(conference=(small,), mornings=(wide,)), seed, BEGINS))


def training(seed: int = 7) -> tuple[TraceJob, ...]:
    """Runs on one, two and four GPUs."""
    source = Training(
        group="ml",
        users=("lea@x", "max@x"),
        schedd="ap",
        request=job(4, 16),
        runs_s=1800,
        spread=1.0,
        per_hour=20,
        lasts_s=7200,
        gpus=(("1", 0.7), ("2", 0.2), ("4", 0.1)),
    )
    return _whole(generated(Workload(training=(source,)), seed, BEGINS))


def _whole(jobs: tuple[TraceJob, ...]) -> tuple[TraceJob, ...]:
    """In whole seconds, as logs have them."""
    return tuple(msgspec.structs.replace(one, at=float(int(one.at)), runs_s=float(int(one.runs_s))) for one in jobs)


def _save(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())
    return path


def number(who: str, names: Sequence[str]) -> int:
    return names.index(who) + 1


def swf(path: Path, jobs: Iterable[TraceJob]) -> Path:
    """18 columns, two comments, -1 for what nobody measured; users by number."""
    jobs = tuple(jobs)
    users = sorted({str(one.principal.user) for one in jobs})
    lines = ["; Version: 2.2", ";   a comment"]
    for place, one in enumerate(jobs, start=1):
        cores = one.request.cpu_milli // 1000
        each_kib = one.request.memory_mib * 1024 // cores
        row = (place, f"{EPOCH + one.at:.3f}", -1, one.runs_s, cores, -1, -1, cores, one.length_s or -1, each_kib, 1)
        lines.append(" ".join(map(str, (*row, number(one.principal.user, users), 1, -1, -1, -1, -1, -1))))
    return _save(path, "\n".join(lines) + "\n")


def ad(one: TraceJob) -> dict[str, object]:
    """A finished job as a schedd remembers it; memory as an expression, as condor_submit writes it by itself."""
    cluster, proc = one.id.split(".")
    said = {"AllowedJobDuration": one.length_s} if one.length_s else {}
    return said | {
        "ClusterId": int(cluster),
        "ProcId": int(proc),
        "GlobalJobId": f"{one.schedd}.example#{one.id}#1700000000",
        "Owner": one.principal.user.partition("@")[0],
        "User": one.principal.user,
        "AccountingGroup": str(one.principal).partition("@")[0],
        "QDate": int(EPOCH + one.at),
        "RemoteWallClockTime": one.runs_s,
        "JobStatus": 4,
        "RequestCpus": one.request.cpu_milli // 1000,
        "ImageSize": one.request.memory_mib * 1024,
        "RequestMemory": "/Expr(( ImageSize + 1023 ) / 1024)/",
        "RequestDisk": one.request.disk_mib * 1024,
        "RequestGPUs": one.request.gpus,
        "Cmd": 'say \\ "hello" { }',
        "Requirements": "/Expr((TARGET.Memory >= RequestMemory) && TARGET.OpSys == WantOs)/",
        "WantOs": "LINUX",
        "EnteredCurrentStatus": None,
    }


def history_json(path: Path, jobs: Iterable[TraceJob]) -> Path:
    """As `condor_history -json` prints it: an array, each attribute on its line."""
    return _save(path, "[\n" + "\n,\n".join(json.dumps(ad(one), indent=2) for one in jobs) + "\n]\n")


def history_long(path: Path, jobs: Iterable[TraceJob]) -> Path:
    """As `condor_history -long` prints it: ads parted by empty lines."""
    return _save(path, "\n".join("".join(f"{n} = {_old(v)}\n" for n, v in ad(one).items()) for one in jobs))


def _old(value: object) -> str:
    if value is None:
        return "undefined"
    if not isinstance(value, str):
        return str(value)
    if value.startswith("/Expr("):
        return value[len("/Expr(") : -2]
    return '"' + value.replace('"', '\\"') + '"'


def pods(path: Path, jobs: Iterable[TraceJob]) -> Path:
    """One pod per line as in the Alibaba traces; one in three asks for half a GPU where it asks for one."""
    lines = [
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time"
    ]
    for place, one in enumerate(jobs):
        part = 500 if one.request.gpus == 1 and place % 3 == 0 else 1000
        spec = "V100M16|V100M32" if one.request.gpus > 1 else ""
        what = f"{one.request.cpu_milli},{one.request.memory_mib},{one.request.gpus},{part},{spec},LS,Succeeded"
        lines.append(f"pod-{place:04d},{what},{one.at:.0f},{one.at + 5 + one.runs_s:.0f},{one.at + 5:.0f}")
    return _save(path, "\n".join(lines) + "\n")
