"""Reads the Standard Workload Format: 18 columns, `;` for comments, -1 for unknown; nothing is fitted to nodes here.

The format: D. Feitelson, "The Standard Workload Format", Parallel Workloads Archive; memory is KB for each processor.
Columns beyond the 18th, as some converted logs have them, are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
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
TIB_IN_KIB = 1 << 30
SNIFFED = 1000
"""Lines that are looked at to tell in which unit memory is."""


def swf(lines: Iterable[Line], trace: Trace, tally: Tally) -> Iterator[Logged]:
    """The jobs of a log in its own order. Raises ConfigError with file and line."""
    stream = iter(lines)
    head = list(islice(stream, SNIFFED))
    in_bytes = _in_bytes(head) if trace.memory == "guess" else trace.memory == "bytes-per-job"
    for line in chain(head, stream):
        if found := _columns(line):
            tally.read += 1
            job = None
            with damage(trace, tally):
                job = _job(line, found, tally, in_bytes=in_bytes)
            if job is not None:
                yield job


def _columns(line: Line) -> list[str]:
    """Nothing for a comment or an empty line."""
    text = line.text.strip()
    return [] if text.startswith(";") else text.split(None, len(COLUMNS))


def _in_bytes(head: Iterable[Line]) -> bool:
    """Whether memory is in bytes: as KiB, half of the first jobs would ask for more than a TiB on each processor."""
    place = COLUMNS.index("requested_memory")
    told = [found[place] for line in head if len(found := _columns(line)) > place]
    amounts = sorted(int(text) for text in told if text.isdecimal() and text != "0")
    return bool(amounts) and amounts[len(amounts) // 2] > TIB_IN_KIB


def _job(line: Line, found: list[str], tally: Tally, *, in_bytes: bool) -> Logged | None:
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
        if in_bytes:
            tally.assumed["memory is in bytes for each job"] += 1
        memory = _memory_mib(line, row, 0 if in_bytes else processors)
        return _logged(line, row, _Known(at, runs_s, Resources(processors * 1000, memory)))
    return None


class _Known(NamedTuple):
    at: float
    runs_s: float
    request: Resources


def _logged(line: Line, row: dict[str, str], known: _Known) -> Logged:
    asked_s = _seconds(line, row, "requested_time")
    return Logged(
        id=_name("", row["job"]) or str(line.number),
        user=_name("u", row["user"]) or "unknown",
        at=known.at,
        runs_s=known.runs_s,
        request=known.request,
        group=_name("g", row["group"]),
        length_s=int(asked_s or 0),
    )


def _processors(line: Line, row: dict[str, str]) -> int:
    """Those that it asked for or got, whichever is more; 0 where neither is told."""
    counts = [_amount(line, row, name) for name in ("processors", "requested_processors")]
    if max(counts) > MOST_PROCESSORS:
        raise line.wrong(f"{max(counts)} processors: more than any machine has", "processors")
    return max(counts)


def _memory_mib(line: Line, row: dict[str, str], processors: int) -> int:
    """Of the whole job, rounded up; 0 where it is not told. Asked for before used. processors: 0 for bytes of all."""
    for name in ("requested_memory", "used_memory"):
        amount = _amount(line, row, name)
        if amount:
            return -(-amount * processors // KIB_PER_MIB) if processors else -(-amount // BYTES_PER_MIB)
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
