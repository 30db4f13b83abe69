"""Recorded clusters as their API servers answer, over TLS, each at a port of its own and all in one process.

Lists in pages, watches with bookmarks, heartbeats of nodes, small objects that can be written; what is read from it
is judged elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import signal
import ssl
import sys
import time
import uuid
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.bench import cluster_bytes
from tests.laboratory.certificates import Authority

NAMESPACE = "fedsched"
CORE = f"/api/v1/namespaces/{NAMESPACE}"
FIRST_VERSION = 1_000_000
"""Above what the recorded lists say."""
BOOKMARK_S = 60.0
NODE_BEAT_S = 300.0
"""A kubelet writes its node's status so often when nothing changed; its lease, more often, nobody reads here."""
POD_EVERY_S = 60.0
"""With traffic each cluster has one more pod so often: it comes, is bound, runs, ends and goes."""
STEP_S = 0.25
RUNNING_PART = 0.5

Thing = dict[str, Any]


class Record(NamedTuple):
    """A cluster's lists of nodes and pods by (path, continue), a watch line of each node, and a pod to come and go."""

    pages: dict[tuple[str, str], bytes]
    beats: tuple[bytes, ...]
    pod: Thing

    @property
    def size(self) -> int:
        """Bytes of the lists."""
        return sum(map(len, self.pages.values()))


def record(folder: Path, nodes: int, pods: int, seed: int) -> None:
    """Write one cluster; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - the same bytes every time
    folder.mkdir()
    shapes = [cluster_bytes.node(number, chance) for number in range(nodes)]
    cluster_bytes.pages(folder, "nodes", "NodeList", iter(shapes), nodes)
    made = (cluster_bytes.pod(number, nodes, chance) for number in range(pods))
    cluster_bytes.pages(folder, "pods", "PodList", made, pods)
    with (folder / "beats").open("wb") as out:
        for shape in shapes:
            shape["metadata"]["resourceVersion"] = "@VERSION@"
            out.write(_line("MODIFIED", {"kind": "Node", "apiVersion": "v1", **shape}))
    (folder / "pod").write_text(json.dumps(cluster_bytes.pod(0, nodes, chance)))


def recorded(folder: Path) -> Record:
    """What `record` wrote."""
    pages = {}
    for file in folder.glob("*.json"):
        name, _, start = file.stem.partition("-")
        pages[f"/api/v1/{name}", "" if start == "0" else start] = file.read_bytes()
    beats = tuple((folder / "beats").read_bytes().splitlines(keepends=True))
    return Record(pages, beats, json.loads((folder / "pod").read_text()))


class Cluster:
    """One API server: a record, and the small objects of our namespace by (path of the collection, name)."""

    def __init__(self, record: Record, federation_id: str) -> None:
        self._record = record
        self._version = FIRST_VERSION
        self._things: dict[tuple[str, str], Thing] = {}
        self._watches: dict[str, set[Watch]] = {}
        ours = {"app.kubernetes.io/managed-by": "fedsched", "app.kubernetes.io/part-of": federation_id}
        self._create(f"{CORE}/configmaps", _named("fedsched-anchor", ours | {"fedsched.io/role": "anchor"}))
        quota = {"hard": {"pods": "500"}}
        self._create(f"{CORE}/resourcequotas", _named("fedsched-quota", ours) | {"spec": quota, "status": quota})
        self._create(f"{CORE}/limitranges", _named("fedsched-limits", ours) | {"spec": {"limits": []}})

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection until the client ends it."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split()
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                url = urlsplit(target)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                if query.get("watch"):
                    await self._watch(writer, url.path, query)
                    continue
                status, answer = self._answer(method, url.path, query, body)
                writer.write(_head(status, f"Content-Length: {len(answer)}") + answer)
                await writer.drain()
        writer.close()

    def beat(self, number: int) -> None:
        """A node says that nothing changed."""
        beats = self._record.beats
        version = str(self._next()).encode()
        self._send("/api/v1/nodes", beats[number % len(beats)].replace(b"@VERSION@", version, 1), {})

    def pod(self, step: int, number: int) -> None:
        """The next thing that happens to a pod of somebody else's: 0 made, 1 bound, 2 running, 3 over, 4 gone."""
        made = json.loads(json.dumps(self._record.pod))
        made["metadata"] |= {"name": f"cron-{number}", "uid": str(uuid.UUID(int=number))}
        made["metadata"]["resourceVersion"] = str(self._next())
        made["status"]["phase"] = ("Pending", "Pending", "Running", "Succeeded", "Succeeded")[step]
        if step == 0:
            del made["spec"]["nodeName"]
        kind = ("ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED")[step]
        self._send("/api/v1/pods", _line(kind, {"kind": "Pod", "apiVersion": "v1", **made}), {})

    def _answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
        page = self._record.pages.get((path, query.get("continue", "")))
        if page is not None:
            return 200, page
        if path == "/readyz":
            return 200, b"ok"
        if path == "/version":
            return 200, json.dumps({"gitVersion": "v1.34.4"}).encode()
        try:
            return self._small(method, path, query, json.loads(body or b"{}"))
        except KeyError:
            said = {"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "not found", "code": 404}
            return 404, json.dumps(said).encode()

    def _small(self, method: str, path: str, query: dict[str, str], body: Thing) -> tuple[int, bytes]:
        """Small objects; KeyError for one that is not there."""
        above, _, name = path.rpartition("/")
        if method == "POST":
            return 201, json.dumps(self._create(path, body)).encode()
        if method == "GET" and (above, name) not in self._things and _is_collection(path):
            return 200, json.dumps(self._list(path, query.get("labelSelector", ""))).encode()
        found = self._things[above, name]
        if method == "PATCH":
            _merge(found, body)
            self._store(above, found, "MODIFIED")
        if method == "DELETE":
            del self._things[above, name]
            self._store(above, found, "DELETED")
        return 200, json.dumps(found).encode()

    def _create(self, path: str, thing: Thing) -> Thing:
        thing["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": cluster_bytes.STAMP}
        self._things[path, thing["metadata"]["name"]] = thing
        self._store(path, thing, "ADDED")
        return thing

    def _store(self, path: str, thing: Thing, kind: str) -> None:
        thing["metadata"]["resourceVersion"] = str(self._next())
        self._send(path, _line(kind, thing), thing["metadata"].get("labels", {}))

    def _list(self, path: str, selector: str) -> Thing:
        items = [
            thing
            for (where, _), thing in self._things.items()
            if where == path and _selected(thing["metadata"].get("labels", {}), selector)
        ]
        return {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": str(self._version)}, "items": items}

    async def _watch(self, writer: asyncio.StreamWriter, path: str, query: dict[str, str]) -> None:
        """A stream of lines for as long as the client wants it, with a bookmark every minute."""
        watch = Watch(writer, query.get("labelSelector", ""))
        writer.write(_head(200, "Transfer-Encoding: chunked"))
        for thing in self._list(path, watch.selector)["items"]:
            if int(thing["metadata"]["resourceVersion"]) > int(query["resourceVersion"]):
                watch.send(_line("MODIFIED", thing))
        self._watches.setdefault(path, set()).add(watch)
        end = time.monotonic() + float(query["timeoutSeconds"])
        try:
            while (left := end - time.monotonic()) > 0 and not writer.is_closing():
                await asyncio.sleep(min(left, BOOKMARK_S))
                watch.send(_line("BOOKMARK", {"metadata": {"resourceVersion": str(self._version)}}))
        finally:
            self._watches[path].discard(watch)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _send(self, path: str, line: bytes, labels: dict[str, str]) -> None:
        for watch in self._watches.get(path, ()):
            if _selected(labels, watch.selector):
                watch.send(line)

    def _next(self) -> int:
        self._version += 1
        return self._version


class Watch(NamedTuple):
    """An open stream of lines."""

    writer: asyncio.StreamWriter
    selector: str

    def send(self, line: bytes) -> None:
        """One line as one chunk, as an API server writes it."""
        if not self.writer.is_closing():
            self.writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")


def _head(status: int, length: str) -> bytes:
    date = formatdate(usegmt=True)
    return f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nDate: {date}\r\n{length}\r\n\r\n".encode()


def _line(kind: str, thing: Thing) -> bytes:
    return json.dumps({"type": kind, "object": thing}, separators=(",", ":")).encode() + b"\n"


def _named(name: str, labels: dict[str, str]) -> Thing:
    return {"metadata": {"name": name, "namespace": NAMESPACE, "labels": dict(labels)}}


def _is_collection(path: str) -> bool:
    """Of /api/v1[/namespaces/X]/KIND or /apis/G/V[/namespaces/X]/KIND."""
    parts = path.strip("/").split("/")
    rest = parts[2 if parts[0] == "api" else 3 :]
    return len(rest) in {1, 3}


def _selected(labels: dict[str, str], selector: str) -> bool:
    """Of label selectors what fedsched uses: `a=b,c=d` or one `a in (b,c)`."""
    if " in (" in selector:
        key, _, values = selector.partition(" in (")
        return labels.get(key) in values.rstrip(")").split(",")
    pairs = (part.partition("=") for part in selector.split(",") if part)
    return all(labels.get(key) == value for key, _, value in pairs)


def _merge(into: Thing, change: Thing) -> None:
    """A merge patch (RFC 7386)."""
    for key, value in change.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


async def _beats(clusters: list[Cluster], nodes: int) -> None:
    """Every node's status once in NODE_BEAT_S, evenly over time and clusters."""
    began, sent = time.monotonic(), 0
    while True:
        await asyncio.sleep(STEP_S)
        due = int((time.monotonic() - began) / NODE_BEAT_S * nodes * len(clusters))
        for number in range(sent, due):
            clusters[number % len(clusters)].beat(number // len(clusters))
        sent = due


async def _traffic(clusters: list[Cluster], wanted: asyncio.Event) -> None:
    """Pods that come and go, once it is wanted."""
    await wanted.wait()
    running = set()
    for number in itertools.count():
        task = asyncio.create_task(_life(clusters[number % len(clusters)], number))
        running.add(task)
        task.add_done_callback(running.discard)
        await asyncio.sleep(POD_EVERY_S / len(clusters))


async def _life(cluster: Cluster, number: int) -> None:
    for step, seconds in enumerate((0.1, 1.5, POD_EVERY_S * RUNNING_PART, 0.5, 0.0)):
        cluster.pod(step, number)
        await asyncio.sleep(seconds)


def tls(folder: Path) -> ssl.SSLContext:
    """Of a server on loopback; ca.crt stays in `folder`."""
    certificate, key = Authority(folder).server("members", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def serve(records: list[Record], members: int, federation_id: str, context: ssl.SSLContext) -> None:
    """So many clusters from these records, in turn; their ports are printed first, as JSON.

    SIGUSR1 begins the traffic of pods.
    """
    clusters = [Cluster(records[number % len(records)], federation_id) for number in range(members)]
    wanted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, wanted.set)
    servers = [await asyncio.start_server(each.talk, "127.0.0.1", 0, ssl=context, backlog=64) for each in clusters]
    print(json.dumps([each.sockets[0].getsockname()[1] for each in servers]), flush=True)
    await asyncio.gather(_beats(clusters, len(records[0].beats)), _traffic(clusters, wanted))


if __name__ == "__main__":
    here = Path(sys.argv[1])
    found = [recorded(each) for each in sorted(here.glob("record-*"))]
    asyncio.run(serve(found, int(sys.argv[2]), sys.argv[3], tls(here / "authority")))
