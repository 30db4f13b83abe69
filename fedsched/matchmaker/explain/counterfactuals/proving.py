"""Whether a change helps a class, and the least amount of it that does: found by deciding again; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from fedsched.matchmaker.explain.counterfactuals.changes import World, changed
from fedsched.matchmaker.explain.counterfactuals.phrases import joined
from fedsched.matchmaker.model import ClassReport, Counterfactual, Step
from fedsched.matchmaker.negotiate import fares
from fedsched.matchmaker.reasons import VERDICT_ORDER, Verdict

STARTS, COULD = 2, 1
MOST_ROUNDS = 4
"""So often all amounts of a change are made smaller in turn; one that still is not the least then is not told."""


class Knob(NamedTuple):
    """One thing that can be changed by whole units. at: the change for so many units, of which more never help less.

    hints: units that may do, ascending; the largest is as far as it goes.
    """

    hints: tuple[int, ...]
    at: Callable[[int], Step]


class Candidate(NamedTuple):
    """A change that is worth trying: what is turned together. rank: how easily it is decided, the easiest first."""

    rank: int
    knobs: tuple[Knob, ...]


class Prover:
    """Proves changes for one class of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._now = self._fares(())

    @property
    def report(self) -> ClassReport | None:
        """How the class fares without any change."""
        return self._now

    def prove(self, candidate: Candidate) -> Counterfactual | None:
        """The least of that change that helps, with what comes of it; None where none does.

        Of each thing that is changed one unit less was tried and did not help.
        """
        goal = self._helps(candidate.knobs, _furthest(candidate.knobs))
        if not goal:
            return None
        knobs = self._needed(candidate.knobs, goal)
        units = _furthest(knobs)
        for _ in range(MOST_ROUNDS):
            before = tuple(units)
            for place, knob in enumerate(knobs):
                hints = (*(hint for hint in knob.hints if hint < units[place]), units[place])
                units[place] = least(partial(self._does, knobs, units, (place, goal)), hints)
            if len(knobs) == 1 or tuple(units) == before:
                steps = tuple(knob.at(amount) for knob, amount in zip(knobs, units, strict=True))
                return self._told(steps)
        return None

    def _needed(self, knobs: tuple[Knob, ...], goal: int) -> tuple[Knob, ...]:
        """Those of them without which the rest does not help."""
        for knob in knobs if len(knobs) > 1 else ():
            others = tuple(one for one in knobs if one is not knob)
            if others and self._helps(others, _furthest(others)) >= goal:
                knobs = others
        return knobs

    def _told(self, steps: tuple[Step, ...]) -> Counterfactual | None:
        then, now = self._fares(steps), self._now
        if then is None or now is None:
            return None
        starts = then.placed - now.placed
        what = "requirements" if steps[0].what == "clause" else steps[0].what
        return Counterfactual(
            what, _sentence(steps, then, now, starts), max(0, starts), then.verdict, steps[0].member, steps
        )

    def _does(self, knobs: Sequence[Knob], units: Sequence[int], wanted: tuple[int, int], amount: int) -> bool:
        """Whether the change helps as it should with so much of one thing. wanted: which thing, and the goal."""
        place, goal = wanted
        return self._helps(knobs, [*units[:place], amount, *units[place + 1 :]]) >= goal

    def _helps(self, knobs: Sequence[Knob], units: Sequence[int]) -> int:
        """STARTS where more jobs start, COULD where none does but the next of MA3's answers is given, else 0."""
        then = self._fares(tuple(knob.at(amount) for knob, amount in zip(knobs, units, strict=True)))
        now = self._now
        if then is None or now is None:
            return 0
        if then.placed > now.placed:
            return STARTS
        # "now" without a start: what is on its way already would do, and is no answer to what helps
        could = VERDICT_ORDER[now.verdict] < VERDICT_ORDER[then.verdict] < VERDICT_ORDER[Verdict.NOW]
        return COULD if could else 0

    def _fares(self, steps: tuple[Step, ...]) -> ClassReport | None:
        world = self._world
        for step in steps:
            world = changed(world, step)
        return fares(*world)


def _furthest(knobs: Sequence[Knob]) -> list[int]:
    return [knob.hints[-1] for knob in knobs]


def least(does: Callable[[int], bool], hints: Sequence[int]) -> int:
    """The least number of units that does, where the last hint is known to: one less was tried and does not."""
    fails, works = 0, hints[-1]
    for hint in _halving(hints):
        if fails < hint < works:
            if does(hint):
                works = hint
            else:
                fails = hint
    if works - fails > 1 and does(works - 1):
        works -= 1
    else:
        return works
    while works - fails > 1:
        middle = (fails + works) // 2
        if does(middle):
            works = middle
        else:
            fails = middle
    return works


def _halving(hints: Sequence[int]) -> Iterator[int]:
    """All hints, the middle one first, then those of each half: what lies outside the bounds by then is left out."""
    waiting = [tuple(hints)]
    while waiting:
        some = waiting.pop(0)
        if some:
            middle = len(some) // 2
            yield some[middle]
            waiting += [some[:middle], some[middle + 1 :]]


def _sentence(steps: tuple[Step, ...], then: ClassReport, now: ClassReport, starts: int) -> str:
    condition = joined(steps)
    if starts > 0:
        return f"{'' if starts >= now.unmet else f'{starts} of {now.unmet} '}would start now {condition}"
    if then.verdict is Verdict.CORDONED:
        return f"only a person's order would hold it back {condition}"
    return f"could run, though not now, {condition}"
