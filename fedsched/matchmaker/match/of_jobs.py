"""What a member's file and namespace say to users' Kubernetes Jobs beside what they say to every class (MA1)."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from fedsched.matchmaker.match.places import Place
from fedsched.matchmaker.model import JobShape, JobTerms, MemberTerms, Taint, Toleration
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import UNBOUNDED, Resources, how_many, with_amount

_FILE = "the member's file"


def refused_of_job(job: JobShape, request: Resources, place: Place) -> Iterator[Reason]:
    """All that stands in its way: namespace, further images, objects, fields by grant, more pods than nodes hold."""
    terms, view = place.terms, place.view
    if not _admits(terms.jobs.namespaces, job.namespace):
        have = ", ".join(terms.jobs.namespaces)
        yield Reason(Cause.NAMESPACE_REFUSED, "namespace", job.namespace, have, source=_FILE)
    for image in (image for image in job.images if not _admits(terms.images, image)):
        yield Reason(Cause.IMAGE_REFUSED, "image", image, ", ".join(terms.images), source=_FILE)
    missing = (_missing(kind, name, place) for kind, name in job.objects)
    yield from (reason for reason in missing if reason is not None)
    yield from _not_granted(job, terms)
    most = holds(request, place)
    if job.least > most:
        source = f"all nodes of {place.group.name}, empty"
        yield Reason(Cause.TOO_MANY_PODS, "pods", str(job.least), str(most), source=source, at=view.seen_at)


def _not_granted(job: JobShape, terms: MemberTerms) -> Iterator[Reason]:
    for grant in job.grants:
        what, _, path = grant.partition(" ")
        if not any(fnmatchcase(what, pattern) for pattern in terms.jobs.grants):
            yield Reason(Cause.FIELD_REFUSED, path or what, what, ", ".join(terms.jobs.grants), source=_FILE)


def _missing(kind: str, name: str, place: Place) -> Reason | None:
    """None where it is there and allowed, or comes as a copy."""
    terms, view = place.terms.jobs, place.view
    if kind in terms.copied:
        return None
    what = f"{kind}/{name}"
    if not any(fnmatchcase(what, pattern) for pattern in terms.objects):
        have = ", ".join(terms.objects) or "none"
        return Reason(Cause.OBJECT_MISSING, what, "allowed", have, source="objects of the member's file")
    if (kind, name) in view.objects:
        return None
    return Reason(Cause.OBJECT_MISSING, what, "present", "missing", source="the member's namespace", at=view.seen_at)


def holds(request: Resources, place: Place) -> int:
    """How many pods of that request all nodes of the group hold when they are empty, those to come included.

    Where one does not fit, which is told by size, as many as there were if nodes had just what one lacks.
    """
    empty = place.group.allocatable
    for name, amount in request.items():
        empty = empty if empty.get(name) >= amount else with_amount(empty, name, amount)
    each = how_many(request, empty)
    nodes = max(place.group.nodes, place.group.can_grow_to)
    return UNBOUNDED if place.group.declared and not nodes else each * nodes


def tolerated(taint: Taint, job: JobShape, terms: JobTerms) -> bool:
    """Whether the Job's own tolerations tolerate the taint, and the member's file lets them."""
    if not any(fnmatchcase(taint.key, pattern) for pattern in terms.tolerations):
        return False
    return any(_tolerates(one, taint) for one in job.tolerations)


def _tolerates(one: Toleration, taint: Taint) -> bool:
    """As Kubernetes has it: an empty key with Exists tolerates everything, an empty effect every effect."""
    if one.effect and one.effect != taint.effect:
        return False
    if not one.key:
        return one.operator == "Exists"
    return one.key == taint.key and (one.operator == "Exists" or one.value == taint.value)


def _admits(patterns: tuple[str, ...], what: str) -> bool:
    """No pattern admits everything."""
    return not patterns or any(fnmatchcase(what, pattern) for pattern in patterns)
