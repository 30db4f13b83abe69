"""Documents made from recorded cycles, for the API and `-o json` alike; nothing is decided or sent here."""

from fedsched.answers.answerer import Answerer
from fedsched.answers.chronicle import Chronicle, recalled
from fedsched.answers.history import Turns, turns_in
from fedsched.answers.view import View

__all__ = ["Answerer", "Chronicle", "Turns", "View", "recalled", "turns_in"]
