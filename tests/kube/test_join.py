"""Joining and parting against real API servers: one person, two people, and a guest in one namespace."""

from __future__ import annotations

import secrets
import stat
import time
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from fedsched.config.members import load_member
from fedsched.journal import open_journal
from fedsched.kube.join import credentials
from fedsched.kube.join.caller import as_service_account
from fedsched.kube.join.leaving import tell_to_leave
from fedsched.kube.join.request import JoinRequest
from fedsched.kube.transport import Transport
from tests.kube.join_site import IMAGE, Operator, ours, states
from tests.laboratory.kubeapi import Api, ApiError, collection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.laboratory.controlplane import ControlPlane


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(tmp_path, capsys)


@pytest.fixture(scope="module")
def nodes(control_plane: ControlPlane) -> list[str]:
    """A cluster without nodes has a ✗ in its table."""
    return control_plane.add_fake_nodes(f"join-{secrets.token_hex(3)}", 2, cpu=8, memory="32Gi")


@pytest.fixture
def place(control_plane: ControlPlane, operator: Operator, nodes: list[str]) -> Iterator[str]:
    """The name of a namespace that does not exist; what a test leaves of ours is removed afterwards."""
    assert nodes
    name = f"join-{secrets.token_hex(3)}"
    yield name
    root = "/apis/rbac.authorization.k8s.io/v1"
    for path in (
        f"/api/v1/namespaces/{name}",
        f"{root}/clusterroles/fedsched-{operator.id}-{name}",
        f"{root}/clusterrolebindings/fedsched-{operator.id}-{name}",
    ):
        try:
            control_plane.api.delete(path)
        except ApiError as error:
            if error.status != 404:
                raise


def joining(cluster: ControlPlane, place: str, *more: str) -> tuple[str, ...]:
    """A command line that leaves nothing to complain about."""
    return (
        *("join", "m1", "--kubeconfig", str(cluster.kubeconfig), "--namespace", place),
        *("--allow-same-priority", "--image", IMAGE, *more),
    )


def apply(cluster: ControlPlane, text: str) -> None:
    """What kubectl apply does with a file of new objects."""
    for manifest in yaml.safe_load_all(text):
        cluster.api.create(manifest)


def site_kubeconfig(cluster: ControlPlane, place: str, account: str = "fedsched") -> Path:
    """What the site's admin hands back: a kubeconfig with a token of the account."""
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    path = f"/api/v1/namespaces/{place}/serviceaccounts/{account}/token"
    token = cluster.api.request("POST", path, asked)["status"]["token"]
    return cluster.kubeconfig_for(f"sa-{place}", token=token, namespace=place)


def by_account(path: Path) -> Api:
    """A client with the stored credential."""
    found = credentials.load(path)
    return Api(found.server, found.ca_pem.encode(), found.token)


def test_one_command_joins_and_every_check_has_its_row(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    code, found = operator.ask(*joining(control_plane, place, "--region", "eu", "--label", "env=prod", "--lat", "46.2"))
    assert code == 0
    assert states(found) == {
        **dict.fromkeys(
            ("version", "rights", "clock skew", "node groups", "quota", "PriorityClasses", "admission", "anchor"), "ok"
        ),
        "image pull": "unknown",
        "latency": "ok",
        "token": "ok",
    }
    member = load_member(operator.file("m1"))
    assert (member.terms.mode, member.terms.trial) == ("trial", 2)
    assert (member.region, member.labels, member.latitude) == ("eu", (("env", "prod"),), 46.2)
    assert (member.server, member.namespace) == (control_plane.server, place)
    assert stat.S_IMODE(operator.credential("m1").stat().st_mode) == 0o600
    level = control_plane.api.get(f"/api/v1/namespaces/{place}")["metadata"]["labels"]
    assert level["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_secret_reaches_the_member_file_or_the_screen(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    _, said = operator.run(*joining(control_plane, place))
    token = credentials.load(operator.credential("m1")).token
    for text in (said, operator.file("m1").read_text(), repr(credentials.load(operator.credential("m1")))):
        assert token not in text
        assert control_plane.admin_token not in text


def test_joining_again_changes_nothing_and_an_edited_file_is_kept(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place))
    before = operator.file("m1").read_text()
    _, again = operator.ask(*joining(control_plane, place))
    assert {step["action"] for step in again["objects"]} == {"unchanged"}
    assert again["file"]["done"] == "unchanged"
    operator.file("m1").write_text(before.replace('mode = "trial(2)"', 'mode = "on"'))
    _, third = operator.ask(*joining(control_plane, place, "--price", "0.5"))
    assert third["file"]["done"] == "kept"
    assert "price_per_core_hour = 0.5" in third["file"]["difference"]
    assert load_member(operator.file("m1")).terms.mode == "on"


def test_a_changed_option_is_brought_to_the_cluster(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place, "--quota", "requests.cpu=1000"))
    _, again = operator.ask(*joining(control_plane, place, "--quota", "requests.cpu=20", "--egress", "10.1.2.3:9618"))
    actions = {step["what"]: step["action"] for step in again["objects"]}
    assert actions["ResourceQuota fedsched-quota"] == "changed"
    assert actions["NetworkPolicy fedsched-network"] == "changed"
    policy = control_plane.api.get(f"{collection('networking.k8s.io/v1', 'NetworkPolicy', place)}/fedsched-network")
    assert policy["spec"]["egress"][-1] == {
        "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}],
        "ports": [{"protocol": "TCP", "port": 9618}],
    }
    assert load_member(operator.file("m1")).egress == ("10.1.2.3/32:9618",)


def test_a_quota_that_the_site_has_set_to_nothing_stays_and_is_said(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place))
    quota = f"{collection('v1', 'ResourceQuota', place)}/fedsched-quota"
    control_plane.api.patch(quota, {"spec": {"hard": {"pods": "0"}}})
    code, again = operator.ask(*joining(control_plane, place))
    assert code == 3
    assert states(again)["quota"] == "bad"
    assert {s["what"]: s["action"] for s in again["objects"]}["ResourceQuota fedsched-quota"] == "kept"
    assert control_plane.api.get(quota)["spec"]["hard"]["pods"] == "0"


def test_a_namesake_that_is_not_ours_is_left_alone(
    control_plane: ControlPlane, operator: Operator, namespace: str
) -> None:
    foreign = control_plane.api.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "fedsched", "namespace": namespace, "labels": {"owner": "somebody"}},
            "rules": [],
        }
    )
    code, _ = operator.run(*joining(control_plane, namespace))
    assert code == 1
    assert operator.failure is not None
    assert "somebody else's" in str(operator.failure)
    path = f"{collection('rbac.authorization.k8s.io/v1', 'Role', namespace)}/fedsched"
    assert control_plane.api.get(path)["metadata"]["resourceVersion"] == foreign["metadata"]["resourceVersion"]
    assert not operator.file("m1").exists()


def test_a_dry_run_writes_nothing_anywhere(control_plane: ControlPlane, operator: Operator, place: str) -> None:
    code, found = operator.ask(*joining(control_plane, place, "--dry-run"))
    assert code == 0
    assert {step["action"] for step in found["objects"]} == {"would be made"}
    assert ours(control_plane, operator.id) == set()
    assert sorted(path.name for path in operator.folder.iterdir()) == ["fedsched.toml"]


def test_kubefeds_gesture_is_understood(control_plane: ControlPlane, operator: Operator, place: str) -> None:
    flags = ("--cluster-context", control_plane.name, "--host-cluster-context", "hub", "--secret-name", "m1-secret")
    code, _ = operator.ask(*joining(control_plane, place, *flags))
    assert code == 0
    assert operator.credential("m1-secret").exists()
    code, _ = operator.run(*joining(control_plane, place, "--error-on-existing"))
    assert code == 1


def test_a_name_stands_for_one_cluster(control_plane: ControlPlane, operator: Operator, place: str) -> None:
    operator.ask(*joining(control_plane, place))
    code, _ = operator.run(*joining(control_plane, f"{place}-b"))
    assert code == 1
    assert "unjoin m1" in (operator.failure.hint if operator.failure else "")


def test_a_kubeconfig_with_too_few_rights_leaves_nothing_half_made(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    nobody = control_plane.kubeconfig_for(f"nobody-{place}")
    code, _ = operator.run("join", "m1", "--kubeconfig", str(nobody), "--namespace", place)
    assert code == 1
    assert "nothing was made" in str(operator.failure)
    assert "--print-rbac" in (operator.failure.hint if operator.failure else "")
    assert ours(control_plane, operator.id) == set()


def test_two_people_join_without_the_operator_ever_having_rights(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    code, site = operator.run("join", "m1", "--print-rbac", "--namespace", place)
    assert code == 0
    apply(control_plane, site)
    handed = site_kubeconfig(control_plane, place)
    finishing = ("join", "m1", "--kubeconfig", str(handed), "--no-rbac", "--allow-same-priority", "--image", IMAGE)
    code, found = operator.ask(*finishing)
    assert code == 0
    assert "bad" not in states(found).values()
    assert load_member(operator.file("m1")).namespace == place
    assert credentials.load(operator.credential("m1")).token not in handed.read_text()


def test_finishing_wants_the_accounts_own_kubeconfig(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    code, _ = operator.run(
        "join", "m1", "--kubeconfig", str(control_plane.kubeconfig), "--no-rbac", "--namespace", place
    )
    assert code == 1
    assert "service account" in str(operator.failure)


def test_a_site_that_forgot_a_right_is_told_which_feature_fails(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    _, site = operator.run("join", "m1", "--print-rbac", "--namespace", place)
    manifests = list(yaml.safe_load_all(site))
    role = next(manifest for manifest in manifests if manifest["kind"] == "Role")
    role["rules"] = [rule for rule in role["rules"] if rule["resources"] != ["jobs"]]
    apply(control_plane, yaml.safe_dump_all(manifests))
    code, found = operator.ask("join", "m1", "--kubeconfig", str(site_kubeconfig(control_plane, place)), "--no-rbac")
    assert code == 3
    said = [check["found"] for check in found["checks"] if check["name"] == "rights"]
    assert any("startd Jobs are placed" in text for text in said)
    assert all("jobs" in text for text in said)


def test_a_guest_makes_nothing_cluster_scoped_and_declares_its_nodes(
    control_plane: ControlPlane, operator: Operator, namespace: str
) -> None:
    control_plane.api.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "guest", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"guest-{namespace}"}],
        }
    )
    guest = control_plane.kubeconfig_for(f"guest-{namespace}")
    group = "big=cpu:8,memory:32Gi,nodes:10,gpu:1"
    code, found = operator.ask(
        *("join", "m1", "--kubeconfig", str(guest), "--namespace", namespace, "--visibility", "namespace"),
        *("--node-group", group, "--priority-class", "opportunistic", "--image", IMAGE),
    )
    assert "bad" not in states(found).values(), found["checks"]
    made = ours(control_plane, operator.id)
    assert not any(what.startswith(("Cluster", "Namespace/", "ResourceQuota", "LimitRange")) for what in made)
    member = load_member(operator.file("m1"))
    assert [(g.name, g.nodes, g.allocatable.gpus) for g in member.groups] == [("big", 10, 1)]
    assert code == 0


def test_the_account_may_do_what_the_role_says_and_nothing_else(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place))
    account = by_account(operator.credential("m1"))
    forbidden = (
        ("GET", f"/api/v1/namespaces/{place}/secrets"),
        ("GET", "/api/v1/namespaces/kube-system/configmaps"),
        ("GET", "/api/v1/secrets"),
        ("GET", "/api/v1/nodes/any"),
        ("POST", f"/api/v1/namespaces/{place}/pods"),
        ("POST", f"/api/v1/namespaces/{place}/serviceaccounts/default/token"),
        ("POST", "/api/v1/namespaces"),
        ("POST", "/apis/batch/v1/namespaces/default/jobs"),
        ("PATCH", f"/api/v1/namespaces/{place}/resourcequotas/fedsched-quota"),
        ("PATCH", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{place}/roles/fedsched"),
        ("DELETE", f"/api/v1/namespaces/{place}"),
    )
    for method, path in forbidden:
        with pytest.raises(ApiError) as refused:
            account.request(method, path, None if method in {"GET", "DELETE"} else {})
        assert refused.value.status == 403, f"{method} {path}"
    rules = account.request(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": place}},
    )["status"]["resourceRules"]
    assert not any("*" in (*rule["verbs"], *rule["resources"], *rule["apiGroups"]) for rule in rules)


def test_a_rotated_token_works_at_once_and_the_old_call_path_goes_on(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place))
    old = credentials.load(operator.credential("m1"))
    transport = Transport(old)
    assert transport.request("GET", f"/api/v1/namespaces/{place}/pods").status == 200
    code, _ = operator.ask("rotate", "m1")
    fresh = credentials.load(operator.credential("m1"))
    assert code == 0
    assert fresh.token != old.token
    transport.swap(fresh)
    assert transport.request("GET", f"/api/v1/namespaces/{place}/pods").status == 200


def running_job(cluster: ControlPlane, operator: Operator, place: str, *, mine: bool) -> dict[str, Any]:
    """A Job with a pod that runs for a minute on a simulated node."""
    marks = {
        "app.kubernetes.io/managed-by": "fedsched" if mine else "helm",
        "app.kubernetes.io/part-of": operator.id,
        "fedsched.io/member": "m1",
        "fedsched.io/role": "placement",
    }
    container = {
        "name": "c",
        "image": "x",
        "resources": {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "restartPolicy": "Never",
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    template = {"metadata": {"labels": marks, "annotations": {"sim/seconds": "60s"}}, "spec": spec}
    name = "fs-ours" if mine else "fs-foreign"
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": place, "labels": marks},
        "spec": {"backoffLimit": 0, "template": template},
    }
    made = cluster.api.create(job)
    path = f"/apis/batch/v1/namespaces/{place}/jobs/{name}"
    cluster.api.wait(path, lambda found: bool(found and found.get("status", {}).get("active")), timeout_s=30)
    return made


@pytest.mark.usefixtures("nodes")
def test_parting_removes_all_that_join_made_and_nothing_else(
    control_plane: ControlPlane, operator: Operator, namespace: str
) -> None:
    operator.ask(*joining(control_plane, namespace))
    running_job(control_plane, operator, namespace, mine=True)
    foreign = running_job(control_plane, operator, namespace, mine=False)
    code, found = operator.ask("unjoin", "m1", "--kubeconfig", str(control_plane.kubeconfig), "--deadline", "1s")
    assert code == 0, found
    assert "Job fs-ours" in found["removed"]
    left = control_plane.api.get(f"/apis/batch/v1/namespaces/{namespace}/jobs/fs-foreign")
    assert left["metadata"]["uid"] == foreign["metadata"]["uid"]
    assert {what for what in ours(control_plane, operator.id) if "foreign" not in what} == set()
    assert control_plane.api.get(f"/api/v1/namespaces/{namespace}")["status"]["phase"] == "Active"
    assert not operator.file("m1").exists()
    assert not operator.credential("m1").exists()


def test_parting_removes_a_namespace_that_join_made(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place))
    code, found = operator.ask("unjoin", "m1", "--kubeconfig", str(control_plane.kubeconfig), "--deadline", "0")
    assert code == 0
    assert f"Namespace {place}" in found["removed"]
    assert ours(control_plane, operator.id) == set()


def test_running_startds_are_told_to_leave_before_anything_is_deleted(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place))
    running_job(control_plane, operator, place, mine=True)
    pods = f"/api/v1/namespaces/{place}/pods"
    control_plane.api.wait(pods, lambda o: bool(o and o["items"] and o["items"][0]["status"]["phase"] == "Running"))
    caller = as_service_account(credentials.load(operator.credential("m1")))
    tell_to_leave(caller, JoinRequest(name="m1", federation=operator.id, namespace=place), 1_700_000_000.0)
    (pod,) = control_plane.api.items(pods)
    assert pod["metadata"]["annotations"]["fedsched.io/leave"] == "1700000000"
    assert "deletionTimestamp" not in pod["metadata"]


def test_our_own_account_parts_as_far_as_it_may_and_says_what_remains(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place))
    code, found = operator.ask("unjoin", "m1", "--deadline", "0")
    assert code == 3
    assert "ConfigMap fedsched-anchor" in found["removed"]
    assert "Role fedsched" in {what for what, _ in found["remains"]}
    assert "kubectl delete" in found["by_hand"]
    assert not operator.file("m1").exists()


def test_forgetting_never_touches_the_network(operator: Operator, fresh_control_plane: Any) -> None:
    cluster = fresh_control_plane("hung")
    operator.ask(*joining(cluster, "fedsched"))
    cluster.pause()
    started = time.monotonic()
    code, said = operator.run("unjoin", "m1", "--forget")
    assert time.monotonic() - started < 5  # what touches it waits so long at least
    assert code == 0
    assert "kubectl delete configmap fedsched-anchor -n fedsched" in said
    assert not operator.file("m1").exists()
    assert not operator.credential("m1").exists()


def test_a_hung_cluster_is_unreachable_and_the_files_stay(operator: Operator, fresh_control_plane: Any) -> None:
    cluster = fresh_control_plane("silent")
    operator.ask(*joining(cluster, "fedsched"))
    cluster.kill()
    code, _ = operator.run("unjoin", "m1", "--deadline", "0")
    assert code == 5
    assert operator.file("m1").exists()
    assert operator.credential("m1").exists()


def test_the_member_file_is_plain_toml_for_any_reader(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place, "--label", 'site/quoted=a "b" \\c', "--zone", "a#b"))
    read = tomllib.loads(operator.file("m1").read_text())
    assert read["labels"] == {"site/quoted": 'a "b" \\c'}
    assert read["place"] == {"zone": "a#b"}


def test_a_daemon_is_told_to_drain_and_joining_again_lifts_that(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    operator.ask(*joining(control_plane, place))
    url = f"sqlite:{operator.folder / 'fedsched.db'}"
    open_journal(url).close()
    operator.ask("unjoin", "m1", "--kubeconfig", str(control_plane.kubeconfig), "--deadline", "0")
    journal = open_journal(url)
    assert [(order.kind, order.target, order.reason) for order in journal.orders()] == [("drain", "m1", "unjoin")]
    operator.ask(*joining(control_plane, place))
    assert journal.orders() == ()
    journal.close()


def rewritten(cluster: ControlPlane, folder: Path, change: dict[str, dict[str, Any]]) -> Path:
    """The admin's kubeconfig with parts of its cluster and user replaced."""
    found = yaml.safe_load(cluster.kubeconfig.read_text())
    for part, name in (("clusters", "cluster"), ("users", "user")):
        if name in change:
            found[part][0][name] = change[name]
    path = folder / "changed.kubeconfig"
    path.write_text(yaml.safe_dump(found))
    return path


def test_an_exec_plugin_is_exchanged_for_a_token_that_needs_it_no_more(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    program, ran = operator.folder / "login", operator.folder / "ran"
    program.write_text(
        f'#!/bin/sh\necho x >> {ran}\necho \'{{"status": {{"token": "{control_plane.admin_token}"}}}}\'\n'
    )
    program.chmod(0o755)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program)}}
    given = str(rewritten(control_plane, operator.folder, {"user": user}))
    line = ("join", "m1", "--kubeconfig", given, "--namespace", place, "--allow-same-priority", "--image", IMAGE)
    assert operator.run(*line)[0] == 1
    assert "--allow-exec" in (operator.failure.hint if operator.failure else "")
    assert not ran.exists()
    assert operator.ask(*line, "--allow-exec", str(program))[0] == 0
    assert operator.ask("rotate", "m1")[0] == 0
    assert ran.read_text() == "x\n"


def test_tls_may_go_unchecked_once_and_is_checked_ever_after(
    control_plane: ControlPlane, operator: Operator, place: str
) -> None:
    blind = {"server": control_plane.server, "insecure-skip-tls-verify": True}
    given = str(rewritten(control_plane, operator.folder, {"cluster": blind}))
    line = ("join", "m1", "--kubeconfig", given, "--namespace", place, "--allow-same-priority", "--image", IMAGE)
    assert operator.run(*line)[0] == 1
    code, _ = operator.ask(*line, "--allow-insecure-tls", control_plane.server)
    assert code == 0
    assert "BEGIN CERTIFICATE" in credentials.load(operator.credential("m1")).ca_pem
