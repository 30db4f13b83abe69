"""Which of the nine links each cause holds, and which failure a rest speaks of; sentences are made beside."""

from __future__ import annotations

import re
from typing import get_args

import msgspec

from fedsched.matchmaker.model import LinkName, Plan
from fedsched.matchmaker.reasons import Cause, Reason

LINKS: tuple[LinkName, ...] = get_args(LinkName)
"""From the job to its claim."""
LATE = frozenset({"pod", "startd", "claim"})
"""Links of what was placed: before them it is only decided."""

HOLDS: dict[Cause, LinkName] = {
    # what is asked for
    Cause.SCHEDD_STALE: "job",
    Cause.NOT_MATERIALISED: "job",
    Cause.DEMAND_GONE: "job",
    Cause.HELD: "job",
    Cause.WITHDRAWN: "job",
    Cause.VANISHED: "job",
    Cause.EXPRESSION_REFUSED: "demand class",
    Cause.DENIED: "demand class",
    Cause.RAMP: "demand class",
    # who may have how much
    Cause.GROUP_LIMIT: "share",
    Cause.GROUP_QUOTA: "share",
    Cause.GROUP_BORROW: "share",
    Cause.NOT_LENT: "share",
    Cause.PRINCIPAL_CEILING: "share",
    Cause.CONCURRENCY_LIMIT: "share",
    Cause.ABOVE_SHARE: "share",
    Cause.PREEMPTED: "share",
    # a member, its file, its tier, and whether it is well
    Cause.FORM_REFUSED: "member",
    Cause.PRINCIPAL_REFUSED: "member",
    Cause.IMAGE_REFUSED: "member",
    Cause.TAINTED: "node",
    Cause.TOO_LONG: "member",
    Cause.NO_NODE_GROUPS: "member",
    Cause.NAMESPACE_REFUSED: "member",
    Cause.OBJECT_MISSING: "member",
    Cause.FIELD_REFUSED: "member",
    Cause.COPY_MAY_RUN: "member",
    Cause.REBUILDING: "member",
    Cause.CORDONED: "member",
    Cause.OBSERVE_ONLY: "member",
    Cause.PAUSED: "member",
    Cause.DRAINING: "member",
    Cause.ORDERED: "member",
    Cause.CEILING_REACHED: "member",
    Cause.TRIAL_FULL: "member",
    Cause.MEMBER_SILENT: "member",
    Cause.MEMBER_LOST: "member",
    Cause.CREDENTIAL: "member",
    Cause.FROZEN: "member",
    Cause.STALE: "member",
    Cause.BUDGET: "member",
    Cause.EVICTION_RATE: "member",
    Cause.TIER_CLOSED: "member",
    Cause.TIER_WINDOW: "member",
    Cause.BUDGET_SPENT: "member",
    Cause.SUPERSEDED: "member",
    # what its namespace allows
    Cause.QUOTA_FULL: "namespace quota",
    Cause.ADMISSION_REFUSED: "namespace quota",
    # its nodes
    Cause.REQUIREMENTS: "node",
    Cause.NODE_TOO_SMALL: "node",
    Cause.TOO_MANY_PODS: "node",
    Cause.NODES_CORDONED: "node",
    Cause.NO_ROOM: "node",
    Cause.FRAGMENTED: "node",
    Cause.LEAVE_FREE: "node",
    Cause.GROWTH_ASKED: "node",
    Cause.NO_VICTIMS: "node",
    Cause.PROTECTED: "node",
    Cause.ROOM_ON_ITS_WAY: "node",
    Cause.OWNER: "node",
    # a pod of ours there
    Cause.IMAGE_PULL: "pod",
    Cause.POD_REFUSED: "pod",
    Cause.PENDING_TOO_LONG: "pod",
    Cause.POD_LOST: "pod",
    Cause.WRITE_REFUSED: "pod",
    Cause.FOREIGN_OBJECT: "pod",
    Cause.DEMAND: "pod",
    Cause.ORPHAN: "pod",
    Cause.REVIVED: "pod",
    # the startd in it; a rest holds here unless it says which failure it is for
    Cause.BACKING_OFF: "startd",
    Cause.FAILING_FAST: "startd",
    Cause.PROBING: "startd",
    Cause.SUPPLY_ON_ITS_WAY: "startd",
    Cause.PROBE: "startd",
    Cause.NEVER_JOINED: "startd",
    Cause.PROBE_FAILED: "startd",
    Cause.CRASHED: "startd",
    Cause.EXPIRED: "startd",
    Cause.RETIRED: "startd",
    Cause.FINISHED: "startd",
    # what the pool's negotiator makes of it
    Cause.TRUST: "claim",
    Cause.LEAKED: "claim",
    Cause.IDLE: "claim",
}
"""Every cause; tested to be all of them."""

_REST = re.compile(r"(?P<count>\d+) failures? in a row(?:, last)?: (?P<cause>[a-z-]+) ?(?P<text>.*)", re.DOTALL)
_RESTS = frozenset({Cause.BACKING_OFF, Cause.FAILING_FAST})
_NAMED = {str(cause): cause for cause in Cause}


def holding(reason: Reason, plan: Plan | None = None) -> LinkName:
    """The link that a reason holds: for a place that rests, the one of the failure for which it does."""
    return HOLDS[(behind(reason, plan) or reason).cause]


def behind(reason: Reason, plan: Plan | None = None) -> Reason | None:
    """The last of the failures for which a place rests (X8), None where the reason speaks of none.

    plan: its memory has the failure whole; without it only what the reason's text says of it is known.
    """
    told = _REST.fullmatch(reason.have) if reason.cause in _RESTS else None
    cause = _NAMED.get(told["cause"]) if told else None
    if told is None or cause is None:
        return None
    whole = _remembered(reason, cause, plan) if plan is not None else None
    found = whole or Reason(cause, have=told["text"])
    return msgspec.structs.replace(found, member=reason.member, node_group=reason.node_group, at=reason.at)


def rest(reason: Reason) -> str:
    """How often it failed and when it is tried again: "3 failures in a row, opens in 540 s"; "" for other reasons."""
    told = _REST.fullmatch(reason.have) if reason.cause in _RESTS else None
    if told is None:
        return ""
    count = told["count"]
    failures = "1 failure" if count == "1" else f"{count} failures in a row"
    return f"{failures}, {reason.need}" if reason.need else failures


def _remembered(reason: Reason, cause: Cause, plan: Plan) -> Reason | None:
    start = f"{reason.member}/{reason.node_group}/"
    failures = [
        pair.last_failure for key, pair in plan.memory.pairs.items() if key.startswith(start) and pair.last_failure
    ]
    return next((failure for failure in failures if failure.cause is cause), None)
