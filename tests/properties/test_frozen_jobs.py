"""What is foretold of a moment with queues of Jobs is what then happens: for plan, submit, and members more or less."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest

from fedsched.cli.planned import planned
from fedsched.cli.submit_decided import with_queued
from fedsched.cli.submitted import Ready
from fedsched.cli.supposed import with_member, without_member
from fedsched.cli.unheard import unheard
from fedsched.cli.verdict import judged
from fedsched.federation.submitted import Judged
from fedsched.journal import NewJob, SubmittedJob
from fedsched.log import configure
from fedsched.matchmaker.model import Change, CreateObject, Plan, TellJob
from tests.faults.jobs import a_job, taking_jobs
from tests.properties.frozen_world import PEOPLE, some_member, states

SEEDS = range(4)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    configure(level="critical")


def plain(changes: tuple[Change, ...]) -> list[Change]:
    """Without the version of a Job that was only thought of."""
    return [msgspec.structs.replace(one, resource_version="") if isinstance(one, TellJob) else one for one in changes]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_plan_shows_of_jobs_is_what_the_cycle_then_issues(seed: int) -> None:
    for state in states(seed, with_jobs=True):
        moment = state.moment()
        decision = moment.decided()
        rows = planned(decision, moment.snapshot.observation)
        recorded = state.copied().cycle()
        assert decision.changes == recorded.issued
        assert decision.plan == recorded.plan
        assert len(rows.altered) + sum(one.count for one in rows.created) == len(recorded.issued)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_dry_run_says_of_a_job_is_what_becomes_of_it_once_it_is_queued(seed: int) -> None:
    luck = random.Random(f"queued {seed}")  # noqa: S311 - repeatable, no secret
    for state in states(seed, with_jobs=True):
        moment, real = state.moment(), state.copied()
        work = msgspec.structs.replace(a_job(luck, 900, 100.0, PEOPLE, queues=("hub",)), suspended=())
        demand, seen = real.queue(work)
        namespace, _, name = work.id.partition("/")
        job = SubmittedJob(
            seen.uid, namespace, name, "ann", work.principal, seen.created_at, priority=work.priority, revision=1
        )
        ready = (Ready(NewJob(job, b"{}"), Judged(work.principal, demand)),)
        before = moment.decided()
        after = moment.but(with_queued(moment.snapshot, "hub", ready)).decided()
        told = judged(msgspec.structs.replace(demand, idle=1), before, after)
        recorded = real.cycle()
        assert plain(after.changes) == plain(recorded.issued)
        started = [one for one in recorded.issued if isinstance(one, CreateObject) and one.placement.job == work.id]
        report = next(one for one in recorded.plan.classes if one.key == demand.key)
        if report.idle == 1:
            assert told.now == len(started) == report.placed
            assert (told.waiting + told.after == 1) == (not started)
            if not started:
                assert told.reason == report.why or told.after
        assert told.now + told.after + told.waiting == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_member_that_is_added_in_thought_takes_the_jobs_that_a_joined_one_takes(seed: int) -> None:
    luck = random.Random(f"member {seed}")  # noqa: S311 - repeatable, no secret
    for state in states(seed, with_jobs=True):
        moment, real = state.moment(), state.copied()
        spec = taking_jobs(some_member(luck, luck.choice(("aa", "bb", "zz"))))
        real.add(spec)
        view = next(one for one in real.world.observe(real.world.now()).members if one.name == spec.terms.name)
        thought = moment.but(with_member(moment.snapshot, spec.terms, view)).decided()
        recorded = real.cycle()
        assert thought.changes == recorded.issued
        assert thought.plan == recorded.plan


@pytest.mark.parametrize("seed", SEEDS)
def test_jobs_of_a_member_that_is_lost_in_thought_wait_as_those_of_one_that_is_really_gone(seed: int) -> None:
    for state in states(seed, with_jobs=True):
        moment, real = state.moment(), state.copied()
        name = state.terms[seed % len(state.terms)].name
        held_back = {one.id.partition(":")[2] for one in unheard(moment.snapshot, (name,))}
        thought = moment.but(without_member(moment.snapshot, name)).decided()
        real.lose(name)
        recorded = real.cycle()
        assert _jobs(thought.plan) == _jobs(recorded.plan)
        started = {one.placement.job for one in recorded.issued if isinstance(one, CreateObject) and one.placement.job}
        assert not started & held_back


def _jobs(plan: Plan) -> Counter[tuple[str, ...]]:
    """Copies and how they stand."""
    return Counter(
        (one.placement.job, one.placement.member, one.phase, one.wanted) for one in plan.held if one.placement.job
    )


def test_in_these_states_jobs_wait_begin_run_and_yield() -> None:
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        for state in states(seed, with_jobs=True):
            plan = state.copied().cycle().plan
            copies = [one for one in plan.held if one.placement.job]
            kinds = {d.key for view in state.moment().snapshot.observation.schedds for d in view.classes if d.job}
            counts["waits"] += any(report.unmet for report in plan.classes if report.key in kinds)
            counts["begins"] += any(one.phase == "intended" for one in copies)
            counts["runs"] += any(one.phase == "claimed" for one in copies)
            counts["several"] += any(one.placement.pods > 1 for one in copies)
            counts["yields"] += any(one.yields_to for one in copies)
    assert min(counts[kind] for kind in ("waits", "begins", "runs", "several")) >= 5, counts
    assert counts["yields"], counts
