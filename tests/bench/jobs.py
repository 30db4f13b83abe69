"""Jobs through a hub against what the members' own controllers do with the same Jobs, in the same run."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from tests.federation.hub import HubCluster, JobFederation, users_job
from tests.federation.kept import events
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.session import cpu_s

TITLE = "Jobs through a hub"
JOBS = 2000
ROOM = 84
"""Pods that a node takes: a member has room for a third of all Jobs, or its name alone would bring it all of them."""
MAKERS = 12
"""Threads that create Jobs."""
LIMIT_S = 300.0
WANTED = 0.5
POLICY = """
[ramp]
first = 2000
ramp_interval_s = 1
max_starts = 2000

[startds]
keep_finished_s = 600
"""
"""Nothing but the machine holds anything back; copies that ended stay meanwhile, as Jobs made at the members do."""
BUDGETS = "requests_per_s = 1000\nobjects_in_flight = 5000\npods_pulling = 5000"


class Took(NamedTuple):
    """One way. made_s: until the last Job was created; all_s: until all were Complete; cpu: seconds by process."""

    made_s: float
    all_s: float
    cpu: dict[str, float]


class Way(NamedTuple):
    """One run, and what it is called in the table."""

    name: str
    took: Took


HUB = "through the hub"
JOINED = "fedsched"
"""The namespace that joining made, with its quota and limits."""


def run(*, quick: bool) -> str:
    """The section's text."""
    count = int(os.environ.get("FEDSCHED_BENCH_JOBS", "100" if quick else JOBS))
    with Laboratory() as lab, tempfile.TemporaryDirectory() as folder:
        planes = lab.control_planes("m1", "m2", "m3")
        for plane in planes.values():
            plane.add_fake_nodes("n", 8, cpu=96, pods=ROOM)
        hub = HubCluster(lab.control_plane("hub", kwok=False))
        fed = JobFederation(Path(folder), None, session=lab.session, policy=POLICY, cadence="")
        fed.add_queue(hub)
        for name, plane in planes.items():
            fed.join_for_jobs(plane, name)
            widen(plane)
            fed.edit_member(name, ("requests_per_s = 100\nobjects_in_flight = 1000\npods_pulling = 1000", BUDGETS))
        for plane in planes.values():
            plane.namespace("bare")
        ways = [
            Way("members alone, bare namespace", direct(planes, "bare", "bare", count)),
            Way("members alone, namespace as joined", direct(planes, "joined", JOINED, count)),
            Way(HUB, by_hub(fed, hub, planes, count)),
        ]
        clear(planes, JOINED)
        ways += [
            Way("members alone, namespace as joined", direct(planes, "joined, after", JOINED, count)),
            Way("members alone, bare namespace", direct(planes, "bare, after", "bare", count)),
        ]
    return table(ways, count)


def widen(plane: ControlPlane) -> None:
    """The member's admin allows more pods than joining asks for."""
    quotas = "/api/v1/namespaces/fedsched/resourcequotas"
    for quota in plane.api.items(quotas):
        plane.api.patch(f"{quotas}/{quota['metadata']['name']}", {"spec": {"hard": {"pods": "5000"}}})


def direct(planes: Mapping[str, ControlPlane], what: str, namespace: str, count: int) -> Took:
    """The same Jobs, made at the members themselves, in turn; nothing of them is left afterwards."""
    turns = cycle(planes.values())
    todo = [(next(turns), harmless(f"j{number}", namespace)) for number in range(count)]
    for _, job in todo:
        job["metadata"]["labels"] = {}
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    makers = [partial(plane.api.create, job) for plane, job in todo]
    took = timed(what, makers, Ends(planes, path).any_left, planes_cpu(planes))
    clear(planes, namespace)
    return took


def harmless(name: str, namespace: str) -> dict[str, Any]:
    """A Job that may run in a namespace as joining makes it, whoever makes it there (Pod Security: restricted)."""
    job = users_job(name, "true", namespace=namespace)
    pod = job["spec"]["template"]["spec"]
    pod["securityContext"] = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    for container in pod["containers"]:
        container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return job


def clear(planes: Mapping[str, ControlPlane], namespace: str) -> None:
    """No Job and no pod is left there."""
    for plane in planes.values():
        plane.api.delete(f"/apis/batch/v1/namespaces/{namespace}/jobs")
    for plane in planes.values():
        pods = f"/api/v1/namespaces/{namespace}/pods?limit=1"
        plane.api.wait(pods, lambda found: not (found or {}).get("items"), timeout_s=300)


def by_hub(fed: JobFederation, hub: HubCluster, planes: Mapping[str, ControlPlane], count: int) -> Took:
    """Made in the hub with the label, until the hub says of all that they are Complete."""
    fed.start()
    daemon = fed.daemon
    assert daemon is not None
    try:
        hub.create(users_job("first", "true"))
        hub.wait("first", "Complete", 120)  # it has begun, and knows its members
        todo = [harmless(f"j{number}", hub.namespace) for number in range(count)]
        return timed(
            "hub",
            [partial(hub.create, job) for job in todo],
            Ends({"hub": hub.plane}, hub.path()).any_left,
            planes_cpu(planes) | {"hub": hub.plane.cpu_s, "fedsched": lambda: cpu_s(daemon.pid)},
        )
    except AssertionError:
        print(fed.run("q", check=False).stdout, fed.run("clusters", check=False).stdout, sep="\n", flush=True)
        raise
    finally:
        print(fed.log()[-3000:], *paces(fed), sep="\n", flush=True)
        fed.stop()


def timed(
    what: str, makers: Sequence[Callable[[], Any]], any_left: Callable[[], bool], cpu: Mapping[str, Callable[[], float]]
) -> Took:
    """Makes them all and waits for their ends."""
    used = {name: read() for name, read in cpu.items()}
    began = time.monotonic()
    with ThreadPoolExecutor(MAKERS) as threads:
        for made in [threads.submit(make) for make in makers]:
            made.result()
    made_s = time.monotonic() - began
    while any_left():
        took_s = time.monotonic() - began
        assert took_s < LIMIT_S, f"{what}: not all of {len(makers)} after {took_s:.0f} s"
        time.sleep(0.5)
    all_s = time.monotonic() - began
    return Took(made_s, all_s, {name: read() - used[name] for name, read in cpu.items()})


class Ends:
    """Whether Jobs are left that are not Complete, asked for so that the asking costs next to nothing.

    Of one Job that is not Complete its own object is read; only when that is Complete others are looked for: from the
    watch cache, which gives those alone without a pod that succeeded.
    """

    def __init__(self, planes: Mapping[str, ControlPlane], path: str) -> None:
        """`path`: of the Jobs at each of the planes."""
        self._planes = list(planes.values())
        self._path = path
        self._last = ""

    def any_left(self) -> bool:
        """Whether there is one."""
        while self._planes:
            api = self._planes[-1].api
            if self._last and not successful(api.get(f"{self._path}/{self._last}")):
                return True
            others = api.items(f"{self._path}?fieldSelector=status.successful%3D0&resourceVersion=0")
            if others:
                self._last = max(others, key=created)["metadata"]["name"]
                return True
            self._last = ""
            self._planes.pop()
        return False


def successful(job: Mapping[str, Any]) -> bool:
    """Whether a pod of the Job succeeded."""
    return bool(job["status"].get("succeeded"))


def created(job: Mapping[str, Any]) -> str:
    """When."""
    text: str = job["metadata"]["creationTimestamp"]
    return text


def planes_cpu(planes: Mapping[str, ControlPlane]) -> dict[str, Callable[[], float]]:
    """How much CPU the members used until now."""
    return {"members": lambda: sum(plane.cpu_s() for plane in planes.values())}


def paces(fed: JobFederation) -> list[str]:
    """How long the parts of the cycles took."""
    cycles = [one for one in events(fed, "cycle") if one["issued"] or one["results"]]
    parts: dict[str, float] = {}
    for one in cycles:
        for part, seconds in one["parts"].items():
            parts[part] = parts.get(part, 0.0) + seconds
    longest = max((one["total_s"] for one in cycles), default=0.0)
    return [f"jobs: {len(cycles)} cycles with work, longest {longest:.2f} s, parts {parts}"]


def table(ways: Sequence[Way], count: int) -> str:
    """Rates, their ratios, and where the CPU went."""
    rows = ["| | created s | all Complete s | Jobs per s | CPU s |", "|---|---|---|---|---|"]
    rates: dict[str, list[float]] = {}
    for name, took in ways:
        rates.setdefault(name, []).append(count / took.all_s)
        cpu = ", ".join(f"{who} {seconds:.0f}" for who, seconds in took.cpu.items())
        rows.append(f"| {name} | {took.made_s:.1f} | {took.all_s:.1f} | {count / took.all_s:.1f} | {cpu} |")
    (hub,) = rates.pop(HUB)
    ratios = "; ".join(f"to {name}: {hub / fmean(own):.2f}" for name, own in rates.items())
    return "\n".join(rows) + (
        f"\n\nRatios of rates, {ratios} (wanted: at least {WANTED}).\n\n"
        f"{count:,} Jobs of one pod over three members with eight KWOK nodes each, made by {MAKERS} threads; a pod is "
        "Complete as soon as it runs. Alone: made at the members in turn, in a namespace with nothing in it, and in "
        "the one that joining made, where the member's quota and limits hold for everybody. Through the hub: the same "
        "Jobs in a hub cluster with the queue's label alone; created, adopted, placed, copied into the namespace that "
        "joining made, and over when the hub says so. The rates of the members are means of a run before and one "
        f"after. All of it shares {os.cpu_count()} cores: what hub and fedsched use the members lack. Load "
        f"average {os.getloadavg()[0]:.1f} at the end."
    )
