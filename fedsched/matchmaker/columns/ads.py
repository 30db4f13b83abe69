"""What ads say, attribute by attribute: literals as columns, formulas as texts, refusals as the gate has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from fedsched.matchmaker.classad.ads import check_together, tree
from fedsched.matchmaker.classad.gate import NOW, Refused, bound, reads
from fedsched.matchmaker.classad.literals import OTHER, UNDEFINED, WORDS, Typed, literal
from fedsched.matchmaker.classad.typed import constant
from fedsched.matchmaker.columns.values import Column, Mask, Rows, Strings, column_of

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""An ad: (name, ClassAd text). Names are case-insensitive; the last of two equal ones counts."""

TIME = NOW.lower()
"""The name that both sides of a match have, whatever their ads say: the time."""
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_SPECIAL = frozenset({"my", "target", "other", "self", "parent", "root", "toplevel"})


def texts_of(pairs: Pairs) -> dict[str, str]:
    """The texts by lower-case name, without the time, which a match sets."""
    texts = {name.lower(): text for name, text in pairs}
    texts.pop(TIME, None)
    return texts


def readable(names: Iterable[str]) -> bool:
    """Whether these names of attributes mean the same here and to the library."""
    return all(_NAME.fullmatch(name) and name not in _SPECIAL for name in names)


def refused(texts: Mapping[str, str]) -> bool:
    """Whether the gate refuses an ad with these texts."""
    formulas = {name: text for name, text in texts.items() if literal(text) is None}
    try:
        read = {name for text in formulas.values() for name in _passed(text)}
        check_together({name: text for name, text in texts.items() if name in read or name in formulas})
    except Refused:
        return True
    return False


@lru_cache(maxsize=1 << 14)
def _passed(text: str) -> frozenset[str]:
    """What a text that the gate lets through may read: it alone can make other attributes weigh."""
    tree(text)
    return frozenset(name for name, _ in reads(text))


class Attribute(NamedTuple):
    """One attribute of many ads.

    texts: the distinct ones; codes: which of them each ad has, -1 where it has none. values: those that are known
    without the other side, UNDEFINED elsewhere. formulas: the texts that are not, by code. strange: some value is one
    that only the library handles.
    """

    texts: tuple[str, ...]
    codes: Rows
    values: Column
    formulas: Mapping[int, str]
    strange: bool

    def take(self, rows: Rows) -> Attribute:
        """Of these ads only."""
        return self._replace(codes=self.codes[rows], values=self.values.take(rows))

    @property
    def everywhere(self) -> bool:
        """Whether every ad has it."""
        return bool((self.codes >= 0).all())


class Table(NamedTuple):
    """Ads as columns; `passed` says which of them the gate lets through."""

    ads: tuple[Pairs, ...]
    attributes: Mapping[str, Attribute]
    passed: Mask
    readable: bool


def table(ads: Sequence[Pairs], strings: Strings) -> Table:
    """The columns of these ads."""
    codes: dict[str, Rows] = {}
    texts: dict[str, dict[str, int]] = {}
    folded: dict[str, str] = {}
    for row, pairs in enumerate(ads):
        for name, text in pairs:
            key = folded.get(name)
            if key is None:
                key = folded[name] = name.lower()
            known = texts.get(key)
            if known is None:
                known = texts[key] = {}
                codes[key] = np.full(len(ads), -1, np.intp)
            codes[key][row] = known.setdefault(text, len(known))
    texts.pop(TIME, None)
    attributes = {name: _attribute(tuple(known), codes[name], strings) for name, known in texts.items()}
    return Table(tuple(ads), attributes, passing(attributes, len(ads)), readable(attributes))


def _attribute(texts: tuple[str, ...], codes: Rows, strings: Strings) -> Attribute:
    formulas = {code: text for code, text in enumerate(texts) if literal(text) is None}
    known = [literal(text) or Typed(UNDEFINED) for text in texts]
    for code, text in tuple(formulas.items()):
        if not _reads_anything(text):
            known[code] = constant(bound(text))
            del formulas[code]
    strange = any(value.kind == OTHER for value in known)
    values = column_of([*known, Typed(UNDEFINED)], strings)  # the last one is that of ads without it
    return Attribute(texts, codes, values.take(codes), formulas, strange)


def _reads_anything(text: str) -> bool:
    """Also where the gate refuses the text: its ad is refused as a whole."""
    try:
        return bool(set(reads(text)) - WORDS)
    except Refused:
        return True


def passing(attributes: Mapping[str, Attribute], rows: int) -> Mask:
    """Which ads the gate lets through.

    Judged once for all ads that have the same formulas, as if each literal were as long as the longest of its name;
    only where that is refused each ad is looked at by itself.
    """
    passed = np.ones(rows, np.bool_)
    risky = {name: one for name, one in attributes.items() if any(literal(text) is None for text in one.texts)}
    longest = {name: '"' + "x" * max(map(len, one.texts)) + '"' for name, one in attributes.items()}
    combined: Rows = np.zeros(rows, np.intp)
    for one in risky.values():
        _, combined = np.unique(combined * (len(one.texts) + 1) + one.codes, return_inverse=True)
    _, first, combined = np.unique(combined, return_index=True, return_inverse=True)
    for number, row in enumerate(first.tolist()):
        own = {name: one.texts[one.codes[row]] for name, one in risky.items() if one.codes[row] >= 0}
        if not refused({**longest, **own}):
            continue
        for each in np.flatnonzero(combined == number).tolist():
            texts = {name: one.texts[one.codes[each]] for name, one in attributes.items() if one.codes[each] >= 0}
            passed[each] = not refused(texts)
    return passed
