"""Cordon, drain and parting from a dead member, as people order them and the members feel them (R8, R9)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.federation.harness import Federation, eventually
from tests.federation.kept import (
    BRISK,
    PATIENT,
    cycles_after,
    events,
    give_node_groups,
    identities,
    issued_after,
    joined,
    settled,
    waiting_jobs,
)
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

LEAVE = "fedsched.io/leave"
DEADLINE_S = 15


@pytest.fixture(scope="module")
def planes(lab: Laboratory) -> Iterator[dict[str, ControlPlane]]:
    with lab.part() as part:
        made = part.control_planes("d1", "d2")
        give_node_groups(made.values())
        yield made


@pytest.fixture
def hub(federation: Callable[..., Federation]) -> Federation:
    return federation(policy=PATIENT, cadence=BRISK)


def on(identified: dict[str, str], member: str) -> set[str]:
    """Uids of what stands on one member."""
    return {uid for name, uid in identified.items() if name.startswith(f"{member}/")}


@pytest.mark.timeout(600)
def test_a_cordoned_member_keeps_what_it_has_and_a_drained_one_is_listed_told_and_emptied_at_the_deadline(
    hub: Federation, planes: dict[str, ControlPlane], guest_pool: Pool
) -> None:
    namespace = joined(hub, planes, "drained")
    hub.start()
    with waiting_jobs(guest_pool, (1, 2)):
        before = settled(hub, planes, 2, namespace)
        assert len(on(before, "d1")) == 2, "the first by name takes both"
        hub.run("cordon", "d1", "--reason", "storage moves")
        with waiting_jobs(guest_pool, (2, 1)):
            eventually("more is placed, elsewhere", lambda: len(identities(hub, planes, namespace)) == 3, 60)
            there = identities(hub, planes, namespace)
            assert on(there, "d1") == on(before, "d1"), "what runs there goes on, nothing comes"
            ordered = time.time()
            told = hub.json("drain", "d1", "--reason", "maintenance", "--deadline", f"{DEADLINE_S}s")
            answered = time.time()
            print(f"drain lists: {[(row['startd'], row['what']) for row in told['startds']]}")
            assert {row["startd"] for row in told["startds"]} == {n.split("/")[1] for n in before}
            limits = [row["latest_at"] - DEADLINE_S for row in told["startds"]]
            assert all(ordered - 1 <= limit <= answered + 1 for limit in limits), (ordered, limits, answered)
            pods = eventually("its pods are told to leave", lambda: _all_told(hub, planes["d1"], namespace), DEADLINE_S)
            assert not [pod for pod in pods if pod["metadata"].get("deletionTimestamp")], "told first, not deleted"
            eventually("it is empty", lambda: not hub.jobs(planes["d1"], namespace), 60)
            emptied = time.time() - ordered
            print(f"drained: {emptied:.1f} s after the order, limit {DEADLINE_S} s; {issued_after(hub, ordered)}")
            assert emptied >= DEADLINE_S
            assert on(there, "d2") <= set(identities(hub, planes, namespace).values())
            eventually(
                "one of its two has a place in the room that is left", lambda: len(_on_d2(hub, planes, namespace)) == 2
            )
            why = hub.run("clusters", "d1", check=False).stdout
            assert "maintenance" in why
            hub.run("uncordon", "d1")
            eventually("it is used again", lambda: hub.jobs(planes["d1"], namespace), 60)
    assert hub.stop() == 0


def _all_told(hub: Federation, plane: ControlPlane, namespace: str) -> list[dict[str, object]]:
    pods = hub.pods(plane, namespace)
    return pods if pods and all(LEAVE in pod["metadata"].get("annotations", {}) for pod in pods) else []


def _on_d2(hub: Federation, planes: dict[str, ControlPlane], namespace: str) -> set[str]:
    return on(identities(hub, planes, namespace), "d2")


@pytest.mark.timeout(600)
def test_a_member_that_hangs_is_forgotten_in_seconds_without_being_asked_and_what_may_remain_is_printed(
    hub: Federation, planes: dict[str, ControlPlane], guest_pool: Pool
) -> None:
    namespace = joined(hub, planes, "forgotten")
    hub.start()
    with waiting_jobs(guest_pool, (1, 2)):
        before = settled(hub, planes, 2, namespace)
        pods = [(pod["metadata"]["uid"], pod["metadata"]["annotations"]) for pod in hub.pods(planes["d1"], namespace)]
        began = time.monotonic()
        hub.run("clusters")
        usual = time.monotonic() - began
        planes["d1"].pause()
        try:
            began = time.monotonic()
            said = hub.run("unjoin", "d1", "--forget")
            took = time.monotonic() - began
            cycles_after(hub, time.time(), 4)
        finally:
            planes["d1"].resume()
        print(f"unjoin --forget of a member that hangs: {took:.1f} s\n{said.stdout}")
        assert took < max(10, 3 * usual), "seconds, or what a command takes on a busy machine"
        assert not hub.member_file("d1").exists()
        assert not list((hub.folder / "credentials").glob("d1*"))
        assert "nothing was asked of the cluster" in said.stdout
        assert namespace in said.stdout, "what the site's admin removes is printed"
        forgotten = time.time()
        hub.send(signal.SIGHUP)
        eventually("the daemon read its files again", lambda: events(hub, "reloaded")[-1:], 20)
        eventually("the demand has its place at the other", lambda: len(_on_d2(hub, planes, namespace)) == 2, 60)
        cycles_after(hub, time.time(), 6)
        there = identities(hub, planes, namespace)
        print(f"after forgetting: {issued_after(hub, forgotten)}")
        left = [(pod["metadata"]["uid"], pod["metadata"]["annotations"]) for pod in hub.pods(planes["d1"], namespace)]
    assert on(there, "d1") == on(before, "d1")
    assert left == pods, "nothing at the forgotten member was touched, not even told to leave"
    assert [row["name"] for row in hub.json("clusters")["members"]] == ["d2"]
    assert hub.stop() == 0
