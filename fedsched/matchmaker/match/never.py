"""Why a class could never run at a place (MA1, MA3), without regard to room: all that would have to change (RE2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fedsched.matchmaker import classad
from fedsched.matchmaker.match.ads import Pairs, Texts, formulas
from fedsched.matchmaker.match.pairs import NOW, false_clauses, judge
from fedsched.matchmaker.match.places import Place
from fedsched.matchmaker.match.terms import barred_by_limits, refused_by_terms, too_small
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources


class Meeting(NamedTuple):
    """A job ad and a slot ad, as far as either reads them, at a time."""

    job: Pairs
    slot: Pairs
    at: float


def nevers(demand: DemandClass, place: Place, size: Resources, ads: Meeting) -> Iterator[Reason]:
    """All that rules the class out there, the member's terms first; nothing where it could run."""
    if demand.gate:
        yield place.here(Reason(Cause.EXPRESSION_REFUSED, what="Requirements", have=demand.gate))
        return
    yield from (place.here(reason) for reason in refused_by_terms(demand, place))
    yield from (place.here(reason) for reason in too_small(size, place))
    yield from (place.here(r) for r in barred_by_limits(size + place.terms.pod_overhead, place.view.limits))
    yield from (place.here(reason) for reason in unsatisfied(demand.requirements, place, ads))


def unsatisfied(requirements: str, place: Place, ads: Meeting) -> Iterator[Reason]:
    """Each clause of the job that is not true there, else the member's own requirements; nothing where both are."""
    answer = judge(*ads)
    if answer.refused:
        yield Reason(Cause.EXPRESSION_REFUSED, what="Requirements", have=answer.refused)
    if answer.ok or answer.refused:
        return
    source = "a slot seen there" if place.pair.attributes else "the predicted slot"
    clauses = false_clauses(requirements, *ads) if requirements else ()
    for clause in clauses:
        yield Reason(Cause.REQUIREMENTS, *clause.told, source=source, at=place.pair.seen_at)
    theirs = place.terms.requirements
    if theirs and (not clauses or false_clauses(theirs, ads.slot, ads.job, ads.at)):
        have = "the member's own requirements are not true of it"
        yield Reason(Cause.REQUIREMENTS, theirs, "true", have, source="the member's file")


def rests_on_unknown(requirements: str, job: Texts, slot: Texts, ads: Meeting) -> bool:
    """Whether all that is not true asks for attributes that only a real slot can tell (MA6): one probe finds out.

    job, slot: both sides whole, since what they lack is the question.
    """
    if not requirements or judge(*ads).refused:
        return False
    clauses = false_clauses(requirements, *ads)
    known = {*job, *slot, "availablegpus", NOW}
    return bool(clauses) and all(_asked(clause.whole, job, slot) - known for clause in clauses)


def _asked(text: str, job: Texts, slot: Texts) -> set[str]:
    """Lower-case names that a clause asks for, itself or through what stands behind them."""
    behind = (*formulas(job), *formulas(slot))
    seen: set[str] = set()
    queue = [text]
    while queue:
        for name in classad.references(queue.pop()):
            bare = name.rsplit(".", 1)[-1].lower()
            if bare not in seen:
                seen.add(bare)
                queue += [formula for key, formula in behind if key == bare]
    return seen
