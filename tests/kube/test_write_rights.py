"""Each right is needed: an account that lacks one is refused exactly that, and has all the others (O2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from fedsched.kube.actuator import Actuator
from fedsched.kube.rights import Right, rights, rules
from fedsched.kube.transport import Transport
from fedsched.matchmaker.model import CreateObject, Form
from tests.kube.write_builders import FEDERATION, NOW, worker
from tests.kube.write_site import EPOCH, Site

if TYPE_CHECKING:
    from tests.laboratory.controlplane import ControlPlane

FORMS: tuple[Form, ...] = ("startd-job", "startd-daemonset")
FULL = rights("m1", "full", FORMS)
NODES = rights("m1", "nodes", FORMS)
ONLY_FULL = tuple(right for right in FULL if right not in NODES)
METHODS = {"get": "GET", "list": "GET", "watch": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}


@pytest.fixture
def site(control_plane: ControlPlane, namespace: str) -> Site:
    return Site(control_plane, namespace)


def test_who_lacks_one_right_is_refused_that_and_nothing_else(site: Site) -> None:
    # With visibility = full the right on all pods holds our own as well: what is tried there is that right alone.
    cases = [(lacking, NODES) for lacking in NODES] + [(lacking, FULL) for lacking in ONLY_FULL]
    for number, (lacking, granted) in enumerate(cases):
        site.grant(f"without-{number}", [right for right in granted if right is not lacking])
    site.until(lambda: allowed(site, f"without-{len(cases) - 1}", NODES[0]), "the rights of the last account")
    for number, (lacking, granted) in enumerate(cases):
        account = f"without-{number}"
        lost = [right for right in granted if right is not lacking and not allowed(site, account, right)]
        assert lost == [], lacking.feature
        transport = Transport(site.credential(account), requests_per_s=1000)
        refused = [verb for verb in lacking.verbs if call(site, transport, lacking, verb) == 403]
        assert tuple(refused) == lacking.verbs, lacking.feature


def allowed(site: Site, account: str, right: Right) -> bool:
    """What the member's own authorizer says."""
    user = f"system:serviceaccount:{site.namespace}:{account}"
    resource, _, subresource = right.resource.partition("/")
    for verb in right.verbs:
        asked = {"group": right.group, "resource": resource, "subresource": subresource, "verb": verb}
        asked |= {"namespace": site.namespace if right.scope == "namespace" else ""}
        asked |= {"name": right.names[0]} if right.names else {}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
        spec = {"user": user, "groups": ["system:authenticated"], "resourceAttributes": asked}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        if not site.admin.request("POST", path, review | {"spec": spec})["status"]["allowed"]:
            return False
    return True


def call(site: Site, transport: Transport, right: Right, verb: str) -> int:
    """The status of one narrow call that uses this right and changes nothing."""
    resource, _, subresource = right.resource.partition("/")
    group = f"/apis/{right.group}/v1" if right.group else "/api/v1"
    space = f"/namespaces/{site.namespace}" if right.scope == "namespace" else ""
    path = f"{group}{space}/{resource}"
    if verb in {"get", "patch", "delete"} or subresource:
        path += f"/{right.names[0] if right.names else 'nobody'}" + (f"/{subresource}" if subresource else "")
    query = {"dryRun": "All"} if METHODS[verb] != "GET" else {}
    if verb == "watch":
        query = {"watch": "1", "timeoutSeconds": "1"}
    body = None if METHODS[verb] == "GET" else b"{}"
    kind = "application/merge-patch+json" if verb == "patch" else "application/json"
    return transport.request(METHODS[verb], path, query, body, kind).status


def test_a_refusal_of_a_right_names_the_repair(site: Site) -> None:
    site.grant("no-jobs", [right for right in FULL if right.feature != "startd Jobs are placed"])
    site.until(lambda: allowed(site, "no-jobs", FULL[0]), "the rights")
    actuator = Actuator(site.member, Transport(site.credential("no-jobs")), FEDERATION)
    outcome = actuator.act(CreateObject("m1", site.placement()), worker(), EPOCH, NOW)
    assert outcome.result == "refused"
    assert outcome.what.startswith("our rights: ")
    assert "fedsched join" in outcome.what


def test_no_rule_has_a_wildcard_and_secrets_are_only_read_by_name() -> None:
    for rule in rules(FULL, "namespace") + rules(FULL, "cluster"):
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        if rule["resources"] == ["secrets"] and rule["verbs"] != ["create"]:
            assert rule["resourceNames"] == ["fs-token-m1"]


def test_with_namespace_visibility_nothing_is_cluster_scoped() -> None:
    assert rules(rights("m1", "namespace"), "cluster") == []
    assert {right.resource for right in rights("m1", "nodes") if right.scope == "cluster"} == {
        "nodes",
        "priorityclasses",
        "storageclasses",
        "csidrivers",
    }


def test_what_reads_only_has_no_verb_that_writes() -> None:
    for rule in rules(FULL, "cluster"):
        assert set(rule["verbs"]) == {"list", "watch"}
    assert msgspec.json.encode(rules(FULL, "cluster")).count(b"create") == 0
