"""What preemption never does where startds and users' Jobs of one or several pods stand together (PR1-PR7)."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import Budgets, Claim, JobShape, JobStatus, NodeRoom, ShareLine
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt import Evictions, Wish, make_room
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources, fits
from tests.matchmaker.builders import T0, held, placement, pod, res, slot, thing
from tests.matchmaker.preempting import place_of, rules, shares, startd, who, wish
from tests.properties.preempting_world import NODES
from tests.properties.test_preemption import (
    GROUPS,
    PEOPLE,
    Scene,
    above,
    counted,
    held_on,
    inside,
    parent_of,
    sets_of,
    taker_of,
)

ROUNDS = settings(max_examples=40, deadline=None)
MANY = {"m1": ("n1", "n2"), "m2": ("n3", "n4")}
assert {node for nodes in NODES.values() for node in nodes} <= {node for nodes in MANY.values() for node in nodes}


def copy(name: str, owner: str, nodes: tuple[str, ...], cores: int, member: str, since: float) -> Standing:
    """A user's Job of `owner`: one pod on each of the nodes, which may be named more than once."""
    place = placement(
        name,
        member,
        form="job",
        pool="",
        schedd="hub",
        principal=who(owner),
        class_key=f"of-{owner}",
        size=res(cores, cores),
        created_at=since,
        job=f"lab/{name}",
        job_uid=f"uid-{name}",
        pods=len(nodes),
    )
    pods = tuple(pod(f"fs-{name}-{index}", node=node) for index, node in enumerate(nodes))
    claims = (Claim(who(owner), cores * 1000, since, place.job, "hub"),)
    slots = tuple(
        slot(place, one.name, size=place.size, free=Resources(), claims=claims, unclaimed_since=None) for one in pods
    )
    stands = held(place, "claimed", claims=len(pods), nodes=len(pods), claimed_at=since, job_started_at=since)
    return Standing(stands, thing(place, *pods, kind="Job", status=JobStatus(active=len(pods))), slots)


def of_job(one: Wish, pods: int = 1) -> Wish:
    """The same wish of a class of users' Jobs."""
    demand = msgspec.structs.replace(one.demand, job=JobShape("lab", pods, gang=pods > 1), pool="", schedd="hub")
    options = tuple(
        Option(msgspec.structs.replace(o.place, jobs=True), "job", o.size, 1, o.rank, pods=pods) for o in one.options
    )
    return msgspec.structs.replace(one, demand=demand, options=options)


@st.composite
def mixed(draw: st.DrawFn, /, **terms: Any) -> Scene:
    """One or two who have a large right and little, beside others who have all there is, as startds and as Jobs."""
    taker, other, *owners = draw(st.lists(st.sampled_from(PEOPLE), min_size=3, max_size=5, unique=True))
    owners = [*owners, other]
    standing = []
    for index in range(draw(st.integers(3, 9))):
        member = draw(st.sampled_from(("m1", "m2")))
        owner, since = draw(st.sampled_from(owners)), T0 - draw(st.integers(500, 5_000))
        if draw(st.integers(0, 2)):
            on = tuple(sorted(draw(st.lists(st.sampled_from(MANY[member]), min_size=1, max_size=4))))
            standing.append(copy(f"2-{index}", owner, on, draw(st.sampled_from((1, 1, 2, 3))), member, since))
        else:
            node, cores = draw(st.sampled_from(MANY[member])), draw(st.sampled_from((1, 2, 3)))
            standing.append(startd(f"1-{index}", owner, node, cores, member=member, since=since))
    budgets = Budgets(evictions_per_min=draw(st.sampled_from((99, 99, 2))))
    free = st.sampled_from((0, 0, 0, 0, 0, 1, 3))
    places = tuple(
        place_of(m, *((n, Resources(draw(free) * 1000, 10**6, 10**6, pods=50)) for n in ns), budgets=budgets)
        for m, ns in MANY.items()
    )
    wishes = []
    for index, path in enumerate([taker, *draw(st.lists(st.sampled_from((taker, other)), max_size=1))]):
        one = wish(f"c{index}", path, places, draw(st.sampled_from((1, 2, 3, 4, 5))), unmet=draw(st.integers(1, 3)))
        kind = draw(st.sampled_from(("startd", "job", "job", "several")))
        wishes.append(one if kind == "startd" else of_job(one, 1 if kind == "job" else 3))
    empty = {path: ShareLine(path, parent_of(path)) for path in (*PEOPLE, *GROUPS)}
    part, tree = draw(st.sampled_from((0.0, 0.3, 1.0, 1.0))), {}
    for path, line in counted(empty, tuple(standing)).lines.items():
        right = line.held + 12_000 if inside(taker, path) else int(line.held * part) // 1000 * 1000
        tree[path] = msgspec.structs.replace(line, entitled=right, floor=draw(st.sampled_from((0, 0, right))))
    settled = {"mode": draw(st.sampled_from(["fair", "fair", "reclaim"])), "protect_s": 600.0} | terms
    return Scene(
        tuple(wishes),
        tuple(standing),
        counted(tree, tuple(standing)),
        rules(places, dict.fromkeys(MANY, ()), **settled),
    )


def nodes_of(stand: Standing) -> Counter[str]:
    return Counter(one.node for one in stand.pods)


def free_on(scene: Scene) -> dict[tuple[str, str], Resources]:
    views = {place.terms.name: place.view for place in scene.rules.places}
    rooms: list[tuple[str, NodeRoom]] = [(name, room) for name, view in views.items() for room in view.node_rooms]
    return {(name, room.node): room.free for name, room in rooms}


def size_of(scene: Scene, key: str) -> Resources:
    return next(one.options[0].size for one in scene.wishes if one.demand.key == key)


@ROUNDS
@given(mixed())
def test_nobody_yields_below_its_right_or_a_floor_whether_startds_or_jobs_go(scene: Scene) -> None:
    """PR2, PR7: all pods of a Job count to who owns it, and it goes as a whole."""
    found = scene.decide()
    after = Counter({path: line.held for path, line in scene.shared.lines.items()})
    for name, victim in found.victims.items():
        taker = taker_of(scene, victim.yields_to)
        for path, amount in held_on(scene.startd(name)).items():
            line = scene.shared.lines[path]
            assert line.held > line.floor
            assert line.held > line.entitled or "PR7" in victim.why.need
            for node in above(scene, path, but_not=taker):
                after[node] -= amount
    for name, victim in found.victims.items():
        for path in held_on(scene.startd(name)):
            for node in above(scene, path, but_not=taker_of(scene, victim.yields_to)):
                assert after[node] >= scene.shared.lines[node].floor


@settings(max_examples=80, deadline=None)
@given(mixed(protect_s=0.0))
def test_what_goes_for_one_job_makes_room_on_one_node_and_none_of_it_can_be_spared(scene: Scene) -> None:
    """PR3, PR4, MA2: what a Job of several pods frees on other nodes is there for whoever asks next."""
    alone = msgspec.structs.replace(scene, wishes=scene.wishes[:1])
    found, size = alone.decide(), scene.wishes[0].options[0].size
    event(f"{len(found.victims)} victims, {sum(len(nodes_of(scene.startd(n))) > 1 for n in found.victims)} on several")
    room = free_on(scene)
    for names in sets_of(found).values():
        gone = [scene.startd(name) for name in names]
        (member,) = {stand.held.placement.member for stand in gone}
        common = set.intersection(*({*nodes_of(stand)} for stand in gone))
        _fill_up(room, size)
        after = {where: _freed(free, gone, where) for where, free in room.items()}
        fitting = sorted(node for node in common if fits(size, after[member, node]))
        assert fitting, names
        for spared in gone:
            rest = [stand for stand in gone if stand is not spared]
            assert not any(fits(size, _freed(free, rest, where)) for where, free in room.items())
        room = after
        room[member, fitting[0]] -= size


def _fill_up(room: dict[tuple[str, str], Resources], size: Resources) -> None:
    """Room that was left over is given to the next ones before anybody else goes (PR1)."""
    for where, free in list(room.items()):
        left = free
        while fits(size, left):
            left -= size
        room[where] = left


def _freed(room: Resources, gone: list[Standing], where: tuple[str, str]) -> Resources:
    for stand in gone:
        if stand.held.placement.member == where[0]:
            room += stand.held.placement.size.times(nodes_of(stand)[where[1]])
    return room


@ROUNDS
@given(mixed(protect_s=0.0))
def test_all_that_goes_is_room_for_all_that_it_goes_for(scene: Scene) -> None:
    """PR3: nodes that victims free hold every job for which somebody goes, and no job has two."""
    found = scene.decide()
    room = free_on(scene)
    for name in found.victims:
        stand = scene.startd(name)
        for node in nodes_of(stand):
            where = (stand.held.placement.member, node)
            room[where] = _freed(room[where], [stand], where)
    asked = [size_of(scene, found.victims[names[0]].yields_to) for names in sets_of(found).values()]
    for size in sorted(asked, key=lambda one: -one.cpu_milli):
        fit = [where for where, free in room.items() if fits(size, free)]
        assert fit
        best = min(fit, key=lambda where: room[where])
        room[best] -= size
    for one in scene.wishes:
        sets = {v.yields_with for v in found.victims.values() if v.yields_to == one.demand.key}
        assert len(sets) <= min(one.unmet, one.starts)


@ROUNDS
@given(mixed())
def test_nobody_goes_for_a_job_of_several_pods_and_it_hears_why(scene: Scene) -> None:
    found = scene.decide()
    several = {one.demand.key for one in scene.wishes if one.options[0].pods > 1}
    assert not several & {victim.yields_to for victim in found.victims.values()}
    for key in several & found.refused.keys():
        why = found.refused[key]
        assert why.cause is Cause.ABOVE_SHARE or (why.cause, why.what, why.need) == (
            Cause.NO_VICTIMS,
            "pods at once",
            "3",
        )


@ROUNDS
@given(mixed())
def test_who_is_young_is_spared_and_no_member_sees_too_many_go(scene: Scene) -> None:
    """PR4, PR5: a Job counts once, however many pods it has."""
    found = scene.decide()
    for name in found.victims:
        stand = scene.startd(name)
        assert T0 - min(claim.since for one in stand.slots for claim in one.claims) >= 600
    for place in scene.rules.places:
        gone = [name for name in found.victims if scene.startd(name).held.placement.member == place.terms.name]
        assert len(gone) <= place.terms.budgets.evictions_per_min


@ROUNDS
@given(mixed(protect_s=0.0), st.randoms(use_true_random=False))
def test_no_order_of_wishes_copies_or_nodes_matters(scene: Scene, chance: random.Random) -> None:
    """MA5."""
    wishes, standing, places = list(scene.wishes), list(scene.standing), list(scene.rules.places)
    tree = list(scene.shared.lines.values())
    for some in (wishes, standing, places, tree):
        chance.shuffle(some)
    other = msgspec.structs.replace(scene.rules, places=tuple(places))
    assert make_room(wishes, standing, shares(*tree), other) == scene.decide()


@settings(max_examples=80, deadline=None)
@given(mixed(protect_s=0.0))
def test_who_yielded_does_not_take_its_room_back_as_job_or_as_startd(scene: Scene) -> None:
    """PR2, PR7: rights stay, the exchange is carried out, every yielder asks at once."""
    first: Evictions = scene.decide()
    takers = {taker_of(scene, victim.yields_to) for victim in first.victims.values()}
    left = [s for s in scene.standing if s.held.placement.id not in first.victims]
    new = []
    for index, names in enumerate(sorted(sets_of(first).values())):
        key = first.victims[names[0]].yields_to
        gone, cores = [scene.startd(name) for name in names], size_of(scene, key).cpu_milli // 1000
        node = min(set.intersection(*({*nodes_of(stand)} for stand in gone)))
        member = gone[0].held.placement.member
        new.append(copy(f"3-{index}", taker_of(scene, key), (node,), cores, member, T0 - 5000))
    after = (*left, *new)
    full = tuple(
        place_of(m, *((n, Resources(pods=50)) for n in ns), budgets=Budgets(evictions_per_min=99))
        for m, ns in MANY.items()
    )
    yielders = sorted({p for name in first.victims for p in held_on(scene.startd(name))} - takers)
    asks = [wish(f"back-{path}", path, full, cores, unmet=3) for path in yielders for cores in (1, 3)]
    asks += [of_job(one) for one in (wish(f"again-{path}", path, full, 2, unmet=3) for path in yielders)]
    judged = msgspec.structs.replace(scene.rules, places=full, evictions={})
    back = make_room(asks, after, counted(dict(scene.shared.lines), after), judged)
    owners = [held_on(next(s for s in after if s.held.placement.id == name)) for name in back.victims]
    assert not any(takers & paths.keys() for paths in owners)
