"""Load spikes: what a policy says of tiers and budgets, and what is remembered of a spike (SU1, SU4, SU6)."""

from __future__ import annotations

import math

import msgspec

ENOUGH_STARTS = 3
"""So many start-up times must be known of a member before its own limit counts (X9)."""


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a tier may be used: between two dates (epoch seconds, None for open) and hours of the day in UTC.

    hours: (first, last) hour of the day, last excluded; (20, 6) goes over midnight; None for the whole day.
    """

    begins_at: float | None = None
    ends_at: float | None = None
    hours: tuple[int, int] | None = None


class Tier(msgspec.Struct, frozen=True):
    """Places that open in order of `order`, lowest first, each when all before it are full for `dwell_s` (SU4).

    members: globs over member names; where: ClassAd expression over the predicted slot ad ("" for true). budget: most
    that it may cost in `budget_window_s` seconds, in the federation's currency; 0 for none.
    """

    name: str
    order: int = 0
    members: tuple[str, ...] = ("*",)
    where: str = ""
    budget: float = 0.0
    budget_window_s: float = 604_800.0
    dwell_s: float = 0.0
    windows: tuple[Window, ...] = ()


class SurgeTerms(msgspec.Struct, frozen=True):
    """When a spike begins and ends (SU1), judged on usable unmet demand in core-equivalents.

    A spike begins when it was at least `on` for `on_s` seconds, and ends when it was at most `off` for `off_s`.
    max_leak: replacements per spike for startds of a class that others claimed (FS8).
    keep_reports: how many ended spikes are remembered.
    """

    on: float = 16.0
    on_s: float = 60.0
    off: float = 0.0
    off_s: float = 300.0
    max_leak: int = 10
    keep_reports: int = 20


class Breaking(msgspec.Struct, frozen=True):
    """When a (class, member) is closed (X8): so many failures in a row within `fast_s` of the start, for `open_s`.

    After that one startd tries (half-open); a failure closes it twice as long, a claim opens it.
    """

    failures: int = 5
    fast_s: float = 300.0
    open_s: float = 600.0


class Pending(msgspec.Struct, frozen=True):
    """How long a placement may stay pending (X9): `times` the learnt start-up time there, within the two bounds.

    Never shorter than what a growing cluster needs to bring a node.
    """

    times: float = 3.0
    least_s: float = 120.0
    most_s: float = 1_800.0

    def limit_s(self, starts: tuple[float, ...], fallback_s: float, grow_s: float = 0.0) -> float:
        """Seconds that a placement may stay pending where start-up took `starts` so far (seconds, any order).

        fallback_s: where too few are known. grow_s: what a new node takes, 0 where no node has to come.
        """
        limit = fallback_s
        if len(starts) >= ENOUGH_STARTS:
            slow = sorted(starts)[math.ceil(0.95 * len(starts)) - 1]
            limit = min(self.most_s, max(self.least_s, self.times * slow))
        return max(limit, grow_s + self.least_s) if grow_s > 0 else limit


class Breaker(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of fast failures of one class on one member: in a row, and how long it is closed.

    trying: its one startd after a rest is out and neither failed nor claimed yet. last_at: of the last failure.
    """

    failures: int = 0
    closed_until: float = 0.0
    last: str = ""
    trips: int = 0
    trying: bool = False
    last_at: float = 0.0


class Spending(msgspec.Struct, frozen=True):
    """What one budget has paid in its present window: `spent` in currency since `window_at` (epoch seconds).

    paid: (placement id, epoch seconds up to which it is paid) of what still runs.
    """

    window_at: float = 0.0
    spent: float = 0.0
    at: float = 0.0
    paid: tuple[tuple[str, float], ...] = ()


class TierState(msgspec.Struct, frozen=True):
    """Whether a tier is open, since when, and since when everything before it is full (None while it is not).

    wanted_at: when unmet demand that found no room in lower tiers could last use it. at: when this was so.
    """

    open: bool = False
    since: float = 0.0
    full_since: float | None = None
    wanted_at: float = 0.0
    at: float = 0.0


class Spike(msgspec.Struct, frozen=True):
    """One spike and its report (SU6). Times are epoch seconds, None before they happened; amounts core-equivalents.

    peak: most usable unmet demand. added: placements made. claimed: of these, claimed at least once. never_claimed:
    (cause, placements) of those that ended without a claim. cost: currency. unclaimed_s: (member, cause, pod-seconds)
    never claimed (N3). first_claim_s: from begin to the first claim of something added. zero_at: when nothing that was
    added existed any more. leaks: (class key, startds that others claimed). open_ids: placements added, still there.
    """

    id: str
    began_at: float
    ended_at: float | None = None
    zero_at: float | None = None
    peak: float = 0.0
    added: int = 0
    claimed: int = 0
    never_claimed: tuple[tuple[str, int], ...] = ()
    cost: float = 0.0
    unclaimed_s: tuple[tuple[str, str, float], ...] = ()
    first_claim_s: float | None = None
    leaks: tuple[tuple[str, int], ...] = ()
    open_ids: tuple[str, ...] = ()


class SurgeMemory(msgspec.Struct, frozen=True):
    """above_since, below_since: since when the unmet demand is over `on` or under `off`; None while it is not.

    spikes: the present one (ended_at None) and those whose objects or reports are kept, oldest first. highest: most
    unmet demand since above_since.
    """

    above_since: float | None = None
    below_since: float | None = None
    spikes: tuple[Spike, ...] = ()
    serial: int = 0
    highest: float = 0.0
