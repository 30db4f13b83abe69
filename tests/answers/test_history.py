"""E3: `explain --since` shows every change of a class's reason, from a daemon as from the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fedsched.answers import Answerer, View, turns_in
from fedsched.answers.explained import Beyond
from fedsched.client import NoAnswer
from fedsched.client.http import Client
from fedsched.journal import Commit, Holder, Limits, Recorded, SqliteJournal
from fedsched.matchmaker.explain import stand, turned
from fedsched.matchmaker.model import (
    ClassReport,
    DemandClass,
    FoundJob,
    JobLength,
    Memory,
    Observation,
    Plan,
    Policy,
    Principal,
    ScheddView,
    Snapshot,
    Turn,
)
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources
from fedsched.web import App, Newest, WebServer

AT = 1_700_000_000.0
ADA = Principal("physics", "ada@example")
SAID = (Cause.NO_ROOM, Cause.NO_ROOM, Cause.REQUIREMENTS, None, Cause.RAMP)


def demand(key: str, example: str) -> DemandClass:
    size = Resources(cpu_milli=1000, memory_mib=1024)
    return DemandClass(key, "a", "ce1", ADA, size, JobLength(3600, "assumed"), 3, examples=(example,))


def cycle(number: int, cause: Cause | None, keys: tuple[str, ...]) -> Recorded:
    why = Reason(cause, "memory_mib", "8 GiB", "4 GiB", "m1", "big") if cause else None
    reports = tuple(
        ClassReport(key, 3, 0 if why else 3, 0, 3 if why else 0, why.verdict if why else Verdict.NOW, why)
        for key in keys
    )
    at = AT + 10 * number
    classes = tuple(demand(key, f"{n}.0") for n, key in enumerate(keys, 17))
    seen = Observation(at, schedds=(ScheddView("ce1", "a", seen_at=at, classes=classes),))
    return Recorded(
        Snapshot(seen, Memory(), ()), Plan(number, at, (), reports, Memory(cycle=number, at=at)), policy="p"
    )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    """Five cycles in which two classes fared alike, then one where the second was gone."""
    with closing(SqliteJournal(tmp_path / "fedsched.db", Limits(outlives_power=False))) as made:
        made.acquire_lease(Holder.mine(), 3600, AT)
        standing: dict[str, Turn] = {}
        for number, cause in enumerate((*SAID, Cause.RAMP), 1):
            keys = ("aaaa1111", "aaaa2222") if number <= len(SAID) else ("aaaa1111",)
            one = cycle(number, cause, keys)
            new = turned(standing, one.plan)
            made.commit_cycle(Commit(one, Policy(), turns=new))
            standing = stand(standing, new)
        yield made


def answerer(journal: SqliteJournal, path: Path) -> Answerer:
    last = journal.last_cycle()
    assert last is not None
    return Answerer(View(last, (), 10.0, "journal"), lambda: AT + 100, turns=turns_in(f"sqlite:{path}"))


@pytest.fixture
def answers(journal: SqliteJournal, tmp_path: Path) -> Answerer:
    return answerer(journal, tmp_path / "fedsched.db")


@pytest.mark.parametrize("name", ["17.0", "17.0@ce1", "ce1#17.0", "17", "17.3", "aaaa1111"])
def test_every_name_of_a_job_tells_the_changes_of_its_class(answers: Answerer, name: str) -> None:
    told = answers.history(name, 0)
    assert (told.key, told.job) == ("aaaa1111", "" if name == "aaaa1111" else name)
    assert [(line.cycle, line.word) for line in told.turns] == [
        (1, "no-room"),
        (3, "requirements"),
        (4, "served"),
        (5, "ramp"),
    ]
    assert told.turns[0].text.startswith("3 of 3 idle jobs wait. No node of m1/big has room now")
    assert told.turns[1].text.startswith("3 of 3 idle jobs can never run. ")
    assert told.turns[2].text == "All 3 idle jobs are provided for."


def test_a_class_that_is_gone_is_known_by_its_key(answers: Answerer) -> None:
    told = answers.history("aaaa2222", AT + 45)
    assert [(line.cycle, line.word, line.text) for line in told.turns[-1:]] == [
        (6, "served", "No job of it is idle any more.")
    ]
    assert [line.cycle for line in told.turns] == [4, 5, 6], "the first tells how it stood before"


@pytest.mark.parametrize("name", ["4711.0", "", "x' OR 1=1 --", "17.0@nowhere", "\x00", "9" * 5000])
def test_what_nobody_knows_is_said_so(answers: Answerer, name: str) -> None:
    with pytest.raises(NoAnswer) as found:
        answers.history(name, 0)
    assert found.value.what == ("bad-question" if name in {"", "\x00"} or len(name) > 300 else "unknown")


def test_a_job_that_the_cycle_does_not_know_is_asked_of_its_schedd(journal: SqliteJournal, tmp_path: Path) -> None:
    last = journal.last_cycle()
    assert last is not None
    asked: list[tuple[str, str]] = []

    def find(number: str, schedd: str) -> FoundJob:
        asked.append((number, schedd))
        return FoundJob(number, "ce1", "idle", class_key="aaaa1111", principal=ADA)

    turns = turns_in(f"sqlite:{tmp_path / 'fedsched.db'}")
    answers = Answerer(View(last, (), 10.0, "journal"), lambda: AT + 100, turns=turns, beyond=Beyond(find=find))
    told = answers.history("99.7@ce1", 0)
    assert (told.key, told.job, len(told.turns), asked) == ("aaaa1111", "99.7@ce1", 4, [("99.7", "ce1")])


def test_a_time_that_is_none_is_refused(answers: Answerer) -> None:
    with pytest.raises(NoAnswer, match="epoch seconds"):
        answers.history("17.0", float("nan"))


def test_a_journal_that_cannot_be_read_is_said_and_no_crash(journal: SqliteJournal, tmp_path: Path) -> None:
    with pytest.raises(NoAnswer) as found:
        answerer(journal, tmp_path / "gone.db").history("17.0", 0)
    assert found.value.what == "busy"
    assert "gone.db" in found.value.text


def test_a_daemon_tells_the_same_over_its_socket(journal: SqliteJournal, answers: Answerer, tmp_path: Path) -> None:
    newest = Newest(tuple, 10.0, lambda: AT + 100, "f", turns_in(f"sqlite:{tmp_path / 'fedsched.db'}"))
    last = journal.last_cycle()
    assert last is not None
    newest.see(last)
    application = App(newest, lambda: (200, {}))
    server = WebServer([f"unix:{tmp_path / 's'}"], application, application.close)
    try:
        with Client(f"unix:{tmp_path / 's'}") as client:
            assert client.history("17.0@ce1", AT).turns == answers.history("17.0", AT).turns
            with pytest.raises(NoAnswer) as found:
                client.history("4711.0", 0)
    finally:
        server.close()
    assert found.value.what == "unknown"
