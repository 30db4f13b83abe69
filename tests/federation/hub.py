"""Users' Kubernetes Jobs on real parts: manifests, a hub cluster that holds them, members that take them, live copies.

Everything goes through the programs that a user or an admin would start; nothing here decides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.federation.harness import Federation, eventually
from tests.laboratory.controlplane import ControlPlane

BUSYBOX = "docker.io/fedsched/busybox:lab"
QUEUE = "lab"
LABEL = "fedsched.io/queue"
JOB_UID = "fedsched.io/job-uid"
MARK = b"LAB_COPY_OF"
"""Environment variable of every container, by which its processes are found on the machine."""

PRINCIPALS = """
[[queue.principal]]
namespace = "atlas"
groups = ["group_atlas", "group_atlas.*"]
default = "group_atlas"
"""
"""Who is charged for Jobs of the namespace "atlas": a user of that name."""

JOB_POLICY = """
[ramp]
first = 200
ramp_interval_s = 2

[silence]
slow_s = 4
silent_s = 10
lost_s = 40

[startds]
lifetime_s = 3600
pending_s = 60
keep_finished_s = 3
"""

Thing = dict[str, Any]


def users_job(name: str, script: str, *, namespace: str = "atlas", **more: Any) -> Thing:
    """A Job as a user writes it, the queue's label and nothing else added.

    more: spec (of the Job), pod (of its template), cpu, memory, labels, annotations, env.
    """
    size = {"cpu": more.get("cpu", "100m"), "memory": more.get("memory", "64Mi")}
    container = {
        "name": "main",
        "image": BUSYBOX,
        "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", script],
        "env": [{"name": MARK.decode(), "value": name}, *more.get("env", [])],
        "resources": {"requests": size, "limits": size},
    }
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        **more.get("pod", {}),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {LABEL: QUEUE, **more.get("labels", {})},
            "annotations": more.get("annotations", {}),
        },
        "spec": {
            "backoffLimit": 0,
            **more.get("spec", {}),
            "template": {"spec": pod},
        },
    }


class HubCluster:
    """The cluster in which users make Jobs: a control plane without a node."""

    def __init__(self, plane: ControlPlane, namespace: str = "atlas") -> None:
        self.plane, self.namespace = plane, namespace
        if plane.api.find(f"/api/v1/namespaces/{namespace}") is None:
            plane.namespace(namespace)

    def path(self, name: str = "") -> str:
        """Of a Job, or of them all."""
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs" + (f"/{name}" if name else "")

    def create(self, job: Thing) -> str:
        """Its uid."""
        return str(self.plane.api.create(job)["metadata"]["uid"])

    def apply(self, job: Thing) -> str:
        """As a user does: `kubectl apply -f -`."""
        return self.plane.kubectl("apply", "-f", "-", stdin=json.dumps(job))

    def job(self, name: str) -> Thing:
        """The whole object."""
        return self.plane.api.get(self.path(name))

    def jobs(self) -> list[Thing]:
        """All of the namespace."""
        return self.plane.api.items(self.path())

    def status(self, name: str) -> Thing:
        """Its status as any client reads it."""
        found: Thing = self.job(name).get("status") or {}
        return found

    def condition(self, name: str, kind: str) -> Thing:
        """A condition that is True; {} where there is none."""
        return condition(self.job(name), kind)

    def over(self, name: str) -> str:
        """How it ended: Complete or Failed; "" before."""
        return ended(self.job(name))

    def wait(self, name: str, how: str, timeout_s: float = 60) -> Thing:
        """Waits for its end, which must be `how`; the whole object."""
        eventually(f"{name} is over", lambda: self.over(name), timeout_s)
        whole = self.job(name)
        assert ended(whole) == how, f"{name}: {json.dumps(whole.get('status'), indent=1)}"
        return whole


def condition(job: Thing, kind: str) -> Thing:
    """A condition of a Job that is True; {} where there is none."""
    found = [c for c in job.get("status", {}).get("conditions") or [] if c["type"] == kind and c["status"] == "True"]
    return dict(found[0]) if found else {}


def ended(job: Thing) -> str:
    """How it ended: Complete or Failed; "" before."""
    return next((kind for kind in ("Complete", "Failed") if condition(job, kind)), "")


class JobFederation(Federation):
    """A federation with a queue of Jobs in a hub cluster."""

    def add_queue(self, hub: HubCluster, principals: str = PRINCIPALS, *, policies: bool = True) -> None:
        """The queue in fedsched.toml, and our account in the hub.

        policies: whether the hub's admin leaves what sets `spec.managedBy`, and refuses, in force.
        """
        self.settings += f'\n[[queue]]\nname = "{QUEUE}"\nkind = "hub"\ncredential = "hub.json"\n' + principals
        (self.folder / "fedsched.toml").write_text(self.settings)
        plane = hub.plane
        self.run("hub", "join", QUEUE, "--kubeconfig", str(plane.kubeconfig), "--cluster-context", plane.name)
        for kind in () if policies else ("mutating", "validating"):
            plane.kubectl("delete", f"{kind}admissionpolicybindings", "--all")

    def join_for_jobs(self, plane: ControlPlane, name: str = "", *arguments: str, **more: Any) -> str:
        """A member that takes users' Jobs and no startds."""
        name = self.join(plane, name, "--form", "job", *arguments, **more)
        self.add_to_member(name, "budgets", "requests_per_s = 100\nobjects_in_flight = 1000\npods_pulling = 1000")
        return name


def copies(planes: Mapping[str, ControlPlane], uid: str, namespace: str = "fedsched") -> dict[str, Thing]:
    """The Jobs at members that are copies of a user's Job, as "member/name" -> object."""
    query = f"?labelSelector={JOB_UID.replace('/', '%2F')}%3D{uid}"
    return {
        f"{member}/{thing['metadata']['name']}": thing
        for member, plane in planes.items()
        for thing in plane.api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs{query}")
    }


def alive(job: str) -> set[str]:
    """Names of pods of a Job of which a process runs on this machine now."""
    return running_copies().get(job, set())


def running_copies() -> dict[str, set[str]]:
    """Of every Job that has one: the pods of which a process runs on this machine now, by their environment.

    Who asks API servers hears nothing of a member that hangs; its processes are seen here all the same.
    """
    found: dict[str, set[str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "environ").read_bytes()
        except OSError:
            continue  # it has just ended
        if MARK in told:
            values = dict(entry.split("=", 1) for entry in told.decode(errors="replace").split("\0") if "=" in entry)
            found.setdefault(values[MARK.decode()], set()).add(values["HOSTNAME"])
    return found
