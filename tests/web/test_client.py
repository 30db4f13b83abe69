"""The client against real daemons, and against servers that are none."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fedsched.client import Answers, AsyncClient, Client, NoAnswer, address, calls, connect
from fedsched.client.documents import QueueAsk
from fedsched.client.sse import Reader
from tests.web.daemons import Daemon, Starting
from tests.web.test_questions import asked

QUESTIONS: dict[str, Callable[[Any, dict[str, str]], Any]] = {
    "queue": lambda client, _: client.queue(QueueAsk(state="idle", limit=3)),
    "shares": lambda client, _: client.shares("physics"),
    "clusters": lambda client, _: client.clusters(),
    "cluster": lambda client, _: client.clusters("m1"),
    "spikes": lambda client, _: client.spikes(),
    "overview": lambda client, _: client.overview(),
    "explain": lambda client, at: client.explain(at["explain"]),
    "explain_cluster": lambda client, _: client.explain_cluster("m1"),
    "explain_group": lambda client, _: client.explain_group("physics"),
    "explain_decision": lambda client, at: client.explain_decision(at["explain_decision"]),
    "history": lambda client, at: client.history(at["explain"], 5.0),
}


def named(daemon: Daemon) -> dict[str, str]:
    return {name: path.rpartition("/")[2] for name, path in asked(daemon).items()}


@pytest.mark.parametrize("name", QUESTIONS)
def test_both_clients_over_both_sockets_have_the_daemons_own_answer(daemon: Daemon, name: str) -> None:
    ask, at = QUESTIONS[name], named(daemon)
    own = ask(daemon.newest.answers, at)

    async def awaited() -> Any:
        async with AsyncClient(daemon.url) as client:
            return await ask(client, at)

    with connect(daemon.url) as over_tcp, Client(f"unix:{daemon.socket}") as over_unix:
        assert ask(over_tcp, at) == ask(over_unix, at) == asyncio.run(awaited()) == own


def test_clients_ask_all_that_can_be_asked() -> None:
    public = {name for name, _ in inspect.getmembers(Answers, inspect.isfunction) if not name.startswith("_")}
    assert len(public) >= 10
    for client in (Client, AsyncClient):
        missing = public - set(dir(client))
        assert not missing, (client, missing)


def test_a_question_without_an_answer_raises_what_the_daemon_said(daemon: Daemon) -> None:
    with connect(daemon.url) as client:
        with pytest.raises(NoAnswer, match="m99") as unknown:
            client.clusters("m99")
        assert unknown.value.what == "unknown"
        with pytest.raises(NoAnswer, match="limit") as bad:
            client.queue(QueueAsk(limit=-1))
        assert bad.value.what == "bad-question"


def test_odd_names_arrive_as_they_are(daemon: Daemon) -> None:
    with connect(daemon.url) as client:
        for name in ("a/b", "..", "a?b=c#d", "50%", "é", "a b", "%2e%2e"):
            with pytest.raises(NoAnswer) as error:
                client.explain_cluster(name)
            assert error.value.what == "unknown", name


def test_nobody_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    for where in (f"unix:{tmp_path / 'none'}", "http://127.0.0.1:1"):
        with connect(where) as client, pytest.raises(NoAnswer) as error:
            client.overview()
        assert error.value.what == "unreachable"
        assert where in error.value.text
        assert "fedsched serve" in error.value.hint


@pytest.mark.parametrize(
    ("wrong", "what"), [("http://[", "unreachable"), ("http://a:b", "bad-question"), ("ftp://x", "bad-question")]
)
def test_what_is_no_address_is_said(wrong: str, what: str) -> None:
    with pytest.raises(NoAnswer) as error, connect(wrong) as client:
        client.overview()
    assert error.value.what == what


def test_cycles_follow_over_a_restart_of_the_daemon(start: Starting) -> None:
    daemon = start()
    with connect(f"unix:{daemon.socket}") as client, closing(client.cycles()) as cycles:
        assert next(cycles).cycle == daemon.newest.cycle
        daemon.see()
        assert next(cycles).cycle == daemon.newest.cycle
        daemon.server.close()
        path = daemon.socket
        again = start(daemon.last)
        again.see(1000)
        path.symlink_to(again.socket)
        assert next(cycles).cycle == 1000


def test_patience_ends(start: Starting) -> None:
    daemon = start()
    with connect(daemon.url) as client:
        cycles = client.cycles(patience_s=0.0)
        next(cycles)
        daemon.server.close()
        with pytest.raises(NoAnswer) as error:
            next(cycles)
        assert error.value.what == "unreachable"


def test_awaited_cycles_follow_and_leave_nothing_behind(start: Starting) -> None:
    daemon = start(streams=1)

    async def follow() -> list[int]:
        async with AsyncClient(daemon.url) as client:
            found = []
            async for cycle in client.cycles():
                found.append(cycle.cycle)
                if len(found) == 3:
                    break
                daemon.see()
            return found

    first = daemon.newest.cycle
    assert asyncio.run(follow()) == [first, first + 1, first + 2]


@contextmanager
def impostor(said: bytes, *, drip_s: float = 0.0, endless: bytes = b"") -> Iterator[str]:
    """Something that listens and says this to whoever comes, whatever he asks."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                to, _ = listening.accept()
            except OSError:
                return
            with to:
                try:
                    to.recv(65536)
                    to.sendall(said)
                    while endless and not over.wait(drip_s):
                        to.sendall(endless)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        # A listener that is only closed goes on waiting in accept.
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
            "elsewhere.example",
        ),
        (HEAD + b"Content-Length: 15\r\n\r\n<html>hi</html>", "not as fedsched"),
        (HEAD + b'Content-Length: 20\r\n\r\n{"kind":"overview","', "not as fedsched"),
        (HEAD + b'Content-Length: 39\r\n\r\n{"kind":"overview","version":7,"at":""}', "it has 7"),
        (HEAD + b"Content-Length: 2\r\n\r\n\xff\xfe", "not as fedsched"),
        (HEAD + b"Content-Length: 1000\r\n\r\nshort", "no answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no answer"),
        (b"", "no answer"),
    ],
)
def test_what_is_no_fedsched_is_said_to_be_none(said: bytes, why: str) -> None:
    with impostor(said) as where, connect(where, timeout_s=5) as client, pytest.raises(NoAnswer, match=why) as error:
        client.overview()
    assert error.value.what == "unreachable"


def test_an_answer_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "LARGEST", 3 << 20)
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    said = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    with (
        impostor(said, endless=chunk) as where,
        connect(where) as client,
        pytest.raises(NoAnswer, match="more than 3 MiB"),
    ):
        client.queue()


def test_an_answer_in_drops_is_not_waited_for() -> None:
    said = HEAD + b"Content-Length: 100000\r\n\r\n"
    with impostor(said, drip_s=0.05, endless=b" ") as where, connect(where, timeout_s=0.5) as client:
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="in time"):
            client.queue()
        assert time.monotonic() - begun < 3


def test_newer_fields_are_no_matter() -> None:
    body = b'{"kind":"overview","version":2,"new":{"a":[1]},"federation":"x","members":3}'
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    with impostor(head + body) as where, connect(where) as client:
        assert client.overview().members == 3


def test_a_proxy_stands_before_no_unix_socket(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Client(f"unix:{daemon.socket}") as client:
        assert client.overview().federation == "golden"


def test_addresses_are_found_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert address("host:1", {"FEDSCHED_SERVER": "other:2"}) == "http://host:1"
    assert address(None, {"FEDSCHED_SERVER": "/run/f.sock"}) == "unix:/run/f.sock"
    assert address(None, {}).startswith(("http://127.0.0.1:9680", "unix:/etc/fedsched"))
    folder = tmp_path / "etc"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        one.bind(str(tmp_path / "fedsched.sock"))
        other.bind(str(folder / "fedsched.sock"))
        assert address(None, {}) == "unix:fedsched.sock"
        assert address(None, {"FEDSCHED_CONFIG": str(folder / "fedsched.toml")}) == f"unix:{folder}/fedsched.sock"


def test_events_are_read_however_they_are_cut() -> None:
    said = b": hello\r\n\r\nevent: cycle\r\nid: 1\ndata: {\ndata: }\n\n:ping\n\ndata:x\r\n\r\n"
    whole = list(Reader().take(said.replace(b"\r\n", b"\n")))
    assert [(one.name, one.data) for one in whole] == [("cycle", "{\n}"), ("message", "x")]
    for size in (1, 2, 3, 7):
        reader = Reader()
        cut = [event for at in range(0, len(said), size) for event in reader.take(said[at : at + size])]
        assert cut == whole
    with pytest.raises(ValueError, match="event of more"):
        list(Reader().take(b"data: " + b"x" * (2 << 20)))


def test_importing_the_client_loads_no_http_until_it_is_used() -> None:
    script = (
        "import sys, fedsched.client; assert 'httpx' not in sys.modules;"
        "fedsched.client.Client; assert 'httpx' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_examples_of_the_page_run(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 2
    for example in examples:
        made = example.replace("connect()", f'connect("{daemon.url}")').replace(
            "AsyncClient()", f'AsyncClient("{daemon.url}")'
        )
        made = made.replace("4711.0@ap1.example.org", named(daemon)["explain"])
        exec(compile(made, "docs/api.md", "exec"), {"__name__": "example"})  # noqa: S102 - our own page
    assert capsys.readouterr().out.strip()
