"""What must hold after every step of a simulated federation: safety properties, each a sentence with its rule."""

from fedsched.study.invariants.checker import STEPS, WRITES, Broken, Checker
from fedsched.study.invariants.past import Journaled, World

__all__ = ["STEPS", "WRITES", "Broken", "Checker", "Journaled", "World"]
