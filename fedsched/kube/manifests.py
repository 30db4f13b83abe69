"""The objects that we write at a member, from values only; sending them is the actuator's business."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from fedsched.config.settings import MemberFile
from fedsched.kube import overrides, vetting
from fedsched.kube.digest import sealed
from fedsched.kube.object_names import token_secret, worker_files_map
from fedsched.kube.pod_spec import spec
from fedsched.kube.vetting import RefusedError
from fedsched.kube.worker_bundle import WorkerBundle, worker_files
from fedsched.matchmaker.model import Placement, names

__all__ = ["KEEP_FINISHED_S", "Owner", "WorkerBundle", "daemonset", "files_map", "job", "manifest", "token_map"]

KEEP_FINISHED_S = 3600
"""A finished Job clears itself after so long; a living fedsched clears it within seconds."""
LARGEST_RECORD = 16 * 1024
"""Bytes of a placement as JSON; all annotations of an object together may have 256 KiB."""
API_VERSION = {"Job": "batch/v1", "DaemonSet": "apps/v1"}

Manifest = dict[str, Any]


class Owner(msgspec.Struct, frozen=True):
    """On whose behalf an object is written: this federation, under this member's anchor."""

    federation_id: str
    anchor_uid: str


def manifest(
    placement: Placement, member: MemberFile, worker: WorkerBundle, owner: Owner, priority_class: str
) -> Manifest:
    """The object of a placement, as its form wants it; RefusedError names what may not be written."""
    if placement.form == "startd-job":
        return job(placement, member, worker, owner, priority_class)
    if placement.form == "startd-daemonset":
        return daemonset(placement, member, worker, owner, priority_class)
    raise RefusedError(f"form {placement.form} cannot be placed by this version; take it out of `forms`")


def job(placement: Placement, member: MemberFile, worker: WorkerBundle, owner: Owner, priority_class: str) -> Manifest:
    """A batch/v1 Job with one startd pod, ended by its deadline and cleared by its TTL whatever becomes of us (FA4)."""
    if placement.lifetime_s < 1:
        raise RefusedError(f"lifetime_s of placement {placement.id} is {placement.lifetime_s}; it must be positive")
    body = {
        "activeDeadlineSeconds": placement.lifetime_s,
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "ttlSecondsAfterFinished": KEEP_FINISHED_S,
        "template": _template(placement, member, worker, owner, priority_class),
    }
    return _placed("Job", placement, member, owner, body)


def daemonset(
    placement: Placement, member: MemberFile, worker: WorkerBundle, owner: Owner, priority_class: str
) -> Manifest:
    """An apps/v1 DaemonSet over a node group; OnDelete, so that no template change ever restarts a startd (FA7)."""
    if not placement.selector:
        raise RefusedError(
            f"a DaemonSet needs the labels of node group {placement.node_group}; it would take all nodes"
        )
    body = {
        "selector": {"matchLabels": {names.LABEL_PLACEMENT: placement.id}},
        "updateStrategy": {"type": "OnDelete"},
        "template": _template(placement, member, worker, owner, priority_class),
    }
    return _placed("DaemonSet", placement, member, owner, body)


def files_map(worker: WorkerBundle, member: MemberFile, owner: Owner) -> Manifest:
    """The immutable ConfigMap of the worker files, named by its digest."""
    files = worker_files(worker, member)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(worker_files_map(files), member, owner, "worker-files"),
        "immutable": True,
        "data": files,
    }


def token_map(pool: str, worker: WorkerBundle, member: MemberFile, owner: Owner) -> Manifest:
    """The Secret with the startds' tokens of this member, so far with one pool's."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(token_secret(member.name), member, owner, "startd-token"),
        "type": "Opaque",
        "data": token_data(pool, worker),
    }


def token_data(pool: str, worker: WorkerBundle) -> dict[str, str]:
    """One pool's key of the token Secret."""
    key = vetting.check(vetting.DATA_KEY, pool, "pool name")
    return {key: base64.b64encode(worker.token.encode()).decode()}


def fence(epoch: int, member: MemberFile, owner: Owner) -> Manifest:
    """The ConfigMap that holds the highest epoch that has written here (FA5)."""
    head = metadata(names.FENCE, member, owner, "fence")
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head, "data": {"epoch": str(epoch)}}


def owner_reference(anchor_uid: str) -> dict[str, Any]:
    """Points at the member's anchor; without blockOwnerDeletion, which some members let only owners' editors set."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": names.ANCHOR, "uid": anchor_uid}


def our_labels(member: MemberFile, federation_id: str, role: str) -> dict[str, str]:
    """What makes an object ours: never touched without all of these (FA6)."""
    return {
        names.MANAGED_BY: names.MANAGER,
        names.PART_OF: vetting.label_value(federation_id, "federation id"),
        names.LABEL_MEMBER: vetting.label_value(member.name, "member name"),
        names.LABEL_ROLE: role,
    }


def metadata(name: str, member: MemberFile, owner: Owner, role: str) -> dict[str, Any]:
    """Name, labels and owner of an object that hangs on the member's anchor."""
    return {
        "name": name,
        "namespace": member.namespace,
        "labels": our_labels(member, owner.federation_id, role),
        "ownerReferences": [owner_reference(owner.anchor_uid)],
    }


def _placed(kind: str, placement: Placement, member: MemberFile, owner: Owner, body: dict[str, Any]) -> Manifest:
    head = metadata(placement.object_name, member, owner, "placement")
    head["labels"] = placed_labels(placement, member, owner)
    head["annotations"] = overrides.notes(member.overrides.annotations) | {
        names.NOTE_PLACEMENT: record(placement),
        names.NOTE_EXPIRES: str(int(placement.expires_at)),
    }
    return sealed({"apiVersion": API_VERSION[kind], "kind": kind, "metadata": head, "spec": body})


def _template(
    placement: Placement, member: MemberFile, worker: WorkerBundle, owner: Owner, priority_class: str
) -> dict[str, Any]:
    notes = overrides.notes(member.overrides.annotations) | {names.NOTE_EXPIRES: str(int(placement.expires_at))}
    return {
        "metadata": {"labels": placed_labels(placement, member, owner), "annotations": notes},
        "spec": spec(placement, member, worker, priority_class),
    }


def placed_labels(placement: Placement, member: MemberFile, owner: Owner) -> dict[str, str]:
    """Labels of a placement's object and of its pods, the member's own among them."""
    if placement.member != member.name:
        raise RefusedError(f"placement {placement.id} is for member {placement.member}, not for {member.name}")
    return (
        overrides.labels(member.overrides.labels)
        | our_labels(member, owner.federation_id, "placement")
        | {
            names.LABEL_PLACEMENT: vetting.check(vetting.PLACEMENT_ID, placement.id, "placement id"),
            names.LABEL_FORM: placement.form,
            names.LABEL_EPOCH: str(placement.epoch),
        }
    )


def record(placement: Placement) -> str:
    """The placement as JSON: what a hub without a journal adopts it from.

    Complete and canonical: msgspec leaves a default out by identity, so that equal placements could differ as text,
    and a default that changes with a version would change what an older record says.
    """
    try:
        read_again = msgspec.json.decode(msgspec.json.encode(placement), type=Placement)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise RefusedError(f"placement {placement.id[:40]!r} is none: {type(error).__name__}") from error
    text = msgspec.json.encode(_complete(read_again)).decode()
    if len(text) > LARGEST_RECORD:
        raise RefusedError(f"placement {placement.id} is {len(text)} bytes as a record, more than {LARGEST_RECORD}")
    return text


def _complete(value: Any) -> Any:
    """Structs as maps of all their fields, defaults included."""
    if isinstance(value, msgspec.Struct):
        return {name: _complete(getattr(value, name)) for name in value.__struct_fields__}
    return [_complete(each) for each in value] if isinstance(value, tuple) else value
