"""Memory: what the matchmaker must know between cycles: in with the snapshot, out with the plan, journalled."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.matchmaker.model.jobs import JobStatus
from fedsched.matchmaker.model.placed import Placement
from fedsched.matchmaker.model.shares import Drift, LedgerEntry
from fedsched.matchmaker.model.spikes import Breaker, Spending, SurgeMemory, TierState
from fedsched.matchmaker.reasons import Reason
from fedsched.matchmaker.resources import Resources

Phase = Literal["intended", "starting", "unclaimed", "claimed", "leaving", "gone"]
Wanted = Literal["run", "leave", "vacate", "withdraw", "clear"]
HealthState = Literal["ready", "slow", "unreachable", "lost"]


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A place that was considered for a placement: its rank (MA5), and what held it back, "" for nothing."""

    member: str
    node_group: str
    rank: float = 0.0
    blocker: str = ""


class Held(msgspec.Struct, frozen=True, gc=False):
    """A placement and how it stands; the plan is a list of these.

    phase: what is so. wanted: what should be (run: exist and serve; leave: take no new work, finish, go; vacate: go
    now; withdraw: it is pending and no longer wanted; clear: it is over, remove the object). since: epoch seconds in
    this phase. written_at: when the member confirmed the object, None before. slot_seen_at: when its first ad was
    seen. claimed_at: first claim. last_claimed_at: when a claim was last seen. unclaimed_since: see SlotView.
    nodes: pods of a DaemonSet or of a Job at once; 1 otherwise. nodes_wanted: single nodes that a DaemonSet must give
    up: (node, leave or vacate). why: of `wanted`. failure: why it failed; None when it did not.
    """

    placement: Placement
    phase: Phase
    since: float
    wanted: Wanted = "run"
    why: Reason | None = None
    uid: str = ""
    written_at: float | None = None
    pod_started_at: float | None = None
    slot_seen_at: float | None = None
    claimed_at: float | None = None
    last_claimed_at: float | None = None
    unclaimed_since: float | None = None
    leave_ordered_at: float | None = None
    nodes: int = 1
    nodes_wanted: tuple[tuple[str, Literal["leave", "vacate"]], ...] = ()
    claimed_cpu_milli: int = 0
    claims: int = 0
    adopted: bool = False
    failure: Reason | None = None
    yields_to: str = ""
    """Key of the class that it was evicted for: its room is on the way to that class (PR3)."""
    yields_at: float = 0.0
    """When it was evicted for that class, epoch seconds."""
    yields_with: str = ""
    """Id of the first of the placements that make room for the same job together; its own where it does so alone."""
    yields_room: Resources = Resources()
    """What the one startd needs that they make room for together, its pod's overhead included (PR3)."""
    candidates: tuple[Candidate, ...] = ()
    """The best places that were open to it when it was placed, best first (E5)."""
    job_started_at: float | None = None
    """startTime of a Job's copy, by the member's clock: its deadline counts from it (FA4)."""
    ended: JobStatus | None = None
    """How a Job's copy ended; kept until its queue was told, whatever becomes of the copy."""
    unanswered: bool = False
    """A POST of a Job's copy had no answer: it may have been carried out, whatever a later one was answered."""


class MemberMemory(msgspec.Struct, frozen=True, gc=False):
    """A member's health (FA1) and what was learnt of it; timers are anchored here and survive a restart.

    good_at: last good contact. good_reads: good contacts in a row. contact_seen: time of the last contact that was
    counted. silent_for_s: seconds of silence that we witnessed. refusals: shapes that its
    admission refused (S4): (what, reason), newest last. evictions: epoch seconds of the last evictions (FA9).
    starts: the last start-up times there, written to running, in seconds, newest last (X9).
    lent: smoothed lent capacity, (resource, amount), as of lent_at (FS1).
    """

    state: HealthState = "ready"
    since: float = 0.0
    good_at: float | None = None
    good_reads: int = 0
    contact_seen: float = 0.0
    silent_for_s: float = 0.0
    unauthorized: bool = False
    refusals: tuple[tuple[str, Reason], ...] = ()
    evictions: tuple[float, ...] = ()
    starts: tuple[float, ...] = ()
    lent: tuple[tuple[str, float], ...] = ()
    lent_at: float = 0.0


class PairMemory(msgspec.Struct, frozen=True, gc=False):
    """What is known of startds of one image on one (member, node group): learnt slot attributes (MA6), failures (X8).

    attributes: static attributes of the last real slot seen there; () before the first. failed_classes: keys of those
    whose startds failed in a row there, at most two.
    """

    attributes: tuple[tuple[str, str], ...] = ()
    seen_at: float | None = None
    failures: int = 0
    last_failure: Reason | None = None
    closed_until: float = 0.0
    failed_classes: tuple[str, ...] = ()


class Ramping(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Growth of one class (SU3): allowed up to `allowance` until `until`, of which `used` are spent."""

    allowance: int
    until: float
    used: int = 0


class Trust(msgspec.Struct, frozen=True, gc=False):
    """What a (schedd, principal) earned (SU7): claimed lately, and whether the last ones went unclaimed."""

    claimed: int = 0
    unclaimed: int = 0
    at: float = 0.0


class Order(msgspec.Struct, frozen=True):
    """A standing order of a person, from the journal: cordon, drain, pause, deny; with its mandatory reason.

    target: a member's name, "*" for all, or for deny a pattern over principals and schedds. deadline_at: for drain,
    after which what is left is vacated; None for no end. hold, cancel, prio: of one Job of a queue, whose uid is the
    target; value: the priority that prio gives.
    """

    kind: Literal["cordon", "drain", "pause", "deny", "hold", "cancel", "prio"]
    target: str
    reason: str
    by: str = ""
    at: float = 0.0
    deadline_at: float | None = None
    value: int = 0


class Memory(msgspec.Struct, frozen=True):
    """All of it. `serial` numbers placements and only grows. `frozen_since`: FA2. Keys of the maps are sorted.

    pairs: by "member/node group/image". ramps: by class key. trust: by "schedd/principal". drops: by class key, the
    schedd's number of good reads when the class first asked for less than it has (a drop counts after two, SU7).
    ledger: by principal's path. reference: 30-day mean of lent capacity, (resource, amount), as of reference_at (FS2),
    observed since reference_since.
    breakers: by "class key|member". spending: by "tier/NAME" and "group/PATH". tiers: by name. drift: as last told.
    since: when this memory began, epoch seconds: of what was before only the members can tell.
    """

    cycle: int = 0
    serial: int = 0
    at: float = 0.0
    frozen_since: float | None = None
    held: tuple[Held, ...] = ()
    members: dict[str, MemberMemory] = {}
    pairs: dict[str, PairMemory] = {}
    ramps: dict[str, Ramping] = {}
    trust: dict[str, Trust] = {}
    drops: dict[str, int] = {}
    ledger: dict[str, LedgerEntry] = {}
    reference: tuple[tuple[str, float], ...] = ()
    reference_at: float = 0.0
    reference_since: float = 0.0
    breakers: dict[str, Breaker] = {}
    spending: dict[str, Spending] = {}
    tiers: dict[str, TierState] = {}
    surge: SurgeMemory = SurgeMemory()
    drift: tuple[Drift, ...] = ()
    since: float = 0.0
