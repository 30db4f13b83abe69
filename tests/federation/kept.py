"""Federations whose startd pods simulated nodes hold: no startd runs, no slot appears; for tests of the hub itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.federation.harness import POLICY, Federation, sleep_job
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

PATIENT = (
    POLICY.replace("join_s = 40", "join_s = 36000")
    .replace("first = 4", "first = 12")
    .replace("idle_s = 20", "idle_s = 36000")
)
"""No slot ever appears for a pod that a simulated node holds, and none is missed."""


def join_and_keep(hub: Federation, plane: ControlPlane, name: str, *arguments: str, mode: str = "on") -> str:
    """Join; pods of ours on its simulated nodes run until they are deleted."""
    hub.join(plane, name, *arguments, mode=mode)
    hub.add_to_member(name, "overrides.annotations", '"sim/seconds" = "36000s"')
    return name


@contextmanager
def waiting_jobs(guest: Pool, *shapes: tuple[int, int]) -> Iterator[list[int]]:
    """Jobs that nobody serves: (cores, how many) each; removed afterwards. Their cluster ids."""
    clusters = [guest.submit("alice", sleep_job(600, cpus, 64, count=count)) for cpus, count in shapes]
    try:
        yield clusters
    finally:
        guest.run("condor_rm", *[str(cluster) for cluster in clusters], user="alice")


def identities(hub: Federation, planes: dict[str, ControlPlane], namespace: str) -> dict[str, str]:
    """Every Job and DaemonSet of ours as "member/name" -> uid."""
    return {
        f"{name}/{thing['metadata']['name']}": thing["metadata"]["uid"]
        for name, plane in planes.items()
        for thing in hub.jobs(plane, namespace)
    }


def states(hub: Federation) -> dict[str, str]:
    """The members' states as `fedsched clusters` tells them."""
    return {row["member"]: row["state"] for row in hub.json("clusters")["clusters"]}


def events(hub: Federation, event: str) -> list[dict[str, Any]]:
    """Structured events of that name in the daemon's log, oldest first."""
    found = []
    for line in hub.log().splitlines():
        if f'"{event}"' in line and line.startswith("{"):
            entry = json.loads(line)
            if entry.get("event") == event:
                found.append(entry)
    return found
