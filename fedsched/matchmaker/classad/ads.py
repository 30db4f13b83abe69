"""ClassAds made from (name, text) pairs: each text passes the gate, and together they may not grow without end."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from fedsched.matchmaker.classad.gate import NOW, Refused, bound, calls_contexts, reads, weight
from fedsched.matchmaker.classad.literals import BOOLEAN, INTEGER, STRING, literal

# htcondor2 registers stringListMember and its kin with the ClassAd library: it must be imported first.
import htcondor2  # isort: skip  # noqa: F401
import classad2  # isort: skip

Reads: TypeAlias = dict[str, list[tuple[str, int]]]
Shape: TypeAlias = frozenset[tuple[str, frozenset[str]]]
"""Attributes that are more than literals, each with the names that its text holds; all in lower case."""

MAX_EXPANDED = 1 << 17
"""Most that one attribute may weigh, in bytes of text, once all attributes that it reads are written out."""


class Ad:
    """One side of a match. Attribute names are case-insensitive; the last of two equal names counts.

    at: epoch seconds that `time()` and CurrentTime mean, None when they are bound later by a match.
    Refused when an attribute does not pass the gate or stands for too much.
    """

    __slots__ = ("_ad", "_hash", "_key", "_shape", "_texts")

    def __init__(self, attributes: Iterable[tuple[str, str]], at: float | None = None) -> None:
        self._texts = {name.lower(): (name, text) for name, text in attributes}
        texts = {key: text for key, (_, text) in self._texts.items()}
        check_together(texts)
        self._key = frozenset(texts.items())
        self._hash = hash(self._key)
        self._shape: Shape | None = None
        self._ad = classad2.ClassAd({name: _given(text, name) for name, text in self._texts.values()})
        if at is not None:
            self.bind(at)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        """By names and texts; the time that is bound does not count."""
        return self is other or (isinstance(other, Ad) and self._key == other._key)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(name, text) of every attribute, as given."""
        return tuple(self._texts.values())

    @property
    def shape(self) -> Shape:
        """What reads what."""
        if self._shape is None:
            self._shape = _shape({key: text for key, (_, text) in self._texts.items()})
        return self._shape

    def text(self, name: str) -> str | None:
        """The expression behind an attribute as it was given; None when there is none."""
        found = self._texts.get(name.lower())
        return None if found is None else found[1]

    def bind(self, at: float) -> classad2.ClassAd:
        """The library's ad, with the time set to `at` (whole epoch seconds, as time() gives)."""
        self._ad[NOW] = int(at)
        return self._ad

    @property
    def library_ad(self) -> Any:
        """The ad as the library has it."""
        return self._ad


def _shape(texts: Mapping[str, str]) -> Shape:
    mentioned = ((name, frozenset(other for other, _ in reads(text))) for name, text in texts.items())
    return _one_of_its_kind(frozenset(pair for pair in mentioned if pair[1]))


@lru_cache(maxsize=4096)
def _one_of_its_kind(shape: Shape) -> Shape:
    """Equal shapes as one object: they are compared for every pair."""
    return shape


def tree(text: str, name: str = "") -> classad2.ExprTree:
    """The parsed expression; Refused when the gate or the parser says no. `name` is only for the message."""
    where = f"{name}: " if name else ""
    try:
        return classad2.ExprTree(bound(text))
    except Refused as no:
        raise Refused(f"{where}{no}") from None
    except (classad2.ClassAdException, AssertionError, ValueError) as broken:
        raise Refused(f"{where}not a ClassAd expression") from broken


def _given(text: str, name: str) -> bool | int | str | classad2.ExprTree:
    """A value where the text is plainly one, which costs a tenth of parsing it; else the expression."""
    plain = literal(text)
    return tree(text, name) if plain is None or plain.kind not in _PLAIN else plain.value


_PLAIN = frozenset({BOOLEAN, INTEGER, STRING})


def check_together(texts: Mapping[str, str]) -> None:
    """Refused when attributes (by lower-case name) stand for too much: reading each other, they double with every step.

    What a text reads is counted whichever ad it names: the other ad may refer back. Texts that the gate refuses are
    refused when the ad is made; here they read nothing.
    """
    read = {name: _reads(text, texts) for name, text in texts.items() if literal(text) is None}
    if not read:
        return  # what reads nothing weighs no more than its text
    read |= {name: [] for found in tuple(read.values()) for name, _ in found if name not in read}
    texts = {name: texts[name] for name in read}
    _expanded(texts, read)
    walkers = {name for name, text in texts.items() if _walks(text)}
    for name in walkers:
        if _reached(name, read) & walkers:
            raise Refused(f"{name}: evaluates in each context what does so again")


def expanded(texts: Mapping[str, str]) -> dict[str, int]:
    """What each attribute (by lower-case name) weighs once all that it reads of these is written out, in bytes."""
    return _expanded(texts, {name: _reads(text, texts) for name, text in texts.items()})


def _expanded(texts: Mapping[str, str], read: Reads) -> dict[str, int]:
    lengths = {name: _weight(text) for name, text in texts.items()}
    sizes: dict[str, int] = {}
    for name in texts:
        _expand(name, lengths, read, sizes)
    return sizes


def _walks(text: str) -> bool:
    try:
        return calls_contexts(text)
    except Refused:
        return False


def _weight(text: str) -> int:
    try:
        return weight(text)
    except Refused:
        return len(text)


def _reads(text: str, names: Container[str]) -> list[tuple[str, int]]:
    try:
        return [(name, times) for name, times in reads(text) if name in names]
    except Refused:
        return []


def _expand(name: str, lengths: dict[str, int], read: Reads, sizes: dict[str, int]) -> None:
    """Sets sizes[name]: the bytes it stands for. No recursion in Python; a cycle counts once (the library ends it)."""
    stack = [(name, False)]
    on_path: set[str] = set()
    while stack:
        key, done = stack.pop()
        if done:
            on_path.discard(key)
            sizes[key] = lengths[key] + sum(times * sizes.get(other, 0) for other, times in read[key])
            if sizes[key] > MAX_EXPANDED:
                raise Refused(f"{key}: stands for more than {MAX_EXPANDED >> 10} KiB once written out")
        elif key not in sizes and key not in on_path:
            on_path.add(key)
            stack.append((key, True))
            stack += [(other, False) for other, _ in read[key]]


def _reached(name: str, read: Reads) -> set[str]:
    """Attributes that evaluating `name` may evaluate; itself only by a cycle."""
    seen: set[str] = set()
    queue = [other for other, _ in read[name]]
    while queue:
        key = queue.pop()
        if key not in seen:
            seen.add(key)
            queue += [other for other, _ in read[key]]
    return seen
