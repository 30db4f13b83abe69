"""The linear program that a round is measured against: divisible units on the same rooms and limits.

Reads a case and what was placed; how the round came to it is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

import highspy
import numpy as np

from fedsched.matchmaker.model import DemandClass, Group, MemberTerms, MemberView
from fedsched.matchmaker.resources import Resources
from tests.quality.cases import Case

Row = dict[int, float]
"""Coefficients of one constraint by number of the variable."""
SURE = 1e-7
"""What the solver may be off by, as a part of a row."""


class Bound(NamedTuple):
    """How far divisible units could go.

    factor: the common one, t. each: by class, when those that are held at t by rooms or limits stay there, and the
    others grow on together, and so on until none can.
    """

    factor: float
    each: dict[str, float]


class Piece(NamedTuple):
    """One variable: what of a class runs on the nodes of one bar of one group."""

    demand: DemandClass
    member: str
    group: str
    bar: int


def bound(case: Case, placed: Mapping[str, int], growing: frozenset[str]) -> Bound:
    """The largest factors by which what was placed for the growing classes could grow.

    With x(c, b) ≥ 0 the units of class c, divisible, on the nodes of bar b of a node group that c may use:

        max t   with   Σ_b x(c, b) ≥ t · placed(c)               for growing classes c
                       Σ_b x(c, b) ≥ placed(c)                   for all others
                       Σ_c x(c, b) · footprint(c) ≤ nodes(b) · free(b)     for each bar, in each resource

    and ceilings, quotas, what stays free, groups' limits and concurrency limits in the same way. Everything may stand
    elsewhere than the round put it. How much is still asked for bounds nothing, which can only make t larger. At least
    one growing class was given something.
    """
    program = _Program(case, placed, growing)
    first, each = 0.0, dict[str, float]()
    while len(each) < len(program.growing):
        factor, held = program.solve()
        first = first or factor
        each |= dict.fromkeys(held, factor)
        program.stay(held, factor)
    return Bound(first, each)


class _Program:
    """The program as the solver has it; `stay` changes it."""

    def __init__(self, case: Case, placed: Mapping[str, int], growing: frozenset[str]) -> None:
        self._pieces = tuple(_pieces(case, placed))
        self._t = len(self._pieces)
        self._placed = placed
        asked = [one.key for one in case.classes if placed.get(one.key)]
        self._rows = {key: number for number, key in enumerate(asked)}
        self.growing = [key for key in asked if key in growing]
        rows = [self._wants(key, grows=key in growing) for key in asked]
        lowest = [0.0 if key in growing else float(placed[key]) for key in asked]
        caps = [cap for cap in _caps(case, self._pieces) if cap[0]]
        self._solver = _loaded(self._t, rows, lowest, caps)

    def _wants(self, key: str, *, grows: bool) -> Row:
        found = {number: 1.0 for number, piece in enumerate(self._pieces) if piece.demand.key == key}
        return found | ({self._t: -float(self._placed[key])} if grows else {})

    def solve(self) -> tuple[float, list[str]]:
        """The factor, and the classes whose want is what keeps it from growing: the price of theirs is not nothing."""
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise AssertionError(f"no factor: {self._solver.getModelStatus()}")
        found = self._solver.getSolution()
        open_ = [key for key in self.growing if key in self._rows]
        prices = {key: abs(found.row_dual[self._rows[key]]) * self._placed[key] for key in open_}
        most = max(prices.values())
        return float(found.col_value[self._t]), [key for key in open_ if prices[key] > most * 1e-6]

    def stay(self, keys: list[str], factor: float) -> None:
        """These keep what they have at that factor, whatever becomes of it."""
        for key in keys:
            row = self._rows.pop(key)
            self._solver.changeCoeff(row, self._t, 0.0)
            self._solver.changeRowBounds(row, factor * self._placed[key] * (1 - SURE), highspy.kHighsInf)


def _pieces(case: Case, placed: Mapping[str, int]) -> Iterator[Piece]:
    """What was given nothing grows by no factor: it has no part in the program."""
    rooms = {
        (view.name, group.name): len(group.rooms)
        for view in case.snapshot.observation.members
        for group in view.node_groups
    }
    for demand in case.classes:
        if placed.get(demand.key):
            for member, group in sorted(case.may[demand.key]):
                yield from (Piece(demand, member, group, bar) for bar in range(rooms[member, group]))


# -- what nobody may pass: (coefficients, most) ------------------------------------------------------------------------


def _caps(case: Case, pieces: tuple[Piece, ...]) -> Iterator[tuple[Row, float]]:
    terms = {one.name: one for one in case.snapshot.terms}
    footprints = [piece.demand.request + terms[piece.member].pod_overhead for piece in pieces]
    for view in case.snapshot.observation.members:
        its = {number: footprints[number] for number, piece in enumerate(pieces) if piece.member == view.name}
        yield from _of_nodes(view, terms[view.name], pieces, its)
        yield from _of_member(view, terms[view.name], its)
    for group in case.policy.groups:
        inside = {n: piece.demand.request for n, piece in enumerate(pieces) if _inside(piece.demand, group)}
        yield from _below(inside, group.limit, group.limit_names)
    for limit in case.policy.limits:
        units = {n: float(dict(piece.demand.concurrency).get(limit.name, 0)) for n, piece in enumerate(pieces)}
        yield {number: amount for number, amount in units.items() if amount}, float(limit.units)


def _of_nodes(
    view: MemberView, terms: MemberTerms, pieces: tuple[Piece, ...], its: Mapping[int, Resources]
) -> Iterator[tuple[Row, float]]:
    for group in view.node_groups:
        here = {number: size for number, size in its.items() if pieces[number].group == group.name}
        for bar, room in enumerate(group.rooms):
            on_it = {number: size for number, size in here.items() if pieces[number].bar == bar}
            yield from _below(on_it, room.free.times(room.nodes))
        kept = dict(terms.leave_free).get(group.name, Resources())
        total = sum((room.free.times(room.nodes) for room in group.rooms), Resources())
        yield from _below(here, total - kept, frozenset(name for name, amount in kept.items() if amount))


def _of_member(view: MemberView, terms: MemberTerms, its: Mapping[int, Resources]) -> Iterator[tuple[Row, float]]:
    yield from _below(its, terms.ceiling, terms.ceiling_names)
    for quota in view.quotas:
        yield from _below(its, quota.left, quota.limits)


def _below(
    sizes: Mapping[int, Resources], most: Resources, names: frozenset[str] | None = None
) -> Iterator[tuple[Row, float]]:
    """One row for each resource: all of them where no names are given."""
    for name, amount in most.items():
        if names is None or name in names:
            row = {number: float(size.get(name)) for number, size in sizes.items() if size.get(name)}
            yield row, float(max(0, amount))


def _inside(demand: DemandClass, group: Group) -> bool:
    path = demand.principal.group
    return path == group.path or path.startswith(f"{group.path}.")


# -- the solver --------------------------------------------------------------------------------------------------------


def _loaded(t: int, wants: list[Row], lowest: list[float], caps: list[tuple[Row, float]]) -> highspy.Highs:
    """For the greatest t, the last variable; each cap as a part of what there is, so that all rows are of one scale."""
    scaled = [({n: a / most for n, a in row.items()}, 1.0) if most else (row, 0.0) for row, most in caps]
    rows = [*wants, *(row for row, _ in scaled)]
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = t + 1, len(rows)
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = np.array([0.0] * t + [1.0])
    model.col_lower_ = np.zeros(t + 1)
    model.col_upper_ = np.full(t + 1, highspy.kHighsInf)
    model.row_lower_ = np.array([*lowest, *[-highspy.kHighsInf] * len(scaled)])
    model.row_upper_ = np.array([*[highspy.kHighsInf] * len(wants), *(most for _, most in scaled)])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.array([0, *accumulate(len(row) for row in rows)])
    model.a_matrix_.index_ = np.array([number for row in rows for number in row])
    model.a_matrix_.value_ = np.array([amount for row in rows for amount in row.values()])
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # its stub says nothing of it
    solver.setOptionValue("output_flag", False)  # noqa: FBT003 - the solver's own way
    solver.setOptionValue("threads", 1)
    solver.passModel(model)
    return solver
