"""The whole federation in one answer: totals of the cycle, and what the chronicle knows of those before it."""

from __future__ import annotations

from collections import Counter

from fedsched.answers.chronicle import Chronicle, Lately
from fedsched.answers.clusters import copies_by_phase
from fedsched.answers.view import View
from fedsched.client.documents import Of, Overview, head

PHASES = ("intended", "starting", "unclaimed", "claimed", "leaving")
WELL = frozenset({"ready", "slow"})


def overview(view: View, of: Of, chronicle: Chronicle | None) -> Overview:
    """Totals now and lately; without a chronicle, as from a journal, what the one cycle says."""
    lately = chronicle.lately if chronicle is not None else _of_one(view)
    plan = view.plan
    spikes = [spike.id for spike in plan.memory.surge.spikes if spike.ended_at is None]
    return Overview(
        **head(of),
        federation=view.federation,
        policy=lately.policy,
        idle=sum(demand.idle for demand, _ in view.pairs),
        unmet=sum(report.unmet for report in plan.classes),
        running=sum(demand.running for demand, _ in view.pairs),
        classes=len(view.pairs),
        members=len(view.observation.members),
        well=sum(
            plan.memory.members[m.name].state in WELL for m in view.observation.members if m.name in plan.memory.members
        ),
        phases=_phases(view),
        copies=copies_by_phase(plan.held),
        decide_s=round(view.recorded.seconds, 4),
        spike=spikes[-1] if spikes else "",
        history=lately.moments,
        evictions=lately.evictions,
        notices=lately.notices,
    )


def _of_one(view: View) -> Lately:
    alone = Chronicle()
    alone.see(view.recorded)
    return alone.lately


def _phases(view: View) -> dict[str, int]:
    found: Counter[str] = Counter()
    for held in view.plan.held:
        if held.placement.form != "job":
            found[held.phase] += held.nodes
    return {phase: found[phase] for phase in PHASES}
