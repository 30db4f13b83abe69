"""One look at a whole federation: one ledger for all members, and what each principal is told of its share (Q1-Q11)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.matchmaker.model import (
    Claim,
    Group,
    GroupSeen,
    LedgerEntry,
    MemberMemory,
    Memory,
    NegotiatorView,
    Order,
    Policy,
    PoolTerms,
    PoolView,
    Principal,
    PrincipalTerms,
    Sharing,
    Snapshot,
)
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share import Account, Shared, look
from tests.known.pools import CORES, cores, group
from tests.matchmaker.builders import T0, demand, held, member, placement, res, schedd, slot, snapshot
from tests.matchmaker.builders import group as nodes

ALICE, BOB = Principal("", "alice@b"), Principal("", "bob@b")
PLAIN = Policy(sharing=Sharing(slot_weight="Cpus"))


def federation(*sizes: int, **more: Any) -> Snapshot:
    """Members m0, m1, … with so many single-core nodes."""
    views = tuple(member(f"m{i}", nodes(nodes=n, free=res(1, 4, 10, pods=10))) for i, n in enumerate(sizes))
    return snapshot(members=views, **more)


def known(snap: Snapshot, **states: str) -> Memory:
    members = {m.name: MemberMemory(state=states.get(m.name, "ready")) for m in snap.observation.members}  # type: ignore[arg-type]  # literals
    return msgspec.structs.replace(snap.memory, members=members)


def seen(snap: Snapshot, policy: Policy = PLAIN, *standing: Standing, **states: str) -> Shared:
    return look(snap, policy, known(snap, **states), standing)


def asks(*wants: tuple[Principal, int], **more: Any) -> Snapshot:
    classes = [demand(f"c{i}", idle=idle, request=res(1, 2), principal=who) for i, (who, idle) in enumerate(wants)]
    return federation(10, 20, 70, schedds=(schedd(*classes),), **more)


def holds(who: Principal, index: int, where: str = "m0", cpu: int = 4, user: Principal | None = None) -> Standing:
    """A startd for `who`; claimed whole by `user` when there is one."""
    place = placement(f"1-{index}", where, principal=who, size=res(cpu, 2 * cpu))
    claims = (Claim(user, cpu * 1000, T0 - 10),) if user else ()
    view = slot(place, f"p{index}", claims=claims, unclaimed_since=None if user else T0 - 10)
    return Standing(held(place, "claimed" if user else "unclaimed", claims=len(claims)), None, (view,))


def test_two_equal_principals_have_half_of_the_whole_and_not_half_of_each_member() -> None:
    """Q2: members of 10, 20 and 70 cores."""
    shared = seen(asks((ALICE, 1000), (BOB, 1000)))
    assert shared.capacity == 100_000
    assert shared.line(ALICE).entitled == shared.line(BOB).entitled == 50_000


def test_use_on_any_member_counts_in_the_one_ledger() -> None:
    standing = (holds(ALICE, 1, "m0", user=ALICE), holds(ALICE, 2, "m1", user=ALICE), holds(ALICE, 3, "m2"))
    shared = seen(asks((ALICE, 0)), PLAIN, *standing)
    account = shared.account(ALICE)
    assert (account.counted, account.charged, account.wasted) == (12_000, 8_000, 0)
    assert account.holds.cpu_milli == 12_000
    assert dict(shared.ledger["/alice@b"].claims) == {
        f"slot1@p1 {T0 - 10:.0f}": 4000,
        f"slot1@p2 {T0 - 10:.0f}": 4000,
    }


def test_who_claims_a_startd_holds_it_whoever_it_was_started_for() -> None:
    shared = seen(asks((ALICE, 0)), PLAIN, holds(ALICE, 1, user=BOB))
    assert shared.account(ALICE).counted == 0
    assert shared.account(BOB).counted == shared.account(BOB).charged == 4_000


def test_startds_that_wait_for_a_principals_idle_jobs_are_not_demand_a_second_time() -> None:
    standing = (holds(ALICE, 1), holds(ALICE, 2, user=ALICE))
    assert seen(asks((ALICE, 3)), PLAIN, *standing).line(ALICE).demand == 8_000
    assert seen(asks((ALICE, 10)), PLAIN, *standing).line(ALICE).demand == 14_000


def test_a_lost_members_placements_count_until_it_is_lost_and_are_released_once() -> None:
    """Q6: grace, then nothing, and counted again when it comes back."""
    silent = Standing(holds(ALICE, 1, "m1", user=ALICE).held)
    for state, counted in (("ready", 4_000), ("unreachable", 4_000), ("lost", 0), ("ready", 4_000)):
        assert seen(asks((ALICE, 0)), PLAIN, silent, m1=state).account(ALICE).counted == counted


def test_a_lost_members_startds_that_are_heard_of_count_on() -> None:
    assert seen(asks((ALICE, 0)), PLAIN, holds(ALICE, 1, "m1", user=ALICE), m1="lost").account(ALICE).counted == 4_000


def test_a_gpu_heavy_and_a_memory_heavy_principal_have_equal_rights() -> None:
    """Q3: sizes are dominant shares, so equal rights are equal dominant shares."""
    gpu = nodes(nodes=4, free=res(16, 64, 100, gpus=2, pods=10))
    classes = (
        demand("c1", 100, res(1, 2, gpus=1), principal=ALICE),
        demand("c2", 100, res(1, 32), principal=BOB),
    )
    snap = snapshot(members=(member("m0", gpu),), schedds=(schedd(*classes),))
    shared = look(snap, Policy(), known(snap), ())
    assert shared.line(ALICE).entitled == shared.line(BOB).entitled == 32_000
    assert shared.sizes.of(res(1, 2, gpus=1)) == 8_000
    assert shared.sizes.of(res(1, 32)) == 8_000


def test_denied_demand_and_what_the_gate_refused_give_nobody_a_right() -> None:
    snap = asks((ALICE, 100), (BOB, 100), orders=(Order("deny", "bob@*", "mining"),))
    assert seen(snap).line(ALICE).entitled == 100_000
    assert seen(snap).line(BOB).entitled == 0
    refused = demand("c1", 100, principal=BOB, gate="too long")
    assert seen(federation(10, schedds=(schedd(refused),))).line(BOB).demand == 0


def test_demand_that_could_never_run_gives_no_right_when_the_caller_knows() -> None:
    snap = asks((ALICE, 100), (BOB, 100))
    shared = look(snap, PLAIN, known(snap), (), lambda one: one.principal == BOB)
    assert (shared.line(ALICE).entitled, shared.line(BOB).entitled) == (0, 100_000)


def test_a_low_use_of_what_is_held_multiplies_the_factor() -> None:
    """Q9: a principal whose jobs keep a quarter of their cores busy, with a threshold of 0.4."""
    rules = Sharing(slot_weight="Cpus", low_use=0.4, low_use_factor=4.0)
    ledger = {
        "/alice@b": LedgerEntry(usage=100.0, worked=25.0, at=T0),
        "/bob@b": LedgerEntry(usage=100.0, worked=60.0, at=T0),
    }
    snap = asks((ALICE, 1000), (BOB, 1000))
    memory = msgspec.structs.replace(known(snap), ledger=ledger)
    shared = look(snap, Policy(sharing=rules), memory, ())
    assert (shared.line(ALICE).factor, shared.line(BOB).factor) == (4.0, 1.0)
    assert shared.line(BOB).entitled == 4 * shared.line(ALICE).entitled


def test_lines_say_what_ones_share_is_and_who_is_served_before() -> None:
    """Q11: entitled, held, use, factor, and the rank by level."""
    policy = msgspec.structs.replace(PLAIN, groups=(group("physics", 60, surplus=True),))
    carol = Principal("physics.unknown", "carol@b")
    snap = asks((ALICE, 50), (carol, 1000))
    shared = seen(snap, policy, holds(ALICE, 1, user=ALICE))
    line = shared.line(carol)
    assert (line.path, line.parent, line.entitled, line.rank) == ("physics.unknown/carol@b", "physics", 60_000, 1)
    assert shared.lines["physics"].floor == 60_000
    assert (shared.line(ALICE).rank, shared.line(ALICE).level) == (2, 0.1)
    assert shared.ancestors(line.path) == ("physics.unknown/carol@b", "physics", "")
    assert shared.ancestors("/nobody@b") == ("/nobody@b", "")
    assert shared.lines[""].held == 4_000


def test_a_mirrored_negotiators_groups_are_the_tree() -> None:
    """FS8: its quota replaces the policy's; the limit stays."""
    policy = msgspec.structs.replace(PLAIN, groups=(Group("hep", limit=cores(70), limit_names=CORES),))
    view = NegotiatorView(seen_at=T0, groups=(GroupSeen("hep", 40.0),))
    snap = asks((Principal("hep", "h@b"), 1000), (ALICE, 1000))
    pools = (PoolView("a", seen_at=T0, negotiator=view),)
    seen_too = msgspec.structs.replace(snap.observation, pools=pools)
    snap = msgspec.structs.replace(snap, observation=seen_too, pools=(PoolTerms("a", "mirror"),))
    shared = seen(snap, policy)
    assert shared.lines["hep"].entitled == 40_000
    assert shared.groups["hep"].limit == cores(70)


def test_what_a_look_remembers_is_what_the_next_one_starts_from() -> None:
    snap = asks((ALICE, 1000))
    first = seen(snap, PLAIN, holds(ALICE, 1, user=ALICE))
    memory = first.remembered(known(snap))
    assert memory.ledger["/alice@b"].usage > 0
    assert dict(memory.members["m2"].lent)["cpu_milli"] == 70_000
    again = look(msgspec.structs.replace(snap, memory=memory), PLAIN, memory, (holds(ALICE, 1, user=ALICE),))
    assert again.remembered(memory) == memory
    assert msgspec.json.decode(msgspec.json.encode(memory), type=Memory) == memory


def test_a_policys_reference_is_used_before_the_mean() -> None:
    rules = Sharing(reference=Resources(10_000, 20 * 1024), reference_names=frozenset({"cpu_milli", "memory_mib"}))
    shared = look(asks((ALICE, 1)), Policy(sharing=rules), known(asks((ALICE, 1))), ())
    assert shared.sizes.of(res(1, 4)) == 2_000


def test_the_order_of_observation_changes_nothing() -> None:
    snap = asks((ALICE, 100), (BOB, 50), (Principal("x", "u@b"), 70))
    seen_too = snap.observation
    turned = msgspec.structs.replace(
        seen_too,
        members=seen_too.members[::-1],
        schedds=tuple(msgspec.structs.replace(v, classes=v.classes[::-1]) for v in seen_too.schedds),
    )
    standing = (holds(ALICE, 1, user=BOB), holds(BOB, 2, "m1"))
    one = seen(snap, PLAIN, *standing)
    two = seen(msgspec.structs.replace(snap, observation=turned, terms=snap.terms[::-1]), PLAIN, *standing[::-1])
    assert (one.lines, one.ledger, one.members_lent) == (two.lines, two.ledger, two.members_lent)


def test_a_principal_that_nobody_knows_has_an_empty_line() -> None:
    shared = seen(asks((ALICE, 1)))
    assert shared.line(BOB).entitled == shared.line(BOB).held == 0
    assert shared.account(BOB) == Account()


def test_a_newcomer_beside_who_held_a_hundred_cores_for_two_days_has_nearly_all() -> None:
    """The issue's example, through the whole look: 0.5 against 75."""
    snap = asks((ALICE, 1000), (BOB, 1000))
    memory = msgspec.structs.replace(known(snap), ledger={"/bob@b": LedgerEntry(usage=75.0, worked=75.0, at=T0)})
    shared = look(snap, PLAIN, memory, ())
    assert shared.line(ALICE).entitled / 1000 == pytest.approx(100 * 150 / 151, abs=0.001)


def test_a_principals_terms_are_found_by_pattern() -> None:
    policy = msgspec.structs.replace(PLAIN, principals=(PrincipalTerms("bob@*", factor=9.0),))
    shared = seen(asks((ALICE, 1000), (BOB, 1000)), policy)
    assert (shared.line(ALICE).entitled, shared.line(BOB).entitled) == (90_000, 10_000)


@pytest.mark.parametrize("cores_", [-8, 0, 10**9])
def test_what_a_claim_says_of_itself_never_makes_anybody_hold_less_than_nothing(cores_: int) -> None:
    base = holds(ALICE, 1, user=BOB)
    wild = tuple(msgspec.structs.replace(s, claims=(Claim(BOB, cores_ * 1000, T0 - 10),)) for s in base.slots)
    shared = seen(asks((ALICE, 5), (BOB, 5)), PLAIN, msgspec.structs.replace(base, slots=wild))
    for account in shared.accounts.values():
        assert min(account.counted, account.charged, account.wasted, account.holds.cpu_milli) >= 0


@pytest.mark.parametrize("factor", [float("nan"), -1.0, 0.0, float("inf")])
def test_a_senseless_factor_leaves_everybody_elses_right_a_number(factor: float) -> None:
    policy = msgspec.structs.replace(PLAIN, principals=(PrincipalTerms("bob@*", factor=factor),))
    shared = seen(asks((ALICE, 1000), (BOB, 1000)), policy)
    assert 0 <= shared.line(ALICE).entitled <= 100_000
