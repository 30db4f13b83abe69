"""What joining found at a member, as a table of ✓ and ✗ with the way out of each ✗; it changes nothing there."""

from __future__ import annotations

import ipaddress
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from fedsched.kube import named_objects
from fedsched.kube.join.caller import Caller
from fedsched.kube.join.endpoint import addresses
from fedsched.kube.join.object_paths import collection
from fedsched.kube.join.refusal import shown
from fedsched.kube.join.request import JoinRequest
from fedsched.kube.join.reviews import may
from fedsched.kube.join.standing import PRIVATE_V4, PRIVATE_V6, granted, labels
from fedsched.kube.quantities import value
from fedsched.kube.transport import Transport
from fedsched.matchmaker.model.names import ANCHOR, FENCE

OLDEST = (1, 27)
"""Oldest Kubernetes that has all that we use (SelfSubjectReview and Pod Security are stable)."""
MAX_SKEW_S = 5.0
MAX_LATENCY_S = 1.0
NODES_READ = 500
State = Literal["ok", "bad", "unknown"]


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row. found: what was seen, with numbers. advice: what to do when the state is not ok."""

    name: str
    state: State
    found: str
    advice: str = ""


def run_checks(caller: Caller, request: JoinRequest) -> tuple[Check, ...]:
    """All rows, asked as our own service account."""
    return tuple(row for check in ORDER for row in check(caller, request))


def of_server(caller: Caller) -> Iterator[Check]:
    """Its version and its clock: what any cluster that we work with must have in order."""
    yield from _version(caller, None)
    yield from _clock(caller, None)


def _version(caller: Caller, _request: object) -> Iterator[Check]:
    answer = caller.call("GET", "/version")
    found = shown(answer.body.get("gitVersion") or answer.message, 60)
    digits = ["".join(c for c in str(answer.body.get(key, "")) if c.isdigit()) for key in ("major", "minor")]
    if not answer.ok or not all(digits):
        yield Check("version", "unknown", found, "allow GET /version (ClusterRole system:public-info-viewer)")
    elif (int(digits[0]), int(digits[1])) < OLDEST:
        yield Check("version", "bad", found, f"Kubernetes {OLDEST[0]}.{OLDEST[1]} or newer is needed")
    else:
        yield Check("version", "ok", found)


def _rights(caller: Caller, request: JoinRequest) -> Iterator[Check]:
    asked, missing = 0, []
    for right in granted(request):
        lacking = [verb for verb in right.verbs if not may(caller, right, verb, request.namespace)]
        asked += len(right.verbs)
        if lacking:
            missing.append((right, lacking))
    if not missing:
        yield Check("rights", "ok", f"all {asked} that we need")
    for right, verbs in missing:
        name = f" {right.names[0]}" if right.names else ""
        yield Check(
            "rights",
            "unknown" if right.optional else "bad",
            f"without {','.join(verbs)} {right.resource}{name} ({right.scope}) this fails: {right.feature}",
            "the site's admin applies: fedsched join NAME --print-rbac --visibility … | kubectl apply -f -",
        )


def _clock(caller: Caller, _request: object) -> Iterator[Check]:
    answer = caller.call("GET", "/version")
    if answer.date is None:
        yield Check("clock skew", "unknown", "no Date header", "a proxy removes it; compare the clocks by hand")
        return
    # Date is cut to whole seconds: half a second is its middle.
    skew = answer.date + 0.5 - time.time()
    found = f"{skew:+.1f} s"
    if abs(skew) > MAX_SKEW_S:
        yield Check("clock skew", "bad", found, "set up NTP here or there: tokens and lifetimes are clock times")
    else:
        yield Check("clock skew", "ok", found)


def _nodes(caller: Caller, request: JoinRequest) -> Iterator[Check]:
    if request.visibility == "namespace":
        yield _declared(request)
        return
    answer = caller.call("GET", "/api/v1/nodes", query={"limit": str(NODES_READ)})
    if not answer.ok:
        yield Check("node groups", "bad", answer.message, "grant list nodes, or --visibility namespace --node-group …")
        return
    nodes = answer.body.get("items") or []
    shapes = Counter(_shape(node) for node in nodes if _schedulable(node))
    if not shapes:
        yield Check("node groups", "bad", f"{len(nodes)} nodes, none ready and open", "kubectl get nodes")
        return
    more = (answer.body.get("metadata") or {}).get("remainingItemCount", 0)
    listed = ", ".join(f"{count} of {shape}" for shape, count in shapes.most_common(4))
    rest = f", and {len(shapes) - 4} shapes more" if len(shapes) > 4 else ""
    yield Check("node groups", "ok", f"{listed}{rest}" + (f" ({more} further nodes not looked at)" if more else ""))


def _declared(request: JoinRequest) -> Check:
    if not request.groups:
        advice = "--node-group big=cpu:8,memory:32Gi,nodes:10, or [[node_group]] in the member's file"
        return Check("node groups", "bad", "none declared, and nodes cannot be seen", advice)
    listed = ", ".join(f"{group.name} ({group.nodes} nodes)" for group in request.groups)
    return Check("node groups", "ok", f"declared: {listed}")


def _shape(node: dict[str, Any]) -> str:
    room = (node.get("status") or {}).get("allocatable") or {}
    gpus = [f" + {room[key]} {key}" for key in sorted(room) if "/" in key and room[key] not in {"0", 0}]
    return shown(f"{room.get('cpu', '?')} cores {room.get('memory', '?')}{''.join(gpus)}", 80)


def _schedulable(node: dict[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    return ready and not (node.get("spec") or {}).get("unschedulable")


def _quota(caller: Caller, request: JoinRequest) -> Iterator[Check]:
    answer = caller.call("GET", collection("ResourceQuota", request.namespace))
    if not answer.ok:
        yield Check("quota", "bad", answer.message, "grant list resourcequotas")
        return
    found = answer.body.get("items") or []
    full = [text for quota in found for text in _exhausted(quota)]
    names = ", ".join(shown(quota["metadata"]["name"], 60) for quota in found)
    if full:
        yield Check("quota", "bad", "; ".join(full), "nothing starts until the site raises it")
    elif not found and request.visibility == "namespace":
        advice = "what stays Pending is the only limit we see; ask the site for a ResourceQuota"
        yield Check("quota", "unknown", "none in the namespace", advice)
    else:
        yield Check("quota", "ok", names or "none: the nodes are the only limit")


def _exhausted(quota: dict[str, Any]) -> Iterator[str]:
    status = quota.get("status") or {}
    hard, used = {**(quota.get("spec") or {}).get("hard", {}), **status.get("hard", {})}, status.get("used") or {}
    for resource, limit in hard.items():
        if resource.startswith(("services", "persistentvolumeclaims", "requests.storage")):
            continue
        have, most = value(str(used.get(resource, "0"))), value(str(limit))
        if have is not None and most is not None and have >= most:
            name = shown(quota["metadata"]["name"], 60)
            yield f"{name}: {shown(resource, 60)} {shown(used.get(resource, '0'), 20)} of {shown(limit, 20)} used"


def _priorities(caller: Caller, request: JoinRequest) -> Iterator[Check]:
    name = "PriorityClasses"
    if request.allow_same_priority:
        yield Check(name, "ok", "allow_same_priority: our pods have the priority of everybody's")
        return
    if request.visibility == "namespace":
        if request.priority_class:
            yield Check(name, "unknown", f"{request.priority_class} (cannot be read)", "the first pod will show it")
        else:
            advice = "--priority-class NAME (ask the site), or --allow-same-priority if it agrees"
            yield Check(name, "bad", "none named, and they cannot be read", advice)
        return
    answer = caller.call("GET", "/apis/scheduling.k8s.io/v1/priorityclasses")
    if not answer.ok:
        yield Check(name, "bad", answer.message, "grant list priorityclasses, or --priority-class NAME")
        return
    yield _lowest(answer.body.get("items") or [], request)


def _lowest(classes: list[dict[str, Any]], request: JoinRequest) -> Check:
    values = {str(c["metadata"]["name"]): int(c.get("value", 0)) for c in classes}
    usual = next((int(c.get("value", 0)) for c in classes if c.get("globalDefault")), 0)
    wanted = request.priority_class
    if wanted and wanted not in values:
        return Check("PriorityClasses", "bad", f"no class {shown(wanted, 60)}", "kubectl get priorityclasses")
    chosen = wanted or min(values, key=lambda n: (values[n], n), default="")
    if chosen and values[chosen] < usual:
        return Check("PriorityClasses", "ok", f"{shown(chosen, 60)} ({values[chosen]}, others have {usual})")
    return Check(
        "PriorityClasses",
        "bad",
        f"none below {usual}, the value of everybody's pods",
        "the site's admin makes one (it stands commented in --print-rbac), or --allow-same-priority if it agrees",
    )


def _image(_caller: Caller, request: JoinRequest) -> Iterator[Check]:
    image = shown(request.image, 120)
    if not request.startds:
        return
    if not request.image:
        yield Check("image pull", "bad", "no startd image is named", "--image REGISTRY/startd@sha256:…, or in the file")
    elif "@sha256:" not in request.image:
        yield Check("image pull", "unknown", f"{image}: a tag can change", "name it by digest: …@sha256:…")
    else:
        yield Check("image pull", "unknown", f"{image}: by digest; the first pod shows whether it can be pulled")


def _admission(caller: Caller, request: JoinRequest) -> Iterator[Check]:
    answer = caller.call("POST", collection("Job", request.namespace), _sample(request), {"dryRun": "All"})
    warning = answer.headers.get("warning", "")
    if not answer.ok:
        yield Check("admission", "bad", answer.message, "the site's admission must let Jobs like ours pass")
    elif warning:
        yield Check("admission", "bad", shown(warning), "the namespace's policy would stop our pods")
    else:
        yield Check("admission", "ok", "a Job at the restricted level is admitted (dry run)")


def _sample(request: JoinRequest) -> dict[str, Any]:
    """A Job with everything that the restricted level asks, as ours have it; only ever sent as a dry run."""
    limits = {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "1Gi"}
    container = {
        "name": "startd",
        "image": request.image or "example.invalid/startd",
        "resources": {"requests": limits, "limits": limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 64_000, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    marks = labels(request, "placement")
    metadata = {"name": "fs-join-check", "namespace": request.namespace, "labels": marks}
    template = {"metadata": {"labels": marks}, "spec": pod}
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": 60, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def jobs(transport: Transport, request: JoinRequest) -> Iterator[Check]:
    """Users' Jobs: whether what its file lets them name is there; of claims and ConfigMaps the rights say enough."""
    if "job" not in request.forms:
        return
    named = named_objects.wanted(request.jobs)
    found = named_objects.look(transport, request.namespace, named)
    for kind, name in sorted({*named} - {*found.found}):
        advice = f"make it in namespace {request.namespace}, or take it out of [jobs] in clusters/{request.name}.toml"
        what = next((fact for fact in found.facts if fact.startswith(kind)), f"no {kind} {shown(name, 60)}")
        yield Check("users' Jobs", "unknown", f"{what}: Jobs that name it wait", advice)
    if len(found.found) == len(named):
        grants = ", ".join(shown(grant, 60) for grant in request.jobs.grants) or "nothing"
        yield Check("users' Jobs", "ok", f"{len(named)} objects by name are there; granted beyond the usual: {grants}")


def _anchor(caller: Caller, request: JoinRequest) -> Iterator[Check]:
    for name in (ANCHOR, FENCE):
        answer = caller.call("GET", f"{collection('ConfigMap', request.namespace)}/{name}")
        have = (answer.body.get("metadata") or {}).get("labels") or {}
        want = labels(request)
        if answer.status == 404:
            advice = "the site removed it, or never applied site.yaml; join with rights makes it"
            yield Check("anchor", "bad", f"ConfigMap {name} is missing", advice)
        elif not answer.ok:
            yield Check("anchor", "bad", answer.message, "grant get configmaps")
        elif any(have.get(key) != want[key] for key in want if not key.endswith("/role")):
            advice = "use --print-rbac with the same NAME and fedsched.toml as here"
            yield Check("anchor", "bad", f"ConfigMap {name} belongs to another federation or member", advice)
        elif name == ANCHOR:
            yield Check("anchor", "ok", f"ConfigMap {name}: deleting it clears all that we place")


def _pools(_caller: Caller, request: JoinRequest) -> Iterator[Check]:
    """Whether the NetworkPolicy lets startds reach the collectors; whether the network does, the first pod shows."""
    for collector in request.collectors if request.startds else ():
        host, _, port = collector.rpartition(":")
        closed = [address for address in addresses(host) if _closed(address, int(port), request)]
        if closed:
            way = f"--egress {closed[0]}/{32 if ipaddress.ip_address(closed[0]).version == 4 else 128}:{port}"
            found = f"{shown(collector, 80)} is private, and our NetworkPolicy does not let pods go there"
            yield Check("way to the pool", "bad", found, f"{way} (schedds that pods must reach as well)")


def _closed(address: str, port: int, request: JoinRequest) -> bool:
    plain = ipaddress.ip_address(address)
    listed = any(plain in ipaddress.ip_network(way.cidr) and way.port in {0, port} for way in request.egress)
    return not listed and any(plain in ipaddress.ip_network(cidr) for cidr in (*PRIVATE_V4, *PRIVATE_V6))


def _latency(caller: Caller, _request: JoinRequest) -> Iterator[Check]:
    seconds = statistics.median(caller.call("GET", "/version").seconds for _ in range(5))
    found = f"{seconds * 1000:.0f} ms (median of 5)"
    if seconds > MAX_LATENCY_S:
        yield Check("latency", "bad", found, "it works, slowly; raise the silence limits of the policy")
    else:
        yield Check("latency", "ok", found)


ORDER: tuple[Callable[[Caller, JoinRequest], Iterator[Check]], ...] = (
    _version,
    _rights,
    _clock,
    _nodes,
    _quota,
    _priorities,
    _image,
    _admission,
    _anchor,
    _pools,
    _latency,
)
