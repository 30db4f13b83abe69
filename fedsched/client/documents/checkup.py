"""What `doctor` found: each property of the system with its evidence, and what to do where one does not hold."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.client.documents.document import Document

State = Literal["ok", "unproven", "broken"]
"""unproven: it could not be looked at, or nothing proves it."""


class Finding(msgspec.Struct, frozen=True):
    """One property. name: a sentence. rule: the numbers that it stands under, "" for none. about: what it concerns.

    evidence: what was seen, with numbers and ages. fix: the next command or step, "" where nothing is to be done.
    """

    name: str
    rule: str
    state: State
    evidence: str
    about: str = ""
    fix: str = ""


class Checkup(Document, frozen=True, kw_only=True, tag="checkup"):
    """Findings in the order of the properties; several of one property where several things break it.

    live: members, pools and schedds were asked; else it is all from the journal. members: those that were looked at.
    requests: that were made to members. seconds: what looking took.
    """

    live: bool = True
    members: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    broken: int = 0
    unproven: int = 0
    requests: int = 0
    seconds: float = 0.0
