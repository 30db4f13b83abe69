"""An expression over many ads, by columns and by the library; what is compared, and what was declined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fedsched.matchmaker.classad import Ad, Refused
from fedsched.matchmaker.classad.gate import bound
from fedsched.matchmaker.classad.literals import OTHER, Typed
from fedsched.matchmaker.classad.typed import typed
from fedsched.matchmaker.columns.ads import Pairs, texts_of
from fedsched.matchmaker.columns.binding import JOB
from fedsched.matchmaker.columns.matching import Block
from fedsched.matchmaker.columns.syntax import Declined
from fedsched.matchmaker.columns.values import Strings, values_of

AT = 1_000_000


class Difference(NamedTuple):
    text: str
    side: str
    job: Pairs
    slot: Pairs
    ours: Typed
    librarys: Typed


class Bench:
    """Slots as columns and as the library's ads; both give the values of an expression."""

    def __init__(self, slots: Sequence[Pairs]) -> None:
        self.slots = slots
        self.block = Block(slots, Strings())
        self.ads = [ad_of(slot) for slot in slots]
        self.seen: Counter[str] = Counter()

    def columns(self, text: str, job: Pairs, side: str) -> list[Typed] | None:
        """Ours, OTHER where a row is left to the library; None when the whole is."""
        try:
            with np.errstate(all="ignore"):
                step = self.block._binder(texts_of(job), AT).whole(text, side)
                told = values_of(self.block._all.column(step), self.block._strings)
        except Declined:
            return None
        return told * len(self.slots) if len(told) == 1 else told

    def difference(self, text: str, job: Pairs, side: str) -> Difference | None:
        """The first row that differs; counts expressions and rows."""
        mine = ad_of(job)
        if mine is None or not accepted(text):
            return None
        self.seen["expressions"] += 1
        ours = self.columns(text, job, side)
        if ours is None:
            return None
        self.seen["compiled"] += 1
        for slot, ad, value in zip(self.slots, self.ads, ours, strict=True):
            if ad is None:
                continue
            self.seen["rows left" if value.kind == OTHER else "rows"] += 1
            librarys = (
                value if value.kind == OTHER else typed(bound(text), *((mine, ad) if side == JOB else (ad, mine)))
            )
            if not same(value, librarys):
                return Difference(text, side, job, slot, value, librarys)
        return None


def ad_of(pairs: Pairs) -> Ad | None:
    """The library's ad; None where the gate refuses it."""
    try:
        return Ad(pairs, AT)
    except Refused:
        return None


def accepted(text: str) -> bool:
    return ad_of((("Requirements", text),)) is not None


def same(one: Typed, other: Typed) -> bool:
    """Kind and value, to the bit; NaN is NaN."""
    return one.kind == other.kind and repr(one.value) == repr(other.value)
