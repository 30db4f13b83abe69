"""A recorded cycle decided again, by the same matchmaker, and held against what was recorded, byte for byte."""

from __future__ import annotations

import msgspec

from fedsched import __version__
from fedsched.journal import Recorded
from fedsched.loop import Decision, Mind, decide, shadow
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import Change, Plan, Policy
from fedsched.matchmaker.negotiate import negotiate
from fedsched.replay.differences import Difference, differences, first_value


class Replayed(msgspec.Struct, frozen=True):
    """One cycle decided again. at: epoch seconds. version: of the fedsched that recorded it.

    exact: the plan has the recorded one's bytes, and nothing was issued that would not be asked for now. found: in what
    the new plan differs.
    """

    cycle: int
    at: float
    exact: bool
    version: str
    plan: Plan
    changes: tuple[Change, ...]
    found: tuple[Difference, ...] = ()
    unasked: tuple[Change, ...] = ()
    """Changes that the recorded cycle issued and that the new decision does not ask for."""

    @property
    def same_version(self) -> bool:
        """Whether this fedsched is the one that recorded the cycle: only then exactness is promised."""
        return self.version == __version__


def again(recorded: Recorded, policy: Policy) -> Decision:
    """What the present matchmaker makes of a recorded cycle's snapshot, as a loop of its kind would record it."""
    snapshot = recorded.snapshot
    plan, wanted = decide(Mind(negotiate, changes, policy, snapshot.terms, snapshot.pools), snapshot)
    return Decision(plan if recorded.dispatch else shadow(plan, snapshot.memory), wanted)


def replay(recorded: Recorded, policy: Policy) -> Replayed:
    """Decide a cycle again and compare. With the recorded policy and version the result is exact."""
    plan, wanted = again(recorded, policy)
    same = plan_bytes(plan) == plan_bytes(recorded.plan)
    asked = frozenset(map(plan_bytes, wanted))
    unasked = tuple(change for change in recorded.issued if plan_bytes(change) not in asked)
    return Replayed(
        cycle=recorded.plan.cycle,
        at=recorded.plan.at,
        exact=same and not unasked,
        version=recorded.version,
        plan=plan,
        changes=wanted,
        found=() if same else _found(recorded.plan, plan),
        unasked=unasked,
    )


def plan_bytes(value: Plan | Change) -> bytes:
    """The bytes by which plans (and changes) are compared: equal values have equal ones."""
    return msgspec.msgpack.encode(value, order="deterministic")


def _found(before: Plan, after: Plan) -> tuple[Difference, ...]:
    """The named differences; where only bytes differ (5 for 5.0, another order), the first place where they do."""
    named = differences(before, after)
    if named:
        return named
    plain = (msgspec.to_builtins(plan, str_keys=True) for plan in (before, after))
    first = first_value(*plain)
    return (first,) if first else ()
