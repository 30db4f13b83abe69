"""What is foretold of a moment is what then happens: in a hundred stopped federations, for plan, submit and whatif."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest

from fedsched.cli.otherwise import with_factor, with_quota
from fedsched.cli.planned import planned
from fedsched.cli.supposed import with_jobs, with_member, without_member
from fedsched.cli.verdict import Judged, judged
from fedsched.journal import Recorded
from fedsched.log import configure
from fedsched.matchmaker.model import CreateObject, Group, Plan, PrincipalTerms
from fedsched.matchmaker.reasons import Verdict
from fedsched.matchmaker.resources import Resources
from tests.properties.frozen_world import some_batch, some_member, states

SEEDS = range(20)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    configure(level="critical")


def created(recorded: Recorded, key: str = "") -> Counter[tuple[str, str]]:
    return Counter(
        (change.placement.member, change.placement.node_group)
        for change in recorded.issued
        if isinstance(change, CreateObject) and key in {"", change.placement.class_key}
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_plan_shows_is_what_the_cycle_then_issues(seed: int) -> None:
    for state in states(seed):
        moment = state.moment()
        decision = moment.decided()
        rows = planned(decision, moment.snapshot.observation)
        recorded = state.copied().cycle()
        assert decision.changes == recorded.issued
        assert decision.plan == recorded.plan
        told: Counter[tuple[str, str]] = Counter()
        for one in rows.created:
            told[one.member, one.node_group] += one.count
        assert told == created(recorded)
        assert len(rows.altered) + sum(told.values()) == len(recorded.issued)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_dry_run_says_of_jobs_is_what_becomes_of_them_once_they_are_there(seed: int) -> None:
    luck = random.Random(f"jobs {seed}")  # noqa: S311 - repeatable, no secret
    for state in states(seed):
        moment, real = state.moment(), state.copied()
        batch = some_batch(luck)
        theirs = real.submit(msgspec.structs.replace(batch, schedd=luck.choice(state.world.schedds).name))
        view = next(one for one in moment.snapshot.observation.schedds if one.name == theirs.schedd)
        before = moment.decided()
        after = moment.but(with_jobs(moment.snapshot, view, (theirs,))).decided()
        told = judged(theirs, before, after)
        recorded = real.cycle()
        assert after.changes == recorded.issued
        _holds(told, theirs.key, before.plan, recorded)


def _holds(told: Judged, key: str, before: Plan, recorded: Recorded) -> None:
    """The verdict against what the real cycle reported, started and evicted."""
    report = next(one for one in recorded.plan.classes if one.key == key)
    known = next((one for one in before.classes if one.key == key), None)
    new = known is None
    if new:
        assert told.now == report.placed + report.served
        assert Counter({(w.member, w.node_group): w.startds for w in told.where}) == created(recorded, key)
        victims = [h for h in recorded.plan.held if h.yields_to == key and h.yields_at == recorded.plan.at]
        assert sum(one.startds for one in told.evicted) == len(victims)
        assert told.after == min(told.jobs - told.now, len({h.yields_with for h in victims}))
        assert (told.word == "never") == (report.verdict is Verdict.NEVER and not told.now and not told.after)
    assert told.now + told.after + told.waiting == told.jobs
    assert told.jobs == report.idle - (known.idle if known else 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_member_that_is_added_in_thought_changes_the_cycle_as_one_that_is_really_joined(seed: int) -> None:
    luck = random.Random(f"member {seed}")  # noqa: S311 - repeatable, no secret
    for state in states(seed):
        moment, real = state.moment(), state.copied()
        spec = some_member(luck, luck.choice(("aa", "bb", "zz")))
        real.add(spec)
        view = next(one for one in real.world.observe(real.world.now()).members if one.name == spec.terms.name)
        thought = moment.but(with_member(moment.snapshot, spec.terms, view)).decided()
        recorded = real.cycle()
        assert thought.changes == recorded.issued
        assert thought.plan == recorded.plan


@pytest.mark.parametrize("seed", SEEDS)
def test_a_member_that_is_lost_in_thought_changes_the_cycle_as_one_that_is_really_gone(seed: int) -> None:
    for state in states(seed):
        moment, real = state.moment(), state.copied()
        name = state.terms[seed % len(state.terms)].name
        thought = moment.but(without_member(moment.snapshot, name)).decided()
        real.lose(name)
        recorded = real.cycle()
        _alike(thought.plan, recorded.plan)
        assert Counter(type(change).__name__ for change in thought.changes) == Counter(
            type(change).__name__ for change in recorded.issued
        )


def _alike(thought: Plan, real: Plan) -> None:
    """The same startds in the same places, the same numbers for every class."""

    def stand(plan: Plan) -> Counter[tuple[object, ...]]:
        return Counter((h.placement.member, h.placement.principal, h.placement.size, h.wanted) for h in plan.held)

    def numbers(plan: Plan) -> dict[str, tuple[int, ...]]:
        return {one.key: (one.idle, one.served, one.placed, one.unmet) for one in plan.classes}

    assert numbers(thought) == numbers(real)
    assert stand(thought) == stand(real)


@pytest.mark.parametrize("seed", SEEDS)
def test_other_terms_in_thought_change_the_cycle_as_an_edited_policy_does(seed: int) -> None:
    for state in states(seed):
        moment, real = state.moment(), state.copied()
        policy = with_quota(with_factor(state.policy, "physics=4"), "climate=cpu=8")
        thought = moment.but(moment.snapshot, policy).decided()
        climate = Group("climate", quota=Resources(8000), quota_names=frozenset({"cpu_milli"}))
        real.policy = msgspec.structs.replace(
            real.policy,
            principals=(PrincipalTerms("physics.*", 4.0), *real.policy.principals),
            groups=tuple(sorted((*real.policy.groups, climate), key=lambda group: group.path)),
        )
        recorded = real.cycle()
        assert thought.changes == recorded.issued
        assert thought.plan == recorded.plan


def test_the_states_are_contended_and_differ() -> None:
    waiting = evicted = placed = 0
    for seed in SEEDS:
        for state in states(seed):
            plan = state.copied().cycle().plan
            waiting += any(report.unmet for report in plan.classes)
            placed += any(held.phase == "intended" for held in plan.held)
            evicted += any(held.yields_to for held in plan.held)
    assert waiting >= 40
    assert placed >= 20
    assert evicted >= 10
    print(f"of 100 states: in {waiting} somebody waits, in {placed} startds begin, in {evicted} somebody yields")
