"""Files that people submit: which kind a text is, and the Jobs in a Kubernetes one; what a Job may say is elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from fedsched.kube.jobs.documents import Document, DocumentError, documents

MOST_JOBS = 10_000
"""So many Jobs are submitted at once."""
MOST_TEXT = 64 << 20
"""Bytes of one file."""
MOST_JOB = 1 << 20
"""Bytes of one Job as JSON, as etcd would take it."""

_KUBERNETES = re.compile(r'^[ \t]*["{]?[ \t]*"?(apiVersion|kind)"?[ \t]*:', re.MULTILINE)
_QUEUE = re.compile(r"^[ \t]*queue\b(?![ \t]*[=:])", re.IGNORECASE | re.MULTILINE)
_LISTS = frozenset({"List", "JobList"})


class Found(NamedTuple):
    """One Job of a file. where: for people: "line 7", with the place in a list."""

    manifest: dict[str, Any]
    where: str


def kind_of(text: str) -> Literal["kubernetes", "condor", ""]:
    """What a text looks like; "" for neither. It is not read yet."""
    if _KUBERNETES.search(text) or text.lstrip()[:1] == "{":
        return "kubernetes"
    return "condor" if _QUEUE.search(text) else ""


def jobs_of(text: str) -> tuple[Found, ...]:
    """All Jobs of YAML or JSON, from single documents and from lists. Raises DocumentError with place and cause."""
    found = tuple(one for document in documents(text) for one in _of(document.value, _place(document)))
    if not found:
        raise DocumentError("no Job is in it")
    if len(found) > MOST_JOBS:
        raise DocumentError(f"{len(found)} Jobs: at most {MOST_JOBS} are submitted at once; split the file")
    return found


def _place(document: Document) -> str:
    return f"line {document.line}"


def _of(value: Any, where: str) -> Iterator[Found]:
    if not isinstance(value, dict):
        raise DocumentError(f"{where}: expected a Job, got no object")
    kind, version = value.get("kind"), value.get("apiVersion")
    if kind in _LISTS and version in {"v1", "batch/v1"}:
        items = value.get("items")
        if not isinstance(items, list):
            raise DocumentError(f"{where}: items: expected a list of Jobs")
        for place, item in enumerate(items):
            # An API server's JobList leaves out in its items what the list says.
            told = {"apiVersion": "batch/v1", "kind": "Job"} if kind == "JobList" else {}
            inside = {**told, **item} if isinstance(item, dict) else item
            if isinstance(inside, dict) and inside.get("kind") in _LISTS:
                raise DocumentError(f"{where}: items[{place}]: a list in a list")
            yield from _of(inside, f"{where}, items[{place}]")
        return
    if kind != "Job" or version != "batch/v1":
        got = " ".join(repr(str(word)[:40]) for word in (version, kind) if word is not None) or "neither"
        raise DocumentError(
            f"{where}: apiVersion and kind: expected batch/v1 Job, got {got}: other objects belong to the member "
            "(its admin makes them there)"
        )
    yield Found(value, where)
