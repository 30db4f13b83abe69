"""The laboratory's fixtures, and the last lines of a run: what was left out and why.

What the laboratory is stands in tests/laboratory/README.md.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.laboratory import Laboratory, LeftOutError, inventory
from tests.laboratory.last_words import last_words

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tests.laboratory.controlplane import ControlPlane
    from tests.laboratory.podrunner import PodRunner
    from tests.laboratory.pool import Pool
    from tests.laboratory.realnode import RealNode

NEEDS = {
    "kube": {
        "control_plane",
        "namespace",
        "members",
        "fresh_control_plane",
        "real_node",
        "fresh_real_node",
        "pod_runner",
    },
    "condor": {"target_pool", "guest_pool", "fresh_pool", "pod_runner"},
    "realnode": {"real_node", "fresh_real_node"},
    "browser": {"chromium"},
    "workflow": {"workflow_program"},
}
MARKERS = {
    "kube": "needs real Kubernetes control planes from the laboratory",
    "condor": "needs real HTCondor daemons from the laboratory",
    "realnode": "needs root, containerd and a real kubelet from the laboratory",
    "browser": "needs Chromium",
    "workflow": "needs a workflow program from its own lock",
}


def required() -> bool:
    """Whether nothing may be left out."""
    return os.environ.get("FEDSCHED_LABORATORY") == "required"


def pytest_configure(config: pytest.Config) -> None:
    for name, text in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {text}")


def pytest_itemcollected(item: pytest.Item) -> None:
    used = set(getattr(item, "fixturenames", ()))
    for marker, fixtures in NEEDS.items():
        if used & fixtures:
            item.add_marker(marker)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds what the chosen tests need before any test's time limit runs.

    What cannot be built is left out by `pytest_runtest_setup`.
    """
    if session.config.option.collectonly:
        return
    capture: Any = session.config.pluginmanager.getplugin("capturemanager")
    for marker in MARKERS:
        if any(item.get_closest_marker(marker) for item in session.items):
            with capture.global_and_fixture_disabled():  # a build of minutes says so
                inventory.prepare(marker)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in MARKERS:
        if item.get_closest_marker(marker) and (why := inventory.prepare(marker)):
            pytest.skip(why)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any) -> Generator[None, Any, Any]:
    """With FEDSCHED_LABORATORY=required a test that was left out has failed; with one that failed come pools' logs."""
    report: Any = yield
    made = item.funcargs.get("lab") if report.failed else None
    if isinstance(made, Laboratory) and (said := last_words(made.folder)):
        report.sections.append(("Captured stdout of pools", said))
        item.add_report_section(report.when, "stdout of pools", said)  # what JUnit writes is that of the teardown
    if required() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"left out although FEDSCHED_LABORATORY=required: {reason_of(report)}"
    return report


def reason_of(report: Any) -> str:
    """The reason of a skipped test, in one line."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(text).removeprefix("Skipped: ").splitlines()[0]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> Generator[None, Any, None]:
    """One line for each reason for which tests were left out, after everything else."""
    yield
    reports = terminalreporter.stats.get("skipped", [])
    counted = Counter(reason_of(report) for report in reports)
    terminalreporter.section("left out")
    for why, count in sorted(counted.items()):
        terminalreporter.write_line(f"{count} test{'s' if count > 1 else ''}: {why}")
    if not counted:
        terminalreporter.write_line("nothing")


@contextmanager
def or_skipped() -> Iterator[None]:
    """A part that this machine cannot run leaves the test out."""
    try:
        yield
    except LeftOutError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lab() -> Iterator[Laboratory]:
    """The laboratory of this run; everything made by it is gone afterwards."""
    with Laboratory() as made:
        yield made


@pytest.fixture(scope="session")
def control_plane(lab: Laboratory) -> ControlPlane:
    """A shared control plane with KWOK; take a namespace of your own in it."""
    with or_skipped():
        return lab.control_plane("shared")


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A fresh namespace in the shared control plane."""
    name = control_plane.namespace(f"test-{secrets.token_hex(3)}")
    yield name
    control_plane.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def members(lab: Laboratory) -> dict[str, ControlPlane]:
    """Three control planes m1, m2, m3."""
    with or_skipped():
        return lab.control_planes("m1", "m2", "m3")


@pytest.fixture
def fresh_control_plane(lab: Laboratory) -> Iterator[Callable[..., ControlPlane]]:
    """Makes control planes that end with the test."""
    with or_skipped(), lab.part() as part:
        yield part.control_plane


@pytest.fixture(scope="session")
def target_pool(lab: Laboratory) -> Pool:
    """Pool "a": collector and negotiator, with rights for fedsched@pool-a."""
    with or_skipped():
        return lab.pool("a", daemons=("COLLECTOR", "NEGOTIATOR"), rights_for="fedsched@pool-a")


@pytest.fixture(scope="session")
def guest_pool(lab: Laboratory, target_pool: Pool) -> Pool:
    """Pool "b": a schedd with nothing but FLOCK_TO and a token."""
    with or_skipped():
        return lab.pool("b", flock_to=target_pool)


@pytest.fixture
def fresh_pool(lab: Laboratory) -> Iterator[Callable[..., Pool]]:
    """Makes pools that end with the test."""
    with or_skipped(), lab.part() as part:
        yield part.pool


@pytest.fixture(scope="session")
def real_node(lab: Laboratory, control_plane: ControlPlane) -> RealNode:
    """A shared real node "real-1" with the label real=true; only outbound connections are possible for its pods."""
    with or_skipped():
        node = lab.real_node(control_plane, "real-1", labels={"real": "true"})
        node.close_inbound()
        return node


@pytest.fixture
def fresh_real_node(lab: Laboratory) -> Iterator[Callable[..., RealNode]]:
    """Makes real nodes that end with the test."""
    with or_skipped(), lab.part() as part:
        yield part.real_node


@pytest.fixture
def pod_runner(lab: Laboratory) -> Iterator[Callable[..., PodRunner]]:
    """Makes pod runners that end with the test."""
    with or_skipped(), lab.part() as part:
        yield part.pod_runner
