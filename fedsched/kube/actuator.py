"""Carries changes out at one member, one object at a time, idempotent and fenced; what to change is decided elsewhere.

Checkpoints, each called just before the write of that name: raise-fence, create-files, delete-files, create-token,
renew-token, create-object, order-leave, delete-pod, delete-object, park, adopt-owner, delete-token,
and those of job_copies.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fedsched.config.settings import MemberFile
from fedsched.kube import admission, manifests, priority
from fedsched.kube.digest import digest
from fedsched.kube.failures import EndedError, ended
from fedsched.kube.job_copies import Copies
from fedsched.kube.jobs.bundle import JobBundle
from fedsched.kube.standing import Footing, Standing
from fedsched.kube.sweeping import sweep
from fedsched.kube.transport import Transport, TransportError, one_line
from fedsched.kube.vetting import RefusedError
from fedsched.kube.worker_bundle import WorkerBundle
from fedsched.kube.writing import Writer
from fedsched.matchmaker.model import (
    AdoptOwner,
    Change,
    CreateObject,
    DeleteObject,
    DeletePod,
    OrderLeave,
    Outcome,
    ParkDaemonSet,
    names,
)

CLASSES_S = 300.0
"""For so long a list of PriorityClasses is believed, in seconds."""
AGAIN = 3
"""So often a POST that a quota's own conflict refused is made again at once."""
HEADS_THAT_PROVE = (names.MANAGED_BY, names.PART_OF, names.LABEL_MEMBER, names.LABEL_PLACEMENT)

Object = dict[str, Any]


class Actuator:
    """The only writer at one member; several threads at a time, each with a placement of its own.

    An object is created by POST under the name that its placement gives (FA3), changed and deleted only with the uid
    that was seen (FA6), and never when a higher epoch stands in the member's fence (FA5).
    """

    def __init__(
        self,
        member: MemberFile,
        transport: Transport,
        federation_id: str,
        checkpoint: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._member = member
        self._transport = transport
        self._federation_id = federation_id
        self._writer = Writer(transport, member.namespace, checkpoint)
        self._standing = Standing(member, self._writer, federation_id)
        self._classes: tuple[priority.PriorityClass, ...] | None = None
        self._classes_at = -CLASSES_S

    def raise_fence(self, epoch: int) -> int:
        """Write our epoch into the member's fence if none higher stands there; the epoch that stands there then.

        TransportError when the member does not answer; NoAnchorError when it has no anchor of ours (join first)
        or a fence that cannot be read.
        """
        try:
            self._standing.guard(epoch)
        except EndedError as end:
            if end.result != "fenced":
                raise TransportError("error", end.what, status=409) from end
            return self._standing.footing().epoch
        return epoch

    def act(self, change: Change, bundle: WorkerBundle | JobBundle | None, epoch: int, at: float) -> Outcome:
        """Carry one change out; never raises for what the member says.

        bundle: only read by CreateObject: what a startd needs, or the user's Job for the form `job`.

        at: epoch seconds, stands in the outcome.
        """
        try:
            uid, what = self._carry_out(change, bundle, self._standing.guard(epoch))
        except EndedError as end:
            return self._ended(change, end, at)
        except TransportError as error:
            return self._ended(change, ended(error), at)
        except RefusedError as error:
            return Outcome(change, "refused", at, what=one_line(str(error)))
        return Outcome(change, "done", at, uid=uid, what=what)

    def renew_token(self, pool: str, worker: WorkerBundle, epoch: int) -> bool:
        """Put the bundle's token where running startds find it; True when it had to be written.

        Raises what `raise_fence` raises, EndedError when fenced or when the Secret's name is taken.
        """
        return self._standing.ensure_token(pool, worker, self._standing.owner(self._standing.guard(epoch)))

    def sweep(self, epoch: int, at: float | None = None) -> int:
        """Remove what stands there for nobody; how many objects went. at: epoch seconds, None for now."""
        self._standing.guard(epoch)
        self._standing.forget()
        return sweep(self._member, self._writer, self._federation_id, time.time() if at is None else at)

    def _carry_out(self, change: Change, bundle: WorkerBundle | JobBundle | None, footing: Footing) -> tuple[str, str]:
        """One write; the uid of what was written and facts about it."""
        if change.member != self._member.name:
            raise RefusedError(f"this change is for {change.member or 'a pool'}, not for {self._member.name}")
        match change:
            case CreateObject():
                return self._create(change, bundle, footing)
            case OrderLeave():
                notes = {"uid": change.uid, "annotations": {names.NOTE_LEAVE: str(int(change.at))}}
                return self._patch("Pod", change.pod, {"metadata": notes}, "order-leave")
            case DeletePod():
                return self._delete_pod(change)
            case DeleteObject():
                return self._delete_object(change)
            case ParkDaemonSet():
                template = {"spec": {"nodeSelector": names.PARKED_SELECTOR}}
                body = {"metadata": {"uid": change.uid}, "spec": {"template": template}}
                return self._patch("DaemonSet", change.name, body, "park")
            case AdoptOwner():
                owner = [manifests.owner_reference(footing.anchor_uid)]
                body = {"metadata": {"uid": change.uid, "ownerReferences": owner}}
                return self._patch(change.kind, change.name, body, "adopt-owner")
        raise RefusedError(f"{type(change).__name__} is no change to a member")

    def _copy(self, change: CreateObject, bundle: JobBundle, footing: Footing) -> tuple[str, str]:
        """The copy of a user's Job with what goes with it."""
        if change.placement.form != "job":
            raise RefusedError(f"placement {change.placement.id} is a {change.placement.form}, no copy of a Job")
        placement_class = priority.choose(self._priority_classes(), self._member)
        copies = Copies(self._member, self._writer, self._post)
        return copies.write(change.placement, bundle, self._standing.owner(footing), placement_class)

    def _create(
        self, change: CreateObject, worker: WorkerBundle | JobBundle | None, footing: Footing
    ) -> tuple[str, str]:
        if isinstance(worker, JobBundle):
            return self._copy(change, worker, footing)
        if change.placement.form == "job":
            raise EndedError("gone", f"Job {change.placement.job} is not in its queue any more")
        if worker is None:
            raise RefusedError(f"pool {change.placement.pool} has no worker files or token yet")
        owner = self._standing.owner(footing)
        placement_class = priority.choose(self._priority_classes(), self._member)
        wanted = manifests.manifest(change.placement, self._member, worker, owner, placement_class)
        self._standing.ensure_files(worker, owner)
        self._standing.ensure_token(change.placement.pool, worker, owner)
        return self._post(wanted)

    def _post(self, wanted: Object) -> tuple[str, str]:
        """Create an object of a placement, once (FA3); its uid, and facts about it."""
        try:
            stored, warning = self._created(wanted)
        except TransportError as error:
            if error.status == 409 and error.reason == "AlreadyExists":
                return self._namesake(wanted)
            if error.status in {404, 409}:  # the quota's own object changed under the server's hands; namespace going
                raise EndedError("retry", str(error)) from error
            raise
        facts = [each for each in (admission.changes(wanted, stored), one_line(warning)) if each]
        return str(stored["metadata"]["uid"]), "; ".join(facts)

    def _created(self, wanted: Object) -> tuple[Object, str]:
        """POST it; once more where the server says that nothing was made, as many at once fall over one quota."""
        for _ in range(AGAIN):
            try:
                return self._writer.create(wanted, "create-object")
            except TransportError as error:
                if error.status != 409 or error.reason != "Conflict":
                    raise
        return self._writer.create(wanted, "create-object")

    def _namesake(self, wanted: Object) -> tuple[str, str]:
        """Success only if the object there is what we would have written (FA3); a foreign one stays untouched (L5)."""
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        seen = self._writer.get(kind, name)
        if seen is None:
            raise EndedError("retry", f"{kind} {name} was there and went away")
        metadata = seen["metadata"]
        where = f"{kind} {name} in namespace {self._member.namespace}"
        labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
        if any(labels.get(key) != wanted["metadata"]["labels"][key] for key in HEADS_THAT_PROVE):
            raise EndedError(
                "conflict", f"foreign-object: {where} is not ours; nothing was changed, rename or remove it"
            )
        if metadata.get("deletionTimestamp"):
            raise EndedError("retry", f"{where} is ours and still being deleted")
        if notes.get(names.NOTE_DIGEST) != digest(wanted):
            raise EndedError("conflict", f"{where} is ours but was written differently (by another version?)")
        if metadata.get("ownerReferences") != wanted["metadata"]["ownerReferences"]:
            raise EndedError("conflict", f"{where} is ours but hangs on another anchor")
        return str(metadata["uid"]), "; ".join(["it existed already", admission.changes(wanted, seen)]).rstrip("; ")

    def _delete_pod(self, change: DeletePod) -> tuple[str, str]:
        conditions = {"uid": change.uid}
        if change.resource_version:
            conditions["resourceVersion"] = change.resource_version
        options: Object = {}
        if change.grace_s is not None:
            if change.grace_s < 1:
                raise RefusedError(
                    f"grace of {change.grace_s} s for pod {change.pod}: a hard kill is never a tool (PR5)"
                )
            options["gracePeriodSeconds"] = change.grace_s
        self._writer.delete("Pod", change.pod, conditions, "delete-pod", **options)
        return change.uid, ""

    def _delete_object(self, change: DeleteObject) -> tuple[str, str]:
        """Foreground: the object stays, marked as being deleted, until its last pod is gone, so that "gone" is true."""
        conditions = {"uid": change.uid}
        if change.resource_version:
            conditions["resourceVersion"] = change.resource_version
        self._writer.delete(change.kind, change.name, conditions, "delete-object", propagationPolicy="Foreground")
        return change.uid, ""

    def _patch(self, kind: str, name: str, body: Object, point: str) -> tuple[str, str]:
        stored = self._writer.patch(kind, name, body, point)
        return str(stored["metadata"]["uid"]), ""

    def _priority_classes(self) -> tuple[priority.PriorityClass, ...] | None:
        """As last listed, at most CLASSES_S old; None when we may not read them."""
        if self._member.terms.visibility == "namespace":
            return None
        if time.monotonic() - self._classes_at >= CLASSES_S:
            self._classes = self._list_classes()
            self._classes_at = time.monotonic()
        return self._classes

    def _list_classes(self) -> tuple[priority.PriorityClass, ...] | None:
        answer = self._transport.request("GET", "/apis/scheduling.k8s.io/v1/priorityclasses")
        failure = answer.failure()
        if failure is None:
            return priority.decode(answer.body)
        if failure.status in {403, 404}:
            return None
        raise failure

    def _ended(self, change: Change, end: EndedError, at: float) -> Outcome:
        return Outcome(change, end.result, at, what=one_line(end.what), retry_after_s=end.retry_after_s)
