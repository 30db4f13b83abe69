"""Pools are real: jobs run, tokens carry only their rights, daemons stop, hang and come back."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.laboratory.places import LaboratoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.laboratory.pool import Pool

SLEEP = """\
executable = /bin/sleep
transfer_executable = false
arguments = {seconds}
should_transfer_files = YES
request_cpus = 1
request_memory = 64
request_disk = 1024
queue {count}
"""


def claims(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def test_a_job_of_a_plain_user_runs_and_finishes(fresh_pool: Callable[..., Pool]) -> None:
    pool = fresh_pool("whole", daemons=("COLLECTOR", "NEGOTIATOR", "SCHEDD", "STARTD"))

    cluster = pool.submit("bob", SLEEP.format(seconds=1, count=2))
    pool.wait("finished jobs", lambda: len(pool.history(f"ClusterId == {cluster}")) == 2, 60)

    assert {job["Owner"] for job in pool.history()} == {"bob"}
    assert {job["ExitCode"] for job in pool.history()} == {0}


def test_a_token_carries_the_rights_and_the_life_that_were_asked_for(target_pool: Pool) -> None:
    said = claims(target_pool.token("fedsched@pool-a", authz=["READ", "ADVERTISE_STARTD"], lifetime_s=60))

    assert (said["iss"], said["sub"]) == ("pool-a", "fedsched@pool-a")
    assert set(said["scope"].split()) == {"condor:/READ", "condor:/ADVERTISE_STARTD"}
    assert said["exp"] - said["iat"] == 60


def test_a_guest_is_known_to_the_target_and_waits_there(guest_pool: Pool, target_pool: Pool) -> None:
    name = guest_pool.wait("own schedd", lambda: guest_pool.ads("Scheduler"))[0]["Name"]

    target_pool.wait("the guest's schedd", lambda: name in {ad["Name"] for ad in target_pool.ads("Scheduler")}, 30)


def test_the_bindings_read_from_a_child_process_with_a_token(target_pool: Pool) -> None:
    token = target_pool.token("fedsched@pool-a", authz=["READ"])
    script = "import htcondor2; print(htcondor2.Collector().query(htcondor2.AdType.Negotiator)[0]['MyType'])"
    env = {**os.environ, **target_pool.client_environment(token)}

    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)

    assert done.stdout == "Negotiator\n"


def test_a_pool_that_lost_power_has_its_queue_again(fresh_pool: Callable[..., Pool]) -> None:
    pool = fresh_pool("power", daemons=("COLLECTOR", "SCHEDD"))
    cluster = pool.submit("alice", SLEEP.format(seconds=600, count=1))

    pool.kill()
    assert pool.pids("SCHEDD") == []
    pool.start()

    pool.wait("queue", lambda: queue(pool) == [cluster], 30)


def test_a_schedd_can_be_stopped_paused_and_killed_and_keeps_its_queue(fresh_pool: Callable[..., Pool]) -> None:
    pool = fresh_pool("frail", daemons=("COLLECTOR", "SCHEDD"))
    cluster = pool.submit("carol", SLEEP.format(seconds=600, count=3))

    pool.stop_daemon("SCHEDD")
    with pytest.raises(LaboratoryError):
        pool.jobs()
    pool.start_daemon("SCHEDD")
    pool.wait("queue after a stop", lambda: queue(pool) == [cluster] * 3, 30)

    pool.pause_daemon("SCHEDD")
    begin = time.monotonic()
    assert pool.try_run("condor_q", "-all", limit_s=2) is None
    assert time.monotonic() - begin > 1.5
    pool.resume_daemon("SCHEDD")
    pool.wait("queue after a pause", lambda: queue(pool) == [cluster] * 3, 30)

    pool.kill_daemon("SCHEDD")
    pool.wait("queue after a kill", lambda: queue(pool) == [cluster] * 3, 60)

    pool.restart_daemon("COLLECTOR")
    pool.wait("schedd's ad in the new collector", lambda: pool.ads("Scheduler"), 60)


def queue(pool: Pool) -> list[int]:
    """Clusters in the queue; empty while nobody answers."""
    try:
        return [int(job["ClusterId"]) for job in pool.jobs(projection=["ClusterId"])]
    except LaboratoryError:
        return []
