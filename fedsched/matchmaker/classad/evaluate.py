"""The ClassAd library's answers on checked expressions: matches, values, numbers; it decides nothing."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, TypeAlias

from fedsched.matchmaker.classad.ads import Ad, tree
from fedsched.matchmaker.classad.scan import Refused, tokens

# See ads.py: htcondor2 first.
import htcondor2  # isort: skip  # noqa: F401
import classad2  # isort: skip

Value: TypeAlias = bool | int | float | str | list[Any] | None
"""What an expression can be here; None stands for UNDEFINED, ERROR and all that cannot be evaluated."""

_NOTHING = Ad(())


class Expression:
    """A parsed expression with the text that it came from. Made by `parse`."""

    __slots__ = ("text", "tree")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = tree(text)

    def __repr__(self) -> str:
        return f"Expression({self.text[:80]!r})"


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The expression, checked and parsed once per text; Refused with the reason."""
    return Expression(text)


def evaluate(expression: Expression, my: Ad, target: Ad | None = None) -> Value:
    """The value of an expression where MY is `my` and TARGET is `target`."""
    other = None if target is None else target.library_ad
    try:
        return _plain(expression.tree.eval(my.library_ad, other))
    except (classad2.ClassAdException, UnicodeDecodeError):
        # Deeper or longer than the library evaluates, or bytes that are no text: an error like any other.
        return None


def evaluable(expression: Expression, my: Ad) -> bool:
    """Whether the library comes to any answer, be it ERROR: it gives up on a tree that is more than 400 deep."""
    try:
        expression.tree.eval(my.library_ad)
    except classad2.ClassAdException:
        return False
    except UnicodeDecodeError:
        return True
    return True


def evaluate_number(expression: Expression, my: Ad, target: Ad | None = None) -> float | None:
    """The finite number that an expression gives; booleans are 0 and 1; None for everything else."""
    value = evaluate(expression, my, target)
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return float(value)
    return None


def symmetric(job: Ad, slot: Ad, at: float) -> bool:
    """Whether both sides' Requirements are true of the other at `at` (MA1); UNDEFINED and ERROR are not a match."""
    if job is slot:
        slot = Ad(slot.pairs)  # the library loses its way in an ad that is its own other side
    try:
        return bool(job.bind(at).symmetricMatch(slot.bind(at)))
    except classad2.ClassAdException:
        return False


def quote(text: str) -> str:
    """ClassAd text of a string literal."""
    return str(classad2.quote(text))


def unquote(text: str) -> str:
    """The string that a string literal stands for; "" for everything that is not one string literal."""
    try:
        parts = tokens(text)
    except Refused:
        return ""
    if len(parts) != 1 or parts[0].kind != "text":
        return ""
    try:
        return str(classad2.unquote(parts[0].text))
    except (classad2.ClassAdException, ValueError):
        return ""


def _plain(value: Any) -> Value:
    if isinstance(value, classad2.Value):
        return None
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(_evaluated(item)) for item in value]
    return None


def _evaluated(item: Any) -> Any:
    if not isinstance(item, classad2.ExprTree):
        return item
    try:
        return item.eval(_NOTHING.library_ad)
    except (classad2.ClassAdException, UnicodeDecodeError):
        return None
