"""Which class of a cycle a job that was asked for belongs to: its own or, where a schedd has too many, a lump (MA7)."""

from __future__ import annotations

from fedsched.answers.view import View
from fedsched.matchmaker.model import DemandClass, FoundJob, Principal
from fedsched.matchmaker.resources import Resources


def class_of(view: View, asked: FoundJob) -> DemandClass | None:
    """Its class; of lumps the smallest that takes it, its own user's before the one for all; None for neither."""
    known = {one.key: one for one, _ in view.pairs}
    if asked.class_key in known or not asked.class_key:
        return known.get(asked.class_key)
    from fedsched.matchmaker.classad.crowd import OTHERS  # noqa: PLC0415 - it brings HTCondor's library along

    whose = (asked.principal, Principal("", OTHERS))
    lumps = [one for one in known.values() if one.lumped and one.schedd == asked.schedd and one.principal in whose]
    taking = [one for one in lumps if asked.request is None or _within(asked.request, one.request)]
    return min(taking, key=lambda one: (one.principal.user == OTHERS, _size(one.request), one.key), default=None)


def _within(small: Resources, large: Resources) -> bool:
    return all(amount <= large.get(name) for name, amount in small.items())


def _size(request: Resources) -> tuple[int, int, int, int]:
    return request.cpu_milli, request.memory_mib, request.gpus, request.disk_mib
