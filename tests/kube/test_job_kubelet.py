"""Copies in a real kubelet's containers: the objects that come along are there, limits are enforced, ends are told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from fedsched.config.settings import JobRules
from tests.kube.job_builders import config_map, job, secret
from tests.kube.job_site import JobSite
from tests.laboratory.part_images import BUSYBOX

if TYPE_CHECKING:
    from fedsched.matchmaker.model import ObjectView
    from tests.laboratory.controlplane import ControlPlane
    from tests.laboratory.realnode import RealNode

Object = dict[str, Any]
SMALL = {"cpu": "200m", "memory": "64Mi", "ephemeral-storage": "64Mi"}


@pytest.fixture
def site(control_plane: ControlPlane, namespace: str) -> JobSite:
    return JobSite(control_plane, namespace, JobRules(copied=("ConfigMap", "Secret"), grace_s=2))


def ended(site: JobSite, node: RealNode, manifest: Object, *copies: Object) -> ObjectView:
    """The copy once it is over."""
    site.copied(manifest, *copies, selector=tuple(sorted(node.labels.items())))
    reader = site.reader()
    reader.start()
    try:
        # The pod's own end arrives on another stream than the Job's.
        return site.seen(reader, lambda each: each.status and each.status.over and each.pods and each.pods[0].ended_at)
    finally:
        reader.stop()


def shell(script: str, **container: Any) -> Object:
    only = {"image": BUSYBOX, "imagePullPolicy": "Never", "command": ["/bin/sh", "-c", script]}
    return job(container=only | {"resources": {"requests": SMALL}} | container, backoffLimit=0)


def test_what_comes_along_is_there_and_nothing_else_is(site: JobSite, real_node: RealNode) -> None:
    script = (
        'test "$(cat /cards/steer)" = "a b" && test "$WORD" = hidden && test "$(id -u)" = 64000 '
        "&& ! ls /var/run/secrets/kubernetes.io && exit 7"
    )
    made = shell(
        script,
        env=[{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "key", "key": "word"}}}],
        volumeMounts=[{"name": "v", "mountPath": "/cards"}],
    )
    made["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "cards"}}]
    word = base64.b64encode(b"hidden").decode()
    view = ended(site, real_node, made, config_map("cards", steer="a b"), secret("key", word=word))
    assert [pod.exit_code for pod in view.pods] == [7], view.pods


def test_memory_beyond_what_was_promised_ends_a_container_as_such(site: JobSite, real_node: RealNode) -> None:
    view = ended(site, real_node, shell("x=a; while true; do x=$x$x; done"))
    assert [(pod.exit_code, pod.end_reason) for pod in view.pods] == [(137, "OOMKilled")]
    assert view.status is not None
    assert view.status.failed == 1


def test_a_deadline_ends_a_real_container(site: JobSite, real_node: RealNode) -> None:
    made = shell("exec sleep 3600")
    made["spec"]["activeDeadlineSeconds"] = 3
    site.copied(made, selector=tuple(sorted(real_node.labels.items())))
    reader = site.reader()
    reader.start()
    try:
        view = site.seen(reader, lambda each: each.status and each.status.over)
    finally:
        reader.stop()
    assert view.status is not None
    failed = view.status.condition("Failed")
    assert failed is not None
    assert failed.reason == "DeadlineExceeded"
