"""How a placed startd begins and ends: orders, deletion, idleness, expiry, tokens; real daemons, any uid."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.condor.conftest import Guest
    from tests.condor.worker_pod import WorkerPod
    from tests.laboratory.pool import Pool

    Start = Callable[..., WorkerPod]

STUBBORN = """\
executable = /bin/sh
transfer_executable = false
arguments = "-c 'trap : TERM; while :; do sleep 1; done'"
request_cpus = 1
request_memory = 64
request_disk = 1024
queue
"""

BEGINNING = """\
executable = /bin/sleep
transfer_executable = false
arguments = 300
should_transfer_files = YES
transfer_input_files = input
request_cpus = 1
request_memory = 64
request_disk = 400000
queue
"""


@pytest.mark.parametrize("uid", [64_000, 2103, 0])
def test_it_offers_what_it_was_given_and_no_more_under_any_uid(worker: Start, guest: Guest, uid: int) -> None:
    """64000 is in no passwd."""
    settings = {
        "FEDSCHED_CPUS": "3",
        "FEDSCHED_MEMORY_MIB": "768",
        "FEDSCHED_DISK_MIB": "2048",
        "FEDSCHED_OTHER": "Fpga=3,bad/name=1",
    }
    pod = worker(settings, uid=uid)
    slot = pod.wait_slot()
    assert (slot["Cpus"], slot["Memory"], slot["Fpga"], slot["PartitionableSlot"]) == (3, 768, 3, True)
    # what is free on the file system moves with the machine; the startd
    # caps it once, at its start; what holds a job to its disk is the pod's limit
    assert 1800 * 1024 < slot["Disk"] < 2300 * 1024
    assert (slot["FedschedMember"], slot["FedschedPod"], slot["FedschedNodeGroup"], slot["FedschedNode"]) == (
        "m1",
        pod.name,
        "cpu",
        "node-1",
    )
    guest.wait_done(guest.submit("alice"))
    pod.wait("life", lambda: pod.run("/bin/sh", "/etc/fedsched/alive")[0] == 0)


def test_told_to_leave_it_takes_no_new_job_and_its_running_job_finishes(worker: Start, guest: Guest) -> None:
    pod = worker()
    pod.wait_slot()
    running = guest.submit("alice", seconds=40, count=2)
    guest.wait_running(running, 2)
    waiting = guest.submit("alice")
    pod.order_leave()
    pod.wait("an ad that says so", lambda: pod.slots("PartitionableSlot && FedschedLeaving"), 30)
    assert [job["ExitCode"] for job in guest.wait_done(running, 2)] == [0, 0]
    assert pod.wait_end(60) == 0
    assert guest.in_state(waiting, 1) == 1
    pod.wait_gone()


def test_told_to_leave_it_evicts_at_its_limit(worker: Start, guest: Guest) -> None:
    pod = worker({"FEDSCHED_LEAVE_S": "8"})
    pod.wait_slot()
    guest.wait_running(job := guest.submit("alice", seconds=300))
    begin = time.monotonic()
    pod.order_leave()
    assert pod.wait_end(60) == 0
    assert time.monotonic() - begin > 5
    guest.pool.wait("the job idle again", lambda: guest.in_state(job, 1) == 1, 30)


@pytest.mark.parametrize("already_leaving", [False, True])
def test_deleted_the_job_is_idle_again_at_once(worker: Start, guest: Guest, already_leaving: bool) -> None:  # noqa: FBT001 - pytest's parameter
    pod = worker()
    pod.wait_slot()
    guest.wait_running(job := guest.submit("alice", seconds=300))
    if already_leaving:
        pod.order_leave()
        pod.wait("an ad that says so", lambda: pod.slots("PartitionableSlot && FedschedLeaving"), 30)
    pod.end()
    guest.pool.wait("the job idle again", lambda: guest.in_state(job, 1) == 1, 10)
    assert pod.wait_end(30) == 0
    pod.wait_gone()


@pytest.mark.parametrize("input_mib", [0, 100])
def test_deleted_while_a_job_begins_the_job_is_idle_again_and_not_lost_for_its_lease(
    worker: Start, guest: Guest, input_mib: int
) -> None:
    """A starter that is stopped before its job has begun tells nobody; here its input still arrives or just has."""
    pod = worker()
    pod.wait_slot()
    with (guest.pool.home("alice") / "input").open("wb") as file:
        file.truncate(input_mib * 2**20)
    job = guest.submit_text("alice", BEGINNING)
    pod.wait("starter", lambda: pod.processes("condor_starter"))
    pod.end()
    guest.pool.wait("the job idle again", lambda: guest.in_state(job, 1) == 1, 20)
    assert pod.wait_end(60) == 0


def test_deleted_a_job_that_ignores_sigterm_is_idle_again_within_ten_seconds(worker: Start, guest: Guest) -> None:
    pod = worker()
    pod.wait_slot()
    guest.wait_running(job := guest.submit_text("alice", STUBBORN))
    pod.end()
    guest.pool.wait("the job idle again", lambda: guest.in_state(job, 1) == 1, 10)
    assert pod.wait_end(60) == 0


def test_unclaimed_it_leaves_by_itself(worker: Start) -> None:
    pod = worker({"FEDSCHED_IDLE_S": "15"})
    pod.wait_slot()
    assert pod.wait_end() == 0
    pod.wait_gone()


def test_past_its_time_of_retirement_it_finishes_and_leaves(worker: Start, guest: Guest) -> None:
    retires = int(time.time()) + 50
    pod = worker({"FEDSCHED_RETIRE_AT": str(retires)})
    pod.wait_slot()
    guest.wait_running(job := guest.submit("alice", seconds=retires - int(time.time()) + 2))
    assert guest.wait_done(job)[0]["ExitCode"] == 0
    assert pod.wait_end(60) == 0


def test_a_daemonset_past_its_expiry_starts_no_startd_and_sleeps(worker: Start) -> None:
    pod = worker({"FEDSCHED_FORM": "startd-daemonset", "FEDSCHED_EXPIRES_AT": str(int(time.time()) - 1)})
    pod.wait("sleep", lambda: "sleeping" in pod.text())
    assert pod.run("/bin/sh", "/etc/fedsched/alive")[0] == 0
    assert not pod.processes("condor_master")
    assert pod.exit_code() is None
    pod.end()
    assert pod.wait_end(60) == 0


def test_a_daemonset_that_left_sleeps_so_that_it_is_not_started_again(worker: Start) -> None:
    pod = worker({"FEDSCHED_FORM": "startd-daemonset"})
    pod.wait_slot()
    pod.order_leave()
    pod.wait("sleep", lambda: "sleeping" in pod.text())
    assert pod.run("/bin/sh", "/etc/fedsched/alive")[0] == 0
    pod.wait_gone()
    assert not pod.processes("condor_startd")


def test_a_probe_that_says_never_ends_the_pod_with_three(worker: Start) -> None:
    assert worker(probe="exit 3\n").wait_end() == 3


def test_a_token_that_is_refused_ends_the_pod_with_five_and_no_token_with_64(worker: Start, target_pool: Pool) -> None:
    stranger = target_pool.token("nobody@elsewhere", ["READ"])
    pod = worker({"FEDSCHED_IDLE_S": "5"}, token=stranger)
    assert worker(token="").wait_end() == 64
    assert pod.wait_end() == 5
    assert stranger not in pod.text()


def test_no_way_to_the_collector_ends_the_pod_with_four(worker: Start, target_pool: Pool) -> None:
    closed = f"{target_pool.host}:9"
    pod = worker({"FEDSCHED_IDLE_S": "5", "FEDSCHED_COLLECTOR": closed, "FEDSCHED_CCB": ""})
    assert pod.wait_end(90) == 4
    assert closed in pod.text()


@pytest.mark.parametrize(
    "bad",
    [
        {"FEDSCHED_USER": 'x" || True || "'},
        {"FEDSCHED_CPUS": "two"},
        {"FEDSCHED_SHARE": "all"},
        {"FEDSCHED_MEMBER": ""},
    ],
)
def test_settings_that_are_not_what_they_should_be_end_the_pod_with_64(worker: Start, bad: dict[str, str]) -> None:
    pod = worker(bad)
    assert pod.wait_end() == 64
    assert next(iter(bad)) in pod.text()


def test_a_renewed_token_keeps_the_slot_although_the_collector_forgot_everybody(
    worker: Start, fresh_pool: Callable[..., Pool]
) -> None:
    """The first token has expired when the collector is restarted: only a copied new one brings the slot back."""
    pool = fresh_pool("t", daemons=("COLLECTOR",), rights_for="fedsched@pool-t")
    first = pool.token("glidein@pool-t", ["ADVERTISE_STARTD", "ADVERTISE_MASTER", "READ"], lifetime_s=30)
    expires = time.time() + 30
    pod = worker(token=first, pool=pool)
    pod.wait_slot()
    pod.give_token(pool.token("glidein@pool-t", ["ADVERTISE_STARTD", "ADVERTISE_MASTER", "READ"]))
    pod.wait("the renewed token", lambda: "token was renewed" in pod.text())
    pod.wait("the first token's end", lambda: time.time() > expires + 1)
    pool.restart_daemon("COLLECTOR")
    pod.wait("the slot again", pod.slot, 60)
    assert first not in pod.text()


def test_the_collector_may_be_a_name_and_a_job_runs_through_it(worker: Start, guest: Guest, target_pool: Pool) -> None:
    named = {"FEDSCHED_COLLECTOR": "cm.test:9618", "FEDSCHED_CCB": "cm.test:9618"}
    pod = worker(named, hosts=f"127.0.0.1 localhost\n{target_pool.host} cm.test\n")
    pod.wait_slot()
    assert guest.wait_done(guest.submit("alice"))[0]["ExitCode"] == 0
