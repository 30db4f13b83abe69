"""What the demo's federation did so far, from its recorded cycles alone; how that looks is decided elsewhere."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from typing import NamedTuple

from fedsched.journal import Recorded
from fedsched.matchmaker.model import ClassReport, DemandClass, Held, Notice, Spike
from fedsched.study.moment import Moment, moment

KEPT_NOTICES = 200


class Sample(NamedTuple):
    """One cycle in the charts. at: epoch seconds; waiting: cores of idle jobs; claimed, supply: cores of startds."""

    at: float
    waiting: float
    claimed: float
    supply: float


class Happened(NamedTuple):
    """A notice and when it was, in seconds since the first cycle."""

    after_s: float
    notice: Notice


class Site(NamedTuple):
    """A member. claimed: (group, cores) by who holds them; the others in cores; gpus: claimed and there in all."""

    name: str
    state: str
    offered: float
    claimed: tuple[tuple[str, float], ...]
    idle: float
    starting: float
    leaving: float
    gpus: tuple[int, int]
    startds: int


class Waiting(NamedTuple):
    """A class of jobs that wait."""

    demand: DemandClass
    report: ClassReport


class Story:
    """Takes note of each cycle; what it says is of the last one, `last`, and of all before it."""

    def __init__(self) -> None:
        self.last: Recorded | None = None
        self.sums: Moment | None = None
        self.began_at = 0.0
        self.samples: list[Sample] = []
        self.notices: deque[Happened] = deque(maxlen=KEPT_NOTICES)
        self.spikes: dict[str, Spike] = {}

    def see(self, recorded: Recorded) -> None:
        """One cycle, once it is durable."""
        plan = recorded.plan
        if self.last is None:
            self.began_at = plan.at
        sums = moment(recorded)
        self.samples.append(Sample(plan.at, sums.idle, busy(sums), sum(sums.supply.values())))
        self.notices.extend(Happened(plan.at - self.began_at, notice) for notice in plan.notices)
        self.spikes.update((spike.id, spike) for spike in plan.memory.surge.spikes)
        # Last, and whole: whoever draws does so in another thread.
        self.sums, self.last = sums, recorded

    @property
    def price(self) -> float:
        """What runs now costs in an hour, in the federation's currency."""
        standing = self.last.plan.held if self.last else ()
        running = (h for h in standing if h.phase != "gone" and h.pod_started_at is not None)
        return sum(held.placement.price_per_hour * held.nodes for held in running)

    @property
    def spike(self) -> Spike | None:
        """The present spike, else the last one; None before the first."""
        return list(self.spikes.values())[-1] if self.spikes else None


def busy(sums: Moment) -> float:
    """Cores that jobs hold; a startd that one job claims may have room for more."""
    return sum(room.claimed for room in sums.rooms.values())


def sites(recorded: Recorded) -> list[Site]:
    """All members of one cycle, by name."""
    sums, memory = moment(recorded), recorded.plan.memory.members
    claims = _claims(recorded)
    return [
        Site(
            name=view.name,
            state=str(memory[view.name].state) if view.name in memory else "new",
            offered=sums.rooms[view.name].offered,
            claimed=tuple(sorted(claims[view.name].items())),
            gpus=_gpus(recorded, view.name),
            startds=sum(held.nodes for held in _there(recorded, view.name)),
            **_phases(recorded, view.name),
        )
        for view in recorded.observation.members
    ]


def waiting(recorded: Recorded) -> list[Waiting]:
    """Classes with idle jobs, those with most unmet first."""
    demands = {demand.key: demand for schedd in recorded.observation.schedds for demand in schedd.classes}
    found = [Waiting(demands[r.key], r) for r in recorded.plan.classes if r.idle and r.key in demands]
    return sorted(found, key=lambda one: (-one.report.unmet, -one.report.idle, one.report.key))


def _claims(recorded: Recorded) -> defaultdict[str, Counter[str]]:
    """Cores by member and group."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for pool in recorded.observation.pools:
        for slot in pool.slots:
            for claim in slot.claims:
                found[slot.member][claim.principal.group or claim.principal.user] += claim.cpu_milli
    for cores in found.values():
        for group in cores:
            cores[group] //= 1000
    return found


def _phases(recorded: Recorded, member: str) -> dict[str, float]:
    found = {"idle": 0.0, "starting": 0.0, "leaving": 0.0}
    for held in _there(recorded, member):
        cores = held.placement.size.cpu_milli * held.nodes / 1000
        if held.phase == "leaving":
            found["leaving"] += max(0.0, cores - held.claimed_cpu_milli / 1000)
        elif held.phase in {"intended", "starting"}:
            found["starting"] += cores
        else:
            found["idle"] += max(0.0, cores - held.claimed_cpu_milli / 1000)
    return found


def _gpus(recorded: Recorded, member: str) -> tuple[int, int]:
    """Claimed, and all that we hold or could hold."""
    view = next(view for view in recorded.observation.members if view.name == member)
    free = sum(room.free.gpus * room.nodes for group in view.node_groups for room in group.rooms)
    ours = sum(h.placement.size.gpus * h.nodes for h in _there(recorded, member) if h.pod_started_at is not None)
    claimed = sum(h.placement.size.gpus * h.nodes for h in _there(recorded, member) if h.phase == "claimed")
    return claimed, free + ours


def _there(recorded: Recorded, member: str) -> Iterator[Held]:
    return (h for h in recorded.plan.held if h.placement.member == member and h.phase != "gone")
