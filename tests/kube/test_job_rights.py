"""What users' Jobs need at a member: rights by name where that is enough; what is seen with them, never content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fedsched.config.settings import JobRules
from fedsched.kube.join.request import JoinRequest
from fedsched.kube.join.standing import standing
from fedsched.kube.rights import looked_for, rights, rules
from fedsched.matchmaker.model import DeleteObject, JobTerms
from tests.kube.job_builders import config_map, secret
from tests.kube.job_site import JobSite
from tests.kube.join_site import Operator, states
from tests.kube.test_job_copies import COPIED, NAMING
from tests.kube.write_builders import NOW
from tests.kube.write_site import ACCOUNT, EPOCH

if TYPE_CHECKING:
    from pathlib import Path

    from fedsched.matchmaker.model import Form
    from tests.laboratory.controlplane import ControlPlane

NAMED = JobTerms(
    objects=("Secret/robot", "Secret/*-pull", "ConfigMap/site-*", "PersistentVolumeClaim/data", "Secret/Not A Name"),
    grants=("serviceAccountName=reana", "serviceAccountName=guest-*", "hostNetwork"),
)


def held(forms: tuple[Form, ...], jobs: JobTerms = JobTerms()) -> dict[tuple[str, tuple[str, ...]], set[str]]:  # noqa: B008 - a constant
    """(resource, names) -> verbs, of the Role."""
    made = rules(rights("m1", "full", forms, "fedsched", jobs), "namespace")
    return {(rule["resources"][0], tuple(rule.get("resourceNames", ()))): set(rule["verbs"]) for rule in made}


def test_secrets_and_accounts_are_got_only_by_the_names_in_the_members_file() -> None:
    found = held(("startd-job", "job"), NAMED)
    assert found["secrets", ("robot",)] == {"get"}
    assert found["serviceaccounts", ("reana",)] == {"get"}
    assert found["secrets", ()] == {"create"}
    assert ("serviceaccounts", ()) not in found
    assert looked_for(NAMED, "Secret") == ("robot",)


def test_a_member_for_users_jobs_alone_gives_no_right_that_only_startds_need() -> None:
    found = held(("job",), NAMED)
    assert not [verbs for (resource, _), verbs in found.items() if resource == "secrets" and verbs != {"get"}]
    assert found["pods", ()] == {"list", "watch"}
    assert found["persistentvolumeclaims", ()] == {"list", "watch"}


def test_secrets_are_written_only_where_the_file_lets_them_be_copied() -> None:
    assert held(("job",), JobTerms(copied=("Secret",)))["secrets", ()] == {"create"}
    assert ("secrets", ()) not in held(("job",), JobTerms(copied=("ConfigMap",)))


def test_without_the_form_job_the_table_gives_nothing() -> None:
    assert held(("startd-job",), NAMED) == held(("startd-job",))


def test_what_a_site_reads_before_it_applies_it_names_them_too() -> None:
    request = JoinRequest("m1", "fed-test", "fedsched", forms=("job",), jobs=NAMED)
    role = next(each for each in standing(request, own_namespace=True) if each["kind"] == "Role")
    assert ["robot"] in [rule.get("resourceNames") for rule in role["rules"]]


def make(site: JobSite, kind: str, name: str, **content: Any) -> None:
    head = {"name": name, "namespace": site.namespace}
    site.admin.create({"apiVersion": "v1", "kind": kind, "metadata": head} | content)


def test_a_member_for_users_jobs_alone_runs_and_clears_them(control_plane: ControlPlane, namespace: str) -> None:
    site = JobSite(control_plane, namespace, COPIED, forms=("job",))
    made = site.copied(NAMING, config_map("steer", a="b"), secret("key", k="eA=="))
    change = DeleteObject("m1", "p-0001", "fs-p-0001", "Job", made["metadata"]["uid"])
    assert site.actuator.act(change, None, EPOCH, NOW).result == "done"
    site.until(lambda: not site.ours(), "all that went with the Job gone", 60)
    assert site.actuator.sweep(EPOCH, NOW) == 0


def test_what_jobs_may_name_is_seen_and_what_they_may_not_is_not(control_plane: ControlPlane, namespace: str) -> None:
    listed = ("PersistentVolumeClaim/*", "ConfigMap/site-*", "Secret/robot", "Secret/absent", "Secret/w*", "*/fs-*")
    site = JobSite(control_plane, namespace, JobRules(objects=listed, grants=("serviceAccountName=reana",)))
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    make(site, "PersistentVolumeClaim", "data", spec=claim)
    make(site, "ConfigMap", "site-cards", data={"a": "b"})
    make(site, "ConfigMap", "private", data={"a": "b"})
    make(site, "ConfigMap", "fs-something", data={"a": "b"})
    make(site, "Secret", "robot", stringData={"k": "v"})
    make(site, "Secret", "wild", stringData={"k": "v"})
    make(site, "ServiceAccount", "reana")
    reader = site.reader()
    reader.start()
    try:
        site.until(lambda: reader.latest()[0].seen_at, "a view")
        view, _ = reader.latest()
        assert view.objects == (
            ("ConfigMap", "site-cards"),
            ("PersistentVolumeClaim", "data"),
            ("Secret", "robot"),
            ("ServiceAccount", "reana"),
        )
        make(site, "ConfigMap", "site-more", data={"a": "b"})
        site.until(lambda: ("ConfigMap", "site-more") in reader.latest()[0].objects, "the new ConfigMap")
    finally:
        reader.stop()


def test_what_may_not_be_read_is_a_fact_and_the_rest_goes_on(control_plane: ControlPlane, namespace: str) -> None:
    site = JobSite(control_plane, namespace, JobRules(objects=("PersistentVolumeClaim/*", "Secret/robot")))
    # The account of a member that was joined before its file said anything of users' Jobs.
    site.transport.swap(site.credential(ACCOUNT))
    reader = site.reader()
    reader.start()
    try:
        site.until(lambda: reader.latest()[0].seen_at, "a view")
        facts = " ".join(reader.latest()[0].facts)
    finally:
        reader.stop()
    assert "claims that users' Jobs may name are not known" in facts
    assert "Secrets that users' Jobs may name are not known" in facts


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(tmp_path, capsys)


def test_joining_for_users_jobs_grants_them_and_joining_again_follows_the_edited_file(
    control_plane: ControlPlane, namespace: str, operator: Operator
) -> None:
    words = ("join", "m1", "--kubeconfig", str(control_plane.kubeconfig), "--namespace", namespace)
    more = ("--form", "startd-job", "--form", "job", "--allow-same-priority")
    code, found = operator.ask(*words, *more)
    assert (states(found)["rights"], states(found)["users' Jobs"]) == ("ok", "ok"), code
    file = operator.file("m1")
    edited = file.read_text() + '\n[jobs]\nobjects = ["Secret/robot", "PersistentVolumeClaim/*"]\n'
    file.write_text(edited)
    _, again = operator.ask(*words, *more)
    row = next(check for check in again["checks"] if check["name"] == "users' Jobs")
    assert (row["state"], row["found"]) == ("unknown", "no Secret robot: Jobs that name it wait")
    assert file.read_text() == edited
    role = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/fedsched"
    granted = control_plane.api.get(role)["rules"]
    assert {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["robot"], "verbs": ["get"]} in granted
