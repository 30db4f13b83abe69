"""`fedsched hub` as an operator uses it, against a real cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import typer
import yaml

from fedsched.cli import hub as verbs
from fedsched.cli.output import Failure
from fedsched.config import load_federation
from fedsched.kube.join import credentials
from fedsched.kube.join.object_paths import path_of
from fedsched.matchmaker.model.names import JOB_MANAGER
from tests.kube.hub_site import job, jobs, until
from tests.laboratory.kubeapi import ApiError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.laboratory.controlplane import ControlPlane

pytestmark = pytest.mark.kube
MEMBER = """\
name = "m1"
namespace = "fedsched"
credential = "m1.json"
[jobs]
grants = ["hostPath=/cvmfs"]
copied = ["Secret"]
"""


class Operator:
    """A folder with fedsched.toml, and the verbs."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        self.failure: Failure | None = None
        self.write('id = "fed-cli"\n')

    def write(self, text: str) -> None:
        """Another fedsched.toml."""
        (self.folder / "fedsched.toml").write_text(text)

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code and standard output."""
        app, self.failure = typer.Typer(), None
        app.callback()(lambda: None)
        verbs.register(app)
        self.capture.readouterr()
        try:
            code = app(["hub", *words, "--config", str(self.folder / "fedsched.toml")], standalone_mode=False)
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


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    """Somebody with a federation of no member yet."""
    return Operator(tmp_path, capsys)


def states(found: dict[str, Any]) -> dict[str, str]:
    """The worst state of each check."""
    rank = {"ok": 0, "unknown": 1, "bad": 2}
    table: dict[str, str] = {}
    for row in found["checks"]:
        table[row["name"]] = max(row["state"], table.get(row["name"], "ok"), key=rank.__getitem__)
    return table


@pytest.fixture(scope="module")
def plane(lab: Any) -> ControlPlane:
    """A cluster that nobody has joined."""
    found: ControlPlane = lab.control_plane("hub-cli")
    return found


def test_a_hub_is_joined_checked_changed_and_left(operator: Operator, plane: ControlPlane) -> None:
    admin = ("--kubeconfig", str(plane.kubeconfig))
    code, said = operator.run("join", "hub", *admin, "--dry-run")
    assert (code, "nothing was made" in said) == (0, True)
    policy = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    assert plane.api.items(policy) == []

    code, found = operator.ask("join", "hub", *admin)
    assert (code, set(states(found).values())) == (0, {"ok"})
    assert credentials.load(operator.folder / "credentials" / "hub.json").service_account == "fedsched-hub"
    operator.write('id = "fed-cli"\n' + found["table"] + "\n")
    assert load_federation(operator.folder / "fedsched.toml").queues[0].name == "hub"
    assert plane.api.create(job("default", "ours"))["spec"]["managedBy"] == JOB_MANAGER

    code, found = operator.ask("check", "hub")
    assert (code, states(found)["a labelled Job"]) == (0, "unknown")
    mine = (operator.folder / "fedsched.toml").read_text()
    operator.write('id = "another"\n')
    code, _ = operator.run("join", "hub", *admin)
    assert operator.failure is not None
    assert (code, "the hub of federation fed-cli already" in operator.failure.text) == (1, True)
    operator.write(mine)
    code, said = operator.run("check", "hub", *admin)
    assert (code, "1 labelled, all ours to run" in said) == (0, True)

    (operator.folder / "clusters").mkdir()
    (operator.folder / "clusters" / "m1.toml").write_text(MEMBER)
    code, found = operator.ask("check", "hub", *admin)
    assert (code, states(found)["policy"], states(found)["copies"]) == (3, "bad", "bad")
    text = (operator.folder / "fedsched.toml").read_text().replace('["*"]', '["default"]')
    operator.write(text)
    code, found = operator.ask("join", "hub", *admin)
    assert (code, states(found)["copies"], found["table"]) == (0, "ok", "")
    volumes = [{"name": "cvmfs", "hostPath": {"path": "/cvmfs"}}]
    until(lambda: _taken(plane, job("default", "with-cvmfs", volumes=volumes)), "the policy has the member's grant")

    code, said = operator.run("manifests", "--queue", "hub", *admin)
    made = [each for each in yaml.safe_load_all(said) if each]
    assert {each["kind"] for each in made} >= {"Role", "MutatingAdmissionPolicy", "ValidatingAdmissionPolicy"}
    for each in made:
        _delete(plane, each)
    assert plane.api.items(policy) == []
    until(lambda: _free(plane), "labelled Jobs are the cluster's own again")


def _taken(plane: ControlPlane, made: dict[str, Any]) -> bool:
    """Whether a Job could be made: an API server learns of a changed policy a moment later."""
    try:
        plane.api.create(made)
    except ApiError as error:
        if error.status != 422:
            raise
        return False
    return True


def _free(plane: ControlPlane) -> bool:
    """Both policies are forgotten; which first is chance."""
    try:
        tried = plane.api.request("POST", jobs("default") + "?dryRun=All", job("default", "free"))
    except ApiError:
        return False
    return "managedBy" not in tried["spec"]


def _delete(plane: ControlPlane, manifest: dict[str, Any]) -> None:
    plane.api.delete(path_of(manifest))


def test_somebody_who_may_not_make_policies_is_told_and_nothing_is_made(
    operator: Operator, plane: ControlPlane
) -> None:
    kubeconfig = plane.kubeconfig_for("eve")
    code, _ = operator.run("join", "hub", "--kubeconfig", str(kubeconfig))
    assert code == 1
    assert operator.failure is not None
    assert "nothing was made" in operator.failure.text
    assert "fedsched hub manifests" in operator.failure.hint


def test_without_a_credential_check_says_how_to_get_one(operator: Operator) -> None:
    code, _ = operator.run("check", "hub")
    assert code == 1
    assert operator.failure is not None
    assert "hub.json" in operator.failure.text


def test_what_is_printed_without_a_cluster_says_what_each_thing_is_for(operator: Operator) -> None:
    code, said = operator.run("manifests")
    assert code == 0
    made = [each for each in yaml.safe_load_all(said) if each]
    assert [each["kind"] for each in made][:2] == ["Namespace", "ServiceAccount"]
    verbs_on_jobs = {
        (resource, verb)
        for each in made
        for rule in each.get("rules", ())
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert not {verb for resource, verb in verbs_on_jobs if resource == "jobs"} - {"get", "list", "watch"}
    assert not {resource for resource, _ in verbs_on_jobs} & {"secrets", "configmaps", "pods"}
    assert all(comment in said for comment in ("# Refuses labelled Jobs", "# Makes labelled Jobs"))


def test_a_journal_queue_is_no_hub(operator: Operator) -> None:
    operator.write('id = "fed-cli"\n[[queue]]\nname = "local"\nkind = "journal"\n')
    code, _ = operator.run("manifests", "--queue", "local")
    assert operator.failure is not None
    assert (code, "of kind journal" in operator.failure.text) == (1, True)


def test_a_queue_name_that_is_none_is_refused(operator: Operator) -> None:
    code, _ = operator.run("manifests", "--queue", 'x"]; true')
    assert code == 1
    assert operator.failure is not None
