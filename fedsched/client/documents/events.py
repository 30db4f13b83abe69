"""What happened to a job's startds, interleaved by time over members; and lines of their logs."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fedsched.client.documents.document import Document


class EventLine(msgspec.Struct, frozen=True):
    """One event. at: epoch seconds. source: "fedsched", "kubernetes" or "condor". kind: its reason, one word."""

    at: float
    member: str
    about: str
    source: str
    kind: str
    text: str


class Events(Document, frozen=True, kw_only=True, tag="events"):
    """Oldest first. unread: what could not be asked, and why, a sentence each."""

    job: str
    events: tuple[EventLine, ...] = ()
    unread: tuple[str, ...] = ()


class LogLine(msgspec.Struct, frozen=True):
    """One line that a pod of ours wrote. at: epoch seconds. kept: from what fedsched kept, as the pod is gone."""

    at: float
    member: str
    pod: str
    text: str
    kept: bool = False


class LogsAsk(msgspec.Struct, frozen=True):
    """Which part of a job's logs. tail: lines at the end. since: epoch seconds, 0 for all. follow: as it is written.

    container: of a Kubernetes Job's pods, "" for the first. previous: what it wrote before it was started again.
    """

    job: str
    tail: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000
    since: Annotated[float, msgspec.Meta(ge=0, le=1e12)] = 0.0
    container: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{0,63}$")] = ""
    previous: bool = False
    follow: bool = False


class Logs(Document, frozen=True, kw_only=True, tag="logs"):
    """Oldest first. unread: what could not be asked, and why, a sentence each. of_job: of a Kubernetes Job's pods."""

    job: str
    lines: tuple[LogLine, ...] = ()
    unread: tuple[str, ...] = ()
    of_job: bool = False
