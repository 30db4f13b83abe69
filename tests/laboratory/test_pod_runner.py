"""The pod runner does to a labelled pod what a kubelet does, with unmodified manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.laboratory.part_images import BUSYBOX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.laboratory.controlplane import ControlPlane
    from tests.laboratory.podrunner import PodRunner

LABELS = {"app.kubernetes.io/managed-by": "fedsched"}
SCRIPT = """\
echo "ip $POD_IP cores $CORES node $NODE key $KEY uid $(id -u) on $(hostname)"
touch /etc/no 2>/dev/null || echo read-only
touch /scratch/yes && echo writable
trap 'echo told; exit 4' TERM
until grep -q leave /etc/pod/annotations; do sleep 0.1; done
echo seen leave
until grep -q second /etc/fedsched/KEY; do sleep 0.1; done
echo seen change
while :; do sleep 0.1; done
"""


def field(path: str) -> dict[str, Any]:
    return {"fieldRef": {"fieldPath": path}}


def pod(name: str, namespace: str, node: str, **container: Any) -> dict[str, Any]:
    spec = {
        "nodeName": node,
        "restartPolicy": "Never",
        "securityContext": {"runAsUser": 64000, "runAsGroup": 64000},
        "terminationGracePeriodSeconds": 5,
        "containers": [{"name": "c", "image": BUSYBOX, **container}],
        "volumes": [
            {"name": "config", "configMap": {"name": "config"}},
            {"name": "work", "emptyDir": {}},
            {"name": "pod", "downwardAPI": {"items": [{"path": "annotations", **field("metadata.annotations")}]}},
        ],
    }
    metadata = {"name": name, "namespace": namespace, "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


FULL = {
    "command": ["/bin/sh", "-c", SCRIPT],
    "securityContext": {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False},
    "resources": {"requests": {"cpu": "1500m"}},
    "env": [
        {"name": "POD_IP", "valueFrom": field("status.podIP")},
        {"name": "NODE", "valueFrom": field("spec.nodeName")},
        {"name": "CORES", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu"}}},
    ],
    "envFrom": [{"configMapRef": {"name": "config"}}],
    "volumeMounts": [
        {"name": "config", "mountPath": "/etc/fedsched"},
        {"name": "work", "mountPath": "/scratch"},
        {"name": "pod", "mountPath": "/etc/pod"},
    ],
}


@pytest.fixture
def runner(control_plane: ControlPlane, namespace: str, pod_runner: Callable[..., PodRunner]) -> PodRunner:
    """A pod runner, a node "stage-0" and the ConfigMap that the pods here read."""
    if control_plane.api.find("/api/v1/nodes/stage-0") is None:
        control_plane.add_fake_nodes("stage", 1)
    made = pod_runner(control_plane)
    config = {"name": "config", "namespace": namespace}
    control_plane.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": config, "data": {"KEY": "first"}})
    return made


def phase_is(*phases: str) -> Callable[[Any], bool]:
    return lambda seen: bool(seen) and seen["status"].get("phase") in phases


def test_environment_files_and_the_end_are_as_a_kubelet_makes_them(
    control_plane: ControlPlane, namespace: str, runner: PodRunner
) -> None:
    api, path = control_plane.api, f"/api/v1/namespaces/{namespace}/pods/full"
    manifest = pod("full", namespace, "stage-0", **FULL)
    manifest["spec"]["terminationGracePeriodSeconds"] = 60  # it says a last word and ends by itself
    api.create(manifest)
    ip = (api.wait(path, phase_is("Running")) or {})["status"]["podIP"]

    api.patch(path, {"metadata": {"annotations": {"fedsched.io/leave": "leave"}}})
    api.patch(f"/api/v1/namespaces/{namespace}/configmaps/config", {"data": {"KEY": "second"}})
    wait_for(runner, namespace, "seen change")
    api.delete(path)
    api.wait(path, lambda seen: seen is None, 60)

    lines = runner.log(namespace, "full").splitlines()
    assert lines[0] == f"ip {ip} cores 2 node stage-0 key first uid 64000 on full"
    assert lines[1:] == ["read-only", "writable", "seen leave", "seen change", "told"]


def test_an_exit_code_reaches_the_api_server(control_plane: ControlPlane, namespace: str, runner: PodRunner) -> None:
    api, path = control_plane.api, f"/api/v1/namespaces/{namespace}/pods/nine"
    api.create(pod("nine", namespace, "stage-0", command=["/bin/sh", "-c", "exit 9"]))

    seen = api.wait(path, phase_is("Failed", "Succeeded")) or {}

    assert seen["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 9
    assert (namespace, "nine") not in runner.pods()


def test_a_missing_image_is_said_as_a_kubelet_says_it(
    control_plane: ControlPlane, namespace: str, runner: PodRunner
) -> None:
    manifest = pod("bare", namespace, "stage-0")
    manifest["spec"]["containers"][0]["image"] = "docker.io/nobody/nothing:1"
    control_plane.api.create(manifest)

    seen = control_plane.api.wait(
        f"/api/v1/namespaces/{namespace}/pods/bare", lambda o: o and "containerStatuses" in o["status"]
    )

    waiting = (seen or {})["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "ErrImageNeverPull"
    assert runner.selector == LABELS


def test_a_killed_pod_is_not_reported_until_its_node_is_back(
    control_plane: ControlPlane, namespace: str, runner: PodRunner
) -> None:
    api, path = control_plane.api, f"/api/v1/namespaces/{namespace}/pods/lost"
    api.create(pod("lost", namespace, "stage-0", command=["/bin/sh", "-c", "exec sleep 600"]))
    api.wait(path, phase_is("Running"))

    runner.kill(namespace, "lost")
    api.delete(path)
    seen = api.get(path)
    assert seen["status"]["phase"] == "Running"
    assert seen["metadata"]["deletionTimestamp"]

    runner.report(namespace, "lost")
    api.wait(path, lambda o: o is None)


def wait_for(runner: PodRunner, namespace: str, text: str) -> None:
    """Waits until the pod "full" has written a text."""
    runner.control_plane.api.wait(
        f"/api/v1/namespaces/{namespace}/pods/full", lambda _: text in runner.log(namespace, "full")
    )
