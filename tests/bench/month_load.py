"""A month of a large federation as a scenario: members, what their owners need by the hour, and what people submit.

Where the forms come from: `fedsched/sim/workload/generators.py` names them. Submissions of many jobs alike follow the
day and the week, few people submit most, lengths have long tails. The numbers are this bench's own: what 100 members of
10 node groups lend beside their owners' load, and as many jobs as fill about a fifth of it, a deadline apart.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from statistics import NormalDist

import msgspec

from fedsched.matchmaker.model import Group, MemberTerms, Policy, Principal, Startds
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import Batch, Owner, Scenario, SimMember, SimNodeGroup

HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0
SHAPES = ((8, 32, 0), (16, 64, 0), (32, 128, 0), (64, 256, 0), (64, 512, 4), (128, 1024, 8))
"""Cores, GiB and GPUs of a node, as in the bench of one round."""
ASKS = ((1, 2, 0), (1, 2, 0), (1, 4, 0), (1, 3, 0), (2, 4, 0), (4, 8, 0), (8, 16, 0), (2, 16, 1))
"""Cores, GiB and GPUs of a job: most want one core."""
GROUPS, PEOPLE, SCHEDDS, NODE_GROUPS = 20, 10, 20, 10
"""Accounting groups, people in each, schedds, and node groups of each member."""
USED = (0.6, 0.9)
"""What owners hold of each node at all hours, as a part of it: of each node group another."""
WAVE = (0.05, 0.2)
"""What one of their pods holds more in the day, as a part of a node; one such pod for each node of half a group."""
JOBS_OF_A_SUBMISSION, SPREAD_OF_SUBMISSIONS, LARGEST = 600.0, 1.0, 10_000
"""Median, sigma of the logarithm, and most."""
MEDIAN_S, SPREAD_OF_MEDIANS, SPREAD = 2400.0, 0.8, 0.9
"""Median length of a job over all submissions, and sigma of the logarithm of medians and within one submission."""
SHORTEST_S, LONGEST_S = 120.0, 86_400.0
BUCKETS = 8
"""Lengths of one submission: so many equal parts of the lognormal, each ±20 % around its middle."""
DEADLINE_DAY, RUSH_DAYS, RUSH, RUSHED = 19.0, 3.0, 5.0, 0.12
"""A deadline at the end of this day: in so many days before it submissions grow by exp(RUSH); this part of all jobs."""
LIFETIME_S = 129_600
POLL_S, NEGOTIATOR_S = 60.0, 60.0
"""How often schedds are asked, and the pool's negotiator runs: HTCondor's NEGOTIATOR_INTERVAL."""


class Size(msgspec.Struct, frozen=True):
    """How much is simulated. nodes: of each node group."""

    members: int = 100
    nodes: int = 10
    jobs: int = 1_000_000
    days: float = 30.0
    cadence_s: float = 300.0
    seed: int = 20


def policy() -> Policy:
    """Equal groups; startds of up to eight cores serve several jobs of a class, for a day and a half."""
    groups = (Group("physics"), *(Group(f"physics.g{number}", accept_surplus=True) for number in range(GROUPS)))
    return Policy(name="month", groups=groups, startds=Startds(lifetime_s=LIFETIME_S, pack_cpu_milli=8000))


def scenario(size: Size) -> Scenario:
    """Equal for equal sizes. Its first moment is a Monday."""
    chance = random.Random(size.seed)  # noqa: S311 - the same month each time, no secret
    members = tuple(_member(number, size, chance) for number in range(size.members))
    batches = tuple(sorted(_batches(size, chance), key=lambda batch: batch.at))
    begins = datetime(2027, 3, 1, tzinfo=UTC).timestamp()
    return Scenario(members, batches, begins=begins, poll_s=POLL_S, negotiator_s=NEGOTIATOR_S)


def _member(number: int, size: Size, chance: random.Random) -> SimMember:
    name, zone = f"m{number:03}", chance.choice((-8, -5, 0, 1, 2, 8))
    groups = tuple(_node_group(index, size, chance) for index in range(NODE_GROUPS))
    terms = MemberTerms(
        name,
        mode="on",
        max_lifetime_s=2 * int(DAY),
        price_per_core_hour=round(chance.uniform(0.01, 0.1), 3),
        attributes=(("FedschedRegion", f'"zone{zone:+d}"'),),
    )
    owners = tuple(one for group in groups for one in _owners(group, zone, size, chance))
    return SimMember(terms, groups, owners=owners)


def _node_group(index: int, size: Size, chance: random.Random) -> SimNodeGroup:
    cores, gib, gpus = chance.choice(SHAPES)
    whole = Resources(cores * 1000, gib * 1024, 512 * 1024, gpus, 110)
    busy = part(whole, chance.uniform(*USED), gpus=chance.randint(0, gpus))
    return SimNodeGroup(f"g{index:02}", size.nodes, whole, busy)


def part(whole: Resources, used: float, gpus: int = 0) -> Resources:
    """So much of a node, in tenths of a core, with as many pods as it has cores at most."""
    cores = int(whole.cpu_milli * used) // 100 * 100
    return Resources(cores, int(whole.memory_mib * used), int(whole.disk_mib * used), gpus, 1 + cores // 4000)


def _owners(group: SimNodeGroup, zone: int, size: Size, chance: random.Random) -> Iterator[Owner]:
    """Each working day some of the owner's pods come in the morning, their own time, and go in the evening."""
    request = part(group.size, chance.uniform(*WAVE))
    for day in range(math.ceil(size.days)):
        if day % 7 >= 5 and chance.random() < 0.7:
            continue
        at = day * DAY + (chance.gauss(9.5, 1.0) - zone) % 24 * HOUR
        yield Owner(at, group.name, max(1, size.nodes // 2), request, chance.uniform(6, 11) * HOUR)


def _batches(size: Size, chance: random.Random) -> Iterator[Batch]:
    rushed = int(size.jobs * RUSHED) if size.days >= DEADLINE_DAY else 0
    people = _people()
    for at, count in _submissions(size.jobs - rushed, size.days * DAY, _rhythm, chance):
        yield from _submission(at, count, people, chance)
    for at, count in _submissions(rushed, RUSH_DAYS * DAY, _rush, chance):
        yield from _submission((DEADLINE_DAY - RUSH_DAYS) * DAY + at, count, people, chance)


def _rhythm(at: float, _: float) -> float:
    """Submissions follow the day, with their peak at 14 o'clock, and the week; 1 at most."""
    day = 0.55 + 0.45 * math.cos(2 * math.pi * (at / DAY - 14 / 24))
    return day * (0.4 if at % WEEK >= 5 * DAY else 1.0)


def _rush(at: float, lasts_s: float) -> float:
    return math.exp(RUSH * (at / lasts_s - 1.0))


def _submissions(
    jobs: int, lasts_s: float, rate: Callable[[float, float], float], chance: random.Random
) -> Iterator[tuple[float, int]]:
    """When, and how many jobs, by time: all of them together are `jobs`. The rate is at most 1."""
    sizes: list[int] = []
    while jobs > 0:
        drawn = int(chance.lognormvariate(math.log(JOBS_OF_A_SUBMISSION), SPREAD_OF_SUBMISSIONS))
        sizes.append(min(jobs, LARGEST, max(BUCKETS, drawn)))
        jobs -= sizes[-1]
    times: list[float] = []
    while len(times) < len(sizes):
        at = chance.uniform(0.0, lasts_s)
        if chance.random() < rate(at, lasts_s):
            times.append(at)
    yield from zip(sorted(times), sizes, strict=True)


def _people() -> tuple[Principal, ...]:
    """Whoever is named first submits most; people of each group stand everywhere in the row."""
    return tuple(Principal(f"physics.g{n % GROUPS}", f"user{n}@site") for n in range(GROUPS * PEOPLE))


def _submission(at: float, count: int, people: tuple[Principal, ...], chance: random.Random) -> Iterator[Batch]:
    """Jobs alike of one person, at once, their lengths lognormal: one batch for each part of the distribution.

    They say how long they may run: the longest of them and some more, in whole hours.
    """
    number = chance.choices(range(len(people)), cum_weights=_weights(len(people)))[0]
    cores, gib, gpus = chance.choice(ASKS)
    median_s = chance.lognormvariate(math.log(MEDIAN_S), SPREAD_OF_MEDIANS)
    normal = NormalDist(math.log(median_s), SPREAD)
    middles = [normal.inv_cdf((bucket + 0.5) / BUCKETS) for bucket in range(BUCKETS)]
    lengths = [min(LONGEST_S / 1.2, max(SHORTEST_S, math.exp(middle))) for middle in middles]
    most = HOUR * math.ceil(1.2 * lengths[-1] / HOUR)
    for bucket, runs_s in enumerate(lengths):
        # What cannot be dealt evenly goes to the first parts.
        jobs = count // BUCKETS + (bucket < count % BUCKETS)
        if jobs:
            request = Resources(cores * 1000, gib * 1024, 2 * 1024, gpus)
            schedd = f"ce{number % SCHEDDS:02}"
            yield Batch(at, schedd, people[number], jobs, request, runs_s, length_s=int(most))


@functools.cache
def _weights(people: int) -> tuple[float, ...]:
    """The first with weight 1, the second with 1/2, and so on, summed up."""
    return tuple(itertools.accumulate(1 / place for place in range(1, people + 1)))
