"""`plan` on real parts: it shows the startds that serve then makes, and nothing is written for it anywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.federation.harness import Federation, eventually
from tests.federation.kept import BRISK, PATIENT, give_node_groups, joined, settled, waiting_jobs
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

OURS = (
    *("/api/v1/{}/configmaps", "/api/v1/{}/secrets", "/api/v1/{}/pods", "/api/v1/{}/serviceaccounts"),
    *("/apis/batch/v1/{}/jobs", "/apis/apps/v1/{}/daemonsets", "/apis/coordination.k8s.io/v1/{}/leases"),
    *("/apis/rbac.authorization.k8s.io/v1/{}/roles", "/apis/rbac.authorization.k8s.io/v1/{}/rolebindings"),
)
"""Every kind that our account could write in its namespace."""
TOKENS = re.compile(
    r'^apiserver_request_total\{[^}]*resource="serviceaccounts"[^}]*subresource="token"[^}]*\} ([0-9.e+]+)$',
    re.MULTILINE,
)
CHANGES = 6


@pytest.fixture(scope="module")
def planes(lab: Laboratory) -> Iterator[dict[str, ControlPlane]]:
    """Two members of this test alone: whatever is written there, we wrote."""
    with lab.part() as part:
        made = part.control_planes("p1", "p2")
        give_node_groups(made.values())
        yield made


def written(planes: dict[str, ControlPlane], namespace: str) -> dict[str, str]:
    """Version of every object that could be ours, and how many tokens were ever issued, by member."""
    found = {}
    for name, plane in planes.items():
        for kind in OURS:
            for one in plane.api.items(kind.format(f"namespaces/{namespace}")):
                meta = one["metadata"]
                found[f"{name} {kind} {meta['name']}"] = f"{meta['uid']} {meta['resourceVersion']}"
        text = plane.api.get("/metrics")["message"]
        found[f"{name} tokens"] = str(sum(float(count) for count in TOKENS.findall(text)))
    return found


def planned(hub: Federation) -> Any:
    """What plan shows, once it shows something."""
    found = hub.json("plan")
    return found if found["created"] else None


def noted(hub: Federation, planes: dict[str, ControlPlane], namespace: str) -> bool:
    """Whether each Job's own controller has written that its pod is ready, which is the last that it writes."""
    return all(job["status"].get("ready") == 1 for plane in planes.values() for job in hub.jobs(plane, namespace))


@pytest.mark.timeout(400)
def test_a_plan_shows_what_serve_then_makes_and_writes_nothing_itself(
    federation: Callable[..., Federation], planes: dict[str, ControlPlane], guest_pool: Pool
) -> None:
    hub = federation(policy=PATIENT, cadence=BRISK)
    namespace = joined(hub, planes, "planned")
    with waiting_jobs(guest_pool, (2, 3)):
        before = written(planes, namespace)
        assert float(before["p1 tokens"]) >= 1, "join had one issued"
        shown = eventually("plan sees the jobs", lambda: planned(hub), 90)
        assert hub.run("plan", "--detailed-exitcode", check=False).returncode == CHANGES
        assert written(planes, namespace) == before
        assert not list(hub.folder.glob("fedsched.db*"))
        wanted = Counter({name: counts["create"] for name, counts in shown["counts"].items()})
        assert sum(wanted.values()) > 0
        assert all(one["size"]["cpu_milli"] == 2000 for one in shown["created"])
        hub.run("serve", "--once", check=False, timeout_s=120)
        made = Counter({name: len(hub.jobs(plane, namespace)) for name, plane in planes.items()})
        assert +made == +wanted
        hub.start()
        settled(hub, planes, sum(wanted.values()), namespace)
        eventually("the members themselves have noted it all", lambda: noted(hub, planes, namespace), 60)
        beside = written(planes, namespace)
        quiet = hub.run("plan", "--detailed-exitcode", check=False)
        assert quiet.returncode == 0, quiet.stdout + quiet.stderr
        assert "Nothing would change." in quiet.stdout
        assert written(planes, namespace) == beside
