"""Federations whose startd pods simulated nodes hold: no startd runs, no slot appears; for tests of the hub itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any

from tests.federation.harness import POLICY, Federation, eventually, sleep_job
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

PATIENT = (
    POLICY.replace("join_s = 40", "join_s = 36000")
    .replace("first = 4", "first = 12")
    .replace("idle_s = 20", "idle_s = 36000")
)
"""No slot ever appears for a pod that a simulated node holds, and none is missed."""

BRISK = """
[cadence]
cycle_s = 0.5
debounce_s = 0.2
poll_s = 2
slots_s = 2
contact_s = 1
"""


def join_and_keep(hub: Federation, plane: ControlPlane, name: str, *arguments: str, mode: str = "on") -> str:
    """Join; pods of ours on its simulated nodes run until they are deleted."""
    hub.join(plane, name, *arguments, mode=mode)
    hub.add_to_member(name, "overrides.annotations", '"sim/seconds" = "36000s"')
    return name


def joined(hub: Federation, planes: Mapping[str, ControlPlane], namespace: str) -> str:
    """Join them all with one namespace of this test's own, pods as in `join_and_keep`; the namespace."""
    for name, plane in planes.items():
        join_and_keep(hub, plane, name, "--namespace", namespace)
    return namespace


def give_node_groups(planes: Iterable[ControlPlane]) -> None:
    """Two node groups of one node each: room for two placements, as no slot ever ends the probing of a group (MA6)."""
    for plane in planes:
        plane.add_fake_nodes("x", 1, cpu=64, memory="256Gi")
        plane.add_fake_nodes("y", 1, cpu=48, memory="256Gi")


@contextmanager
def waiting_jobs(guest: Pool, *shapes: tuple[int, int]) -> Iterator[list[int]]:
    """Jobs that nobody serves: (cores, how many) each; removed afterwards. Their cluster ids."""
    clusters = [guest.submit("alice", sleep_job(600, cpus, 64, count=count)) for cpus, count in shapes]
    try:
        yield clusters
    finally:
        guest.run("condor_rm", *[str(cluster) for cluster in clusters], user="alice")


def identities(hub: Federation, planes: Mapping[str, ControlPlane], namespace: str = "fedsched") -> dict[str, str]:
    """Every Job of ours as "member/name" -> uid."""
    return {
        f"{name}/{thing['metadata']['name']}": thing["metadata"]["uid"]
        for name, plane in planes.items()
        for thing in hub.jobs(plane, namespace)
    }


def settled(hub: Federation, planes: Mapping[str, ControlPlane], count: int, namespace: str) -> dict[str, str]:
    """Waits until so many placements run and the hub knows it; their identities."""

    def quiet() -> bool:
        there = [pod for plane in planes.values() for pod in hub.pods(plane, namespace)]
        running = [pod for pod in there if pod["status"].get("phase") == "Running"]
        last = events(hub, "cycle")[-3:]
        same = all(cycle["phases"] == {"starting": count} and not cycle["issued"] for cycle in last)
        return len(running) == count and len(last) == 3 and same

    eventually(f"{count} placements stand", quiet, 90)
    return identities(hub, planes, namespace)


def events(hub: Federation, event: str) -> list[dict[str, Any]]:
    """Structured events of that name in the daemon's log, oldest first."""
    found = []
    for line in hub.log().splitlines():
        if f'"{event}"' in line and line.startswith("{") and line.endswith("}"):
            entry = json.loads(line)
            if entry.get("event") == event:
                found.append(entry)
    return found


def cycles_after(hub: Federation, at: float, count: int) -> list[dict[str, Any]]:
    """Waits for so many cycles that began after `at` (epoch seconds); the first of them."""

    def later() -> list[dict[str, Any]]:
        found = [cycle for cycle in events(hub, "cycle") if cycle["at"] > at]
        return found[:count] if len(found) >= count else []

    found: list[dict[str, Any]] = eventually(f"{count} cycles", later, 60)
    return found


def typical_s(cycles: Iterable[Mapping[str, Any]]) -> float:
    """Median length of cycles, in seconds."""
    return float(median(cycle["total_s"] for cycle in cycles))


def told(hub: Federation, kind: str, after: float, member: str = "") -> list[tuple[float, str]]:
    """(when, text) of notices of one kind about one member; when is the time of the cycle, in seconds after `after`."""
    times = {cycle["cycle"]: cycle["at"] for cycle in events(hub, "cycle")}
    return [
        (times[notice["cycle"]] - after, notice["text"])
        for notice in events(hub, "notice")
        if notice["kind"] == kind and notice.get("member", "") == member and times.get(notice["cycle"], 0) >= after
    ]


def issued_after(hub: Federation, at: float, until: float = float("inf")) -> list[tuple[float, dict[str, int]]]:
    """What was set in motion between two moments: (seconds after `at`, kinds with counts)."""
    return [(c["at"] - at, c["issued"]) for c in events(hub, "cycle") if at <= c["at"] < until and c["issued"]]
