"""How one user's Job stands, in one word: waiting, starting, running, held, refused, over; no sentences here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from fedsched.matchmaker.model import (
    Held,
    JobCondition,
    ObjectView,
    Observation,
    Order,
    Plan,
    PodView,
    QueuedJob,
    ScheddView,
)
from fedsched.matchmaker.model.names import CONDITION_PREEMPTED
from fedsched.matchmaker.reasons import Cause

QueuedState = Literal[
    "waiting",
    "starting",
    "running",
    "leaving",
    "unseen",
    "held",
    "suspended",
    "refused",
    "cancelled",
    "deleting",
    "foreign",
    "finished",
]
"""unseen: it has a copy at a member that is not heard of, or that vanished."""
SILENT = frozenset({"unreachable", "lost"})
_OWNERS: dict[str, QueuedState] = {
    "suspended": "suspended",
    "deleting": "deleting",
    "refused": "refused",
    "foreign": "foreign",
}
_ENDS = ("Failed", "Complete")


class StandingJob(msgspec.Struct, frozen=True):
    """A Job with what the cycle knows of it. copy, thing: of its placement, None where it has none or it is not seen.

    word: why it stands so, for a table's column: a cause, a condition's reason, or the state again. order: a person's
    that stands for it.
    """

    job: QueuedJob
    queue: ScheddView
    state: QueuedState
    word: str
    copy: Held | None = None
    thing: ObjectView | None = None
    order: Order | None = None

    @property
    def pods(self) -> tuple[PodView, ...]:
        """Pods of its copy that are seen."""
        return self.thing.pods if self.thing is not None else ()

    @property
    def problem(self) -> str:
        """What keeps its pods, as Kubernetes says it; "" for nothing."""
        kept = next((pod.problem for pod in self.pods if pod.problem), "")
        return kept or (self.thing.refused if self.thing is not None else "")


class Copies:
    """Copies of Jobs in one cycle, by the uid of the Job."""

    def __init__(self, plan: Plan, seen: Observation, orders: Iterable[Order] = ()) -> None:
        self._plan = plan
        self._things = {thing.placement_id: thing for thing in seen.objects}
        self._held: dict[str, Held] = {}
        # The newest stands; one that is to go because another counts, never does.
        for held in sorted(plan.held, key=lambda one: (not _revived(one), one.placement.created_at)):
            if held.placement.form == "job":
                self._held[held.placement.job_uid] = held
        self._orders = {(order.kind, order.target): order for order in orders}
        self._why = {report.key: str(report.why.cause) for report in plan.classes if report.why is not None}

    def of(self, job: QueuedJob, queue: ScheddView) -> StandingJob:
        """How a Job stands."""
        copy = self._held.get(job.uid)
        thing = self._things.get(copy.placement.id) if copy is not None else None
        order = self._orders.get(("cancel", job.uid)) or self._orders.get(("hold", job.uid))
        found = StandingJob(job, queue, "waiting", "", copy, thing, order)
        state = self._state(found)
        found = msgspec.structs.replace(found, state=state)
        return msgspec.structs.replace(found, word=self._word(found))

    def _state(self, one: StandingJob) -> QueuedState:
        job, copy = one.job, one.copy
        if job.state == "over" or (copy is not None and copy.ended is not None):
            return "finished"
        if one.order is not None:
            return "cancelled" if one.order.kind == "cancel" else "held"
        if job.state in _OWNERS:
            return _OWNERS[job.state]
        return self._of_copy(copy) if copy is not None else "waiting"

    def _of_copy(self, copy: Held) -> QueuedState:
        vanished = copy.failure is not None and copy.failure.cause is Cause.VANISHED
        if vanished or self.is_silent(copy):
            return "unseen"
        if copy.wanted != "run" or copy.phase in {"leaving", "gone"}:
            return "leaving"
        return "running" if copy.phase == "claimed" else "starting"

    def is_silent(self, copy: Held) -> bool:
        """Whether the member where it stands is not heard of."""
        member = self._plan.memory.members.get(copy.placement.member)
        return member is not None and member.state in SILENT

    def _word(self, one: StandingJob) -> str:
        if one.state == "waiting":
            return self._why.get(one.job.class_key, "waiting")
        if one.state == "finished":
            return end_word(one)
        why = one.copy.failure or one.copy.why if one.copy is not None else None
        if one.state == "unseen":
            vanished = why is not None and why.cause is Cause.VANISHED
            return str(Cause.VANISHED if vanished else Cause.COPY_MAY_RUN)
        if one.state == "leaving" and why is not None:
            return str(why.cause)
        return one.state


def end_of(one: StandingJob) -> JobCondition | None:
    """The condition that says how it ended; None where none does."""
    for status in (one.job.status, one.copy.ended if one.copy is not None else None):
        for type_ in _ENDS:
            found = status.condition(type_) if status is not None else None
            if found is not None and found.status == "True":
                return found
    return None


def end_word(one: StandingJob) -> str:
    """How it ended, in one word: "complete", or why it failed."""
    end = end_of(one)
    if end is None:
        return "finished"
    return "complete" if end.type == "Complete" else end.reason or "failed"


def preempted(job: QueuedJob) -> str:
    """What its status says of the last copy that had to go for somebody else; "" for nothing."""
    found = job.status.condition(CONDITION_PREEMPTED)
    return found.message if found is not None else ""


def _revived(held: Held) -> bool:
    return held.why is not None and held.why.cause is Cause.REVIVED
