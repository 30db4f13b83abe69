"""Clears what stands at a member for nobody: worker files and copied objects without a Job, the token of no startd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fedsched.config.settings import MemberFile
from fedsched.kube.jobs.objects import ROLE
from fedsched.kube.moments import epoch_s
from fedsched.kube.object_names import token_secret
from fedsched.kube.transport import TransportError
from fedsched.kube.writing import Writer
from fedsched.matchmaker.model import names

Object = dict[str, Any]
JOB_COMES_S = 900.0
"""For so long a Job may still be written for what was written to go with it, in seconds."""


def sweep(member: MemberFile, writer: Writer, federation_id: str, at: float) -> int:
    """How many objects went. Nothing goes that a Job or DaemonSet of ours, however old, still refers to.

    at: epoch seconds. What goes with a copy is there before its Job: younger than JOB_COMES_S it waits for that.
    """
    ours = f"{names.MANAGED_BY}={names.MANAGER},{names.PART_OF}={federation_id}"
    placed = [*writer.items("Job", ours), *_daemonsets(writer, ours)]
    used = {name for each in placed for name in _files_of(each)}
    gone = 0
    for each in writer.items("ConfigMap", f"{ours},{names.LABEL_ROLE}=worker-files"):
        if each["metadata"]["name"] not in used:
            gone += _delete(writer, "ConfigMap", each, "delete-files")
    there = {each["metadata"]["name"] for each in placed}
    for each in writer.items("ConfigMap", f"{ours},{names.LABEL_ROLE}={ROLE}"):
        if each["metadata"]["name"] not in there and _waits_no_more(each, at):
            gone += _delete(writer, "ConfigMap", each, "delete-files")
    if not placed and member.terms.forms != ("job",):
        token = writer.get("Secret", token_secret(member.name))
        if token is not None and _is_ours(token, federation_id):
            gone += _delete(writer, "Secret", token, "delete-token")
    return gone


def _waits_no_more(holder: Object, at: float) -> bool:
    """Whether no Job will come for it; one that hangs on a Job goes with that."""
    head = holder["metadata"]
    if any(each.get("kind") == "Job" for each in head.get("ownerReferences") or ()):
        return False
    made = epoch_s(str(head.get("creationTimestamp") or ""))
    return made is None or at - made > JOB_COMES_S


def _daemonsets(writer: Writer, selector: str) -> list[Object]:
    try:
        return writer.items("DaemonSet", selector)
    except TransportError as error:
        if error.status == 403:  # a member that allows no DaemonSet gives no right to see them
            return []
        raise


def _files_of(placed: Object) -> Iterator[str]:
    for volume in placed.get("spec", {}).get("template", {}).get("spec", {}).get("volumes") or []:
        name = (volume.get("configMap") or {}).get("name")
        if name:
            yield name


def _is_ours(seen: Object, federation_id: str) -> bool:
    labels = seen["metadata"].get("labels") or {}
    return labels.get(names.MANAGED_BY) == names.MANAGER and labels.get(names.PART_OF) == federation_id


def _delete(writer: Writer, kind: str, seen: Object, point: str) -> int:
    metadata = seen["metadata"]
    conditions = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    try:
        writer.delete(kind, metadata["name"], conditions, point)
    except TransportError as error:
        if error.status in {404, 409}:
            return 0
        raise
    return 1
