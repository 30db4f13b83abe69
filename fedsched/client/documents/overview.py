"""The whole federation in one answer, for a dashboard: totals, how they went, evictions, notices."""

from __future__ import annotations

import msgspec

from fedsched.client.documents.document import Document


class Moment(msgspec.Struct, frozen=True):
    """One cycle's totals in core-equivalents: unmet demand, supply (starting, unclaimed, claimed), cost per hour."""

    at: float
    cycle: int
    unmet: float
    starting: float
    unclaimed: float
    claimed: float
    cost_per_hour: float = 0.0


class Eviction(msgspec.Struct, frozen=True):
    """A startd that went or goes for somebody else. at: epoch seconds. rule: its number. lost: work at stake."""

    at: float
    placement: str
    member: str
    principal: str
    preemptor: str
    rule: str
    lost: str
    text: str


class NoticeLine(msgspec.Struct, frozen=True):
    """Something that an operator should hear of."""

    at: float
    kind: str
    text: str
    member: str = ""


class Overview(Document, frozen=True, kw_only=True, tag="overview"):
    """Totals now and lately. decide_s: what the last decision took. phases: our startds by phase.

    copies: those of users' Jobs by phase, nothing where there are none.
    history: oldest first, thinned where it is long. federation: its id. policy: its name.
    """

    federation: str = ""
    policy: str = ""
    idle: int = 0
    unmet: int = 0
    running: int = 0
    classes: int = 0
    members: int = 0
    well: int = 0
    phases: dict[str, int] = {}
    copies: dict[str, int] = {}
    decide_s: float = 0.0
    spike: str = ""
    history: tuple[Moment, ...] = ()
    evictions: tuple[Eviction, ...] = ()
    notices: tuple[NoticeLine, ...] = ()
