"""Reads pods of a Kubernetes cluster from a CSV file, as the Alibaba GPU traces have them; nodes are read elsewhere.

One pod per line, columns by the names of the header: name, cpu_milli, memory_mib, creation_time, deletion_time, and
where they are there num_gpu, gpu_milli (thousandths of a GPU), gpu_spec (models, "A|B"), scheduled_time, qos, user,
group. Times are seconds.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping

from fedsched.matchmaker.classad import quote
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import USUAL
from fedsched.sim.workload.logged import Line, Logged, Tally, damage
from fedsched.sim.workload.terms import Trace

NEEDED = ("name", "cpu_milli", "memory_mib", "creation_time", "deletion_time")
OPTIONAL = ("num_gpu", "gpu_milli", "gpu_spec", "scheduled_time", "qos", "pod_phase", "user", "group")
MOST_GPUS = 1024
WHOLE_GPU = 1000


def table(lines: Iterable[Line], needed: tuple[str, ...]) -> Iterator[tuple[Line, dict[str, str]]]:
    """Each line of a CSV file by the names of its header. Raises ConfigError for a header or line that is not whole."""
    header: list[str] = []
    for line in lines:
        cells = next(csv.reader([line.text]), [])
        if not header:
            header = [cell.strip() for cell in cells]
            if missing := [name for name in needed if name not in header]:
                raise line.wrong(
                    f"the first line names no column {', '.join(missing)}; found: {', '.join(header)[:200]}"
                )
        elif cells:
            if len(cells) != len(header):
                raise line.wrong(f"expected {len(header)} columns, not {len(cells)}")
            yield line, dict(zip(header, cells, strict=True))


def pods(lines: Iterable[Line], trace: Trace, tally: Tally) -> Iterator[Logged]:
    """The pods of a trace in its own order. Raises ConfigError with file and line."""
    for line, row in table(lines, NEEDED):
        tally.read += 1
        job = None
        with damage(trace, tally):
            job = _pod(line, row, tally)
        if job is not None:
            yield job


def _pod(line: Line, row: Mapping[str, str], tally: Tally) -> Logged | None:
    created, runs_s = _times(line, row)
    if runs_s <= 0:
        tally.left_out["never ran"] += 1
        return None
    return _logged(line, row, created, runs_s, tally)


def _times(line: Line, row: Mapping[str, str]) -> tuple[float, float]:
    """When it was made, and how long it ran; 0 for never: where a trace tells when pods were bound, that is empty."""
    created = line.seconds("creation_time", row["creation_time"])
    ended = line.seconds("deletion_time", row["deletion_time"])
    if ended < created:
        raise line.wrong(f"is before creation_time ({created:g})", "deletion_time")
    bound = row.get("scheduled_time", row["creation_time"])
    return created, ended - line.seconds("scheduled_time", bound) if bound else 0.0


def _logged(line: Line, row: Mapping[str, str], created: float, runs_s: float, tally: Tally) -> Logged:
    cores, memory = (line.amount(name, row[name]) for name in ("cpu_milli", "memory_mib"))
    return Logged(
        id=str(tally.read),
        user=row.get("user") or row.get("qos", "").lower() or "unknown",
        at=created,
        runs_s=runs_s,
        request=Resources(cores, memory, gpus=_gpus(line, row, tally)),
        group=row.get("group", ""),
        requirements=_models(row.get("gpu_spec", "")),
    )


def _gpus(line: Line, row: Mapping[str, str], tally: Tally) -> int:
    """Whole devices: a part of one is taken as one, and counted."""
    count = line.amount("num_gpu", row.get("num_gpu") or "0") or 0
    if count > MOST_GPUS:
        raise line.wrong(f"{count} GPUs: more than any node has", "num_gpu")
    part = line.amount("gpu_milli", row.get("gpu_milli") or "0") or 0
    if count and 0 < part < WHOLE_GPU:
        tally.assumed["a part of a GPU taken as a whole one"] += 1
    return count


def _models(spec: str) -> str | None:
    """The GPU models that will do, as requirements on a slot; None for any."""
    names = [name.strip() for name in spec.split("|") if name.strip()]
    if not names:
        return None
    models = " || ".join(f"TARGET.GPUs_DeviceName =?= {quote(name)}" for name in names)
    return f"{USUAL} && ({models})"
