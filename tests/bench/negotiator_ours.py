"""The ads that a negotiator had, matched in columns and decided by a round of the matchmaker, in a fresh process."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import msgspec

from fedsched.matchmaker.columns import Cache, verdicts
from fedsched.matchmaker.model import (
    DemandClass,
    Group,
    JobLength,
    MemberTerms,
    MemberView,
    Memory,
    NodeGroup,
    Observation,
    PairMemory,
    Policy,
    PoolView,
    Principal,
    Ramp,
    Room,
    ScheddView,
    Snapshot,
)
from fedsched.matchmaker.model.terms import Budgets
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from tests.bench.negotiator_pool import HERE, Ads, Pairs

AT = 1_800_000_000.0
MANY = 1_000_000
POLICY = Policy(groups=(Group("physics", accept_surplus=True),), ramp=Ramp(first=MANY, max_starts=MANY))
"""One user, as at the negotiator, and everything may start at once."""


class Ours(msgspec.Struct, frozen=True):
    """CPU seconds and wall seconds of each part, and what came out.

    laid: slots laid out as columns from their texts. matched: all jobs against them, texts of jobs parsed. decided: the
    round. pairs, true: how many were judged, and matched. groups: places that the slots are. placed: startds.
    """

    laid: tuple[float, float]
    matched: tuple[float, float]
    decided: tuple[float, float]
    pairs: int
    true: int
    groups: int
    placed: int


def measured(ads: Ads) -> Ours:
    """One process's first sight of these ads."""
    snapshot = as_snapshot(ads)
    begin = _now()
    cache = Cache().laid_out(ads.slots)
    laid = _now()
    told, _ = verdicts(ads.jobs, ads.slots, AT, cache)
    matched = _now()
    plan = negotiate(snapshot, POLICY)
    decided = _now()
    return Ours(
        laid=_between(begin, laid),
        matched=_between(laid, matched),
        decided=_between(matched, decided),
        pairs=told.size,
        true=int(told.sum()),
        groups=sum(len(view.node_groups) for view in snapshot.observation.members),
        placed=len(plan.held),
    )


def _now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def _between(begin: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    return end[0] - begin[0], end[1] - begin[1]


def as_snapshot(ads: Ads) -> Snapshot:
    """The same slots and jobs as a round sees them.

    A slot is a node with room for one pod, so that each takes one job, as in a cycle of the negotiator; slots that
    differ only in name and address are nodes of one group. Every group was seen before, with all that its ads say.
    """
    alike: dict[tuple[str, Pairs], int] = defaultdict(int)
    for slot in ads.slots:
        told = dict(slot)
        alike[told["FedschedMember"].strip('"'), tuple(pair for pair in slot if pair[0] not in HERE)] += 1
    groups: dict[str, list[NodeGroup]] = defaultdict(list)
    pairs: dict[str, PairMemory] = {}
    requirements: dict[str, str] = {}
    for (member, slot), count in alike.items():
        group = _group(f"g{len(groups[member]):02}", dict(slot), count)
        groups[member].append(group)
        pairs[f"{member}/{group.name}/"] = PairMemory(attributes=slot, seen_at=AT)
        requirements[member] = dict(slot)["Requirements"]
    views = tuple(
        MemberView(m, contact="ok", contact_at=AT, seen_at=AT, node_groups=tuple(found), anchor_uid=f"anchor-{m}")
        for m, found in sorted(groups.items())
    )
    asked = tuple(_class(number, dict(job), ads.idle // len(ads.jobs)) for number, job in enumerate(ads.jobs))
    schedds = (ScheddView("ce", "a", seen_at=AT, reads=9, classes=asked),)
    seen = Observation(AT, schedds, views, (PoolView("a", seen_at=AT),))
    terms = tuple(_terms(view.name, requirements[view.name]) for view in views)
    return Snapshot(seen, Memory(at=AT - 5, pairs=pairs), terms)


def _group(name: str, slot: dict[str, str], count: int) -> NodeGroup:
    whole = Resources(int(slot["Cpus"]) * 1000, int(slot["Memory"]), int(slot["Disk"]) // 1024, pods=1)
    return NodeGroup(name, whole, count, count, 0, (Room(whole, count),))


def _terms(member: str, requirements: str) -> MemberTerms:
    budgets = Budgets(objects_in_flight=MANY, pods_pulling=MANY)
    return MemberTerms(member, mode="on", requirements=requirements, pod_overhead=Resources(), budgets=budgets)


def _class(number: int, job: dict[str, str], idle: int) -> DemandClass:
    asks = Resources(int(job["RequestCpus"]) * 1000, int(job["RequestMemory"]), int(job["RequestDisk"]) // 1024, pods=1)
    return DemandClass(
        f"k{number:05}",
        "a",
        "ce",
        Principal("physics", job["User"].strip('"')),
        asks,
        JobLength(3600, "assumed"),
        idle,
        requirements=job["Requirements"],
        priorities=((0, idle),),
        oldest_at=AT - number,
        examples=(f"{job['ClusterId']}.{job['ProcId']}",),
    )


if __name__ == "__main__":
    found = measured(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Ads))
    print(json.dumps(msgspec.to_builtins(found)))
