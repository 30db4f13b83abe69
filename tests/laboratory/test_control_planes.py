"""Control planes are real, several at once, and can be broken and healed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client, config

from tests.laboratory.kubeapi import ApiError
from tests.laboratory.places import LaboratoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.laboratory.controlplane import ControlPlane


def job(name: str, namespace: str, annotations: dict[str, str]) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "any"}]}
    template = {"metadata": {"annotations": annotations}, "spec": pod}
    metadata = {"name": name, "namespace": namespace}
    spec = {"backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def test_three_are_ready_at_once_and_know_nothing_of_each_other(members: dict[str, ControlPlane]) -> None:
    """Other tests may have used these three before: what they added is not looked at, and nothing stays of this one."""
    own = {name: f"only-{name}-0" for name in members}
    try:
        for name, plane in members.items():
            plane.add_fake_nodes(f"only-{name}", 1, extended={"nvidia.com/gpu": 8})

        for name, plane in members.items():
            nodes = {node["metadata"]["name"]: node for node in plane.api.items("/api/v1/nodes")}
            assert set(nodes) & set(own.values()) == {own[name]}
            assert nodes[own[name]]["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    finally:
        for name, plane in members.items():
            plane.api.delete(f"/api/v1/nodes/{own[name]}")


def test_a_job_on_a_simulated_node_ends_as_its_annotations_say(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.add_fake_nodes("plain", 1)
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"

    control_plane.api.create(job("good", namespace, {"sim/seconds": "1s"}))
    control_plane.api.create(job("bad", namespace, {"sim/exit": "3"}))

    control_plane.api.wait(f"{jobs}/good", lambda o: o and o.get("status", {}).get("succeeded"))
    control_plane.api.wait(f"{jobs}/bad", lambda o: o and o.get("status", {}).get("failed"))


def test_a_paused_one_hangs_a_killed_one_refuses_a_restarted_one_remembers(
    fresh_control_plane: Callable[..., ControlPlane],
) -> None:
    plane = fresh_control_plane("frail")
    plane.namespace("kept")

    plane.pause()
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        plane.api.request("GET", "/api/v1/nodes", limit_s=1)
    assert time.monotonic() - begin > 0.9
    plane.resume()
    assert plane.api.get("/api/v1/namespaces/kept")

    plane.kill()
    with pytest.raises(ConnectionError):
        plane.api.get("/api/v1/nodes")

    plane.restart()
    assert plane.api.get("/api/v1/namespaces/kept")


def test_a_kubeconfig_for_anybody_has_that_bodys_rights_and_names_no_file(control_plane: ControlPlane) -> None:
    file = control_plane.kubeconfig_for("alice", groups=["physicists"])
    api = client.CoreV1Api(config.new_client_from_config(str(file)))

    with pytest.raises(client.ApiException) as refused:
        api.list_node()

    assert refused.value.status == 403
    assert "alice" in refused.value.body
    assert "/" + control_plane.name not in file.read_text()


def test_an_error_keeps_its_code_and_reason(control_plane: ControlPlane) -> None:
    with pytest.raises(ApiError) as error:
        control_plane.api.get("/api/v1/nodes/nobody")
    assert (error.value.status, error.value.reason) == (404, "NotFound")


def test_a_restored_control_plane_knows_what_it_knew_when_it_was_saved(
    fresh_control_plane: Callable[..., ControlPlane],
) -> None:
    plane = fresh_control_plane("restored", kwok=False)
    plane.namespace("before")
    copy = plane.save()
    plane.namespace("after")
    plane.restore(copy)
    assert plane.api.get("/api/v1/namespaces/before")
    assert plane.api.find("/api/v1/namespaces/after") is None


@pytest.mark.realnode
def test_kubectl_is_of_the_same_version_and_says_why_it_fails(control_plane: ControlPlane) -> None:
    assert control_plane.kubectl("get", "namespaces", "-o", "name").splitlines().count("namespace/default") == 1
    versions = json.loads(control_plane.kubectl("version", "-o", "json"))
    assert versions["clientVersion"]["gitVersion"] == versions["serverVersion"]["gitVersion"]
    with pytest.raises(LaboratoryError, match="NotFound"):
        control_plane.kubectl("get", "namespace", "nobody")
