"""Kubernetes Jobs by queue and state, their copies, and statuses that their queues are told; no Job is named."""

from __future__ import annotations

import threading
from collections import Counter

from fedsched.answers.queued import standing
from fedsched.journal import Recorded
from fedsched.matchmaker.model import TellJob
from fedsched.web.metrics.samples import Names, Samples, Scene

STATES = (
    *("waiting", "starting", "running", "leaving", "unseen", "held", "suspended", "refused", "cancelled"),
    *("deleting", "foreign", "finished"),
)
COPY_PHASES = ("starting", "running", "leaving")
_PHASES = {"intended": "starting", "unclaimed": "starting", "claimed": "running"}
RESULTS = ("done", "gone", "conflict", "refused", "retry", "fenced")


def jobs(scene: Scene, into: Samples) -> None:
    """Jobs of each queue, 0 where there are none; copies at each member that takes them."""
    seen = scene.view.observation
    names = Names(one.name for one in seen.schedds if one.kind == "jobs")
    for queue in (one for one in seen.schedds if one.kind == "jobs"):
        for state in STATES:
            into.add("jobs", 0, names(queue.name), state)
    for (queue_name, state), many in Counter((one.queue.name, one.state) for one in standing(scene.view)).items():
        into.add("jobs", many, names(queue_name), state)
    _copies(scene, into)


def _copies(scene: Scene, into: Samples) -> None:
    for terms in scene.view.terms:
        if "job" in terms.forms:
            for phase in COPY_PHASES:
                into.add("job_copies", 0, scene.members(terms.name), phase)
    for held in scene.view.plan.held:
        if held.placement.form == "job" and held.phase != "gone":
            into.add("job_copies", 1, scene.members(held.placement.member), _PHASES.get(held.phase, held.phase))


class Told:
    """Statuses that queues were told, and those that they should be told; written by the loop's thread, read by any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: Counter[tuple[str, str]] = Counter()
        self._untold: dict[tuple[str, str], float] = {}
        self._queues: frozenset[str] = frozenset()

    def see(self, recorded: Recorded) -> None:
        """A cycle is durable."""
        plan = recorded.plan
        ended = [one for one in recorded.snapshot.outcomes if isinstance(one.change, TellJob)]
        told = [(one.change.queue, one.result) for one in ended if isinstance(one.change, TellJob)]
        queues = frozenset(one.name for one in recorded.snapshot.observation.schedds if one.kind == "jobs")
        with self._lock:
            self._results.update(told)
            self._queues = queues
            # Since when a Job's status is not as it should be, whatever it should be now.
            self._untold = {(one.queue, one.uid): self._untold.get((one.queue, one.uid), plan.at) for one in plan.tell}

    def into(self, samples: Samples, now: float) -> None:
        """All counts so far, and the age of the oldest that is not told."""
        with self._lock:
            names = Names(self._queues)
            for queue in self._queues:
                samples.highest("job_status_untold_seconds", 0.0, names(queue))
                for result in RESULTS:
                    samples.add("job_statuses", 0, names(queue), result)
            for (queue, result), many in self._results.items():
                if queue in self._queues:
                    samples.add("job_statuses", many, names(queue), result)
            for (queue, _), since in self._untold.items():
                samples.highest("job_status_untold_seconds", max(0.0, now - since), names(queue))
