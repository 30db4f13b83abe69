"""Steps carried out on the slots' columns, each once; what is not computed is asked of the library, once per value."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fedsched.matchmaker.classad import Ad, Refused
from fedsched.matchmaker.classad.literals import OTHER, UNDEFINED, Typed
from fedsched.matchmaker.classad.typed import asked_of_each, typed
from fedsched.matchmaker.columns.ads import Attribute, Pairs, Table
from fedsched.matchmaker.columns.binding import JOB, Step, Steps
from fedsched.matchmaker.columns.functions import calls, table
from fedsched.matchmaker.columns.operators import TRUE, UNKNOWN, truth
from fedsched.matchmaker.columns.values import Column, Gathered, Mask, Rows, Strings, column_of, distinct, values_of


class Truth(NamedTuple):
    """Where something is true; doubt: where only the library could tell, None for nowhere."""

    true: Mask
    doubt: Mask | None = None

    def some_doubt(self) -> Mask:
        """The doubt as a mask."""
        return np.zeros(len(self.true), np.bool_) if self.doubt is None else self.doubt


class Machine:
    """What all frames of one table share: the steps, the operations, the strings."""

    def __init__(self, slots: Table, strings: Strings) -> None:
        self.slots = slots
        self.strings = strings
        self.steps = Steps()
        self.operators = table(strings)
        self.calls = calls(strings)
        self.kept = 0


class Frame:
    """Some rows of the table, with what is known of steps there."""

    def __init__(self, machine: Machine, rows: Rows) -> None:
        self._machine = machine
        self._rows = rows
        self._columns: dict[int, Column] = {}
        self._masks: dict[int, Truth] = {}
        self._parts: dict[tuple[str, int], tuple[Rows, Frame]] = {}
        self._slots: dict[str, Column] = {}
        self._ways: dict[str, Callable[[Step], Column]] = {
            "either": self._either,
            "formulas": self._formulas,
            "compute": self._compute,
            "ask": self._ask,
            "library": self._library,
        }

    def true(self, number: int) -> Truth:
        """Where the step's value is true, and where only the library could tell.

        What `&&` joins is true where all of it is, so that its operands are kept and shared, not their conjunction.
        """
        step = self._machine.steps.all[number]
        if step.kind == "apply" and step.name == "&&":
            return self._both(*step.of)
        if step.kind == "formulas":
            return self._each(step)
        found = self._masks.get(number)
        if found is None:
            seen = np.broadcast_to(truth(self.column(number)), len(self._rows))
            unknown = seen == UNKNOWN
            found = self._masks[number] = Truth(seen == TRUE, unknown if unknown.any() else None)
            self._machine.kept += len(self._rows) * (1 if found.doubt is None else 2)
        return found

    def _both(self, left: int, right: int) -> Truth:
        one, other = self.true(left), self.true(right)
        true = one.true & other.true
        if one.doubt is None and other.doubt is None:
            return Truth(true)
        return Truth(true, one.some_doubt() | (one.true & other.some_doubt()))

    def _each(self, step: Step) -> Truth:
        """The same for an attribute of which some texts are formulas, each of them true or not in its own frame."""
        literals = self.true(self._machine.steps.add(Step("column", step.name)))
        true, doubt = literals.true.copy(), literals.some_doubt()
        for code, number in zip(step.codes, step.of, strict=True):
            rows, part = self._part(step.name, code)
            if len(rows):
                told = part.true(number)
                true[rows] = told.true
                doubt[rows] = told.some_doubt()
        return Truth(true, doubt if doubt.any() else None)

    def column(self, number: int) -> Column:
        """The values of a step."""
        found = self._columns.get(number)
        if found is None:
            step = self._machine.steps.all[number]
            found = self._carried_out(number, step)
            if step.kind not in {"apply", "column"}:
                self._columns[number] = found
                self._machine.kept += found.nbytes
        return found

    def _carried_out(self, number: int, step: Step) -> Column:
        if step.kind == "constant":
            return column_of([self._machine.steps.values[number]], self._machine.strings)
        if step.kind == "column":
            return self._slot(step.name)
        if step.kind == "apply":
            return self._machine.operators[step.name](*map(self.column, step.of))
        return self._ways[step.kind](step)

    def _attribute(self, name: str) -> Attribute:
        return self._machine.slots.attributes[name]

    def _slot(self, name: str) -> Column:
        found = self._slots.get(name)
        if found is None:
            found = self._slots[name] = self._attribute(name).values.take(self._rows)
        return found

    def _either(self, step: Step) -> Column:
        has = self._attribute(step.name).codes[self._rows] >= 0
        out = Gathered(len(self._rows))
        for rows, number in ((np.flatnonzero(has), step.of[0]), (np.flatnonzero(~has), step.of[1])):
            out.put(rows, self.column(number).take(rows))
        return out.column()

    def _formulas(self, step: Step) -> Column:
        """Each formula in a frame of the rows that have it."""
        out = Gathered(len(self._rows))
        out.put(np.arange(len(self._rows)), self._slot(step.name))
        for code, number in zip(step.codes, step.of, strict=True):
            rows, part = self._part(step.name, code)
            if len(rows):
                out.put(rows, part.column(number))
        return out.column()

    def _part(self, name: str, code: int) -> tuple[Rows, Frame]:
        found = self._parts.get((name, code))
        if found is None:
            rows = np.flatnonzero(self._attribute(name).codes[self._rows] == code)
            found = self._parts[name, code] = (rows, Frame(self._machine, self._rows[rows]))
        return found

    def _compute(self, step: Step) -> Column:
        """What is computed, and asked where that declines a row although its argument is a plain value."""
        given = [self.column(number) for number in step.of]
        found = self._machine.calls[step.name, len(given)](*given)
        kinds = np.broadcast_to(found.kinds, max(one.rows for one in (found, *given)))
        plain = np.ones(len(kinds), np.bool_)
        for one in given:
            plain &= one.kinds != OTHER
        rows = np.flatnonzero((kinds == OTHER) & plain)
        if not len(rows):
            return found
        out = Gathered(len(kinds))
        out.put(np.arange(len(kinds)), found)
        out.put(rows, self._asked(step.text, [one.take(rows) for one in given], len(rows)))
        return out.column()

    def _ask(self, step: Step) -> Column:
        given = [self.column(number) for number in step.of]
        return self._asked(step.text, given, max((one.rows for one in given), default=1))

    def _asked(self, template: str, given: list[Column], rows: int) -> Column:
        """A function asked once for each distinct row of arguments; OTHER where an argument is no plain value."""
        chosen, codes = distinct(given, rows)
        some = np.array(chosen, np.intp)
        told = [values_of(one.take(some), self._machine.strings) for one in given]
        wide = [one if len(one) == len(chosen) else one * len(chosen) for one in told]
        arguments = list(zip(*wide, strict=True)) if wide else [()]
        plain = [not any(value.kind == OTHER for value in row) for row in arguments]
        answers = iter(asked_of_each(template, [row for row, yes in zip(arguments, plain, strict=True) if yes]))
        values = [next(answers) if yes else Typed(OTHER) for yes in plain]
        return column_of(values, self._machine.strings).take(codes)

    def _library(self, step: Step) -> Column:
        """A text evaluated in both ads, as far as they are read, once for each distinct tuple of what is read."""
        names, chosen, codes = self.distinct_ads(step.names)
        values = [self._evaluated(step, self.projected(names, row)) for row in chosen]
        return column_of(values, self._machine.strings).take(codes)

    @staticmethod
    def _evaluated(step: Step, slot: Pairs) -> Typed:
        try:
            mine, theirs = Ad(step.job), Ad(slot)
        except Refused:  # such an ad matches nothing
            return Typed(UNDEFINED)
        mine.bind(step.at)
        theirs.bind(step.at)
        return typed(step.text, *((mine, theirs) if step.name == JOB else (theirs, mine)))

    def distinct_ads(self, read: frozenset[str]) -> tuple[list[str], list[int], Rows]:
        """The attributes among those that the slots have, rows that differ in these, and for each row which it is."""
        names = sorted(read & self._machine.slots.attributes.keys())
        codes: Rows = np.zeros(len(self._rows), np.intp)
        for name in names:
            own = self._attribute(name).codes[self._rows] + 1
            _, codes = np.unique(codes * (len(self._attribute(name).texts) + 1) + own, return_inverse=True)
        _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
        return names, first.tolist(), codes

    def projected(self, names: list[str], row: int) -> Pairs:
        """What the slot of a row says of these names."""
        told = ((name, self._attribute(name)) for name in names)
        codes = ((name, one, one.codes[self._rows[row]]) for name, one in told)
        return tuple((name, one.texts[code]) for name, one, code in codes if code >= 0)
