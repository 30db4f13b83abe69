"""One placement: why it is where it is, and why it goes or went (E5, PR8); of one that is gone, from its account."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fedsched.matchmaker.explain.having import how_it_goes
from fedsched.matchmaker.explain.near import better_places, chosen, why_so
from fedsched.matchmaker.explain.sentences import action, age, capital, clause, clean, located
from fedsched.matchmaker.model import Candidate, DecisionExplanation, Held, Plan, Principal, object_name
from fedsched.matchmaker.reasons import Cause, Reason

_COPY_STANDS = {"unclaimed": "it has been starting", "claimed": "its pods have run"}
"""Of copies of users' Jobs, which no pool claims."""
_STANDS = {
    "intended": "it has been about to be written",
    "starting": "it has been starting",
    "unclaimed": "its startd has been unclaimed",
    "claimed": "its startd has been claimed",
    "leaving": "it has been leaving",
    "gone": "it has been gone",
}


class Past(msgspec.Struct, frozen=True):
    """A placement that is gone, as its account tells. Times: epoch seconds. claims: who claimed it, for how long."""

    placement: str
    member: str
    node_group: str
    principal: Principal
    created_at: float
    ended_at: float | None = None
    why: str = ""
    reason: Reason | None = None
    class_key: str = ""
    candidates: tuple[Candidate, ...] = ()
    claims: tuple[tuple[str, float], ...] = ()


class _Ended(msgspec.Struct, frozen=True):
    """Why a placement goes, and to whom: preemptor, rule and lost are empty where nobody takes its room."""

    why: Reason | None = None
    preemptor: str = ""
    rule: str = ""
    lost: str = ""


def explain_decision(held: Held, plan: Plan) -> DecisionExplanation:
    """One that stands."""
    at = held.placement
    ended = _ended(located(held.failure or (held.why if held.wanted != "run" else None), at.member, at.node_group))
    sentence = f"{at.object_name} {_there(at.member, at.node_group, held.candidates)}"
    jobs = at.form == "job"
    stands = _COPY_STANDS.get(held.phase) if jobs else None
    then = f"; {stands or _STANDS[held.phase]} for {age(plan.at - held.since)}"
    if ended.why is not None:
        going = "failed" if held.failure is not None else how_it_goes(held)
        then = f"; it {going} because {clause(ended.why, plan, jobs=jobs)}"
    return DecisionExplanation(
        placement=at.id,
        member=at.member,
        node_group=at.node_group,
        principal=at.principal,
        class_key=at.class_key,
        phase=held.phase,
        sentence=f"{sentence}{then}.",
        next=f"{capital(action(ended.why, jobs=jobs))}." if ended.why is not None else "Nothing to do.",
        candidates=held.candidates,
        chosen=chosen(held.candidates, at.member, at.node_group),
        why=ended.why,
        preemptor=ended.preemptor,
        rule=ended.rule,
        lost=ended.lost,
        details=tuple(_details(held, plan)),
    )


def explain_past(past: Past, at: float) -> DecisionExplanation:
    """One that is gone, asked for at the time `at` (epoch seconds)."""
    why = located(past.reason, past.member, past.node_group)
    name, ended = object_name(past.placement), _ended(why)
    because = f" because {clause(why)}" if why is not None else (f": {past.why}" if past.why else "")
    when = f"went {age(at - past.ended_at)} ago" if past.ended_at is not None else "went"
    return DecisionExplanation(
        placement=past.placement,
        member=past.member,
        node_group=past.node_group,
        principal=past.principal,
        class_key=past.class_key,
        phase="gone",
        sentence=f"{name} {_there(past.member, past.node_group, past.candidates)}; it {when}{because}.",
        next=f"{capital(action(why))}." if why is not None else "Nothing to do.",
        candidates=past.candidates,
        chosen=chosen(past.candidates, past.member, past.node_group),
        why=why,
        preemptor=ended.preemptor,
        rule=ended.rule,
        lost=ended.lost,
        details=tuple(_of_past(past)),
    )


def _there(member: str, node_group: str, candidates: tuple[Candidate, ...]) -> str:
    place = f"{clean(member)}/{clean(node_group)}"
    index = chosen(candidates, member, node_group)
    if index < 0:
        return f"was placed on {place}"
    behind = better_places(candidates, index)
    if not behind:
        return f"was placed on {place}, which ranked best ({candidates[index].rank:g})"
    better = "1 better place was" if behind == 1 else f"{behind} better places were"
    return f"was placed on {place} (rank {candidates[index].rank:g}), as {better} held back"


def _ended(why: Reason | None) -> _Ended:
    """To whom it yields; a reason of another kind names nobody."""
    if why is None or why.cause not in {Cause.PREEMPTED, Cause.OWNER}:
        return _Ended(why)
    if why.cause is Cause.OWNER:
        return _Ended(why, f"pod {clean(why.what)} of the member's own", "OW2")
    return _Ended(why, clean(why.what), clean(why.need), clean(why.have))


def _details(held: Held, plan: Plan) -> Iterator[str]:
    at = held.placement
    if at.form == "job":
        yield f"It is the copy of {clean(at.job)} of queue {clean(at.schedd)}."
    yield f"It was placed for {clean(str(at.principal))}, class {at.class_key}, {age(plan.at - at.created_at)} ago."
    yield why_so(at.member, at.node_group, held.candidates)
    if held.slot_seen_at is not None:
        yield f"Its slot was first seen {age(held.slot_seen_at - at.created_at)} after it was decided."
    if held.claimed_at is not None:
        yield f"It was first claimed {age(held.claimed_at - at.created_at)} after it was decided."
    if held.yields_to:
        yield f"Its room is for class {held.yields_to}."
    ends = at.created_at + at.lifetime_s
    if ends > plan.at and held.phase != "gone":
        yield f"At the latest it ends in {age(ends - plan.at)}."


def _of_past(past: Past) -> Iterator[str]:
    yield f"It was placed for {clean(str(past.principal))}" + (f", class {past.class_key}." if past.class_key else ".")
    yield why_so(past.member, past.node_group, past.candidates)
    if past.ended_at is not None:
        yield f"It stood for {age(past.ended_at - past.created_at)}."
    if not past.claims:
        yield "Nobody claimed it."
    for who, seconds in past.claims:
        yield f"Claims of {clean(who)} on it: {age(seconds)} in all."
