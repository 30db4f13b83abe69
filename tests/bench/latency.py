"""From condor_submit to an object at a member: 200 arrivals on real parts under the default cadence, none left out."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.object_times import Arrival, Submitted, Watcher, arrivals, percentile
from tests.federation.harness import Federation, eventually, sleep_job
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

TITLE = "From condor_submit to an object at a member"
MINUTES, ARRIVALS = 20.5, 200
SEED = 3
LAST_S = 180.0
"""So long after the last arrival every object must be there; else the benchmark fails: nothing is left out."""
POLICY = """
[ramp]
first = 400

[startds]
join_s = 36000
idle_s = 30
"""
"""Trust and ramp allow 400 at once; a simulated pod, which never joins the pool, is not given up meanwhile.

The one real startd goes soon after its job, but not before the negotiator came by: an unclaimed one costs trust.
"""
BUDGET = "objects_in_flight = 400"
"""A simulated pod counts as starting for ever: the default of 50 would be full after 50 arrivals."""
STAGES: dict[str, tuple[Callable[[Arrival], float], str]] = {
    "condor_submit → object written": (lambda a: a.written - a.submitted.began, "p50 < 10, p99 < 20"),
    "queue seen → object written": (lambda a: a.written - a.seen, "p50 < 3, p99 < 10"),
    "of it: condor_submit itself": (lambda a: a.submitted.ended - a.submitted.began, ""),
    "of it: submitted → queue seen": (lambda a: a.seen - a.submitted.ended, ""),
    "of it: queue seen → cycle begins": (lambda a: a.decided - a.seen, ""),
    "of it: cycle begins → object written": (lambda a: a.written - a.decided, ""),
}
"""Seconds of an arrival, and what is wanted."""


def run(*, quick: bool) -> str:
    """The section's text."""
    minutes = float(os.environ.get("FEDSCHED_BENCH_MINUTES", "1" if quick else MINUTES))
    count = max(10, round(ARRIVALS * minutes / MINUTES))
    with Laboratory() as lab, tempfile.TemporaryDirectory() as folder:
        plane = lab.control_plane("m1")
        plane.add_fake_nodes("n", 4, cpu=96)
        target = lab.pool("a", daemons=("COLLECTOR", "NEGOTIATOR"), rights_for="fedsched@pool-a")
        guest = lab.pool("b", flock_to=target)
        hub = Federation(Path(folder), target, policy=POLICY, cadence="")
        try:
            _prepare(hub, lab, plane, guest)
            with Watcher(plane) as watcher:
                submitted = _submit_all(guest, watcher, [minutes * 60 * part for part in gaps(count)])
                eventually("an object for each", lambda: len(watcher.written) >= count, LAST_S)
        except AssertionError:
            print(hub.log()[-4000:], hub.run("q", check=False).stdout, sep="\n")
            raise
        finally:
            hub.stop()
        found = arrivals(submitted, watcher.written, hub.folder / "fedsched.db")
        for one in sorted(found, key=lambda a: a.submitted.began - a.written)[:5]:
            print(f"latency: among the slowest: {one}", flush=True)
        return table(found, minutes)


def gaps(count: int) -> list[float]:
    """Seeded exponential gaps before `count` arrivals, as parts of the whole time, which ends with the last one."""
    chance = random.Random(SEED)  # noqa: S311 - arrivals are no secret
    drawn = [chance.expovariate(1.0) for _ in range(count)]
    return [gap / sum(drawn) for gap in drawn]


def _prepare(hub: Federation, lab: Laboratory, plane: ControlPlane, guest: Pool) -> None:
    """Join, start, and let one real startd be seen there: until then one probe at a time is all that MA6 allows."""
    hub.join(plane, "m1")
    hub.add_to_member("m1", "budgets", BUDGET)
    hub.add_to_member("m1", "overrides.annotations", '"sim/seconds" = "36000s"')
    runner = lab.pod_runner(plane)
    hub.start()
    # Long enough for the claim to be seen: nobody's trust falls by a startd that looks unused.
    probe = guest.submit("alice", sleep_job(15))
    eventually("the first job ran in a real startd", lambda: guest.history(f"ClusterId == {probe}"), 180)
    eventually("that startd is gone", lambda: not hub.pods(plane) and not hub.jobs(plane), 180)
    runner.stop()
    print(f"latency: one real startd was seen and is gone, {time.strftime('%H:%M:%S')}", flush=True)


def _submit_all(guest: Pool, watcher: Watcher, gaps_s: list[float]) -> list[Submitted]:
    """Every arrival at its moment, whatever became of those before it."""
    with ThreadPoolExecutor(8) as threads:
        due, pending = time.time(), []
        for number, gap_s in enumerate(gaps_s):
            due += gap_s
            time.sleep(max(0.0, due - time.time()))
            pending.append(threads.submit(_submit, guest, number, due))
            if number % 10 == 9:
                load = os.getloadavg()[0]
                print(f"latency: {number + 1} arrivals, {len(watcher.written)} objects, load {load:.1f}", flush=True)
        return [one.result() for one in pending]


def _submit(guest: Pool, number: int, due: float) -> Submitted:
    """One job of a class of its own, by its Requirements."""
    began = time.time()
    cluster = guest.submit("alice", sleep_job(600, more=f"requirements = TARGET.Cpus < {1000 + number}"))
    return Submitted(cluster, due, began, time.time(), os.getloadavg()[0])


def table(found: list[Arrival], minutes: float) -> str:
    """p50, p90, p99 and the longest of every stage."""
    rows = ["| seconds | p50 | p90 | p99 | longest | wanted |", "|---|---|---|---|---|---|"]
    for name, (seconds, wanted) in STAGES.items():
        values = [seconds(one) for one in found]
        figures = " | ".join(f"{percentile(values, part):.2f}" for part in (0.5, 0.9, 0.99, 1.0))
        rows.append(f"| {name} | {figures} | {wanted} |")
    loads = [one.submitted.load for one in found]
    late = max(one.submitted.began - one.submitted.due for one in found)
    return "\n".join(rows) + (
        f"\n\n{len(found)} arrivals over {minutes:g} minutes with seeded exponential gaps, every one of them in the "
        f"figures (percentiles by nearest rank). Each is one job with Requirements of its own, submitted at a guest "
        f"schedd that flocks, and gets one startd Job of its own at a real API server; `fedsched serve` runs with the "
        f"default cadence. condor_submit counts from the start of the command (at most {late:.2f} s after its "
        f"random moment). Seen: when the schedd's answer with that class arrived, from the journal; written: "
        f"when a watch at the API server told of the object. One real startd ran there first, as MA6's probe; the "
        f"pods of the arrivals then stay on simulated nodes and never join the pool, so the policy has "
        f"`first = 400`, `join_s = 36000` and the member `objects_in_flight = 400`. "
        f"The machine was shared with other work: load average {percentile(loads, 0.0):.1f} to "
        f"{percentile(loads, 1.0):.1f}, median {percentile(loads, 0.5):.1f}."
    )
