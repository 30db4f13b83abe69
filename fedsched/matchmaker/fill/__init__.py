"""Turns: which class gets the next startd, and where (FS6, MA2, MA5); within what shares, bounds and purses allow.

What could run where at all is matching's; what the room is, is the book's; who has a right to what, sharing's.
"""

from fedsched.matchmaker.fill.ends import Ends
from fedsched.matchmaker.fill.filling import Filled, fill, fill_for
from fedsched.matchmaker.fill.rounds import Round
from fedsched.matchmaker.fill.turn import Ask, Trusted, Turn

__all__ = ["Ask", "Ends", "Filled", "Round", "Trusted", "Turn", "fill", "fill_for"]
