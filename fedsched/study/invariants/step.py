"""What is looked at: one write as it reached a member, and one cycle as it was written down, beside the true world."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from fedsched.journal import Recorded
from fedsched.matchmaker.match import footprint
from fedsched.matchmaker.model import (
    Change,
    Held,
    InvalidateAds,
    MemberTerms,
    MemberView,
    ObjectView,
    Outcome,
    Plan,
    Policy,
    SetSubmitter,
)
from fedsched.matchmaker.resources import Resources
from fedsched.sim.world import SimWorld
from fedsched.study.invariants.past import Journaled, World
from fedsched.study.invariants.truth import Target

OPEN = frozenset({"intended", "starting", "unclaimed"})
SERVING = frozenset({*OPEN, "claimed"})
REACHED = frozenset({"ok", "forbidden", "unauthorized"})


@dataclass(frozen=True)
class Write:
    """One change that reached the world. epoch: of the process that tried it. target: what it is done to, as it was.

    intended: whether the journal held an open intent for it. stopped: whether this process met a higher epoch before.
    known: uids of the objects that its journal knew by then.
    """

    change: Change
    outcome: Outcome
    epoch: int
    at: float
    target: Target | None
    intended: bool
    stopped: bool
    world: SimWorld
    past: World
    known: frozenset[str] = frozenset()

    @property
    def member(self) -> str:
        """The member that it is written to; "" for what goes to a pool, whatever member it is about."""
        return "" if isinstance(self.change, InvalidateAds | SetSubmitter) else self.change.member


@dataclass
class Step:
    """One cycle: what was known, what was decided, what the journal holds, and what is really so.

    policy, terms: those that the loop decides with. epoch: of the process. past, before: what earlier steps left.
    """

    recorded: Recorded
    world: SimWorld
    policy: Policy
    terms: dict[str, MemberTerms]
    past: World
    before: Journaled

    @property
    def plan(self) -> Plan:
        """The plan of this cycle."""
        return self.recorded.plan

    @property
    def at(self) -> float:
        """The time of the decision, as its clock told it."""
        return self.recorded.plan.at

    @cached_property
    def known(self) -> dict[str, Held]:
        """What memory held before the decision, by id."""
        return {held.placement.id: held for held in self.recorded.snapshot.memory.held}

    @cached_property
    def new(self) -> tuple[Held, ...]:
        """What this cycle decided to place."""
        return tuple(h for h in self.plan.held if not h.adopted and h.placement.id not in self.known)

    @cached_property
    def new_at(self) -> dict[str, list[Held]]:
        """The same by member."""
        return _by_member(self.new)

    @cached_property
    def held_at(self) -> dict[str, list[Held]]:
        """All that the plan holds and that is not over, by member."""
        return _by_member(held for held in self.plan.held if held.phase != "gone")

    @cached_property
    def views(self) -> dict[str, MemberView]:
        """Members as they were seen."""
        return {view.name: view for view in self.recorded.observation.members}

    @cached_property
    def objects(self) -> dict[tuple[str, str], ObjectView]:
        """Objects of ours as they were seen, by (member, placement id); forgeries under other names left out."""
        seen = self.recorded.observation.objects
        return {(o.member, o.placement_id): o for o in seen if o.placement and o.placement.object_name == o.name}

    @cached_property
    def lost(self) -> frozenset[str]:
        """Members that are given up."""
        return frozenset(name for name, memory in self.plan.memory.members.items() if memory.state == "lost")

    def full(self, held: Held) -> Resources:
        """What one pod of it asks for: a user's Job's just what it says."""
        terms = self.terms.get(held.placement.member)
        return footprint(held.placement, terms) if terms else held.placement.size


def _by_member(some: Iterable[Held]) -> dict[str, list[Held]]:
    found: dict[str, list[Held]] = defaultdict(list)
    for held in some:
        found[held.placement.member].append(held)
    return found
