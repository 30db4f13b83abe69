"""One Job of a hub as decisions see it: judged once per change, its class shared; lists are not here."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import msgspec

from fedsched.config.settings import Federation, QueueSettings
from fedsched.kube.hub.statuses import status_of, strange
from fedsched.kube.hub.wire import Head, JobItem, JobMeta, is_ours
from fedsched.kube.jobs.demand import demand_of
from fedsched.kube.jobs.fields import LARGEST_JOB, read
from fedsched.kube.jobs.principals import principal_of
from fedsched.kube.jobs.spec import JobSpec, Problem, Refusal
from fedsched.kube.jobs.status_body import StatusFacts
from fedsched.kube.moments import epoch_s
from fedsched.kube.transport import one_line
from fedsched.kube.wire import Condition
from fedsched.matchmaker.model import DemandClass, Principal, QueuedJob
from fedsched.matchmaker.model.jobs import JobState
from fedsched.matchmaker.model.names import LABEL_QUEUE, NOTE_GANG, NOTE_RANK, NOTE_REQUIREMENTS, NOTE_RERUN

NOTES = (NOTE_GANG, NOTE_RANK, NOTE_REQUIREMENTS, NOTE_RERUN)
LONGEST_PROBLEM = 1024
LARGEST_KEPT = 16 * 1024
"""Bytes of a Job's spec that is kept while it waits; a larger one is asked for when its copy is made."""
MOST_JUDGED = 20_000
"""So many Jobs are not judged again while only their statuses change."""
NOBODY = Principal("", "")


class Kept(msgspec.Struct, frozen=True):
    """What stays of a Job. demand: of one that is understood. priority_class: name, "" for none.

    held: our policy suspended it, for the server has no managedBy. strange: conditions of others, as they are. item: of
    one that waits, and is no longer than LARGEST_KEPT: what its copy is made from, unless it has changed since.
    """

    job: QueuedJob
    demand: DemandClass | None
    priority_class: str
    facts: StatusFacts
    held: bool = False
    strange: tuple[Condition, ...] = ()
    item: JobItem | None = None

    @property
    def manifest(self) -> dict[str, Any] | None:
        """The Job as a manifest; None where it must be asked for."""
        if self.item is None:
            return None
        meta = self.item.metadata
        head: dict[str, Any] = {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid}
        head |= {"labels": meta.labels, "annotations": meta.annotations}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": head, "spec": msgspec.json.decode(self.item.spec)}


Judgement = tuple[DemandClass | None, Principal, str, str]
"""Class, principal, problem, PriorityClass: a problem and no class, or a class and no problem."""


class JobReading:
    """Judges the Jobs of one queue; `keep` may be called by several threads at once."""

    def __init__(self, queue: QueueSettings, settings: Federation) -> None:
        self._queue = queue
        self._settings = settings
        self._classes: dict[str, DemandClass] = {}
        self.priorities: dict[str, int] = {}
        """Values of PriorityClasses by name; "" stands for the cluster's default."""
        self._known: dict[str, tuple[JobMeta, Judgement]] = {}

    def keep(self, item: JobItem) -> Kept:
        """The Job, whatever is in it. Never raises for its content."""
        meta = item.metadata
        head = _head(item.spec)
        demand, principal, problem, priority_class = (
            self._once(item) if head else (None, NOBODY, "spec: unreadable", "")
        )
        head = head or Head()
        status = status_of(item.status)
        suspended = bool(head.suspend) and bool(head.managed_by)
        job = QueuedJob(
            id=f"{meta.namespace}/{meta.name}",
            uid=meta.uid,
            principal=principal,
            class_key=demand.key if demand is not None else "",
            created_at=epoch_s(meta.creation_timestamp) or 0.0,
            state=_state(
                ours=is_ours(head, meta.annotations),
                deleting=meta.deletion_timestamp is not None,
                over=status.over,
                suspended=suspended or head.parallelism == 0,
                refused=bool(problem),
            ),
            priority=self.priority(priority_class),
            resource_version=meta.resource_version,
            status=status,
            problem=problem,
        )
        held = not head.managed_by
        facts = _facts(head, suspended=bool(head.suspend))
        waits = job.state == "waiting" and len(item.spec) <= LARGEST_KEPT
        # A copy of its bytes: the others belong to a whole page of Jobs, which would stay with them.
        own = msgspec.structs.replace(item, spec=item.spec.copy()) if waits else None
        return Kept(job, demand, priority_class, facts, held, strange(item.status), own)

    def priority(self, name: str) -> int:
        """Of a PriorityClass; the cluster's default for none, and for one that it does not have."""
        return self.priorities.get(name, self.priorities.get("", 0))

    def forget(self, used: set[str]) -> None:
        """Classes that no Job is in any more."""
        for key in self._classes.keys() - used:
            self._classes.pop(key, None)

    def _once(self, item: JobItem) -> Judgement:
        """The judgement of this very spec with these labels and annotations; most changes are our own statuses."""
        meta = item.metadata
        known = self._known.get(meta.uid)
        if known is not None and _same(known[0], meta) and (known[1][0] is None or known[1][0].key in self._classes):
            return known[1]
        found = self._judged(item)
        self._known[meta.uid] = meta, found
        if len(self._known) > MOST_JUDGED:
            self._known.pop(next(iter(self._known)), None)
        return found

    def _judged(self, item: JobItem) -> Judgement:
        meta = item.metadata
        principal = principal_of(meta.namespace, meta.labels, self._queue)
        charged = principal if isinstance(principal, Principal) else NOBODY
        if not any(fnmatchcase(meta.namespace, glob) for glob in self._queue.namespaces):
            problem = f"metadata.labels[{LABEL_QUEUE}]: queue {self._queue.name} does not take Jobs of this namespace"
            return None, charged, problem, ""
        spec = _read(item)
        if isinstance(principal, Problem) or isinstance(spec, (Refusal, Problem)):
            problems = [str(one) for one in (principal, spec) if isinstance(one, (Problem, Refusal))]
            return None, charged, one_problem("; ".join(problems)), ""
        demand = demand_of(spec, principal, self._queue.name, self._settings)
        return self._classes.setdefault(demand.key, demand), principal, "", spec.priority_class


def _same(known: JobMeta, meta: JobMeta) -> bool:
    """Whether it is judged alike: a generation counts changes of the spec; 0 where the server does not say."""
    said = meta.generation > 0 and known.generation == meta.generation
    return said and (known.labels, known.annotations) == (meta.labels, meta.annotations)


def one_problem(text: str) -> str:
    """Words about a foreign object, fit to show."""
    return "".join(c if c.isprintable() else "?" for c in text[:LONGEST_PROBLEM])


def _head(spec: msgspec.Raw) -> Head | None:
    try:
        return msgspec.json.decode(spec, type=Head)
    except msgspec.MsgspecError:
        return None


def _read(item: JobItem) -> JobSpec | Refusal | Problem:
    """The vetting's own reading; what is larger than any Job may be is not even decoded."""
    if len(item.spec) > LARGEST_JOB:
        return Problem("spec", f"it has {len(item.spec)} bytes, at most {LARGEST_JOB} may be")
    meta = item.metadata
    notes = {key: meta.annotations[key] for key in NOTES if key in meta.annotations}
    metadata: dict[str, Any] = {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid}
    metadata |= {"labels": meta.labels, "annotations": notes}
    try:
        spec = msgspec.json.decode(item.spec)
    except msgspec.MsgspecError as error:
        return Problem("spec", one_line(str(error)))
    return read({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})


def _facts(head: Head, *, suspended: bool) -> StatusFacts:
    indexed = head.completion_mode == "Indexed"
    return StatusFacts(
        indexed=indexed,
        completions=head.completions,
        per_index=head.backoff_limit_per_index is not None,
        suspended=suspended,
        elastic=indexed and head.completions == head.parallelism,
    )


def _state(*, ours: bool, deleting: bool, over: bool, suspended: bool, refused: bool) -> JobState:
    """The first that holds. One of another controller is never looked at further, one that its owner holds can wait."""
    states: tuple[tuple[bool, JobState], ...] = (
        (not ours, "foreign"),
        (deleting, "deleting"),
        (over, "over"),
        (suspended, "suspended"),
        (refused, "refused"),
    )
    return next((state for holds, state in states if holds), "waiting")
