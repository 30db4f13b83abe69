"""What happened to a job's startds, interleaved by time over members; and lines of their logs."""

from __future__ import annotations

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
    """One line that a startd's pod wrote. at: epoch seconds. kept: from what fedsched kept, as the pod is gone."""

    at: float
    member: str
    pod: str
    text: str
    kept: bool = False


class Logs(Document, frozen=True, kw_only=True, tag="logs"):
    """Oldest first. unread: what could not be asked, and why, a sentence each."""

    job: str
    lines: tuple[LogLine, ...] = ()
    unread: tuple[str, ...] = ()
