"""Runs: how many startds in a row one class starts at one place, so that they are booked and written at once.

Who is next and where is asked once for all of them, where nothing could answer differently in between.
"""

from __future__ import annotations

from fedsched.matchmaker.fill.rounds import Round
from fedsched.matchmaker.fill.tree import Tree
from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.options import Option


def in_a_row(turn: Turn, option: Option, rounds: Round, tree: Tree) -> int:
    """How many startds the class whose turn it is starts at its place before anything but room there could end that.

    That is: another class would be next, its next job is of another priority, something keeps every startd from the
    place. Its limits are not looked at. option: what was chosen last, where nothing else counts (Round.lasts).
    """
    milli = rounds.shared.sizes.of(option.size)
    most = tree.in_a_row(turn.alike(option.units), milli) if milli else 1
    return min(most, rounds.book.in_a_row(turn.options.place(turn.chosen))) if most > 1 else 1
