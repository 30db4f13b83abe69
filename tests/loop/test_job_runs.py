"""O9, N1: a run per pod of a Kubernetes Job, each once over restarts, together never more than was used."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.journal import Account, Run, RunFiles
from fedsched.loop import job_pods
from fedsched.loop.accounts import Accounts
from fedsched.matchmaker.model import (
    Held,
    MemberTerms,
    MemberView,
    Memory,
    ObjectView,
    Observation,
    Placement,
    Plan,
    PodView,
)
from fedsched.matchmaker.model.memory import Wanted
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from tests.loop.shelf import START, placement

TERMS = (MemberTerms("m1", price_per_core_hour=0.5, watts_per_core=10.0),)
SIZE = Resources(4000, 8192, 20_480, 2, 1)


def copy(name: str = "a") -> Placement:
    return msgspec.structs.replace(
        placement(name), form="job", pool="", schedd="hub", job="default/fit", job_uid="u1", size=SIZE, pods=2
    )


def pod(name: str = "p1", since: float | None = 0.0, phase: str = "running", **more: object) -> PodView:
    begun = START + since if since is not None else None
    base = PodView(name, f"uid-{name}", "1", phase, "n7", started_at=begun)  # type: ignore[arg-type]  # tests pass literals
    return msgspec.structs.replace(base, **more)


def ended(name: str, since: float, until: float, code: int | None = 0, why: str = "Completed") -> PodView:
    phase = "failed" if code else "succeeded"
    return pod(name, since, phase, ended_at=START + until, exit_code=code, end_reason=why)


class Book:
    """Looks at one copy, one after the other; a restart may come between two."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.runs: list[Run] = []

    def look(self, at: float, *pods: PodView, restart: bool = False, why: Reason | None = None) -> None:
        wanted: Wanted = "vacate" if why is not None else "run"
        held = (Held(copy(), "claimed", START, wanted=wanted, why=why, written_at=START),)
        thing = ObjectView("fs-a", "Job", "u", "1", "m1", "a", 1, "d", START, copy(), pods=pods)
        self._update(at, (thing,), held)
        if restart:
            kept = [msgspec.json.decode(msgspec.json.encode(a), type=type(a)) for a in self.accounts._open.values()]
            self.accounts = Accounts(kept)

    def end(self, at: float) -> float:
        """The copy is gone; core-seconds that its account has."""
        closed = self._update(at, (), ())
        assert len(self.accounts) == 0
        return sum(used.core_seconds for used in closed[0].claimed.values())

    def _update(self, at: float, things: tuple[ObjectView, ...], held: tuple[Held, ...]) -> tuple[Account, ...]:
        member = MemberView("m1", contact="ok", contact_at=START + at, seen_at=START + at)
        seen = Observation(START + at, members=(member,), objects=things)
        counted = self.accounts.update(seen, Plan(1, START + at, held, (), Memory(held=held)), TERMS)
        self.runs += counted.runs
        return counted.ended


def test_a_run_says_whose_pod_ran_where_how_long_and_how_it_ended() -> None:
    book = Book()
    book.look(10, pod(since=5))
    book.look(400, ended("p1", 5, 365, 7, "Error"))
    assert book.end(500) == 4 * 360
    (run,) = book.runs
    assert (run.form, run.schedd, run.job, run.pool) == ("job", "hub", "default/fit", "")
    assert (run.group, run.user, run.member, run.node, run.pod) == ("physics", "ada@example", "m1", "n7", "p1")
    assert (run.begin, run.end, run.seconds) == (START + 5, START + 365, 360)
    assert (run.core_seconds, run.gpu_seconds) == (1440, 720)
    assert run.memory_byte_seconds == 360 * 8192 * 2**20
    assert run.price == pytest.approx(0.2)
    assert run.energy_wh == pytest.approx(4)
    assert (run.exit_code, run.cause) == (7, "failed")


@pytest.mark.parametrize(
    ("last", "why", "cause"),
    [
        (ended("p1", 0, 20), None, "finished"),
        (ended("p1", 0, 20, 137, "OOMKilled"), None, "OOMKilled"),
        (ended("p1", 0, 20, 143, "Error"), Cause.PREEMPTED, "preempted"),
        (ended("p1", 0, 20, None, "Evicted"), None, "Evicted"),
        (ended("p1", 0, 20, 0), Cause.PREEMPTED, "finished"),
    ],
)
def test_why_a_pod_ended_is_told_by_what_was_decided_or_by_kubernetes(
    last: PodView, why: Cause | None, cause: str
) -> None:
    book = Book()
    book.look(10, pod())
    book.look(30, last, why=Reason(why) if why else None)
    assert [run.cause for run in book.runs] == [cause]


def test_each_pod_is_one_run_and_a_restarted_container_begins_none() -> None:
    book = Book()
    book.look(10, pod(since=0), pod("p2", 2), pod("p3", None, "pending"))
    book.look(20, pod(since=15), pod("p2", 2), pod("p3", None, "pending"))
    book.look(40, ended("p1", 15, 30), ended("p2", 2, 32, 1))
    assert sorted((run.pod, run.begin - START, run.end - START) for run in book.runs) == [("p1", 0, 30), ("p2", 2, 32)]


def test_a_pod_that_is_gone_counts_as_long_as_it_was_seen_and_one_of_a_silent_member_no_longer() -> None:
    book = Book()
    book.look(10, pod())
    book.look(60, pod())
    book.look(90)
    assert [(run.seconds, run.exit_code) for run in book.runs] == [(60, None)]
    other = Book()
    other.look(50, pod())
    assert other.end(500) == 4 * 50
    assert [run.end for run in other.runs] == [START + 50]


def test_pods_that_are_over_are_not_counted_again_by_a_new_daemon() -> None:
    book = Book()
    over = ended("p1", 0, 20)
    book.look(30, over, restart=True)
    book.look(40, over, restart=True)
    assert book.end(50) == 4 * 20
    assert len(book.runs) == 1


def test_an_account_lists_so_many_pods_and_no_more_and_none_is_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_pods, "MOST_PODS", 3)
    book = Book()
    for number in range(10):
        book.look(10.0 * number + 10, ended(f"p{number}", 0, 1), ended("stays", 0, 1))
    assert len(next(iter(book.accounts._open.values())).pods) <= 4
    assert sorted(run.pod for run in book.runs) == sorted([*(f"p{number}" for number in range(10)), "stays"])


@settings(max_examples=60, deadline=None)
@given(
    lives=st.lists(st.tuples(st.integers(0, 100), st.integers(1, 100)), min_size=1, max_size=5),
    steps=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    restarts=st.sets(st.integers(0, 11)),
)
def test_the_sums_of_runs_and_of_the_account_agree_and_are_never_more_than_was_used(
    lives: list[tuple[int, int]], steps: list[int], restarts: set[int]
) -> None:
    book, at = Book(), 0.0
    for number, step in enumerate(steps):
        at += step
        pods = []
        for index, (begin, length) in enumerate(lives):
            if begin + length <= at:
                pods.append(ended(f"p{index}", begin, begin + length))
            elif begin <= at:
                pods.append(pod(f"p{index}", begin))
        book.look(at, *pods, restart=number in restarts)
    total = book.end(at + 10)
    assert sum(run.core_seconds for run in book.runs) == pytest.approx(total)
    assert total <= 4 * sum(max(0, min(begin + length, at) - begin) for begin, length in lives) + 1e-6
    assert len({run.id for run in book.runs}) == len(book.runs)


def test_runs_of_jobs_stand_in_the_same_files_as_claims_once_each(tmp_path: Path) -> None:
    book = Book()
    book.look(10, pod())
    book.look(30, ended("p1", 0, 20, 3, "Error"))
    for _ in range(2):  # a crash between file and journal brings it back
        RunFiles(tmp_path).append(book.runs)
    (line,) = (tmp_path / next(iter(tmp_path.iterdir())).name).read_text().splitlines()
    run = msgspec.json.decode(line, type=Run)
    assert (run.form, run.job, run.exit_code) == ("job", "default/fit", 3)
