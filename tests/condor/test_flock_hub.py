"""The hub's manifests: valid to a real API server; their central manager and token maker work as they stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from tests.laboratory import parts
from tests.laboratory.part_condor import CHROOT_PART
from tests.laboratory.places import LaboratoryError
from tests.laboratory.sandbox import Sandbox, common_mounts, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.laboratory import Laboratory
    from tests.laboratory.controlplane import ControlPlane
    from tests.laboratory.pool import Pool

HUB = Path(__file__).parents[2] / "clusters/hub"
PLACES = ("etc/condor-pool", "etc/condor-key", "var/lib/condor", "run/tokens", "tmp")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CONDOR_CONFIG": "/etc/condor-pool/condor_config"}


def documents(name: str) -> list[dict[str, Any]]:
    """A manifest's objects."""
    return list(yaml.safe_load_all((HUB / name).read_text()))


@pytest.mark.parametrize("name", ["central-manager.yaml", "fedsched.yaml"])
def test_the_manifests_are_valid_and_restricted(control_plane: ControlPlane, namespace: str, name: str) -> None:
    level = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    control_plane.api.patch(f"/api/v1/namespaces/{namespace}", level)
    for document in documents(name):
        document["metadata"]["namespace"] = namespace
        made = control_plane.api.create(document)
        if template := made.get("spec", {}).get("template"):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": namespace}}
            control_plane.api.create({**pod, "spec": {**template["spec"], "restartPolicy": "Never"}})


class Hub:
    """The central manager's container as the manifest has it, in HTCondor's folder, read-only, as uid 64000."""

    def __init__(self, lab: Laboratory) -> None:
        self.folder = lab.session.folder / "hub"
        self.host = lab.session.address()
        for place in ("root", "upper", "work", *PLACES, *(f"upper/{place}" for place in PLACES)):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        for place in ("var/lib/condor", "run/tokens", "tmp"):
            (self.folder / place).chmod(0o1777)
        data = documents("central-manager.yaml")[0]["data"]
        config = data["condor_config"].replace("HOST\n", f"{self.host}\n").replace("HOST:", f"{self.host}:")
        only_here = f"NETWORK_INTERFACE = {self.host}\nBIND_ALL_INTERFACES = False\n"
        (self.folder / "etc/condor-pool/condor_config").write_text(config + only_here)
        (self.folder / "etc/condor-pool/start").write_text(data["start"])
        (self.folder / "etc/condor-key/POOL").write_text("a key of the laboratory, long enough to sign with 0123456789")
        root, mount = self.folder / "root", tool("mount")
        layers = f"lowerdir={parts.ensure(CHROOT_PART)}/root,upperdir={self.folder}/upper,workdir={self.folder}/work"
        binds = [f"{mount} --bind {self.folder}/{place} {root}/{place}" for place in PLACES]
        setup = [
            f"{mount} -t overlay overlay -o {layers} {root}",
            *common_mounts(root),
            *binds,
            f"{mount} -o remount,ro {root}",
        ]
        self.sandbox = Sandbox(lab.session, "hub", root, setup, self.folder / "sandbox.log")

    def run(self, *command: str, env: dict[str, str] | None = None) -> str:
        """Standard output of a command in the container; LaboratoryError when it fails."""
        done = self.sandbox.run(*command, env=env or ENVIRONMENT, uid=64_000)
        if done.returncode:
            raise LaboratoryError(done.stderr)
        return done.stdout


@pytest.fixture
def hub(lab: Laboratory) -> Iterator[Hub]:
    """A hub whose central manager runs."""
    made = Hub(lab)
    command = made.sandbox.command("/bin/sh", "/etc/condor-pool/start", uid=64_000)
    process = lab.session.spawn("hub-entry", command, made.folder / "hub.log", env=ENVIRONMENT)
    yield made
    process.end()
    made.sandbox.close()


@pytest.mark.condor
def test_the_central_manager_and_the_token_maker_work_as_their_manifests_stand(hub: Hub, lab: Laboratory) -> None:
    from tests.condor.worker_pod import WorkerPod  # noqa: PLC0415 - needs the laboratory's images, as only this test does

    maker = documents("fedsched.yaml")[1]["spec"]["template"]["spec"]["containers"][1]
    env = {"PATH": ENVIRONMENT["PATH"]} | {pair["name"]: pair["value"] for pair in maker["env"]}
    script = maker["command"][2].replace("sleep 21600 & wait $!", "exit 0")
    hub.run("/bin/sh", "-c", script, env=env)
    token = (hub.folder / "run/tokens/startd-hub").read_text()

    pool = HubPool(hub)
    pod = WorkerPod(lab.session, cast("Pool", pool), token=token)  # all of a pool that a pod with a token asks for
    try:
        assert pod.wait_slot()["AuthenticatedIdentity"] == "startd-hub@fedsched-pool"
    finally:
        pod.stop()
    assert token.strip() not in (hub.folder / "hub.log").read_text()


class HubPool:
    """What a startd's pod asks of a pool."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.address = f"{hub.host}:9618"
        self.trust_domain = "fedsched-pool"

    def ads(self, _kind: str, constraint: str) -> list[dict[str, Any]]:
        """Slot ads of the hub's collector, the few attributes that this test reads."""
        try:
            text = self.hub.run("condor_status", "-autoformat", "AuthenticatedIdentity", "-constraint", constraint)
        except LaboratoryError:  # not up yet
            return []
        return [{"AuthenticatedIdentity": line} for line in text.split()]
