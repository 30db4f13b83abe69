"""What an API server lets a controller write into a Job's status; who writes it is not known here.

The rules for Jobs with spec.managedBy, which the server cannot know to be right because of who writes them.
"""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.matchmaker.model import JobStatus

LASTING = ("SuccessCriteriaMet", "Complete", "FailureTarget", "Failed")
BEFORE = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}


def refusals(old: JobStatus, new: JobStatus, *, suspended: bool) -> Iterator[str]:
    """Why the new status is not taken, a sentence each; none when it is. suspended: as the Job's owner has it now."""
    for kind in LASTING:
        if _has(old, kind) and not _has(new, kind):
            yield f"status.conditions: {kind} may not be taken back"
    for kind, first in BEFORE.items():
        if _has(new, kind) and not _has(new, first):
            yield f"status.conditions: {kind} without {first}"
    if _has(new, "Complete") and (_has(new, "Failed") or _has(new, "FailureTarget")):
        yield "status.conditions: Complete and failed at once"
    yield from _counters(old, new)
    yield from _times(old, new, suspended=suspended)


def _counters(old: JobStatus, new: JobStatus) -> Iterator[str]:
    for name in ("succeeded", "failed"):
        if getattr(new, name) < getattr(old, name):
            yield f"status.{name}: {getattr(new, name)} is less than {getattr(old, name)}"
    if new.ready > new.active:
        yield f"status.ready: {new.ready} of {new.active} active pods"
    if min(new.active, new.ready, new.terminating, new.succeeded, new.failed) < 0:
        yield "status: a counter below nothing"
    if new.over and (new.active or new.terminating):
        yield f"status: {new.active} active and {new.terminating} terminating pods of a Job that is over"


def _times(old: JobStatus, new: JobStatus, *, suspended: bool) -> Iterator[str]:
    if old.started_at is not None and new.started_at != old.started_at and not suspended:
        yield "status.startTime: may not change once it is set"
    if new.over and new.started_at is None:
        yield "status.startTime: is missing for a Job that is over"
    if _has(new, "Complete") is not (new.completed_at is not None):
        yield "status.completionTime: belongs to a Job that is Complete, and only to that"
    if old.completed_at is not None and new.completed_at != old.completed_at:
        yield "status.completionTime: may not change once it is set"
    if new.completed_at is not None and new.started_at is not None and new.completed_at < new.started_at:
        yield "status.completionTime: is before status.startTime"


def _has(status: JobStatus, kind: str) -> bool:
    found = status.condition(kind)
    return found is not None and found.status == "True"
