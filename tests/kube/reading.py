"""What the tests of reading share: member files, readers on real control planes, objects to make there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fedsched.config.settings import Cadence, Credential, DeclaredGroup, MemberFile, Overrides
from fedsched.kube.capacity import CapacityReader
from fedsched.kube.transport import Transport
from fedsched.matchmaker.model import MemberTerms, MemberView, ObjectView
from fedsched.matchmaker.model.terms import Budgets, Visibility

QUICK = Cadence(contact_s=0.5, silent_watch_s=20.0, relist_s=600.0)
OURS = {"app.kubernetes.io/managed-by": "fedsched"}


def member(
    namespace: str,
    *,
    visibility: Visibility = "full",
    groups: tuple[DeclaredGroup, ...] = (),
    node_selector: tuple[tuple[str, str], ...] = (),
    **more: Any,
) -> MemberFile:
    """A member's file with quick budgets."""
    terms = MemberTerms("m1", mode="on", visibility=visibility, budgets=Budgets(requests_per_s=200))
    overrides = Overrides(node_selector=node_selector)
    return MemberFile(terms, namespace, Path("m1"), groups=groups, overrides=overrides, **more)


def credential(plane: Any, namespace: str, token: str = "") -> Credential:
    """For this control plane, as admin unless a token is given."""
    return Credential(plane.server, namespace, token or plane.admin_token, _text(plane.ca_pem))


@contextmanager
def reading(
    plane: Any,
    file: MemberFile,
    *,
    token: str = "",
    cadence: Cadence = QUICK,
    changed: Callable[[], None] | None = None,
) -> Iterator[CapacityReader]:
    """A started reader; stopped afterwards."""
    transport = Transport(credential(plane, file.namespace, token), 200.0)
    reader = CapacityReader(file, transport, cadence, changed or (lambda: None))
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()
        transport.close()


def until(
    reader: CapacityReader, true: Callable[[MemberView, tuple[ObjectView, ...]], Any], limit_s: float = 30
) -> Any:
    """The first (view, objects) for which `true` holds; AssertionError with the last view after `limit_s`."""
    end = time.monotonic() + limit_s
    while True:
        view, objects = reader.latest()
        if view.seen_at is not None and true(view, objects):
            return view, objects
        if time.monotonic() > end:
            raise AssertionError(f"not seen within {limit_s} s; last: {view}, {objects}")
        time.sleep(0.02)


def group(view: MemberView, name: str) -> Any:
    """A node group by name; None when there is none (Any: a test that takes its fields has waited for it)."""
    return next((g for g in view.node_groups if g.name == name), None)


def pod(
    namespace: str, name: str, *, node: str = "", requests: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """A hand-made pod that runs until it is deleted."""
    limits = {k: v for k, v in (requests or {}).items() if "/" in k}
    container = {"name": "c", "image": "x", "resources": {"requests": requests or {}, "limits": limits}}
    where = {"nodeName": node} if node else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "annotations": {"sim/seconds": "3600s"}},
        "spec": {"restartPolicy": "Never", "containers": [container], **where, **spec},
    }


def service_account(
    plane: Any, namespace: str, rules: list[dict[str, Any]], cluster_rules: list[dict[str, Any]]
) -> str:
    """A token of a new service account with exactly these rights."""
    name = f"reader-{time.monotonic_ns()}"
    rbac = "rbac.authorization.k8s.io"
    plane.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})
    for kind, made, where in (("Role", rules, {"namespace": namespace}), ("ClusterRole", cluster_rules, {})):
        head = {"apiVersion": f"{rbac}/v1", "metadata": {"name": name, **where}}
        plane.api.create({**head, "kind": kind, "rules": made})
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        ref = {"apiGroup": rbac, "kind": kind, "name": name}
        plane.api.create({**head, "kind": f"{kind}Binding", "subjects": [subject], "roleRef": ref})
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token: str = plane.api.request("POST", path, body)["status"]["token"]
    return token


def _text(pem: bytes | str) -> str:
    return pem.decode() if isinstance(pem, bytes) else pem
