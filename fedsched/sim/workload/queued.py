"""Seeded Kubernetes Jobs of a queue: what a scenario says of them, and who does what with his; nothing runs here."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec

from fedsched.matchmaker.model import Principal, Rerun
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import SimJob, Window
from fedsched.sim.workload.chance import few_do_most, lognormal

FAILED = 1
"""Exit code of a pod that fails."""


class Queued(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`jobs` Kubernetes Jobs that come at random within `lasts_s`, each of `pods` pods at once.

    queue: its name. namespace: of the queue, where they are. request: one pod's. runs_s: the median time of a pod;
    spread: sigma of its logarithm. completions: pods that must succeed, 0 for as many as `pods`. gang: all or none.
    deadline_s: their own activeDeadlineSeconds, 0 for none. fails, deletes, suspends: shares (0 to 1) of Jobs whose
    first pod fails, that their owners delete, or suspend for a while. rerun: what becomes of them on a lost member.
    """

    group: str
    users: tuple[str, ...]
    request: Resources
    runs_s: float
    jobs: int
    lasts_s: float
    queue: str = "local"
    namespace: str = "default"
    at_s: float = 0.0
    spread: float = 0.5
    pods: int = 1
    completions: int = 0
    gang: bool = False
    backoff_limit: int = 6
    deadline_s: int = 0
    requirements: str = ""
    priority: int = 0
    fails: float = 0.0
    deletes: float = 0.0
    suspends: float = 0.0
    rerun: Rerun = "after-deadline"


def queued_jobs(sources: tuple[Queued, ...], seed: int) -> tuple[SimJob, ...]:
    """All of them by time. Each source has its own stream of chance: one more does not change the others."""
    found: list[SimJob] = []
    for place, source in enumerate(sources):
        found += _drawn(source, place, Random(f"{seed}/queued[{place}]"))  # noqa: S311 - chance of a simulation
    return tuple(sorted(found, key=lambda job: (job.at, job.id)))


def _drawn(source: Queued, place: int, chance: Random) -> Iterator[SimJob]:
    for number in range(source.jobs):
        at = round(source.at_s + chance.uniform(0.0, source.lasts_s), 3)
        runs_s = round(lognormal(chance, source.runs_s, source.spread), 3)
        fails, deletes, suspends = (
            chance.random() < share for share in (source.fails, source.deletes, source.suspends)
        )
        later = round(at + chance.uniform(0.1, 2.0) * runs_s, 3)
        yield SimJob(
            id=f"{source.namespace}/job-{place}-{number}",
            at=at,
            queue=source.queue,
            principal=Principal(source.group, few_do_most(chance, source.users)),
            request=msgspec.structs.replace(source.request, pods=1),
            runs_s=runs_s,
            pods=source.pods,
            completions=source.completions,
            exits=(FAILED,) if fails else (),
            backoff_limit=source.backoff_limit,
            deadline_s=source.deadline_s,
            gang=source.gang,
            rerun=source.rerun,
            requirements=source.requirements,
            priority=source.priority,
            suspended=(Window(later, round(later + runs_s, 3)),) if suspends else (),
            deleted_at=later if deletes and not suspends else None,
        )
