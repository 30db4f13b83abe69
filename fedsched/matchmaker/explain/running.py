"""A job that runs on a startd of ours, in one sentence: where, and whether the startd must go; not of idle jobs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fedsched.matchmaker.explain.having import how_it_goes
from fedsched.matchmaker.explain.sentences import action, age, clause
from fedsched.matchmaker.model import Claim, Observation, Plan, Principal, SlotView
from fedsched.matchmaker.reasons import Reason


class Running(msgspec.Struct, frozen=True, omit_defaults=True):
    """headline: one sentence with one action. since: of its claim, epoch seconds. why: its startd must go, if so."""

    headline: str
    job: str
    schedd: str
    principal: Principal
    placement: str
    member: str
    node_group: str
    since: float
    why: Reason | None = None


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
    if held is not None and why is not None:
        text += f", which {how_it_goes(held)} because {clause(why)}; {action(why)}."
    else:
        text += "; nothing to do."
    return Running(
        text,
        claim.job,
        claim.schedd,
        claim.principal,
        slot.placement_id,
        slot.member,
        slot.node_group,
        claim.since,
        why,
    )


def _claims(seen: Observation) -> Iterator[tuple[SlotView, Claim]]:
    for pool in seen.pools:
        for slot in pool.slots:
            yield from ((slot, claim) for claim in slot.claims)
