"""ConfigMaps and Secrets that go with the copy of a Job: which may, under which names, and how they hang together.

They hang on a small ConfigMap of the placement, which hangs on the anchor until the Job is there and then on the Job:
so that they are there before any pod looks for them, and go with the Job whatever becomes of us.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from fedsched.config.settings import MemberFile
from fedsched.kube import manifests
from fedsched.kube.jobs.copy import admits
from fedsched.kube.jobs.grammar import KEY
from fedsched.kube.manifests import Owner
from fedsched.kube.vetting import RefusedError
from fedsched.matchmaker.model import Placement, names

LARGEST_COPIES = 4 * 2**20
"""Bytes of all objects that go with one Job."""
ROLE = "job-copies"
SECRET_TYPES = frozenset(
    {
        *("Opaque", "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg", "kubernetes.io/tls"),
        *("kubernetes.io/basic-auth", "kubernetes.io/ssh-auth"),
    }
)
"""Types that mean nothing to a member's own controllers: of a service account's token they would make a real one."""

Manifest = dict[str, Any]


def holder(placement: Placement, member: MemberFile, owner: Owner) -> Manifest:
    """The ConfigMap that the copied objects of a placement hang on."""
    head = manifests.metadata(placement.object_name, member, owner, ROLE)
    head["labels"][names.LABEL_PLACEMENT] = placement.id
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head, "data": {"job": placement.job}}


def wanted(objects: Iterable[Manifest], member: MemberFile) -> dict[tuple[str, str], Manifest]:
    """Those whose kind the member's file lets be copied, by kind and name; RefusedError for what is none."""
    found = {}
    size = 0
    for each in objects:
        kind, name = each.get("kind"), (each.get("metadata") or {}).get("name")
        if kind not in member.jobs.copied or not isinstance(name, str):
            continue
        content = _content(each, f"{kind} {name[:80]}")
        size += sum(
            len(key) + len(text) for part in ("data", "binaryData") for key, text in content.get(part, {}).items()
        )
        if size > LARGEST_COPIES:
            raise RefusedError(f"the objects that go with the Job have more than {LARGEST_COPIES} bytes")
        found[kind, name] = content
    return found


def name_of(placement: Placement, holder_uid: str, what: tuple[str, str]) -> str:
    """Name of a copied object: nobody can know it before its holder is there, so that nobody else's has it."""
    whole = f"{holder_uid}/{what[0]}/{what[1]}"
    return f"{placement.object_name}-{hashlib.sha256(whole.encode()).hexdigest()[:10]}"


def copied(content: Manifest, name: str, placement: Placement, member: MemberFile, owner: Owner) -> Manifest:
    """The object as it is written there. owner: its anchor_uid is the holder's uid."""
    labels = manifests.our_labels(member, owner.federation_id, "job-copy") | {names.LABEL_PLACEMENT: placement.id}
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": placement.object_name, "uid": owner.anchor_uid}
    head = {"name": name, "namespace": member.namespace, "labels": labels, "ownerReferences": [reference]}
    return {"apiVersion": "v1", "metadata": head, "immutable": True} | content


def job_reference(placement: Placement, uid: str) -> dict[str, Any]:
    """Points at the copy of the Job."""
    return {"apiVersion": "batch/v1", "kind": "Job", "name": placement.object_name, "uid": uid}


def _content(given: Manifest, what: str) -> Manifest:
    """Data alone: neither labels nor annotations, which may be orders to somebody."""
    content: Manifest = {"kind": given["kind"]}
    for part in ("data", "binaryData") if given["kind"] == "ConfigMap" else ("data",):
        entries = given.get(part) or {}
        if not isinstance(entries, dict) or not all(_entry(*each) for each in entries.items()):
            raise RefusedError(f"{what}: its {part} is no map of names to texts")
        if entries:
            content[part] = entries
    if given["kind"] == "Secret":
        content["type"] = given.get("type") or "Opaque"
        if content["type"] not in SECRET_TYPES:
            raise RefusedError(f"{what} is of a type that is not copied: {str(content['type'])[:80]!r}")
    return content


def _entry(key: Any, text: Any) -> bool:
    return isinstance(key, str) and isinstance(text, str) and KEY.fullmatch(key) is not None


def stands_there(what: str, member: MemberFile) -> bool:
    """Whether the member's file lets pods name the member's own "Kind/name"."""
    return admits(member.jobs.objects, what)
