"""What a placement's own life asks of it: finished, failed, expired, told to leave (FA4, PR5)."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.model import (
    Held,
    Policy,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing

WORSE = {"run": 0, "leave": 1, "withdraw": 2, "vacate": 3, "clear": 4}
"""Wishes in order of urgency: a later rule may only make a wish more urgent."""


def urge(held: Held, wanted: str, why: Reason) -> Held:
    """Raise the wish; a placement that must go faster is never told to take its time."""
    if WORSE[wanted] <= WORSE[held.wanted]:
        return held
    return msgspec.structs.replace(held, wanted=wanted, why=why)


def follow_life(stand: Standing, policy: Policy, at: float) -> Held:
    """What its own life asks: finished is cleared, failed is vacated or cleared, expired is vacated (FA4)."""
    held = stand.held
    if held.phase == "gone":
        why = held.failure or held.why or Reason(Cause.FINISHED, at=at)
        over = at - held.since >= policy.startds.keep_finished_s or held.failure is None
        return urge(held, "clear", why) if over or held.wanted != "run" else held
    if held.failure is not None:
        pending = not stand.pods or all(p.phase == "pending" for p in stand.pods)
        return urge(held, "clear" if not stand.pods else "withdraw" if pending else "vacate", held.failure)
    if at > held.placement.expires_at:
        return urge(held, "vacate", Reason(Cause.EXPIRED, have=f"{at - held.placement.expires_at:.0f} s past", at=at))
    return _after_leave(stand, policy, at)


def _after_leave(stand: Standing, policy: Policy, at: float) -> Held:
    """A leave order that was not followed within retire_s becomes vacate (PR5); an empty DaemonSet is cleared."""
    held = stand.held
    if held.wanted != "leave" or held.leave_ordered_at is None:
        return held
    waited = at - held.leave_ordered_at
    if waited > held.placement.retire_s:
        return urge(
            held, "vacate", Reason(Cause.RETIRED, need=f"{held.placement.retire_s} s", have=f"{waited:.0f} s", at=at)
        )
    all_told = all(p.leave_ordered_at or p.deleting for p in stand.pods)
    settled = waited > policy.startds.keep_finished_s and not stand.slots and all_told
    if held.placement.form == "startd-daemonset" and settled:
        return urge(held, "clear", held.why or Reason(Cause.RETIRED, at=at))
    return held
