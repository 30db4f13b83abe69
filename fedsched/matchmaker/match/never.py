"""Why a class could never run at a place (MA1, MA3), without regard to room: all that would have to change (RE2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


_NAMES = frozenset({"User", "AccountingGroup"})
"""Attributes of a job by which its startd knows it."""

Known = Callable[[str], bool]
"""Whether what a clause asks for is known of a place, or only a real slot can tell (MA6)."""


def everything(_clause: str) -> bool:
    """A real slot was seen."""
    return True


def nevers(
    demand: DemandClass, place: Place, size: Resources, meet: Callable[[], tuple[Meeting, Known]]
) -> Iterator[Reason]:
    """All that rules the class out there, the member's terms first; nothing where it could run.

    meet: the two ads, and what is known of them; not asked where no more than the first is wanted, and that is no
    expression.
    """
    if demand.gate:
        yield place.here(_gated(demand.gate))
    yield from (place.here(reason) for reason in refused_by_terms(demand, place))
    yield from (place.here(reason) for reason in too_small(size, place))
    yield from (place.here(r) for r in barred_by_limits(size + place.terms.pod_overhead, place.view.limits))
    requirements = "" if demand.gate else demand.requirements
    yield from (place.here(reason) for reason in unsatisfied(requirements, place, *meet()))


def _gated(gate: str) -> Reason:
    """Names are no expressions: what is wrong with one is told apart, as "User: …"."""
    what, _, why = gate.partition(": ")
    if what in _NAMES:
        return Reason(Cause.EXPRESSION_REFUSED, what=what, have=why)
    return Reason(Cause.EXPRESSION_REFUSED, what="Requirements", have=gate)


def unsatisfied(requirements: str, place: Place, ads: Meeting, known: Known = everything) -> Iterator[Reason]:
    """Each clause of the job that is not true there, and the member's own requirements; nothing where both are.

    A clause that only a real slot can judge rules nothing out (MA6).
    """
    answer = judge(*ads)
    if answer.refused:
        yield Reason(Cause.EXPRESSION_REFUSED, what="Requirements", have=answer.refused)
    if answer.ok or answer.refused:
        return
    clauses = false_clauses(requirements, *ads) if requirements else ()
    for clause in (clause for clause in clauses if known(clause.whole)):
        yield false_of(clause.told, place)
    theirs = place.terms.requirements
    if theirs and (not clauses or false_clauses(theirs, ads.slot, ads.job, ads.at)):
        have = "the member's own requirements are not true of it"
        yield Reason(Cause.REQUIREMENTS, theirs, "true", have, source="the member's file")


def false_of(told: classad.Clause, place: Place) -> Reason:
    """That a clause of the job is not true of the slots there, as a person is told of it."""
    return Reason(Cause.REQUIREMENTS, *told, source=_slot(place), at=place.pair.seen_at)


def _slot(place: Place) -> str:
    return "a slot seen there" if place.pair.attributes else "the predicted slot"


def of_predicted(job: Texts, slot: Texts) -> Known:
    """What is known of a place where no real slot was seen: what both sides have, whole, whatever reads it."""
    known = {*job, *slot, "availablegpus", NOW}
    return lambda clause: not _asked(clause, job, slot) - known


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
