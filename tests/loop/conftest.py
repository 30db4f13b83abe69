"""A journal whose lease this process holds, and a loop over a shelf."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fedsched.journal import Holder, SqliteJournal
from fedsched.log import configure
from fedsched.loop import Loop, Mind, Options, SystemClock
from tests.loop.shelf import START, VirtualClock


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Only errors are told: what pytest captures of a thousand cycles would look like a leak."""
    configure(level="error")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(tmp_path / "j" / "fedsched.db")
    opened.acquire_lease(Holder.mine(), 1e9, START)
    opened.raise_epoch(1)
    yield opened
    opened.close()


@pytest.fixture
def threaded(journal: SqliteJournal) -> Iterator[Callable[[Any, Mind], Loop]]:
    """Makes loops with real lanes, ended after the test."""
    made: list[Loop] = []

    def make(world: Any, mind: Mind) -> Loop:
        made.append(Loop(world, journal, mind, SystemClock(), Options()))
        return made[-1]

    yield make
    for loop in made:
        loop._lanes.stop(2)


@pytest.fixture
def inline(journal: SqliteJournal) -> Callable[..., tuple[Loop, VirtualClock]]:
    """Makes loops that act in this thread under a virtual clock."""

    def make(world: Any, mind: Mind, **options: Any) -> tuple[Loop, VirtualClock]:
        clock = VirtualClock()
        return Loop(world, journal, mind, clock, Options(inline=True, **options)), clock

    return make
