"""Accounting records: what one run of a job took, and the files of one JSON line for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from fedsched.journal.lines import append, lines
from fedsched.matchmaker.model import Form

TABLE = "CREATE TABLE runs (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;\n"
LARGEST_FILE = 64 * 1024 * 1024
"""Bytes at which a day's file is followed by another one."""
_NAME = re.compile(r"runs-(\d{4}-\d{2}-\d{2})(?:\.(\d+))?\.jsonl", re.ASCII)


class Run(msgspec.Struct, frozen=True):
    """One claim by one job on one startd of ours, or one pod of a Kubernetes Job: docs/accounting.md tells each field.

    Times are epoch seconds. energy_wh, grams_co2: None where the member's file gives no power or no carbon. exit_code:
    of a Job's pod, None for claims and where it was not seen.
    """

    id: str
    group: str
    user: str
    job: str
    schedd: str
    pool: str
    member: str
    node_group: str
    node: str
    pod: str
    placement: str
    form: Form
    begin: float
    end: float
    seconds: float
    cores: float
    memory_mib: int
    disk_mib: int
    gpus: int
    core_seconds: float
    gpu_seconds: float
    memory_byte_seconds: float
    price: float
    energy_wh: float | None = None
    grams_co2: float | None = None
    cause: str = ""
    exit_code: int | None = None


class _Line(msgspec.Struct):
    id: str


class RunFiles:
    """records/runs-YYYY-MM-DD.jsonl: one JSON line per run, each once, by the day (UTC) on which it ended."""

    def __init__(self, folder: Path, keep_days: float = 400.0, largest: int = LARGEST_FILE) -> None:
        """`keep_days`: files of older days are removed. `largest`: bytes of one file."""
        self._folder = folder
        self._keep = timedelta(days=keep_days)
        self._largest = largest
        self._known: set[str] | None = None
        self._swept: date | None = None

    def append(self, runs: Iterable[Run]) -> tuple[str, ...]:
        """Write what is not there yet, durably; ids of all that is there now. Raises OSError."""
        runs = tuple(runs)
        days: dict[date, list[Run]] = {}
        for run in runs:
            days.setdefault(_day(run), []).append(run)
        # Only a crash between file and journal can bring an id back, so only the first time is looked.
        known = self._ids(days) if self._known is None else self._known
        for day, mine in sorted(days.items()):
            append(self._file(day), [msgspec.json.encode(run) for run in mine if run.id not in known])
        self._known = set()
        if days and max(days) != self._swept:
            self._swept = max(days)
            self._sweep(self._swept)
        return tuple(run.id for run in runs)

    def _ids(self, days: Iterable[date]) -> set[str]:
        found = set()
        for day in days:
            for path in _files(self._folder, day):
                for line in lines(path):
                    try:
                        found.add(msgspec.json.decode(line, type=_Line).id)
                    except msgspec.DecodeError:
                        continue  # torn by a crash: the journal still has it
        return found

    def _file(self, day: date) -> Path:
        """The day's file that is written now: the last one, or the next when that is full."""
        there = list(_files(self._folder, day))
        if not there:
            return self._folder / f"runs-{day}.jsonl"
        last = there[-1]
        return last if last.stat().st_size < self._largest else self._folder / f"runs-{day}.{len(there) + 1}.jsonl"

    def _sweep(self, today: date) -> None:
        for path in self._folder.glob("runs-*.jsonl"):
            named = _NAME.fullmatch(path.name)
            if named and date.fromisoformat(named[1]) < today - self._keep:
                path.unlink(missing_ok=True)


def _files(folder: Path, day: date) -> Iterator[Path]:
    """The files of one day, in the order in which they were written."""
    found = {}
    for path in folder.glob(f"runs-{day}*.jsonl"):
        if named := _NAME.fullmatch(path.name):
            found[int(named[2] or 1)] = path
    return (found[number] for number in sorted(found))


def _day(run: Run) -> date:
    return datetime.fromtimestamp(run.end, UTC).date()
