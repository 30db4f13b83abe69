"""Fixtures of the end-to-end tests: a federation in a folder, pools and members of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.federation.harness import Federation
from tests.federation.replayed import replayed
from tests.laboratory.pool import Pool


@pytest.fixture
def federation(tmp_path: Path, target_pool: Pool) -> Iterator[Callable[..., Federation]]:
    """Makes a federation on the shared target pool; its daemon ends with the test, and its cycles replay exactly."""
    made: list[Federation] = []

    def make(name: str = "hub", pool: Pool | None = None, **settings: str) -> Federation:
        one = Federation(tmp_path / name, pool or target_pool, **settings)
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()
        print(f"--- daemon of {one.folder.name}, last lines\n" + one.log()[-4000:])
    for one in made:
        print(f"--- {one.folder.name}: {replayed(one)} cycles decided again, all byte for byte")
