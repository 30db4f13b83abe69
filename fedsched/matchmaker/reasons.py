"""Why: one typed, numeric cause for every decision and every non-decision (RE1, RE3), and its sentence.

What lives here says causes; what finds them lives beside the rule that found it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Cause(StrEnum):
    """Every cause that fedsched can name. The comment says which rule speaks."""

    # why a class cannot run on a group: "never" (MA3)
    REQUIREMENTS = "requirements"  # MA1 the job's Requirements are not true of the predicted slot
    NODE_TOO_SMALL = "node-too-small"  # MA1 an empty node of the group is too small
    FORM_REFUSED = "form-refused"  # MA1 the member allows no form that we could use
    PRINCIPAL_REFUSED = "principal-refused"  # MA1 the member does not admit the principal
    IMAGE_REFUSED = "image-refused"  # MA1 the member does not admit the image
    TAINTED = "tainted"  # MA1 the group's nodes carry a taint that the member's file does not tolerate
    TOO_LONG = "too-long"  # SU2 the job outlives the longest startd of the member
    NO_NODE_GROUPS = "no-node-groups"  # the member has no node that we may use
    NAMESPACE_REFUSED = "namespace-refused"  # MA1 the member does not take Jobs of that namespace of the queue
    OBJECT_MISSING = "object-missing"  # MA1 what the Job's pods name is not in the member's namespace, nor copied there
    FIELD_REFUSED = "field-refused"  # MA1 only the member's file could allow that field of the pods, and does not
    TOO_MANY_PODS = "too-many-pods"  # MA1 an empty node group does not hold all pods of the Job at once
    EXPRESSION_REFUSED = "expression-refused"  # MA4 the gate refused the expression
    ADMISSION_REFUSED = "admission-refused"  # S4 the member's admission refused this shape before
    # why not while an operator says so
    CORDONED = "cordoned"
    NODES_CORDONED = "nodes-cordoned"
    OBSERVE_ONLY = "observe-only"  # OW3
    PAUSED = "paused"
    DENIED = "denied"  # OW3
    DRAINING = "draining"
    # why not now
    NO_ROOM = "no-room"  # MA2
    FRAGMENTED = "fragmented"  # P9 the nodes of one group have enough together, none has alone
    QUOTA_FULL = "quota-full"  # S4 the namespace's ResourceQuota
    CEILING_REACHED = "ceiling-reached"  # the member file's ceiling
    TRIAL_FULL = "trial-full"  # OW3
    LEAVE_FREE = "leave-free"  # OW3
    RAMP = "ramp"  # SU3
    TRUST = "trust"  # SU7
    PROBING = "probing"  # MA6 one probe startd is out for this pair
    MEMBER_SILENT = "member-silent"  # FA1
    MEMBER_LOST = "member-lost"  # FA1
    CREDENTIAL = "credential"  # FA2 a 401
    FROZEN = "frozen"  # FA2
    STALE = "stale"  # S6
    BUDGET = "budget"  # FA9
    BACKING_OFF = "backing-off"  # X8 placements of this kind failed there lately
    SCHEDD_STALE = "schedd-stale"  # D1 the demand is older than the limit
    GROUP_LIMIT = "group-limit"  # FS1
    GROUP_QUOTA = "group-quota"  # FS1 a quota that accepts no surplus is also the ceiling
    GROUP_BORROW = "group-borrow"  # FS1 it holds its quota and all that it may borrow
    NOT_LENT = "not-lent"  # FS1 what is left belongs to a group that does not lend it
    PRINCIPAL_CEILING = "principal-ceiling"  # FS1
    CONCURRENCY_LIMIT = "concurrency-limit"  # Q7
    SUPPLY_ON_ITS_WAY = "supply-on-its-way"  # SU2 startds for it are starting or unclaimed
    LEAKED = "leaked"  # FS8 max_leak
    NOT_MATERIALISED = "not-materialised"  # MA7
    ABOVE_SHARE = "waiting-for-share"  # PR2 it holds what it has a right to; others are below theirs
    NO_VICTIMS = "no-victims"  # PR4 nobody who must yield holds room where the class could run
    PROTECTED = "protected"  # PR4 whoever must yield is younger than protect_s
    EVICTION_RATE = "eviction-rate"  # PR5 so many evictions per minute and member
    ROOM_ON_ITS_WAY = "room-on-its-way"  # PR3 an eviction was made for it and is not over
    TIER_CLOSED = "tier-closed"  # SU4 lower tiers are not full for long enough
    TIER_WINDOW = "tier-window"  # SU4 not at this hour or date
    BUDGET_SPENT = "budget-spent"  # SU4 of a tier or a group
    FAILING_FAST = "failing-fast"  # X8 this class failed there fast, several times in a row
    COPY_MAY_RUN = "copy-may-run"  # FA4 a copy of the Job may still run at a member that does not answer
    REBUILDING = "rebuilding"  # FA7 the journal is younger than the Job, and not every member was seen since
    HELD = "held"  # a person holds the Job, or its owner suspended it
    GROWTH_ASKED = "growth-asked"  # S7 another member is asked to grow for this class
    # why something was done
    DEMAND = "demand"  # placed for unmet demand
    PROBE = "probe"  # MA6
    IDLE = "idle"  # SU5 unclaimed for longer than idle_s
    DEMAND_GONE = "demand-gone"  # SU5 pending without demand
    EXPIRED = "expired"  # FA4
    RETIRED = "retired"  # end of its life
    OWNER = "owner"  # OW2 a pod of the member's own needs the node
    ORDERED = "ordered"  # a person asked: drain, unjoin
    PREEMPTED = "preempted"  # PR8 another principal, or a job of higher priority, has the better right
    FINISHED = "finished"
    WITHDRAWN = "withdrawn"  # its Job was deleted, suspended, held or cancelled in its queue
    REVIVED = "revived"  # FA7 a second copy of a Job, or one of a Job that is over: a member's older state came back
    ORPHAN = "orphan"  # FA7
    SUPERSEDED = "superseded"  # an older epoch
    # why a placement failed
    IMAGE_PULL = "image-pull"
    POD_REFUSED = "pod-refused"  # the Job exists, admission refuses its pod
    PENDING_TOO_LONG = "pending-too-long"  # X9
    NEVER_JOINED = "never-joined"  # FA8 the pod ran, its slot was never seen: bad token, closed path
    PROBE_FAILED = "probe-failed"  # the member's probe script said no
    CRASHED = "crashed"  # the startd ended with an error
    POD_LOST = "pod-lost"  # killed hard, node gone
    VANISHED = "vanished"  # a Job's copy is gone and its end was not seen: never run again by itself
    WRITE_REFUSED = "write-refused"  # 403 and kin
    FOREIGN_OBJECT = "foreign-object"  # L5 the name is taken by somebody else's object


class Verdict(StrEnum):
    """The answers to "can this class run there" (MA3), from worst to best."""

    NEVER = "never"
    CORDONED = "not while cordoned"
    NOT_NOW = "not now"
    NOW = "now"


VERDICT_ORDER = {Verdict.NEVER: 0, Verdict.CORDONED: 1, Verdict.NOT_NOW: 2, Verdict.NOW: 3}

CORDONS = frozenset(
    {Cause.CORDONED, Cause.NODES_CORDONED, Cause.OBSERVE_ONLY, Cause.PAUSED, Cause.DENIED, Cause.DRAINING}
)
NEVERS = frozenset(
    {
        Cause.REQUIREMENTS,
        Cause.NODE_TOO_SMALL,
        Cause.FORM_REFUSED,
        Cause.PRINCIPAL_REFUSED,
        Cause.IMAGE_REFUSED,
        Cause.TAINTED,
        Cause.TOO_LONG,
        Cause.NO_NODE_GROUPS,
        Cause.NAMESPACE_REFUSED,
        Cause.OBJECT_MISSING,
        Cause.FIELD_REFUSED,
        Cause.TOO_MANY_PODS,
        Cause.EXPRESSION_REFUSED,
        Cause.ADMISSION_REFUSED,
    }
)


class Reason(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One cause with its numbers.

    what: the resource, attribute, quota or object it is about. need, have: as shown to a person, units included.
    source: where the number comes from ("quota compute-small", "node group big"). at: epoch seconds of the number,
    None where it has no age (a rule, a setting).
    """

    cause: Cause
    what: str = ""
    need: str = ""
    have: str = ""
    member: str = ""
    node_group: str = ""
    source: str = ""
    at: float | None = None

    @property
    def verdict(self) -> Verdict:
        """Which of the answers of MA3 this cause gives."""
        if self.cause in NEVERS:
            return Verdict.NEVER
        return Verdict.CORDONED if self.cause in CORDONS else Verdict.NOT_NOW
