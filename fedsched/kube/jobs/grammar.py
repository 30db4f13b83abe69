"""Rules that say what a value of a manifest may be, and what becomes of it; which fields there are is said elsewhere.

A rule takes a value, its path and the reading; it gives what goes on, or LEFT_OUT. What is wrong goes to the reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from fedsched.kube.quantities import value as quantity_value

LEFT_OUT: Any = object()
"""What a rule gives for a value that does not go on to a member."""
MOST_PROBLEMS = 8
MOST_GRANTS = 32
LONGEST_SHOWN = 60
LARGEST_INT = 2**31 - 1
EMPTY: tuple[Any, ...] = (None, "", False, [], {})
"""Values that say as little as a field that is not there."""

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
KEY = re.compile(r"[A-Za-z0-9._-]{1,253}", re.ASCII)


class Reading:
    """What is found while a Job is read: problems, grants that it needs, objects that it names, what is left out."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []
        self.grants: set[str] = set()
        self.objects: set[tuple[str, str]] = set()
        self.left_out: list[str] = []

    def wrong(self, path: str, why: str) -> Any:
        """Remember a problem; gives LEFT_OUT, so that a rule can return it."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append((path, why))
        return LEFT_OUT

    def needs(self, grant: str, path: str) -> None:
        """Only a member whose file lists `grant` may take the Job."""
        if len(self.grants) >= MOST_GRANTS:
            self.wrong(path, f"a Job may need at most {MOST_GRANTS} grants of a member")
        else:
            self.grants.add(f"{grant} {path}")

    def leave(self, path: str) -> Any:
        """Something harmless stays behind."""
        if len(self.left_out) < MOST_PROBLEMS:
            self.left_out.append(path)
        return LEFT_OUT


Rule = Callable[[Any, str, Reading], Any]
"""A rule gives the value as it goes on to a member, or LEFT_OUT."""


def shown(value: Any) -> str:
    """A foreign value for a message: short, quoted, printable."""
    text = value if isinstance(value, str) else str(value)[: 2 * LONGEST_SHOWN]
    clean = "".join(c if c.isprintable() else "?" for c in text[:LONGEST_SHOWN])
    return repr(clean + "…") if len(text) > LONGEST_SHOWN else repr(clean)


def text(pattern: re.Pattern[str] | None = None, most: int = 1024) -> Rule:
    """A string; without a pattern any text but NUL."""

    def take(value: Any, path: str, into: Reading) -> Any:
        if not isinstance(value, str):
            return into.wrong(path, "must be a string")
        if len(value) > most:
            return into.wrong(path, f"has {len(value)} characters, at most {most} may be")
        if "\0" in value:
            return into.wrong(path, "has a NUL character")  # the text itself may be a secret
        if pattern is not None and not pattern.fullmatch(value):
            return into.wrong(path, f"may not be {shown(value)}")
        return value

    return take


def whole(least: int = 0, most: int = LARGEST_INT) -> Rule:
    """A whole number within bounds."""

    def take(value: Any, path: str, into: Reading) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return into.wrong(path, "must be a whole number")
        return value if least <= value <= most else into.wrong(path, f"must be between {least} and {most}")

    return take


def flag(value: Any, path: str, into: Reading) -> Any:
    """True or false."""
    return value if isinstance(value, bool) else into.wrong(path, "must be true or false")


def one_of(*allowed: Any) -> Rule:
    """One of a few values."""

    def take(value: Any, path: str, into: Reading) -> Any:
        if any(value == each and isinstance(value, type(each)) for each in allowed):
            return value
        return into.wrong(path, f"may be {' or '.join(map(str, allowed))}, not {shown(value)}")

    return take


def refused(why: str, *harmless: Any) -> Rule:
    """Nothing but an empty value or a harmless one, which is left out."""

    def take(value: Any, path: str, into: Reading) -> Any:
        if any(value == each and isinstance(value, type(each)) for each in (*EMPTY, *harmless)):
            return LEFT_OUT
        return into.wrong(path, why)

    return take


def read_only(rule: Rule) -> Rule:
    """Checked, and not passed on."""

    def take(value: Any, path: str, into: Reading) -> Any:
        rule(value, path, into)
        return LEFT_OUT

    return take


def granted(name: str, rule: Rule, *harmless: Any) -> Rule:
    """Goes on, but only to members that grant it: `name`, or `name=value` for what is no flag.

    harmless: values that need no grant, as False needs none.
    """

    def take(value: Any, path: str, into: Reading) -> Any:
        kept = rule(value, path, into)
        if kept is LEFT_OUT or kept is False or any(kept == each for each in harmless):
            return kept
        into.needs(name if kept is True else f"{name}={kept}", path)
        return kept

    return take


def named(kind: str, rule: Rule) -> Rule:
    """The name of an object in the Job's namespace."""

    def take(value: Any, path: str, into: Reading) -> Any:
        kept = rule(value, path, into)
        if kept is not LEFT_OUT:
            into.objects.add((kind, kept))
        return kept

    return take


def list_of(rule: Rule, most: int = 100, least: int = 0) -> Rule:
    """A list of alike."""

    def take(value: Any, path: str, into: Reading) -> Any:
        if not isinstance(value, list):
            return into.wrong(path, "must be a list")
        if not least <= len(value) <= most:
            return into.wrong(path, f"has {len(value)} items, {least} to {most} may be")
        kept = [rule(each, f"{path}[{number}]", into) for number, each in enumerate(value)]
        return [each for each in kept if each is not LEFT_OUT]

    return take


def map_of(key: re.Pattern[str], rule: Rule, most: int = 64) -> Rule:
    """A map with free keys."""

    def take(value: Any, path: str, into: Reading) -> Any:
        if not isinstance(value, dict):
            return into.wrong(path, "must be a map")
        if len(value) > most:
            return into.wrong(path, f"has {len(value)} keys, at most {most} may be")
        found = {}
        for name, each in value.items():
            if not isinstance(name, str) or not key.fullmatch(name):
                into.wrong(f"{path}[{shown(name)}]", "is no name that may stand here")
            elif (kept := rule(each, f"{path}[{name}]", into)) is not LEFT_OUT:
                found[name] = kept
        return found

    return take


def record(fields: Mapping[str, Rule], needed: Collection[str] = ()) -> Rule:
    """A map with known keys; every other key is a problem. A null is as good as nothing."""

    def take(value: Any, path: str, into: Reading) -> Any:
        if not isinstance(value, dict):
            return into.wrong(path, "must be a map")
        found = {}
        for name, each in value.items():
            where = f"{path}.{name}" if isinstance(name, str) and name in fields else f"{path}.{shown(name)[1:-1]}"
            if not isinstance(name, str) or name not in fields:
                into.wrong(where, "is no field that may go to a member")
            elif each is not None and (kept := fields[name](each, where, into)) is not LEFT_OUT:
                found[name] = kept
        for name in needed:
            if value.get(name) is None:
                into.wrong(f"{path}.{name}", "is missing")
        return found

    return take


def exactly_one(fields: Mapping[str, Rule], what: str, beside: Mapping[str, Rule] | None = None) -> Rule:
    """A record of which one field says the kind; `beside` may stand in any."""
    inner = record({**fields, **(beside or {})})

    def take(value: Any, path: str, into: Reading) -> Any:
        kept = inner(value, path, into)
        if isinstance(value, dict) and sum(value.get(name) is not None for name in fields) != 1:
            known = all(name in fields or name in (beside or {}) for name in value)
            return into.wrong(path, f"must be exactly one {what}") if known else kept
        return kept

    return take


def quantity(value: Any, path: str, into: Reading) -> Any:
    """An amount as Kubernetes writes it, not negative; numbers are made text."""
    written = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(written, str) or len(written) > 64:
        return into.wrong(path, "must be a quantity")
    amount = quantity_value(written)
    if amount is None or amount < 0:
        return into.wrong(path, f"is no quantity: {shown(written)}")
    return written
