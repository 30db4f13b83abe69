"""Kubernetes Jobs that a cycle and accounts know, also those that their queues forgot; which one a name means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fedsched.answers.known import Known
from fedsched.answers.queued import KUBECTL, NAMED
from fedsched.client import NoAnswer


class KnownJob(NamedTuple):
    """A Job. placement: of a copy that it has or had, "" for none."""

    queue: str
    job: str
    uid: str
    placement: str = ""

    @property
    def spelled(self) -> str:
        """Its name in full."""
        return f"{self.queue}:{self.job}"


def known_jobs(known: Known) -> Iterator[KnownJob]:
    """Each Job of a queue, and each that has or had a copy."""
    for view in known.observation.schedds:
        yield from (KnownJob(view.name, job.id, job.uid) for job in view.jobs)
    for held in known.plan.held:
        at = held.placement
        if at.form == "job":
            yield KnownJob(at.schedd, at.job, at.job_uid, at.id)
    for one in known.accounts:
        if one.job_uid:
            yield KnownJob(one.schedd, one.job, one.job_uid, one.placement)


def job_uids(known: Known, name: str) -> frozenset[str] | None:
    """Uids of the Job that a name means: of several that were called so one after the other, all; None for no Job.

    NoAnswer (ambiguous) where Jobs of several queues or namespaces could be meant.
    """
    there = tuple(known_jobs(known))
    by_uid = frozenset(one.uid for one in there if one.uid == name)
    if by_uid:
        return by_uid
    found = [one for one in there if name in {one.job, one.spelled}]
    kubectl = KUBECTL.fullmatch(name)
    bare = kubectl["name"] if kubectl else name
    found = found or [one for one in there if "/" not in bare and one.job.rpartition("/")[2] == bare]
    names = sorted({one.spelled for one in found})
    if len(names) > 1:
        raise NoAnswer(
            "ambiguous", f"{name} could be any of these Jobs: {', '.join(names[:NAMED])}", "name one in full"
        )
    return frozenset(one.uid for one in found) or None
