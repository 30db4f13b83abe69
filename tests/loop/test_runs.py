"""O9: one record per run of a job, each once whatever happens, and together what was used: never more."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.journal import Run, RunFiles, SqliteJournal
from fedsched.loop import Loop
from fedsched.loop.accounts import Accounts
from fedsched.loop.stays import OVER_S
from fedsched.matchmaker.model import Claim, MemberTerms, Policy, Principal
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from fedsched.study.run import How, SimRun
from tests.loop.shelf import START, Shelf, Wishes
from tests.loop.test_accounts import ADA, BOB, claim, planned, seen
from tests.study.small import setting

DAY = 86_400.0
TERMS = (MemberTerms("m1", price_per_core_hour=0.5, watts_per_core=10.0, grams_co2_per_kwh=400.0),)


class Book:
    """Looks at one startd, one after the other; a restart may come between two."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.runs: list[Run] = []
        self.at = 0.0

    def look(self, at: float, *claims: Claim, restart: bool = False) -> None:
        counted = self.accounts.update(seen(at, *claims), planned(at), TERMS)
        self.runs += counted.runs
        self.at = at
        if restart:
            kept = [msgspec.json.decode(msgspec.json.encode(a), type=type(a)) for a in self.accounts._open.values()]
            self.accounts = Accounts(kept)

    def end(self) -> dict[str, float]:
        """The placement is gone; core-seconds by principal as its account has them."""
        counted = self.accounts.update(seen(self.at + 10, gone=True), planned(self.at + 10, gone=True))
        self.runs += counted.runs
        return {who: used.core_seconds for who, used in counted.ended[0].claimed.items()}

    def by_principal(self) -> dict[str, float]:
        sums: defaultdict[str, float] = defaultdict(float)
        for run in self.runs:
            sums[f"{run.group}.{run.user}" if run.group else run.user] += run.core_seconds
        return dict(sums)


def test_a_run_says_who_ran_what_where_for_how_long_and_at_what_price() -> None:
    big = Claim(ADA, 4000, START, "17.3", "ce1", Resources(4000, 8192, 20_480, 2))
    book = Book()
    book.look(0, big)
    book.look(1800, big)
    book.end()
    (run,) = book.runs
    assert (run.group, run.user, run.job, run.schedd, run.pool) == ("physics", "ada@example", "17.3", "ce1", "a")
    assert (run.member, run.node_group, run.node, run.pod, run.placement) == ("m1", "all", "n7", "pod", "a")
    assert (run.begin, run.end, run.seconds) == (START, START + 1800, 1800)
    assert (run.cores, run.memory_mib, run.disk_mib, run.gpus) == (4, 8192, 20_480, 2)
    assert (run.core_seconds, run.gpu_seconds) == (7200, 3600)
    assert run.memory_byte_seconds == 1800 * 8192 * 2**20
    assert run.price == pytest.approx(0.5 * 2)
    assert run.energy_wh == pytest.approx(20)
    assert run.grams_co2 == pytest.approx(8)
    assert run.cause == "finished"


def test_without_power_and_carbon_a_run_says_that_nobody_knows_and_not_zero() -> None:
    accounts = Accounts()
    accounts.update(seen(10, claim(ADA, 0)), planned(10), (MemberTerms("m1"),))
    (run,) = accounts.update(seen(20, gone=True), planned(20, gone=True)).runs
    assert (run.energy_wh, run.grams_co2, run.price) == (None, None, 0)


def test_a_run_ends_when_its_claim_is_gone_for_a_minute_and_its_startd_goes_on() -> None:
    book = Book()
    book.look(10, claim(ADA, 0))
    book.look(10 + OVER_S - 1)
    assert book.runs == []
    book.look(10 + OVER_S)
    assert [(run.job, run.end) for run in book.runs] == [("1.0", START + 10)]
    book.look(10 + 2 * OVER_S)
    book.end()
    assert len(book.runs) == 1


def test_an_ad_that_is_lost_for_a_moment_is_no_end() -> None:
    book = Book()
    for at, claims in ((10, [claim(ADA, 0)]), (30, []), (50, [claim(ADA, 0)])):
        book.look(at, *claims)
    book.end()
    assert [(run.seconds, run.job) for run in book.runs] == [(50, "1.0")]


def test_one_that_comes_back_after_its_end_was_recorded_goes_on_where_that_ended() -> None:
    book = Book()
    book.look(10, claim(ADA, 0))
    book.look(100)
    book.look(200, claim(ADA, 0))
    sums = book.end()
    assert [(run.begin - START, run.end - START) for run in book.runs] == [(0, 10), (10, 200)]
    assert sums == book.by_principal()


def test_a_slot_that_serves_one_job_after_the_other_is_counted_once_although_its_claim_keeps_its_begin() -> None:
    book = Book()
    for at, job in ((10, "1.0"), (20, "1.0"), (30, "2.0"), (40, "3.0")):
        book.look(at, claim(ADA, 0, job=job))
    sums = book.end()
    assert [(run.job, run.seconds) for run in book.runs] == [("1.0", 20), ("2.0", 10), ("3.0", 10)]
    assert sums == {str(ADA): 40}


def test_slots_that_were_claimed_in_the_same_second_are_runs_of_their_own() -> None:
    book = Book()
    book.look(10, claim(ADA, 0, job="1.0"), claim(ADA, 0, job="1.1"))
    book.look(20, claim(ADA, 0, job="1.0"), claim(ADA, 0, job="1.1"))
    book.end()
    assert sorted((run.job, run.seconds) for run in book.runs) == [("1.0", 20), ("1.1", 20)]


def test_slots_of_one_second_that_all_take_new_jobs_at_once_are_counted_once() -> None:
    book = Book()
    for at, jobs in ((10, ("1.0", "1.1")), (20, ("1.2", "1.3")), (30, ("1.2", "1.4"))):
        book.look(at, *(claim(ADA, 0, job=job) for job in jobs))
    sums = book.end()
    told = sorted((run.job, run.begin - START, run.seconds) for run in book.runs)
    assert told == [("1.0", 0, 10), ("1.1", 0, 10), ("1.2", 10, 20), ("1.3", 10, 10), ("1.4", 20, 10)]
    assert sums == {str(ADA): 60}


def test_a_claim_that_loses_its_job_s_name_for_a_look_is_still_that_job() -> None:
    book = Book()
    for at, job in ((10, ""), (20, "1.0"), (30, ""), (40, "1.0")):
        book.look(at, claim(ADA, 0, job=job))
    book.end()
    assert [(run.job, run.seconds) for run in book.runs] == [("1.0", 40)]


def test_a_victim_s_run_says_why_it_ended() -> None:
    book = Book()
    book.look(10, claim(ADA, 0))
    plan = planned(20)
    why = Reason(Cause.PREEMPTED, "owner.bob@c 1a2b", "PR7", "12 core-seconds")
    told = msgspec.structs.replace(plan.held[0], wanted="vacate", why=why)
    book.accounts.update(seen(20, claim(ADA, 0)), msgspec.structs.replace(plan, held=(told,)))
    book.end()
    assert [run.cause for run in book.runs] == ["preempted"]


LOOKS = st.lists(
    st.tuples(
        st.integers(1, 90),
        st.lists(st.tuples(st.sampled_from([ADA, BOB]), st.integers(0, 3), st.sampled_from(["", "1.0", "2.0", "3.0"]))),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60)
@given(LOOKS)
def test_runs_sum_up_to_the_accounts_and_never_to_more_than_the_slots_had(
    looks: list[tuple[int, list[tuple[Principal, int, str]], bool]],
) -> None:
    """However claims, jobs, looks and restarts follow each other; a slot's begin is its number."""
    book, at = Book(), 100.0
    first: dict[tuple[Principal, int], float] = {}
    for gap, claims, restart in looks:
        at += gap
        slots = {(who, since): job for who, since, job in claims}
        now = [claim(who, since, job=job) for (who, since), job in slots.items()]
        for key in slots:
            first.setdefault(key, float(key[1]))
        book.look(at, *now, restart=restart)
    sums = book.end()
    assert book.by_principal() == pytest.approx(sums)
    assert len({run.id for run in book.runs}) == len(book.runs)
    truth = sum(at - begin for begin in first.values())
    assert sum(sums.values()) <= truth + 1e-6
    assert all(run.end >= run.begin and run.seconds == run.end - run.begin for run in book.runs)


def a_run(number: int, at: float = START, padding: str = "") -> Run:
    book = Book()
    book.look(0, claim(ADA, 0))
    book.end()
    return msgspec.structs.replace(book.runs[0], id=f"r{number}", begin=at - 10, end=at, job=padding or f"{number}.0")


def read(folder: Path) -> list[str]:
    files = sorted(folder.glob("runs-*.jsonl"), key=lambda file: file.name)
    return [json.loads(line)["id"] for file in files for line in file.read_text().splitlines() if line.endswith("}")]


def test_files_are_private_and_named_by_the_day_on_which_a_run_ended(tmp_path: Path) -> None:
    RunFiles(tmp_path / "records").append([a_run(1, START), a_run(2, START + DAY), a_run(3, START)])
    day = datetime.fromtimestamp(START, UTC).date()
    assert read(tmp_path / "records") == ["r1", "r3", "r2"]
    assert (tmp_path / "records" / f"runs-{day}.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "records").stat().st_mode & 0o777 == 0o700


def test_a_run_that_is_in_the_file_already_is_not_written_again_after_a_crash(tmp_path: Path) -> None:
    RunFiles(tmp_path).append([a_run(1)])
    written = RunFiles(tmp_path).append([a_run(1), a_run(2)])
    assert (read(tmp_path), written) == (["r1", "r2"], ("r1", "r2"))


def test_a_line_that_a_crash_tore_is_written_whole_again_and_spoils_nothing(tmp_path: Path) -> None:
    RunFiles(tmp_path).append([a_run(1), a_run(2)])
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    RunFiles(tmp_path).append([a_run(2), a_run(3)])
    assert read(tmp_path) == ["r1", "r2", "r3"]


def test_a_large_day_has_several_files_and_none_of_them_is_lost_from_sight(tmp_path: Path) -> None:
    files = RunFiles(tmp_path, largest=1500)
    for number in range(12):
        files.append([a_run(number)])
    assert len(list(tmp_path.iterdir())) > 2
    assert all(file.stat().st_size < 1500 + 1000 for file in tmp_path.iterdir())
    RunFiles(tmp_path, largest=1500).append([a_run(number) for number in range(13)])
    assert sorted(read(tmp_path)) == sorted(f"r{number}" for number in range(13))


def test_days_beyond_what_is_kept_are_removed_and_nothing_else(tmp_path: Path) -> None:
    files = RunFiles(tmp_path, keep_days=2)
    for name in ("placements-2000-01-01.jsonl", "runs-2000-01-01.jsonl.mine", "runs-2000-13-01x.jsonl"):
        (tmp_path / name).touch()
    for day in range(5):
        files.append([a_run(day, START + day * DAY)])
    assert read(tmp_path) == ["r2", "r3", "r4"]
    assert len(list(tmp_path.glob("*2000*"))) == 3


def test_the_loop_writes_runs_when_the_placement_is_gone_and_waits_for_a_disk_that_is_full(
    tmp_path: Path, inline: Callable[..., tuple[Loop, object]], journal: SqliteJournal
) -> None:
    wishes, folder = Wishes({"a": "m1"}), tmp_path / "records"
    folder.touch()
    shelf = Shelf(tmp_path / "w")
    loop, _ = inline(shelf, wishes.mind(), runs=RunFiles(folder))
    shelf.extra = msgspec.structs.replace(seen(0, claim(ADA, -30)), objects=(), members=())
    loop.cycle()
    loop.cycle()
    wishes.ids.clear()
    loop.cycle()
    loop.cycle()
    assert len(journal.ended_runs()) == 1, "the folder is no folder"
    folder.unlink()
    loop.cycle()
    assert len(read(folder)) == 1
    assert journal.ended_runs() == ()


def test_a_simulated_day_s_runs_are_what_was_used_within_a_look_per_run(tmp_path: Path) -> None:
    scenario = setting().scenario
    run = SimRun(scenario, Policy(), tmp_path, how=How(cycle_s=30.0, longest_s=6 * 3600.0))
    files = RunFiles(tmp_path / "records")
    run.loop._options = msgspec.structs.replace(run.loop._options, runs=files)
    run.until(6 * 3600.0)
    assert run.world.quiet, "everything is done"
    records = [json.loads(line) for file in (tmp_path / "records").iterdir() for line in file.read_text().splitlines()]
    truth: defaultdict[str, float] = defaultdict(float)
    for schedd in run.world.schedds:
        for job in schedd.jobs:
            cores = job.queue.request.cpu_milli / 1000
            truth[job.queue.batch.principal.user] += cores * (job.lost_s + (job.runs_s if job.done_at else 0.0))
    told: defaultdict[str, float] = defaultdict(float)
    unseen: defaultdict[str, float] = defaultdict(float)
    for one in records:
        told[one["user"]] += one["core_seconds"]
        unseen[one["user"]] += one["cores"] * (run.how.cycle_s + scenario.poll_s)
    run.close()
    assert len(records) == len({one["id"] for one in records}) >= 90
    for user, used in truth.items():
        assert used - unseen[user] <= told[user] <= used + 1e-6
        assert told[user] > 0.9 * used
