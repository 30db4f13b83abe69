"""The queue as demand classes, and the jobs of one class as their schedd lists them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from fedsched.client.documents.document import Document
from fedsched.matchmaker.model import ClassReport, DemandClass, Principal
from fedsched.matchmaker.resources import Resources


class QueueLine(msgspec.Struct, frozen=True):
    """One class. word: cause of its unmet rest, else how all is provided for, "running" where none is idle.

    reason: the same in a few words. report: of the last cycle without its members' verdicts, which `explain` has; None
    where it was not planned for.
    """

    word: str
    reason: str
    demand: DemandClass
    report: ClassReport | None = None


class ScheddLine(msgspec.Struct, frozen=True):
    """A schedd: when it last answered (epoch seconds, None for never) and why the last question failed.

    kind: "jobs" for a queue of Kubernetes Jobs, which has `jobs` of them, over or not.
    """

    name: str
    pool: str
    seen_at: float | None = None
    error: str = ""
    busy: float = 0.0
    kind: Literal["schedd", "jobs"] = "schedd"
    jobs: int = 0


class Queue(Document, frozen=True, kw_only=True, tag="queue"):
    """Classes that were asked for, most unmet first; `total`, `idle`, `unmet` count all that match, shown or not."""

    classes: tuple[QueueLine, ...] = ()
    schedds: tuple[ScheddLine, ...] = ()
    total: int = 0
    idle: int = 0
    unmet: int = 0
    running: int = 0
    offset: int = 0


class QueueAsk(msgspec.Struct, frozen=True):
    """Which classes: globs over users and groups, words over names and reasons; a page of them.

    user: matches "user" or "user@domain". group: the group and what lies below it. state: "" for all, "idle" for those
    with unmet jobs, "running" for those with running ones. search: a part of key, principal, schedd, word or reason.
    limit: 0 for all.
    """

    user: str = "*"
    group: str = "*"
    state: Annotated[str, msgspec.Meta(pattern="^(idle|running)?$")] = ""
    search: str = ""
    limit: Annotated[int, msgspec.Meta(ge=0)] = 0
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0


class JobLine(msgspec.Struct, frozen=True):
    """One Kubernetes Job of a queue. job: "namespace/name". state: waiting, starting, running, …; word: why so.

    member, placement: of its copy, "" where it has none. pods: at once. since: in the queue, epoch seconds; ended_at:
    None while it is not over. where: node or pod of its copy, or what keeps it, in a few words.
    """

    job: str
    queue: str
    uid: str
    state: str
    word: str
    principal: Principal
    class_key: str
    since: float
    request: Resources = Resources()
    pods: int = 1
    priority: int = 0
    member: str = ""
    placement: str = ""
    where: str = ""
    ended_at: float | None = None


class QueuedJobs(Document, frozen=True, kw_only=True, tag="jobs"):
    """Kubernetes Jobs of queues that were asked for, by queue and name.

    total: that match, shown or not. after: the last that is shown where more follow, "queue:namespace/name", else "".
    """

    jobs: tuple[JobLine, ...] = ()
    total: int = 0
    after: str = ""


class JobsAsk(msgspec.Struct, frozen=True):
    """Which Jobs. user, group: as of QueueAsk. state: one of the states, "over", "" for all that are not, "all".

    queue: its name, "" for all. after: goes on behind that one. limit: 0 for all.
    """

    user: str = "*"
    group: str = "*"
    state: Annotated[str, msgspec.Meta(pattern="^([a-z]{1,20})?$")] = ""
    queue: str = ""
    after: str = ""
    limit: Annotated[int, msgspec.Meta(ge=0)] = 100
