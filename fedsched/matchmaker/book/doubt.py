"""Whether a member can be built on: that it answers, that what it said is new, that its anchor is there (FA1, S6)."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.matchmaker.health import GOOD
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import Silence
from fedsched.matchmaker.reasons import Cause, Reason


def doubts(place: Place, limits: Silence, at: float) -> Iterator[Reason]:
    """The member does not answer, or what it said is too old to build on: one fact, one answer mends it.

    That its anchor is missing is another. at: now, epoch seconds.
    """
    silent = unheard(place, limits, at)
    if silent is not None:
        yield silent
    view = place.view
    if view.seen_at is not None and not view.anchor_uid:
        source = "its admin stopped us, or join did not finish"
        numbers = ("anchor", "present", "missing")
        yield Reason(Cause.STALE, *numbers, member=place.terms.name, source=source, at=view.seen_at)


def unheard(place: Place, limits: Silence, at: float) -> Reason | None:
    """Why nothing that the member said counts; None where it does."""
    memory, view = place.memory, place.view
    if memory.unauthorized:
        return place.here(Reason(Cause.CREDENTIAL, "credential", "accepted", "401 Unauthorized"))
    if memory.state not in GOOD:
        cause = Cause.MEMBER_LOST if memory.state == "lost" else Cause.MEMBER_SILENT
        numbers = ("contact", f"within {limits.silent_s:.0f} s", f"{memory.silent_for_s:.0f} s ago")
        return place.here(Reason(cause, *numbers))
    age = None if view.seen_at is None else at - view.seen_at
    if age is None or age > limits.silent_s:
        have = "never read" if age is None else f"{age:.0f} s old"
        need = f"{limits.silent_s:.0f} s"
        return Reason(Cause.STALE, "capacity", need, have, member=place.terms.name, at=view.seen_at)
    return None
