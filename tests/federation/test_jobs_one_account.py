"""Startds and Jobs of one person are one account, and one queue: who is further behind goes first (N1 S1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.federation.harness import POLICY, Federation, claimed, eventually, sleep_job
from tests.federation.hub import HubCluster, JobFederation, copies, users_job
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

FLOCKED = """
[[principal]]
schedd = "schedd-b@*"
groups = ["group_atlas"]
user_domain = "lab.example"
"""
IN_HUB = """
[[queue.principal]]
namespace = "atlas"
user_label = "who"
user_domain = "lab.example"
default = "group_atlas"
"""
"""Both say that alice is alice@lab.example of group_atlas; the schedd's jobs have the User alice@pool-b."""
ONE_GROUP = """
[group."group_atlas"]
weight = 1
accept_surplus = true

[sharing]
half_life_s = 30
"""
ACCOUNT = "accounting_group = group_atlas"
CORES = 2


@pytest.fixture(scope="module")
def planes(lab: Laboratory) -> Iterator[dict[str, ControlPlane]]:
    """A hub, and one member of two cores whose pods are processes."""
    with lab.part() as part:
        made = part.control_planes("s1")
        made["s1"].add_fake_nodes("n", 1, cpu=CORES, memory="32Gi")
        part.pod_runner(made["s1"])
        yield made | {"shub": part.control_plane("shub", kwok=False)}


@pytest.fixture
def both(tmp_path: Any, target_pool: Pool) -> Iterator[JobFederation]:
    """A federation with a pool and a queue."""
    fed = JobFederation(tmp_path, target_pool, policy=POLICY + ONE_GROUP, principals=FLOCKED)
    yield fed
    fed.stop()
    print(fed.log()[-6000:])


def account(fed: Federation, user: str) -> dict[str, Any]:
    """The one line of a person; all numbers 0 where there is none."""
    found = [line for line in fed.json("share")["shares"] if line["path"].endswith(f"{user}@lab.example")]
    assert len(found) <= 1, f"{user} has several accounts: {found}"
    return dict(found[0]) if found else {"path": "", "counted": 0.0, "charged": 0.0, "core_s": 0.0}


def while_cordoned(fed: Federation, submit: Callable[[], Any], seen: Callable[[], Any]) -> None:
    """What is submitted is all seen before any of it is placed, so that one decision has them before it."""
    fed.run("cordon", "s1", "--reason", "both at once")
    submit()
    eventually("the hub knows of all", seen, 60)
    fed.run("uncordon", "s1")


def waiting(fed: Federation) -> dict[str, int]:
    """Idle jobs and Jobs by user, as `q` counts them."""
    found: dict[str, int] = {}
    for row in fed.json("q")["classes"]:
        user = row["demand"]["principal"]["user"].partition("@")[0]
        found[user] = found.get(user, 0) + row["demand"]["idle"]
    return found


@pytest.mark.timeout(900)
def test_a_person_has_one_account_and_who_has_less_of_both_kinds_gets_the_last_core(
    both: JobFederation, planes: dict[str, ControlPlane], target_pool: Pool, guest_pool: Pool
) -> None:
    fed, hub, s1 = both, HubCluster(planes["shub"]), {"s1": planes["s1"]}
    fed.add_queue(hub, IN_HUB)
    fed.join(planes["s1"], "s1", "--form", "startd-job", "--form", "job")
    fed.start()
    first = guest_pool.submit("alice", sleep_job(900, more=ACCOUNT))
    bobs = 0
    try:
        eventually("alice's flocked job runs", lambda: claimed(target_pool), 120)

        def compete() -> None:
            nonlocal bobs
            hub.create(users_job("hers", "sleep 900", cpu="1", labels={"who": "alice"}))
            bobs = guest_pool.submit("bob", sleep_job(900, more=ACCOUNT))

        while_cordoned(fed, compete, lambda: waiting(fed).get("alice") and waiting(fed).get("bob"))
        eventually("bob's startd has the last core", lambda: len(claimed(target_pool)) == CORES, 90)
        uid = hub.job("hers")["metadata"]["uid"]
        assert not copies(s1, uid), "alice's Job came second: she holds a core, bob none"
        why = fed.run("explain", "atlas/hers").stdout
        print(f"a startd won; the Job is told:\n{why}")
        assert "atlas/hers" in why

        guest_pool.run("condor_rm", str(bobs), user="bob")
        eventually("her Job runs when bob is gone", lambda: hub.status("hers").get("active") == 1, 120)
        eventually("both are in one account", lambda: account(fed, "alice")["charged"] > CORES - 0.1, 60)
        began, before = time.monotonic(), account(fed, "alice")
        eventually("time passes", lambda: time.monotonic() - began > 6, 30)
        now = account(fed, "alice")
        rate = (now["core_s"] - before["core_s"]) / (now["ledger_at"] - before["ledger_at"])
        print(
            f"alice: {now['path']}, counted {now['counted']}, charged {now['charged']}, {rate:.2f} core-seconds per s"
        )
        assert now["path"].startswith("group_atlas")
        assert rate == pytest.approx(CORES, rel=0.1), "both age in the one account"

        guest_pool.run("condor_rm", str(first), user="alice")
        eventually("her startd is gone", lambda: account(fed, "alice")["counted"] < CORES - 0.9, 120)

        def compete_again() -> None:
            nonlocal first
            first = guest_pool.submit("alice", sleep_job(900, more=ACCOUNT))
            hub.create(users_job("his", "sleep 900", cpu="1", labels={"who": "bob"}))

        while_cordoned(fed, compete_again, lambda: waiting(fed).get("alice") and waiting(fed).get("bob"))
        eventually("bob's Job has the last core", lambda: hub.status("his").get("active") == 1, 90)
        assert not claimed(target_pool), "alice's flocked job came second"
        job = f"{first}.0"
        why = fed.run("explain", job).stdout
        print(f"a Job won; the flocked job is told:\n{why}")
        assert job in why
    finally:
        guest_pool.run("condor_rm", str(first), user="alice")
        for name in ("hers", "his"):
            planes["shub"].api.delete(hub.path(name))
    eventually("nothing is left", lambda: not fed.jobs(planes["s1"]), 90)
