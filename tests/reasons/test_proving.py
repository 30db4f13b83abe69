"""Counterfactuals over a real server, proven by a real child process from a real journal; and in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest

from fedsched.answers import Answerer, Beside, Beyond, View, here
from fedsched.answers.proving import beside
from fedsched.client import AsyncClient, Client, NoAnswer
from fedsched.client.documents import Counterfactuals, Failed, Tried
from fedsched.config.settings import Web
from fedsched.journal import Commit, Holder, Recorded, SqliteJournal, digest
from fedsched.matchmaker.model import Order, Policy
from fedsched.matchmaker.negotiate import negotiate
from tests.matchmaker.builders import T0, res
from tests.reasons.test_truth import crowded
from tests.web.daemons import Daemon

CORDONED = "1 of 3 would start now if m1 were uncordoned"


def cycle() -> tuple[Recorded, Policy]:
    """One class, one member that is cordoned."""
    snap, policy = crowded(res(64, 256, 100, pods=9), request=res(1, 2))
    snap = msgspec.structs.replace(snap, orders=(Order("cordon", "m1", "disks"),))
    return Recorded(snap, negotiate(snap, policy), policy=digest(policy)), policy


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of one with that cycle."""
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    recorded, policy = cycle()
    with closing(SqliteJournal(path)) as made:
        made.acquire_lease(Holder.mine(), 3600, T0)
        made.commit_cycle(Commit(recorded, policy))
    return f"sqlite:{path}"


@pytest.fixture
def daemon(tmp_path: Path, journal: str) -> Iterator[Daemon]:
    made = Daemon(Web(), tmp_path, None)
    recorded, _ = cycle()
    made.at = T0 + 1
    proofs = Beside(journal)
    made.newest.beyond = Beyond(prove=proofs)
    made.newest.see(recorded)
    yield made
    proofs.close()
    made.close()


def view() -> View:
    return View(cycle()[0], (), 10.0, "daemon")


def test_changes_follow_one_by_one_from_a_child_and_the_first_tells_how_many(daemon: Daemon) -> None:
    with Client(f"unix:{daemon.socket}") as client:
        tried = list(client.counterfactuals("k"))
    assert [(one.done, one.total) for one in tried] == [(0, 1), (1, 1)]
    assert tried[-1].found is not None
    assert tried[-1].found.text == CORDONED


async def _all(address: str) -> list[Tried]:
    async with AsyncClient(address) as client:
        return [one async for one in client.counterfactuals("k")]


def test_the_client_to_await_says_the_same(daemon: Daemon) -> None:
    import asyncio  # noqa: PLC0415 - for this one test

    assert [one.done for one in asyncio.run(_all(f"unix:{daemon.socket}"))] == [0, 1]


def test_the_stream_ends_with_a_document_of_all_that_was_proven(daemon: Daemon) -> None:
    with httpx.Client(base_url=daemon.url, timeout=60) as http:
        answer = http.get("/api/v1/explain/k/counterfactuals")
    assert answer.headers["content-type"].startswith("text/event-stream")
    last = answer.text.replace("\r\n", "\n").strip().split("\n\n")[-1]
    assert last.startswith("event: counterfactuals")
    said = msgspec.json.decode(last.partition("data: ")[2], type=Counterfactuals)
    assert (said.key, said.tried, [one.text for one in said.counterfactuals]) == ("k", 1, [CORDONED])


def test_a_job_that_nobody_knows_is_refused_before_anything_begins(daemon: Daemon) -> None:
    with httpx.Client(base_url=daemon.url) as http:
        answer = http.get("/api/v1/explain/no-such-class/counterfactuals")
    assert answer.status_code == 404
    assert msgspec.json.decode(answer.content, type=Failed).what == "unknown"


def test_one_is_proven_at_a_time_and_another_reader_is_told_so(journal: str) -> None:
    proofs = Beside(journal)
    first = proofs(view(), "k")
    with pytest.raises(NoAnswer) as refused:
        proofs(view(), "k")
    assert refused.value.what == "busy"
    assert [one.done for one in first] == [0, 1]
    assert [one.done for one in proofs(view(), "k")] == [0, 1]


def test_a_reader_who_leaves_ends_the_child(journal: str) -> None:
    run = Beside(journal)(view(), "k")
    for _ in run:
        break
    until = time.monotonic() + 10
    while run.lives and time.monotonic() < until:
        time.sleep(0.01)
    assert not run.lives


def test_a_child_that_is_stopped_ends_its_reader_without_a_word(journal: str) -> None:
    proofs = Beside(journal)
    run = proofs(view(), "k")
    proofs.close()
    assert list(run) == []


def test_a_child_that_takes_too_long_is_ended_by_the_kernel_and_that_is_said(
    journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit stands in the child; here it gets one of a second and never an end."""
    slow = "import signal, time; signal.alarm(1); time.sleep(60)"
    monkeypatch.setattr(beside, "COMMAND", ("-c", slow))
    with pytest.raises(NoAnswer) as late:
        list(Beside(journal)(view(), "k"))
    assert late.value.what == "busy"
    assert "what was told stands" in late.value.text


def test_a_journal_that_cannot_be_read_is_told_with_its_cause(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer) as refused:
        list(Beside(f"sqlite:{tmp_path / 'none.db'}")(view(), "k"))
    assert refused.value.what == "refused"
    assert "none.db" in refused.value.text


def test_where_there_is_no_daemon_the_same_is_proven_here() -> None:
    recorded, policy = cycle()
    answers = Answerer(View(recorded, (), 10.0, "journal"), lambda: T0, beyond=Beyond(prove=here(lambda _: policy)))
    assert [one.found.text for one in answers.counterfactuals("k") if one.found] == [CORDONED]
    with pytest.raises(NoAnswer):
        list(Answerer(view(), lambda: T0, beyond=Beyond(prove=here(lambda _: None))).counterfactuals("k"))
    with pytest.raises(NoAnswer):
        list(Answerer(view(), lambda: T0).counterfactuals("k"))
