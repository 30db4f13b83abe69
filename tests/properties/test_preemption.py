"""What preemption never does, whatever stands where and whoever has which right (PR1-PR7)."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import Budgets, Claim, Preemption, ShareLine
from fedsched.matchmaker.preempt import Evictions, Rules, Wish, evict, make_room
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources, fits
from fedsched.matchmaker.share import path_of
from tests.matchmaker.builders import T0
from tests.matchmaker.preempting import Shares, place_of, rules, shares, startd, who, wish
from tests.properties.preempting_world import NODES, Person, World

ROUNDS = settings(max_examples=150, deadline=None)
PEOPLE = ("/a@x", "/b@x", "g/c@x", "g/d@x", "g.h/e@x", "g.h/f@x", "k/i@x")
GROUPS = ("g", "g.h", "k")


class Scene(msgspec.Struct, frozen=True):
    """One round's input."""

    wishes: tuple[Wish, ...]
    standing: tuple[Standing, ...]
    shared: Shares
    rules: Rules

    def decide(self) -> Evictions:
        return make_room(self.wishes, self.standing, self.shared, self.rules)

    def startd(self, name: str) -> Standing:
        return next(s for s in self.standing if s.held.placement.id == name)


@st.composite
def lines(draw: st.DrawFn, taker: str, yielder: str, standing: tuple[Standing, ...]) -> dict[str, ShareLine]:
    """Rights at what is held, where every rule has its edge, or far from it, so that several jobs get room.

    Floors up to them; groups that do not add up. `taker` and its groups are below and the side of `yielder` above, or
    hardly anybody would yield.
    """
    empty = {path: ShareLine(path, parent_of(path)) for path in (*PEOPLE, *GROUPS)}
    held = counted(empty, standing).lines
    found = {}
    near = draw(st.sampled_from((True, False, False)))
    for path in empty:
        off = draw(st.sampled_from((1, 2, 3) if near else (1, 2, 5, 10)))
        if inside(yielder, path) and not inside(taker, path):
            off = -off
        elif not inside(taker, path):
            off -= draw(st.sampled_from((1, 2, 3, 4) if near else (2, 3, 9, 12)))
        entitled = max(0, held[path].held // 1000 + off)
        floor = draw(st.sampled_from((0, 0, 0, 0, entitled // 2, max(0, entitled - 1), entitled)))
        found[path] = ShareLine(path, parent_of(path), entitled * 1000, floor * 1000)
    return found


def inside(path: str, group: str) -> bool:
    """Whether it is the group, or somebody in it."""
    return path == group or path.startswith((f"{group}/", f"{group}."))


def parent_of(path: str) -> str:
    return path.partition("/")[0] if "/" in path else path.rpartition(".")[0]


@st.composite
def startds(draw: st.DrawFn, index: int, people: list[str]) -> Standing:
    member = draw(st.sampled_from(("m1", "m1", "m2")))
    owner, cores = draw(st.sampled_from(people)), draw(st.sampled_from((1, 1, 2, 3, 4)))
    since = T0 - draw(st.integers(0, 5_000))
    others = st.lists(st.sampled_from(people), max_size=2)
    claimants = draw(st.one_of(*[st.just([owner])] * 5, others))
    parts = max(1, cores // max(1, len(claimants)))
    claims = tuple(
        Claim(who(path), parts * 1000, since + 10 * i, f"{i}.0", priority=draw(st.integers(0, 2)))
        for i, path in enumerate(claimants[:cores])
    )
    node = draw(st.sampled_from((NODES[member][0], *NODES[member])))
    return startd(f"1-{index}", owner, node, cores, member=member, claims=claims, since=since)


@st.composite
def scenes(draw: st.DrawFn, /, *, takers: int = 3, **terms: Any) -> Scene:
    people = draw(st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=4, unique=True))
    askers = people[:1] if takers == 1 else people
    owners = people[1:] if draw(st.integers(0, 2)) else people
    standing = tuple(draw(startds(index, owners)) for index in range(draw(st.integers(6, 16))))
    budgets = Budgets(evictions_per_min=draw(st.sampled_from((99, 99, 6, 1))))
    free = st.sampled_from((0, 0, 0, 0, 0, 1, 1, 3))
    places = tuple(
        place_of(m, *((n, Resources(draw(free) * 1000, 10**6, 10**6, pods=50)) for n in ns), budgets=budgets)
        for m, ns in NODES.items()
    )
    wishes = tuple(
        wish(f"c{i}", path, places, draw(st.sampled_from((1, 2, 3, 4, 4))), unmet=draw(st.integers(1, 4)))
        for i, path in enumerate([people[0], *draw(st.lists(st.sampled_from(askers), max_size=takers - 1))])
    )
    settled = {
        "mode": draw(st.sampled_from(["fair", "fair", "reclaim"])),
        "protect_s": draw(st.sampled_from([0.0, 0.0, 600.0])),
    }
    recent = {m: tuple(T0 - draw(st.integers(1, 90)) for _ in range(draw(st.integers(0, 3)))) for m in NODES}
    return Scene(
        wishes,
        standing,
        counted(draw(lines(people[0], people[1], standing)), standing),
        rules(places, recent, **(settled | terms)),
    )


@st.composite
def pressed(draw: st.DrawFn, /, **terms: Any) -> Scene:
    """One who has nothing and a large right, beside others who have all there is: mostly somebody must go."""
    taker, *owners = draw(st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=3, unique=True))
    standing = []
    for index in range(draw(st.integers(4, 10))):
        member = draw(st.sampled_from(("m1", "m2", "m2")))
        owner, node = draw(st.sampled_from(owners)), draw(st.sampled_from(NODES[member]))
        since, cores = T0 - draw(st.integers(700, 5_000)), draw(st.sampled_from((1, 1, 2, 3)))
        standing.append(startd(f"1-{index}", owner, node, cores, member=member, since=since))
    budgets = Budgets(evictions_per_min=draw(st.sampled_from((99, 99, 1, 2))))
    free = st.sampled_from((0, 0, 0, 0, 0, 0, 0, 4))
    places = tuple(
        place_of(m, *((n, Resources(draw(free) * 1000, 10**6, 10**6, pods=50)) for n in ns), budgets=budgets)
        for m, ns in NODES.items()
    )
    asked = wish("c0", taker, places, draw(st.sampled_from((1, 2, 3, 4, 5))), unmet=draw(st.integers(1, 4)))
    empty = {path: ShareLine(path, parent_of(path)) for path in (*PEOPLE, *GROUPS)}
    tree = {}
    part = draw(st.sampled_from((0.0, 0.3, 1.0, 1.0)))
    for path, line in counted(empty, tuple(standing)).lines.items():
        right = line.held + 12_000 if inside(taker, path) else int(line.held * part) // 1000 * 1000
        tree[path] = msgspec.structs.replace(line, entitled=right, floor=draw(st.sampled_from((0, 0, right))))
    settled = {"mode": draw(st.sampled_from(["fair", "fair", "reclaim"])), "protect_s": 600.0} | terms
    return Scene(
        (asked,), tuple(standing), counted(tree, tuple(standing)), rules(places, dict.fromkeys(NODES, ()), **settled)
    )


def counted(tree: dict[str, ShareLine], standing: tuple[Standing, ...]) -> Shares:
    """The tree with what the startds add up to."""
    held = Counter[str]()
    for stand in standing:
        for path, amount in held_on(stand).items():
            while path:
                held[path] += amount
                path = tree[path].parent  # noqa: PLW2901 - up the tree
    return shares(*(msgspec.structs.replace(line, held=held[path]) for path, line in tree.items()))


def held_on(stand: Standing) -> dict[str, int]:
    """Claims to who claims, the rest to who asked, in thousandths of a core."""
    found = Counter[str]()
    for slot in stand.slots:
        for claim in slot.claims:
            found[path_of(claim.principal)] += claim.cpu_milli
    rest = stand.held.placement.size.cpu_milli * stand.held.nodes - found.total()
    if rest > 0:
        found[path_of(stand.held.placement.principal)] += rest
    return dict(found)


def taker_of(scene: Scene, key: str) -> str:
    return path_of(next(w.demand.principal for w in scene.wishes if w.demand.key == key))


def sets_of(found: Evictions) -> dict[str, list[str]]:
    """Victims that go for one job together."""
    sets: dict[str, list[str]] = {}
    for name, victim in found.victims.items():
        sets.setdefault(victim.yields_with, []).append(name)
    return sets


@ROUNDS
@given(scenes() | pressed())
def test_nobody_yields_who_does_not_hold_more_than_its_right_or_its_floor(scene: Scene) -> None:
    """PR2, PR4: everybody on a victim, by the rule that is written in its record."""
    found = scene.decide()
    for name, victim in found.victims.items():
        for path in held_on(scene.startd(name)):
            line = scene.shared.lines[path]
            assert line.held > line.floor
            assert line.held > line.entitled or "PR7" in victim.why.need
            assert path != taker_of(scene, victim.yields_to)


@ROUNDS
@given(scenes(mode="fair") | pressed(mode="fair"))
def test_nobody_takes_who_holds_its_right_and_its_floor(scene: Scene) -> None:
    """PR2, PR7: the preemptor, or a group that it is in, is short of something."""
    for victim in scene.decide().victims.values():
        path = taker_of(scene, victim.yields_to)
        chain = [scene.shared.lines[path]]
        while chain[-1].parent:
            chain.append(scene.shared.lines[chain[-1].parent])
        assert chain[0].held < chain[0].entitled or any(line.held < line.floor for line in chain)


@ROUNDS
@given(scenes() | pressed())
def test_after_all_exchanges_no_yielder_is_below_a_floor(scene: Scene) -> None:
    """PR7: what its owner would take back at once is not taken; nor is it taken from a branch beside the taker's."""
    found = scene.decide()
    after = Counter({path: line.held for path, line in scene.shared.lines.items()})
    for name, victim in found.victims.items():
        taker = taker_of(scene, victim.yields_to)
        for path, amount in held_on(scene.startd(name)).items():
            for node in above(scene, path, but_not=taker):
                after[node] -= amount
    for name, victim in found.victims.items():
        for path in held_on(scene.startd(name)):
            for node in above(scene, path, but_not=taker_of(scene, victim.yields_to)):
                assert after[node] >= scene.shared.lines[node].floor


def above(scene: Scene, path: str, but_not: str) -> list[str]:
    """The principal and its groups, without those that the other is in too."""
    chains = []
    for one in (path, but_not):
        chain = [one]
        while scene.shared.lines[chain[-1]].parent:
            chain.append(scene.shared.lines[chain[-1]].parent)
        chains.append(chain)
    return [node for node in chains[0] if node not in chains[1]]


@settings(max_examples=300, deadline=None)
@given(scenes(takers=1, protect_s=0.0) | pressed(protect_s=0.0))
def test_who_yielded_does_not_take_the_room_back(scene: Scene) -> None:
    """PR2, PR7: no A-evicts-B-evicts-A; rights stay, the exchange is carried out, every yielder asks at once."""
    first = scene.decide()
    event(f"{len(first.victims)} victims")
    taker = taker_of(scene, scene.wishes[0].demand.key)
    cores = scene.wishes[0].options[0].size.cpu_milli // 1000
    left = [s for s in scene.standing if s.held.placement.id not in first.victims]
    new = []
    for index, names in enumerate(sorted(sets_of(first).values())):
        gone = scene.startd(names[0])
        member, node = gone.held.placement.member, gone.pods[0].node
        new.append(startd(f"2-{index}", taker, node, cores, member=member))
    after = (*left, *new)
    asks = tuple(
        wish(f"back-{path}", path, scene.rules.places, cores_asked, unmet=3)
        for path in sorted({p for name in first.victims for p in held_on(scene.startd(name))})
        for cores_asked in (1, 4)
    )
    full = tuple(
        place_of(m, *((n, Resources(pods=50)) for n in ns), budgets=Budgets(evictions_per_min=99))
        for m, ns in NODES.items()
    )
    asks = tuple(
        msgspec.structs.replace(
            w, options=tuple(msgspec.structs.replace(o, place=p) for o, p in zip(w.options, full, strict=True))
        )
        for w in asks
    )
    judged = msgspec.structs.replace(scene.rules, places=full, evictions={})
    tree = dict(scene.shared.lines)
    back = make_room(asks, after, counted(tree, after), judged)
    owners = {name: held_on(next(s for s in after if s.held.placement.id == name)) for name in back.victims}
    assert not any(taker in paths for paths in owners.values())


@settings(max_examples=400, deadline=None)
@given(pressed())
def test_no_victim_can_be_spared(scene: Scene) -> None:
    """PR4: job by job, as they were decided: without any one of them the job that it goes for would not fit there."""
    found = scene.decide()
    size = scene.wishes[0].options[0].size
    room = {(m, n): room_on(scene, (m, n), []) for m, ns in NODES.items() for n in ns}
    for names in sets_of(found).values():
        gone = [scene.startd(name) for name in names]
        node = where(gone[0])
        for spared in gone:
            rest = [stand for stand in gone if stand is not spared]
            assert not fits(size, sum((stand.held.placement.size for stand in rest), room[node]))
        room[node] = sum((stand.held.placement.size for stand in gone), room[node])
        while fits(size, room[node]):
            room[node] -= size


def where(stand: Standing) -> tuple[str, str]:
    return stand.held.placement.member, stand.pods[0].node


def room_on(scene: Scene, node: tuple[str, str], gone: list[Standing]) -> Resources:
    room = next(
        r.free for p in scene.rules.places if p.terms.name == node[0] for r in p.view.node_rooms if r.node == node[1]
    )
    for stand in gone:
        room += stand.held.placement.size
    return room


@ROUNDS
@given(scenes(takers=1) | pressed())
def test_what_goes_for_one_job_makes_room_for_it_on_one_node_of_one_member(scene: Scene) -> None:
    """PR3, MA2."""
    found = scene.decide()
    by_node: dict[tuple[str, str], list[Standing]] = {}
    sets = Counter[tuple[str, str]]()
    for names in sets_of(found).values():
        gone = [scene.startd(name) for name in names]
        assert len({s.held.placement.member for s in gone}) == 1
        node = where(gone[0])
        by_node.setdefault(node, []).extend(gone)
        sets[node] += 1
    for node, everybody in by_node.items():
        size = msgspec.structs.replace(scene.wishes[0].options[0].size.times(sets[node]), pods=sets[node])
        assert fits(size, room_on(scene, node, everybody))


@ROUNDS
@given(scenes() | pressed())
def test_not_more_jobs_get_room_than_are_unmet(scene: Scene) -> None:
    """PR3: one eviction, of as many startds as it takes, for one job."""
    jobs = Counter(
        next(v.yields_to for n, v in scene.decide().victims.items() if n in names)
        for names in sets_of(scene.decide()).values()
    )
    for one in scene.wishes:
        assert jobs[one.demand.key] <= min(one.unmet, one.starts)


@ROUNDS
@given(scenes() | pressed())
def test_a_job_for_which_somebody_goes_is_not_given_a_second_member(scene: Scene) -> None:
    """PR3: the next cycle, before anybody has gone, makes nobody else go for the same jobs."""
    first = scene.decide()
    told = tuple(
        Standing(evict(s.held, first.victims[s.held.placement.id], T0), s.object, s.slots)
        if s.held.placement.id in first.victims
        else s
        for s in scene.standing
    )
    second = make_room(scene.wishes, told, scene.shared, scene.rules)
    jobs = Counter(v.yields_to for v in {**first.victims, **second.victims}.values() if v.yields_with)
    for one in scene.wishes:
        sets = {
            v.yields_with for v in (*first.victims.values(), *second.victims.values()) if v.yields_to == one.demand.key
        }
        assert len(sets) <= min(one.unmet, one.starts), jobs


@ROUNDS
@given(scenes(protect_s=600.0) | pressed(protect_s=600.0))
def test_nobody_goes_who_is_protected(scene: Scene) -> None:
    """PR4: since the oldest claim; an unclaimed startd has its first refusal."""
    for name in scene.decide().victims:
        stand = scene.startd(name)
        since = [claim.since for slot in stand.slots for claim in slot.claims]
        assert T0 - min(since) >= 600 if since else T0 - stand.held.placement.created_at >= 300


@ROUNDS
@given(scenes() | pressed())
def test_nobody_goes_while_the_job_could_run_without(scene: Scene) -> None:
    """PR1: if a node has room for the class now, it evicts nobody."""
    found = scene.decide()
    for one in scene.wishes:
        size = one.options[0].size
        if any(fits(size, room.free) for p in scene.rules.places for room in p.view.node_rooms):
            assert one.demand.key not in {v.yields_to for v in found.victims.values()}


@ROUNDS
@given(scenes() | pressed())
def test_no_member_sees_more_evictions_a_minute_than_it_allows(scene: Scene) -> None:
    """PR5."""
    found = scene.decide()
    for place in scene.rules.places:
        name, allowed = place.terms.name, place.terms.budgets.evictions_per_min
        before = [t for t in scene.rules.evictions[name] if T0 - t < 60]
        new = [n for n in found.victims if scene.startd(n).held.placement.member == name]
        assert len(new) <= max(0, allowed - len(before))
        assert sorted(found.evictions.get(name, before)) == sorted([*before, *([T0] * len(new))])


@ROUNDS
@given(scenes() | pressed(), st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_does_not_matter(scene: Scene, chance: random.Random) -> None:
    """MA5: not that of wishes, of startds, of nodes or of members."""
    wishes, standing, places = list(scene.wishes), list(scene.standing), list(scene.rules.places)
    tree = list(scene.shared.lines.values())
    chance.shuffle(wishes)
    chance.shuffle(standing)
    chance.shuffle(places)
    chance.shuffle(tree)
    other = msgspec.structs.replace(scene.rules, places=tuple(places))
    assert make_room(wishes, standing, shares(*tree), other) == scene.decide()


@ROUNDS
@given(scenes() | pressed())
def test_a_class_that_asks_and_gets_nothing_hears_why_when_it_is_fairs_turn(scene: Scene) -> None:
    """RE1: each refusal is one of preemption's own causes."""
    own = {Cause.ABOVE_SHARE, Cause.NO_VICTIMS, Cause.PROTECTED, Cause.EVICTION_RATE, Cause.ROOM_ON_ITS_WAY}
    found = scene.decide()
    assert {reason.cause for reason in found.refused.values()} <= own
    assert set(found.refused) <= {w.demand.key for w in scene.wishes}
    for victim in found.victims.values():
        assert found.refused[victim.yields_to].cause is Cause.ROOM_ON_ITS_WAY


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Rights that add up to what there is; everybody has more jobs than room; any history stands on the nodes."""
    node_cores = draw(st.integers(3, 8))
    total = node_cores * 3
    paths = draw(
        st.lists(st.sampled_from(("/a@x", "/b@x", "g/c@x", "g/d@x", "k/i@x")), min_size=2, max_size=5, unique=True)
    )
    people = []
    left = total
    for index, path in enumerate(sorted(paths)):
        entitled = left if index == len(paths) - 1 else draw(st.integers(0, left))
        left -= entitled
        people.append(
            Person(path, entitled, draw(st.integers(0, entitled)), draw(st.integers(1, 3)), draw(st.integers(1, total)))
        )
    groups = {}
    for group in ("g", "k"):
        inside = [p for p in people if p.path.startswith(f"{group}/")]
        entitled = sum(p.entitled for p in inside)
        if inside:
            groups[group] = (entitled, draw(st.integers(0, entitled)))
    world = World(
        people, groups, node_cores, Preemption(draw(st.sampled_from(["fair", "reclaim"])), "vacate", wait_s=300.0)
    )
    for node in (n for nodes in NODES.values() for n in nodes):
        for person in draw(st.lists(st.sampled_from(people), max_size=8)):
            if world.free(node) >= person.cores and world.unmet(person):
                world.run(person, node)
    return world


@ROUNDS
@given(worlds())
def test_preemption_comes_to_rest(world: World) -> None:
    """PR2, PR7: cycle after cycle of filling and preempting, with constant rights and jobs that never end."""
    for _ in range(60):
        world.fill()
        if not world.preempt().victims:
            return
    raise AssertionError("still evicting after 60 cycles")
