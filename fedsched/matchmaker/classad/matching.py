"""One evaluation per distinct tuple of what a match reads (MA4): many classes and groups differ in what no one asks.

Every function here is a pure memo of its arguments; the caches are bounded and only save time.
"""

from __future__ import annotations

from functools import lru_cache

from fedsched.matchmaker.classad.ads import Ad, Shape
from fedsched.matchmaker.classad.evaluate import symmetric
from fedsched.matchmaker.classad.gate import NOW

_REQUIREMENTS = frozenset({"requirements"})
_NOW = NOW.lower()


def matches(job: Ad, slot: Ad, at: float) -> bool:
    """Whether both sides' Requirements are true of the other at `at` (MA1), as `symmetric` says.

    Ads that are equal in what the pair reads share one evaluation. Either ad may be the job's.
    """
    names = attributes_read(job, slot)
    return _verdict(projected(job, names), projected(slot, names), int(at) if _NOW in names else 0)


def attributes_read(job: Ad, slot: Ad) -> frozenset[str]:
    """Names, in lower case, of all attributes of either ad that a match may read, followed through both ads.

    Errs on the side of too many: scopes are not told apart.
    """
    return _followed(job.shape, slot.shape)


@lru_cache(maxsize=1 << 15)
def projected(ad: Ad, names: frozenset[str]) -> Ad:
    """The ad with only the attributes in `names`; the same object for all ads that are equal in these."""
    return _one_of_its_kind(Ad((name, text) for name, text in ad.pairs if name.lower() in names))


@lru_cache(maxsize=1 << 15)
def _one_of_its_kind(ad: Ad) -> Ad:
    return ad


@lru_cache(maxsize=1 << 17)
def _verdict(job: Ad, slot: Ad, at: int) -> bool:
    return symmetric(job, slot, at)


@lru_cache(maxsize=1 << 12)
def _followed(job: Shape, slot: Shape) -> frozenset[str]:
    read: dict[str, set[str]] = {}
    for name, others in (*job, *slot):
        read.setdefault(name, set()).update(others)
    found: set[str] = set()
    queue = set(_REQUIREMENTS)
    while queue:
        name = queue.pop()
        found.add(name)
        queue |= read.get(name, set()) - found
    return frozenset(found)
