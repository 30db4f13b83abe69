"""A source of chance with words for it."""

from __future__ import annotations

import random
from typing import TypeVar

T = TypeVar("T")


class Luck(random.Random):
    """A source of chance with words for it."""

    def one(self, *weighted: tuple[float, T]) -> T:
        """One of several by weight."""
        return self.choices([what for _, what in weighted], [weight for weight, _ in weighted])[0]

    def now_and_then(self, chance: float) -> bool:
        """True that often."""
        return self.random() < chance
