"""Forecasts of when waiting jobs start, and how they came out: what is kept of them, and the table that keeps it."""

from __future__ import annotations

import msgspec

TABLE = "CREATE TABLE forecasts (id TEXT PRIMARY KEY, at REAL NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;\n"
MOST = 2000
"""So many forecasts are kept, the newest: weeks of a busy federation, and read within a few milliseconds."""


class Forecast(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was foretold of one waiting job, and what came. Seconds count from `at`, epoch seconds of the moment.

    position: its place in its class then, 1 for the oldest. early_s, middle_s, late_s: of the runs forward, as they
    came out. low_s, high_s: the range as it was told, corrected by experience. started_s: when it started, None while
    it waits. settled_at: when that was seen, epoch seconds.
    """

    schedd: str
    job: str
    class_key: str
    position: int
    at: float
    early_s: float
    middle_s: float
    late_s: float
    low_s: float
    high_s: float
    started_s: float | None = None
    settled_at: float = 0.0

    @property
    def id(self) -> str:
        """One job may be foretold again and again, once at a time."""
        return f"{self.schedd}#{self.job}@{self.at:.3f}"

    @property
    def right(self) -> bool:
        """Whether the job started within the range that was told; False while it has not started."""
        return self.started_s is not None and self.low_s <= self.started_s <= self.high_s
