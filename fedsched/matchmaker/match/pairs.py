"""One job ad against one slot ad, each judged once however often it is asked; keys are the texts and nothing else.

What the texts leave out was not read: making them is ads.py's business.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from fedsched.matchmaker import classad
from fedsched.matchmaker.match.ads import Pairs

NOW = "currenttime"
"""Lower-case name of what an expression that asks for the time reads."""


class Answer(NamedTuple):
    """ok: both Requirements are true (MA1). refused: why the gate let an expression not through, "" when it did."""

    ok: bool
    refused: str = ""


@lru_cache(maxsize=1 << 17)
def judge(job: Pairs, slot: Pairs, at: float) -> Answer:
    """Symmetric match; UNDEFINED and ERROR are not a match. at: 0 where neither side reads the time."""
    try:
        return Answer(classad.symmetric(_ad(job), _ad(slot), at))
    except classad.Refused as refused:
        return Answer(ok=False, refused=str(refused))


class FalseClause(NamedTuple):
    """A conjunct that is not true: its whole text, and what a person is shown of it."""

    whole: str
    told: classad.Clause


@lru_cache(maxsize=1 << 14)
def false_clauses(requirements: str, my: Pairs, target: Pairs, at: float) -> tuple[FalseClause, ...]:
    """Every conjunct of `requirements` (MY = `my`) that is not true of `target`, in order."""
    mine, theirs = _ad(my), _ad(target)
    mine.bind(at)
    theirs.bind(at)
    found = ((text, classad.first_false_clause(text, mine, theirs)) for text in classad.conjuncts(requirements))
    return tuple(FalseClause(text, told) for text, told in found if told is not None)


@lru_cache(maxsize=1 << 14)
def false_clause(clause: str, my: Pairs, target: Pairs, at: float) -> classad.Clause | None:
    """What is shown of one conjunct (MY = `my`) that is not true of `target`; None where it is."""
    mine, theirs = _ad(my), _ad(target)
    mine.bind(at)
    theirs.bind(at)
    return classad.first_false_clause(clause, mine, theirs)


@lru_cache(maxsize=1 << 15)
def number(expression: str, slot: Pairs, job: Pairs, at: float) -> float:
    """A Rank expression over the slot (MY) and the job (TARGET); 0 where it is not a number (MA5)."""
    try:
        mine, theirs = _ad(slot), _ad(job)
        mine.bind(at)
        theirs.bind(at)
        return classad.evaluate_number(classad.parse(expression), mine, theirs) or 0.0
    except classad.Refused:
        return 0.0


@lru_cache(maxsize=1 << 13)
def _ad(pairs: Pairs) -> classad.Ad:
    """One ad per distinct tuple of attributes: classes and slots repeat from cycle to cycle."""
    return classad.Ad(pairs)
