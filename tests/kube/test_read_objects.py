"""Our Jobs and DaemonSets with their pods, as a real control plane tells of them."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.matchmaker.model import Placement, Principal, names
from fedsched.matchmaker.resources import Resources
from tests.kube.reading import OURS, member, reading, until


def anchor(plane: Any, namespace: str, name: str = names.ANCHOR, epoch: int | None = None) -> str:
    """Makes the anchor or fence; its uid."""
    data = {} if epoch is None else {"epoch": str(epoch)}
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, "labels": OURS}}
    uid: str = plane.api.create({**head, "data": data})["metadata"]["uid"]
    return uid


def placement(placement_id: str) -> Placement:
    """Any placement."""
    principal = Principal("cms", "alice@b")
    return Placement(
        id=placement_id, member="m1", node_group="c8-m32", form="startd-job", pool="a", schedd="s", principal=principal,
        class_key="k", size=Resources(1000, 1024), created_at=1.0, expires_at=2.0, lifetime_s=3600, retire_s=60,
        idle_s=60, first_refusal_s=60, epoch=3,
    )  # fmt: skip


def job(namespace: str, placement_id: str, owner: str, **annotations: str) -> dict[str, Any]:
    """A Job as fedsched would write it, with a pod that runs until deleted."""
    labels = {**OURS, names.LABEL_PLACEMENT: placement_id, names.LABEL_MEMBER: "m1", names.LABEL_EPOCH: "3"}
    record = msgspec.json.encode(placement(placement_id)).decode()
    notes = {names.NOTE_PLACEMENT: record, names.NOTE_DIGEST: "d1"}
    owners = [{"apiVersion": "v1", "kind": "ConfigMap", "name": names.ANCHOR, "uid": owner}]
    requests = {"cpu": "1", "memory": "1Gi"}
    container = {"name": "startd", "image": "x", "resources": {"requests": requests, "limits": requests}}
    pod = {
        "metadata": {"labels": labels, "annotations": {"sim/seconds": "3600s", **annotations}},
        "spec": {"restartPolicy": "Never", "containers": [container], "nodeSelector": {"set": namespace}},
    }
    meta = {"name": f"fs-{placement_id}", "namespace": namespace, "labels": labels, "annotations": notes}
    spec = {"backoffLimit": 0, "template": pod}
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {**meta, "ownerReferences": owners}, "spec": spec,
    }  # fmt: skip


def test_our_job_is_seen_with_its_pod_from_pending_to_its_end(control_plane: Any, namespace: str) -> None:
    control_plane.add_fake_nodes("obj", 1, cpu=4, memory="16Gi", labels={"set": namespace})
    uid = anchor(control_plane, namespace)
    anchor(control_plane, namespace, names.FENCE, epoch=7)
    with reading(control_plane, member(namespace)) as reader:
        until(reader, lambda v, _: v.anchor_uid == uid and v.fence_epoch == 7)
        control_plane.api.create(job(namespace, "p1", uid, **{"sim/seconds": "6s", "sim/exit": "3"}))
        _, (seen,) = until(reader, lambda _, o: o and o[0].pods and o[0].pods[0].phase == "running")
        assert (seen.kind, seen.name, seen.placement_id, seen.epoch, seen.digest) == ("Job", "fs-p1", "p1", 3, "d1")
        assert seen.placement == placement("p1")
        assert seen.owned
        (running,) = seen.pods
        assert running.node
        assert running.started_at
        assert running.problem == ""
        path = f"/api/v1/namespaces/{namespace}/pods/{running.name}"
        control_plane.api.patch(path, {"metadata": {"annotations": {names.NOTE_LEAVE: "1700000000"}}})
        until(reader, lambda _, o: o[0].pods[0].leave_ordered_at == 1700000000.0)
        # The pod's own end arrives on another stream than the Job's.
        _, (seen,) = until(reader, lambda _, o: o[0].finished == "failed" and o[0].pods[0].ended_at)
        assert seen.finished_reason == "BackoffLimitExceeded"
        assert [(p.phase, p.exit_code) for p in seen.pods] == [("failed", 3)]
        assert seen.pods[0].ended_at


def test_a_pod_that_no_node_takes_says_why(control_plane: Any, namespace: str) -> None:
    uid = anchor(control_plane, namespace)
    with reading(control_plane, member(namespace)) as reader:
        control_plane.api.create(job(namespace, "p2", uid))
        _, (seen,) = until(reader, lambda _, o: o and o[0].pods and o[0].pods[0].problem)
        assert seen.pods[0].phase == "pending"
        assert seen.pods[0].problem.startswith("Unschedulable: 0/")


def test_a_job_whose_pod_admission_refuses_says_why(control_plane: Any, namespace: str) -> None:
    uid = anchor(control_plane, namespace)
    head = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": namespace}}
    control_plane.api.create({**head, "spec": {"hard": {"pods": "0"}}})
    control_plane.api.wait(
        f"/api/v1/namespaces/{namespace}/resourcequotas/none", lambda o: o and o["status"].get("hard")
    )
    with reading(control_plane, member(namespace)) as reader:
        control_plane.api.create(job(namespace, "p3", uid))
        _, (seen,) = until(reader, lambda _, o: o and o[0].refused)
        assert "exceeded quota: none" in seen.refused


def test_foreign_objects_and_forged_records_are_not_taken_for_ours(control_plane: Any, namespace: str) -> None:
    uid = anchor(control_plane, namespace)
    foreign = job(namespace, "p4", uid)
    foreign["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "somebody"}
    forged = job(namespace, "p5", uid)
    forged["metadata"]["annotations"][names.NOTE_PLACEMENT] = msgspec.json.encode(placement("other")).decode()
    broken = job(namespace, "p6", uid)
    broken["metadata"]["annotations"][names.NOTE_PLACEMENT] = '{"id": 3'
    for made in (foreign, forged, broken):
        control_plane.api.create(made)
    with reading(control_plane, member(namespace)) as reader:
        _, objects = until(reader, lambda _, o: len(o) == 2)
        assert [(o.name, o.placement) for o in objects] == [("fs-p5", None), ("fs-p6", None)]


def test_an_object_without_the_present_anchor_is_not_owned(control_plane: Any, namespace: str) -> None:
    made = job(namespace, "p7", anchor(control_plane, namespace))
    del made["metadata"]["ownerReferences"]
    control_plane.api.create(made)
    with reading(control_plane, member(namespace)) as reader:
        _, (seen,) = until(reader, lambda _, o: len(o) == 1)
        assert not seen.owned
