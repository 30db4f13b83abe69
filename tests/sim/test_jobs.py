"""Jobs of a simulated schedd: where they come from, who goes first, what becomes of them."""

from __future__ import annotations

import msgspec
import pytest

from fedsched.matchmaker.model import DeletePod, Principal
from fedsched.sim.scenario import Batch, SimNodeGroup
from tests.sim.builders import ANN, JOB, NODE, jobs, member, place, trace_job, world

BEN = Principal("hep", "ben@site")


def test_jobs_of_a_trace_run_as_long_as_it_says_and_those_alike_are_one_class() -> None:
    made = world(batches=(), jobs=tuple(trace_job(number, at=float(number), runs_s=33.5) for number in range(50)))
    made.sleep(60)
    (seen,) = made.observe(made.now()).schedds[0].classes
    assert (seen.idle, seen.oldest_at, seen.examples[0]) == (50, made.scenario.begins, "0.0")
    place(made, 1)
    made.sleep(1000)
    first = jobs(made)["0.0"]
    assert first.done_at is not None
    assert first.first_claimed_at is not None
    assert first.done_at - first.first_claimed_at == pytest.approx(33.5)


def test_batches_and_single_jobs_of_one_kind_wait_in_one_line() -> None:
    both = (Batch(10.0, "ce1", ANN, 1, JOB, 30.0),)
    made = world(batches=both, jobs=(trace_job(7, at=5.0), trace_job(8, at=15.0)))
    made.sleep(20)
    assert made.observe(made.now()).schedds[0].classes[0].examples == ("7.0", "1.0", "8.0")


def test_of_one_persons_jobs_the_higher_priority_runs_first() -> None:
    made = world(batches=(), jobs=(trace_job(1), trace_job(2, at=1.0, priority=5)))
    place(made, 1)
    made.sleep(70)
    assert jobs(made)["2.0"].starts == 1
    assert jobs(made)["1.0"].starts == 0


def test_what_waits_longest_goes_first_whoever_it_is() -> None:
    late = msgspec.structs.replace(trace_job(2, at=1.0, priority=9), principal=BEN)
    made = world(batches=(), jobs=(trace_job(1), late))
    place(made, 1, share="any", first_refusal_s=0)
    made.sleep(70)
    assert [job.id for job in jobs(made).values() if job.starts] == ["1.0"]


def test_a_claim_is_used_again_at_once_by_the_same_class() -> None:
    made = world(batches=(), jobs=tuple(trace_job(number, runs_s=31.0) for number in range(3)))
    place(made, 1)
    made.sleep(300)
    ran = sorted((job.first_claimed_at or 0.0, job.done_at or 0.0) for job in jobs(made).values())
    assert [begin for begin, _ in ran[1:]] == [end for _, end in ran[:-1]]


def test_a_job_nobody_serves_is_given_up_at_its_owners_patience() -> None:
    made = world(batches=(), jobs=(trace_job(1, patience_s=100.0), trace_job(2, at=50.0, patience_s=100.0)))
    made.sleep(120)
    assert jobs(made)["1.0"].removed_at == made.scenario.begins + 100
    assert jobs(made)["2.0"].removed_at is None
    made.sleep(60)
    assert made.quiet


def test_an_evicted_job_is_first_in_line_again_and_its_seconds_are_lost() -> None:
    made = world(batches=(), jobs=(trace_job(1, runs_s=500.0), trace_job(2, runs_s=500.0)))
    place(made, 1)
    made.sleep(100)
    pod = made.observe(made.now()).objects[0].pods[0]
    made.act(DeletePod("m1", "p-1", pod.name, pod.uid, grace_s=30))
    made.sleep(5)
    job = jobs(made)["1.0"]
    assert job.first_claimed_at is not None
    assert job.lost_s == made.now() - job.first_claimed_at
    assert job.queue.idle[0] is job
    place(made, 2)
    made.sleep(1200)
    assert [one.starts for one in jobs(made).values()] == [2, 1]
    assert all(one.done_at for one in jobs(made).values())


def test_startds_without_enough_gpus_are_no_place_for_a_job() -> None:
    gpus = msgspec.structs.replace(NODE, gpus=2)
    site = type(member())(member().terms, (SimNodeGroup("std", 1, gpus, gpu_resource="nvidia.com/gpu"),))
    wanted = msgspec.structs.replace(trace_job(1), request=msgspec.structs.replace(JOB, gpus=2))
    made = world(site, batches=(), jobs=(wanted,))
    place(made, 1, size=msgspec.structs.replace(JOB, pods=0, gpus=1))
    made.sleep(100)
    assert not jobs(made)["1.0"].starts
    made.sleep(600)
    place(made, 2, size=msgspec.structs.replace(JOB, pods=0, gpus=2))
    made.sleep(100)
    assert jobs(made)["1.0"].starts == 1


def test_a_job_too_long_for_what_is_left_of_a_startd_does_not_begin_there() -> None:
    made = world(batches=(), jobs=(trace_job(1, length_s=3590),))
    place(made, 1)
    made.sleep(100)
    assert not jobs(made)["1.0"].starts


def test_an_unclaimed_startd_goes_after_twice_its_idle_time() -> None:
    made = world(batches=(), jobs=(trace_job(1, at=1e5),))
    place(made, 1)
    made.sleep(40)
    since = made.observe(made.now()).pools[0].slots[0].unclaimed_since
    assert since is not None
    made.sleep(since + 119 - made.now())
    assert made.observe(made.now()).pools[0].slots
    made.sleep(1)
    assert not made.observe(made.now()).pools[0].slots
    assert made.observe(made.now()).objects[0].finished == "complete"
