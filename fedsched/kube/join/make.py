"""Makes the standing objects or brings them up to date; foreign namesakes and what a site changed stay as they are."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fedsched.kube.join.caller import Answer, Caller
from fedsched.kube.join.object_paths import called, collection_of, path_of
from fedsched.kube.join.refusal import JoinError
from fedsched.matchmaker.model.names import LABEL_MEMBER, MANAGED_BY, MANAGER, PART_OF

FIELD_MANAGER = "fedsched-join"
APPLY = "application/apply-patch+yaml"
OPTIONAL = frozenset({"ResourceQuota", "LimitRange", "NetworkPolicy"})
"""Kinds that a guest may be forbidden to write; joining goes on without them and says so."""
NEVER_CHANGED = frozenset({"fedsched-anchor", "fedsched-fence"})
Action = Literal["made", "changed", "unchanged", "kept", "refused", "would be made", "would be changed"]


class Step(msgspec.Struct, frozen=True):
    """What became of one standing object. why: for kept and refused."""

    what: str
    action: Action
    why: str = ""


def make(caller: Caller, manifest: dict[str, Any], *, dry_run: bool) -> Step:
    """One object: POST when it is missing, apply with its uid when it is ours, JoinError when it is a foreign namesake.

    Applied without force: a field that somebody else has set since (a quota at 0, say) makes the server refuse, and
    the object stays as the site wants it.
    """
    found = caller.call("GET", path_of(manifest))
    if found.status == 404:
        return _create(caller, manifest, dry_run=dry_run)
    if not found.ok:
        raise _no(manifest, "read", found)
    if manifest["kind"] == "Namespace" and not is_ours(found.body, manifest):
        return Step(called(manifest), "kept", "it was there before; its labels stay the site's")
    if not is_ours(found.body, manifest):
        raise JoinError(
            f"{called(manifest)} in {manifest['metadata'].get('namespace', 'the cluster')} is somebody else's "
            f"(labels {_marks(found.body)}); it was left alone",
            "choose another --namespace, or remove it if you know it",
        )
    if manifest["metadata"]["name"] in NEVER_CHANGED:
        return Step(called(manifest), "unchanged")
    return _apply(caller, manifest, found.body, dry_run=dry_run)


def is_ours(found: dict[str, Any], manifest: dict[str, Any]) -> bool:
    """Whether an object carries our manager's, federation's and member's labels."""
    have, want = found.get("metadata", {}).get("labels") or {}, manifest["metadata"]["labels"]
    return have.get(MANAGED_BY) == MANAGER and all(have.get(key) == want[key] for key in (PART_OF, LABEL_MEMBER))


def _marks(found: dict[str, Any]) -> str:
    have = found.get("metadata", {}).get("labels") or {}
    shown = [f"{key}={have[key]}" for key in (MANAGED_BY, PART_OF, LABEL_MEMBER) if key in have]
    return ", ".join(shown) or "none of fedsched"


def _create(caller: Caller, manifest: dict[str, Any], *, dry_run: bool) -> Step:
    if dry_run:
        return Step(called(manifest), "would be made")
    answer = caller.call("POST", collection_of(manifest), manifest, {"fieldManager": FIELD_MANAGER})
    if answer.ok:
        return Step(called(manifest), "made")
    if answer.status == 403 and manifest["kind"] in OPTIONAL:
        return Step(called(manifest), "refused", answer.message)
    raise _no(manifest, "make", answer)


def _apply(caller: Caller, manifest: dict[str, Any], found: dict[str, Any], *, dry_run: bool) -> Step:
    before = found["metadata"]
    body = {**manifest, "metadata": {**manifest["metadata"], "uid": before["uid"]}}
    query = {"fieldManager": FIELD_MANAGER, "force": "false", **({"dryRun": "All"} if dry_run else {})}
    answer = caller.call("PATCH", path_of(manifest), body, query, APPLY)
    if answer.status == 409 and _only_with_ourselves(answer):
        answer = caller.call("PATCH", path_of(manifest), body, {**query, "force": "true"}, APPLY)
    if answer.status == 409:
        return Step(called(manifest), "kept", f"changed there since by somebody else: {answer.message}")
    if answer.status == 403 and (dry_run or manifest["kind"] in OPTIONAL):
        return Step(called(manifest), "refused", answer.message)
    if not answer.ok:
        raise _no(manifest, "change", answer)
    if _spec(answer.body) == _spec(found):
        return Step(called(manifest), "unchanged")
    return Step(called(manifest), "would be changed" if dry_run else "changed")


def _only_with_ourselves(answer: Answer) -> bool:
    """Whether a conflict is with our own POST: the server writes "1000" as "1k" and takes that for a change."""
    causes = (answer.body.get("details") or {}).get("causes") or []
    return bool(causes) and all(f'conflict with "{FIELD_MANAGER}"' in str(cause.get("message")) for cause in causes)


def _spec(found: dict[str, Any]) -> dict[str, Any]:
    """What an object says, without who wrote it when."""
    kept = {key: value for key, value in found.items() if key not in {"metadata", "status"}}
    return {**kept, "labels": found.get("metadata", {}).get("labels")}


def _no(manifest: dict[str, Any], verb: str, answer: Answer) -> JoinError:
    way_out = "correct it and run join again; what is made already stays and is found again"
    if answer.status == 403:
        way_out = (
            "a kubeconfig with more rights, or two people: `fedsched join NAME --print-rbac > site.yaml`, the site's "
            "admin applies it, then `fedsched join NAME --kubeconfig sa.kubeconfig --no-rbac`"
        )
    if answer.status == 401:
        way_out = "the kubeconfig's credential is not accepted: log in again"
    where = manifest["metadata"].get("namespace", "")
    return JoinError(
        f"{called(manifest)}{f' in {where}' if where else ''}: cannot {verb} it: {answer.message}", way_out
    )
