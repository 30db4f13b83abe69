"""The walking federation: a flocked job runs in a pod that fedsched placed, and nothing is left behind (D3, L1, X4).

The jobs are of two users who are charged as one, and whom a rule renames: their startds admit them all the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.federation.harness import PRINCIPALS, Federation, eventually, sleep_job, slots
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool
from tests.laboratory.realnode import RealNode

RENAMED = PRINCIPALS + 'user_domain = "lab.example"\n'
ACCOUNT = "accounting_group = group_atlas\naccounting_group_user = production"


class Chain:
    """When each link of the chain was first seen, in seconds since the submission."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.seen: dict[str, float] = {}

    def note(self, link: str, there: Any) -> Any:
        if there and link not in self.seen:
            self.seen[link] = time.monotonic() - self.begin
        return there

    def __str__(self) -> str:
        return " → ".join(f"{link} {at:.1f} s" for link, at in self.seen.items())


LINKS = ("job", "demand class", "share", "member", "namespace quota", "node", "pod", "startd", "claim")


class Told:
    """What `fedsched explain` said of one job over its life: each answer that differed from the one before."""

    def __init__(self, hub: Federation, job: str) -> None:
        self.hub, self.job = hub, job
        self.said: list[tuple[str, str, str]] = []

    def ask(self) -> None:
        """Once more. The chain has all nine links, and says where the job is: all passed, or the one that it is at."""
        done = self.hub.run("explain", self.job, "--no-estimate", "--no-counterfactuals", "-o", "json", check=False)
        if done.returncode:
            return
        found = json.loads(done.stdout)
        chain = found["explanation"]["chain"]
        assert tuple(link["name"] for link in chain) == LINKS
        by_verdict = {link["verdict"]: link for link in reversed(chain)}
        at = by_verdict.get("holds") or by_verdict.get("waits")
        rest = chain[LINKS.index(at["name"]) + 1 :] if at else []
        assert {link["verdict"] for link in rest} <= {"not reached", "waits"}, chain
        answer = (found["state"], at["name"] if at else "", found["explanation"]["sentence"])
        if [one[:2] for one in self.said[-1:]] != [answer[:2]]:
            self.said.append(answer)

    def states(self) -> list[str]:
        """What the job was said to be, in order, each once in a row."""
        states = [state for state, _, _ in self.said]
        return [state for number, state in enumerate(states) if states[number - 1 : number] != [state]]


@pytest.mark.timeout(600)
def test_twenty_flocked_jobs_of_two_shapes_run_in_restricted_pods_and_nothing_is_left(
    federation: Callable[..., Federation],
    control_plane: ControlPlane,
    real_node: RealNode,
    target_pool: Pool,
    guest_pool: Pool,
) -> None:
    hub = federation(principals=RENAMED)
    hub.join(control_plane, "m1")
    level = control_plane.api.get("/api/v1/namespaces/fedsched")["metadata"]["labels"]
    assert level["pod-security.kubernetes.io/enforce"] == "restricted"
    hub.start()
    chain = Chain()
    cluster = guest_pool.submit("alice", sleep_job(2, 1, 64, ACCOUNT, count=12))
    second = guest_pool.submit("bob", sleep_job(2, 1, 300, ACCOUNT, count=8))
    followed = Told(hub, f"{cluster}.0"), Told(hub, f"{second}.7")
    chain.note("submitted", there=True)

    charged: set[str] = set()

    def watch() -> bool:
        """A later link is looked at before those that led to it: where it is there, they are."""
        charged.update(line["path"] for line in hub.json("share")["shares"])
        for told in followed:
            told.ask()
        done = guest_pool.history(f"ClusterId == {cluster} || ClusterId == {second}")
        ads = slots(target_pool)
        pods = hub.pods(control_plane)
        written = hub.jobs(control_plane)
        queue = hub.json("q")["classes"]
        chain.note("queue seen", queue)
        chain.note("decided", [row for row in queue if row["report"]["placed"] + row["report"]["served"]])
        chain.note("object written", written)
        chain.note("pod running", [p for p in pods if p["status"].get("phase") == "Running"])
        chain.note("slot in collector", ads)
        chain.note("claimed", [ad for ad in ads if ad.get("State") == "Claimed"])
        return bool(chain.note("done", len(done) == 20))

    eventually("all 20 jobs are done", watch, 240)
    finished = guest_pool.history(f"ClusterId == {cluster} || ClusterId == {second}")
    assert {job["ExitCode"] for job in finished} == {0}
    assert {job["User"] for job in finished} == {"alice@pool-b", "bob@pool-b"}
    assert {path for path in charged if "@" in path} == {"group_atlas/production@lab.example"}
    assert all("fs-" in str(job.get("LastRemoteHost", "")) for job in finished)

    def gone() -> bool:
        left = [o for o in hub.objects(control_plane) if "fedsched.io/placement" in o["metadata"]["labels"]]
        return bool(chain.note("gone", not left))

    eventually("nothing of ours but the standing objects is left", gone, 20 + 60)
    eventually("no ad of ours is left", lambda: not slots(target_pool), 20)
    print(f"chain: {chain}")
    assert list(chain.seen) == [
        "submitted",
        "queue seen",
        "decided",
        "object written",
        "pod running",
        "slot in collector",
        "claimed",
        "done",
        "gone",
    ]
    for told in followed:
        told.ask()
        for state, link, sentence in told.said:
            print(f"{told.job} explained: {state}, at {link or 'the end'}: {sentence}")
        assert told.states() in (["idle", "running", "finished"], ["idle", "finished"])
    assert len({link for told in followed for _, link, _ in told.said}) >= 3, "where it was, and where it was then"
    assert hub.stop() == 0
    assert real_node.name
