"""Which schedds there are, what each said last and how old that is (D1), when each is asked next (FA9); asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from fedsched.condor.questions import Demand, FoundSchedd
from fedsched.config.settings import PoolSettings
from fedsched.matchmaker.model import DemandClass, ScheddView

BUSY = 0.95
"""Recent duty cycle above which a schedd is asked less often; HTCondor itself curbs matchmaking at 0.98."""
BUSY_FACTOR = 6
SHARE = 4.0
"""The pause after an answer is at least so many times as long as the answer took: huge queues are read less often."""
LONGEST_PAUSE_S = 60.0
"""A schedd that does not answer is asked again after twice as long each time, up to this."""
ASK_VANISHED_S = 900.0
"""So long a schedd is asked although no collector lists it: a restarted collector is empty for some minutes."""
FORGET_S = 3600.0
"""So long a schedd that no collector lists is shown, with its age."""


class Moment(NamedTuple):
    """Now, twice: epoch seconds for what is recorded, monotonic seconds for intervals."""

    epoch: float
    steady: float


@dataclass
class Entry:
    """One schedd. found: by pool. next_at, listed_at: monotonic seconds. asking: a question is under way."""

    view: ScheddView
    found: dict[str, FoundSchedd]
    listed_at: float
    next_at: float
    asking: bool = False
    failures: int = 0
    reads: tuple[str, ...] = ()
    submitted: dict[int, float] = field(default_factory=dict)
    rival: str = ""

    @property
    def schedd(self) -> FoundSchedd:
        """As the pool that its startds join lists it."""
        return self.found[self.view.pool]


class Roster:
    """All schedds of all pools, each once. Not thread-safe: one caller at a time."""

    def __init__(self, pools: Sequence[PoolSettings], poll_s: float) -> None:
        self._pools = {pool.name: pool for pool in pools}
        self._poll_s = poll_s
        self._entries: dict[str, Entry] = {}
        self._pool_errors: dict[str, str] = {}

    def listed(self, pool: str, found: Iterable[FoundSchedd], now: Moment) -> None:
        """A collector's answer: who advertises there. Who is not in it any more stays known for a while."""
        self._pool_errors.pop(pool, None)
        by_name: dict[str, list[FoundSchedd]] = {}
        for one in found:
            by_name.setdefault(one.name, []).append(one)
        for name, entry in self._entries.items():
            if name not in by_name and len(entry.found) > 1:
                entry.found.pop(pool, None)
                self._settle(entry)
        for name, claimants in by_name.items():
            self._list(pool, self._entries.get(name), claimants, now)
        gone = [name for name, entry in self._entries.items() if now.steady - entry.listed_at > FORGET_S]
        for name in gone:
            del self._entries[name]

    def unlisted(self, pool: str, error: str) -> None:
        """A collector that did not answer: its schedds are asked on, at the addresses that are known."""
        self._pool_errors[pool] = error

    def due(self, now: Moment, *, early: bool = False) -> list[Entry]:
        """Whom to ask now: those that answer first, so that silent ones do not delay them. early: all at once."""
        free = [entry for entry in self._entries.values() if not entry.asking and self._asked(entry, now)]
        ready = [entry for entry in free if early or entry.next_at <= now.steady]
        return sorted(ready, key=lambda e: (e.failures, e.next_at, e.view.name))

    def next_at(self, now: Moment) -> float | None:
        """When the next one falls due, in monotonic seconds; None when none will."""
        later = (entry.next_at for entry in self._entries.values() if not entry.asking)
        return min((at for at in later if at > now.steady), default=None)

    def answered(self, entry: Entry, answer: Demand, now: Moment, took_s: float = 0.0) -> bool:
        """A good answer, which took so long; whether it says something else than the last one."""
        before = entry.view.classes
        entry.asking, entry.failures = False, 0
        entry.reads, entry.submitted = answer.reads, answer.submitted
        pause = self._poll_s * (BUSY_FACTOR if entry.view.busy > BUSY else 1)
        entry.next_at = now.steady + max(pause, SHARE * took_s)
        reads = entry.view.reads + 1
        entry.view = msgspec.structs.replace(
            entry.view, classes=answer.classes, seen_at=now.epoch, reads=reads, error=answer.note
        )
        return before != answer.classes

    def failed(self, entry: Entry, error: str, now: Moment) -> None:
        """No answer: the last one stays, and its age tells."""
        entry.asking = False
        entry.failures += 1
        entry.next_at = now.steady + min(LONGEST_PAUSE_S, self._poll_s * 2 ** min(entry.failures, 10))
        entry.view = msgspec.structs.replace(entry.view, error=error)

    def views(self, now: Moment) -> tuple[ScheddView, ...]:
        """Every schedd that is known, sorted by name."""
        return tuple(self._shown(entry, now) for _, entry in sorted(self._entries.items()))

    def errors(self) -> Mapping[str, str]:
        """Why a pool's collector did not answer, by pool; only those that did not."""
        return dict(self._pool_errors)

    def _shown(self, entry: Entry, now: Moment) -> ScheddView:
        view = entry.view
        error = "; ".join(part for part in (view.error, entry.rival) if part)
        if not self._asked(entry, now):
            error = (
                f"no longer in the collector of pool {view.pool}; last listed {int(now.steady - entry.listed_at)} s ago"
            )
        return view if error == view.error else msgspec.structs.replace(view, error=error)

    def _asked(self, entry: Entry, now: Moment) -> bool:
        return now.steady - entry.listed_at <= ASK_VANISHED_S

    def _list(self, pool: str, entry: Entry | None, claimants: list[FoundSchedd], now: Moment) -> None:
        """Two that claim one name: the one known by its identity keeps it, else the one that started first."""
        known = entry.found.get(pool) if entry else None
        one = min(claimants, key=lambda c: (bool(known and c.identity != known.identity), -c.started_at, c.address))
        if entry is None:
            view = ScheddView(one.name, pool)
            entry = self._entries[one.name] = Entry(view, {pool: one}, now.steady, now.steady)
        if entry.found.get(pool, one).address != one.address:
            # It restarted elsewhere: its clusters' times hold, its silence does not.
            entry.next_at, entry.failures = now.steady, 0
        rivals = sorted({c.identity or "nobody" for c in claimants} - {one.identity or "nobody"})
        entry.rival = f"{', '.join(rivals)} advertises the same name and is ignored" if rivals else ""
        entry.found[pool], entry.listed_at = one, now.steady
        self._settle(entry)

    def _settle(self, entry: Entry) -> None:
        """Its startds join its home where that is one of our pools, else the first of our pools that it flocks to."""
        order = [name for name in self._pools if name in entry.found]
        homes = [name for name in order if entry.found[name].home == self._pools[name].collector]
        pool = (homes or order)[0]
        one = entry.found[pool]
        if pool != entry.view.pool:
            entry.view = msgspec.structs.replace(entry.view, classes=_moved(entry.view, pool))
        entry.view = msgspec.structs.replace(
            entry.view, pool=pool, address=one.address, identity=one.identity, busy=min(1.0, max(0.0, one.busy))
        )


def _moved(view: ScheddView, pool: str) -> tuple[DemandClass, ...]:
    return tuple(msgspec.structs.replace(one, pool=pool) for one in view.classes)
