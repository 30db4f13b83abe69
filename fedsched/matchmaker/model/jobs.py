"""Kubernetes Jobs in a queue: what they ask, how they stand, what their status says. Nothing of where they run."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.matchmaker.model.principals import Principal

JobState = Literal["waiting", "suspended", "over", "deleting", "refused", "foreign"]
Rerun = Literal["after-deadline", "never"]


class Toleration(msgspec.Struct, frozen=True, order=True):
    """A toleration of a pod, with Kubernetes' names; operator is Exists or Equal, effect "" for all."""

    key: str
    operator: str
    value: str
    effect: str


class JobShape(msgspec.Struct, frozen=True, gc=False):
    """What a class of Kubernetes Jobs asks of a member beside its request, which is that of one pod.

    namespace: its own, in the queue. pods: at once: parallelism, or completions where those are fewer. gang: all of
    them or none. images: of all containers, sorted. tolerations: its own. objects: (kind, name) of what its
    pods name in their namespace, sorted.
    grants: what its pods need that only a member's file can allow, sorted: "hostNetwork", "serviceAccountName=NAME", …
    with, behind a blank, the path of the field: "hostNetwork spec.template.spec.hostNetwork". rerun: what becomes of
    it when its member is lost: placed again once its copy has surely ended, or never.
    """

    namespace: str = ""
    pods: int = 1
    gang: bool = False
    images: tuple[str, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    objects: tuple[tuple[str, str], ...] = ()
    grants: tuple[str, ...] = ()
    rerun: Rerun = "after-deadline"

    @property
    def least(self) -> int:
        """Pods without which it does not begin: all of a gang; of any other Job one, and as many more as fit then."""
        return self.pods if self.gang else 1


class JobCondition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One condition of a Job's status. at: epoch seconds of its last transition, None where it has none."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: str = ""
    at: float | None = None


class JobStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """The status of a batch/v1 Job, as far as clients read it. Times are epoch seconds, None before they happened.

    completed_indexes, failed_indexes: as Kubernetes writes them ("0,2-4"); failed_indexes None where it says nothing.
    conditions: in the order of their appearance.
    """

    active: int = 0
    ready: int = 0
    terminating: int = 0
    succeeded: int = 0
    failed: int = 0
    started_at: float | None = None
    completed_at: float | None = None
    completed_indexes: str = ""
    failed_indexes: str | None = None
    conditions: tuple[JobCondition, ...] = ()

    def condition(self, type_: str) -> JobCondition | None:
        """The condition of that type; None where there is none."""
        return next((one for one in self.conditions if one.type == type_), None)

    @property
    def over(self) -> bool:
        """Whether it says that the Job is Complete or Failed."""
        return any(one.type in {"Complete", "Failed"} and one.status == "True" for one in self.conditions)


class QueuedJob(msgspec.Struct, frozen=True, gc=False):
    """One Job of a queue as last seen.

    id: "namespace/name" in the queue. state: waiting (wants to run or runs), suspended (by its owner), over (its status
    says so), deleting, refused (`problem` says at which field and why), foreign (labelled, but another controller runs
    it; never touched). priority: of its PriorityClass, or what its owner gave. resource_version: for writing its
    status. status: what the queue shows now.
    """

    id: str
    uid: str
    principal: Principal
    class_key: str
    created_at: float
    state: JobState = "waiting"
    priority: int = 0
    resource_version: str = ""
    status: JobStatus = JobStatus()
    problem: str = ""
