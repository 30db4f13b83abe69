"""Demand: who wants what; schedds and queues of Jobs as they were last seen. Says nothing of where it could run."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.matchmaker.model.jobs import JobShape, QueuedJob
from fedsched.matchmaker.model.principals import Principal
from fedsched.matchmaker.resources import Resources


class JobLength(msgspec.Struct, frozen=True, gc=False):
    """How long a job of the class will run, in seconds, and how that is known.

    source: the attribute's name, "learnt" (p95 of the principal) or "assumed".
    """

    seconds: int
    source: str


class DemandClass(msgspec.Struct, frozen=True, gc=False):
    """Work alike in everything that matters for placing it, with a count (MA7).

    key: stable digest over schedd, principal, request, length step, attributes read, requirements, image.
    pool: name of the pool (fedsched.toml) whose collector its startds must join.
    request: rounded up (memory 256 MiB, disk 1 GiB), pods = 1.
    requirements, rank: ClassAd text in new syntax, as the job has it ("" for none).
    attributes: (name, ClassAd text) of what Requirements and Rank read of the job, sorted by name.
    priorities: (JobPrio, idle jobs), highest priority first; the counts sum to `idle`.
    oldest_at: epoch seconds of the oldest idle job's submission.
    examples: up to five job ids "cluster.proc".
    announced: jobs of a factory that are not materialised yet: shown, not placed for.
    floors: sentences for each request that was raised or taken from an expression (D7).
    lumped: how many classes above max_classes were folded into this one; 0 for an ordinary class.
    concurrency: (name, units) of the job's ConcurrencyLimits, sorted by name (Q7).
    gate: why the expression gate refused the class's expressions, or the name of who submits; "" when it did not (MA4).
    ungrouped: jobs of it do not name the principal's group themselves: their schedd's rule charges them to it.
    user: the User of its jobs at their schedd where it is not the principal's (its rule renames it, or they are charged
    to another name); START compares with it. "" where it is the same.
    job: what it asks as a class of Kubernetes Jobs; None for jobs that startds run. Its `request` is then one pod's,
    its `pool` "", and its `schedd` the queue's name.
    """

    key: str
    pool: str
    schedd: str
    principal: Principal
    request: Resources
    length: JobLength
    idle: int
    requirements: str = ""
    rank: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    image: str = ""
    priorities: tuple[tuple[int, int], ...] = ()
    running: int = 0
    oldest_at: float = 0.0
    examples: tuple[str, ...] = ()
    announced: int = 0
    floors: tuple[str, ...] = ()
    lumped: int = 0
    gate: str = ""
    concurrency: tuple[tuple[str, int], ...] = ()
    ungrouped: bool = False
    user: str = ""
    job: JobShape | None = None

    @property
    def pods(self) -> int:
        """How often one of its jobs asks for its request: once, or for each pod of a user's Job."""
        return 1 if self.job is None else self.job.pods


class ScheddView(msgspec.Struct, frozen=True):
    """A schedd as last seen. Classes are those of the last good answer, however old: `seen_at` tells the age.

    pool: the pool in whose collector it advertises (home or by flocking). seen_at: epoch seconds of the last good
    answer, None before the first. reads: good answers so far (a drop to nothing counts after two, SU7). busy: recent
    daemon-core duty cycle, 0..1. error: why the last question failed, "" when it did not.
    identity: AuthenticatedIdentity of its ad in the pool's collector, which the principal map starts from.
    kind: `jobs` for a queue of Kubernetes Jobs, whose `jobs` are all that it holds, sorted by id; idle jobs of its
    classes are counted from these.
    """

    name: str
    pool: str
    address: str = ""
    identity: str = ""
    seen_at: float | None = None
    reads: int = 0
    error: str = ""
    busy: float = 0.0
    classes: tuple[DemandClass, ...] = ()
    kind: Literal["schedd", "jobs"] = "schedd"
    jobs: tuple[QueuedJob, ...] = ()
