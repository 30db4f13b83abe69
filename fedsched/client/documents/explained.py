"""Why: of a job or class, of a member, of a group, of one placement; since when; what would help."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.client.documents.clusters import ClusterLine
from fedsched.client.documents.document import Document
from fedsched.client.documents.shares import Share
from fedsched.matchmaker.model import (
    ClassReport,
    ClusterExplanation,
    Counterfactual,
    DecisionExplanation,
    DemandClass,
    Explanation,
    GroupExplanation,
    Having,
    Principal,
)
from fedsched.matchmaker.reasons import Verdict

JobState = Literal[
    "idle",
    "running",
    "held",
    "elsewhere",
    "finished",
    "class",
    "starting",
    "leaving",
    "unseen",
    "suspended",
    "refused",
    "cancelled",
    "deleting",
    "foreign",
]
"""elsewhere: it runs on a slot that is not ours. class: a whole class was asked about. Those behind it are of users'
Kubernetes Jobs; unseen: its copy is at a member that is not heard of, or is gone without an end that was seen."""


class Explained(Document, frozen=True, kw_only=True, tag="explanation"):
    """A job or a class. job: as it was found, "" for a class. since: of its claim where it runs, epoch seconds.

    placement: of the startd that it runs on. report: with every member's verdict. counterfactuals: what would help, of
    `proven_of` changes that were tried; only `-o json` has them here, the API answers them by themselves.
    """

    job: str = ""
    state: JobState = "class"
    principal: Principal
    explanation: Explanation
    having: Having = Having()
    demand: DemandClass | None = None
    report: ClassReport | None = None
    shares: tuple[Share, ...] = ()
    placement: str = ""
    since: float | None = None
    counterfactuals: tuple[Counterfactual, ...] = ()
    proven_of: int = 0
    uid: str = ""
    """Of a Kubernetes Job in its queue, which is called "queue:namespace/name"; "" for others."""


class ClusterExplained(Document, frozen=True, kw_only=True, tag="explained-cluster"):
    """Why a member is as full or as empty as it is."""

    cluster: ClusterLine
    explanation: ClusterExplanation


class GroupExplained(Document, frozen=True, kw_only=True, tag="explained-group"):
    """Why a group or principal holds what it holds; shares: it, all above it, and its children."""

    explanation: GroupExplanation
    shares: tuple[Share, ...] = ()


class DecisionExplained(Document, frozen=True, kw_only=True, tag="explained-decision"):
    """Why a placement is where it is, and why it went."""

    explanation: DecisionExplanation


class TurnLine(msgspec.Struct, frozen=True):
    """A change of reason: at (epoch seconds), in which cycle, and from then on what was so, in words."""

    at: float
    cycle: int
    word: str
    text: str
    idle: int
    unmet: int
    verdict: Verdict


class History(Document, frozen=True, kw_only=True, tag="history"):
    """Every change of a class's reason since a time, oldest first; the first tells how it stood before."""

    key: str
    job: str = ""
    since: float = 0.0
    turns: tuple[TurnLine, ...] = ()


class Counterfactuals(Document, frozen=True, kw_only=True, tag="counterfactuals"):
    """What would help a class, each proven by deciding again. tried: changes that were tried in all."""

    key: str
    counterfactuals: tuple[Counterfactual, ...] = ()
    tried: int = 0
    seconds: float = 0.0


class Tried(msgspec.Struct, frozen=True):
    """How far the proving is: `done` of `total` changes were tried; found: one that helps, if this one did."""

    done: int
    total: int
    found: Counterfactual | None = None
