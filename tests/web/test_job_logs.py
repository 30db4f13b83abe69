"""Logs of a Job over HTTP: bounded, as a stream, and only for whoever may see whose they are (L8)."""

from __future__ import annotations

import queue as queues
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from fedsched.answers import Beyond, gathering, job_logs
from fedsched.answers.gathering import Gathering
from fedsched.answers.job_logs import JobLogs
from fedsched.client import Client, NoAnswer
from fedsched.client.documents import LogLine, Logs, LogsAsk
from fedsched.config.settings import Federation, Web
from fedsched.journal import Recorded, open_journal
from fedsched.kube.pod_logs import LogAsk, PodThere
from fedsched.kube.transport import TransportError
from fedsched.matchmaker.model import Principal
from tests.answers.jobs import after, copy_of, cycle, decided, job, queue, shape
from tests.matchmaker.builders import T0, pod
from tests.web.daemons import Daemon
from tests.web.test_streams import until

END = object()
BOB = Principal("physics", "bob@b")


class Member:
    """A member with the pods of one copy: a fake of our own protocol."""

    def __init__(self, *pods: PodThere) -> None:
        self.there = pods
        self.said: dict[str, list[str]] = {}
        self.more: queues.SimpleQueue[Any] = queues.SimpleQueue()
        self.asked: list[tuple[str, LogAsk]] = []
        self.silent = False
        self.closed = False

    def pods(self, _placements: Sequence[str]) -> tuple[PodThere, ...]:
        if self.silent:
            raise TransportError("timeout", "no answer within 8 s")
        return self.there

    def log(self, pod_name: str, ask: LogAsk) -> tuple[LogLine, ...]:
        self.asked.append((pod_name, ask))
        lines = self.said.get(pod_name, [])[-ask.tail :]
        return tuple(LogLine(T0 + number, "m1", pod_name, text) for number, text in enumerate(lines))

    def follow(self, pod_name: str, ask: LogAsk, last_at: float = 0.0) -> Iterator[tuple[LogLine, ...]]:
        yield self.log(pod_name, ask)
        while (text := self.more.get(timeout=20)) is not END:
            yield (LogLine(T0 + 100, "m1", pod_name, text),)
        del last_at

    def close(self) -> None:
        self.closed = True
        self.more.put(END)


MAIN = PodThere("fs-x-1", over=False, containers=("main", "side"), of_job=True)
Open = Callable[..., tuple[Daemon, Member]]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Starts daemons with one running Job of alice and one of bob, whose pods are at a member."""
    running: list[Daemon] = []
    monkeypatch.setattr(gathering, "HOLD_S", 0.1)
    monkeypatch.setattr(gathering, "AGAIN_S", 0.05)

    def begin(*pods: PodThere, **web: Any) -> tuple[Daemon, Member]:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        url = f"sqlite:{folder}/journal.db"
        with closing(open_journal(url)):
            pass
        member = Member(*(pods or (MAIN,)))
        member.said["fs-x-1"] = ["one", "two"]
        monkeypatch.setattr(Gathering, "_open", lambda _self, _name: member)
        settings = Federation("fed", (), journal=url, records=folder / "records")
        theirs = shape(key="of-bob", principal=BOB)
        snap = cycle(
            queue(job(), job("waits", state="suspended")),
            queue(job("theirs", principal=BOB, class_key="of-bob"), name="local", demand=theirs),
        )
        plan = decided(snap)
        snap = after(snap, plan, copy_of(plan, pod("fs-x-1", started_at=T0 + 5)))
        daemon = Daemon(Web(**web), folder, None)
        daemon.at = T0 + 61
        daemon.newest.beyond = Beyond(logs=JobLogs(settings, tuple))
        daemon.newest.see(Recorded(snap, decided(snap)))
        running.append(daemon)
        return daemon, member

    yield begin
    for one in running:
        one.close()


def get(daemon: Daemon, path: str, **headers: str) -> httpx.Response:
    with httpx.Client(base_url=daemon.url, timeout=20) as client:
        return client.get(f"/api/v1/jobs/{path}", headers=headers)


def test_lines_are_read_by_any_name_of_the_job_and_no_more_than_asked_for(serve: Open) -> None:
    daemon, member = serve()
    for name in ("default/fit", "hub:default/fit", "job/fit", "uid-default-fit"):
        answer = get(daemon, f"{name}/logs?tail=1")
        assert answer.status_code == 200, answer.text
        found = msgspec.json.decode(answer.content, type=Logs)
        assert [line.text for line in found.lines] == ["two"]
        assert (found.of_job, found.unread) == (True, ())
    assert {ask.container for _, ask in member.asked} == {"main"}


def test_another_container_and_what_it_wrote_before_are_asked_for_by_name(serve: Open) -> None:
    daemon, member = serve()
    get(daemon, "default/fit/logs?container=side&previous=true&since=1700000000")
    ((_, ask),) = member.asked
    assert (ask.container, ask.previous, ask.since) == ("side", True, 1_700_000_000)
    assert get(daemon, "default/fit/logs?container=none").json()["lines"] == []


@pytest.mark.parametrize(
    ("path", "status", "what"),
    [
        ("default/none/logs", 404, "unknown"),
        ("default/waits/logs", 404, "unknown"),
        ("default/fit/logs?tail=100000", 400, "bad-question"),
        ("default/fit/logs?container=A%20B", 400, "bad-question"),
        ("default/fit/logs?follow=perhaps", 400, "bad-question"),
        ("default/fit/logs?evil=1", 400, "bad-question"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_kind(serve: Open, path: str, status: int, what: str) -> None:
    daemon, _ = serve()
    answer = get(daemon, path)
    assert (answer.status_code, answer.json()["what"]) == (status, what)


def test_a_member_that_does_not_answer_is_no_empty_log(serve: Open) -> None:
    daemon, member = serve()
    member.silent = True
    answer = get(daemon, "default/fit/logs")
    assert answer.json()["what"] == "unreachable"
    assert "m1 does not answer" in answer.json()["text"]


def test_whoever_may_not_see_names_reads_his_own_jobs_and_not_those_of_others(serve: Open) -> None:
    daemon, member = serve(names="own", user_header="X-User")
    mine, theirs = "default/fit/logs", "default/theirs/logs"
    assert get(daemon, mine, **{"X-User": "alice@b"}).status_code == 200
    refusals = [
        get(daemon, theirs, **{"X-User": "alice@b"}),
        get(daemon, mine, **{"X-User": "bob@b"}),
        get(daemon, mine),
    ]
    # What no name tells is asked for by what is no name: a uid, a placement, a pod, a class.
    theirs_is = next(one.placement for one in daemon.newest.shown[0].plan.held if one.placement.job == "default/theirs")
    others = ("uid-default-theirs", theirs_is.id, theirs_is.object_name, "of-bob")
    refusals += [get(daemon, f"{other}/logs", **{"X-User": "alice@b"}) for other in others]
    unknown = get(daemon, "default/nobody/logs")
    for one in (*refusals, unknown):
        assert one.status_code == 404
        assert one.json()["text"] == unknown.json()["text"]
    follows = get(daemon, f"{mine}?follow=true", **{"X-User": "bob@b"})
    assert follows.status_code == 404
    assert len(member.asked) == 1


def test_with_no_names_at_all_nobody_reads_logs_but_over_the_socket(serve: Open) -> None:
    daemon, _ = serve(names="none", user_header="X-User")
    assert get(daemon, "default/fit/logs", **{"X-User": "alice@b"}).status_code == 404
    with Client(f"unix:{daemon.socket}") as client:
        assert [line.text for line in client.logs(LogsAsk("default/fit")).lines] == ["one", "two"]


def test_a_log_is_followed_as_it_is_written_until_its_pods_are_over(serve: Open) -> None:
    daemon, member = serve()
    with Client(daemon.url) as client:
        lines = client.followed(LogsAsk("default/fit", tail=10))
        assert [next(lines), next(lines)] == [
            LogLine(T0, "m1", "fs-x-1", "one"),
            LogLine(T0 + 1, "m1", "fs-x-1", "two"),
        ]
        member.more.put("three")
        found = next(lines)
        assert isinstance(found, LogLine)
        assert found.text == "three"
        lines.close()  # type: ignore[attr-defined]  # a generator


def test_a_reader_who_goes_ends_what_was_followed_for_him(serve: Open) -> None:
    daemon, member = serve()
    with httpx.Client(base_url=daemon.url, timeout=20) as client:
        with client.stream("GET", "/api/v1/jobs/default/fit/logs?follow=true") as answer:
            assert "lines" in next(answer.iter_text())
        until(lambda: member.closed)


def test_so_many_logs_are_followed_and_no_more(serve: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_logs, "MOST_FOLLOWED", 1)
    daemon, _ = serve()
    with Client(daemon.url) as first, Client(daemon.url) as second:
        lines = first.followed(LogsAsk("default/fit"))
        next(lines)
        with pytest.raises(NoAnswer) as refused:
            next(second.followed(LogsAsk("default/fit")))
        assert refused.value.what == "busy"
        lines.close()  # type: ignore[attr-defined]  # a generator


def test_a_simulated_federation_has_no_logs(serve: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon, _ = serve()

    class Simulated:
        simulated = object()

    logs = JobLogs(Federation("fed", ()), lambda: (Simulated(),))  # type: ignore[arg-type,return-value]  # only that is read
    view, answers = daemon.newest.shown
    monkeypatch.setattr(answers, "_beyond", Beyond(logs=logs))
    assert get(daemon, "default/fit/logs").json()["what"] == "refused"
    assert view.plan.cycle
