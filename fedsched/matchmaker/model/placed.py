"""What is placed: placements, the objects that carry them, and the slots that speak for them, as observed."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.matchmaker.model.jobs import JobStatus, Rerun
from fedsched.matchmaker.model.principals import Principal
from fedsched.matchmaker.model.shares import NegotiatorView
from fedsched.matchmaker.model.supply import Taint
from fedsched.matchmaker.resources import Resources

Form = Literal["startd-job", "startd-daemonset", "job"]
Share = Literal["user", "group", "any"]
PodPhase = Literal["pending", "running", "succeeded", "failed", "unknown"]
LIVE: frozenset[PodPhase] = frozenset({"pending", "running", "unknown"})
"""Phases of pods that hold what they asked for, or will; also while they end."""


def object_name(placement_id: str) -> str:
    """Name of the object that carries a placement, computed from its id (FA3)."""
    return f"fs-{placement_id}"


class Placement(msgspec.Struct, frozen=True, gc=False):
    """This shape on that node group, as this form, for that principal: everything that the object is made from.

    Written into the object as an annotation, so it is also what adoption starts from; it never changes.

    id: lower-case letters, digits and "-", at most 40 characters; names of objects are `fs-<id>`.
    size: what the startd offers to jobs; the pod asks for `size` plus the member's overhead.
    units: how many jobs of its class it holds at once. lifetime_s: pod start to hard end (activeDeadlineSeconds).
    retire_s: how long before that end it takes no new work. idle_s: unclaimed time after which it leaves by itself.
    expires_at: epoch seconds after which a DaemonSet's entry script starts no startd and a Job is an orphan.
    """

    id: str
    member: str
    node_group: str
    form: Form
    pool: str
    schedd: str
    principal: Principal
    class_key: str
    size: Resources
    created_at: float
    expires_at: float
    lifetime_s: int
    retire_s: int
    idle_s: int
    first_refusal_s: int
    epoch: int
    units: int = 1
    share: Share = "user"
    image: str = ""
    selector: tuple[tuple[str, str], ...] = ()
    taints: tuple[Taint, ...] = ()
    gpu_resource: str = ""
    concurrency: tuple[tuple[str, int], ...] = ()
    """(name, units) that each of its jobs takes of concurrency limits (Q7)."""
    price_per_hour: float = 0.0
    """What the whole of it costs in an hour, in the federation's currency, when it was placed (SU4)."""
    tier: str = ""
    growth: bool = False
    """It was placed for a node that does not exist yet (S7)."""
    priority: int = 0
    """Highest job priority of its class when it was placed (PR6)."""
    probe: bool = False
    """This is the one probe startd of a new (member, image) pair (MA6)."""
    ungrouped: bool = False
    """Its jobs do not name the principal's group: its startd goes by the user alone."""
    user: str = ""
    """User of the jobs that it admits, as their schedd has it; "" where that is the principal's."""
    job: str = ""
    """The Job of the queue `schedd` that it is the copy of, "namespace/name"; "" for startds."""
    job_uid: str = ""
    pods: int = 1
    """Pods that the Job has at once; `size` is one pod's."""
    gang: bool = False
    rerun: Rerun = "after-deadline"
    margin_s: int = 120
    """Beyond the deadlines of a Job's copy, what its pods' grace and two clocks may take before it surely ended."""

    @property
    def object_name(self) -> str:
        """Name of the Kubernetes object that carries it, computed from the id (FA3)."""
        return object_name(self.id)


class PodView(msgspec.Struct, frozen=True, gc=False):
    """A pod of ours as last seen. Times are epoch seconds, None before they happened.

    problem: the waiting reason or unschedulable message ("ErrImagePull: …"), "" when there is none.
    leave_ordered_at: from the leave annotation.
    """

    name: str
    uid: str
    resource_version: str
    phase: PodPhase
    node: str = ""
    created_at: float = 0.0
    scheduled_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    deleting: bool = False
    exit_code: int | None = None
    problem: str = ""
    leave_ordered_at: float | None = None
    pulling: bool = False
    end_reason: str = ""
    """Why it ended as Kubernetes says it: OOMKilled, Evicted, DeadlineExceeded, …"""
    taken_by: str = ""
    """Why the member itself takes it away, as Kubernetes says it: PreemptionByScheduler, EvictionByEvictionAPI, …"""
    fact: str = ""
    """What admission changed of what we asked, in words; "" for nothing."""


class ObjectView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A Job or DaemonSet with our labels, with its pods, as last seen.

    placement: decoded from its annotation; None when that is missing or broken (an orphan or a forgery).
    digest: of what was sent (annotation). owned: its ownerReference is our present anchor. refused: why its pods are
    not created (FailedCreate event or condition), "" when they are. finished: Complete or Failed. parked: a DaemonSet
    pointed at the parked selector. status: of a Job that is the copy of a user's; None for startds.
    """

    name: str
    kind: Literal["Job", "DaemonSet"]
    uid: str
    resource_version: str
    member: str
    placement_id: str
    epoch: int
    digest: str
    created_at: float
    placement: Placement | None = None
    owned: bool = True
    pods: tuple[PodView, ...] = ()
    finished: Literal["", "complete", "failed"] = ""
    finished_reason: str = ""
    refused: str = ""
    deleting: bool = False
    parked: bool = False
    desired_pods: int = 1
    status: JobStatus | None = None


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Who holds a part of a startd: principal as the negotiator accounts it, cores, since when, which job.

    amount: all resources of the claim; empty where the slot does not tell more than cores. used_cpu_milli: cores that
    its job really keeps busy, None where nobody measured. priority: the job's JobPrio.
    """

    principal: Principal
    cpu_milli: int
    since: float
    job: str = ""
    schedd: str = ""
    amount: Resources = Resources()
    used_cpu_milli: int | None = None
    priority: int = 0


class SlotView(msgspec.Struct, frozen=True, gc=False):
    """One startd of ours in a collector; its partitionable slot and dynamic slots counted once.

    name: the partitionable slot's Name. leaving: takes no new work (our order, drained, retiring, past RetireAt).
    size, free: whole machine and what is unclaimed. unclaimed_since: epoch seconds since nothing is claimed, None
    while something is. attributes: static ones for the predicted slot ad (MA6), sorted (name, ClassAd text).
    probe_ok: what the member's probe script said; None when there is none. seen_at: LastHeardFrom. jobs_started: since
    the startd began: more than its claims when jobs came and went between two looks.
    """

    name: str
    pool: str
    placement_id: str
    member: str
    node_group: str
    pod: str
    size: Resources
    free: Resources
    seen_at: float
    claims: tuple[Claim, ...] = ()
    leaving: bool = False
    unclaimed_since: float | None = None
    started_at: float = 0.0
    end_at: float | None = None
    retire_at: float | None = None
    probe_ok: bool | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    jobs_started: int = 0


class PoolView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pool's collector as last seen: our startds there. seen_at: last complete answer, None before the first.

    schedds_unasked: its list of schedds was not asked for yet, so that no schedd does not mean that there is none.
    unannounced: why its collector does not take our ads of waiting classes, with what to do; "" when it does.
    """

    name: str
    seen_at: float | None = None
    error: str = ""
    slots: tuple[SlotView, ...] = ()
    schedds_unasked: bool = False
    negotiator: NegotiatorView | None = None
    unannounced: str = ""
