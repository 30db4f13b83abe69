"""Snapshot in, Plan out, and the changes and outcomes between a plan and the world."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.matchmaker.model.demand import ScheddView
from fedsched.matchmaker.model.jobs import JobStatus
from fedsched.matchmaker.model.memory import Held, Memory, Order
from fedsched.matchmaker.model.placed import ObjectView, Placement, PoolView
from fedsched.matchmaker.model.shares import Drift, PoolTerms, ShareLine
from fedsched.matchmaker.model.supply import MemberView
from fedsched.matchmaker.model.terms import MemberTerms
from fedsched.matchmaker.reasons import Reason, Verdict


class Observation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What each poller last stored, with its age; never waited for."""

    at: float
    schedds: tuple[ScheddView, ...] = ()
    members: tuple[MemberView, ...] = ()
    pools: tuple[PoolView, ...] = ()
    objects: tuple[ObjectView, ...] = ()


class CreateObject(msgspec.Struct, frozen=True, tag="create"):
    """POST the object of a placement under its computed name (FA3)."""

    member: str
    placement: Placement


class OrderLeave(msgspec.Struct, frozen=True, tag="leave"):
    """Annotate one pod with the leave order (PR5): uid verified, nothing deleted. at: epoch seconds of the order."""

    member: str
    placement_id: str
    pod: str
    uid: str
    at: float


class DeletePod(msgspec.Struct, frozen=True, tag="delete-pod", omit_defaults=True):
    """Delete one pod: withdraw (resource_version as a second precondition, X5) or vacate (short grace, PR5).

    grace_s None leaves the pod's own grace.
    """

    member: str
    placement_id: str
    pod: str
    uid: str
    resource_version: str = ""
    grace_s: int | None = None


class DeleteObject(msgspec.Struct, frozen=True, tag="delete-object", omit_defaults=True):
    """Delete a Job or DaemonSet of ours with its uid as precondition; its pods go with it."""

    member: str
    placement_id: str
    name: str
    kind: Literal["Job", "DaemonSet"]
    uid: str
    resource_version: str = ""


class ParkDaemonSet(msgspec.Struct, frozen=True, tag="park"):
    """Point a DaemonSet of ours at the parked selector: its pods leave, the object stays (L2)."""

    member: str
    placement_id: str
    name: str
    uid: str


class InvalidateAds(msgspec.Struct, frozen=True, tag="invalidate"):
    """Remove ghost ads of a placement's pod from a pool's collector (FA8)."""

    pool: str
    placement_id: str
    pod: str
    member: str = ""


class AdoptOwner(msgspec.Struct, frozen=True, tag="own"):
    """Give an object of ours that lost its anchor the present one (FA6, FA7)."""

    member: str
    placement_id: str
    name: str
    kind: Literal["Job", "DaemonSet"]
    uid: str


class SetSubmitter(msgspec.Struct, frozen=True, tag="set-submitter", omit_defaults=True):
    """Tell a pool's negotiator one submitter's terms (FS8, `drive`); None leaves what stands there.

    name: the submitter, "group.user@domain". factor: relative to the pool's default factor. ceiling: whole weighted
    slots.
    """

    pool: str
    name: str
    factor: float | None = None
    ceiling: float | None = None
    member: str = ""


class TellJob(msgspec.Struct, frozen=True, tag="tell-job", omit_defaults=True):
    """Write the status of a Job of a queue: how its copy stands, or why it waits. Its uid is verified.

    queue: the queue's name. job: "namespace/name". resource_version: as it was seen; a precondition.
    """

    queue: str
    job: str
    uid: str
    resource_version: str
    status: JobStatus
    member: str = ""


Change = (
    CreateObject
    | OrderLeave
    | DeletePod
    | DeleteObject
    | ParkDaemonSet
    | InvalidateAds
    | AdoptOwner
    | SetSubmitter
    | TellJob
)


class Outcome(msgspec.Struct, frozen=True):
    """What became of one change.

    result: done; gone (it was not there any more; for deletions that is success); conflict (a precondition or a
    foreign namesake); refused (403, 422: `what` names the quota or policy); retry (timeout, 5xx, 429: retry_after_s);
    fenced (a higher epoch stands there: stop). uid: of the object that was made. facts: what admission changed.
    elsewhere: nothing was asked of the change's own peer, as somebody else could not do his part: it is not to blame.
    """

    change: Change
    result: Literal["done", "gone", "conflict", "refused", "retry", "fenced"]
    at: float
    uid: str = ""
    what: str = ""
    retry_after_s: float = 0.0
    elsewhere: bool = False


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that a decision may know. outcomes: of changes that ended since the last cycle."""

    observation: Observation
    memory: Memory
    terms: tuple[MemberTerms, ...]
    orders: tuple[Order, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    epoch: int = 1
    pools: tuple[PoolTerms, ...] = ()

    @property
    def at(self) -> float:
        """The snapshot's time in epoch seconds; the only clock that decisions have."""
        return self.observation.at


class MemberVerdict(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one member says to one class: best verdict over its node groups, and the first blocker (E1)."""

    member: str
    verdict: Verdict
    blocker: Reason | None = None
    node_group: str = ""


class NearestMiss(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One change of a class that can run nowhere, with which it could (E9).

    what: a resource, "length" or "requirements". need: as it is asked; for requirements the clause. have: what would
    do, "" for a clause that is dropped. members: how many members would match then; example: the first of them by name.
    """

    what: str
    need: str
    have: str
    members: int
    example: str = ""


class ClassReport(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One class in one cycle: how its idle jobs stand (RE1). Counts are jobs and sum to `idle`.

    served: on startds unclaimed for it or starting. placed: newly placed for in this cycle. unmet: the rest.
    spared: why nobody is evicted for the rest; None where nothing was asked.
    why: the dominant reason for the unmet rest; None when nothing is unmet. others: (reason, jobs) of all parts.
    also: what must change besides `why` before one more unit can start; () where that alone suffices (RE2).
    near: for what can run nowhere, the single changes with which it could (E9).
    """

    key: str
    idle: int
    served: int
    placed: int
    unmet: int
    verdict: Verdict
    why: Reason | None = None
    parts: tuple[tuple[int, Reason], ...] = ()
    members: tuple[MemberVerdict, ...] = ()
    spared: Reason | None = None
    also: tuple[Reason, ...] = ()
    near: tuple[NearestMiss, ...] = ()


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that an operator should hear of: state changes of members, freezes, adoptions, foreign objects."""

    kind: str
    text: str
    member: str = ""


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What should exist, why, and what to remember.

    shares: every group and principal with its numbers, by path (Q11). drift: where a pool's negotiator differs (FS8);
    drive: what it is told therefore. tell: statuses of users' Jobs that are not yet as they should be.
    """

    cycle: int
    at: float
    held: tuple[Held, ...]
    classes: tuple[ClassReport, ...]
    memory: Memory
    notices: tuple[Notice, ...] = ()
    ghosts: tuple[InvalidateAds, ...] = ()
    sweep: tuple[DeleteObject, ...] = ()
    adopt: tuple[AdoptOwner, ...] = ()
    shares: tuple[ShareLine, ...] = ()
    drift: tuple[Drift, ...] = ()
    drive: tuple[SetSubmitter, ...] = ()
    tell: tuple[TellJob, ...] = ()
