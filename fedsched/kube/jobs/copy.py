"""The copy of a user's Job at a member, from values only: what was read of it, with the member's file over it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import msgspec

from fedsched.config.settings import MemberFile
from fedsched.kube import manifests, overrides, quantities, vetting
from fedsched.kube.amounts import MEBI, resources
from fedsched.kube.digest import sealed
from fedsched.kube.jobs import confined
from fedsched.kube.jobs.containers import NATIVE
from fedsched.kube.jobs.references import renamed
from fedsched.kube.jobs.sizes import CPU, sized
from fedsched.kube.jobs.spec import JobSpec
from fedsched.kube.manifests import KEEP_FINISHED_S, Owner
from fedsched.kube.vetting import RefusedError
from fedsched.matchmaker.model import Placement, Taint, names

OUR_NAMES = ("fs-", "fedsched")
"""Objects whose names begin so are fedsched's own at every member: no Job names them."""
USUAL_GRACE_S = 30
PASSED_ON = (
    *("restartPolicy", "affinity", "volumes", "imagePullSecrets", "shareProcessNamespace", "hostUsers", "hostname"),
    *("subdomain", "setHostnameAsFQDN", "hostAliases", "dnsPolicy", "dnsConfig", "os", "hostNetwork", "hostPID"),
    *("hostIPC", "runtimeClassName", "serviceAccountName", "schedulerName"),
)
"""Fields of a read pod spec that go on as they are; what needs a grant among them has been granted."""

Manifest = dict[str, Any]


class Beside(msgspec.Struct, frozen=True):
    """What a copy needs to know beside the Job: our PriorityClass there ("" for none), and copied objects' names."""

    priority_class: str = ""
    copied: dict[tuple[str, str], str] = {}


def copy_of(spec: JobSpec, placement: Placement, member: MemberFile, owner: Owner, beside: Beside) -> Manifest:
    """The copy as a manifest with its digest; RefusedError names what the member's file does not allow."""
    _still_decided(spec, placement)
    _granted(spec, member)
    labels = manifests.placed_labels(placement, member, owner)
    labels[names.LABEL_JOB] = vetting.check(vetting.LABEL_VALUE, placement.job_uid, "uid of the Job")
    notes = overrides.notes(member.overrides.annotations) | {
        names.NOTE_EXPIRES: str(int(placement.expires_at)),
        names.NOTE_JOB: vetting.env_value(placement.job, "name of the Job"),
    }
    head = manifests.metadata(placement.object_name, member, owner, "placement")
    head |= {"labels": labels, "annotations": notes | {names.NOTE_PLACEMENT: manifests.record(placement)}}
    body = spec.body | {
        "activeDeadlineSeconds": _least(placement.lifetime_s, spec.body.get("activeDeadlineSeconds")),
        "parallelism": _least(placement.pods, spec.body["parallelism"]),
        "ttlSecondsAfterFinished": KEEP_FINISHED_S,
        "template": {
            "metadata": {"labels": spec.pod_labels | labels, "annotations": spec.pod_annotations | notes},
            "spec": _Pod(spec, placement, member, beside).spec(),
        },
    }
    return sealed({"apiVersion": "batch/v1", "kind": "Job", "metadata": head, "spec": body})


def admits(patterns: tuple[str, ...], what: str) -> bool:
    """Whether one of a member's glob patterns fits."""
    return any(fnmatchcase(what, pattern) for pattern in patterns)


def _still_decided(spec: JobSpec, placement: Placement) -> None:
    """What is written is what was decided on: nothing larger, and not what its owner has suspended meanwhile."""
    if spec.id != placement.job or spec.uid != placement.job_uid:
        raise RefusedError(f"placement {placement.id} is for Job {placement.job} ({placement.job_uid}), not {spec.id}")
    if placement.lifetime_s < 1 or placement.pods < 1:
        raise RefusedError(f"placement {placement.id}: lifetime_s and pods must be positive")
    if spec.suspended and not spec.held:
        raise RefusedError(f"Job {spec.id} is suspended now")
    if spec.gang and spec.pods > placement.pods:
        raise RefusedError(f"Job {spec.id} wants {spec.pods} pods at once now, {placement.pods} were decided")
    needs = resources(sized(spec.pod).needs, placement.gpu_resource, up=True)
    short = [name for name, amount in needs.items() if amount > placement.size.get(name) and name != "pods"]
    if short:
        raise RefusedError(f"Job {spec.id} asks for more {', '.join(short)} than was decided; it is decided anew")


def _granted(spec: JobSpec, member: MemberFile) -> None:
    file = f"clusters/{member.name}.toml"
    if "job" not in member.terms.forms:
        raise RefusedError(f"form job is not among `forms` in {file}")
    if member.jobs.namespaces and not admits(member.jobs.namespaces, spec.namespace):
        raise RefusedError(f"namespace {spec.namespace} is not among `namespaces` of [jobs] in {file}")
    for each in spec.grants:
        grant, _, path = each.partition(" ")
        if not admits(member.jobs.grants, grant):
            raise RefusedError(f"{path}: {grant} is not among `grants` of [jobs] in {file}")
    for image in spec.images:
        if member.terms.images and not admits(member.terms.images, image):
            raise RefusedError(f"image {image[:80]!r} is not among `images` in {file}")


class _Pod:
    """The pod spec of one copy."""

    def __init__(self, spec: JobSpec, placement: Placement, member: MemberFile, beside: Beside) -> None:
        self._spec, self._placement, self._member, self._beside = spec, placement, member, beside

    def spec(self) -> dict[str, Any]:
        """All of it, names of objects as they are at the member."""
        pod, rules, life_s = self._spec.pod, self._member.jobs, self._placement.lifetime_s
        size = sized(pod)
        made: dict[str, Any] = {name: pod[name] for name in PASSED_ON if name in pod}
        made |= {
            "automountServiceAccountToken": pod.get("automountServiceAccountToken", False),
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": max(
                1, _least(rules.grace_s, pod.get("terminationGracePeriodSeconds", USUAL_GRACE_S))
            ),
            "activeDeadlineSeconds": _least(life_s, pod.get("activeDeadlineSeconds")),
            "securityContext": confined.of_pod(pod.get("securityContext", {}), rules.run_as_user),
            "initContainers": list(map(self._container, pod.get("initContainers", ()), size.init)),
            "containers": list(map(self._container, pod["containers"], size.main)),
            "nodeSelector": self._selector(),
            "tolerations": self._tolerations(),
        }
        if self._beside.priority_class:
            # The API server refuses the pod unless the class itself says Never: OW1 is checked by the member, too.
            made |= {"priorityClassName": self._beside.priority_class, "preemptionPolicy": "Never"}
        made = renamed(made, self._name)
        pull = [{"name": vetting.name_part(n, what="pull secret")} for n in self._member.overrides.pull_secrets]
        made["imagePullSecrets"] = [*made.get("imagePullSecrets", ()), *pull]
        return {key: value for key, value in made.items() if value not in ([], {})}

    def _container(self, given: dict[str, Any], size: dict[str, int]) -> dict[str, Any]:
        """As its owner wrote it, but its size and security are ours, and the member adds variables."""
        made = dict(given)
        asked = {name: _quantity(name, amount) for name, amount in sorted(size.items())}
        named = {each["name"] for each in given.get("env", ())}
        added = [each for each in overrides.environment(self._member.jobs.env) if each["name"] not in named]
        made |= {
            "resources": {"requests": asked, "limits": dict(asked)},
            "securityContext": confined.of_container(given.get("securityContext", {})),
            "env": [*added, *given.get("env", ())],
        }
        if self._member.overrides.image_pull_policy == "Always":
            made["imagePullPolicy"] = "Always"
        if not made["env"]:
            del made["env"]
        return made

    def _selector(self) -> dict[str, str]:
        """The node group's labels, the member's and the Job's own; RefusedError where they contradict each other."""
        found = overrides.node_selector(self._placement.selector, self._member.overrides.node_selector)
        for key, value in self._spec.pod.get("nodeSelector", {}).items():
            if found.setdefault(key, value) != value:
                raise RefusedError(f"spec.template.spec.nodeSelector[{key}]: the node group has {found[key]!r}")
        return found

    def _tolerations(self) -> list[dict[str, Any]]:
        """The Job's own as far as the member's file lets them, then the member's; none that tolerates everything."""
        file, taints = self._member.overrides.tolerations, self._placement.taints
        given = self._spec.pod.get("tolerations", ())
        own = [each for each in given if each.get("key") and admits(self._member.jobs.tolerations, each["key"])]
        wide = [each for each in given if not each.get("key") and each.get("operator") == "Exists"]
        for taint in overrides.barring(taints, [*own, *file]):
            if not (admits(self._member.jobs.tolerations, taint.key) and any(_lifts(each, taint) for each in wide)):
                raise RefusedError(
                    f"node group {self._placement.node_group} has taint {taint.key}={taint.value}:{taint.effect}, "
                    f"which neither the Job nor clusters/{self._member.name}.toml tolerates"
                )
            own.append({"key": taint.key, "operator": "Exists", "effect": taint.effect})
        return [*own, *overrides.tolerations((), file)]

    def _name(self, kind: str, name: str, *, optional: bool) -> str:
        """The name there: the copy's, or the same where the member's file allows it; an optional one may be nowhere."""
        if (kind, name) in self._beside.copied:
            return self._beside.copied[kind, name]
        if not name.startswith(OUR_NAMES) and admits(self._member.jobs.objects, f"{kind}/{name}"):
            return name
        if optional:
            return f"{self._placement.object_name}-none"
        raise RefusedError(f"{kind} {name[:80]} is not among `objects` of [jobs] in clusters/{self._member.name}.toml")


def _lifts(toleration: dict[str, Any], taint: Taint) -> bool:
    return toleration.get("effect", "") in {"", taint.effect}


def _least(bound: int, wanted: int | None) -> int:
    return bound if wanted is None else min(bound, wanted)


def _quantity(resource: str, amount: int) -> str:
    if resource == CPU:
        return quantities.cpu(amount)
    if resource in NATIVE and amount % MEBI == 0:
        return quantities.mebibytes(amount // MEBI)
    return str(amount)
