"""Runs the verbs about members as a person does, in one process, against a federation in a temporary folder."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fedsched.cli import join
from fedsched.cli.output import Failure

if TYPE_CHECKING:
    import pytest

    from tests.laboratory.controlplane import ControlPlane

TOML = 'id = "{id}"\n[[pool]]\nname = "a"\ncollector = "203.0.113.7:9618"\n'
IMAGE = "registry.example/startd@sha256:" + "0" * 64


class Operator:
    """A folder with fedsched.toml, and the verbs."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        self.id = f"fed-{secrets.token_hex(3)}"
        (folder / "fedsched.toml").write_text(TOML.format(id=self.id))
        self.failure: Failure | None = None

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code and standard output of one command line; `failure` holds what ended it."""
        app, self.failure = typer.Typer(), None
        join.register(app)
        self.capture.readouterr()
        try:
            code = app([*words, "--config", str(self.folder / "fedsched.toml")], standalone_mode=False)
        except Failure as failure:
            self.failure, code = failure, int(failure.code)
        except SystemExit as end:
            code = int(end.code or 0)
        return int(code or 0), self.capture.readouterr().out

    def ask(self, *words: str) -> tuple[int, dict[str, Any]]:
        """The same with -o json."""
        code, said = self.run(*words, "-o", "json")
        assert self.failure is None, str(self.failure)
        found: dict[str, Any] = json.loads(said)
        return code, found

    def credential(self, name: str) -> Path:
        """Path of a member's credential."""
        return self.folder / "credentials" / f"{name}.json"

    def file(self, name: str) -> Path:
        """Path of a member's file."""
        return self.folder / "clusters" / f"{name}.toml"


def states(found: dict[str, Any]) -> dict[str, str]:
    """Check name -> state; the worst where there are several rows."""
    rank = {"ok": 0, "unknown": 1, "bad": 2}
    table: dict[str, str] = {}
    for check in found["checks"]:
        table[check["name"]] = max(check["state"], table.get(check["name"], "ok"), key=rank.__getitem__)
    return table


def ours(cluster: ControlPlane, federation: str) -> set[str]:
    """Kind/name of every object with this federation's label, in all namespaces."""
    found = set()
    for path, kind in (
        ("/api/v1/namespaces", "Namespace"),
        ("/api/v1/configmaps", "ConfigMap"),
        ("/api/v1/serviceaccounts", "ServiceAccount"),
        ("/api/v1/secrets", "Secret"),
        ("/api/v1/pods", "Pod"),
        ("/api/v1/resourcequotas", "ResourceQuota"),
        ("/api/v1/limitranges", "LimitRange"),
        ("/apis/batch/v1/jobs", "Job"),
        ("/apis/networking.k8s.io/v1/networkpolicies", "NetworkPolicy"),
        ("/apis/rbac.authorization.k8s.io/v1/roles", "Role"),
        ("/apis/rbac.authorization.k8s.io/v1/rolebindings", "RoleBinding"),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles", "ClusterRole"),
        ("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "ClusterRoleBinding"),
    ):
        items = cluster.api.items(f"{path}?labelSelector=app.kubernetes.io%2Fpart-of%3D{federation}")
        found |= {f"{kind}/{item['metadata']['name']}" for item in items}
    return found
