"""A job that runs on a startd of ours, in one sentence: where, and whether the startd must go; not of idle jobs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fedsched.matchmaker.explain.having import how_it_goes
from fedsched.matchmaker.explain.sentences import action, age, capital, clause, located
from fedsched.matchmaker.model import Claim, Observation, Plan, Principal, SlotView
from fedsched.matchmaker.reasons import Reason


class Running(msgspec.Struct, frozen=True, omit_defaults=True):
    """sentence: where it runs. next: what to do. headline: both in one. since: of its claim, seen_at: of its slot.

    why: its startd must go, if so. Times: epoch seconds.
    """

    headline: str
    job: str
    schedd: str
    principal: Principal
    placement: str
    member: str
    node_group: str
    since: float
    why: Reason | None = None
    sentence: str = ""
    next: str = ""
    pod: str = ""
    pool: str = ""
    seen_at: float | None = None


def running(job: str, schedd: str, plan: Plan, seen: Observation) -> Running | None:
    """The job CLUSTER.PROC that claims one of our startds; None where none does, or jobs of several schedds do."""
    found = [(slot, claim) for slot, claim in _claims(seen) if claim.job == job and schedd in {"", claim.schedd}]
    if len({claim.schedd for _, claim in found}) != 1:
        return None
    slot, claim = found[0]
    held = next((one for one in plan.held if one.placement.id == slot.placement_id), None)
    who = f"{claim.job}@{claim.schedd}" if claim.schedd else claim.job
    text = f"{who} has run for {age(seen.at - claim.since)} on {slot.pod} of {slot.member}/{slot.node_group}"
    why = held.why if held is not None and held.wanted != "run" else None
    why = located(why, slot.member, slot.node_group)
    what_next = "nothing to do"
    if held is not None and why is not None:
        text += f", which {how_it_goes(held)} because {clause(why)}"
        what_next = action(why)
    return Running(
        f"{text}; {what_next}.",
        claim.job,
        claim.schedd,
        claim.principal,
        slot.placement_id,
        slot.member,
        slot.node_group,
        claim.since,
        why,
        sentence=f"{text}.",
        next=f"{capital(what_next)}.",
        pod=slot.pod,
        pool=slot.pool,
        seen_at=slot.seen_at,
    )


def _claims(seen: Observation) -> Iterator[tuple[SlotView, Claim]]:
    for pool in seen.pools:
        for slot in pool.slots:
            yield from ((slot, claim) for claim in slot.claims)
