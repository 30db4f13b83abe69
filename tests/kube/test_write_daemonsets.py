"""Startd DaemonSets at a real API server: a pod per node, gone by selector, privileged only where allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fedsched.matchmaker.model import CreateObject, DeleteObject, ParkDaemonSet
from tests.kube.write_builders import NOW, worker
from tests.kube.write_site import EPOCH, Site

if TYPE_CHECKING:
    from tests.laboratory.controlplane import ControlPlane

DS = "startd-daemonset"


@pytest.fixture
def site(control_plane: ControlPlane, namespace: str) -> Site:
    return Site(control_plane, namespace)


def running(site: Site) -> list[str]:
    return [each["spec"]["nodeName"] for each in site.pods() if each["status"]["phase"] == "Running"]


def test_each_node_of_the_group_gets_its_pod_and_so_does_a_new_one(site: Site) -> None:
    nodes = site.nodes(2)
    site.place(form=DS)
    site.until(lambda: sorted(running(site)) == sorted(nodes), "a pod on each node")
    added = site.plane.add_fake_nodes(f"{site.label}-new", 1, labels={"site": site.label}, cpu=8, memory="32Gi")
    site.until(lambda: sorted(running(site)) == sorted([*nodes, *added]), "a pod on the new node")


def test_the_pods_of_a_parked_daemonset_leave_and_it_stays(site: Site) -> None:
    nodes = site.nodes(2)
    made = site.place(form=DS)
    site.until(lambda: sorted(running(site)) == sorted(nodes), "a pod on each node")
    wrong = ParkDaemonSet("m1", "p-0001", "fs-p-0001", site.anchor_uid)
    assert site.act(wrong).result == "conflict"
    assert site.act(ParkDaemonSet("m1", "p-0001", "fs-p-0001", made.uid)).result == "done"
    site.until(lambda: not site.pods(), "no pods")
    assert site.names_of(site.sets) == {"fs-p-0001"}
    assert site.act(DeleteObject("m1", "p-0001", "fs-p-0001", "DaemonSet", made.uid)).result == "done"
    site.until(lambda: not site.names_of(site.sets), "no DaemonSet")


def test_a_daemonset_is_created_once_and_known_again(site: Site) -> None:
    create = CreateObject("m1", site.placement(form=DS))
    first, second = site.act(create), site.act(create)
    assert (first.result, second.result, first.uid == second.uid) == ("done", "done", True)
    assert (first.what, second.what) == ("", "it existed already")


def test_a_privileged_daemonset_is_warned_of_and_gets_no_pod_in_a_restricted_namespace(site: Site) -> None:
    site.nodes()
    file = site.member_file(allow_privileged=True, allow_host_network=True)
    actuator = site.new_actuator(file)
    outcome = actuator.act(CreateObject("m1", site.placement(form=DS)), worker(), EPOCH, NOW)
    assert outcome.result == "done"
    assert "would violate PodSecurity" in outcome.what
    refused = site.until(
        lambda: [e for e in site.admin.items(f"{site.core}/events") if e["reason"] == "FailedCreate"], "a refusal"
    )
    assert "violates PodSecurity" in refused[0]["message"]
    assert site.pods() == []


def test_a_privileged_daemonset_runs_where_the_site_and_the_file_allow_it(site: Site) -> None:
    nodes = site.nodes()
    allowed = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    site.admin.patch(f"/api/v1/namespaces/{site.namespace}", allowed)
    actuator = site.new_actuator(site.member_file(allow_privileged=True, allow_host_network=True))
    assert actuator.act(CreateObject("m1", site.placement(form=DS)), worker(), EPOCH, NOW).result == "done"
    site.until(lambda: running(site) == nodes, "the pod")
    spec = site.pod()["spec"]
    assert (spec["hostNetwork"], spec["containers"][0]["securityContext"]["privileged"]) == (True, True)
