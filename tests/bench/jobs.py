"""Jobs through a hub against what the members' own controllers do with the same Jobs, in the same run."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from pathlib import Path
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
LIMIT_S = 600.0
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
        before = direct(planes, "before", count)
        through = by_hub(fed, hub, planes, count)
        after = direct(planes, "after", count)
    return table(before, through, after, count)


def widen(plane: ControlPlane) -> None:
    """The member's admin allows more pods than joining asks for."""
    quotas = "/api/v1/namespaces/fedsched/resourcequotas"
    for quota in plane.api.items(quotas):
        plane.api.patch(f"{quotas}/{quota['metadata']['name']}", {"spec": {"hard": {"pods": "5000"}}})


def direct(planes: Mapping[str, ControlPlane], namespace: str, count: int) -> Took:
    """The same Jobs, made at the members themselves, in turn."""
    for plane in planes.values():
        plane.namespace(namespace)
    turns = cycle(planes.values())
    todo = [(next(turns), users_job(f"j{number}", "true", namespace=namespace)) for number in range(count)]
    for _, job in todo:
        job["metadata"]["labels"] = {}
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    took = timed(
        namespace,
        [partial(plane.api.create, job) for plane, job in todo],
        lambda: left(planes, path),
        planes_cpu(planes),
    )
    for plane in planes.values():
        plane.api.delete(f"/api/v1/namespaces/{namespace}")
    for plane in planes.values():
        plane.api.wait(f"/api/v1/namespaces/{namespace}", lambda found: found is None, timeout_s=300)
    return took


def by_hub(fed: JobFederation, hub: HubCluster, planes: Mapping[str, ControlPlane], count: int) -> Took:
    """Made in the hub with the label, until the hub says of all that they are Complete."""
    fed.start()
    daemon = fed.daemon
    assert daemon is not None
    try:
        hub.create(users_job("first", "true"))
        hub.wait("first", "Complete", 120)  # it has begun, and knows its members
        todo = [users_job(f"j{number}", "true") for number in range(count)]
        return timed(
            "hub",
            [partial(hub.create, job) for job in todo],
            lambda: left({"hub": hub.plane}, hub.path()),
            planes_cpu(planes) | {"hub": hub.plane.cpu_s, "fedsched": lambda: cpu_s(daemon.pid)},
        )
    except AssertionError:
        print(fed.run("q", check=False).stdout, fed.run("clusters", check=False).stdout, sep="\n", flush=True)
        raise
    finally:
        print(fed.log()[-3000:], *paces(fed), sep="\n", flush=True)
        fed.stop()


def timed(
    what: str, makers: list[Callable[[], Any]], any_left: Callable[[], bool], cpu: Mapping[str, Callable[[], float]]
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


def left(planes: Mapping[str, ControlPlane], path: str) -> bool:
    """Whether a Job is not yet Complete: one without a pod that succeeded.

    No more than one is asked for, or the asking would cost a good part of what is measured.
    """
    query = "?fieldSelector=status.successful%3D0&limit=1"
    return any(plane.api.items(path + query) for plane in planes.values())


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


def table(before: Took, through: Took, after: Took, count: int) -> str:
    """Rates, their ratio, and where the CPU went."""
    own = (count / before.all_s + count / after.all_s) / 2
    rate = count / through.all_s
    rows = ["| | created s | all Complete s | Jobs per s | CPU s |", "|---|---|---|---|---|"]
    for name, took in (
        ("members alone, before", before),
        ("through the hub", through),
        ("members alone, after", after),
    ):
        cpu = ", ".join(f"{who} {seconds:.0f}" for who, seconds in took.cpu.items())
        rows.append(f"| {name} | {took.made_s:.1f} | {took.all_s:.1f} | {count / took.all_s:.1f} | {cpu} |")
    return "\n".join(rows) + (
        f"\n\nRatio: {rate / own:.2f} (wanted: at least {WANTED}).\n\n"
        f"{count:,} Jobs of one pod over three members with eight KWOK nodes each, made by {MAKERS} threads; a pod is "
        "Complete as soon as it runs. Alone: made at the members in turn, in a namespace of its own, which is deleted "
        "afterwards. Through the hub: the same Jobs in a hub cluster with the queue's label alone; created, adopted, "
        "placed, copied, and over when the hub says so. The rate of the members is the mean of both runs. All of it "
        f"shares {os.cpu_count()} cores: what hub and fedsched use the members lack. Load "
        f"average {os.getloadavg()[0]:.1f} at the end."
    )
