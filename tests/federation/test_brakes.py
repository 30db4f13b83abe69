"""The brakes of people: pause, mode observe and deny hold within one cycle, and let go again (OW3, R8)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.federation.harness import Federation, eventually, sleep_job
from tests.federation.kept import (
    BRISK,
    PATIENT,
    cycles_after,
    give_node_groups,
    issued_after,
    join_and_keep,
    settled,
    waiting_jobs,
)
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

LEAVE = "fedsched.io/leave"


@pytest.fixture(scope="module")
def plane(lab: Laboratory) -> Iterator[ControlPlane]:
    with lab.part() as part:
        made = part.control_plane("brakes")
        give_node_groups([made])
        yield made


@pytest.fixture
def hub(federation: Callable[..., Federation]) -> Federation:
    return federation(policy=PATIENT, cadence=BRISK)


def words(hub: Federation) -> set[str]:
    """The one-word reasons of all classes that wait."""
    return {row["word"] for row in hub.json("q")["classes"]}


def created(hub: Federation, after: float) -> list[float]:
    """When, in seconds after a moment, objects were set to be created."""
    return [at for at, issued in issued_after(hub, after) if "create" in issued]


@pytest.mark.timeout(600)
def test_a_paused_member_gets_nothing_and_its_resume_counts_in_the_next_cycle(
    hub: Federation, plane: ControlPlane, guest_pool: Pool
) -> None:
    join_and_keep(hub, plane, "brakes", "--namespace", "paused")
    hub.start()
    ordered = time.time()
    hub.run("pause", "brakes", "--reason", "looking into failures")
    with waiting_jobs(guest_pool, (1, 1)):
        eventually("the class waits because of it", lambda: words(hub) == {"paused"}, 90)
        cycles_after(hub, time.time(), 5)
        assert not created(hub, ordered)
        assert not hub.jobs(plane, "paused")
        hub.run("resume", "brakes")
        resumed = time.time()
        (first,) = cycles_after(hub, resumed, 1)
        eventually("it is placed", lambda: hub.jobs(plane, "paused"), 60)
        decided = eventually("its cycle is told of", lambda: created(hub, ordered), 20)[0]
        print(f"resume → decided {decided - (resumed - ordered):.2f} s")
        assert decided <= first["at"] - ordered


@pytest.mark.timeout(600)
def test_a_member_that_is_only_observed_gets_nothing_from_the_reload_on(
    hub: Federation, plane: ControlPlane, guest_pool: Pool
) -> None:
    join_and_keep(hub, plane, "brakes", "--namespace", "observed")
    hub.start()
    hub.edit_member("brakes", ('mode = "on"', 'mode = "observe"'))
    assert hub.daemon is not None
    hub.daemon.send_signal(signal.SIGHUP)
    eventually("the daemon has read it", lambda: '"reloaded"' in hub.log(), 20)
    reloaded = time.time()
    with waiting_jobs(guest_pool, (1, 1)):
        eventually("the class waits because of it", lambda: words(hub) == {"observe-only"}, 90)
        cycles_after(hub, time.time(), 5)
        assert not created(hub, reloaded)
        hub.edit_member("brakes", ('mode = "observe"', 'mode = "on"'))
        hub.daemon.send_signal(signal.SIGHUP)
        eventually("once it is on, it is placed", lambda: hub.jobs(plane, "observed"), 60)


@pytest.mark.timeout(600)
def test_who_is_denied_gets_nothing_more_and_loses_its_startds_while_others_go_on(
    hub: Federation, plane: ControlPlane, guest_pool: Pool
) -> None:
    join_and_keep(hub, plane, "brakes", "--namespace", "denied")
    hub.start()
    with waiting_jobs(guest_pool, (1, 1)):
        settled(hub, {"brakes": plane}, 1, "denied")
        before = time.time()
        hub.run("deny", "*alice@*", "--reason", "mining")
        ordered = time.time()
        (first,) = cycles_after(hub, ordered, 1)
        told = issued_after(hub, before)
        # told once more where the next cycle began before the pod was seen with its order
        assert told
        assert all(issued == {"leave": 1} for _, issued in told)
        assert told[0][0] <= first["at"] - before, "not later than the first cycle after the order"
        print(f"deny: given in {ordered - before:.1f} s, startd told {before + told[0][0] - ordered:.2f} s after that")
        eventually("its startd is told to leave", lambda: LEAVE in notes(hub, plane), 20)
        bob = guest_pool.submit("bob", sleep_job(600, 1, 64))
        try:
            with waiting_jobs(guest_pool, (2, 1)):
                eventually("another of its jobs waits because of it", lambda: "denied" in words(hub), 40)
                eventually("bob is served", lambda: len(hub.jobs(plane, "denied")) == 2, 40)
                cycles_after(hub, time.time(), 1)
                assert len(created(hub, ordered)) == 1
                hub.run("allow", "*alice@*")
                eventually("what was denied is not any more", lambda: "denied" not in words(hub), 20)
        finally:
            guest_pool.run("condor_rm", str(bob), user="bob")


def notes(hub: Federation, plane: ControlPlane) -> set[str]:
    return {note for pod in hub.pods(plane, "denied") for note in pod["metadata"]["annotations"]}
