"""What a Job demands: its class with requirements, request and shape; where it runs is decided elsewhere."""

from __future__ import annotations

import hashlib
from bisect import bisect_left

import msgspec

from fedsched.config.settings import Federation
from fedsched.kube.amounts import gpu_name, resources
from fedsched.kube.jobs.sizes import sized
from fedsched.kube.jobs.spec import JobSpec
from fedsched.kube.jobs.wants import requirements
from fedsched.matchmaker.classad.crowd import FLOORS, gated
from fedsched.matchmaker.model import DemandClass, JobLength, Principal
from fedsched.matchmaker.model.jobs import JobShape
from fedsched.matchmaker.resources import Resources

MEMORY_STEP_MIB = 256
DISK_STEP_MIB = 1024
GPUS = ("nvidia.com/gpu", "amd.com/gpu")
"""Resources that count as GPUs wherever a member's file does not say otherwise."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
STEPS = (
    *(10, 30, _MINUTE, 2 * _MINUTE),
    *(5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE),
    *(hours * _HOUR for hours in (1, 2, 3, 4, 6, 8, 12, 18, 24, 36)),
    *(days * _DAY for days in (2, 3, 4, 7, 14, 28)),
)
"""Lengths in seconds that deadlines are rounded up to (MA7), as those of HTCondor's jobs are, but for the short ones.

A copy at a lost member keeps its Job waiting for twice its length.
"""


def demand_of(spec: JobSpec, principal: Principal, queue: str, settings: Federation) -> DemandClass:
    """The class of a Job, its jobs not counted (`idle` 0): equal classes have equal keys. queue: its name.

    request: of one pod, as `sizes` counts it, rounded up (MA7).
    """
    size = sized(spec.pod)
    gpu = gpu_name(size.needs, GPUS)
    what = _rounded(resources(size.needs, gpu, up=True))
    shape = JobShape(
        namespace=spec.namespace,
        pods=spec.pods,
        gang=spec.gang,
        images=spec.images,
        tolerations=spec.tolerations,
        objects=spec.objects,
        grants=spec.grants,
        rerun=spec.rerun,
    )
    length, wants = _length(spec, settings), requirements(spec.pod, spec.requirements, gpu)
    refused = gated(wants, spec.rank, ())
    parts = (queue, principal, what, length, shape, wants, spec.rank)
    return DemandClass(
        key=hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()[:20],
        pool="",
        schedd=queue,
        principal=principal,
        request=what,
        length=length,
        idle=0,
        requirements=wants,
        rank=spec.rank,
        floors=size.floors[:FLOORS],
        gate=refused,
        job=shape,
    )


def _rounded(exact: Resources) -> Resources:
    return msgspec.structs.replace(
        exact, memory_mib=_up(exact.memory_mib, MEMORY_STEP_MIB), disk_mib=_up(exact.disk_mib, DISK_STEP_MIB), pods=1
    )


def _up(amount: int, step: int) -> int:
    return -(-amount // step) * step


def _length(spec: JobSpec, settings: Federation) -> JobLength:
    """Its own deadline, or what is assumed of every job."""
    deadline = spec.body.get("activeDeadlineSeconds")
    if deadline is None:
        return JobLength(settings.assumed_length_s, "assumed")
    step = bisect_left(STEPS, deadline)
    return JobLength(STEPS[step] if step < len(STEPS) else min(deadline, 366 * _DAY), "activeDeadlineSeconds")
