"""What became of all placements of a run: written, claimed, never claimed and why, and what they cost."""

from __future__ import annotations

from collections import Counter, defaultdict

from fedsched.matchmaker.model import Held, Plan

HOUR_S = 3600.0


class Placed:
    """Follows placements; of those that are gone only sums are kept."""

    def __init__(self) -> None:
        self._standing: dict[str, Held] = {}
        self._at = 0.0
        self._written = 0
        self._claimed = 0
        self._never: Counter[str] = Counter()
        self._cost: defaultdict[str, float] = defaultdict(float)

    def see(self, plan: Plan) -> None:
        """Take note of one cycle."""
        self._at = plan.at
        now = {held.placement.id: held for held in plan.held}
        for key, held in self._standing.items():
            if key not in now:
                self._settle(held)
        self._standing = now

    @property
    def written(self) -> int:
        """Placements whose object came to be."""
        return self._written + sum(held.written_at is not None for held in self._standing.values())

    @property
    def claimed(self) -> int:
        """Those of them that somebody used."""
        return self._claimed + sum(held.claimed_at is not None for held in self._standing.values())

    @property
    def never_claimed(self) -> dict[str, int]:
        """Those that nobody used so far, by cause."""
        found = self._never.copy()
        found.update(_cause(held) for held in self._standing.values() if _unused(held))
        return dict(sorted(found.items()))

    @property
    def cost(self) -> dict[str, float]:
        """By member, in the federation's currency: from a pod's start to its end, or to now."""
        found = self._cost.copy()
        for held in self._standing.values():
            found[held.placement.member] += _cost(held, self._at)
        return {member: paid for member, paid in sorted(found.items()) if paid > 0}

    def _settle(self, held: Held) -> None:
        self._written += held.written_at is not None
        self._claimed += held.claimed_at is not None
        if _unused(held):
            self._never[_cause(held)] += 1
        self._cost[held.placement.member] += _cost(held, self._at)


def _unused(held: Held) -> bool:
    return held.written_at is not None and held.claimed_at is None


def _cause(held: Held) -> str:
    why = held.failure or held.why
    return str(why.cause) if why is not None else "unknown"


def _cost(held: Held, at: float) -> float:
    if held.pod_started_at is None:
        return 0.0
    end = held.since if held.phase == "gone" else at
    return held.placement.price_per_hour * max(0.0, end - held.pod_started_at) / HOUR_S
