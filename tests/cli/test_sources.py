"""Who answers a read verb: a daemon, else the journal, and what a person hears of it; every end has its exit code."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from fedsched.cli import reach
from fedsched.client import Client
from fedsched.client.documents import QueueAsk
from fedsched.config import load_federation
from fedsched.config.settings import Federation
from fedsched.daemon.health import Health
from fedsched.daemon.window import Window
from fedsched.journal import open_journal
from fedsched.matchmaker.model import Principal
from tests.cli.conftest import Fedsched

CYCLE = 4711
"""A cycle that only the daemon knows."""
Serve = Callable[..., Window]


@pytest.fixture
def settings(federation: Path) -> Federation:
    """The federation's, as the program reads them."""
    return load_federation(federation / "fedsched.toml")


@pytest.fixture
def serve(settings: Federation) -> Iterator[Serve]:
    """Opens a daemon's window over the journal's last cycle, as if it were number CYCLE, `age_s` ago."""
    windows = []

    def start(of: Federation = settings, age_s: float = 2.0, cycle: int = CYCLE) -> Window:
        journal = open_journal(settings.journal)
        last = journal.last_cycle()
        journal.close()
        assert last is not None
        window = Window(of, Health(10.0), tuple, lambda: last.plan.at + age_s)
        window.see(msgspec.structs.replace(last, plan=msgspec.structs.replace(last.plan, cycle=cycle)))
        windows.append(window)
        return window

    yield start
    for window in windows:
        window.close()


def test_a_daemon_that_answers_is_asked_and_nothing_is_said_of_it(fedsched: Fedsched, serve: Serve) -> None:
    serve()
    for verb in ("q", "share", "clusters", "spikes"):
        said = fedsched(verb, "-o", "json")
        assert (said.code, said.err) == (0, "")
        answer = said.json()
        assert (answer["version"], answer["source"], answer["cycle"]) == (2, "daemon", CYCLE)
        plain = fedsched(verb)
        assert (plain.code, plain.err) == (0, "")
        assert f"cycle {CYCLE}, 2 s ago" in plain.out


def test_json_is_the_document_that_the_api_answers_with(fedsched: Fedsched, serve: Serve, settings: Federation) -> None:
    serve()
    with Client(f"unix:{settings.socket}") as client:
        served = (client.queue(QueueAsk()), client.shares(), client.clusters(), client.spikes())
    for verb, answer in zip(("q", "share", "clusters", "spikes"), served, strict=True):
        assert fedsched(verb, "-o", "json").json() == json.loads(msgspec.json.encode(answer))


def test_the_journal_answers_as_the_daemon_does(fedsched: Fedsched, serve: Serve) -> None:
    key = fedsched("q", "-o", "json").json()["classes"][0]["demand"]["key"]
    verbs = (("q",), ("share",), ("clusters",), ("explain", key, "--no-counterfactuals", "--no-estimate"))
    dead = [fedsched(*verb, "-o", "json").json() for verb in verbs]
    serve(age_s=5.0, cycle=dead[0]["cycle"])
    live = [fedsched(*verb, "-o", "json").json() for verb in verbs]
    for before, now in zip(dead, live, strict=True):
        assert (before.pop("source"), now.pop("source")) == ("journal", "daemon")
        assert before == now


def test_a_named_server_is_asked_and_nobody_else(fedsched: Fedsched, serve: Serve, settings: Federation) -> None:
    serve()
    for spelling in (f"unix:{settings.socket}", settings.socket):
        assert fedsched("q", "--server", spelling, "-o", "json").json()["cycle"] == CYCLE
    said = fedsched("q", "--server", "unix:/nowhere/fedsched.sock")
    assert said.code == 5
    assert "/nowhere/fedsched.sock" in said.err
    assert "next: " in said.err
    assert said.out == ""


def test_a_daemon_at_the_port_that_serves_another_federation_is_not_believed(
    fedsched: Fedsched, serve: Serve, settings: Federation, federation: Path
) -> None:
    port = serve(msgspec.structs.replace(settings, id="other", socket="")).port
    config = federation / "fedsched.toml"
    config.write_text(config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    assert fedsched("q", "-o", "json").json()["source"] == "journal"
    serve(msgspec.structs.replace(settings, socket="", listen="127.0.0.1:0"))
    assert fedsched("q", "--server", f"127.0.0.1:{port}", "-o", "json").json()["cycle"] == CYCLE


def test_a_daemon_whose_cycles_stopped_is_told_with_their_age_and_exit_code_four(
    fedsched: Fedsched, serve: Serve
) -> None:
    serve(age_s=600.0)
    said = fedsched("share")
    assert said.code == 4
    assert "The daemon answers, but its last cycle is 10 min old" in said.err
    assert "10 min ago" in said.out


def test_a_stopped_daemon_leaves_the_last_cycle_with_its_age_and_exit_code_four(
    fedsched: Fedsched, settings: Federation
) -> None:
    _forget_lease(settings)
    for verb in ("q", "share", "clusters", "spikes"):
        said = fedsched(verb)
        assert said.code == 4
        assert "No daemon answers at unix:" in said.err
        assert "This is the journal's last cycle, 5 s old. Is `fedsched serve` running?" in said.err
        assert said.out
    assert fedsched("q", "-o", "json").json()["source"] == "journal"


def test_a_daemon_that_lives_but_does_not_answer_is_named_and_its_journal_read(fedsched: Fedsched) -> None:
    said = fedsched("q")
    assert said.code == 0
    assert "runs the federation, but does not answer at unix:" in said.err


def test_a_daemon_that_takes_calls_but_says_nothing_is_left_for_the_journal(
    fedsched: Fedsched, settings: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "ANSWER_S", 0.1)
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(settings.socket)
        mute.listen()
        said = fedsched("q", "-o", "json")
    assert (said.code, said.json()["source"]) == (0, "journal")


def test_neither_daemon_nor_journal_says_how_to_start_one(fedsched: Fedsched, federation: Path) -> None:
    for file in federation.glob("fedsched.db*"):
        file.unlink()
    for verb in (("q",), ("share",), ("clusters",), ("spikes",), ("explain", "1.0"), ("q", "-o", "json")):
        said = fedsched(*verb)
        assert said.code == 5
        told = said.json()["hint"] if "json" in verb else said.err
        assert f"fedsched serve --config {federation / 'fedsched.toml'}" in told
    assert not list(federation.glob("fedsched.db*")), "a reader made a journal"


def test_a_journal_without_a_cycle_says_how_to_get_one(fedsched: Fedsched, federation: Path) -> None:
    for file in federation.glob("fedsched.db*"):
        file.unlink()
    open_journal(f"sqlite:{federation / 'fedsched.db'}").close()
    said = fedsched("q")
    assert (said.code, "serve --once" in said.err) == (4, True)


def test_a_simulated_federation_has_a_time_of_its_own(
    fedsched: Fedsched, settings: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forget_lease(settings)
    (settings.root / "scenario.toml").touch()
    later = time.time() + 1e6
    monkeypatch.setattr("time.time", lambda: later)
    said = fedsched("q")
    assert (said.code, said.err) == (0, "")
    assert "0 s ago" in said.out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("explain", "123456.0"), 1, "no job 123456.0 is in the last cycle"),
        (("explain", "a" * 400), 2, "cannot be a job's name"),
        (("explain", "cluster", "nowhere"), 1, "no member 'nowhere'"),
        (("explain", "cluster"), 2, "of which one?"),
        (("explain", "12.0", "13.0"), 2, "two names"),
        (("explain", "group", "nobody"), 1, "no group or user 'nobody'"),
        (("explain", "decision", "nothing"), 1, "no placement 'nothing'"),
        (("share", "nobody"), 1, "no group or user 'nobody'"),
        (("share", "phys"), 1, "or physics.cms?"),
        (("clusters", "nowhere"), 1, "no member 'nowhere'"),
        (("spikes", "show", "s99"), 1, "no spike 's99'"),
        (("q", "--jobs", "--search", "x"), 2, "--search goes over classes"),
        (("q", "--server", "http://"), 5, ""),
    ],
)
def test_a_question_without_an_answer_ends_with_its_code_its_cause_and_the_next_command(
    fedsched: Fedsched, serve: Serve, words: tuple[str, ...], code: int, told: str
) -> None:
    serve()
    said = fedsched(*words)
    assert (said.code, said.out) == (code, "")
    assert told in said.err
    assert "next: " in said.err or words[-1] == "http://"
    assert len(said.err) < 1000


def _forget_lease(settings: Federation) -> None:
    journal = open_journal(settings.journal)
    lease = journal.lease()
    assert lease is not None
    journal.acquire_lease(lease.holder, 1.0, time.time())
    journal.release_lease()
    journal.close()


EVIL = "eve\x1b[2J\x9b31m\u202e\x00\r\nx@\x07"


def test_hostile_names_reach_no_terminal_as_they_are_and_json_keeps_them_whole(
    fedsched: Fedsched, settings: Federation
) -> None:
    journal = open_journal(settings.journal)
    last = journal.last_cycle()
    journal.close()
    assert last is not None
    first = last.observation.schedds[0]
    evil = msgspec.structs.replace(
        first.classes[0], principal=Principal(f"a{EVIL}", EVIL), schedd=EVIL, examples=(EVIL,), floors=(EVIL,)
    )
    view = msgspec.structs.replace(first, name=EVIL, error=EVIL, seen_at=0.0, classes=(evil, *first.classes[1:]))
    seen = msgspec.structs.replace(last.observation, schedds=(view, *last.observation.schedds[1:]))
    window = Window(settings, Health(10.0), tuple, lambda: last.plan.at)
    window.see(msgspec.structs.replace(last, snapshot=msgspec.structs.replace(last.snapshot, observation=seen)))
    try:
        for words in (("q",), ("explain", evil.key, "--no-counterfactuals", "--no-estimate")):
            plain, told = fedsched(*words), fedsched(*words, "-o", "json")
            assert (plain.code, told.code) == (0, 0), plain.err + told.err
            for text in (plain.out, plain.err, told.out):
                assert not [c for c in text if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c == "\u202e")]
            assert EVIL in set(_texts(told.json()))
    finally:
        window.close()


def _texts(value: object) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
