"""kill -9 between any two writes of a real placement: exactly one object per decision, none lost (L4, FA3)."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from fedsched.journal import open_journal
from tests.federation.harness import Federation, eventually
from tests.federation.kept import PATIENT, events, join_and_keep, waiting_jobs
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.kubeapi import ApiError
from tests.laboratory.pool import Pool

JOBS = "/apis/batch/v1/namespaces/fedsched/jobs"
CORE = "/api/v1/namespaces/fedsched"
WRITES = ("raise-fence", "create-files", "create-token", "create-object")
DAEMON_POINTS = ("create-object", "act-after", "done-after")


@pytest.fixture(scope="module")
def plane(lab: Laboratory) -> Iterator[ControlPlane]:
    with lab.part() as part:
        made = part.control_plane("crash")
        made.add_fake_nodes("n", 1, cpu=64, memory="256Gi")
        yield made


@pytest.fixture
def hub(federation: Callable[..., Federation], plane: ControlPlane) -> Federation:
    one = federation(policy=PATIENT)
    join_and_keep(one, plane, "crash")
    forget(one, plane)
    return one


@pytest.fixture
def one_job(hub: Federation, guest_pool: Pool) -> Iterator[int]:
    """One idle job, and a pool that has told of it."""
    with waiting_jobs(guest_pool, (1, 1)) as clusters:

        def asked_for() -> bool:
            once(hub, dispatch="none")
            return bool(events(hub, "cycle")[-1]["idle"] == 1)

        eventually("the queue is seen", asked_for, 120)
        yield clusters[0]


def forget(hub: Federation, plane: ControlPlane) -> None:
    """As it was right after the join: no journal, no fence, no worker files, no token, no placement."""
    for file in hub.folder.glob("fedsched.db*"):
        file.unlink()
    ours = "labelSelector=fedsched.io%2Frole%20in%20(fence,worker-files,startd-token,placement)"
    for where in (JOBS, f"{CORE}/configmaps", f"{CORE}/secrets"):
        for thing in plane.api.items(f"{where}?{ours}"):
            try:
                plane.api.delete(f"{where}/{thing['metadata']['name']}")
            except ApiError as error:
                if error.status != 404:
                    raise
    eventually("the namespace is empty", lambda: not hub.pods(plane) and not hub.jobs(plane), 90)


def once(hub: Federation, crash_at: str = "", dispatch: str = "all") -> int:
    """One cycle in a process of its own; its exit code."""
    hub.start("--once", f"--dispatch={dispatch}", environment={"FEDSCHED_CRASH_AT": crash_at}, wait=False)
    assert hub.daemon is not None
    code = hub.daemon.wait(120)
    hub.daemon = None
    return code


def decided(hub: Federation) -> set[str]:
    """Names of the objects that the journal holds a decision for."""
    if not (hub.folder / "fedsched.db").exists():
        return set()
    with closing(open_journal(f"sqlite:{hub.folder}/fedsched.db")) as journal:
        return {held.placement.object_name for held in journal.memory().held}


def standing(hub: Federation, plane: ControlPlane) -> dict[str, str]:
    """Names and uids of the Jobs that exist."""
    return {job["metadata"]["name"]: job["metadata"]["uid"] for job in hub.jobs(plane)}


def check_recovered(hub: Federation, plane: ControlPlane, before: tuple[set[str], dict[str, str]], where: str) -> None:
    """One object; the one that was decided, and the very one that was made, if that had come so far."""
    wishes, made = before
    there = standing(hub, plane)
    assert len(there) == 1, f"killed at {where}: {there}"
    assert decided(hub) == set(there), f"killed at {where}: the journal and the member disagree"
    assert wishes <= set(there), f"killed at {where}: the decision {wishes} was lost"
    assert made.items() <= there.items(), f"killed at {where}: {made} was made again or lost"
    with closing(open_journal(f"sqlite:{hub.folder}/fedsched.db")) as journal:
        assert journal.open_intents() == (), f"killed at {where}: an intent without an end"


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("one_job")
def test_killed_at_every_numbered_point_of_a_placement_the_next_run_leaves_exactly_one_object(
    hub: Federation, plane: ControlPlane
) -> None:
    """`serve --once` does everything in one thread, so the Nth point is the same one in every run."""
    point, made_before = 0, 0
    while True:
        point += 1
        forget(hub, plane)
        code = once(hub, f"*:{point}")
        if code != -signal.SIGKILL:
            break
        before = decided(hub), standing(hub, plane)
        made_before += bool(before[1])
        once(hub)
        check_recovered(hub, plane, before, f"point {point}")
    assert code == 0
    assert len(standing(hub, plane)) == 1, "a run that is not killed places, too"
    print(f"{point - 1} crash points, at {made_before} of them the object was there already")
    assert point > len(WRITES), "the points of the actuator are among them"
    assert made_before >= 3, "after the write: act-after, the commit of the end, done-after"


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("one_job")
def test_a_running_daemon_killed_around_a_write_is_followed_by_one_that_leaves_exactly_one_object(
    hub: Federation, plane: ControlPlane
) -> None:
    for where in DAEMON_POINTS:
        forget(hub, plane)
        hub.start(environment={"FEDSCHED_CRASH_AT": f"{where}:1"}, wait=False)
        assert hub.daemon is not None
        assert hub.daemon.wait(120) == -signal.SIGKILL
        before = decided(hub), standing(hub, plane)
        hub.start()
        cycles = len(events(hub, "cycle"))
        eventually("the object is there", lambda: standing(hub, plane), 90)
        eventually("three cycles more", lambda: len(events(hub, "cycle")) >= cycles + 3, 90)  # noqa: B023 - called at once
        assert hub.stop() == 0
        check_recovered(hub, plane, before, where)
        print(f"{where}: the journal had decided {len(before[0])}, the member had {len(before[1])}")
