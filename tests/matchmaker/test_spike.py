"""SU1, SU6, FS8, N3: when a spike begins and ends, what is counted in it, and what its report says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.matchmaker.model import (
    Claim,
    ClassReport,
    Held,
    MemberVerdict,
    Memory,
    Placement,
    Principal,
    Spike,
    SurgeMemory,
    SurgeTerms,
)
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.surge import Facts, leaked, sentence, usable_unmet, watch
from tests.matchmaker.builders import T0, held, placement, slot

TERMS = SurgeTerms(on=16.0, on_s=60.0, off=2.0, off_s=300.0, max_leak=1)
BOB = Principal("physics", "bob@b")


class Story:
    """Cycles one after the other: what stands is what the last one left, unless the test says otherwise."""

    def __init__(self, terms: SurgeTerms = TERMS) -> None:
        self.terms = terms
        self.memory = Memory(at=T0 - 5)
        self.told: list[str] = []

    def cycle(self, at: float, unmet: float, *standing: Standing, new: tuple[Placement, ...] = ()) -> SurgeMemory:
        here = {stand.held.placement.id for stand in standing}
        gone = tuple(one for one in self.memory.held if one.placement.id not in here)
        made = tuple(Held(p, "intended", at) for p in new)
        surge, notices = watch(self.memory, Facts(unmet, standing, gone, made), self.terms, at)
        self.told += [f"{notice.kind}: {notice.text}" for notice in notices]
        stays = (*(stand.held for stand in standing), *made)
        self.memory = msgspec.structs.replace(self.memory, at=at, surge=surge, held=stays)
        return surge

    def spike(self) -> Spike:
        return self.memory.surge.spikes[-1]


def made(number: int, at: float = T0, **more: Any) -> Placement:
    return msgspec.structs.replace(placement(f"1-{number}", created_at=at), **more)


def stands(what: Placement, phase: str = "starting", **more: Any) -> Standing:
    return Standing(msgspec.structs.replace(held(what, phase, claims=0), **more))


def test_a_spike_begins_when_demand_was_high_for_long_enough_and_counts_from_the_moment_it_rose() -> None:
    story = Story()
    for at, unmet in ((T0, 15.9), (T0 + 10, 40.0), (T0 + 69, 16.0)):
        assert story.cycle(at, unmet).spikes == ()
    assert story.cycle(T0 + 70, 20.0).spikes == (Spike("s1", T0 + 10, peak=40.0),)
    assert story.told == ["spike-began: spike s1: 40 core-equivalents of jobs wait"]


def test_demand_that_dips_below_the_mark_begins_anew() -> None:
    story = Story()
    for at, unmet in ((T0, 20.0), (T0 + 55, 15.0), (T0 + 60, 20.0), (T0 + 119, 20.0)):
        assert story.cycle(at, unmet).spikes == ()
    assert len(story.cycle(T0 + 120, 20.0).spikes) == 1


def test_a_spike_ends_when_demand_was_low_for_long_enough_not_when_it_dips() -> None:
    story = Story()
    for at, unmet in ((T0, 20.0), (T0 + 60, 20.0), (T0 + 100, 1.0), (T0 + 390, 3.0), (T0 + 400, 2.0), (T0 + 699, 0.0)):
        assert all(spike.ended_at is None for spike in story.cycle(at, unmet).spikes)
    assert story.cycle(T0 + 700, 0.0).spikes[0].ended_at == T0 + 700


def test_spikes_have_ids_that_are_never_used_twice_and_only_so_many_reports_are_kept() -> None:
    story = Story(msgspec.structs.replace(TERMS, on_s=0.0, off_s=0.0, keep_reports=2))
    for number in range(5):
        story.cycle(T0 + 20 * number, 50.0)
        story.cycle(T0 + 20 * number + 10, 0.0)
    assert [spike.id for spike in story.memory.surge.spikes] == ["s4", "s5"]


def test_what_was_started_while_demand_rose_is_counted_with_what_was_started_after() -> None:
    story = Story()
    story.cycle(T0, 15.0, new=(made(1),))
    story.cycle(T0 + 10, 30.0, stands(made(1)), new=(made(2, T0 + 10),))
    second = (stands(made(1)), stands(made(2, T0 + 10)))
    story.cycle(T0 + 70, 30.0, *second, new=(made(3, T0 + 70),))
    assert story.spike().added == 2
    assert story.spike().open_ids == ("1-2", "1-3")
    story.cycle(T0 + 75, 30.0, *second, stands(made(3, T0 + 70)), new=(made(4, T0 + 75),))
    assert story.spike().added == 3


def spiking(*new: Placement, terms: SurgeTerms = TERMS) -> Story:
    """A story with a spike that began at T0; `new` were made at T0 + 60."""
    story = Story(terms)
    story.cycle(T0, 40.0)
    story.cycle(T0 + 60, 40.0, new=new)
    return story


def test_claims_are_counted_once_and_the_first_tells_how_long_it_took() -> None:
    one, two = made(1, T0 + 60), made(2, T0 + 60)
    story = spiking(one, two)
    claimed = stands(one, "claimed", claimed_at=T0 + 90, claims=1)
    story.cycle(T0 + 95, 30.0, claimed, stands(two))
    assert (story.spike().claimed, story.spike().first_claim_s) == (1, 90.0)
    story.cycle(T0 + 100, 30.0, claimed, stands(two, "claimed", claimed_at=T0 + 99, claims=1))
    assert (story.spike().claimed, story.spike().first_claim_s) == (2, 90.0)


def test_what_ends_without_a_claim_is_told_with_its_cause() -> None:
    story = spiking(*(made(number, T0 + 60) for number in range(1, 5)))
    pulls = stands(made(1, T0 + 60), "gone", failure=Reason(Cause.IMAGE_PULL), why=Reason(Cause.IMAGE_PULL))
    over = stands(made(2, T0 + 60), "gone", wanted="withdraw", why=Reason(Cause.DEMAND_GONE))
    ended = stands(made(3, T0 + 60), "gone", why=Reason(Cause.DEMAND))
    served = stands(made(4, T0 + 60), "gone", claimed_at=T0 + 80)
    story.cycle(T0 + 100, 30.0, pulls, over, ended, served)
    assert story.spike().never_claimed == ()
    story.cycle(T0 + 105, 30.0)
    assert story.spike().never_claimed == (("demand-gone", 1), ("finished", 1), ("image-pull", 1))
    assert (story.spike().added, story.spike().claimed, story.spike().open_ids) == (4, 1, ())


def test_pod_seconds_without_a_claim_are_told_per_member_and_cause() -> None:
    one, two = made(1, T0 + 60), made(2, T0 + 60, member="m2")
    story = spiking(one, two)
    joining: dict[str, Any] = {"pod_started_at": T0 + 70}
    story.cycle(T0 + 80, 30.0, stands(one, **joining), stands(two, **joining))
    assert story.spike().unclaimed_s == (("m1", "supply-on-its-way", 10.0), ("m2", "supply-on-its-way", 10.0))
    there = {**joining, "slot_seen_at": T0 + 85}
    idle = stands(two, "unclaimed", **there)
    busy = stands(one, "claimed", **there, claimed_at=T0 + 88, claims=1)
    story.cycle(T0 + 90, 30.0, busy, idle)
    leaves = stands(two, "leaving", **there, wanted="leave", why=Reason(Cause.DEMAND_GONE))
    story.cycle(T0 + 95, 30.0, busy, leaves)
    assert story.spike().unclaimed_s == (
        ("m1", "supply-on-its-way", 18.0),
        ("m2", "demand-gone", 5.0),
        ("m2", "idle", 10.0),
        ("m2", "supply-on-its-way", 10.0),
    )


def test_the_cost_is_price_times_life_however_often_we_looked() -> None:
    costs = []
    for step in (5, 20):
        one = made(1, T0 + 60, price_per_hour=3.6)
        story = spiking(one)
        for second in range(80, 1080 + step, step):
            story.cycle(T0 + second, 30.0, stands(one, pod_started_at=T0 + 80))
        over = stands(one, "gone", pod_started_at=T0 + 80)
        story.cycle(T0 + 1100, 30.0, over)
        story.cycle(T0 + 1105, 30.0, over)
        story.cycle(T0 + 1110, 30.0)
        costs.append(story.spike().cost)
    assert costs == [pytest.approx(1.02), pytest.approx(1.02)]


def test_nothing_is_left_when_the_last_object_of_a_spike_is_gone_and_then_its_report_is_whole() -> None:
    one = made(1, T0 + 60, price_per_hour=3.6)
    story = spiking(one)
    run = stands(one, "claimed", pod_started_at=T0 + 80, claimed_at=T0 + 90, claims=1)
    story.cycle(T0 + 90, 0.0, run)
    story.cycle(T0 + 390, 0.0, run)
    assert (story.spike().ended_at, story.spike().zero_at) == (T0 + 390, None)
    story.cycle(T0 + 400, 0.0, stands(one, "gone", pod_started_at=T0 + 80, claimed_at=T0 + 90, claims=1))
    assert story.spike().zero_at is None
    story.cycle(T0 + 410, 0.0)
    assert story.spike().zero_at == T0 + 410
    assert story.told[-1] == (
        "spike-report: spike s1: peak 40 core-equivalents in 390 s; 1 startds added, 1 claimed; "
        "10 pod-seconds unclaimed, cost 0.32; first claim after 90 s; nothing left 20 s after its end"
    )
    assert sentence(story.spike()) in story.told[-1]
    assert [text.partition(":")[0] for text in story.told] == ["spike-began", "spike-ended", "spike-report"]


def test_a_class_whose_startds_others_claim_gets_so_many_replacements_in_one_spike() -> None:
    story = spiking(made(1, T0 + 60), made(2, T0 + 60))
    for number, at in ((1, T0 + 70), (2, T0 + 80)):
        assert leaked(story.memory.surge, "c1", TERMS) is None
        what = made(number, T0 + 60)
        taken = slot(what, claims=(Claim(BOB, 1000, at),), unclaimed_since=None)
        others = [stands(made(n, T0 + 60)) for n in (1, 2) if n != number]
        claimed = Standing(held(what, "claimed", claimed_at=at, claims=1), slots=(taken,))
        story.cycle(at, 30.0, claimed, *others)
    reason = leaked(story.memory.surge, "c1", TERMS)
    assert reason is not None
    assert (reason.cause, reason.need, reason.have) == (Cause.LEAKED, "at most 1", "2 in this spike")
    assert leaked(story.memory.surge, "c2", TERMS) is None


def test_a_claim_of_its_own_principal_is_no_leak() -> None:
    story = spiking(made(1, T0 + 60))
    what = made(1, T0 + 60)
    both = slot(what, claims=(Claim(BOB, 1000, T0 + 70), Claim(what.principal, 1000, T0 + 70)), unclaimed_since=None)
    story.cycle(T0 + 75, 30.0, Standing(held(what, "claimed", claimed_at=T0 + 70, claims=2), slots=(both,)))
    assert story.spike().leaks == ()
    assert story.spike().claimed == 1


def report(key: str, unmet: int, *verdicts: Verdict, verdict: Verdict = Verdict.NOT_NOW) -> ClassReport:
    members = tuple(MemberVerdict(f"m{n}", v) for n, v in enumerate(verdicts))
    return ClassReport(key, unmet, 0, 0, unmet, verdict, members=members)


def test_only_what_some_member_could_run_and_nobody_holds_back_makes_a_spike() -> None:
    reports = (
        report("runs", 10, Verdict.NEVER, Verdict.NOT_NOW),
        report("never", 100, Verdict.NEVER, verdict=Verdict.NEVER),
        report("held back", 100, Verdict.CORDONED, Verdict.NEVER, verdict=Verdict.CORDONED),
        report("ramped", 4, Verdict.NOW),
        report("stale", 2),
    )
    sizes = {"runs": 2500, "never": 1000, "held back": 1000, "ramped": 1000, "stale": 500}
    assert usable_unmet(reports, sizes) == 25.0 + 4.0 + 1.0
