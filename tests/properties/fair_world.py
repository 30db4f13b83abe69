"""A federation in memory for fairness over time: finite jobs of stated lengths, a virtual clock, nothing that fails.

Startds begin and join at once, and take the next job of their principal; what is decided is decided by the product.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import msgspec

from fedsched.matchmaker.model import (
    Claim,
    DemandClass,
    Held,
    LedgerEntry,
    MemberTerms,
    MemberView,
    Memory,
    NodeRoom,
    ObjectView,
    Plan,
    PodView,
    Policy,
    Principal,
    Room,
    SlotView,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share import Sizes
from tests.matchmaker.builders import SEEN, T0, demand, group, member, pod, res, schedd, slot, snapshot, terms, thing


@dataclass(frozen=True)
class User:
    """A principal with an endless queue of jobs alike: what each asks for, and for how many seconds it runs."""

    who: Principal
    request: Resources = field(default_factory=lambda: res(1, 1))
    seconds: int = 600

    @property
    def key(self) -> str:
        """Its one demand class."""
        return f"class-of-{self.who}"


@dataclass
class Startd:
    """One startd, the node that it is on, and the end of its present job."""

    held: Held
    node: int
    job_since: float
    job_ends: float
    leaving: bool = False


@dataclass
class FairWorld:
    """Members of nodes, users, and what runs. `step` lets one cycle pass; `history` is (time, path -> milli held)."""

    policy: Policy
    users: list[User]
    members: dict[str, list[Resources]]
    cycle_s: float = 120.0
    at: float = T0
    memory: Memory = field(default_factory=Memory)
    startds: dict[str, Startd] = field(default_factory=dict)
    history: list[tuple[float, dict[str, int], dict[str, int]]] = field(default_factory=list)
    plan: Plan | None = None

    def __post_init__(self) -> None:
        pairs = {f"{name}/g/": SEEN for name in self.members}
        self.memory = msgspec.structs.replace(self.memory, pairs=pairs)

    def used(self, path: str, cores: float) -> None:
        """Let the principal have held so many cores for ever before the beginning."""
        ledger = self.memory.ledger | {path: LedgerEntry(usage=cores, at=self.at)}
        self.memory = msgspec.structs.replace(self.memory, ledger=ledger)

    def run(self, seconds: float) -> FairWorld:
        """Let so much virtual time pass."""
        end = self.at + seconds
        while self.at < end:
            self.step()
        return self

    def step(self) -> None:
        """One cycle: jobs end and begin, the product looks and decides, what it decided happens."""
        self._work()
        plan = negotiate(self._snapshot(), self.policy)
        self.memory, self.plan = plan.memory, plan
        for held in plan.held:
            self._carry_out(held)
        self.history.append((self.at, self._held(plan), {line.path: line.entitled for line in plan.shares}))
        self.at += self.cycle_s

    def mean(self, path: str, begin: float, end: float) -> float:
        """Cores that the node of the tree held on average between two times."""
        found = [held.get(path, 0) for at, held, _ in self.history if begin <= at < end]
        return sum(found) / len(found) / 1000

    def entitled(self, path: str, begin: float, end: float) -> float:
        """Cores that it was entitled to on average between two times."""
        found = [entitled.get(path, 0) for at, _, entitled in self.history if begin <= at < end]
        return sum(found) / len(found) / 1000

    def _held(self, plan: Plan) -> dict[str, int]:
        """Thousandths of a core-equivalent that everybody holds when the plan is carried out."""
        sizes = Sizes(
            self.policy.sharing.reference, self.policy.sharing.reference_names, self.policy.sharing.slot_weight
        )
        parents = {line.path: line.parent for line in plan.shares}
        total = dict.fromkeys(parents, 0)
        for held in plan.held:
            if held.phase != "gone" and held.wanted in {"run", "leave"}:
                path = f"{held.placement.principal.group}/{held.placement.principal.user}"
                milli = sizes.of(held.placement.size)
                total[path] += milli
                while path:
                    path = parents[path]
                    total[path] += milli
        return total

    # -- what happens ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Jobs that ended make place for the next of the same principal, or the startd goes when it was told to."""
        for key, startd in list(self.startds.items()):
            place = startd.held.placement
            end_at = place.created_at + place.lifetime_s
            while startd.job_ends <= self.at:
                seconds = self._user(place.principal).seconds
                if startd.leaving or startd.job_ends + seconds > end_at:
                    del self.startds[key]
                    break
                startd.job_since, startd.job_ends = startd.job_ends, startd.job_ends + seconds

    def _carry_out(self, held: Held) -> None:
        place = held.placement
        startd = self.startds.get(place.id)
        if startd is None:
            if held.wanted == "run" and held.phase == "intended":
                seconds = self._user(place.principal).seconds
                self.startds[place.id] = Startd(held, self._node(place.member, place.size), self.at, self.at + seconds)
            return
        if held.wanted == "leave":
            startd.leaving = True
        elif held.wanted != "run":
            del self.startds[place.id]

    def _node(self, name: str, size: Resources) -> int:
        free = self._free(name)
        fitting = [i for i, room in enumerate(free) if all(room.get(n) >= a for n, a in size.items())]
        assert fitting, f"placed on {name}, where no node has room"
        return min(fitting, key=lambda i: free[i])

    def _free(self, name: str) -> list[Resources]:
        free = list(self.members[name])
        for startd in self.startds.values():
            if startd.held.placement.member == name:
                free[startd.node] -= startd.held.placement.size
        return free

    def _user(self, who: Principal) -> User:
        return next(user for user in self.users if user.who == who)

    # -- what is seen ----------------------------------------------------------------------------------------------

    def _snapshot(self) -> Snapshot:
        things, slots = [], []
        for startd in self.startds.values():
            seen, spoken = self._seen(startd)
            things.append(seen)
            slots.append(spoken)
        return snapshot(
            at=self.at,
            members=tuple(self._member(name) for name in self.members),
            schedds=(schedd(*(self._queue(user) for user in self.users), seen_at=self.at),),
            terms=tuple(self._terms(name) for name in self.members),
            objects=tuple(things),
            slots=tuple(slots),
            memory=self.memory,
        )

    def _terms(self, name: str) -> MemberTerms:
        return terms(name, pod_overhead=Resources())

    def _queue(self, user: User) -> DemandClass:
        running = sum(s.held.placement.principal == user.who for s in self.startds.values())
        return demand(user.key, 1000, user.request, principal=user.who, oldest_at=T0 - 1000, running=running)

    def _member(self, name: str) -> MemberView:
        bars: dict[Resources, int] = defaultdict(int)
        free = self._free(name)
        for room in free:
            bars[room.floor_zero()] += 1
        nodes = self.members[name]
        rooms = tuple(sorted(Room(room, count) for room, count in bars.items()))
        rows = tuple(NodeRoom(f"{name}-{i}", "g", room) for i, room in enumerate(free))
        return member(name, group("g", len(nodes), min(nodes), rooms=rooms), at=self.at, node_rooms=rows)

    def _seen(self, startd: Startd) -> tuple[ObjectView, SlotView]:
        place = startd.held.placement
        name = f"{place.object_name}-p"
        began = place.created_at
        runs: PodView = pod(name, node=f"{place.member}-{startd.node}", created_at=began, started_at=began)
        claim = Claim(
            place.principal, place.size.cpu_milli, startd.job_since, amount=msgspec.structs.replace(place.size, pods=0)
        )
        spoken = slot(
            place,
            name,
            seen_at=self.at,
            free=Resources(),
            claims=(claim,),
            unclaimed_since=None,
            leaving=startd.leaving,
            started_at=place.created_at,
        )
        return thing(place, runs), spoken
