"""A real server on real sockets, fed with recorded cycles; no daemon, no cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fedsched.config.settings import Web
from fedsched.journal import Recorded
from tests.web.daemons import Daemon, Starting, recorded


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starting]:
    """Starts daemons with given [web] settings over a recorded cycle; all are closed at the end."""
    running: list[Daemon] = []

    def begin(first: Recorded | None = None, *, empty: bool = False, **web: object) -> Daemon:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        made = Daemon(Web(**web), folder, None if empty else first or recorded())  # type: ignore[arg-type]  # fields of Web
        running.append(made)
        return made

    yield begin
    for one in running:
        one.server.close()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One for tests that only ask."""
    made = Daemon(Web(), tmp_path_factory.mktemp("daemon"), recorded())
    yield made
    made.server.close()


@pytest.fixture
def http(daemon: Daemon) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=daemon.url, timeout=10) as client:
        yield client
