"""A user's Job as read and found harmless, and why one is not; how it is read lives in fields."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.matchmaker.model.jobs import Rerun, Toleration

LONGEST_REFUSAL = 1024


class JobSpec(msgspec.Struct, frozen=True):
    """A Job of which everything may go to a member that lists its `grants`.

    labels: of the Job, for the map of principals. body: fields of its spec that go on, the template apart. pod: its pod
    spec, cleaned. pod_labels, pod_annotations: of its template, those that come along. images: of all containers,
    sorted. objects: (kind, name) that must be there, sorted. grants: as in JobShape. left_out: paths of harmless fields
    that stay behind. pods: at once, at least 1. suspended: by its owner, or told to run no pod at a time. held: no
    manager is named, so that `suspend` may be all that keeps its own cluster's controller from running it.
    """

    namespace: str
    name: str
    uid: str
    labels: dict[str, str]
    body: dict[str, Any]
    pod: dict[str, Any]
    pod_labels: dict[str, str]
    pod_annotations: dict[str, str]
    images: tuple[str, ...]
    objects: tuple[tuple[str, str], ...]
    grants: tuple[str, ...]
    tolerations: tuple[Toleration, ...]
    left_out: tuple[str, ...] = ()
    pods: int = 1
    gang: bool = False
    rerun: Rerun = "after-deadline"
    requirements: str = ""
    rank: str = ""
    priority_class: str = ""
    suspended: bool = False
    held: bool = False

    @property
    def id(self) -> str:
        """Its name in the queue with its namespace: "namespace/name"."""
        return f"{self.namespace}/{self.name}"


class Problem(msgspec.Struct, frozen=True):
    """What may not go to a member. path: of the field, from the manifest's top."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


class Refusal(msgspec.Struct, frozen=True):
    """Why a Job is not taken: at least one problem, the first ones of many."""

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))[:LONGEST_REFUSAL]
