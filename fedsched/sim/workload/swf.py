"""Reads the Standard Workload Format: 18 columns, `;` for comments, -1 for unknown; nothing is fitted to nodes here.

The format: D. Feitelson, "The Standard Workload Format", Parallel Workloads Archive; memory is KB for each processor.
Columns beyond the 18th, as some converted logs have them, are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fedsched.matchmaker.resources import Resources
from fedsched.sim.workload.logged import Line, Logged, Tally, damage
from fedsched.sim.workload.terms import Trace

COLUMNS = (
    *("job", "submit", "wait", "run", "processors", "cpu_time", "used_memory", "requested_processors"),
    *("requested_time", "requested_memory", "status", "user", "group", "executable", "queue", "partition"),
    *("preceding", "think"),
)
MOST_PROCESSORS = 10_000_000
KIB_PER_MIB = 1024
BYTES_PER_MIB = 1 << 20


def swf(lines: Iterable[Line], trace: Trace, tally: Tally) -> Iterator[Logged]:
    """The jobs of a log in its own order. Raises ConfigError with file and line."""
    for line in lines:
        text = line.text.strip()
        if text and not text.startswith(";"):
            tally.read += 1
            job = None
            with damage(trace, tally):
                job = _job(line, text.split(None, len(COLUMNS)), trace, tally)
            if job is not None:
                yield job


def _job(line: Line, found: list[str], trace: Trace, tally: Tally) -> Logged | None:
    if len(found) < len(COLUMNS):
        raise line.wrong(f"expected {len(COLUMNS)} columns, not {len(found)}")
    row = dict(zip(COLUMNS, found, strict=False))
    at = _seconds(line, row, "submit")
    runs_s = _seconds(line, row, "run")
    processors = _processors(line, row)
    if at is None:
        tally.left_out["no submit time"] += 1
    elif not runs_s:
        tally.left_out["never ran"] += 1
    elif not processors:
        tally.left_out["no processors"] += 1
    else:
        return _logged(line, row, trace, _Known(at, runs_s, processors))
    return None


class _Known(NamedTuple):
    at: float
    runs_s: float
    processors: int


def _logged(line: Line, row: dict[str, str], trace: Trace, known: _Known) -> Logged:
    asked_s = _seconds(line, row, "requested_time")
    group = _name("g", row["group"])
    return Logged(
        id=_name("", row["job"]) or str(line.number),
        user=_name("u", row["user"]) or "unknown",
        at=known.at,
        runs_s=known.runs_s,
        request=Resources(known.processors * 1000, _memory_mib(line, row, trace, known.processors)),
        group=group,
        length_s=int(asked_s or 0),
    )


def _processors(line: Line, row: dict[str, str]) -> int:
    """Those that it asked for or got, whichever is more; 0 where neither is told."""
    counts = [_amount(line, row, name) for name in ("processors", "requested_processors")]
    if max(counts) > MOST_PROCESSORS:
        raise line.wrong(f"{max(counts)} processors: more than any machine has", "processors")
    return max(counts)


def _memory_mib(line: Line, row: dict[str, str], trace: Trace, processors: int) -> int:
    """Of the whole job, rounded up; 0 where it is not told. Asked for before used."""
    for name in ("requested_memory", "used_memory"):
        amount = _amount(line, row, name)
        if amount:
            if trace.memory == "bytes-per-job":
                return -(-amount // BYTES_PER_MIB)
            return -(-amount * processors // KIB_PER_MIB)
    return 0


def _seconds(line: Line, row: dict[str, str], name: str) -> float | None:
    """None for unknown."""
    return None if _unknown(row[name]) else line.seconds(name, row[name])


def _amount(line: Line, row: dict[str, str], name: str) -> int:
    """0 for unknown."""
    return 0 if _unknown(row[name]) else line.amount(name, row[name])


def _unknown(text: str) -> bool:
    return text in {"-1", "-1.0", "-1.00"}


def _name(prefix: str, text: str) -> str:
    """A number as a name; "" for unknown."""
    word = text.removesuffix(".0")
    return "" if word.startswith("-") else f"{prefix}{word}"
