"""Jobs against slots, all pairs at once, with the answers that `classad` gives pair by pair (MA1, MA4)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import is_
from typing import TypeAlias, TypeVar

import numpy as np

from fedsched.matchmaker import classad
from fedsched.matchmaker.classad.literals import BOOLEAN, INTEGER, OTHER, REAL, literal
from fedsched.matchmaker.columns.ads import Pairs, readable, refused, table, texts_of
from fedsched.matchmaker.columns.binding import JOB, REQUIREMENTS, SLOT, Binder
from fedsched.matchmaker.columns.reading import names_read, together
from fedsched.matchmaker.columns.running import Frame, Machine, Truth
from fedsched.matchmaker.columns.syntax import Declined
from fedsched.matchmaker.columns.values import Column, Mask, Reals, Rows, Strings

Asked: TypeAlias = tuple[str, Pairs]
"""A Rank expression, and the job that is TARGET in it."""

MAX_KEPT = 256 << 20
"""Most memory of what is kept of one block, in bytes; above it everything but its columns is forgotten."""
MAX_BLOCKS = 8
"""Most blocks of slots, oldest first; above it all are laid out as one."""
MAX_STRINGS = 1 << 20
"""Most distinct strings that are kept."""
_Asking = TypeVar("_Asking", bound=Hashable)
_Row = TypeVar("_Row", Mask, Reals)


class Block:
    """Some slots as columns, and what was found out about them. Whatever is kept only saves time."""

    def __init__(self, ads: Sequence[Pairs], strings: Strings) -> None:
        self.slots = table(ads, strings)
        self._strings = strings
        formulas = {name: one.formulas.values() for name, one in self.slots.attributes.items()}
        self._formulas = together(formulas)
        self._forget()

    def _forget(self) -> None:
        self._machine = Machine(self.slots, self._strings)
        self._all = Frame(self._machine, np.arange(len(self.slots.ads)))
        self._verdicts: dict[tuple[Pairs, int], Mask] = {}
        self._numbers: dict[tuple[Asked, int], Reals] = {}

    def verdicts(self, job: Pairs, at: int) -> Mask:
        """Which slots match the job."""
        key = (job, at)
        found = self._verdicts.get(key)
        if found is None:
            self._make_room()
            found = self._verdicts[key] = self._matched(texts_of(job), at)
            self._machine.kept += found.nbytes
        return found

    def numbers(self, asked: Asked, at: int) -> Reals:
        """What a Rank expression comes to over the slots (MY) and the job (TARGET)."""
        key = (asked, at)
        found = self._numbers.get(key)
        if found is None:
            self._make_room()
            found = self._numbers[key] = self._ranked(asked, at)
            self._machine.kept += found.nbytes
        return found

    def _make_room(self) -> None:
        if self._machine.kept > MAX_KEPT:
            self._forget()

    def _matched(self, job: Mapping[str, str], at: int) -> Mask:
        if refused(job) or REQUIREMENTS not in job:
            return np.zeros(len(self.slots.ads), np.bool_)
        try:
            true, doubt = self._both(job, at)
        except Declined:
            true, doubt = np.zeros(len(self.slots.ads), np.bool_), self.slots.passed
        matched = true & self.slots.passed
        if doubt is not None:
            rows = np.flatnonzero(doubt & self.slots.passed)
            matched[rows] = self._asked(job, rows, at)
        return matched

    def _both(self, job: Mapping[str, str], at: int) -> Truth:
        """Where both sides' Requirements are true, and where only the library can tell."""
        binder = self._binder(job, at)
        mine, theirs = self._all.true(binder.requirements(JOB)), self._all.true(binder.requirements(SLOT))
        true = mine.true & theirs.true
        if mine.doubt is None and theirs.doubt is None:
            return Truth(true)
        possible = (mine.true | mine.some_doubt()) & (theirs.true | theirs.some_doubt())
        return Truth(true, possible & ~true)

    def _binder(self, job: Mapping[str, str], at: int) -> Binder:
        if not (self.slots.readable and readable(job)):
            raise Declined("names that mean something else to the library")
        return Binder(self._machine.steps, job, self.slots.attributes, at)

    def _asked(self, job: Mapping[str, str], rows: Rows, at: int) -> Mask:
        """The library's own match, once for each distinct tuple of what is read."""
        mine, slots, codes = self._ads(REQUIREMENTS, job, rows)
        return np.array([classad.symmetric(mine, slot, at) for slot in slots], np.bool_)[codes]

    def _ads(self, text: str, job: Mapping[str, str], rows: Rows) -> tuple[classad.Ad, list[classad.Ad], Rows]:
        """The job and the slots in these rows as far as `text` reads them; for each row which of the slots it is."""
        own = {name: (text,) for name, text in job.items() if literal(text) is None}
        read = names_read(text, together(own, self._formulas))
        if not (self.slots.readable and readable(job)):
            read = frozenset({*job, *self.slots.attributes})
        mine = classad.Ad((name, text) for name, text in job.items() if name in read)
        frame = Frame(self._machine, rows)
        names, chosen, codes = frame.distinct_ads(read)
        return mine, [classad.Ad(frame.projected(names, row)) for row in chosen], codes

    def _ranked(self, asked: Asked, at: int) -> Reals:
        expression, pairs = asked
        job = texts_of(pairs)
        out = np.zeros(len(self.slots.ads), np.float64)
        if refused(job) or refused({"rank": expression}):
            return out
        try:
            column = self._all.column(self._binder(job, at).whole(expression, SLOT))
            unsure = np.flatnonzero(np.broadcast_to(column.kinds == OTHER, len(out)) & self.slots.passed)
            out[:] = _numbers(column)
        except Declined:
            unsure = np.flatnonzero(self.slots.passed)
        if len(unsure):
            out[unsure] = self._asked_numbers(expression, job, unsure, at)
        return np.where(self.slots.passed, out, 0.0)

    def _asked_numbers(self, expression: str, job: Mapping[str, str], rows: Rows, at: int) -> Reals:
        theirs, slots, codes = self._ads(expression, job, rows)
        theirs.bind(at)
        told = []
        for slot in slots:
            slot.bind(at)
            told.append(classad.evaluate_number(classad.parse(expression), slot, theirs) or 0.0)
        return np.array(told, np.float64)[codes]


def _numbers(column: Column) -> Reals:
    """Finite numbers, true as 1; 0 for everything else."""
    whole = np.where((column.kinds == BOOLEAN) | (column.kinds == INTEGER), column.integers, 0)
    reals = np.where((column.kinds == REAL) & np.isfinite(column.reals), column.reals, 0.0)
    return whole.astype(np.float64) + reals


class Cache:
    """What was laid out and found out before; an empty one gives the same answers. Handed in and out, never shared.

    last: the slots that were asked about last; rows: where they stand in all blocks, None for just so.
    """

    def __init__(self) -> None:
        self.strings = Strings()
        self.blocks: tuple[Block, ...] = ()
        self.places: dict[Pairs, tuple[int, int]] = {}
        self.last: tuple[Pairs, ...] = ()
        self.rows: Rows | None = None

    def laid_out(self, slots: Sequence[Pairs]) -> Cache:
        """The cache with these slots in it: those that are new in a block of their own, or all in one anew."""
        if self.blocks and len(slots) == len(self.last) and all(map(is_, slots, self.last)):
            return self  # the same objects: reading thousands of ads through takes longer than matching them
        needed = dict.fromkeys(slots)
        new = [ad for ad in needed if ad not in self.places]
        gone = sum(len(block.slots.ads) for block in self.blocks) + len(new) - len(needed)
        anew = len(self.blocks) >= MAX_BLOCKS or gone > len(needed) or len(self.strings) > MAX_STRINGS
        out = Cache()
        if not new and self.blocks:
            out.strings, out.blocks, out.places = self.strings, self.blocks, self.places
        else:
            if anew:
                new = list(needed)
            else:
                out.strings, out.blocks, out.places = self.strings, self.blocks, dict(self.places)
            out.places.update((ad, (len(out.blocks), row)) for row, ad in enumerate(new))
            out.blocks = (*out.blocks, Block(new, out.strings))
        out.last = tuple(slots)
        out.rows = None if len(slots) == len(new) and len(out.blocks) == 1 else out.columns(slots)
        return out

    def columns(self, slots: Sequence[Pairs]) -> Rows | None:
        """Where these slots stand in all blocks, one after the other; None when they stand just so."""
        starts = np.cumsum([0, *(len(block.slots.ads) for block in self.blocks)])
        places = np.array([self.places[slot] for slot in slots], np.intp).reshape(-1, 2)
        found = starts[places[:, 0]] + places[:, 1]
        return None if len(found) == starts[-1] and (found == np.arange(len(found))).all() else found


def verdicts(
    jobs: Sequence[Pairs], slots: Sequence[Pairs], at: float, cache: Cache | None = None
) -> tuple[Mask, Cache]:
    """Which job (row) matches which slot (column), both Requirements true of the other at `at` (epoch seconds).

    UNDEFINED, ERROR and what the gate refuses are no match. With it the cache for the next time.
    """
    kept = (cache or Cache()).laid_out(slots)
    rows = _gathered(jobs, kept, lambda block, job: block.verdicts(job, int(at)))
    return np.array(rows, np.bool_).reshape(len(jobs), len(slots)), kept


def numbers(
    asked: Sequence[Asked], slots: Sequence[Pairs], at: float, cache: Cache | None = None
) -> tuple[Reals, Cache]:
    """What each Rank expression comes to for its job over each slot; 0 where it is not a finite number (MA5)."""
    kept = (cache or Cache()).laid_out(slots)
    rows = _gathered(asked, kept, lambda block, one: block.numbers(one, int(at)))
    return np.array(rows, np.float64).reshape(len(asked), len(slots)), kept


def _gathered(asked: Sequence[_Asking], cache: Cache, tell: Callable[[Block, _Asking], _Row]) -> list[_Row]:
    """For each that asks the answers of all slots; equal ones ask once."""
    told: dict[_Asking, _Row] = {}
    columns = cache.rows
    for one in dict.fromkeys(asked):
        with np.errstate(all="ignore"):  # integers wrap, reals overflow: as the library has it
            rows = [tell(block, one) for block in cache.blocks]
        whole = rows[0] if len(rows) == 1 else np.concatenate(rows)
        told[one] = whole if columns is None else whole[columns]
    return [told[one] for one in asked]
