"""Whom a placed startd serves: the worker's START before a real negotiator and a real flocking schedd."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.condor.conftest import Guest
    from tests.condor.worker_pod import WorkerPod
    from tests.laboratory.pool import Pool

    Start = Callable[..., WorkerPod]

PROBE = """\
echo 'HasCvmfs = true'
echo 'Squid = "http://squid:3128"'
echo 'Cpus = 99'
echo 'FedschedMember = "x"'
[ ! -e /tmp/bad ]
"""
SETTLED_CYCLES = 2
"""A job that was passed over in so many negotiation cycles in which its startd was free is refused, not late."""


def passed_over(pool: Pool, guest: Guest, cluster: int) -> bool:
    """Waits for whole negotiation cycles and says whether the job still never ran."""

    def cycles() -> float:
        ads = pool.ads("Negotiator")
        return float(ads[0].get("LastNegotiationCycleEnd0", 0)) if ads else 0.0

    def passed(before: float) -> bool:
        return cycles() > before

    for _ in range(SETTLED_CYCLES + 1):
        pool.wait("negotiation cycle", partial(passed, cycles()), 30)
    return guest.in_state(cluster, 1) == 1


def test_the_principal_that_it_was_placed_for_runs_and_another_never_does(
    worker: Start, guest: Guest, target_pool: Pool
) -> None:
    worker({"FEDSCHED_USER": "alice@pool-b"}).wait_slot()
    wrong, right = guest.submit("bob"), guest.submit("alice")
    assert guest.wait_done(right)[0]["ExitCode"] == 0
    assert passed_over(target_pool, guest, wrong)


def test_after_first_refusal_the_same_group_is_admitted_if_the_member_allows(
    worker: Start, guest: Guest, target_pool: Pool
) -> None:
    settings = {"FEDSCHED_GROUP": "physics", "FEDSCHED_SHARE": "group", "FEDSCHED_FIRST_REFUSAL_S": "15"}
    begin = int(time.time())
    slot = worker(settings).wait_slot()
    other = guest.submit("carol", more="accounting_group = biology\naccounting_group_user = carol")
    same = guest.submit("bob", more="accounting_group = physics\naccounting_group_user = bob")
    assert guest.wait_done(same)[0]["JobStartDate"] >= slot["FedschedFirstUntil"] >= begin + 15
    assert passed_over(target_pool, guest, other)


def test_a_principal_of_a_group_is_recognised_by_user_and_group_together(
    worker: Start, guest: Guest, target_pool: Pool
) -> None:
    worker({"FEDSCHED_GROUP": "physics"}).wait_slot()
    wrong = guest.submit("alice", more="accounting_group = biology\naccounting_group_user = alice")
    right = guest.submit("alice", more="accounting_group = physics\naccounting_group_user = alice")
    guest.wait_done(right)
    assert passed_over(target_pool, guest, wrong)


def test_a_group_that_fedsched_made_up_for_a_guest_is_not_asked_of_the_job(worker: Start, guest: Guest) -> None:
    worker({"FEDSCHED_GROUP": "guest.schedd-b"}).wait_slot()
    guest.wait_done(guest.submit("alice"))


def test_a_group_that_the_schedd_s_rule_gives_its_jobs_is_not_asked_of_them(worker: Start, guest: Guest) -> None:
    worker({"FEDSCHED_GROUP": "physics", "FEDSCHED_BY_GROUP": "False"}).wait_slot()
    guest.wait_done(guest.submit("alice"))


def test_two_principals_are_never_on_one_startd_at_a_time(worker: Start, guest: Guest) -> None:
    worker({"FEDSCHED_SHARE": "any"}).wait_slot()
    guest.wait_running(first := guest.submit("alice", seconds=12))
    second = guest.submit("bob", seconds=1)
    ended = guest.wait_done(first)[0]["CompletionDate"]
    assert guest.wait_done(second)[0]["JobStartDate"] >= ended


def test_a_job_too_small_for_a_multi_core_startd_waits_until_first_refusal_is_over(
    worker: Start, guest: Guest, target_pool: Pool
) -> None:
    worker({"FEDSCHED_CPUS": "4", "FEDSCHED_MIN_CPUS": "2", "FEDSCHED_FIRST_REFUSAL_S": "600"}).wait_slot()
    small, large = guest.submit("alice", cpus=1), guest.submit("alice", cpus=2)
    guest.wait_done(large)
    assert passed_over(target_pool, guest, small)


def test_a_job_that_would_outlive_the_pod_is_refused_whichever_attribute_tells(
    worker: Start, guest: Guest, target_pool: Pool
) -> None:
    worker({"FEDSCHED_END_AT": str(int(time.time()) + 600)}).wait_slot()
    long = [
        guest.submit("alice", more=more)
        for more in ("+MaxWallTimeMins = 60", "allowed_job_duration = 3600", "allowed_execute_duration = 3600")
    ]
    short = guest.submit("alice", more="+MaxWallTimeMins = 2")
    unknown = guest.submit("alice")
    guest.wait_done(short)
    guest.wait_done(unknown)
    assert all(passed_over(target_pool, guest, cluster) for cluster in long)


def test_gpus_are_kept_for_jobs_that_ask_for_them(worker: Start, guest: Guest, target_pool: Pool) -> None:
    pod = worker({"FEDSCHED_GPUS": "2", "_CONDOR_GPU_DISCOVERY_EXTRA": "-simulate:4,2"})
    assert pod.wait_slot()["GPUs"] == 2
    plain, gpu = guest.submit("alice"), guest.submit("alice", more="request_gpus = 1")
    guest.wait_done(gpu)
    assert passed_over(target_pool, guest, plain)


def test_a_failing_probe_turns_the_startd_off_and_its_lines_become_attributes(
    worker: Start, guest: Guest, target_pool: Pool
) -> None:
    pod = worker({"FEDSCHED_PROBE_S": "2"}, probe=PROBE)
    slot = pod.wait("probed slot", lambda: (found := pod.slot()) and found.get("FedschedProbe") is True and found)
    assert (slot["HasCvmfs"], slot["Squid"]) == (True, "http://squid:3128")
    assert (slot["Cpus"], slot["FedschedMember"]) == (2, "m1")
    (pod.folder / "tmp/bad").touch()
    pod.wait("the probe's no", lambda: pod.slots("FedschedProbe == false"))
    refused = guest.submit("alice")
    assert passed_over(target_pool, guest, refused)
    (pod.folder / "tmp/bad").unlink()
    guest.wait_done(refused)


def test_a_claim_tells_the_priority_of_its_job(worker: Start, guest: Guest) -> None:
    """PR6: fedsched lets better jobs of a principal go before its lesser ones only if it can see which is which."""
    pod = worker()
    pod.wait_slot()
    guest.wait_running(guest.submit("alice", seconds=60, more="priority = 7"))
    dynamic = 'SlotType == "Dynamic" && JobPrio =!= undefined'
    (slot,) = pod.wait("the claim's priority", lambda: pod.slots(dynamic), 60)
    assert slot["JobPrio"] == 7
