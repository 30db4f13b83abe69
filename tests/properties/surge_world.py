"""A federation in memory for spikes: a campus without price and a rented cloud, jobs that come, end and are removed.

Startds need time to begin, leave when nobody claims them, and cost money as long as they run; the product decides.
Nothing is drawn here: the same story gives the same world.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import (
    Budgets,
    Claim,
    CreateObject,
    DeleteObject,
    DeletePod,
    DemandClass,
    JobLength,
    MemberView,
    Memory,
    ObjectView,
    OrderLeave,
    Outcome,
    Placement,
    Plan,
    Policy,
    PoolView,
    Principal,
    Room,
    SlotView,
)
from fedsched.matchmaker.negotiate import negotiate
from tests.matchmaker.builders import SEEN, T0, demand, group, member, pod, res, schedd, slot, snapshot, terms, thing

USERS = {"c1": Principal("physics", "alice@b"), "c2": Principal("physics", "bob@b")}
CORES = 4
"""Of each node; a job asks for one."""
PRICE = 0.36
"""Of a core-hour in the cloud: one ten-thousandth of it is a second's."""


@dataclass
class Startd:
    """One startd. Times are epoch seconds, None before they happened; node -1 while it has none."""

    placement: Placement
    created_at: float
    node: int = -1
    started_at: float | None = None
    idle_since: float = 0.0
    job_ends: float | None = None
    job_since: float = 0.0
    jobs: int = 0
    leaving: bool = False
    ended_at: float | None = None

    @property
    def name(self) -> str:
        """Of its pod."""
        return f"{self.placement.object_name}-x"


class World:
    """Both members, both queues, and an account of every second that was paid."""

    def __init__(self, policy: Policy, *, campus: int, cloud: int, delay_s: float, job_s: float) -> None:
        self.policy = policy
        self.nodes = {"campus": campus, "cloud": cloud}
        self.delay_s = delay_s
        self.job_s = job_s
        self.idle: Counter[str] = Counter()
        self.startds: dict[str, Startd] = {}
        self.memory = Memory(at=T0 - 5, pairs={f"{name}/g/": SEEN for name in self.nodes})
        self.outcomes: tuple[Outcome, ...] = ()
        self.reads = 0
        self.paid: defaultdict[int, float] = defaultdict(float)
        self.made: list[Placement] = []

    def free(self, name: str) -> list[int]:
        """Free cores of each node of a member."""
        left = [CORES] * self.nodes[name]
        for one in self.startds.values():
            if one.placement.member == name and one.node >= 0 and one.ended_at is None:
                left[one.node] -= 1
        return left

    def cycle(self, at: float, since: float) -> Plan:
        """Time passes from `since` to `at`, everybody is read, and what is decided is done."""
        for key in sorted(self.startds):
            self._live(self.startds[key], at)
        self._pay(since, at)
        self.reads += 1
        snap = snapshot(
            at=at,
            members=tuple(self._member(name, at) for name in sorted(self.nodes)),
            terms=tuple(
                terms(
                    name,
                    price_per_core_hour=PRICE if name == "cloud" else 0.0,
                    budgets=Budgets(objects_in_flight=10_000),
                )
                for name in sorted(self.nodes)
            ),
            schedds=(schedd(*self._classes(), seen_at=at, reads=self.reads),),
            pools=(PoolView("a", seen_at=at, slots=tuple(self._slots(at))),),
            objects=tuple(self._thing(one) for one in self.startds.values()),
            memory=self.memory,
            outcomes=self.outcomes,
        )
        plan = negotiate(snap, self.policy)
        self.outcomes = ()
        for change in changes(snap.observation, plan):
            self._do(change, at)
        self.memory = plan.memory
        return plan

    def _live(self, one: Startd, at: float) -> None:
        """What a startd does by itself until now: begin, take jobs, end."""
        if one.ended_at is not None:
            return
        deadline = one.created_at + one.placement.lifetime_s
        if one.started_at is None and one.node >= 0 and at >= one.created_at + self.delay_s:
            one.started_at = one.idle_since = one.created_at + self.delay_s
        if one.job_ends is not None and at >= one.job_ends:
            one.idle_since, one.job_ends = one.job_ends, None
        if at >= deadline:
            self.idle[one.placement.class_key] += one.job_ends is not None
            one.ended_at = deadline
        elif one.started_at is not None and one.job_ends is None:
            self._look_for_a_job(one, at)

    def _look_for_a_job(self, one: Startd, at: float) -> None:
        key, retires_at = one.placement.class_key, one.created_at + one.placement.lifetime_s - one.placement.retire_s
        if one.leaving or at - one.idle_since >= one.placement.idle_s:
            one.ended_at = at
        elif self.idle[key] > 0 and at < retires_at:
            self.idle[key] -= 1
            one.jobs += 1
            one.job_since, one.job_ends = at, at + self.job_s

    def _pay(self, since: float, at: float) -> None:
        """Every second that a startd of the cloud ran goes to the window that it lies in."""
        window_s = self.policy.tiers[0].budget_window_s
        for one in self.startds.values():
            if one.placement.member == "cloud" and one.started_at is not None:
                begin, end = max(since, one.started_at), min(at, one.ended_at or at)
                while begin < end:
                    edge = min(end, (begin // window_s + 1) * window_s)
                    self.paid[int(begin // window_s)] += PRICE / 3600 * (edge - begin)
                    begin = edge

    def _classes(self) -> list[DemandClass]:
        return [
            demand(
                key,
                idle=count,
                request=res(1, 1),
                principal=USERS[key],
                length=JobLength(int(self.job_s), "MaxWallTimeMins"),
                oldest_at=T0,
            )
            for key, count in sorted(self.idle.items())
            if count
        ]

    def _member(self, name: str, at: float) -> MemberView:
        bars = Counter(self.free(name))
        rooms = tuple(Room(res(cores, 64, 1000, pods=100), nodes) for cores, nodes in sorted(bars.items()))
        shape = res(CORES, 64, 1000, pods=110)
        return member(name, group("g", self.nodes[name], shape, rooms=rooms), at=at)

    def _thing(self, one: Startd) -> ObjectView:
        phase = "succeeded" if one.ended_at else "running" if one.started_at else "pending"
        seen = pod(
            one.name,
            phase,
            node=f"n{one.node}" if one.node >= 0 else "",
            created_at=one.created_at,
            scheduled_at=one.created_at if one.node >= 0 else None,
            started_at=one.started_at,
            ended_at=one.ended_at,
            leave_ordered_at=one.created_at if one.leaving else None,
        )
        return thing(one.placement, seen, finished="complete" if one.ended_at else "")

    def _slots(self, at: float) -> list[SlotView]:
        return [
            slot(
                one.placement,
                one.name,
                seen_at=at,
                started_at=one.started_at,
                claims=(Claim(USERS[one.placement.class_key], 1000, one.job_since),) if one.job_ends else (),
                unclaimed_since=None if one.job_ends else one.idle_since,
                free=res(0, 0, 0, pods=0) if one.job_ends else res(1, 1, pods=0),
                jobs_started=one.jobs,
            )
            for one in self.startds.values()
            if one.started_at is not None and one.ended_at is None
        ]

    def _do(self, change: object, at: float) -> None:
        if isinstance(change, CreateObject):
            what = change.placement
            free = self.free(what.member)
            node = next((n for n, cores in enumerate(free) if cores), -1)
            self.startds[what.id] = Startd(what, at, node)
            self.made.append(what)
            self.outcomes = (*self.outcomes, Outcome(change, "done", at, uid="uid-1"))
        elif isinstance(change, OrderLeave):
            self.startds[change.placement_id].leaving = True
        elif isinstance(change, DeletePod):
            one = self.startds[change.placement_id]
            if one.started_at is None:
                del self.startds[change.placement_id]
            elif one.ended_at is None:
                self.idle[one.placement.class_key] += one.job_ends is not None
                one.ended_at = at
        elif isinstance(change, DeleteObject):
            del self.startds[change.placement_id]
