"""What is read of all startds at once is what is read of each by itself, whatever changed since the last look."""

from __future__ import annotations

import itertools
from typing import Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker import surge
from fedsched.matchmaker.book import Book
from fedsched.matchmaker.breaker import learn_breakers
from fedsched.matchmaker.learn import learn_pairs
from fedsched.matchmaker.match import footprint, pair_key
from fedsched.matchmaker.model import (
    LIVE,
    Breaker,
    LedgerEntry,
    Memory,
    NodeRoom,
    Order,
    PairMemory,
    Policy,
    ScheddView,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.negotiate.places import places_of
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile import Reconciled, Standing, reconcile, reconciling
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.ledger import Interval, advance
from fedsched.matchmaker.share.lent import member_lends
from fedsched.matchmaker.share.sizes import Sizes
from fedsched.matchmaker.share.use import Look, There, read
from tests.matchmaker import plain_looks
from tests.matchmaker.builders import (
    T0,
    demand,
    group,
    held,
    member,
    placement,
    res,
    schedd,
    slot,
    snapshot,
    terms,
    thing,
)
from tests.matchmaker.startds_seen import ALICE, CHANGES, Seen, look, looks, ordinary
from tests.reasons.states import state

POLICY = Policy()
CORES = Sizes(Resources(100_000, 200_000), ("cpu_milli", "memory_mib"))
LATER_S = 5.0
ORDERS: tuple[tuple[Literal["drain", "deny", "cordon"], str], ...] = (("drain", "m1"), ("deny", "*"), ("cordon", "m1"))
GONE = st.sampled_from((frozenset[str](), frozenset({"m2"})))
"""Members that are lost."""
Looks = tuple[list[Seen], list[Seen]]


def plainly(seen: Snapshot) -> Reconciled:
    """The same where none is passed over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconciling, "as_remembered", lambda *_: None)
        return reconcile(seen, POLICY.startds, POLICY.pending)


def found(facts: Reconciled) -> Reconciled:
    """What was found, without what only saves time later."""
    return msgspec.structs.replace(facts, fresh=(), again={}, restless=(), quiet=frozenset())


def after(startds: Looks) -> tuple[Snapshot, Reconciled]:
    """The second look, with what the first made of memory, and its facts."""
    facts = plainly(look(startds[0]))
    memory = Memory(cycle=4, at=T0, held=tuple(stand.held for stand in facts.standing))
    seen = look(startds[1], T0 + LATER_S, memory)
    return seen, reconcile(seen, POLICY.startds, POLICY.pending)


@given(looks())
def test_what_stands_as_it_stood_is_reconciled_to_the_same(startds: Looks) -> None:
    seen, facts = after(startds)
    plain = plainly(seen)
    assert found(facts) == found(plain)
    known = {one.placement.id: one for one in seen.memory.held}
    changed = [stand for stand in facts.standing if known.get(stand.held.placement.id) != stand.held]
    assert all(stand in facts.fresh for stand in changed)


@pytest.mark.parametrize("kind", ["claimed", "idle"])
def test_a_startd_that_stands_as_it_stood_keeps_what_memory_has_of_it(kind: str) -> None:
    seen = look([ordinary()[kind]])
    facts = reconcile(seen, POLICY.startds, POLICY.pending)
    assert facts.standing[0].held is seen.memory.held[0]
    assert facts.fresh == ()


def test_slots_without_their_pods_are_ghosts_in_the_order_of_their_placements() -> None:
    stray = CHANGES["slot of another pod"](ordinary()["idle"])
    later = stray._replace(slots=tuple(msgspec.structs.replace(one, placement_id="1-0") for one in stray.slots))
    ghosts = reconcile(look([stray, later, ordinary()["idle"]]), POLICY.startds, POLICY.pending).ghosts
    assert [(ghost.placement_id, ghost.pod) for ghost in ghosts] == [("1-0", "stray"), ("1-1", "stray")]


@pytest.mark.parametrize("kind", ["claimed", "idle", "starting"])
def test_whatever_changes_of_a_startd_is_reconciled(kind: str) -> None:
    for first, second in itertools.product(CHANGES.values(), repeat=2):
        seen = look([second(first(ordinary()[kind]))])
        facts, plain = reconcile(seen, POLICY.startds, POLICY.pending), plainly(seen)
        assert found(facts) == found(plain)
        assert facts.fresh or [stand.held for stand in facts.standing] == list(seen.memory.held[: len(facts.standing)])


@pytest.mark.parametrize("kind", ["claimed", "idle", "starting"])
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_of_a_startd_it_goes_as_it_would_if_all_were_looked_at(kind: str, change: str) -> None:
    seen = look([CHANGES[change](ordinary()[kind])])
    orders = [ordered(seen, Order(kind, target, "repairs")) for kind, target in ORDERS]
    for case in (seen, *orders, cordoned(seen), fallen(seen), dropped(seen)):
        assert negotiate(case, POLICY) == plain_looks.startd_by_startd(case, POLICY)


def test_of_two_schedds_only_the_one_that_is_not_heard_is_held_back() -> None:
    heard, silent = schedd(demand("c1")), schedd(demand("c2", schedd="schedd-c"), name="schedd-c", seen_at=T0 - 600)
    plan = negotiate(snapshot(schedds=(heard, silent)), POLICY)
    said = {report.key: report.why.cause if report.why else None for report in plan.classes}
    assert (said["c1"] is Cause.SCHEDD_STALE, said["c2"] is Cause.SCHEDD_STALE) == (False, True)


def test_what_a_slot_says_is_learnt_with_the_time_though_it_says_what_it_said() -> None:
    seen = look([CHANGES["slot heard again"](ordinary()["idle"])])
    facts = reconcile(seen, POLICY.startds, POLICY.pending)
    key = pair_key("m1", "g", "")
    memory = msgspec.structs.replace(seen.memory, pairs={key: PairMemory((("Arch", '"X86_64"'),), seen_at=T0)})
    pairs = learn_pairs(msgspec.structs.replace(seen, memory=memory), facts.standing, POLICY)
    assert pairs[key].seen_at == T0 + 1


def ordered(seen: Snapshot, order: Order) -> Snapshot:
    """A person said so."""
    return msgspec.structs.replace(seen, orders=(order,))


def cordoned(seen: Snapshot) -> Snapshot:
    """Its admin wants the node empty."""
    rooms = (NodeRoom("n1", "g", Resources(), cordoned=True),)
    views = tuple(msgspec.structs.replace(one, node_rooms=rooms) for one in seen.observation.members)
    return msgspec.structs.replace(seen, observation=msgspec.structs.replace(seen.observation, members=views))


def fallen(seen: Snapshot) -> Snapshot:
    """Its class asks for nothing any more, and that was read twice."""
    (view,) = seen.observation.schedds
    view = msgspec.structs.replace(view, reads=9, classes=tuple(one for one in view.classes if one.key != "c1"))
    return _asked(seen, view)


def dropped(seen: Snapshot) -> Snapshot:
    """Another startd waits for the only job of its class."""
    (view,) = seen.observation.schedds
    classes = tuple(msgspec.structs.replace(one, idle=1) if one.key == "c1" else one for one in view.classes)
    more = tuple(held(placement(f"1-{number}"), "intended", written_at=None) for number in (8, 9))
    memory = msgspec.structs.replace(seen.memory, held=(*seen.memory.held, *more))
    return _asked(msgspec.structs.replace(seen, memory=memory), msgspec.structs.replace(view, reads=9, classes=classes))


def _asked(seen: Snapshot, view: ScheddView) -> Snapshot:
    memory = msgspec.structs.replace(seen.memory, drops={"c1": 5})
    observation = msgspec.structs.replace(seen.observation, schedds=(view,))
    return msgspec.structs.replace(seen, observation=observation, memory=memory)


@given(looks())
def test_what_claims_earn_and_failures_cost_is_learnt_of_what_is_new_alone(startds: Looks) -> None:
    seen, facts = after(startds)
    tried = {f"{key}|m1": Breaker(failures=3, trips=1, last_at=T0 - 900, closed_until=T0 - 300) for key in ("c1", "c2")}
    memory = msgspec.structs.replace(seen.memory, breakers=tried)
    copies = [Standing(msgspec.structs.replace(s.held), s.object, s.slots) for s in facts.standing]
    at = seen.at
    assert surge.learn_trust(memory, facts.fresh, facts.gone, at) == surge.learn_trust(memory, copies, facts.gone, at)
    assert learn_breakers(memory, facts.standing, POLICY, at) == learn_breakers(memory, copies, POLICY, at)


def test_what_a_startd_takes_of_its_own_class_is_not_what_it_takes_of_another() -> None:
    own, other = demand("c1", 1, res(2, 4)), demand("c3", 9, res(1, 1, 0))
    ask = surge.asked((schedd(own, other),), T0)
    places = [placement(f"1-{number}", size=res(2, 4)) for number in (1, 2)]
    two = [Standing(held(place), None, (slot(place),)) for place in places]
    for standing in (two, two[::-1]):
        assert surge.supply(ask, standing, frozenset()) == {"c1": 1, "c3": 2}


@given(looks(), GONE)
def test_supply_is_counted_the_same_of_all_at_once_and_when_it_is_asked_again(
    startds: Looks, gone: frozenset[str]
) -> None:
    seen, facts = after(startds)
    ask = surge.asked(seen.observation.schedds, seen.at)
    for standing in (facts.standing, facts.standing[::-1], facts.standing[1:]):
        assert surge.supply(ask, standing, gone) == plain_looks.supply(ask, standing, gone)


@given(looks(), GONE)
def test_who_holds_and_used_how_much_is_read_the_same_of_all_at_once(startds: Looks, gone: frozenset[str]) -> None:
    before: dict[str, LedgerEntry] = {}
    memory = tuple(one.held for one in startds[0])
    for seen, then, at in ((startds[0], T0 - 150, T0), (startds[1], T0, T0 + LATER_S)):
        standing = reconcile(look(seen, at), POLICY.startds, POLICY.pending).standing
        what = Look(CORES, 90.0, gone, then, at)
        found, used = read(before, memory, There(standing), what)
        assert found == plain_looks.accounts(standing, what)
        plain = plain_looks.use(before, memory, standing, what)
        assert used == plain
        before, memory = advance(before, used, POLICY.sharing, at), tuple(stand.held for stand in standing)


@pytest.mark.parametrize(("phase", "ends"), [("gone", T0 + LATER_S), ("unclaimed", T0 + 2)])
def test_a_slot_of_what_is_gone_does_not_tell_when_a_claim_ended(phase: str, ends: float) -> None:
    place = placement("0-1", principal=ALICE, size=res(2, 4))
    its = slot(place, "pod", name="slot1@pod", claims=(), unclaimed_since=T0 + 2, free=res(2, 4))
    entry = LedgerEntry(0.0, T0, claims=((f"slot1@pod {T0 - 60:.0f}", 2000),))
    there = There((Standing(held(place, phase), thing(place), (its,)),))
    _, used = read({"physics/alice@b": entry}, (), there, Look(CORES, 90.0, frozenset(), T0, T0 + LATER_S))
    assert used.charged == {"physics/alice@b": {Interval(2.0, T0, ends): 1}}


@given(looks())
def test_what_a_member_lends_is_the_same_whichever_pods_are_alike(startds: Looks) -> None:
    standing = after(startds)[1].standing
    empty = member("m1", msgspec.structs.replace(group(), rooms=()))
    bound = Resources()
    for stand in standing:
        placed = sum(bool(one.node) for one in stand.pods if one.phase in LIVE)
        bound += footprint(stand.held.placement, terms()).times(placed)
    assert member_lends(terms(), empty, standing, ()) == bound


@given(looks())
def test_a_book_holds_the_same_when_startds_are_booked_one_by_one(startds: Looks) -> None:
    seen, facts = after(startds)
    places = places_of(seen, negotiate(seen, POLICY).memory, POLICY.startds)
    book, plain = Book(places, facts.standing, POLICY, seen.at), Book(places, (), POLICY, seen.at)
    for stand in facts.standing:
        plain_looks.reserve(plain, stand)
    for name in ("pods", "held", "in_flight", "pulling", "quota_left", "jobs_left"):
        assert [getattr(one, name) for one in book._members.values()] == [
            getattr(one, name) for one in plain._members.values()
        ]
    for name in ("bars", "growth", "probing", "daemonset"):
        assert [getattr(one, name) for one in book._groups.values()] == [
            getattr(one, name) for one in plain._groups.values()
        ]


@settings(max_examples=60)
@given(looks())
def test_a_plan_is_the_same_when_every_startd_is_looked_at(startds: Looks) -> None:
    seen = look(startds[1], T0 + LATER_S, negotiate(look(startds[0]), POLICY).memory)
    assert negotiate(seen, POLICY) == plain_looks.startd_by_startd(seen, POLICY)


@pytest.mark.parametrize("seed", range(25))
def test_any_plan_is_the_same_when_every_startd_is_looked_at(seed: int) -> None:
    snap, policy = state(seed)
    for _ in range(2):
        plan = negotiate(snap, policy)
        assert plan == plain_looks.startd_by_startd(snap, policy)
        snap = msgspec.structs.replace(snap, memory=plan.memory)
