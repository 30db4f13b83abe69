"""What a storm looks like to a person: its federation, its mishaps, and each cycle in a line."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fedsched.journal import Recorded
from fedsched.matchmaker.model import Held
from tests.faults.storm import Outcome


def command(seed: int) -> str:
    """What brings a seed back."""
    return f"python -m tests.faults --seed {seed} --trace"


def mishaps(outcome: Outcome) -> Iterator[str]:
    """The script of a seed, a line each."""
    for m in outcome.mishaps:
        yield f"  {m.begin:6.1f} … {m.end:6.1f} s  {m.kind:17} {m.target:12} {m.badness or ''}".rstrip()


class Trace:
    """Prints what changes from cycle to cycle."""

    def __init__(self, begins: float) -> None:
        self._begins = begins
        self._held: dict[tuple[int, str], str] = {}

    def told(self, recorded: Recorded) -> None:
        """One cycle: members that are not well, what of the plan changed, what is written, answers."""
        plan, epoch = recorded.plan, recorded.snapshot.epoch
        states = [f"{n}:{m.state}" for n, m in plan.memory.members.items() if m.state != "ready"]
        frozen = " FROZEN" if plan.memory.frozen_since is not None else ""
        print(f"{plan.at - self._begins:8.1f} epoch …{epoch % 10000} cycle {plan.cycle} {' '.join(states)}{frozen}")
        for outcome in recorded.snapshot.outcomes:
            if outcome.result != "done":
                print(f"           answer {_said(outcome.change)}: {outcome.result} {outcome.what}")
        for held in plan.held:
            line = _line(held)
            if self._held.get((epoch, held.placement.id)) != line:
                self._held[epoch, held.placement.id] = line
                print(f"           {line}")
        for change in recorded.issued:
            print(f"           write  {_said(change)}")
        for report in plan.classes:
            why = f"{report.why.cause} {report.why.what}" if report.why else ""
            print(f"           class  {report.key} {report.served}+{report.placed}+{report.unmet} {why}")


def _line(held: Held) -> str:
    place, why = held.placement, held.why
    failed = f" failed: {held.failure.cause} {held.failure.have}" if held.failure else ""
    wanted = f"{held.wanted} ({why.cause if why else ''})"
    there = "adopted " if held.adopted else "" if held.written_at else "unwritten "
    return f"{place.id:14} {place.member}/{place.node_group} {place.class_key} {there}{held.phase} → {wanted}{failed}"


def _said(change: object) -> str:
    fields = msgspec.to_builtins(change)
    placement = fields["placement"]["id"] if "placement" in fields else fields.get("placement_id", "")
    if fields["type"] == "tell-job":
        ends = [f"{one['type']}={one['status']} {one['reason']}" for one in fields["status"].get("conditions", ())]
        return f"tell {fields['job']} {', '.join(ends)}"
    return f"{fields['type']} {placement} at {fields.get('member', '')} {fields.get('pod', '')}".strip()
