"""A real control plane is read: groups, rooms, our objects, what changes and how fast."""

from __future__ import annotations

import threading
import time
from typing import Any

from fedsched.config.settings import DeclaredGroup
from fedsched.matchmaker.resources import Resources
from tests.kube.reading import OURS, group, member, pod, reading, service_account, until


def test_a_hand_made_pod_lowers_the_room_of_its_node_and_gives_it_back(control_plane: Any, namespace: str) -> None:
    names = control_plane.add_fake_nodes(
        "room", 2, cpu=8, memory="32Gi", labels={"set": namespace}, ephemeral_storage="100Gi"
    )
    with reading(control_plane, member(namespace, node_selector=(("set", namespace),))) as reader:
        view, _ = until(reader, lambda v, _: (g := group(v, "c8-m32")) is not None and g.ready == 2)
        empty = Resources(8000, 32768, 102400, pods=110)
        assert [(r.free, r.nodes) for r in group(view, "c8-m32").rooms] == [(empty, 2)]
        requests = {"cpu": "1500m", "memory": "2Gi", "ephemeral-storage": "1Gi"}
        control_plane.api.create(pod(namespace, "guest", node=names[0], requests=requests))
        view, _ = until(reader, lambda v, _: len(group(v, "c8-m32").rooms) == 2)
        assert {r.free for r in group(view, "c8-m32").rooms} == {empty, Resources(6500, 30720, 101376, pods=109)}
        control_plane.api.delete(f"/api/v1/namespaces/{namespace}/pods/guest", grace_s=0)
        until(reader, lambda v, _: [(r.free, r.nodes) for r in group(v, "c8-m32").rooms] == [(empty, 2)])


def test_devices_of_any_name_are_room_and_gpus_are_told_by_product(control_plane: Any, namespace: str) -> None:
    labels = {"set": namespace, "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920"}
    shape = {"cpu": 96, "memory": "1024Gi", "extended": {"nvidia.com/gpu": 8, "xilinx.com/fpga": 2}}
    taint = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
    names = control_plane.add_fake_nodes("dgx", 1, labels=labels, taints=[taint], **shape)
    with reading(control_plane, member(namespace, node_selector=(("set", namespace),))) as reader:
        until(reader, lambda v, _: v.node_groups)
        requests = {"cpu": "1", "nvidia.com/gpu": "3", "xilinx.com/fpga": "1"}
        control_plane.api.create(pod(namespace, "guest", node=names[0], requests=requests))
        view, _ = until(reader, lambda v, _: v.node_groups and v.node_groups[0].rooms[0].free.gpus == 5)
        (dgx,) = view.node_groups
        assert dgx.name == "c96-m1024-a100x8-fpgax2"
        assert dgx.gpu_resource == "nvidia.com/gpu"
        assert dgx.allocatable.gpus == 8
        assert dgx.rooms[0].free.other == (("xilinx.com/fpga", 1),)
        assert dict(dgx.attributes)["GPUs_DeviceName"] == '"NVIDIA-A100-SXM4-80GB"'
        assert dict(dgx.attributes)["GPUs_GlobalMemoryMb"] == "81920"
        assert [(t.key, t.value, t.effect) for t in dgx.taints] == [("gpu", "yes", "NoSchedule")]
        assert dgx.barred == dgx.taints, "the member's file tolerates none"


def test_cordoned_and_silent_nodes_are_no_room_but_stay_in_their_group(control_plane: Any, namespace: str) -> None:
    names = control_plane.add_fake_nodes("state", 3, cpu=4, memory="16Gi", labels={"set": namespace})
    with reading(control_plane, member(namespace, node_selector=(("set", namespace),))) as reader:
        until(reader, lambda v, _: group(v, "c4-m16") and group(v, "c4-m16").rooms[0].nodes == 3)
        control_plane.api.patch(f"/api/v1/nodes/{names[0]}", {"spec": {"unschedulable": True}})
        view, _ = until(reader, lambda v, _: group(v, "c4-m16").cordoned == 1)
        assert (group(view, "c4-m16").nodes, sum(r.nodes for r in group(view, "c4-m16").rooms)) == (3, 2)
        control_plane.api.delete(f"/api/v1/nodes/{names[1]}")
        view, _ = until(reader, lambda v, _: group(v, "c4-m16").nodes == 2)
        assert sum(r.nodes for r in group(view, "c4-m16").rooms) == 1


def test_a_declared_group_wins_and_names_its_nodes(control_plane: Any, namespace: str) -> None:
    pool = {"set": namespace, "pool": "batch"}
    control_plane.add_fake_nodes("declared", 2, cpu=4, memory="16Gi", labels=pool)
    control_plane.add_fake_nodes("other", 1, cpu=4, memory="16Gi", labels={"set": namespace})
    declared = DeclaredGroup("batch", (("pool", "batch"),), (("HasCvmfs", "true"),), can_grow_to=10)
    file = member(namespace, node_selector=(("set", namespace),), groups=(declared,))
    with reading(control_plane, file) as reader:
        view, _ = until(reader, lambda v, _: {g.name: g.nodes for g in v.node_groups} == {"batch": 2, "c4-m16": 1})
        batch = group(view, "batch")
        assert ("pool", "batch") in batch.selector
        assert dict(batch.attributes)["HasCvmfs"] == "true"
        assert batch.can_grow_to == 10
        picks = control_plane.api.items(
            "/api/v1/nodes?labelSelector=" + ",".join(f"{k}={v}" for k, v in batch.selector)
        )
        assert len(picks) == 2


def test_quota_and_limits_say_what_they_leave(control_plane: Any, namespace: str) -> None:
    (node,) = control_plane.add_fake_nodes("quota", 1, cpu=4, memory="16Gi", labels={"set": namespace})
    hard = {
        "requests.cpu": "10",
        "limits.memory": "20Gi",
        "pods": "5",
        "count/jobs.batch": "3",
        "requests.nvidia.com/gpu": "2",
    }
    head = {"apiVersion": "v1", "metadata": {"name": "compute", "namespace": namespace}}
    control_plane.api.create({**head, "kind": "ResourceQuota", "spec": {"hard": hard}})
    lines = [{"type": "Container", "max": {"cpu": "2", "memory": "4Gi"}, "min": {"cpu": "100m"}}]
    control_plane.api.create({**head, "kind": "LimitRange", "spec": {"limits": lines}})
    quota = f"/api/v1/namespaces/{namespace}/resourcequotas/compute"
    control_plane.api.wait(quota, lambda o: o and "hard" in o.get("status", {}))
    limit_range = f"/api/v1/namespaces/{namespace}/limitranges"
    control_plane.api.wait(f"{limit_range}/compute", bool)
    with reading(control_plane, member(namespace)) as reader:
        made = pod(namespace, "guest", node=node, requests={"cpu": "1500m", "memory": "1Gi"})
        made["spec"]["containers"][0]["resources"]["limits"] = {"cpu": "1500m", "memory": "1Gi"}
        control_plane.api.create(made)
        view, _ = until(reader, lambda v, _: v.quotas and v.quotas[0].left.cpu_milli == 8500)
        (left,) = view.quotas
        assert left.left == Resources(8500, 19 * 1024, gpus=2, pods=4)
        assert left.limits == {"cpu_milli", "memory_mib", "gpus", "pods", "jobs"}
        assert left.jobs_left == 3
        (bounds,) = view.limits
        assert (bounds.maximum, bounds.maximum_names) == (Resources(2000, 4096), {"cpu_milli", "memory_mib"})
        assert (bounds.minimum, bounds.minimum_names) == (Resources(100), {"cpu_milli"})


def test_a_site_pod_that_cannot_be_scheduled_says_on_which_of_our_nodes_it_could_run(
    control_plane: Any, namespace: str
) -> None:
    labels = {"set": namespace, "disk": "ssd"}
    ssd, *_ = control_plane.add_fake_nodes("ssd", 1, cpu=4, memory="16Gi", labels=labels)
    hdd, *_ = control_plane.add_fake_nodes("hdd", 1, cpu=4, memory="16Gi", labels={"set": namespace, "disk": "hdd"})
    for node in (ssd, hdd):
        ours = pod(namespace, f"ours-{node}", node=node, requests={"cpu": "3"})
        ours["metadata"]["labels"] = OURS
        control_plane.api.create(ours)
    with reading(control_plane, member(namespace)) as reader:
        until(reader, lambda v, _: {r.node for r in v.node_rooms} == {ssd, hdd})
        rule = {"key": "disk", "operator": "In", "values": ["ssd"]}
        affinity = {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}
        }
        requests = {"cpu": "2", "memory": "1Gi"}
        site = pod(
            namespace, "site", requests=requests, nodeSelector={"set": namespace}, affinity={"nodeAffinity": affinity}
        )
        control_plane.api.create(site)
        view, _ = until(reader, lambda v, _: [p for p in v.site_pods if p.name == f"{namespace}/site"])
        (seen,) = [p for p in view.site_pods if p.name == f"{namespace}/site"]
        assert (seen.request, seen.nodes) == (Resources(2000, 1024, pods=1), (ssd,))
        assert len(seen.groups) == 1
        assert time.time() - 60 < seen.since < time.time() + 5
        assert {r.node: r.free.cpu_milli for r in view.node_rooms} == {ssd: 1000, hdd: 1000}
        control_plane.api.delete(f"/api/v1/namespaces/{namespace}/pods/ours-{ssd}", grace_s=0)
        until(reader, lambda v, _: not [p for p in v.site_pods if p.name == f"{namespace}/site"])


def test_with_visibility_namespace_nothing_cluster_scoped_is_asked_and_declared_room_is_bounded_by_quota(
    control_plane: Any, namespace: str
) -> None:
    head = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "compute", "namespace": namespace}}
    control_plane.api.create({**head, "spec": {"hard": {"requests.cpu": "10", "pods": "5"}}})
    quota = f"/api/v1/namespaces/{namespace}/resourcequotas/compute"
    control_plane.api.wait(quota, lambda o: o and "hard" in o.get("status", {}))
    kinds = [("", ["pods", "configmaps", "resourcequotas", "limitranges", "events"]), ("batch", ["jobs"])]
    rules = [{"apiGroups": [group], "resources": names, "verbs": ["list", "watch"]} for group, names in kinds]
    token = service_account(control_plane, namespace, rules, [])
    shape = Resources(16000, 65536, 10240, pods=110)
    declared = DeclaredGroup("guest", (("pool", "guest"),), allocatable=shape, nodes=4)
    file = member(namespace, visibility="namespace", groups=(declared,))
    with reading(control_plane, file, token=token) as reader:
        view, _ = until(reader, lambda v, _: v.contact == "ok")
        (guest,) = view.node_groups
        assert guest.declared
        assert [(room.free.cpu_milli, room.free.pods, room.nodes) for room in guest.rooms] == [(10000, 5, 4)]
        assert view.facts == ()
        assert (view.priority_classes, view.node_rooms, view.site_pods) == (None, (), ())
        assert view.version.startswith("v1.")


def test_who_waits_for_changes_is_told_when_room_changes(control_plane: Any, namespace: str) -> None:
    (node,) = control_plane.add_fake_nodes("told", 1, cpu=8, memory="32Gi", labels={"set": namespace})
    told = threading.Event()
    file = member(namespace, node_selector=(("set", namespace),))
    with reading(control_plane, file, changed=told.set) as reader:
        until(reader, lambda v, _: v.node_groups)
        assert told.wait(30)
        began = time.monotonic()
        control_plane.api.create(pod(namespace, "guest", node=node, requests={"cpu": "1"}))
        until(reader, lambda v, _: v.node_groups[0].rooms[0].free.cpu_milli == 7000, 5)
        assert time.monotonic() - began < 3
