"""A hub as `fedsched hub join` leaves it, on a real API server, and a queue that reads it; for tests."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fedsched.config.settings import Cadence, Federation, MemberFile, QueuePrincipal, QueueSettings
from fedsched.federation.hub_queue import HubQueue
from fedsched.kube.hub.joining import join
from fedsched.kube.hub.request import HubRequest, request_of
from fedsched.kube.join import credentials
from fedsched.kube.join.caller import Connection
from fedsched.kube.kubeconfig import read
from fedsched.matchmaker.model import JobCondition, JobStatus, Outcome, QueuedJob, ScheddView, TellJob
from fedsched.matchmaker.model.names import LABEL_QUEUE
from tests.laboratory.kubeapi import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fedsched.kube.hub.served import Served
    from tests.laboratory.controlplane import ControlPlane

Object = dict[str, Any]
PHYSICS = QueuePrincipal("*", groups=("physics.*", "bio"), user_label="", default="guest.{namespace}")
QUEUE = QueueSettings("hub", credential=Path("hub.json"), principals=(PHYSICS,))
POLICIES = "/apis/admissionregistration.k8s.io/v1"


class Hub:
    """One hub cluster, joined; `admin` is its owner's own client."""

    def __init__(self, plane: ControlPlane, folder: Path, queue: QueueSettings = QUEUE) -> None:
        self.plane, self.admin, self.queue_settings = plane, plane.api, queue
        self.settings = Federation(
            f"fed-{secrets.token_hex(3)}",
            credentials=folder / "credentials",
            queues=(queue,),
            cadence=Cadence(contact_s=0.3, silent_watch_s=5.0, credential_check_s=1.0),
        )

    @property
    def name(self) -> str:
        """Of what is installed there for the whole cluster."""
        return f"fedsched-hub-{self.settings.id}"

    def request(self, members: tuple[MemberFile, ...] = ()) -> HubRequest:
        """What is asked for."""
        return request_of(self.settings, members, self.queue_settings.name, "fedsched-queue")

    def join(self, members: tuple[MemberFile, ...] = ()) -> tuple[dict[str, str], Served]:
        """As the verb does it: worst state of each check, and what the server serves."""
        found = read(self.plane.kubeconfig)
        joined, served = join(Connection(found), found, self.request(members), dry_run=False, say=lambda _text: None)
        assert joined.credential is not None
        credentials.save(self.settings.credentials / "hub.json", joined.credential)
        rank = ("ok", "unknown", "bad")
        states = sorted(((check.name, check.state) for check in joined.checks), key=lambda each: rank.index(each[1]))
        return dict(states), served

    @contextmanager
    def reading(self, changed: Callable[[], None] = lambda: None) -> Iterator[HubQueue]:
        """The queue, as the daemon has it."""
        queue = HubQueue(self.queue_settings, self.settings, changed)
        queue.start()
        try:
            yield queue
        finally:
            queue.stop()

    def create(self, namespace: str, name: str, **changed: Any) -> Object:
        """A Job with nothing but the label, made as kubectl makes it."""
        return dict(self.admin.create(job(namespace, name, **changed)))

    def job(self, namespace: str, name: str) -> Object:
        """As it is now."""
        return dict(self.admin.get(jobs(namespace, name)))

    def refused(self, manifest: Object) -> str:
        """What the server says to a Job that it must not take."""
        try:
            self.admin.create(manifest)
        except ApiError as error:
            return str(error)
        raise AssertionError(f"{manifest['metadata']['name']} was taken")

    def policy(self, kind: str, binding: str = "") -> str:
        """Path of a policy of ours: `mutating` or `validating`."""
        return f"{POLICIES}/{kind}admissionpolic{'ybindings' if binding else 'ies'}/{self.name}"


def jobs(namespace: str, name: str = "") -> str:
    """Path of Jobs, or of one."""
    return f"/apis/batch/v1/namespaces/{namespace}/jobs" + (f"/{name}" if name else "")


def job(
    namespace: str, name: str, *, labels: Object | None = None, notes: Object | None = None, **given: Any
) -> Object:
    """A manifest. Of `given` what a pod knows goes into the pod, the rest into the Job's spec."""
    in_pod = {key: given.pop(key) for key in list(given) if key in POD_FIELDS}
    container = {"name": "main", "image": "registry.example/work:1", "resources": {"requests": {"cpu": "1"}}}
    pod = {"restartPolicy": "Never", "containers": [container], **in_pod}
    metadata: Object = {"name": name, "namespace": namespace}
    metadata["labels"] = {LABEL_QUEUE: "hub"} if labels is None else labels
    metadata["annotations"] = notes or {}
    spec = {"template": {"spec": pod}, **given}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


POD_FIELDS = frozenset(
    {
        "affinity",
        "containers",
        "hostNetwork",
        "hostPID",
        "initContainers",
        "nodeName",
        "nodeSelector",
        "priorityClassName",
        "runtimeClassName",
        "schedulerName",
        "schedulingGates",
        "serviceAccountName",
        "volumes",
    }
)


def until(test: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
    """What `test` returns once it is true."""
    end = time.monotonic() + timeout_s
    while not (seen := test()):
        assert time.monotonic() < end, f"{what}: not within {timeout_s} s"
        time.sleep(0.05)
    return seen


def seen(queue: HubQueue, id_: str, test: Callable[[QueuedJob], Any] = bool) -> QueuedJob:
    """A Job of the queue, once it is as wanted."""

    def found() -> QueuedJob | None:
        return next((one for one in queue.latest().jobs if one.id == id_ and test(one)), None)

    one: QueuedJob = until(found, f"{id_} in the queue")
    return one


def current(queue: HubQueue, after: float) -> ScheddView:
    """A view that is newer than that."""
    view: ScheddView = until(
        lambda: next((v for v in (queue.latest(),) if (v.seen_at or 0) > after), None), "a newer view"
    )
    return view


def tell(queue: HubQueue, one: QueuedJob, status: JobStatus) -> Outcome:
    """Write a status on what was seen."""
    return queue.tell(TellJob("hub", one.id, one.uid, one.resource_version, status), time.time())


def told(queue: HubQueue, id_: str, status: JobStatus) -> QueuedJob:
    """Write a status that must be taken; the Job as the queue then shows it."""
    before = seen(queue, id_)
    outcome = tell(queue, before, status)
    assert outcome.result == "done", outcome
    assert outcome.what == "", outcome
    return seen(queue, id_, lambda one: one.resource_version != before.resource_version)


def condition(type_: str, reason: str = "", message: str = "", at: float | None = None) -> JobCondition:
    """One that is True."""
    return JobCondition(type_, "True", reason, message, at)


def grown(status: JobStatus, **changed: Any) -> JobStatus:
    """The status with changes."""
    return msgspec.structs.replace(status, **changed)
