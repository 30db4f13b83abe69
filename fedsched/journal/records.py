"""What is kept: intents, outcomes, cycles, accounts of placements; and the file that placements end in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from fedsched.journal.lines import append, lines
from fedsched.journal.runs import Run
from fedsched.matchmaker.model import (
    Candidate,
    Change,
    Form,
    Observation,
    Outcome,
    Plan,
    Policy,
    Principal,
    Snapshot,
    Turn,
)
from fedsched.matchmaker.reasons import Reason
from fedsched.matchmaker.resources import Resources


class Intent(msgspec.Struct, frozen=True):
    """A change that is about to be tried, written down before (FA3). id: unique for ever. at: epoch seconds."""

    id: str
    cycle: int
    epoch: int
    at: float
    change: Change


class Done(msgspec.Struct, frozen=True):
    """The end of an intent; outcome None when it was taken back before it was tried."""

    intent: str
    outcome: Outcome | None


class Recorded(msgspec.Struct, frozen=True):
    """One cycle as kept: all that the decision knew, and what it came to; deciding again gives the same plan.

    issued: changes that were new in this cycle. seconds: what the decision took. dispatch: whether they were tried.
    version: of the fedsched that decided. policy: digest under which the journal keeps the policy. members: (name,
    digest of its terms), by name.
    """

    snapshot: Snapshot
    plan: Plan
    issued: tuple[Change, ...] = ()
    seconds: float = 0.0
    dispatch: bool = True
    version: str = ""
    policy: str = ""
    members: tuple[tuple[str, str], ...] = ()

    @property
    def observation(self) -> Observation:
        """What was seen of the world."""
        return self.snapshot.observation


def digest(value: Any) -> str:
    """Twelve hexadecimal digits that name a policy or a member's terms: equal values have equal digests."""
    return hashlib.sha256(msgspec.msgpack.encode(value, order="deterministic")).hexdigest()[:12]


class Stay(msgspec.Struct, omit_defaults=True):
    """One claim on a placement: who, which job, where, from when to when it was last seen. Times in epoch seconds.

    memory_mib, disk_mib, gpus: 0 where its slot told no more than cores. claimed_at: of the slot, None for `since`: it
    served another job before. over: it ended and its run is recorded. serial: counts the claims of its placement.
    """

    principal: Principal
    since: float
    until: float
    cpu_milli: int
    pod: str = ""
    node: str = ""
    job: str = ""
    schedd: str = ""
    memory_mib: int = 0
    disk_mib: int = 0
    gpus: int = 0
    claimed_at: float | None = None
    over: bool = False
    serial: int = 0


class PodTimes(msgspec.Struct, omit_defaults=True):
    """A pod of a placement: where and when. Times in epoch seconds, None when not seen.

    Of a user's Job also: until, up to when it is counted; why it ended, as Kubernetes says it; over: its run is
    recorded.
    """

    node: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    until: float | None = None
    why: str = ""
    over: bool = False


class Used(msgspec.Struct, omit_defaults=True):
    """What one principal claimed of a placement: seconds of claims, and core-seconds."""

    seconds: float = 0.0
    core_seconds: float = 0.0


class Account(msgspec.Struct, omit_defaults=True):
    """What a placement was used for: the line of the site's invoice while it grows, and the line when it is gone.

    claimed: by principal as text. until: up to when claims are counted. saved_at: when it was last written down.
    left_out: claims that are counted in `claimed` but are too many to be listed in `stays`. why: the cause of its end;
    reason: the same with its numbers, for a victim who took its room, by which rule, and what work was lost (PR8).
    class_key: of the jobs that it was placed for. candidates: the places that were open to it then, best first.
    job, job_uid, schedd: of the copy of a user's Job, whose it is and in which queue; "" for startds.
    serial: claims so far. price_per_core_hour, watts_per_core, grams_co2_per_kwh: of its place when it was placed.
    """

    placement: str
    member: str
    node_group: str
    form: Form
    principal: Principal
    pool: str
    size: Resources
    created_at: float
    pods: dict[str, PodTimes] = {}
    claimed: dict[str, Used] = {}
    stays: list[Stay] = []
    left_out: int = 0
    until: float = 0.0
    saved_at: float = 0.0
    ended_at: float | None = None
    why: str = ""
    reason: Reason | None = None
    class_key: str = ""
    candidates: tuple[Candidate, ...] = ()
    serial: int = 0
    price_per_core_hour: float = 0.0
    watts_per_core: float = 0.0
    grams_co2_per_kwh: float = 0.0
    job: str = ""
    job_uid: str = ""
    schedd: str = ""


class Commit(msgspec.Struct, frozen=True):
    """What one cycle makes durable at once: the cycle, new intents, accounts that changed, and those that ended.

    turns: classes whose reason changed in it. runs: those that are over. policy: what `recorded.policy` names; kept
    once, however many cycles name it.
    """

    recorded: Recorded
    policy: Policy
    intents: tuple[Intent, ...] = ()
    accounts: tuple[Account, ...] = ()
    ended: tuple[Account, ...] = ()
    turns: tuple[Turn, ...] = ()
    runs: tuple[Run, ...] = ()


class PlacementFiles:
    """records/placements-YYYY-MM-DD.jsonl: one JSON line per placement that is gone, each once, the day it ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[str] | None = None

    def append(self, accounts: Iterable[Account]) -> tuple[str, ...]:
        """Write what is not there yet, durably; ids of all that is there now. Raises OSError."""
        known = self._known_ids()
        days: dict[Path, list[bytes]] = {}
        ids = []
        for account in accounts:
            ids.append(account.placement)
            if account.placement not in known:
                day = datetime.fromtimestamp(account.ended_at or 0, UTC).date()
                days.setdefault(self._folder / f"placements-{day}.jsonl", []).append(msgspec.json.encode(account))
        for path, new in days.items():
            append(path, new)
        # Only a crash between file and journal can bring an id back, so nothing needs remembering after the first time.
        self._known = set()
        return tuple(ids)

    def _known_ids(self) -> set[str]:
        if self._known is None:
            self._known = set()
            for path in sorted(self._folder.glob("placements-*.jsonl"))[-2:]:
                self._known |= _ids(path)
        return self._known


class _Line(msgspec.Struct):
    placement: str


def _ids(path: Path) -> set[str]:
    found = set()
    for line in lines(path):
        try:
            found.add(msgspec.json.decode(line, type=_Line).placement)
        except msgspec.DecodeError:
            continue  # torn by a crash: the journal still has its record
    return found
