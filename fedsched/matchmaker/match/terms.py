"""Why a member's file, its nodes' shape or its LimitRanges rule a class out for ever (MA1); not its expressions.

Each function tells all that stands in the way, so that what is named is all that must change (RE2).
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from fedsched.matchmaker.match.of_jobs import refused_of_job, tolerated
from fedsched.matchmaker.match.places import Place, form_for
from fedsched.matchmaker.model import ContainerLimits, DemandClass, JobLength
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources, show

_FILE = "the member's file"
_POLICY = "lifetime_s of the policy"


def refused_by_terms(demand: DemandClass, place: Place) -> Iterator[Reason]:
    """What the member's file does not allow: pool, form, principal, image, taints of the nodes, length.

    Of users' Jobs also what `refused_of_job` says.
    """
    terms = place.terms
    if terms.pools and demand.pool not in terms.pools and demand.job is None:
        yield Reason(Cause.FORM_REFUSED, "pool", demand.pool, ", ".join(terms.pools), source=_FILE)
    if form_for(place) is None:
        need = "a startd" if demand.job is None else "job"
        yield Reason(Cause.FORM_REFUSED, "form", need, ", ".join(terms.forms) or "none", source=_FILE)
    who = str(demand.principal)
    if not _admits(terms.principals, who):
        yield Reason(Cause.PRINCIPAL_REFUSED, "principal", who, ", ".join(terms.principals), source=_FILE)
    if demand.job is None and demand.image and not _admits(terms.images, demand.image):
        yield Reason(Cause.IMAGE_REFUSED, "image", demand.image, ", ".join(terms.images), source=_FILE)
    if demand.job is not None:
        yield from refused_of_job(demand.job, demand.request, place)
    for taint in place.group.barred:
        if demand.job is not None and tolerated(taint, demand.job, terms.jobs):
            continue
        have = f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"
        yield Reason(Cause.TAINTED, "taint", "a toleration", have, source="its nodes", at=place.view.seen_at)
    yield from _too_long(demand.length, place)


def _too_long(length: JobLength, place: Place) -> Iterator[Reason]:
    """Each bound of a startd's life that the job is known to outlive: a startd placed for it would never be claimed."""
    if length.source == "assumed":
        return
    for life_s, source in ((place.terms.max_lifetime_s, _FILE), (place.startd_s, _POLICY)):
        if life_s is not None and length.seconds > life_s - place.join_s:
            have = f"{max(0, life_s - place.join_s)} s"
            yield Reason(Cause.TOO_LONG, length.source, f"{length.seconds} s", have, source=source)


def _admits(patterns: tuple[str, ...], what: str) -> bool:
    """No pattern admits everything."""
    return not patterns or any(fnmatchcase(what, pattern) for pattern in patterns)


def too_small(size: Resources, place: Place) -> Iterator[Reason]:
    """Each resource of which even an empty node has too little, the relatively scarcest first."""
    overhead = place.terms.pod_overhead
    source = f"an empty node of {place.group.name}"
    source = source if place.jobs else f"{source}, less what a startd's pod needs besides"
    for name, need, have in lacks(size + overhead, place.group.allocatable):
        held_back = overhead.get(name)
        numbers = (show(name, need - held_back), show(name, max(0, have - held_back)))
        yield Reason(Cause.NODE_TOO_SMALL, name, *numbers, source=source, at=place.view.seen_at)


def lacks(request: Resources, room: Resources) -> list[tuple[str, int, int]]:
    """Every resource that does not fit as (name, needed, had), the relatively scarcest first."""
    pairs = [
        ("cpu_milli", request.cpu_milli, room.cpu_milli),
        ("memory_mib", request.memory_mib, room.memory_mib),
        ("disk_mib", request.disk_mib, room.disk_mib),
        ("gpus", request.gpus, room.gpus),
        ("pods", request.pods, room.pods),
        *((name, amount, room.get(name)) for name, amount in request.other),
    ]
    short = [pair for pair in pairs if pair[1] > max(0, pair[2])]
    return sorted(short, key=lambda pair: (pair[2] / pair[1], pair[0])) if len(short) > 1 else short


def barred_by_limits(full: Resources, limits: tuple[ContainerLimits, ...]) -> Iterator[Reason]:
    """What LimitRanges of the namespace refuse of a pod that asks for `full` (S4)."""
    for limit in limits:
        source = f"LimitRange {limit.name}"
        for name, amount in full.items():
            most, least = limit.maximum.get(name), limit.minimum.get(name)
            if name in limit.maximum_names and amount > most:
                yield Reason(Cause.ADMISSION_REFUSED, name, show(name, amount), show(name, most), source=source)
            if name in limit.minimum_names and amount < least:
                need = f"at least {show(name, least)}"
                yield Reason(Cause.ADMISSION_REFUSED, name, need, show(name, amount), source=source)
