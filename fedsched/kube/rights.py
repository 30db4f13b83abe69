"""Every right that fedsched needs at a member, with the feature that fails without it; join makes Roles of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from fedsched.kube.object_names import token_secret
from fedsched.kube.vetting import DNS_NAME
from fedsched.matchmaker.model import Form, JobTerms, Visibility
from fedsched.matchmaker.model.names import FENCE

Scope = Literal["namespace", "cluster"]
ACCOUNT = "serviceAccountName="
NO_JOBS = JobTerms()


class Right(msgspec.Struct, frozen=True):
    """Verbs on one resource. feature: what fails without it, in words. names: only these objects; () for all.

    optional: everything else goes on without it; a member that was joined before it was asked for lacks it.
    """

    feature: str
    scope: Scope
    group: str
    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
    optional: bool = False


def _mine(feature: str, group: str, resource: str, verbs: str, names: tuple[str, ...] = ()) -> Right:
    return Right(feature, "namespace", group, resource, tuple(verbs.split()), names)


def _everywhere(feature: str, group: str, resource: str) -> Right:
    return Right(feature, "cluster", group, resource, ("list", "watch"))


SEEING = (
    _mine("our Jobs are seen", "batch", "jobs", "list watch"),
    _mine("our pods are seen", "", "pods", "list watch"),
    _mine("quota is seen", "", "resourcequotas", "list watch"),
    _mine("limits are seen", "", "limitranges", "list watch"),
    _mine("refused pods are seen", "", "events", "list watch"),
    _mine("anchor, fence and worker files are seen", "", "configmaps", "get list watch"),
)

PLACING = (
    _mine("startd Jobs are placed", "batch", "jobs", "create"),
    _mine("a namesake is told from our own Job", "batch", "jobs", "get"),
    _mine("a Job whose anchor was made anew is adopted", "batch", "jobs", "patch"),
    _mine("Jobs are cleared", "batch", "jobs", "delete"),
    _mine("startds are told to leave", "", "pods", "patch"),
    _mine("pods are withdrawn and vacated", "", "pods", "delete"),
    _mine("worker files and a lost fence are written", "", "configmaps", "create"),
    _mine("old worker files are swept", "", "configmaps", "delete"),
    _mine("the fence is raised", "", "configmaps", "patch", (FENCE,)),
    _mine("the startds' token is written", "", "secrets", "create"),
)

DAEMONSETS = (
    _mine("our DaemonSets are seen", "apps", "daemonsets", "list watch"),
    _mine("startd DaemonSets are placed", "apps", "daemonsets", "create"),
    _mine("a namesake is told from our own DaemonSet", "apps", "daemonsets", "get"),
    _mine("DaemonSets are parked and adopted", "apps", "daemonsets", "patch"),
    _mine("DaemonSets are cleared", "apps", "daemonsets", "delete"),
)

COPYING = (
    _mine("copies of users' Jobs are placed", "batch", "jobs", "create"),
    _mine("a namesake is told from our own copy", "batch", "jobs", "get"),
    _mine("a copy whose anchor was made anew is adopted", "batch", "jobs", "patch"),
    _mine("copies are cleared", "batch", "jobs", "delete"),
    _mine("claims that users' Jobs may name are seen", "", "persistentvolumeclaims", "list watch"),
    _mine("a lost fence and what goes with a copy are written", "", "configmaps", "create"),
    _mine("what goes with a copy goes with it", "", "configmaps", "patch delete"),
)

SECRETS_COPIED = _mine("Secrets that go with a copy are written", "", "secrets", "create")

LOGS = Right("logs of our startds are shown and kept", "namespace", "", "pods/log", ("get",), optional=True)

NODES = (
    _everywhere("node groups are seen", "", "nodes"),
    _everywhere("the lowest PriorityClass is found", "scheduling.k8s.io", "priorityclasses"),
    _everywhere("storage classes are seen", "storage.k8s.io", "storageclasses"),
    _everywhere("CSI drivers are seen", "storage.k8s.io", "csidrivers"),
)

ALL_PODS = _everywhere("room that other people's pods leave is seen", "", "pods")


def rights(
    member: str,
    visibility: Visibility,
    forms: Iterable[Form] = ("startd-job",),
    service_account: str = "fedsched",
    jobs: JobTerms = NO_JOBS,
) -> tuple[Right, ...]:
    """What our service account needs at a member: nothing cluster-scoped with visibility = namespace.

    jobs: what the member's file says of users' Jobs; Secrets and ServiceAccounts are looked for only by name.
    """
    forms = frozenset(forms)
    found = [
        *SEEING,
        LOGS,
        _mine("our own token is renewed", "", "serviceaccounts/token", "create", (service_account,)),
    ]
    if forms != {"job"}:
        token = (token_secret(member),)
        found += [*PLACING, _mine("the startds' token is renewed", "", "secrets", "get patch", token)]
        found.append(_mine("the startds' token is removed when nothing runs", "", "secrets", "delete", token))
    if "startd-daemonset" in forms:
        found += DAEMONSETS
    if "job" in forms:
        found += _of_jobs(jobs)
    if visibility != "namespace":
        found += NODES
    if visibility == "full":
        found.append(ALL_PODS)
    return tuple(found)


def _of_jobs(jobs: JobTerms) -> Iterator[Right]:
    yield from COPYING
    yield _mine("the fence is raised", "", "configmaps", "patch", (FENCE,))
    if "Secret" in jobs.copied:
        yield SECRETS_COPIED
    what = "that users' Jobs may name is looked for, not read"
    for name in looked_for(jobs, "Secret"):
        yield _by_name(f"Secret {name} {what}", "secrets", name)
    for name in looked_for(jobs, "ServiceAccount"):
        yield _by_name(f"ServiceAccount {name} {what}", "serviceaccounts", name)


def looked_for(jobs: JobTerms, kind: str) -> tuple[str, ...]:
    """Names of a kind that stand in the member's file as they are, no pattern among them, sorted."""
    listed = [text.removeprefix(f"{kind}/") for text in jobs.objects if text.startswith(f"{kind}/")]
    if kind == "ServiceAccount":
        listed += [text.removeprefix(ACCOUNT) for text in jobs.grants if text.startswith(ACCOUNT)]
    return tuple(sorted({name for name in listed if len(name) <= 253 and DNS_NAME.fullmatch(name)}))


def _by_name(feature: str, resource: str, name: str) -> Right:
    """Optional: what is not looked for is taken to be there when the file lists it."""
    return Right(feature, "namespace", "", resource, ("get",), (name,), optional=True)


def rules(granted: Iterable[Right], scope: Scope) -> list[dict[str, Any]]:
    """The `rules` of a Role (scope namespace) or ClusterRole (cluster): one per resource and set of names, sorted."""
    merged: dict[tuple[str, str, tuple[str, ...]], set[str]] = {}
    for right in granted:
        if right.scope == scope:
            merged.setdefault((right.group, right.resource, right.names), set()).update(right.verbs)
    made: list[dict[str, Any]] = []
    for (group, resource, names), verbs in sorted(merged.items()):
        rule: dict[str, Any] = {"apiGroups": [group], "resources": [resource], "verbs": sorted(verbs)}
        if names:
            rule["resourceNames"] = list(names)
        made.append(rule)
    return made
