"""Documents made from recorded cycles, for the API and `-o json` alike; nothing is decided or sent here."""

from fedsched.answers.answerer import Answerer
from fedsched.answers.chronicle import Chronicle, recalled
from fedsched.answers.explained import Beyond
from fedsched.answers.gone import gone_in
from fedsched.answers.history import Turns, turns_in
from fedsched.answers.proving import Beside, Prove, here
from fedsched.answers.view import View

__all__ = [
    "Answerer",
    "Beside",
    "Beyond",
    "Chronicle",
    "Prove",
    "Turns",
    "View",
    "gone_in",
    "here",
    "recalled",
    "turns_in",
]
