"""A spike on three members and two schedds within two hours: the small federation that many tests run."""

from __future__ import annotations

from fedsched.matchmaker.model import MemberTerms, Policy, Principal, Ramp, Startds
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import USUAL, Batch, Faults, Owner, Scenario, SimMember, SimNodeGroup, Window

IMAGE = "registry.example/worker@sha256:0"
MINUTE = 60.0
HEP = "ce1.physics.example"
BIO = "ap1.biology.example"
ANN = Principal("physics.cms", "ann@physics.example")
BEN = Principal("physics.cms", "ben@physics.example")
EVE = Principal("biology", "eve@biology.example")


def policy() -> Policy:
    """Its policy: quick steps, ten minutes of idleness at most, startds that hold one job."""
    return Policy(
        name="conference-spike",
        ramp=Ramp(first=4, ramp_interval_s=30.0, max_starts=60),
        startds=Startds(lifetime_s=6 * 3600, retire_s=1800, idle_s=180, gpu_idle_s=90),
    )


def conference_spike(begins: float = 1_800_000_000.0) -> Scenario:
    """300 jobs within half an hour, on members that are partly busy, partly silent, partly wanted back."""
    return Scenario(members=(_alps(), _campus(), _coast()), batches=_batches(), begins=begins)


def _node(cores: int, gib: int, gpus: int = 0) -> Resources:
    return Resources(cores * 1000, gib * 1024, 400 * 1024, gpus, 110)


def _job(cores: int, gib: int, gpus: int = 0) -> Resources:
    return Resources(cores * 1000, gib * 1024, 4 * 1024, gpus, 1)


def _alps() -> SimMember:
    """Medium nodes, half busy with its own work; does not answer for a while."""
    busy = Resources(8000, 24 * 1024, 40 * 1024, 0, 12)
    group = SimNodeGroup("medium", 14, _node(16, 64), busy)
    silent = Faults(silent=(Window(27 * MINUTE, 30 * MINUTE),), lost_answer=0.02)
    return SimMember(MemberTerms("alps", mode="on", image=IMAGE), (group,), pull_s=35.0, faults=silent)


def _campus() -> SimMember:
    """Small nodes whose owner comes back in the middle."""
    group = SimNodeGroup("small", 10, _node(8, 32), Resources(500, 1024, 0, 0, 6))
    back = Owner(17 * MINUTE, "small", 4, Resources(6000, 8 * 1024), lasts_s=25 * MINUTE)
    terms = MemberTerms(
        "campus", mode="on", image=IMAGE, ceiling=Resources(64_000), ceiling_names=frozenset({"cpu_milli"})
    )
    return SimMember(terms, (group,), pull_s=50.0, owners=(back,))


def _coast() -> SimMember:
    """Large nodes and GPUs; its slots have CVMFS, which nobody knows before the first one was seen."""
    cvmfs = (("HasCVMFS", "true"),)
    groups = (
        SimNodeGroup("large", 3, _node(32, 192), slot_attributes=cvmfs),
        SimNodeGroup(
            "gpu",
            2,
            _node(32, 256, gpus=4),
            attributes=(("GPUs_DeviceName", '"NVIDIA A100-SXM4-40GB"'),),
            slot_attributes=cvmfs,
            gpu_resource="nvidia.com/gpu",
        ),
    )
    return SimMember(MemberTerms("coast", mode="on", image=IMAGE), groups, pull_s=25.0)


def _batches() -> tuple[Batch, ...]:
    begin = 5 * MINUTE
    cvmfs = f"{USUAL} && (TARGET.HasCVMFS =?= true)"
    return (
        Batch(0.0, HEP, ANN, 12, _job(1, 2), 6 * MINUTE, over_s=4 * MINUTE),
        Batch(begin, HEP, ANN, 160, _job(1, 2), 14 * MINUTE, over_s=12 * MINUTE, length_s=3600),
        Batch(begin + 2 * MINUTE, HEP, BEN, 40, _job(4, 8), 18 * MINUTE, over_s=8 * MINUTE, requirements=cvmfs),
        Batch(begin + 4 * MINUTE, BIO, EVE, 60, _job(2, 6), 12 * MINUTE, over_s=15 * MINUTE),
        Batch(begin + 4 * MINUTE, BIO, EVE, 12, _job(12, 24), 20 * MINUTE, over_s=6 * MINUTE),
        Batch(begin + 6 * MINUTE, BIO, EVE, 14, _job(2, 16, gpus=1), 16 * MINUTE, over_s=5 * MINUTE),
        Batch(begin + 8 * MINUTE, BIO, EVE, 2, _job(4, 1024), 10 * MINUTE, patience_s=40 * MINUTE),
    )
