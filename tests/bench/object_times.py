"""When each arrival was submitted, seen, decided and written: from the API's watch and the journal; no scenario."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from fedsched.config.settings import Cadence
from fedsched.journal import Recorded, open_journal
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.kubeapi import ApiError

LABEL = "fedsched.io/placement"
JOBS = f"/apis/batch/v1/namespaces/fedsched/jobs?labelSelector={LABEL.replace('/', '%2F')}"


class Submitted(msgspec.Struct, frozen=True):
    """One job of a class of its own. due: its random moment; began: condor_submit started; ended. Epoch seconds.

    load: the machine's load average then.
    """

    cluster: int
    due: float
    began: float
    ended: float
    load: float


class Arrival(msgspec.Struct, frozen=True):
    """The same with what became of it. seen: the queue's answer with its class; decided: the cycle; written.

    held_back: reasons of cycles that saw it and placed nothing.
    """

    submitted: Submitted
    seen: float
    decided: float
    written: float
    held_back: tuple[str, ...] = ()


class Watcher:
    """Notes when the API server first tells of each of our Jobs: `written`, by placement, epoch seconds."""

    def __init__(self, plane: ControlPlane) -> None:
        self.written: dict[str, float] = {}
        self._plane = plane
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()

    def _run(self) -> None:
        api = self._plane.api
        while not self._stopped.is_set():
            with contextlib.suppress(ApiError, OSError, ValueError):
                listed = api.get(JOBS)
                for job in listed["items"]:
                    self._note(job)
                version = listed["metadata"]["resourceVersion"]
                for event in api.watch(f"{JOBS}&watch=1&timeoutSeconds=300&resourceVersion={version}", silence_s=310):
                    if event["type"] == "ERROR" or self._stopped.is_set():
                        break
                    self._note(event["object"])

    def _note(self, job: dict[str, dict[str, dict[str, str]]]) -> None:
        self.written.setdefault(job["metadata"]["labels"][LABEL], time.time())


def arrivals(submitted: list[Submitted], written: dict[str, float], journal: Path) -> list[Arrival]:
    """Each with its times. AssertionError unless each has exactly one object of its own, decided in a kept cycle."""
    looks, decided, held_back = _looks(_cycles(journal))
    mine: dict[int, list[tuple[float, float]]] = {}
    for placement, (cluster, at) in decided.items():
        mine.setdefault(cluster, []).append((at, written.get(placement, math.inf)))
    found = []
    for one in submitted:
        placements = mine.get(one.cluster, [])
        assert len(placements) == 1, f"cluster {one.cluster} has {len(placements)} objects, not one"
        reasons = tuple(held_back.get(one.cluster, ()))
        found.append(Arrival(one, looks[one.cluster].seen(one.began), *placements[0], reasons))
    return found


class Look(msgspec.Struct, frozen=True):
    """The first kept cycle with a class in it: when its schedd had answered, and when the cycle before began."""

    answered: float
    before: float

    def seen(self, began: float) -> float:
        """When the queue was seen with a job submitted at `began`.

        Answers between two cycles are not kept, but they lie `poll_s` apart: an older job may have been in one, and
        then it counts as seen as early as can be.
        """
        return self.answered if began > self.answered - Cadence().poll_s else max(self.before, began)


def _looks(
    cycles: Iterator[Recorded],
) -> tuple[dict[int, Look], dict[str, tuple[int, float]], dict[int, list[str]]]:
    """The first look at each cluster, of each placement its cluster and the cycle that decided it, and what delayed."""
    looks: dict[int, Look] = {}
    keys: dict[str, int] = {}
    decided: dict[str, tuple[int, float]] = {}
    held_back: dict[int, list[str]] = {}
    before = 0.0
    for cycle in cycles:
        for view in cycle.observation.schedds:
            for demand in view.classes:
                clusters = {int(job.partition(".")[0]) for job in demand.examples}
                assert len(clusters) == 1, f"clusters {clusters} are one class: an arrival is not of its own"
                keys[demand.key] = min(clusters)
                looks.setdefault(min(clusters), Look(view.seen_at or 0.0, before))
        for held in cycle.plan.held:
            if held.placement.class_key in keys:
                decided.setdefault(held.placement.id, (keys[held.placement.class_key], cycle.observation.at))
        for report in cycle.plan.classes:
            if report.why is not None:
                held_back.setdefault(keys[report.key], []).append(str(report.why.cause))
        before = cycle.observation.at
    return looks, decided, held_back


def _cycles(path: Path) -> Iterator[Recorded]:
    journal = open_journal(f"sqlite:{path}")
    try:
        for number, _ in journal.cycles():
            recorded = journal.cycle(number)
            if recorded is not None:
                yield recorded
    finally:
        journal.close()


def percentile(values: list[float], part: float) -> float:
    """The nearest rank: the least value that `part` of all do not exceed."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]
