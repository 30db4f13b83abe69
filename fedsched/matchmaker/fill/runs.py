"""Runs: how many startds in a row one class starts at one place, so that they are booked and written at once.

Who is next and where is asked once for all of them, where nothing could answer differently in between.
"""

from __future__ import annotations

from fedsched.matchmaker.fill.rounds import Round
from fedsched.matchmaker.fill.tree import Tree
from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.options import Option


def in_a_row(turn: Turn, option: Option, rounds: Round, tree: Tree, left: int) -> int:
    """How many startds the class whose turn it is starts at its place before anything but room there could end that.

    That is: another class would be next, its next job is of another priority, its limits, something keeps every startd
    from the place. option: what was chosen last, where nothing else counts (Round.lasts). left: what its limits allow.
    """
    most = min(left, turn.alike(option.units), rounds.book.in_a_row(turn.options.place(turn.chosen)))
    milli = rounds.shared.sizes.of(option.size)
    return tree.in_a_row(most, milli) if milli and most > 1 else 1
