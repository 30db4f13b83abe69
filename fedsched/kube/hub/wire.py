"""What is decoded of a Job in a hub; the pod's template is kept as bytes until it is judged, one Job at a time."""

from __future__ import annotations

import msgspec

from fedsched.kube.hub.policies import NOTE_HELD
from fedsched.kube.hub.served import Hold
from fedsched.kube.wire import Condition, Wire
from fedsched.matchmaker.model.names import JOB_MANAGER

NO_OBJECT = msgspec.Raw(b"{}")


class JobMeta(Wire):
    """Metadata of a user's Job."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class StatusItem(Wire):
    """Its status."""

    active: int = 0
    ready: int | None = None
    terminating: int | None = None
    succeeded: int = 0
    failed: int = 0
    start_time: str | None = None
    completion_time: str | None = None
    completed_indexes: str = ""
    failed_indexes: str | None = None
    conditions: list[Condition] | None = None


class JobItem(Wire):
    """A Job. spec: undecoded."""

    metadata: JobMeta = msgspec.field(default_factory=JobMeta)
    spec: msgspec.Raw = NO_OBJECT
    status: StatusItem = msgspec.field(default_factory=StatusItem)


class Head(Wire):
    """What of a Job's spec says who runs it, and what its status may be."""

    managed_by: str | None = None
    suspend: bool | None = None
    parallelism: int | None = None
    completions: int | None = None
    completion_mode: str | None = None
    backoff_limit_per_index: int | None = None


def is_ours(head: Head, annotations: dict[str, str]) -> bool:
    """Whether no other controller runs it: by managedBy, or suspended by our policy where that is not served."""
    if head.managed_by:
        return head.managed_by == JOB_MANAGER
    return bool(head.suspend) and annotations.get(NOTE_HELD) == "policy"


def hold_of(head: Head) -> Hold:
    """What keeps the hub's own controller from a Job of ours."""
    return "managedBy" if head.managed_by else "suspend"
