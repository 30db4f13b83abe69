"""Each right of the table is needed: without it exactly its own probe fails, on a real API server (O2)."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

from fedsched.config.settings import Credential
from fedsched.kube.join.caller import Caller, Connection, as_service_account
from fedsched.kube.join.checks import run_checks
from fedsched.kube.join.make import make
from fedsched.kube.join.request import JoinRequest
from fedsched.kube.join.standing import granted, standing
from fedsched.kube.join.tokens import request_token
from fedsched.kube.kubeconfig import read
from fedsched.kube.rights import ALL_PODS, LOGS, Right, rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.laboratory.controlplane import ControlPlane

GROUPS = {"": "/api/v1", "batch": "/apis/batch/v1", "apps": "/apis/apps/v1"}
MERGE = "application/merge-patch+json"


class Site:
    """One namespace with our account, and an admin who takes rights away."""

    def __init__(self, cluster: ControlPlane) -> None:
        name = f"rights-{secrets.token_hex(3)}"
        self.request = JoinRequest(name="m1", federation=name, namespace=name, forms=("startd-job", "startd-daemonset"))
        self.admin: Caller = Connection(read(cluster.kubeconfig))
        self.cluster = cluster
        for manifest in standing(self.request, own_namespace=True):
            make(self.admin, manifest, dry_run=False)
        found = read(cluster.kubeconfig)
        empty = Credential(server=found.server, namespace=name, token="", ca_pem=found.ca_pem)
        self.account = as_service_account(request_token(self.admin, empty, 3600, time.time()))
        self.all: tuple[Right, ...] = granted(self.request)

    def grant(self, rights: list[Right]) -> None:
        """Write both roles anew."""
        for manifest in standing(self.request, own_namespace=True):
            if manifest["kind"] not in {"Role", "ClusterRole"}:
                continue
            scope: Any = "cluster" if manifest["kind"] == "ClusterRole" else "namespace"
            where = f"/namespaces/{self.request.namespace}/roles" if scope == "namespace" else "/clusterroles"
            path = f"/apis/rbac.authorization.k8s.io/v1{where}/{manifest['metadata']['name']}"
            answer = self.admin.call("PATCH", path, {"rules": rules(rights, scope)}, None, MERGE)
            assert answer.ok, answer.message

    def allowed(self, right: Right, verb: str) -> bool:
        """The call itself, as a dry run where it would write: everything but 403 means that the right is there."""
        method, path, query, content_type = probe(right, verb, self.request.namespace)
        body: dict[str, Any] | None = {} if method in {"POST", "PATCH"} else None
        return self.account.call(method, path, body, query, content_type).status != 403

    def denied(self) -> set[tuple[str, str]]:
        """(feature, verb) of every probe that fails now."""
        return {(r.feature, verb) for r in self.all for verb in r.verbs if not self.allowed(r, verb)}

    def settled(self, expected: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """`denied`, asked until it is as expected; the authorizer learns of a change with a short delay."""
        ends = time.monotonic() + 15
        while (found := self.denied()) != expected and time.monotonic() < ends:
            time.sleep(0.05)
        return found


def probe(right: Right, verb: str, namespace: str) -> tuple[str, str, dict[str, str], str]:
    """Method, path, query and content type of the narrowest call that needs this verb.

    The watch names no version that exists, so that it ends at once; who may watch is decided before that.
    """
    root = GROUPS.get(right.group, f"/apis/{right.group}/v1")
    where = f"/namespaces/{namespace}" if right.scope == "namespace" else ""
    resource, _, subresource = right.resource.partition("/")
    name = right.names[0] if right.names else "not-there"
    collection = f"{root}{where}/{resource}"
    one, dry = f"{collection}/{name}", {"dryRun": "All"}
    if subresource:
        method, query = ("POST", dry) if verb == "create" else ("GET", {})
        return method, f"{one}/{subresource}", query, "application/json"
    return {
        "get": ("GET", one, {}, ""),
        "list": ("GET", collection, {"limit": "1"}, ""),
        "watch": ("GET", collection, {"watch": "1", "resourceVersion": "none"}, ""),
        "create": ("POST", collection, dry, "application/json"),
        "patch": ("PATCH", one, dry, MERGE),
        "delete": ("DELETE", one, dry, ""),
    }[verb]


@pytest.fixture(scope="module")
def site(control_plane: ControlPlane) -> Iterator[Site]:
    made = Site(control_plane)
    yield made
    name = made.request.cluster_object_name
    for path in (
        f"/api/v1/namespaces/{made.request.namespace}",
        f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}",
        f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{name}",
    ):
        control_plane.api.delete(path)


def test_with_all_rights_no_probe_fails(site: Site) -> None:
    site.grant(list(site.all))
    assert site.settled(set()) == set()


OWN_PODS = "our pods are seen"
FEATURES = [
    right.feature
    for right in granted(JoinRequest(name="m1", federation="f", namespace="f", forms=("startd-daemonset",)))
]


@pytest.mark.parametrize("feature", FEATURES)
def test_without_one_right_exactly_its_feature_fails(site: Site, feature: str) -> None:
    taken = next(right for right in site.all if right.feature == feature)
    left = [right for right in site.all if right is not taken]
    expected = {(feature, verb) for verb in taken.verbs}
    if feature == OWN_PODS:
        # Who sees all pods sees ours: this right counts where visibility is nodes or namespace.
        left.remove(ALL_PODS)
        expected |= {(ALL_PODS.feature, verb) for verb in ALL_PODS.verbs}
    site.grant(left)
    assert site.settled(expected) == expected


def test_a_member_that_was_joined_before_a_right_was_asked_for_gets_it_by_joining_again(site: Site) -> None:
    site.grant(list(site.all))
    role = next(one for one in standing(site.request, own_namespace=True) if one["kind"] == "Role")
    older = {**role, "rules": [rule for rule in role["rules"] if rule["resources"] != [LOGS.resource]]}
    where = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{site.request.namespace}/roles/{role['metadata']['name']}"
    assert site.admin.call("DELETE", where).ok
    make(site.admin, older, dry_run=False)
    lacking = {(LOGS.feature, "get")}
    assert site.settled(lacking) == lacking
    (row,) = [row for row in run_checks(site.account, site.request) if row.name == "rights"]
    assert row.state == "unknown", "everything else goes on without it"
    assert "get pods/log" in row.found
    make(site.admin, role, dry_run=False)
    assert site.settled(set()) == set()
