"""The ledger over real slots: who pays, from when to when, and what is wasted (FS3, FS5, N4)."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker.model import Claim, Held, LedgerEntry, Principal, ShareLine, Sharing
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.ledger import advance, fall_short, half, real_priority
from fedsched.matchmaker.share.sizes import Sizes
from fedsched.matchmaker.share.use import Look, There, read
from tests.matchmaker.builders import T0, held, placement, res, slot

ALICE, BOB = Principal("physics", "alice@b"), Principal("physics", "bob@b")
A, B = "physics/alice@b", "physics/bob@b"
CORES = Sizes(Resources(cpu_milli=100_000), ("cpu_milli",))
RULES = Sharing(half_life_s=3600.0, free_idle_s=120.0, waste_weight=1.0)
EIGHT = placement(size=res(8, 16), created_at=T0 - 100)


def claim(who: Principal = ALICE, cpu: float = 8, since: float = T0, **more: Any) -> Claim:
    return msgspec.structs.replace(Claim(who, round(cpu * 1000), since), **more)


def one(*claims: Claim, idle_since: float | None = None, **more: Any) -> Standing:
    """A startd of eight cores for Alice with these claims."""
    view = slot(EIGHT, claims=claims, unclaimed_since=None if claims else idle_since, started_at=T0 - 50, **more)
    phase = "claimed" if claims else "unclaimed"
    return Standing(held(EIGHT, phase, unclaimed_since=view.unclaimed_since), None, (view,))


class Books:
    """The ledger between looks."""

    def __init__(self, rules: Sharing = RULES, then: float = 0.0) -> None:
        self.rules, self.then = rules, then
        self.entries: dict[str, LedgerEntry] = {}
        self.memory: tuple[Held, ...] = ()

    def look(self, at: float, *standing: Standing, lost: frozenset[str] = frozenset()) -> dict[str, LedgerEntry]:
        look = Look(CORES, self.rules.free_idle_s, lost, self.then, at)
        _, use = read(self.entries, self.memory, There(standing), look)
        self.entries = advance(self.entries, use, self.rules, at)
        self.memory, self.then = tuple(s.held for s in standing), at
        return self.entries


def mean(amount: float, begins: float, ends: float, at: float) -> float:
    """The published formula for one stretch of use."""
    return amount * (half(at - ends, 3600) - half(at - begins, 3600))


def test_a_claim_is_charged_from_its_own_begin_and_not_from_the_look_that_saw_it() -> None:
    books = Books()
    books.look(T0 - 10)
    assert books.look(T0 + 20, one(claim(since=T0 + 5)))[A].usage == pytest.approx(mean(8, T0 + 5, T0 + 20, T0 + 20))


def test_a_claim_that_the_collector_tells_late_is_charged_from_its_begin_all_the_same() -> None:
    prompt, late = Books(), Books()
    prompt.look(T0 + 10, one(claim()))
    late.look(T0 + 10, one(idle_since=T0 - 20))
    now = T0 + 60
    assert late.look(now, one(claim()))[A].usage == pytest.approx(prompt.look(now, one(claim()))[A].usage, rel=1e-12)


def test_a_claim_that_ended_between_two_looks_is_charged_to_its_end() -> None:
    books = Books()
    books.look(T0 + 10, one(claim()))
    now = T0 + 100
    assert books.look(now, one(idle_since=T0 + 40))[A].usage == pytest.approx(mean(8, T0, T0 + 40, now))


def test_a_claim_is_charged_once_however_many_looks_see_it() -> None:
    often, once = Books(), Books()
    for second in range(5, 605, 5):
        often.look(T0 + second, one(claim()))
    once.look(T0 + 600, one(claim()))
    assert often.entries[A].usage == pytest.approx(once.entries[A].usage, rel=1e-9)
    assert often.entries[A].core_s == pytest.approx(4800)


def test_who_uses_a_startd_pays_whoever_it_was_started_for() -> None:
    books = Books()
    entries = books.look(T0 + 60, one(claim(BOB)))
    assert entries[B].usage == pytest.approx(mean(8, T0, T0 + 60, T0 + 60))
    assert A not in entries


def test_the_next_claim_of_another_ends_the_one_before() -> None:
    books = Books()
    books.look(T0 + 10, one(claim()))
    now = T0 + 60
    entries = books.look(now, one(claim(BOB, since=T0 + 30)))
    assert entries[A].usage == pytest.approx(mean(8, T0, T0 + 30, now))
    assert entries[B].usage == pytest.approx(mean(8, T0 + 30, now, now))


def test_a_worker_whose_clock_is_ahead_pays_from_the_second_look_on() -> None:
    books = Books()
    ahead = one(claim(since=T0 + 900))
    books.look(T0, ahead)
    assert books.look(T0 + 60, ahead)[A].usage == pytest.approx(mean(8, T0, T0 + 60, T0 + 60))


@pytest.mark.parametrize("since", [math.nan, 0.0, -1e18])
def test_a_nonsensical_begin_charges_at_most_since_the_slot_began(since: float) -> None:
    books = Books()
    now = T0 + 60
    usage = books.look(now, one(claim(since=since))).get(A, LedgerEntry()).usage
    assert 0 <= usage <= mean(8, T0 - 50, now, now) * (1 + 1e-9)


def test_idle_time_is_wasted_only_beyond_free_idle_and_charged_to_who_asked() -> None:
    books = Books()
    assert books.look(T0 + 120, one(idle_since=T0)).get(A, LedgerEntry()).usage == 0
    now = T0 + 300
    entry = books.look(now, one(idle_since=T0))[A]
    assert entry.usage == entry.wasted == pytest.approx(mean(8, T0 + 120, now, now))


def test_waste_weighs_as_the_policy_says() -> None:
    books = Books(msgspec.structs.replace(RULES, waste_weight=0.25))
    entry = books.look(T0 + 300, one(idle_since=T0))[A]
    assert entry.usage == pytest.approx(entry.wasted / 4)


def test_idle_time_before_a_claim_that_came_between_two_looks_is_wasted_too() -> None:
    books = Books()
    books.look(T0 + 100, one(idle_since=T0))
    now = T0 + 400
    entries = books.look(now, one(claim(BOB, since=T0 + 300)))
    assert entries[A].wasted == pytest.approx(mean(8, T0 + 120, T0 + 300, now))


def test_a_part_that_no_further_job_of_its_class_fits_is_waste_of_who_asked() -> None:
    """FS5: eight cores for one job of eight, claimed by a job of two: six that nobody can claim."""
    books = Books()
    entries = books.look(T0 + 60, one(claim(BOB, 2), free=res(6, 12)))
    assert entries[A].wasted == pytest.approx(mean(6, T0, T0 + 60, T0 + 60))
    assert entries[B].usage == pytest.approx(mean(2, T0, T0 + 60, T0 + 60))


def test_what_a_job_keeps_busy_is_remembered_beside_what_it_holds() -> None:
    books = Books()
    entry = books.look(T0 + 60, one(claim(used_cpu_milli=2000)))[A]
    assert entry.worked == pytest.approx(entry.usage / 4)
    unmeasured = Books().look(T0 + 60, one(claim()))[A]
    assert unmeasured.worked == pytest.approx(unmeasured.usage)


def test_a_lost_members_claims_are_charged_no_more() -> None:
    books = Books()
    books.look(T0 + 60, one(claim()))
    silent = Standing(one(claim()).held)
    before = books.look(T0 + 120, silent, lost=frozenset({"m1"}))[A].usage
    assert books.look(T0 + 3720, silent, lost=frozenset({"m1"}))[A].usage == pytest.approx(before / 2)


def test_who_used_nothing_for_long_is_forgotten() -> None:
    books = Books()
    books.look(T0 + 60, one(claim()))
    assert A in books.look(T0 + 3600)
    assert books.look(T0 + 30 * 3600) == {}


def test_a_shortfall_is_counted_while_somebody_has_less_than_his_right_and_fades() -> None:
    """N4: ten cores short for an hour with a half-life of an hour."""
    lines = {A: ShareLine(A, "physics", entitled=15_000, held=5_000, demand=20_000)}
    entries = fall_short({}, lines, (T0, T0 + 3600), 3600.0)
    assert entries[A].shortfall_s == pytest.approx(10 * 3600 / math.log(2) / 2)
    books = Books(then=T0 + 3600)
    books.entries = entries
    assert books.look(T0 + 7200)[A].shortfall_s == pytest.approx(10 * 3600 / math.log(2) / 4)


def test_a_group_has_no_shortfall_of_its_own() -> None:
    lines = {"physics": ShareLine("physics", "", entitled=15_000, held=5_000, demand=20_000)}
    assert fall_short({}, lines, (T0, T0 + 3600), 3600.0) == {}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[float, float, float]], list[float]]:
    """Claims of one slot, one after the other (begin, end, cores), and looks: at least one in each stretch."""
    claims, looks, at = [], [], T0
    for _ in range(draw(st.integers(1, 6))):
        begins = at + draw(st.floats(1, 300))
        ends = begins + draw(st.floats(1, 2000))
        claims.append((begins, ends, float(draw(st.integers(1, 8)))))
        looks += [begins + (ends - begins) * part for part in draw(st.lists(st.floats(0.01, 0.99), min_size=1))]
        at = ends + draw(st.floats(1, 300))
        looks += [ends + (at - ends) * part for part in draw(st.lists(st.floats(0.01, 0.99), min_size=1))]
    return claims, [*sorted(looks), at + 50]


@given(histories())
def test_any_looks_at_any_history_of_claims_charge_the_same(
    made: tuple[list[tuple[float, float, float]], list[float]],
) -> None:
    """FS3: the mean equals the published formula summed over the claims' own times, to 1e-9."""
    claims, looks = made
    books = Books(msgspec.structs.replace(RULES, free_idle_s=1e9))
    for at in looks:
        present = [(b, c) for b, e, c in claims if b <= at < e]
        ended = [e for _, e, _ in claims if e <= at]
        view = one(*(claim(BOB, cores, begins) for begins, cores in present), idle_since=max(ended, default=T0 - 10))
        books.look(at, view)
    exact = math.fsum(mean(cores, begins, ends, looks[-1]) for begins, ends, cores in claims)
    assert books.entries[B].usage == pytest.approx(exact, rel=1e-9)
    assert real_priority(books.entries[B]) == max(0.5, books.entries[B].usage)
