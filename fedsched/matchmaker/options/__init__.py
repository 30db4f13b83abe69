"""Where a class could run, in which form, with startds of which size, best first (MA5); not whether there is room.

One table serves one round: what is asked twice is judged once, and what nobody asks is not judged.
"""

from fedsched.matchmaker.options.answers import Answer
from fedsched.matchmaker.options.asking import Asked
from fedsched.matchmaker.options.ground import Ground
from fedsched.matchmaker.options.option import Choosing, Option, Options
from fedsched.matchmaker.options.sets import CANDIDATES, UNCOUNTED, candidates
from fedsched.matchmaker.options.tables import Table

__all__ = [
    "CANDIDATES",
    "UNCOUNTED",
    "Answer",
    "Asked",
    "Choosing",
    "Ground",
    "Option",
    "Options",
    "Table",
    "candidates",
]
