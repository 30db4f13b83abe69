"""`fedsched submit` into a real hub cluster, as a person with few rights: what is made is ours, or nothing is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedsched.cli import main, submit_hub
from fedsched.matchmaker.model.names import JOB_MANAGER, LABEL_QUEUE
from tests.kube.hub_site import Hub
from tests.laboratory.controlplane import ControlPlane

pytestmark = pytest.mark.kube
Object = dict[str, Any]
SETTINGS = """id = "fed"
[[queue]]
name = "hub"
kind = "hub"
credential = "hub.json"
[[queue.principal]]
groups = ["physics.*"]
"""
DONE = {
    "startTime": "2026-01-01T00:00:00Z",
    "completionTime": "2026-01-01T00:00:09Z",
    "succeeded": 1,
    "conditions": [
        {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": "2026-01-01T00:00:09Z"},
        {"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T00:00:09Z"},
    ],
}


def manifest(name: str, **metadata: Any) -> Object:
    container = {"name": "c", "image": "registry.example/a:1", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    pod = {"restartPolicy": "Never", "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **metadata},
        "spec": {"template": {"spec": pod}},
    }


class Person:
    """Somebody with a kubeconfig who may make Jobs in one namespace, and a folder with fedsched.toml."""

    def __init__(self, plane: ControlPlane, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.plane, self.folder, self.capture = plane, folder, capture
        plane.namespace("atlas")
        rights = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list"]}
        head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "ann", "namespace": "atlas"}}
        plane.api.create({**head, "kind": "Role", "rules": [rights]})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ann"}
        plane.api.create(
            {**head, "kind": "RoleBinding", "roleRef": role, "subjects": [{"kind": "User", "name": "ann"}]}
        )
        self.kubeconfig = plane.kubeconfig_for("ann")
        (folder / "fedsched.toml").write_text(SETTINGS)

    def submit(
        self, *jobs: Object, words: tuple[str, ...] = (), kubeconfig: Path | None = None
    ) -> tuple[int, str, str]:
        """Exit code, standard output and error."""
        file = self.folder / "jobs.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(jobs)}))
        where = ("--config", str(self.folder / "fedsched.toml"), "--kubeconfig", str(kubeconfig or self.kubeconfig))
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["submit", str(file), *where, *words])
        said = self.capture.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    def names(self) -> list[str]:
        """Of all Jobs there."""
        return sorted(one["metadata"]["name"] for one in self.plane.api.items(path()))


def path(name: str = "") -> str:
    return "/apis/batch/v1/namespaces/atlas/jobs" + (f"/{name}" if name else "")


def test_a_person_submits_into_a_hub_and_sees_the_end(
    fresh_control_plane: Callable[[str], ControlPlane],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(submit_hub, "LOOK_S", 0.1)
    plane = fresh_control_plane("hubsub")
    ann = Person(plane, tmp_path, capsys)

    code, out, err = ann.submit(manifest("early", namespace="atlas"))
    assert (code, out, ann.names()) == (1, "", []), "a cluster without our policies would run it itself"
    assert "its admin: fedsched hub check" in err

    Hub(plane, tmp_path).join()
    made = threading.Thread(target=_ends, args=(plane, "a"))
    made.start()
    code, out, err = ann.submit(manifest("a", namespace="atlas"), words=("--wait", "--timeout", "60s"))
    made.join()
    assert (code, out) == (0, "hub:atlas/a\n"), err
    assert "1 complete" in err
    job = plane.api.get(path("a"))
    assert job["metadata"]["labels"][LABEL_QUEUE] == "hub"
    assert job["spec"]["managedBy"] == JOB_MANAGER

    code, out, err = ann.submit(manifest("b", namespace="atlas"), manifest("a", namespace="atlas"))
    assert (code, out, ann.names()) == (1, "", ["a"]), err
    assert "nothing was submitted; another name: --name NAME" in err

    code, out, err = ann.submit(manifest("c"))
    assert (code, out) == (1, "")
    assert "kubectl auth can-i create jobs -n default" in err

    mine = manifest("d", namespace="atlas", labels={"fedsched.io/group": "biology"})
    code, out, err = ann.submit(mine)
    assert (code, "metadata.labels[fedsched.io/group]" in err, ann.names()) == (1, True, ["a"])

    plane.stop()
    assert ann.submit(manifest("e", namespace="atlas"))[0] == 5


def _ends(plane: ControlPlane, name: str) -> None:
    """Plays the daemon: writes the end of the Job as soon as it is there."""
    plane.api.wait(path(name), lambda found: found is not None, timeout_s=30)
    plane.api.patch(path(name) + "/status", {"status": DONE})
