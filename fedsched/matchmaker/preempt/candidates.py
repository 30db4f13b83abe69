"""Startds as victims: what each is worth, to whom it counts, how young it is (PR4); not who may take it from them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.model import Claim, Held, Policy
from fedsched.matchmaker.preempt.land import nodes_of
from fedsched.matchmaker.preempt.wishes import Sized
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.share import path_of
from fedsched.matchmaker.share.accounts import claim_amount

CONSIDERED = frozenset({"starting", "unclaimed", "claimed"})
"""Phases of a startd that may be told to go; an intention holds no room yet, what leaves is told already."""


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A startd, or the copy of a user's Job, that may be asked for its room.

    nodes: where its pods are, with how many there; {"": 0} while it has no node. losses: (principal's path, thousandths
    of a core-equivalent) that its going costs each. lost: work lost, in milli-core seconds. priority: highest job
    priority on it. young: seconds until it is no longer protected, 0 when it is not. cost: cheapest first (PR4):
    unclaimed, then least work lost, then youngest; the id makes it one order.
    """

    stand: Standing
    nodes: dict[str, int]
    losses: tuple[tuple[str, int], ...]
    lost: int
    priority: int
    young: float
    cost: tuple[bool, int, float, str]

    @property
    def id(self) -> str:
        """The placement's id."""
        return self.stand.held.placement.id

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Who is on it now."""
        return tuple(claim for slot in self.stand.slots for claim in slot.claims)


def serving(standing: Iterable[Standing]) -> list[Standing]:
    """Startd Jobs that serve, and users' Jobs; a DaemonSet is decided per node group, never here."""
    return [stand for stand in standing if _serves(stand.held)]


def _serves(held: Held) -> bool:
    serves = held.wanted == "run" and held.failure is None and held.phase in CONSIDERED
    return serves and held.placement.form != "startd-daemonset"


def candidates(stands: Iterable[Standing], sizes: Sized, policy: Policy, at: float) -> list[Candidate]:
    """Those who serve, cheapest first. A Job of several pods goes as a whole, and frees all its nodes."""
    return sorted((_candidate(stand, sizes, policy, at) for stand in stands), key=lambda one: one.cost)


def losses(stand: Standing, sizes: Sized) -> dict[str, int]:
    """What a startd counts to each principal (FS5): claims to who claims, the rest to who asked for the startd."""
    found: dict[str, int] = {}
    for slot in stand.slots:
        for claim in slot.claims:
            path = path_of(claim.principal)
            found[path] = found.get(path, 0) + sizes.of(claim_amount(claim, slot))
    placement = stand.held.placement
    rest = sizes.of(placement.size) * stand.held.nodes - sum(found.values())
    if rest > 0:
        path = path_of(placement.principal)
        found[path] = found.get(path, 0) + rest
    return found


def _candidate(stand: Standing, sizes: Sized, policy: Policy, at: float) -> Candidate:
    held = stand.held
    claims = [claim for slot in stand.slots for claim in slot.claims]
    lost = sum(int(max(0.0, at - claim.since)) * claim.cpu_milli for claim in claims)
    return Candidate(
        stand=stand,
        nodes=nodes_of(stand) or {"": 0},
        losses=tuple(sorted(losses(stand, sizes).items())),
        lost=lost,
        priority=max((claim.priority for claim in claims), default=held.placement.priority),
        young=_young(stand, [claim.since for claim in claims], policy, at),
        cost=(held.claims > 0, lost, -held.placement.created_at, held.placement.id),
    )


def _young(stand: Standing, since: list[float], policy: Policy, at: float) -> float:
    """Seconds of protection left: since its oldest claim; one that nobody claims keeps its first refusal, no longer.

    A startd that may go on for retire_s before it is vacated needs only the rest of its protection.
    """
    protect_s, placement = policy.preemption.protect_s, stand.held.placement
    if not since and not stand.held.claims:
        return max(0.0, placement.created_at + min(protect_s, placement.first_refusal_s) - at)
    if policy.preemption.way == "leave":
        protect_s -= placement.retire_s
    oldest = min(since, default=stand.held.claimed_at or placement.created_at)
    return max(0.0, oldest + protect_s - at)
