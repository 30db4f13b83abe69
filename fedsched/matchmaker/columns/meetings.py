"""Many jobs, each against slots of its own size: jobs that differ only in plain values are matched together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from fedsched.matchmaker.classad.clauses import conjuncts
from fedsched.matchmaker.classad.literals import BOOLEAN, ERROR, UNDEFINED, literal
from fedsched.matchmaker.columns.ads import Attribute, Pairs, Table, passing, readable, refused, table, texts_of
from fedsched.matchmaker.columns.binding import JOB, REQUIREMENTS, SLOT, Binder
from fedsched.matchmaker.columns.running import Frame, Machine
from fedsched.matchmaker.columns.syntax import Declined
from fedsched.matchmaker.columns.values import Column, Mask, Rows, Strings

Counts: TypeAlias = npt.NDArray[np.int16]
UNKNOWN = -1
"""How many clauses are not true where only the library can tell."""
OF_JOB = "\0"
"""Before the name of a job's attribute where it stands beside the slots': no text can name it."""


class Meetings(NamedTuple):
    """Who meets whom, as numbers of `jobs`, `slots` and `shapes`: a slot is what it lasts with and what its size gives.

    A name that both have is the shape's; all shapes have the same names.
    """

    jobs: Rows
    slots: Rows
    shapes: Rows


class _Family(NamedTuple):
    """Jobs with the same formulas and names, by number, and what differs between them: their other attributes."""

    formulas: Mapping[str, str]
    members: Rows
    plain: Table


class Misses(NamedTuple):
    """Of each meeting how many clauses are not true: 0 for a match, UNKNOWN where only the library can tell.

    A clause is an operand of the top-level && of the job's Requirements; the slot's Requirements are one. first: number
    of the first one of the job that is not; UNKNOWN where none is, or nothing is counted.
    """

    clauses: Counts
    first: Counts


def misses(jobs: Sequence[Pairs], slots: Sequence[Pairs], shapes: Sequence[Pairs], who: Meetings, at: float) -> Misses:
    """What keeps those who meet from matching at `at` (epoch seconds)."""
    out = _unknown(len(who.jobs))
    strings = Strings()
    lasting, sized = table(slots, strings), table(shapes, strings)
    for family in _families(jobs, strings):
        place = np.full(len(jobs), -1, np.intp)
        place[family.members] = np.arange(len(family.members))
        rows = np.flatnonzero(place[who.jobs] >= 0)
        laid = _slots((lasting, who.slots[rows]), (sized, who.shapes[rows]))
        if laid.readable and family.plain.readable:
            own = _taken(family.plain, place[who.jobs[rows]])
            out.clauses[rows], out.first[rows] = _matched(family.formulas, own, laid, strings, int(at))
    return out


def _families(jobs: Sequence[Pairs], strings: Strings) -> Iterator[_Family]:
    """Without those that the gate refuses, which match nothing."""
    alike: dict[tuple[frozenset[tuple[str, str]], frozenset[str]], list[int]] = {}
    plain: list[Pairs] = []
    for number, job in enumerate(jobs):
        texts = texts_of(job)
        formulas = frozenset((name, text) for name, text in texts.items() if literal(text) is None)
        plain.append(tuple((name, text) for name, text in texts.items() if literal(text) is not None))
        if REQUIREMENTS in texts and not refused(texts):
            alike.setdefault((formulas, frozenset(texts)), []).append(number)
    for (formulas, names), members in alike.items():
        laid = table([plain[number] for number in members], strings)
        yield _Family(dict(formulas), np.array(members, np.intp), laid._replace(readable=readable(names)))


def _taken(one: Table, rows: Rows) -> dict[str, Attribute]:
    return {name: attribute.take(rows) for name, attribute in one.attributes.items()}


def _slots(lasting: tuple[Table, Rows], sized: tuple[Table, Rows]) -> Table:
    attributes = _taken(*lasting) | _taken(*sized)
    passed = passing(attributes, len(lasting[1]))
    return Table((), attributes, passed, lasting[0].readable and sized[0].readable)


def _matched(
    formulas: Mapping[str, str], plain: Mapping[str, Attribute], slots: Table, strings: Strings, at: int
) -> Misses:
    beside = {f"{OF_JOB}{name}": one for name, one in plain.items()}
    machine = Machine(slots._replace(attributes={**slots.attributes, **beside}), strings)
    own = {name: f"{OF_JOB}{name}" for name in plain}
    frame = Frame(machine, np.arange(len(slots.passed)))
    found, first = _unknown(len(slots.passed))

    def binder() -> Binder:
        return Binder(machine.steps, formulas, slots.attributes, at, own)

    with np.errstate(all="ignore"):  # integers wrap, reals overflow: as the library has it
        try:
            both = binder()
            mine, theirs = frame.true(both.requirements(JOB)), frame.true(both.requirements(SLOT))
        except Declined:
            return Misses(found, first)
        found[mine.true & theirs.true & slots.passed] = 0
        if REQUIREMENTS not in formulas or not found.any():
            return Misses(found, first)
        false = (~theirs.true).astype(np.int16)
        doubt = theirs.some_doubt() | ~slots.passed
        try:
            for number, clause in enumerate(conjuncts(formulas[REQUIREMENTS])):
                true, unsure = _plainly(frame.column(binder().whole(clause, JOB)), len(found))
                first[~true & (first == UNKNOWN)] = number
                false += ~true
                doubt |= unsure
        except Declined:
            return Misses(found, np.full(len(found), UNKNOWN, np.int16))
    counted = ~doubt & (false > 0)
    return Misses(np.where(counted, false, found), np.where(counted, first, UNKNOWN))


def _unknown(rows: int) -> Misses:
    return Misses(np.full(rows, UNKNOWN, np.int16), np.full(rows, UNKNOWN, np.int16))


def _plainly(column: Column, rows: int) -> tuple[Mask, Mask]:
    """Where a clause is true, and where its value is neither true nor false nor missing: that is the library's."""
    kinds = np.broadcast_to(column.kinds, rows)
    boolean = kinds == BOOLEAN
    true = boolean & (np.broadcast_to(column.integers, rows) == 1)
    return true, ~(boolean | (kinds == UNDEFINED) | (kinds == ERROR))
