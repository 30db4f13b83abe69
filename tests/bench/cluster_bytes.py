"""A big cluster as bytes: nodes and pods as an API server writes them, seeded, in pages; and its loopback server."""

from __future__ import annotations

import itertools
import json
import random
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 500
STAMP = "2026-05-04T10:11:12Z"
SHAPES = (("8", "32780812Ki", 0), ("32", "131886120Ki", 0), ("96", "1056762036Ki", 8), ("128", "527912352Ki", 0))
REQUESTS = (("100m", "128Mi"), ("250m", "512Mi"), ("1", "2Gi"), ("2", "4Gi"), ("500m", "1Gi"), ("50m", "70Mi"))


def fields(value: Any) -> Any:
    """A managedFields entry's fieldsV1 for such an object: every field again as "f:name"."""
    if isinstance(value, dict):
        return {f"f:{key}": fields(below) for key, below in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
        return {f'k:{{"name":"{item["name"]}"}}': {".": {}, **fields(item)} for item in value}
    return {}


def managed(managers: tuple[tuple[str, str, Any], ...]) -> list[dict[str, Any]]:
    """The managedFields of those managers."""
    head = {"operation": "Update", "apiVersion": "v1", "time": STAMP, "fieldsType": "FieldsV1"}
    return [
        {"manager": name, **head, "fieldsV1": fields(part), **({"subresource": sub} if sub else {})}
        for name, sub, part in managers
    ]


def node(number: int, chance: random.Random) -> dict[str, Any]:
    """A node with labels, conditions, images and managedFields."""
    name = f"node-{number:05}.example.org"
    cpu, memory, gpus = SHAPES[number % len(SHAPES)]
    zone = f"zone-{number % 3}"
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": name,
        "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": "r1",
        "node.kubernetes.io/instance-type": f"type-{number % len(SHAPES)}",
    }
    amounts = {"cpu": cpu, "memory": memory, "ephemeral-storage": "470Gi", "pods": "110", "hugepages-2Mi": "0"}
    if gpus:
        labels |= {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920"}
        amounts["nvidia.com/gpu"] = str(gpus)
    conditions = [
        {
            "type": kind,
            "status": state,
            "lastHeartbeatTime": STAMP,
            "lastTransitionTime": STAMP,
            "reason": f"Kubelet{kind}",
            "message": f"kubelet says of {kind} that it is {state}",
        }
        for kind, state in (
            ("MemoryPressure", "False"),
            ("DiskPressure", "False"),
            ("PIDPressure", "False"),
            ("Ready", "True"),
        )
    ]
    images = [
        {
            "names": [
                f"registry.example.org/p{i}/app@sha256:{chance.getrandbits(256):064x}",
                f"registry.example.org/p{i}/app:v{i}",
            ],
            "sizeBytes": chance.randrange(10**7, 10**9),
        }
        for i in range(25)
    ]
    info = {
        "kernelVersion": "6.8.0",
        "osImage": "Linux",
        "containerRuntimeVersion": "containerd://2.1",
        "kubeletVersion": "v1.34.4",
        "architecture": "amd64",
        "operatingSystem": "linux",
        "machineID": "x",
        "systemUUID": "y",
        "bootID": "z",
        "kubeProxyVersion": "",
    }
    status = {
        "capacity": amounts,
        "allocatable": amounts,
        "conditions": conditions,
        "images": images,
        "nodeInfo": info,
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
    }
    meta: dict[str, Any] = {
        "name": name,
        "uid": str(uuid.UUID(int=chance.getrandbits(128))),
        "resourceVersion": str(1000 + number),
        "creationTimestamp": STAMP,
        "labels": labels,
        "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
    }
    spec = {"podCIDR": "10.1.0.0/24", "providerID": f"cloud:///{name}"}
    slim = {k: v for k, v in status.items() if k != "images"}
    meta["managedFields"] = managed(
        (("kubelet", "", {"metadata": {"labels": labels}}), ("kubelet", "status", {"status": slim}))
    )
    return {"metadata": meta, "spec": spec, "status": status}


def pod(number: int, nodes: int, chance: random.Random) -> dict[str, Any]:
    """A running pod of a ReplicaSet with two containers, tolerations, conditions and managedFields."""
    app = f"app-{number % 997}"
    name = f"{app}-{chance.getrandbits(32):08x}-{chance.getrandbits(20):05x}"
    labels = {
        "app": app,
        "pod-template-hash": f"{number % 997:08x}",
        "tier": "backend",
        "app.kubernetes.io/managed-by": "Helm",
    }
    containers, statuses = [], []
    for part in ("main", "proxy"):
        cpu, memory = REQUESTS[chance.randrange(len(REQUESTS))]
        containers.append(
            {
                "name": part,
                "image": f"registry.example.org/{app}/{part}:v1.2.3",
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": f"SETTING_{i}", "value": f"value-{i}"} for i in range(6)],
                "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
                "volumeMounts": [
                    {"name": "token", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
                ],
                "livenessProbe": {
                    "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
                    "periodSeconds": 10,
                    "timeoutSeconds": 1,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                },
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }
        )
        statuses.append(
            {
                "name": part,
                "state": {"running": {"startedAt": STAMP}},
                "lastState": {},
                "ready": True,
                "restartCount": 0,
                "started": True,
                "image": f"registry.example.org/{app}/{part}:v1.2.3",
                "containerID": f"containerd://{chance.getrandbits(256):064x}",
                "imageID": f"registry.example.org/{app}/{part}@sha256:{chance.getrandbits(256):064x}",
            }
        )
    tolerations = [
        {"key": f"node.kubernetes.io/{k}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for k in ("not-ready", "unreachable")
    ]
    token = {
        "name": "token",
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            ],
        },
    }
    spec = {
        "volumes": [token],
        "containers": containers,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "nodeName": f"node-{number % nodes:05}.example.org",
        "securityContext": {},
        "priority": 0,
        "schedulerName": "default-scheduler",
        "tolerations": tolerations,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": STAMP}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    status = {
        "phase": "Running",
        "conditions": conditions,
        "hostIP": "10.0.0.1",
        "podIP": "10.1.2.3",
        "podIPs": [{"ip": "10.1.2.3"}],
        "startTime": STAMP,
        "containerStatuses": statuses,
        "qosClass": "Burstable",
    }
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": app,
        "uid": str(uuid.UUID(int=number % 997)),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    meta = {
        "name": name,
        "generateName": f"{app}-",
        "namespace": f"team-{number % 50}",
        "uid": str(uuid.UUID(int=chance.getrandbits(128))),
        "resourceVersion": str(100_000 + number),
        "creationTimestamp": STAMP,
        "labels": labels,
        "ownerReferences": [owner],
    }
    parts = (
        ("kube-controller-manager", "", {"metadata": {"labels": labels}, "spec": spec}),
        ("kubelet", "status", {"status": status}),
    )
    return {"metadata": {**meta, "managedFields": managed(parts)}, "spec": spec, "status": status}


def record(folder: Path, nodes: int, pods: int) -> None:
    """Write the pages and, as one line each, 500 watch events."""
    chance = random.Random(20261121)  # noqa: S311 - the same bytes every time
    pages(folder, "nodes", "NodeList", (node(i, chance) for i in range(nodes)), nodes)
    pages(folder, "pods", "PodList", (pod(i, nodes, chance) for i in range(pods)), pods)
    with (folder / "events").open("wb") as out:
        for number in range(PAGE):
            changed = {"kind": "Pod", "apiVersion": "v1", **pod(number, nodes, chance)}
            changed["metadata"]["resourceVersion"] = "@VERSION@"
            out.write(json.dumps({"type": "MODIFIED", "object": changed}, separators=(",", ":")).encode() + b"\n")


def pages(folder: Path, name: str, kind: str, objects: Any, count: int) -> None:
    """Write a list of so many objects in pages."""
    for start in range(0, count, PAGE):
        items = list(itertools.islice(objects, PAGE))
        following = str(start + PAGE) if start + PAGE < count else ""
        head = {"resourceVersion": "900000", **({"continue": following} if following else {})}
        made = {"kind": kind, "apiVersion": "v1", "metadata": head, "items": items}
        (folder / f"{name}-{start}.json").write_bytes(json.dumps(made, separators=(",", ":")).encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = Path()

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """A page, or as many events as the field selector "x=N" says (a way to ask that both clients have)."""
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if "watch" in query:
            self._events(int(query["fieldSelector"].partition("=")[2]))
            return
        body = (self.folder / f"{url.path.rpartition('/')[2]}-{query.get('continue', '0')}.json").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _events(self, count: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        lines = (self.folder / "events").read_bytes().splitlines(keepends=True)
        for number in range(count):
            line = lines[number % len(lines)].replace(b"@VERSION@", str(1_000_000 + number).encode())
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")


def serve(folder: Path) -> None:
    """Serve the record on a free loopback port, which is printed first."""
    _Handler.folder = folder
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
