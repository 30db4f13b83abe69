"""How long jobs run, as far as is known: learnt from claims that were seen, else drawn from what they state."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable

import msgspec

from fedsched.journal import Account
from fedsched.matchmaker.model import DemandClass, JobLength, ObjectView, Observation

ENOUGH = 5
"""So many ended claims of one kind are evidence; below it the next coarser kind is asked."""
MOST = 500
"""So many claims of one kind are looked at, the newest."""
CLOSE_S = 90.0
"""A claim last seen so shortly before its startd ended may have been cut off by that."""


class Ran(msgspec.Struct, frozen=True):
    """One claim: how long it was seen to last, and whether it ended by itself (else it may have gone on)."""

    seconds: float
    ended: bool


class Lengths:
    """Runs by kind of job, finest first: the cluster that was submitted, user and cores, user.

    Of users' Kubernetes Jobs the class stands for the cluster: each of them has a name of its own.
    """

    def __init__(self) -> None:
        self._seen: defaultdict[Hashable, list[Ran]] = defaultdict(list)
        self._curves: dict[Hashable, Curve] = {}

    def add(self, who: str, cpu_milli: int, schedd: str, job: str, ran: Ran) -> None:
        """Take note of one claim."""
        self._add((_cluster(schedd, job), (who, cpu_milli), who), ran)

    def add_job(self, who: str, cpu_milli: int, class_key: str, ran: Ran) -> None:
        """Take note of one pod of a user's Kubernetes Job."""
        self._add((("class", class_key), (who, cpu_milli), who), ran)

    def _add(self, kinds: tuple[Hashable, ...], ran: Ran) -> None:
        for kind in kinds:
            if kind is not None:
                self._seen[kind].append(ran)
                self._curves.pop(kind, None)

    def draw(self, demand: DemandClass, job: str, ran_s: float, chance: random.Random) -> float:
        """Seconds that a job of this class runs in all, given that it has run for `ran_s` already (0: not begun)."""
        who = str(demand.principal)
        for kind in (*_finest(demand, job), (who, demand.request.cpu_milli), who):
            curve = self._curve(kind)
            if curve is not None:
                return curve.draw(ran_s, _limit_s(demand.length), chance)
        return _from_statement(demand.length, ran_s, chance)

    def _curve(self, kind: Hashable) -> Curve | None:
        if kind not in self._curves:
            seen = self._seen.get(kind, [])[-MOST:]
            if sum(ran.ended for ran in seen) < ENOUGH:
                return None
            self._curves[kind] = Curve(seen)
        return self._curves[kind]


class Curve:
    """The product-limit estimate (Kaplan and Meier, 1958) of how long jobs last: what still runs counts, too.

    Without it the short jobs of a fresh cluster, which end first, would pass for all of it.
    """

    def __init__(self, seen: Iterable[Ran]) -> None:
        ordered = sorted(seen, key=lambda ran: (ran.seconds, not ran.ended))
        self._ends: list[float] = []
        self._left: list[float] = []  # the part of jobs that lasts longer than the end at the same place
        left = 1.0
        for place, ran in enumerate(ordered):
            if ran.ended:
                left *= 1.0 - 1.0 / (len(ordered) - place)
                self._ends.append(ran.seconds)
                self._left.append(left)
        self._longest = ordered[-1].seconds

    def draw(self, ran_s: float, limit_s: float | None, chance: random.Random) -> float:
        """A length greater than `ran_s`, in seconds. limit_s: no job lasts longer, None where that is not known."""
        first = bisect_right(self._ends, ran_s)
        alive = self._left[first - 1] if first else 1.0
        aim = chance.random() * alive
        if alive > 0:
            for end, left in zip(self._ends[first:], self._left[first:], strict=True):
                if left <= aim:
                    return end
        # Older than all that ended: it may take as long again as it could be half-way now.
        oldest = max(ran_s, self._longest)
        return _within(oldest * chance.uniform(1.0, 1.5), ran_s, limit_s, chance)


def learn(observation: Observation, accounts: Iterable[Account], looked_s: float = 0.0) -> Lengths:
    """What claims of the past and of the present tell. accounts: of placements, standing or gone.

    looked_s: between two looks; an end is seen half of that too early on average.
    """
    lengths = Lengths()
    present = set()
    for pool in observation.pools:
        for slot in pool.slots:
            for claim in slot.claims:
                present.add((slot.pod, claim.job))
                ran = Ran(max(0.0, observation.at - claim.since), ended=False)
                lengths.add(str(claim.principal), claim.cpu_milli, claim.schedd, claim.job, ran)
    for thing in observation.objects:
        _add_copy(lengths, thing, observation.at)
    for account in accounts:
        if account.form == "job":
            _add_pods(lengths, account)
        else:
            _add(lengths, account, present, looked_s / 2)
    return lengths


def begun_at(copy: ObjectView) -> float | None:
    """When the first pod of a user's Job that runs now began, epoch seconds; None while none runs."""
    return min((pod.started_at for pod in copy.pods if pod.phase == "running" and pod.started_at), default=None)


def _add_copy(lengths: Lengths, thing: ObjectView, at: float) -> None:
    """A user's Job that runs now: its pods go on."""
    placement, since = thing.placement, begun_at(thing)
    if placement is not None and placement.form == "job" and since is not None:
        ran = Ran(max(0.0, at - since), ended=False)
        lengths.add_job(str(placement.principal), placement.size.cpu_milli, placement.class_key, ran)


def _add_pods(lengths: Lengths, account: Account) -> None:
    """Pods of a user's Job that ended: by themselves where they say how, unless their copy was told to go."""
    for pod in account.pods.values():
        if pod.started_at is not None and pod.ended_at is not None:
            ended = pod.exit_code == 0 or (pod.exit_code is not None and not account.why)
            ran = Ran(max(0.0, pod.ended_at - pod.started_at), ended=ended)
            lengths.add_job(str(account.principal), account.size.cpu_milli, account.class_key, ran)


def _add(lengths: Lengths, account: Account, present: set[tuple[str, str]], unseen_s: float) -> None:
    before: dict[tuple[str, float], float] = {}
    for stay in sorted(account.stays, key=lambda s: s.until):
        if (stay.pod, stay.job) in present:
            continue
        # A claim that is used again keeps its begin: the next job began when the one before was last seen.
        began = before.get((stay.pod, stay.since), stay.since)
        before[stay.pod, stay.since] = stay.until
        cut_off = account.ended_at is not None and account.ended_at - stay.until < CLOSE_S
        ran = Ran(max(0.0, stay.until - began) + unseen_s, ended=not cut_off)
        lengths.add(str(stay.principal), stay.cpu_milli, stay.schedd, stay.job, ran)


def _from_statement(length: JobLength, ran_s: float, chance: random.Random) -> float:
    """Without evidence: people state too much rather than too little, by any factor up to ten."""
    return _within(length.seconds * chance.uniform(0.1, 1.0), ran_s, _limit_s(length), chance)


def _within(seconds: float, ran_s: float, limit_s: float | None, chance: random.Random) -> float:
    """The draw, brought between what it has run already and what it may run."""
    most = limit_s if limit_s is not None and limit_s > ran_s else None
    if most is not None:
        seconds = min(seconds, most)
    if seconds > ran_s:
        return seconds
    return chance.uniform(ran_s, most if most is not None else 1.5 * ran_s + 60.0)


def _limit_s(length: JobLength) -> float | None:
    """What a job says of itself is the most that it may take; what we assume or learnt binds nobody."""
    return None if length.source in {"assumed", "learnt"} else float(length.seconds)


def _finest(demand: DemandClass, job: str) -> tuple[Hashable, ...]:
    """What its like are known by best."""
    if demand.job is not None:
        return (("class", demand.key),)
    clusters = (job, *demand.examples[:1]) if job else demand.examples[:1]
    return tuple(_cluster(demand.schedd, one) for one in clusters)


def _cluster(schedd: str, job: str) -> Hashable:
    number = job.partition(".")[0]
    return ("cluster", schedd, number) if number else None
