"""Trees bound to one job's ad and the slots' columns: from which side each name is read, as steps shared when equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fedsched.matchmaker.classad.gate import Refused
from fedsched.matchmaker.classad.literals import INTEGER, OTHER, UNDEFINED, Typed, literal
from fedsched.matchmaker.columns.ads import TIME, Attribute, Pairs
from fedsched.matchmaker.columns.functions import COMPUTED, LISTED, OPERATORS
from fedsched.matchmaker.columns.reading import Formulas, levels_read, names_read, together
from fedsched.matchmaker.columns.syntax import MAX_DEPTH, Declined, Tree, odd, parsed

REQUIREMENTS = "requirements"
STEEP = 6
"""Levels that an attribute counts beside those of its text: following it takes so many calls of Python."""
JOB, SLOT = "job", "slot"
"""Whose MY it is that a tree is evaluated with."""


class Step(NamedTuple):
    """One operation; numbers in `of` are steps before it.

    kind: constant (value) · column (name: a slot's attribute) · formulas (the same where some texts are formulas: of,
    one for each code in `codes`) · either (name where the slot has it: of[0], else of[1]) · apply (name: an operator)
    · compute (name: a function, text: how it is asked) · ask (text, over a0, a1 …) · library (text, with MY as `name`
    says, names it reads, the job as far as it reads it, the time if it does).
    """

    kind: str
    name: str = ""
    of: tuple[int, ...] = ()
    text: str = ""
    codes: tuple[int, ...] = ()
    names: frozenset[str] = frozenset()
    job: Pairs = ()
    at: int = 0


class Steps:
    """All steps of a program, equal ones once."""

    def __init__(self) -> None:
        self.all: list[Step] = []
        self.values: dict[int, Typed] = {}
        self._numbers: dict[Step, int] = {}

    def add(self, step: Step) -> int:
        """The number of a step."""
        number = self._numbers.setdefault(step, len(self.all))
        if number == len(self.all):
            self.all.append(step)
        return number

    def constant(self, value: Typed) -> int:
        """The step that is a value; by its text, because -0.0 and 0.0 are equal."""
        number = self.add(Step("constant", str(value.kind), text=repr(value.value)))
        self.values[number] = value
        return number


class _Bound(NamedTuple):
    """An attribute's step, how many levels it adds, and whether it may be what only the library handles."""

    number: int
    levels: int
    strange: bool


class Binder:
    """Binds trees to a job (lower-case names and texts) and to slots; `at` is the time in whole epoch seconds.

    beside: attributes that differ from job to job where there are many, and the columns in which they stand.
    """

    def __init__(
        self,
        steps: Steps,
        job: Mapping[str, str],
        slots: Mapping[str, Attribute],
        at: int,
        beside: Mapping[str, str] | None = None,
    ) -> None:
        self._steps = steps
        self._job = job
        self._slots = slots
        self._beside = beside or {}
        self._at = at
        self._known: dict[tuple[str, str], _Bound] = {}
        self._path: list[tuple[str, str]] = []
        self._depth = self._deepest = 0
        self._strange = False
        self._formulas: Formulas | None = None

    def requirements(self, side: str) -> int:
        """The step that says whether a side's Requirements hold; Declined where the library must be asked."""
        return self._first((side, REQUIREMENTS)).number

    def whole(self, text: str, side: str) -> int:
        """The step that is the value of a text that nothing else reads; Declined like that."""
        self._path.append((side, ""))
        number = self._bound(text, side)
        self._path.pop()
        return number

    def _bound(self, text: str, side: str) -> int:
        tree = parsed(text)
        self._deepen(tree.depth)
        number = self._tail(tree, side) if len(self._path) == 1 else self._inner(tree, side)
        self._depth -= tree.depth
        return number

    def _inner(self, tree: Tree, side: str) -> int:
        if tree.odd:
            raise Declined("what only the library reads, read by another")
        return self._tree(tree, side)

    def _tail(self, tree: Tree, side: str) -> int:
        """What is odd may stand only where nothing is evaluated after it.

        The library's countMatches() can leave the evaluation in another ad: names that follow it are not found.
        """
        if not tree.odd:
            return self._tree(tree, side)
        if tree.name != "&&" or tree.parts[0].odd:
            return self._library(tree.text, side)
        return self._steps.add(Step("apply", "&&", (self._tree(tree.parts[0], side), self._tail(tree.parts[1], side))))

    def _deepen(self, levels: int) -> None:
        self._depth += levels
        self._deepest = max(self._deepest, self._depth)
        if self._depth > MAX_DEPTH:
            raise Declined("attributes that read one another too deeply")

    def _attribute(self, side: str, name: str) -> int:
        """The step that is the value of an attribute of the job or of the slots."""
        key = (side, name)
        if key in self._path:
            raise Declined("an attribute that reads itself")
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._first(key)
        self._deepen(found.levels)
        self._depth -= found.levels
        self._strange |= found.strange
        return found.number

    def _first(self, key: tuple[str, str]) -> _Bound:
        before = self._strange, self._deepest
        self._strange, self._deepest = False, self._depth
        self._path.append(key)
        self._deepen(STEEP)
        number = self._of_job(key[1]) if key[0] == JOB else self._of_slots(key[1])
        self._depth -= STEEP
        self._path.pop()
        found = _Bound(number, self._deepest - self._depth, self._strange)
        self._strange, self._deepest = before[0], max(before[1], self._deepest)
        return found

    def _of_job(self, name: str) -> int:
        if name in self._beside:
            return self._steps.add(Step("column", self._beside[name]))
        text = self._job.get(name)
        if text is None:
            return self._steps.constant(Typed(UNDEFINED))
        value = literal(text)
        return self._bound(text, JOB) if value is None else self._steps.constant(value)

    def _of_slots(self, name: str) -> int:
        found = self._slots.get(name)
        if found is None:
            return self._steps.constant(Typed(UNDEFINED))
        self._strange |= found.strange
        if not found.formulas:
            return self._steps.add(Step("column", name))
        told = {code: self._of_slot(text) for code, text in found.formulas.items()}
        return self._steps.add(Step("formulas", name, tuple(told.values()), codes=tuple(told)))

    def _of_slot(self, text: str) -> int:
        before = self._depth, len(self._path), self._strange
        try:
            return self._bound(text, SLOT)
        except Declined:  # only the slots that have it are asked of the library
            value = Typed(OTHER)
        except Refused:  # the ads that have it are refused: whatever it is, they do not match
            value = Typed(UNDEFINED)
        self._depth, height, self._strange = before
        del self._path[height:]
        return self._steps.constant(value)

    def _tree(self, tree: Tree, side: str) -> int:
        if tree.kind == "literal":
            return self._steps.constant(tree.value)
        if tree.kind == "name":
            return self._name(tree, side)
        sign = _SAME.get((tree.name, len(tree.parts))) if tree.kind == "call" else tree.name
        if tree.kind != "list" and sign in OPERATORS:
            return self._steps.add(Step("apply", sign, tuple(self._tree(part, side) for part in tree.parts)))
        return self._asked(tree, side)

    def _name(self, tree: Tree, side: str) -> int:
        name = tree.name
        other = SLOT if side == JOB else JOB
        if name == TIME:
            return self._steps.constant(Typed(INTEGER, self._at))
        if tree.scope:
            return self._attribute(side if tree.scope == "my" else other, name)
        if side == JOB:
            return self._attribute(JOB if name in self._job or name in self._beside else SLOT, name)
        mine = self._slots.get(name)
        if mine is None or mine.everywhere:
            return self._attribute(JOB if mine is None else SLOT, name)
        return self._steps.add(Step("either", name, (self._attribute(SLOT, name), self._attribute(JOB, name))))

    def _asked(self, tree: Tree, side: str) -> int:
        """A function or a list; where an argument may be what only the library handles, it gets the whole of it."""
        if self._textual(tree):
            return self._library(tree.text, side, plain=True)
        before, self._strange = self._strange, False
        step = self._compute(tree, side) if self._computed(tree) else self._ask(tree, side)
        strange, self._strange = self._strange, before
        depth = self._depth
        try:
            return self._library(tree.text, side, plain=True) if strange else self._steps.add(step)
        except Declined:  # asked all the same: the rows that have such an argument are left
            self._depth = depth
            return self._steps.add(step)

    def _textual(self, tree: Tree) -> bool:
        """Whether the text of a list may matter, not its values."""
        if tree.kind not in {"call", "list", "item"} or self._computed(tree):
            return False
        listed = tree.kind == "item" or tree.name in LISTED
        return any((part.kind == "list" and not listed) or self._textual(part) for part in tree.parts)

    def _compute(self, tree: Tree, side: str) -> Step:
        given = tuple(self._tree(part, side) for part in tree.parts)
        text = f"{tree.name}({', '.join(f'a{number}' for number in range(len(given)))})"
        return Step("compute", tree.name, given, text)

    def _ask(self, tree: Tree, side: str) -> Step:
        given: list[int] = []
        text = self._template(tree, side, given)
        return Step("ask", of=tuple(given), text=text)

    def _template(self, tree: Tree, side: str, given: list[int]) -> str:
        """The text to ask; what is computed here becomes a0, a1 and so on."""
        if tree.kind == "literal":
            return tree.text
        if tree.kind in {"call", "list", "item"} and not self._computed(tree):
            parts = [self._template(part, side, given) for part in tree.parts]
            return _SHAPES[tree.kind].format(tree.name, ", ".join(parts), *parts[:2])
        number = self._tree(tree, side)
        if number not in given:
            given.append(number)
        return f"a{given.index(number)}"

    @staticmethod
    def _computed(tree: Tree) -> bool:
        key = (tree.name, len(tree.parts))
        return tree.kind == "call" and (key in COMPUTED or key in _SAME)

    def _library(self, text: str, side: str, *, plain: bool = False) -> int:
        """The whole of it asked; where something is evaluated after it, only if all that it reads is `plain`."""
        if self._formulas is None:
            own = {name: (own,) for name, own in self._job.items() if literal(own) is None}
            self._formulas = together(own, {name: one.formulas.values() for name, one in self._slots.items()})
        levels = levels_read(text, self._formulas)
        self._deepen(levels)
        self._depth -= levels
        names = names_read(text, self._formulas)
        if not names.isdisjoint(self._beside):
            raise Declined("what differs from job to job")
        if plain and any(odd(own) for name in names for own in self._formulas.get(name, ())):
            raise Declined("a function of what only the library reads")
        job = tuple((name, self._job[name]) for name in sorted(names & self._job.keys()))
        at = self._at if TIME in names else 0
        return self._steps.add(Step("library", side, text=text, names=names, job=job, at=at))


_SAME = {("ifthenelse", 3): "?"}
"""Functions that are operators by another name."""
_SHAPES = {"call": "{0}({1})", "list": "{{{1}}}", "item": "({2})[{3}]"}
