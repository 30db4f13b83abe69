"""Names of the objects that we keep at a member besides placements, and their paths at an API server."""

from __future__ import annotations

import hashlib

import msgspec

from fedsched.kube.vetting import name_part

PATHS = {
    "Job": "/apis/batch/v1/namespaces/{namespace}/jobs",
    "DaemonSet": "/apis/apps/v1/namespaces/{namespace}/daemonsets",
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "ResourceQuota": "/api/v1/namespaces/{namespace}/resourcequotas",
    "Event": "/api/v1/namespaces/{namespace}/events",
    "Secret": "/api/v1/namespaces/{namespace}/secrets",
}


def path(kind: str, namespace: str, name: str = "") -> str:
    """Path of a namespaced collection, or of one object in it. Both names were vetted when they came in."""
    collection = PATHS[kind].format(namespace=namespace)
    return f"{collection}/{name}" if name else collection


def token_secret(member: str) -> str:
    """The Secret with the startds' tokens of a member: one key per pool, so that one right by name covers it."""
    return name_part(f"fs-token-{member}", what="member name")


def worker_files_map(files: dict[str, str]) -> str:
    """The immutable ConfigMap of one set of worker files, named by what is in it."""
    return f"fs-worker-{hashlib.sha256(msgspec.json.encode(files, order='sorted')).hexdigest()[:16]}"
