"""What is told of a decision, as values: chain, members' answers, what would help; sentences are made in explain/."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.matchmaker.model.memory import Candidate
from fedsched.matchmaker.model.principals import Principal
from fedsched.matchmaker.reasons import Reason, Verdict
from fedsched.matchmaker.resources import Resources

LinkName = Literal["job", "demand class", "share", "member", "namespace quota", "node", "pod", "startd", "claim"]
"""The nine links from a job to its claim, in this order."""
LinkVerdict = Literal["ok", "holds", "waits", "not reached", "unknown", "not used"]
"""ok: passed. holds: this link keeps the job. waits: it is on its way here, or must change besides, as its text says.
not reached: an earlier one holds. not used: users' Jobs run without it."""


class ChainLink(msgspec.Struct, frozen=True):
    """One link of the chain. need, have: as shown to a person, units included. at: epoch seconds of the number.

    source: where the number comes from. text: one sentence.
    """

    name: LinkName
    verdict: LinkVerdict
    text: str = ""
    need: str = ""
    have: str = ""
    source: str = ""
    at: float | None = None
    reason: Reason | None = None


class MemberLine(msgspec.Struct, frozen=True):
    """What one member says to a class. text: one sentence; action: "" where the verdict is "now"; seen_at: of it."""

    member: str
    verdict: Verdict
    text: str
    action: str = ""
    node_group: str = ""
    need: str = ""
    have: str = ""
    seen_at: float | None = None
    reason: Reason | None = None


class Explanation(msgspec.Struct, frozen=True):
    """Why a class stands as it does.

    sentence: the link that holds, with its number. next: what to do, or when it starts. word: for a table's column.
    chain: the nine links. members: each one's first blocker, the nearest to running it first. details: on the
    class, its parts and its ages.
    """

    key: str
    word: str
    sentence: str
    next: str
    chain: tuple[ChainLink, ...] = ()
    members: tuple[MemberLine, ...] = ()
    details: tuple[str, ...] = ()


class Having(msgspec.Struct, frozen=True):
    """What a plan gives to one class, as sentences.

    share: the principal's numbers and who is ahead (Q11). startds: where, and why there (E5). going: which of the
    principal's must go, for whom, by which rule (PR8). coming: who makes room for the class.
    """

    share: tuple[str, ...] = ()
    startds: tuple[str, ...] = ()
    going: tuple[str, ...] = ()
    coming: tuple[str, ...] = ()


class HeldBack(msgspec.Struct, frozen=True):
    """Why jobs that would fit on an empty member are not there: one cause, how many jobs of how many classes.

    verdict: the worst of them. text, action: of the largest class that it holds back, whose key is `example`.
    """

    cause: str
    verdict: Verdict
    jobs: int
    classes: int
    text: str
    action: str = ""
    example: str = ""
    reason: Reason | None = None


class ClusterExplanation(msgspec.Struct, frozen=True):
    """Why a member is as full or as empty as it is. fits: idle jobs that fit there now. held_back: by cause.

    never: idle jobs that would not run there if it were empty either.
    """

    member: str
    sentence: str
    next: str
    fits: int = 0
    held_back: tuple[HeldBack, ...] = ()
    never: int = 0


class GroupExplanation(msgspec.Struct, frozen=True):
    """Why a group or principal holds what it holds. waiting: causes of its unmet jobs. where: (member, startds)."""

    path: str
    sentence: str
    next: str
    waiting: tuple[HeldBack, ...] = ()
    where: tuple[tuple[str, int], ...] = ()
    details: tuple[str, ...] = ()


class DecisionExplanation(msgspec.Struct, frozen=True):
    """One placement: why there, and why it goes or went.

    candidates: all places that were open to it with their ranks, best first. chosen: its index there, -1 when none is
    recorded. why: of its end. preemptor, rule, lost: who took its room, by which rule, what work was at stake.
    """

    placement: str
    member: str
    node_group: str
    principal: Principal
    class_key: str
    phase: str
    sentence: str
    next: str
    candidates: tuple[Candidate, ...] = ()
    chosen: int = -1
    why: Reason | None = None
    preemptor: str = ""
    rule: str = ""
    lost: str = ""
    details: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change of what is asked, of a member, or of the policy, exact enough to be made.

    what: its kind ("request", "clause", "length", "quota", "order", …). member, target: of what (a node group, quota,
    group, limit, order's pattern, schedd). name: which amount of it (a resource's name, an order's kind). to: the new
    amount, or for what is only told as more ("quota", "nodes") how much is added, in the units of Resources, seconds,
    core-equivalents or currency. text: a clause that is dropped.
    """

    what: str
    member: str = ""
    target: str = ""
    name: str = ""
    to: float = 0.0
    text: str = ""


class Counterfactual(msgspec.Struct, frozen=True):
    """One change with which a class would fare better, proven by deciding again.

    text: "would start now with at most 62 GiB of memory". what: the kind of change ("request", "requirements",
    "quota", "ceiling", "order", "share", …). starts: jobs that would start at once with it, besides those that do
    anyway. verdict: the class's then. steps: the change itself; where there are several, all of them are needed.
    """

    what: str
    text: str
    starts: int
    verdict: Verdict
    member: str = ""
    steps: tuple[Step, ...] = ()


class FoundJob(msgspec.Struct, frozen=True):
    """A job as its schedd tells of it when asked by name, for those that no class keeps by name.

    job: "cluster.proc". class_key: of the demand class that it belongs to, "" where none is known. state: running on
    a slot of whomever, elsewhere where that is none of ours; finished includes removed. detail: HoldReason, the slot's
    name, how it ended. since: epoch seconds in this state, None where not known. request: as its class would ask.
    """

    job: str
    schedd: str
    state: Literal["idle", "running", "held", "elsewhere", "finished"]
    class_key: str = ""
    detail: str = ""
    since: float | None = None
    principal: Principal | None = None
    request: Resources | None = None


class ClassNotice(msgspec.Struct, frozen=True):
    """A class with idle jobs as a pool's collector is told of it: what its owner asks, answered in one ad.

    user: as their schedd has it, "" where names are not for everybody. word, sentence, next: as in Explanation.
    request: as shown to a person. oldest_at: epoch seconds of the oldest idle job's submission, 0 where not known.
    at: of the cycle that says so.
    """

    pool: str
    key: str
    schedd: str
    group: str
    user: str
    idle: int
    unmet: int
    word: str
    sentence: str
    next: str
    request: str
    examples: tuple[str, ...]
    oldest_at: float
    cycle: int
    at: float


class Turn(msgspec.Struct, frozen=True):
    """The reason of a class changed in this cycle. reason: None when nothing of it is unmet any more."""

    key: str
    cycle: int
    at: float
    idle: int
    unmet: int
    verdict: Verdict
    reason: Reason | None = None
