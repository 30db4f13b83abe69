"""What a policy says about who gets how much: accounting groups, principals, memory of use, reservations."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.matchmaker.resources import Resources

Judge = Literal["mirror", "drive", "ignore"]
"""What a pool's own negotiator is to us (FS8): `mirror` reads its groups and factors, `drive` sets them."""


class Group(msgspec.Struct, frozen=True):
    """One accounting group of the tree (FS1); `path` is dotted: "physics.hep" lies in "physics".

    weight: relative to its siblings; None: the core-equivalents of its quota, or 1 without one.
    quota: the floor, for the resources in `quota_names`. quota_fraction: the floor as a part (0..1) of its parent's
    quota, of lent capacity for a top group, once vectors beside it are taken off; 0 for none. limit: the ceiling, for
    those in `limit_names`.
    accept_surplus: may hold more than its quota when others leave some; without it the quota is also the ceiling.
    lend: part (0..1) of its unused quota that others may use. borrow: most that it may hold above its quota, in
    core-equivalents; None for no bound (only read with accept_surplus).
    budget: most that its placements may cost in `budget_window_s` seconds, in the federation's currency; 0 for none.
    """

    path: str
    weight: float | None = None
    quota: Resources = Resources()
    quota_names: frozenset[str] = frozenset()
    quota_fraction: float = 0.0
    limit: Resources = Resources()
    limit_names: frozenset[str] = frozenset()
    accept_surplus: bool = False
    lend: float = 1.0
    borrow: float | None = None
    budget: float = 0.0
    budget_window_s: float = 604_800.0

    @property
    def has_quota(self) -> bool:
        """Whether a floor is set at all; without one the group shares by weight alone."""
        return bool(self.quota_names) or self.quota_fraction > 0


class PrincipalTerms(msgspec.Struct, frozen=True):
    """What a policy says of principals whose "group.user@domain" matches the glob `pattern`; the first match counts.

    factor: HTCondor's priority factor, relative to others'. floor, ceiling: least and most that the principal holds
    while it wants it, in core-equivalents; 0 for none.
    """

    pattern: str
    factor: float = 1.0
    floor: float = 0.0
    ceiling: float = 0.0


class Reservation(msgspec.Struct, frozen=True):
    """A dated window in which a group's floor is another one (Q10); times are epoch seconds."""

    group: str
    begins_at: float
    ends_at: float
    name: str = ""
    quota: Resources = Resources()
    quota_names: frozenset[str] = frozenset()
    quota_fraction: float = 0.0


class ConcurrencyLimit(msgspec.Struct, frozen=True, order=True):
    """At most so many units of a licence, database or path may be in use over all members (Q7)."""

    name: str
    units: int


class Sharing(msgspec.Struct, frozen=True):
    """How use is measured and remembered.

    half_life_s: of usage (FS3). slot_weight: ClassAd expression over a slot ad for the size of a request ("Cpus" as in
    HTCondor); "" for dominant share (FS2). reference: totals that dominant shares are measured against, for the
    resources in `reference_names`; none: the 30-day mean of lent capacity.
    smoothing_s: half-life with which lent capacity is smoothed. free_idle_s: unclaimed longer than this is wasted
    (FS5); waste_weight: how much of what is wasted is charged to the group that asked.
    low_use, low_use_factor: a principal that used less than this part of what it held has its factor multiplied so
    (Q9); factor 1 for no penalty.
    """

    half_life_s: float = 86_400.0
    slot_weight: str = ""
    reference: Resources = Resources()
    reference_names: frozenset[str] = frozenset()
    smoothing_s: float = 300.0
    free_idle_s: float = 120.0
    waste_weight: float = 1.0
    low_use: float = 0.4
    low_use_factor: float = 1.0


class Preemption(msgspec.Struct, frozen=True):
    """Who may be evicted for whom (PR1-PR7).

    mode: `never`; `reclaim`: only a floor's owner takes back what borrowers hold (PR7); `fair`: who is below
    entitlement also takes from who is above (PR2). way: how a claimed victim goes (PR5). protect_s: no victim younger
    than this since its oldest running claim when it is vacated (with `leave`: retire_s later). by_priority: within one
    principal higher job priority may evict (PR6).
    requirements, rank: ClassAd expressions over (MY: victim's slot, TARGET: the preempting job), as HTCondor's
    PREEMPTION_REQUIREMENTS and PREEMPTION_RANK; "" for none.
    wait_s: so long an eviction's room is waited for before another may be made for the same job (PR3).
    """

    mode: Literal["never", "reclaim", "fair"] = "fair"
    way: Literal["vacate", "leave"] = "leave"
    protect_s: float = 600.0
    by_priority: bool = False
    requirements: str = ""
    rank: str = ""
    wait_s: float = 1_800.0


class PoolTerms(msgspec.Struct, frozen=True):
    """What fedsched.toml says of one pool as decisions read it."""

    name: str
    negotiator: Judge = "mirror"


class GroupSeen(msgspec.Struct, frozen=True):
    """An accounting group as a negotiator has it: quota in weighted slots, or as a fraction of its parent's."""

    path: str
    quota: float = 0.0
    quota_fraction: float = 0.0
    accept_surplus: bool = False


class SubmitterSeen(msgspec.Struct, frozen=True):
    """A submitter as a negotiator has it: `name` is "group.user@domain". floor, ceiling: weighted slots, 0 for none.

    usage: its real user priority. held: weighted slots that it holds now.
    """

    name: str
    factor: float = 1.0
    floor: float = 0.0
    ceiling: float = 0.0
    usage: float = 0.5
    held: float = 0.0


class NegotiatorView(msgspec.Struct, frozen=True):
    """A pool's negotiator as last seen; seen_at None before the first answer, error: why the last question failed.

    refused: why it did not take what we last told it, "" when it did or nothing was told.
    """

    seen_at: float | None = None
    error: str = ""
    refused: str = ""
    half_life_s: float = 86_400.0
    groups: tuple[GroupSeen, ...] = ()
    submitters: tuple[SubmitterSeen, ...] = ()


class Drift(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that the policy wants otherwise than a pool's negotiator has it (FS8)."""

    pool: str
    what: str
    wanted: str
    have: str


class ShareLine(msgspec.Struct, frozen=True, gc=False):
    """How one node of the tree stands in one cycle (Q11); amounts are thousandths of a core-equivalent.

    path: "" for the root, "physics.hep" for a group, "physics.hep/alice@b" for a principal. entitled: what it has a
    right to now (0 without demand). floor: part of it that nobody may take. held: counted (FS5). charged: claimed.
    wasted: unclaimed for too long. demand: held and wanted. usage: real priority in core-equivalents (FS3), factor and
    weight as applied; rank: 1 for the lowest level among principals with demand, 0 without.
    """

    path: str
    parent: str = ""
    entitled: int = 0
    floor: int = 0
    held: int = 0
    charged: int = 0
    wasted: int = 0
    demand: int = 0
    usage: float = 0.0
    factor: float = 1.0
    weight: float = 1.0
    rank: int = 0

    @property
    def level(self) -> float:
        """Held by entitlement; infinite where something is held without any right, 0 where nothing is."""
        if self.held <= 0:
            return 0.0
        return self.held / self.entitled if self.entitled > 0 else float("inf")


class LedgerEntry(msgspec.Struct, frozen=True, gc=False):
    """A principal's account over all members and pools (FS3, FS5), as of `at` (epoch seconds).

    usage: decayed mean of what it was charged, in core-equivalents, without the floor of 0.5. wasted: the same of what
    nobody claimed. worked: the same of what its jobs really used. core_s: core-equivalent seconds charged in all.
    shortfall_s: integral of (entitled - held) while it had demand, in core-equivalent seconds, decayed (N4).
    claims: (slot, thousandths of a core-equivalent) charged at the last look, so that an end between two looks is
    charged to its end.
    """

    usage: float = 0.0
    at: float = 0.0
    wasted: float = 0.0
    worked: float = 0.0
    core_s: float = 0.0
    shortfall_s: float = 0.0
    claims: tuple[tuple[str, int], ...] = ()
