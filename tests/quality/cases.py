"""Random federations for measuring a round: equal for equal seeds, all that decides in numbers; nothing is solved here.

Nothing but room, limits and shares decides: every place is known, nothing stands yet, and no ramp holds anybody back.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple

from fedsched.matchmaker.model import (
    Budgets,
    ConcurrencyLimit,
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
    PrincipalTerms,
    Quota,
    Ramp,
    Room,
    ScheddView,
    Sharing,
    Snapshot,
)
from fedsched.matchmaker.resources import Resources

AT = 1_800_000_000.0
GIB = 1024
MANY = 1_000_000
TENTH = 10
"""No request, with what its pod needs beside, is above one part in so many of any node where it may run."""

Of = Literal["node", "room"]
"""A tenth of what: of an empty node, whatever is free there, or of what is free."""
LEAST_FREE: dict[Of, float] = {"node": 0.3, "room": 0.65}
"""At least this part of each resource of a node is free."""

SHAPES = (
    Resources(64_000, 256 * GIB, 1000 * GIB, 0, 110),
    Resources(64_000, 512 * GIB, 1000 * GIB, 0, 110),
    Resources(96_000, 384 * GIB, 2000 * GIB, 0, 110),
    Resources(128_000, 512 * GIB, 2000 * GIB, 0, 250),
    Resources(128_000, 1024 * GIB, 2000 * GIB, 16, 110),
)
"""Empty nodes; the last ones have GPUs."""
REGIONS = ("eu", "us", "ap")
NODES = 34
"""Least nodes of a case."""
RANK = "-1000.0 * FedschedPricePerCoreHour"
NAMES = frozenset({"cpu_milli", "memory_mib", "gpus"})


class Where(NamedTuple):
    """What a class may ask of a node group."""

    member: str
    region: str
    vectors: bool
    gpus: bool


CLAUSES: tuple[tuple[str, Callable[[Where], bool]], ...] = (
    ("", lambda _: True),
    ('TARGET.FedschedRegion == "eu"', lambda where: where.region == "eu"),
    ("TARGET.has_avx2 =?= true", lambda where: where.vectors),
    ('stringListMember(TARGET.FedschedRegion, "eu,us")', lambda where: where.region in {"eu", "us"}),
    ('TARGET.FedschedMember =!= "m1"', lambda where: where.member != "m1"),
)
"""Requirements, and what they mean, said again without ClassAds."""


class Case(NamedTuple):
    """A state to be decided. may: (member, node group) of every place where a class may run, by the class's key."""

    seed: int
    snapshot: Snapshot
    policy: Policy
    may: dict[str, frozenset[tuple[str, str]]]

    @property
    def classes(self) -> tuple[DemandClass, ...]:
        """All that is asked for."""
        return tuple(one for view in self.snapshot.observation.schedds for one in view.classes)


class _Site(NamedTuple):
    """A member with what tells its node groups apart for classes."""

    terms: MemberTerms
    view: MemberView
    wheres: tuple[Where, ...]


def case(seed: int, of: Of = "node") -> Case:
    """The case of that number."""
    chance = random.Random(seed)  # noqa: S311 - equal for equal seeds, no secret
    sites = _sites(chance, LEAST_FREE[of])
    principals, most = _principals(chance), largest(of)
    asked = [_class(number, who, most, chance) for number, who in enumerate(principals)]
    classes, may = tuple(one for one, _ in asked), {}
    for one, wants in asked:
        may[one.key] = frozenset(
            (site.view.name, group.name)
            for site in sites
            for group, where in zip(site.view.node_groups, site.wheres, strict=True)
            if wants(where) and _admits(site.terms, one)
        )
    views = tuple(site.view for site in sites)
    seen = Observation(AT, (ScheddView("s", "a", seen_at=AT, reads=9, classes=classes),), views, (PoolView("a", AT),))
    known = PairMemory(attributes=(("Arch", '"X86_64"'),), seen_at=AT)
    pairs = {f"{view.name}/{group.name}/": known for view in views for group in view.node_groups}
    snapshot = Snapshot(seen, Memory(at=AT - 5, pairs=pairs), tuple(site.terms for site in sites))
    return Case(seed, snapshot, _policy(views, {who.group for who in principals}, chance), may)


def largest(of: Of) -> Resources:
    """A tenth of the smallest node, or of the least that is free on it; GPUs are on few nodes and asked for singly."""
    part = (LEAST_FREE[of] if of == "room" else 1.0) / TENTH
    cpu, memory = min(one.cpu_milli for one in SHAPES), min(one.memory_mib for one in SHAPES)
    return Resources(int(cpu * part), int(memory * part), int(min(one.disk_mib for one in SHAPES) * part), 1, 1)


def _admits(terms: MemberTerms, one: DemandClass) -> bool:
    return not terms.principals or f"{one.principal.group.split('.')[0]}.*" in terms.principals


# -- what is lent ------------------------------------------------------------------------------------------------------


def _sites(chance: random.Random, least: float) -> list[_Site]:
    sites: list[_Site] = []
    while sum(group.nodes for site in sites for group in site.view.node_groups) < NODES:
        sites.append(_site(f"m{len(sites)}", least, chance))
    return sites


def _site(name: str, least: float, chance: random.Random) -> _Site:
    region = chance.choice(REGIONS)
    wheres, groups = [], []
    for index in range(chance.randint(1, 3)):
        groups.append(_group(f"g{index}", region, least, chance))
        wheres.append(Where(name, region, dict(groups[-1].attributes)["has_avx2"] == "true", bool(_gpus(groups[-1]))))
    room = sum((room.free.times(room.nodes) for group in groups for room in group.rooms), Resources())
    limit, cpu, memory = chance.random(), frozenset({"cpu_milli"}), frozenset({"memory_mib"})
    part = chance.uniform(0.4, 0.9)
    quotas = (Quota("q", _part(room, part), limits=cpu | memory),) if limit < 0.2 else ()
    terms = MemberTerms(
        name,
        mode="on",
        budgets=Budgets(objects_in_flight=MANY, pods_pulling=MANY),
        ceiling=_part(room, part),
        ceiling_names=memory if 0.2 <= limit < 0.35 else frozenset(),
        leave_free=(("g0", Resources(8000 * groups[0].nodes)),) if 0.35 <= limit < 0.5 else (),
        principals=("hep.*", "bio.*", "geo.*") if 0.5 <= limit < 0.6 else (),
        price_per_core_hour=chance.choice((0.01, 0.02, 0.03)),
    )
    groups_ = tuple(groups)
    view = MemberView(name, "ok", AT, seen_at=AT, node_groups=groups_, anchor_uid=f"anchor-{name}", quotas=quotas)
    return _Site(terms, view, tuple(wheres))


def _gpus(group: NodeGroup) -> int:
    return group.allocatable.gpus


def _part(room: Resources, part: float) -> Resources:
    return Resources(int(room.cpu_milli * part), int(room.memory_mib * part), room.disk_mib, room.gpus, room.pods)


def _group(name: str, region: str, least: float, chance: random.Random) -> NodeGroup:
    whole, nodes = chance.choice(SHAPES), chance.randint(2, 8)
    rooms = Counter(_free(whole, least, chance) for _ in range(nodes))
    attributes = (("FedschedRegion", f'"{region}"'), ("has_avx2", chance.choice(("true", "true", "false"))))
    bars = tuple(sorted(Room(free, count) for free, count in rooms.items()))
    return NodeGroup(name, whole, nodes, nodes, 0, bars, attributes=attributes)


def _free(whole: Resources, least: float, chance: random.Random) -> Resources:
    """One node in three is empty; of another, each resource is used to a part of its own."""
    if chance.random() < 1 / 3:
        return whole
    parts = [chance.uniform(least, 1) for _ in range(5)]
    amounts = (whole.cpu_milli, whole.memory_mib, whole.disk_mib, whole.gpus, whole.pods)
    cpu, memory, disk, gpus, pods = (int(amount * part) for amount, part in zip(amounts, parts, strict=True))
    return Resources(cpu // 100 * 100, memory, disk, gpus, pods)


# -- what is asked for -------------------------------------------------------------------------------------------------


def _principals(chance: random.Random) -> list[Principal]:
    """Whose each class is: one to three classes of each of some users."""
    groups = ("hep", "hep.cms", "bio", "geo", "")
    users = [Principal(chance.choice(groups), f"u{number}@x") for number in range(chance.randint(6, 12))]
    return [user for user in users for _ in range(chance.choice((1, 1, 2, 3)))]


def _class(
    number: int, who: Principal, most: Resources, chance: random.Random
) -> tuple[DemandClass, Callable[[Where], bool]]:
    """A class, and where it wants to run; a third of them are soon served."""
    text, wants = chance.choice((CLAUSES[0], *CLAUSES))
    cores = chance.choice([n for n in (1, 1, 2, 2, 3, 4, 6) if n * 1000 <= most.cpu_milli])
    gpus = chance.choice((0, 0, 0, 0, most.gpus))
    memory = min(most.memory_mib // GIB * GIB, cores * chance.choice((1, 2, 4, 8)) * GIB)
    idle = chance.choice((chance.randint(5, 60), 2000, 2000))
    found = DemandClass(
        f"k{number:02}",
        "a",
        "s",
        who,
        Resources(cores * 1000, memory, chance.choice((1, 5, 20, 60)) * GIB, gpus, 1),
        JobLength(3600, "assumed"),
        idle,
        requirements=text,
        priorities=((0, idle),),
        oldest_at=AT - chance.randrange(1000),
        examples=(f"{number}.0",),
        concurrency=(("licence", 1),) if chance.random() < 0.1 else (),
    )
    return found, (lambda where: wants(where) and where.gpus) if gpus else wants


def _policy(views: tuple[MemberView, ...], groups: set[str], chance: random.Random) -> Policy:
    """Groups by weight, one of them with a limit in some cases; the reference is all that there is."""
    whole = sum((one.allocatable.times(one.nodes) for view in views for one in view.node_groups), Resources())
    said = [Group(path, weight=chance.choice((1.0, 2.0, 5.0))) for path in sorted(groups | {"hep"}) if path]
    if chance.random() < 0.25:
        limit = Resources(whole.cpu_milli // 10)
        said[0] = Group(said[0].path, weight=1.0, limit=limit, limit_names=frozenset({"cpu_milli"}))
    return Policy(
        rank=chance.choice(("", RANK)),
        ramp=Ramp(first=MANY, max_starts=MANY),
        sharing=Sharing(slot_weight=chance.choice(("", "", "Cpus")), reference=whole, reference_names=NAMES),
        groups=tuple(said),
        principals=(PrincipalTerms("*u1@x", factor=3.0),),
        limits=(ConcurrencyLimit("licence", 40),),
    )
