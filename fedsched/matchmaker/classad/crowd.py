"""How much one schedd may ask to be thought about (MA7): so many classes, so much to evaluate; the rest is said.

The process that reads a queue applies it, and the matchmaker once more to whatever it is given.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, reduce
from itertools import chain
from typing import NamedTuple

import msgspec

from fedsched.matchmaker.classad.ads import Ad, check_together, expanded
from fedsched.matchmaker.classad.evaluate import evaluable, parse
from fedsched.matchmaker.classad.gate import MAX_BYTES, Refused, check
from fedsched.matchmaker.model import DemandClass, Principal, ScheddView
from fedsched.matchmaker.resources import FIXED, Resources

EXAMPLES = 5
FLOORS = 6
MAX_TEXT = 1 << 20
"""Most bytes of expressions that all classes of one schedd may have together: some 0.5 s to parse, once."""
MAX_WEIGHT = 1 << 21
"""Most bytes that these may stand for once written out: at most some 0.1 s to evaluate, for each kind of slot."""
REFUSED_TEXT = 200
"""Characters that are kept of an expression that is refused."""
SHOWN = 100
SURELY_SHALLOW = 800
"""Bytes that cannot be 400 deep: an operator and an operand for each."""
OTHERS = "(others)"
"""User's name of the principal that stands for all whom one schedd has too many of."""


def bounded(classes: Sequence[DemandClass], most: int) -> tuple[DemandClass, ...]:
    """At most `most` classes of one schedd, sorted by key; no job is lost, and the order of input does not matter."""
    folded = sorted(classes, key=lambda one: one.key)
    for group_of in (_shape, _owner, _anybody):
        if len(folded) <= most:
            break
        folded = _folded(folded, most, group_of)
    return tuple(_affordable(sorted(folded, key=lambda one: one.key)))


def heard(schedds: tuple[ScheddView, ...], most: int) -> tuple[ScheddView, ...]:
    """The same schedds, none with more than it may ask to be thought about."""
    return tuple(_heard(view, most) for view in schedds)


def _heard(view: ScheddView, most: int) -> ScheddView:
    classes = bounded(view.classes, most)
    return view if classes == view.classes else msgspec.structs.replace(view, classes=classes)


def _shape(one: DemandClass) -> tuple[object, ...]:
    return one.principal, one.user, one.request, bool(one.gate), one.concurrency


def _owner(one: DemandClass) -> tuple[object, ...]:
    return one.principal, one.user, bool(one.gate)


def _anybody(_: DemandClass) -> tuple[object, ...]:
    return ()


def _folded(
    classes: list[DemandClass], most: int, group_of: Callable[[DemandClass], tuple[object, ...]]
) -> list[DemandClass]:
    """The larger half of `most` as they are; the rest folded under the largest of each group."""
    by_size = sorted(classes, key=lambda one: (one.principal.user == OTHERS, -one.idle - one.announced, one.key))
    kept, rest = by_size[: most // 2], by_size[most // 2 :]
    groups: dict[tuple[object, ...], list[DemandClass]] = {}
    for one in rest:
        groups.setdefault(group_of(one), []).append(one)
    return kept + [fold(group) for group in groups.values()]


def fold(group: Sequence[DemandClass]) -> DemandClass:
    """One class for all of a group, on the first one's terms, with the largest request and the longest length."""
    first = group[0]
    if len(group) == 1:
        return first
    request = reduce(_larger, {one.request for one in group})
    named = f"lump {first.schedd} {first.principal} {request} {first.gate and 'gated'} {first.concurrency}"
    named += f" {first.user}" if first.user else ""
    whole = msgspec.structs.replace(
        first,
        key=_digest(named),
        request=request,
        length=max((one.length for one in group), key=lambda length: (length.seconds, length.source)),
        idle=sum(one.idle for one in group),
        running=sum(one.running for one in group),
        announced=sum(one.announced for one in group),
        priorities=added(one.priorities for one in group),
        oldest_at=min(one.oldest_at for one in group),
        examples=tuple(chain.from_iterable(one.examples for one in group[:EXAMPLES]))[:EXAMPLES],
        floors=tuple(sorted(set(chain.from_iterable(one.floors for one in group))))[:FLOORS],
        concurrency=_most_units(one.concurrency for one in group),
        lumped=sum(one.lumped or 1 for one in group),
    )
    owners = {(one.principal, one.user) for one in group}
    return whole if len(owners) == 1 else nobodys(whole)


def nobodys(one: DemandClass) -> DemandClass:
    """A class of several principals or Users: nobody can be charged or admitted; nothing is placed, and it says so."""
    many = "principals with little demand each at a schedd that has too many of them to tell apart"
    key = _digest(f"nobody's {one.schedd}")
    return msgspec.structs.replace(one, key=key, principal=Principal("", OTHERS), user="", gate=many)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:20]


def added(histograms: Iterable[tuple[tuple[int, int], ...]]) -> tuple[tuple[int, int], ...]:
    """Histograms of job priorities as one, highest priority first."""
    total: Counter[int] = Counter()
    for priority, jobs in chain.from_iterable(histograms):
        total[priority] += jobs
    return tuple(sorted(total.items(), reverse=True))


def _most_units(limits: Iterable[tuple[tuple[str, int], ...]]) -> tuple[tuple[str, int], ...]:
    units: dict[str, int] = {}
    for name, count in chain.from_iterable(limits):
        units[name] = max(count, units.get(name, 0))
    return tuple(sorted(units.items()))


def _larger(one: Resources, more: Resources) -> Resources:
    """The larger amount of each resource: what every job of a lump fits into."""
    amounts = {name: max(amount, more.get(name)) for name, amount in one.items()}
    amounts |= {name: amount for name, amount in more.items() if name not in amounts}
    fixed = {name: amount for name, amount in amounts.items() if name in FIXED}
    return Resources(**fixed, other=tuple(sorted((name, n) for name, n in amounts.items() if name not in FIXED)))


def _affordable(classes: list[DemandClass]) -> list[DemandClass]:
    """The lightest keep their expressions, first by text to parse, then by what evaluating it once takes.

    What the gate refuses weighs nothing; the child that read the queue has said so, or should have.
    """
    for weigh, most, what in ((_text, MAX_TEXT, "to parse"), (_weight, MAX_WEIGHT, "to evaluate")):
        weights = {one.key: weigh(one) for one in classes}
        if sum(weights.values()) > most:
            why = f"the schedd's expressions are more than {most >> 10} KiB {what}: the longest are left out"
            classes = _without_the_heaviest(classes, weights, most, why)
    return [_judged(one) for one in classes]


def _judged(one: DemandClass) -> DemandClass:
    refused = "" if one.gate else gated(one.requirements, one.rank, one.attributes)
    return _bare(one, refused) if refused else one


def _bare(one: DemandClass, why: str) -> DemandClass:
    """A refused class keeps enough of its Requirements to be found, and too little to harm."""
    kept = one.requirements[:REFUSED_TEXT]
    return msgspec.structs.replace(one, requirements=kept, rank="", attributes=(), gate=why)


def _without_the_heaviest(
    classes: list[DemandClass], weights: Mapping[str, int], most: int, why: str
) -> list[DemandClass]:
    kept: set[str] = set()
    for one in sorted(classes, key=lambda c: (weights[c.key], c.key)):
        most -= weights[one.key]
        if most < 0:
            break
        kept.add(one.key)
    return [one if one.gate or one.key in kept else _bare(one, why) for one in classes]


def _text(one: DemandClass) -> int:
    """Nothing for what the gate refuses by its length, at once."""
    texts = (one.requirements, one.rank, *(text for _, text in one.attributes))
    return 0 if one.gate or max(map(len, texts)) > MAX_BYTES else sum(map(len, texts))


def _weight(one: DemandClass) -> int:
    return 0 if one.gate else _looked_at(one.requirements, one.rank, one.attributes).weight


class _Looked(NamedTuple):
    """weight: bytes of both expressions with all that they read written out. refused: by the gate, and why."""

    weight: int
    refused: str = ""


@lru_cache(maxsize=1 << 17)
def _looked_at(requirements: str, rank: str, attributes: tuple[tuple[str, str], ...]) -> _Looked:
    named = (*attributes, ("requirements", requirements), ("rank", rank))
    texts = {name.lower(): text for name, text in named if text}
    try:
        for name, text in texts.items():
            _check(name, text)
        check_together(texts)
    except Refused as refused:
        return _Looked(0, str(refused))
    sizes = expanded(texts)
    weight = sizes.get("requirements", 0) + sizes.get("rank", 0)
    if weight > SURELY_SHALLOW and not _evaluable(texts):
        return _Looked(0, "requirements: a chain or nesting of more than 400, which HTCondor does not evaluate")
    return _Looked(weight)


def _evaluable(texts: Mapping[str, str]) -> bool:
    try:
        return "requirements" not in texts or evaluable(parse(texts["requirements"]), Ad(texts.items()))
    except Refused:
        return True  # said where the ads of a match are made


def _check(name: str, text: str) -> None:
    try:
        check(text)
    except Refused as refused:
        raise Refused(f"{name[:SHOWN]}: {refused}") from None


def gated(requirements: str, rank: str, attributes: tuple[tuple[str, str], ...]) -> str:
    """Why the gate refuses the expressions of a class (MA4); "" when it does not."""
    return _looked_at(requirements, rank, attributes).refused
