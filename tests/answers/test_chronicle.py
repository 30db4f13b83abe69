"""What is told of cycles lately: totals that add up, evictions once each, a memory that is bounded and survives."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedsched.answers import Answerer, Chronicle, View, recalled
from fedsched.answers.chronicle import MOST_MOMENTS, thinned
from fedsched.cli.demo.stage import Stage, Wish
from fedsched.client.documents import Moment
from fedsched.journal import Recorded, SqliteJournal
from tests.answers.jobs import answers, cycle, job, queue, view

MINUTES = 92


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo's folder, half an hour into its conference."""
    folder = tmp_path_factory.mktemp("demo")
    Stage(folder, Wish(until_s=MINUTES * 60)).run()
    return folder


@pytest.fixture(scope="module")
def cycles(folder: Path) -> list[Recorded]:
    journal = SqliteJournal(folder / "fedsched.db")
    found = list(journal.history(1, 10_000))
    journal.close()
    return found


@pytest.fixture(scope="module")
def told(cycles: list[Recorded]) -> Chronicle:
    chronicle = Chronicle()
    for recorded in cycles:
        chronicle.see(recorded)
    return chronicle


def test_supply_adds_up_to_what_all_groups_hold(cycles: list[Recorded], told: Chronicle) -> None:
    compared = 0
    for recorded, moment in zip(cycles, told.lately.moments, strict=True):
        root = next((line for line in recorded.plan.shares if not line.path), None)
        before = {one.placement.id for one in recorded.snapshot.memory.held}
        if root is None or {one.placement.id for one in recorded.plan.held} - before:
            continue  # shares are told before the cycle's own placements
        compared += 1
        supply = moment.starting + moment.unclaimed + moment.claimed
        assert supply == pytest.approx(root.held / 1000, rel=0.02, abs=1.0), recorded.plan.cycle
        assert moment.claimed == pytest.approx(root.charged / 1000, rel=0.05, abs=1.0), recorded.plan.cycle
    assert compared > 20


def test_unmet_demand_and_price_rise_with_the_conference(told: Chronicle) -> None:
    calm, busy = told.lately.moments[10], told.lately.moments[-1]
    assert calm.unmet == 0 < busy.unmet
    assert calm.cost_per_hour <= busy.cost_per_hour
    assert busy.cost_per_hour > 0


def test_an_eviction_is_told_once_with_who_took_the_room_by_which_rule(told: Chronicle) -> None:
    evictions = told.lately.evictions
    assert evictions
    assert len({one.placement for one in evictions}) == len(evictions)
    assert [one.at for one in evictions] == sorted((one.at for one in evictions), reverse=True)
    for one in evictions:
        assert one.preemptor
        assert one.rule.startswith(("PR", "OW"))
        assert one.principal != one.preemptor
    assert any("core" in one.lost for one in evictions)


def test_a_cycle_that_was_told_already_changes_nothing(cycles: list[Recorded], told: Chronicle) -> None:
    before = told.lately
    told.see(cycles[-1])
    told.see(cycles[3])
    assert told.lately == before


def test_the_overview_counts_copies_of_jobs_apart_from_startds() -> None:
    overview = answers(view(cycle(queue(job())))).overview()
    assert sum(overview.phases.values()) == 0
    assert overview.copies == {"starting": 1, "running": 0, "leaving": 0}


def test_the_overview_counts_what_the_cycle_says(cycles: list[Recorded], told: Chronicle) -> None:
    last = cycles[-1]
    overview = Answerer(View(last, (), 60.0, "daemon", "demo"), lambda: last.plan.at + 5, told).overview()
    assert overview.unmet == sum(report.unmet for report in last.plan.classes)
    assert overview.idle >= overview.unmet > 0
    assert overview.members == 5
    assert overview.well <= 5
    assert overview.phases["claimed"] == sum(held.phase == "claimed" for held in last.plan.held)
    assert overview.spike == "s1"
    assert (overview.federation, overview.age_s) == ("demo", 5)
    assert overview.history[-1].cycle == last.plan.cycle
    assert {one.kind for one in overview.notices} >= {"spike-began"}


def test_from_a_journal_alone_it_says_what_the_one_cycle_knows(cycles: list[Recorded]) -> None:
    overview = Answerer(View(cycles[-1], (), 60.0, "journal"), lambda: cycles[-1].plan.at).overview()
    assert [one.cycle for one in overview.history] == [cycles[-1].plan.cycle]


def test_a_daemon_that_starts_again_recalls_the_newest_cycles_and_the_policy(folder: Path) -> None:
    journal = SqliteJournal(folder / "fedsched.db")
    chronicle = recalled(journal)
    numbers = [number for number, _ in journal.cycles()]
    journal.close()
    seen = [moment.cycle for moment in chronicle.lately.moments]
    assert seen == numbers[-len(seen) :]
    assert len(seen) > 1
    assert chronicle.lately.policy == "demo"


def test_an_empty_journal_is_recalled_as_nothing(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "new.db")
    assert recalled(journal).lately.moments == ()
    journal.close()


def test_a_long_history_is_thinned_where_it_is_old_and_stays_bounded() -> None:
    moments: list[Moment] = []
    for number in range(10 * MOST_MOMENTS):
        moments = thinned([*moments, Moment(float(number), number, 0, 0, 0, 0)], MOST_MOMENTS)
        assert len(moments) < 2 * MOST_MOMENTS
    cycles = [one.cycle for one in moments]
    assert cycles == sorted(cycles)
    assert cycles[-MOST_MOMENTS // 2 :] == list(range(10 * MOST_MOMENTS - MOST_MOMENTS // 2, 10 * MOST_MOMENTS))
    assert cycles[0] == 0
