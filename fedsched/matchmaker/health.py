"""Members' states: ready, slow, unreachable, lost, and whether it is ourselves who are cut off (FA1, FA2).

Says nothing of what to do about them.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from fedsched.matchmaker.model import HealthState, MemberMemory, MemberView, Notice, Silence

REACHED = frozenset({"ok", "forbidden", "unauthorized"})
"""Contacts that prove that somebody answered; a 401 is a credential problem, not a loss (FA2)."""

GOOD = frozenset({"ready", "slow"})
"""States in which a member may get new placements and changes."""


class Health(msgspec.Struct, frozen=True):
    """The outcome of one look: the members' memories and whether we froze."""

    members: dict[str, MemberMemory]
    frozen_since: float | None
    notices: tuple[Notice, ...]


def look(
    views: tuple[MemberView, ...],
    before: Mapping[str, MemberMemory],
    frozen_since: float | None,
    span: tuple[float, float],
    limits: Silence,
) -> Health:
    """Advance every member's state from `span[0]` (time of the last cycle) to `span[1]` (now), epoch seconds.

    Silence is counted only while we look: a gap between two cycles longer than half of silent_s (fedsched was
    stopped) counts as that much, so a restart during an outage neither expires at once nor starts afresh (R2).
    """
    then, at = span
    step = min(max(0.0, at - then), limits.silent_s / 2) if then else 0.0
    listened = {view.name: _listen(view, before.get(view.name), step, at) for view in views}
    silent = sum(1 for m in listened.values() if m.silent_for_s >= limits.silent_s)
    frozen = silent >= 2 and silent * 2 > len(listened)
    members, notices = {}, []
    for name in sorted(listened):
        heard = listened[name]
        if frozen and heard.silent_for_s > limits.silent_s:
            # while frozen no timer runs: a member that was not lost before cannot become so (R3)
            held = before[name].silent_for_s if name in before else limits.silent_s
            heard = msgspec.structs.replace(heard, silent_for_s=max(limits.silent_s, held))
        members[name] = _judge(heard, limits, at)
        notices += _told(name, before.get(name), members[name])
    if frozen and frozen_since is None:
        text = f"{silent} of {len(listened)} members fell silent together: it is probably us; nothing will be changed"
        notices.append(Notice("frozen", text))
    if not frozen and frozen_since is not None:
        notices.append(Notice("thawed", f"members answer again after {at - frozen_since:.0f} s"))
    return Health(members, (frozen_since or at) if frozen else None, tuple(notices))


def _listen(view: MemberView, old: MemberMemory | None, step: float, at: float) -> MemberMemory:
    """Count silence or good reads; a contact that was already counted counts as no news."""
    memory = old or MemberMemory(since=at)
    fresh = view.contact_at > memory.contact_seen
    if not fresh:
        return msgspec.structs.replace(memory, silent_for_s=memory.silent_for_s + step)
    if view.contact in REACHED:
        return msgspec.structs.replace(
            memory,
            contact_seen=view.contact_at,
            good_at=view.contact_at,
            good_reads=memory.good_reads + 1,
            silent_for_s=0.0,
            unauthorized=view.contact == "unauthorized",
        )
    return msgspec.structs.replace(
        memory, contact_seen=view.contact_at, good_reads=0, silent_for_s=memory.silent_for_s + step
    )


def _judge(memory: MemberMemory, limits: Silence, at: float) -> MemberMemory:
    """The state that the silence gives; the way back from unreachable needs `good_reads` good contacts in a row."""
    state: HealthState = "ready"
    for limit, worse in ((limits.slow_s, "slow"), (limits.silent_s, "unreachable"), (limits.lost_s, "lost")):
        if memory.silent_for_s >= limit:
            state = worse  # type: ignore[assignment]  # a literal out of a tuple of literals
    if state in GOOD and memory.state not in GOOD and memory.good_reads < limits.good_reads:
        state = memory.state
    if state == memory.state:
        return memory
    return msgspec.structs.replace(memory, state=state, since=at)


def _told(name: str, old: MemberMemory | None, new: MemberMemory) -> list[Notice]:
    if old is None or old.state == new.state:
        return []
    return [Notice("member-state", f"member {name} is {new.state} (was {old.state})", member=name)]
