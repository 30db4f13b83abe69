"""A member as join leaves it, on a real API server: narrow rights, restricted namespace, anchor; for tests."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from fedsched.config.settings import Credential, MemberFile
from fedsched.kube.actuator import Actuator
from fedsched.kube.rights import Right, rights, rules
from fedsched.kube.transport import Transport
from fedsched.matchmaker.model import Change, CreateObject, Outcome, Placement, names
from tests.kube.write_builders import FEDERATION, NOW, member, placement, worker
from tests.laboratory.kubeapi import Api, ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fedsched.kube.worker_bundle import WorkerBundle
    from tests.laboratory.controlplane import ControlPlane

ACCOUNT = "fedsched"
GUESTS = "fedsched-guest"
EPOCH = 7
RBAC = "rbac.authorization.k8s.io/v1"
Object = dict[str, Any]


class Site:
    """One namespace of a real member under our narrow rights; `admin` is its owner's own client."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane, self.namespace = plane, namespace
        self.admin: Api = plane.api
        self.batch = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self.sets = f"/apis/apps/v1/namespaces/{namespace}/daemonsets"
        self.core = f"/api/v1/namespaces/{namespace}"
        self.label = f"t-{secrets.token_hex(3)}"
        self._standing_objects()
        self.member = self.member_file()
        self.transport = Transport(self.credential(ACCOUNT), requests_per_s=1000)
        self.actuator = self.new_actuator()

    def member_file(self, **overrides: Any) -> MemberFile:
        """The member's file; simulated startds run for ten minutes."""
        return member(self.namespace, **{"annotations": (("sim/seconds", "600s"),)} | overrides)

    def new_actuator(self, file: MemberFile | None = None, **options: Any) -> Actuator:
        """As after a restart: it knows nothing."""
        return Actuator(file or self.member, self.transport, FEDERATION, **options)

    def act(self, change: Change, epoch: int = EPOCH, bundle: WorkerBundle | None = None) -> Outcome:
        """One change, by this site's actuator."""
        return self.actuator.act(change, bundle or worker(), epoch, NOW)

    def placement(self, **changed: Any) -> Placement:
        """A placement on the nodes of this site."""
        return placement(**{"selector": (("site", self.label),)} | changed)

    def place(self, **changed: Any) -> Outcome:
        """A placement that must come to be."""
        outcome = self.act(CreateObject("m1", self.placement(**changed)))
        assert outcome.result == "done", outcome
        return outcome

    def nodes(self, count: int = 1) -> list[str]:
        """Simulated nodes that this site's placements select."""
        return self.plane.add_fake_nodes(self.label, count, labels={"site": self.label}, cpu=8, memory="32Gi")

    def pods(self) -> list[Object]:
        """All pods of the namespace."""
        return self.admin.items(f"{self.core}/pods")

    def pod(self, ready: Callable[[Object], Any] = bool, timeout_s: float = 30) -> Object:
        """The only pod, once it is as wanted."""
        found = self.until(lambda: [each for each in self.pods() if ready(each)], "a pod", timeout_s)
        assert len(found) == 1
        return dict(found[0])

    def until(self, test: Callable[[], Any], what: str, timeout_s: float = 30) -> Any:
        """What `test` returns once it is true."""
        end = time.monotonic() + timeout_s
        while not (seen := test()):
            assert time.monotonic() < end, f"{what} not seen within {timeout_s} s"
            time.sleep(0.1)
        return seen

    def credential(self, account: str) -> Credential:
        """A token of a service account of the namespace."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        answer = self.admin.request("POST", f"{self.core}/serviceaccounts/{account}/token", body)
        return Credential(self.plane.server, self.namespace, answer["status"]["token"], self.plane.ca_pem.decode())

    def grant(self, account: str, granted: Iterable[Right]) -> None:
        """A service account with exactly these rights."""
        granted = tuple(granted)
        subject = {"kind": "ServiceAccount", "name": account, "namespace": self.namespace}
        bound: Object = {"subjects": [subject], "roleRef": _role("Role", account)}
        self._make("v1", "ServiceAccount", account)
        self._make(RBAC, "Role", account, content={"rules": rules(granted, "namespace")})
        self._make(RBAC, "RoleBinding", account, content=bound)
        wide = f"{self.namespace}-{account}"
        self._make(RBAC, "ClusterRole", wide, content={"rules": rules(granted, "cluster")})
        self._make(RBAC, "ClusterRoleBinding", wide, content=bound | {"roleRef": _role("ClusterRole", wide)})

    def anchor(self) -> str:
        """Makes the anchor; its uid."""
        made = self._make("v1", "ConfigMap", names.ANCHOR, role="anchor")
        return str(made["metadata"]["uid"])

    def names_of(self, path: str) -> set[str]:
        """Names of what is there."""
        return {each["metadata"]["name"] for each in self.admin.items(path)}

    def _standing_objects(self) -> None:
        enforce = {f"pod-security.kubernetes.io/{level}": "restricted" for level in ("enforce", "warn")}
        self.admin.patch(f"/api/v1/namespaces/{self.namespace}", {"metadata": {"labels": enforce}})
        self.grant(ACCOUNT, rights("m1", "full", ("startd-job", "startd-daemonset")))
        try:
            self._make(
                "scheduling.k8s.io/v1", "PriorityClass", GUESTS, content={"value": -1000, "preemptionPolicy": "Never"}
            )
        except ApiError as error:
            assert error.reason == "AlreadyExists", error  # noqa: PT017 - shared by all tests of this control plane
        self.anchor_uid = self.anchor()

    def _make(
        self, version: str, kind: str, name: str, role: str = "standing", content: Object | None = None
    ) -> Object:
        labels = {names.MANAGED_BY: names.MANAGER, names.PART_OF: FEDERATION, names.LABEL_ROLE: role}
        metadata = {"name": name, "namespace": self.namespace, "labels": labels}
        if kind.startswith("Cluster") or kind == "PriorityClass":
            del metadata["namespace"]
        return self.admin.create({"apiVersion": version, "kind": kind, "metadata": metadata} | (content or {}))


def _role(kind: str, name: str) -> Object:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
