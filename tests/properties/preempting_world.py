"""A small world for preemption: nodes, principals in a tree, jobs of one size each; filled and preempted in cycles."""

from __future__ import annotations

from typing import NamedTuple

from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import Held, Preemption, ShareLine
from fedsched.matchmaker.preempt import Evictions, Rules, evict, promised
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0
from tests.matchmaker.preempting import Shares, asked, place_of, rules, shares, startd, who, wish

NODES = {"m1": ("n1", "n2"), "m2": ("n3",)}


class Person(NamedTuple):
    """A principal: its path, the right and the floor of it and its jobs' cores, all in cores; jobs: how many it has."""

    path: str
    entitled: int
    floor: int
    cores: int
    jobs: int


class World:
    """What runs where. Rights are constant, so that whatever moves is preemption's doing."""

    def __init__(
        self, people: list[Person], groups: dict[str, tuple[int, int]], node_cores: int, terms: Preemption
    ) -> None:
        self.people = people
        self.groups = groups
        self.terms = terms
        self.node_cores = node_cores
        self.at = T0
        self.standing: list[Standing] = []
        self.serial = 0

    def run(self, person: Person, node: str) -> None:
        """A startd for one of its jobs, old enough to be asked for."""
        self.serial += 1
        member = next(m for m, nodes in NODES.items() if node in nodes)
        one = startd(f"1-{self.serial:04}", person.path, node, person.cores, member=member)
        self.standing.append(one)

    def free(self, node: str) -> int:
        used = sum(s.held.placement.size.cpu_milli // 1000 for s in self.standing if s.pods[0].node == node)
        return self.node_cores - used

    def places(self) -> tuple[Place, ...]:
        return tuple(
            place_of(m, *((n, Resources(self.free(n) * 1000, 10**6, 10**6, pods=99)) for n in nodes))
            for m, nodes in NODES.items()
        )

    def held(self, path: str) -> int:
        return sum(
            s.held.placement.size.cpu_milli // 1000 for s in self.standing if s.held.placement.principal == who(path)
        )

    def shares(self) -> Shares:
        lines = {
            p.path: ShareLine(
                p.path, p.path.partition("/")[0], p.entitled * 1000, p.floor * 1000, self.held(p.path) * 1000
            )
            for p in self.people
        }
        for group, (entitled, floor) in self.groups.items():
            held = sum(line.held for line in lines.values() if line.parent == group)
            lines[group] = ShareLine(group, "", entitled * 1000, floor * 1000, held)
        return shares(*lines.values())

    def unmet(self, person: Person) -> int:
        mine = [s for s in self.standing if s.held.placement.principal == who(person.path) and s.held.wanted == "run"]
        return max(0, person.jobs - len(mine))

    def fill(self) -> None:
        """Room that is there: first to whom it was promised, then lowest level first (FS6)."""
        kept = promised(self.standing, self.terms.wait_s, self.at)
        self.standing = [s for s in self.standing if s.held.wanted == "run"]
        for key, count in kept.items():
            person = next(p for p in self.people if p.path == key)
            for _ in range(count):
                self._start(person)
        while True:
            level = {
                p.path: (self.held(p.path) / p.entitled if p.entitled else float("inf"), p.path) for p in self.people
            }
            if not any(self._start(p) for p in sorted(self.people, key=lambda p: level[p.path])):
                return

    def _start(self, person: Person) -> bool:
        node = next((n for ns in NODES.values() for n in ns if self.free(n) >= person.cores), None)
        if node is None or not self.unmet(person):
            return False
        self.run(person, node)
        return True

    def preempt(self) -> Evictions:
        """One round; the victims have their orders afterwards and are gone at the next filling."""
        places = self.places()
        wishes = tuple(wish(p.path, p.path, places, p.cores, unmet=self.unmet(p)) for p in self.people if self.unmet(p))
        found = asked(wishes, tuple(self.standing), self.shares(), self.judge(places))
        self.standing = [self._told(s, found) for s in self.standing]
        return found

    def judge(self, places: tuple[Place, ...]) -> Rules:
        mode = {name: getattr(self.terms, name) for name in ("mode", "way", "by_priority", "wait_s")}
        return rules(places, None, **mode)

    def _told(self, stand: Standing, found: Evictions) -> Standing:
        victim = found.victims.get(stand.held.placement.id)
        told: Held = evict(stand.held, victim, self.at) if victim else stand.held
        return Standing(told, stand.object, stand.slots)
