"""What a table knows of one kind of class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fedsched.matchmaker.match import Site
from fedsched.matchmaker.options.option import Numbers, Options
from fedsched.matchmaker.options.sweep import Sweep


class Ranked(NamedTuple):
    """Every place, best first, and of each place by number its ranks."""

    numbers: Numbers
    ranks: tuple[tuple[float, float], ...]


NOWHERE = Ranked(np.empty(0, np.int64), ())


class Judged(NamedTuple):
    """What a round knows of one kind of class. held: places that somebody holds back, complete once all options are.

    order: the same for all classes that prefer places in the same order.
    """

    sweep: Sweep
    held: list[Site]
    options: Options
    order: Ranked
