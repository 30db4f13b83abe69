"""A real kubelet runs real containers, and leaves nothing on the machine."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.laboratory.ledger import CGROUPS, shims
from tests.laboratory.part_images import BUSYBOX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.laboratory.controlplane import ControlPlane
    from tests.laboratory.realnode import RealNode


def job(name: str, namespace: str, script: str, selector: dict[str, str]) -> dict[str, Any]:
    container = {"name": "c", "image": BUSYBOX, "imagePullPolicy": "Never", "command": ["/bin/sh", "-c", script]}
    pod = {"restartPolicy": "Never", "nodeSelector": selector, "containers": [container]}
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def pod_of(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    return plane.api.items(f"/api/v1/namespaces/{namespace}/pods?labelSelector=job-name%3D{name}")[0]


def test_a_real_container_ends_with_its_own_exit_code_and_the_logs_come_back(
    control_plane: ControlPlane, real_node: RealNode, namespace: str
) -> None:
    control_plane.api.create(job("seven", namespace, "echo spoken; exit 7", real_node.labels))

    control_plane.api.wait(
        f"/apis/batch/v1/namespaces/{namespace}/jobs/seven", lambda o: o and o.get("status", {}).get("failed"), 60
    )

    pod = pod_of(control_plane, namespace, "seven")
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7
    assert pod["status"]["podIP"].startswith(f"10.254.{real_node.bridge.number}.")
    log = control_plane.api.get(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/log")
    assert log["message"] == "spoken\n"


def test_a_stopped_node_leaves_no_mount_shim_cgroup_bridge_or_rule(
    control_plane: ControlPlane, fresh_real_node: Callable[..., RealNode], namespace: str
) -> None:
    node = fresh_real_node(control_plane, "real-gone", labels={"real": "gone"})
    node.close_inbound()
    node.cut("10.255.255.1")
    control_plane.api.create(job("long", namespace, "exec sleep 3600", node.labels))
    control_plane.api.wait(
        f"/apis/batch/v1/namespaces/{namespace}/jobs/long", lambda o: o and o.get("status", {}).get("ready"), 60
    )
    assert shims(str(node.socket))

    node.stop()

    assert str(node.folder) not in Path("/proc/self/mounts").read_text()
    assert not shims(str(node.socket))
    assert not list(CGROUPS.glob(f"*/{node.cgroup}"))
    assert not Path(f"/sys/class/net/{node.bridge.name}").exists()
    rules = subprocess.run(["iptables", "-w", "-S"], capture_output=True, text=True, check=True).stdout
    assert node.bridge.name not in rules
    assert "KUBE" not in rules or node.bridge.name not in rules
