"""Reading a big member: CPU and memory of our list and watch against the official client's, on the same bytes."""

from __future__ import annotations

import contextlib
import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import cluster_bytes

TITLE = "Reading a member: 10,000 nodes and 100,000 pods"
SIZES = {False: (10_000, 100_000), True: (500, 2_500)}
SAMPLE = {False: (1_000, 5_000), True: (500, 1_000)}
"""Nodes and pods that the official client lists; more only costs time, its cost per object stays the same."""
EVENTS = {False: (50_000, 2_500), True: (5_000, 500)}
"""Watch events for us and for it."""
TARGETS = {"list_cpu": 50, "list_memory": 15, "watch": 30}


def run(*, quick: bool = False) -> str:
    """The table; each figure from a process of its own."""
    nodes, pods = SIZES[quick]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cluster_bytes.record(folder, nodes, pods)
        size = sum(file.stat().st_size for file in folder.glob("*.json"))
        with _server(folder) as url:
            ours = _measure("ours", url, nodes, pods)
            theirs = _measure("theirs", url, *SAMPLE[quick])
            our_events = _measure("our-watch", url, EVENTS[quick][0], 0)
            their_events = _measure("their-watch", url, EVENTS[quick][1], 0)
    return _table({"bytes": size, "nodes": nodes, "pods": pods}, ours, theirs, (our_events, their_events))


def _table(record: dict[str, int], ours: Any, theirs: Any, events: tuple[Any, Any]) -> str:
    count = record["nodes"] + record["pods"]
    their_cpu = theirs["node_cpu"] * record["nodes"] + theirs["pod_cpu"] * record["pods"]
    their_memory = (theirs["node_memory"] * record["nodes"] + theirs["pod_memory"] * record["pods"]) / count
    our_memory = ours["memory"] / count
    rates = [e["events"] / e["cpu"] for e in events]
    ratios = {
        "list_cpu": their_cpu / ours["cpu"],
        "list_memory": their_memory / our_memory,
        "watch": rates[0] / rates[1],
    }
    rows = (
        ("list and decode, CPU s", f"{ours['cpu']:.2f}", f"{their_cpu:.0f}", "list_cpu"),
        ("memory kept per object, bytes", f"{our_memory:.0f}", f"{their_memory:.0f}", "list_memory"),
        ("watch events per CPU second", f"{rates[0]:,.0f}", f"{rates[1]:,.0f}", "watch"),
    )
    lines = ["| | fedsched | official client | ratio | wanted |", "|---|---|---|---|---|"]
    lines += [f"| {what} | {a} | {b} | {ratios[key]:.1f}x | ≥ {TARGETS[key]}x |" for what, a, b, key in rows]
    return "\n".join(lines) + (
        f"\n\nThe record: {record['bytes'] / 1e6:.0f} MB of JSON in pages of 500, with managedFields, served by a "
        f"process on loopback. Ours is the whole of it, free room per node counted and the first view built "
        f"({ours['view_cpu']:.2f} s of the CPU time); what is kept is what the matchmaker needs. The official client's "
        f"typed `list_node` and `list_pod_for_all_namespaces` read the first {theirs['nodes']:,} nodes and "
        f"{theirs['pods']:,} pods, and its CPU and memory per object are multiplied; its watch is "
        f"`watch.Watch().stream` over {events[1]['events']:,} events, ours {events[0]['events']:,}. "
        f"Each figure is the best of three processes. "
        f"CPU is `time.process_time`, memory is the growth of the resident set after a collection."
    )


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.cluster_bytes", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def _measure(what: str, url: str, first: int, second: int) -> Any:
    """The run with the least CPU of three, each in a fresh process: others use the machine's caches, too."""
    return min((_one(what, url, first, second) for _ in range(3)), key=lambda m: m.get("cpu") or m["pod_cpu"])


def _one(what: str, url: str, first: int, second: int) -> Any:
    command = [sys.executable, "-m", "tests.bench.capacity", what, url, str(first), str(second)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _resident() -> int:
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def ours(url: str, nodes: int, pods: int) -> dict[str, float]:
    """List both kinds into the caches and build the view."""
    watched, survey = _watched(url)
    before, began = _resident(), time.process_time()
    for cache in watched.values():
        cache.list_all()
    listed = time.process_time()
    empty: dict[str, dict[str, Any]] = {
        name: {} for name in ("configmaps", "own pods", "jobs", "daemonsets", "events", "resourcequotas", "limitranges")
    }
    view, _ = survey.view(empty, ClusterFacts())
    ended = time.process_time()
    assert (sum(g.nodes for g in view.node_groups), len(watched["pods"].entries)) == (nodes, pods)
    return {"cpu": ended - began, "view_cpu": ended - listed, "memory": _resident() - before}


def our_watch(url: str, events: int, _: int) -> dict[str, float]:
    """Take events into the cache."""
    watched, _survey = _watched(url, events)
    cache = watched["pods"]
    cache._version = "1"
    began = time.process_time()
    cache._watch_once(60)
    assert cache._version == str(1_000_000 + events - 1)
    return {"cpu": time.process_time() - began, "events": events}


def _watched(url: str, events: int = 0) -> tuple[dict[str, Any], Any]:
    transport = Transport(Credential(url, "fedsched", "t"), 1e6)
    file = MemberFile(MemberTerms("m1"), "fedsched", Path("m1"))
    survey, lock = Survey(file), threading.RLock()
    told: dict[str, Any] = {"nodes": survey.node_moved, "pods": survey.pod_moved}
    chosen = [kind for kind in kinds(file) if kind.name in told]
    if events:
        chosen = [msgspec.structs.replace(kind, query={"fieldSelector": f"x={events}"}) for kind in chosen]
    return {k.name: Watched(k, transport, lock, Cadence(), told[k.name]) for k in chosen}, survey


def theirs(url: str, nodes: int, pods: int) -> dict[str, float]:
    """The official client's typed lists, kept."""
    api = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(kubernetes.client.Configuration(host=url)))
    found: dict[str, float] = {"nodes": nodes, "pods": pods}
    kept = []
    for name, call, count in (("node", api.list_node, nodes), ("pod", api.list_pod_for_all_namespaces, pods)):
        call(limit=500)  # what is imported and cached on the first call is not counted
        objects: list[Any] = []
        before, began, following = _resident(), time.process_time(), None
        while len(objects) < count:
            page = call(limit=500, **({"_continue": following} if following else {}))
            objects += page.items
            following = page.metadata._continue
        found[f"{name}_cpu"] = (time.process_time() - began) / len(objects)
        del page
        found[f"{name}_memory"] = (_resident() - before) / len(objects)
        kept.append(objects)
    return found


def their_watch(url: str, events: int, _: int) -> dict[str, float]:
    """The official client's typed watch."""
    api = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(kubernetes.client.Configuration(host=url)))
    api.list_pod_for_all_namespaces(limit=500)
    began, seen = time.process_time(), 0
    stream = kubernetes.watch.Watch().stream(
        api.list_pod_for_all_namespaces, field_selector=f"x={events}", timeout_seconds=60
    )
    for event in stream:
        assert event["object"].metadata.name
        seen += 1
    assert seen == events
    return {"cpu": time.process_time() - began, "events": events}


if __name__ == "__main__":
    if sys.argv[1].startswith("our"):
        import msgspec

        from fedsched.config.settings import Cadence, Credential, MemberFile
        from fedsched.kube.kinds import kinds
        from fedsched.kube.survey import ClusterFacts, Survey
        from fedsched.kube.transport import Transport
        from fedsched.kube.watch import Watched
        from fedsched.matchmaker.model import MemberTerms
    else:
        import kubernetes
        import kubernetes.watch
    measure = {"ours": ours, "our-watch": our_watch, "theirs": theirs, "their-watch": their_watch}[sys.argv[1]]
    print(json.dumps(measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
