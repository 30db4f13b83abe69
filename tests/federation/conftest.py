"""Fixtures of the end-to-end tests: a federation in a folder, pools and members of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.federation.harness import STARTED, Federation
from tests.federation.hub import JOB_POLICY, JobFederation
from tests.federation.replayed import replayed
from tests.laboratory import Laboratory
from tests.laboratory.pool import Pool


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """With a test that failed comes what was wrong with the daemons that ran then."""
    report: Any = yield
    if report.failed:
        said = "".join(one.complaints() + "\n" for one in STARTED if one.daemon is not None)
        report.sections.append(("Captured stdout of daemons", said))
        item.add_report_section(report.when, "stdout of daemons", said)
    return report


@pytest.fixture
def federation(tmp_path: Path, target_pool: Pool) -> Iterator[Callable[..., Federation]]:
    """Makes a federation on the shared target pool; its daemon ends with the test, and its cycles replay exactly."""
    made: list[Federation] = []

    def make(name: str = "hub", pool: Pool | None = None, **settings: Any) -> Federation:
        one = Federation(tmp_path / name, pool or target_pool, **settings)
        made.append(one)
        return one

    yield make
    _end(made)


@pytest.fixture(scope="module")
def jobs_only(tmp_path_factory: pytest.TempPathFactory, lab: Laboratory) -> Iterator[Callable[..., JobFederation]]:
    """Makes a federation without any pool; its daemon ends with the module, and its cycles replay exactly."""
    made: list[JobFederation] = []

    def make(name: str = "hub", **settings: Any) -> JobFederation:
        one = JobFederation(
            tmp_path_factory.mktemp(name), None, session=lab.session, **{"policy": JOB_POLICY, **settings}
        )
        made.append(one)
        return one

    yield make
    _end(made)


def _end(made: Sequence[Federation]) -> None:
    for one in made:
        one.stop()
        print(f"--- daemon of {one.folder.name}, last lines\n" + one.log()[-4000:])
    for one in made:
        print(f"--- {one.folder.name}: {replayed(one)} cycles decided again, all byte for byte")
