"""Rules over the pod of a labelled Job: what goes to no member; the full list is the vetting's (kube/jobs)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from fedsched.kube.hub import cel
from fedsched.kube.hub.rules import Rule

POD = "spec.template.spec"
NOBODY = "no member of the federation grants it"
FLAGS = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
NAMED = (("serviceAccountName", "default"), ("runtimeClassName", ""), ("schedulerName", "default-scheduler"))
"""(field, value that everybody may have beside none)."""
VOLUMES = (
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "hostPath", "persistentVolumeClaim", "projected"),
    "secret",
)
"""Kinds of volumes that may go to some member; any other kind to none."""
NEVER = {
    "nodeName": ('variables.pod.?nodeName.orValue("") == ""', "goes round every scheduler"),
    "topologySpreadConstraints": (
        "variables.pod.?topologySpreadConstraints.orValue([]).size() == 0",
        "depends on other pods, which may run in other clusters",
    ),
    "affinity.podAffinity": (
        "!has(variables.pod.affinity) || !has(variables.pod.affinity.podAffinity)",
        "depends on other pods, which may run in other clusters",
    ),
    "affinity.podAntiAffinity": (
        "!has(variables.pod.affinity) || !has(variables.pod.affinity.podAntiAffinity)",
        "depends on other pods, which may run in other clusters",
    ),
    "schedulingGates": (
        "variables.pod.?schedulingGates.orValue([]).size() == 0",
        "nobody would open them at a member; suspend the Job instead",
    ),
    "resourceClaims": (
        "variables.pod.?resourceClaims.orValue([]).size() == 0",
        "devices by claim are not placed for; ask for an extended resource",
    ),
}
"""Field -> what must hold, and why it goes nowhere."""


def pod_rules(grants: tuple[str, ...]) -> Iterator[Rule]:
    """One for each thing. grants: what some member's file allows, as globs ("hostPath=/cvmfs", "privileged")."""
    for field, (holds, why) in NEVER.items():
        yield Rule(holds, f"{POD}.{field}: {why}")
    for flag in FLAGS:
        if not _granted(flag, grants):
            yield Rule(f"!variables.pod.?{flag}.orValue(false)", f"{POD}.{flag}: {NOBODY}")
    for field, plain in NAMED:
        value = f'variables.pod.?{field}.orValue("")'
        may = cel.matches(f'("{field}=" + {value})', _of(field, grants))
        if may != "true":
            yield Rule(f"{value} in {cel.texts(('', plain))} || {may}", f"{POD}.{field}: {NOBODY}")
    yield from _volumes(grants)
    if not _granted("privileged", grants):
        yield from (_privileged(kind) for kind in ("containers", "initContainers"))


def _volumes(grants: tuple[str, ...]) -> Iterator[Rule]:
    volumes = "variables.pod.?volumes.orValue([])"
    known = " || ".join(f"has(v.{kind})" for kind in VOLUMES)
    bad = f"{volumes}.filter(v, !({known}))"
    words = "no member takes volumes of this kind; name a PersistentVolumeClaim"
    yield Rule(f"{bad}.size() == 0", words, _where("volumes", volumes, bad))
    may = cel.matches('("hostPath=" + v.hostPath.path)', _of("hostPath", grants))
    if may != "true":
        bad = f"{volumes}.filter(v, has(v.hostPath) && !({may}))"
        yield Rule(f"{bad}.size() == 0", NOBODY, _where("volumes", volumes, bad, ".hostPath"))


def _privileged(kind: str) -> Rule:
    containers = f"variables.pod.?{kind}.orValue([])"
    bad = f"{containers}.filter(c, c.?securityContext.?privileged.orValue(false))"
    return Rule(f"{bad}.size() == 0", NOBODY, _where(kind, containers, bad, ".securityContext.privileged"))


def _where(kind: str, things: str, bad: str, field: str = "") -> str:
    """The path with the index of the first that is bad; names are unique among them."""
    index = f"string({things}.map(x, x.name).indexOf({bad}[0].name))"
    return f'"{POD}.{kind}[" + {index} + "]{field}"'


def _of(field: str, grants: tuple[str, ...]) -> tuple[str, ...]:
    """The globs that could mean "FIELD=value"."""
    plain = [(re.split(r"[*?\[]", grant, maxsplit=1)[0], grant) for grant in grants]
    return tuple(each for head, each in plain if head.startswith(f"{field}=") or f"{field}=".startswith(head))


def _granted(flag: str, grants: tuple[str, ...]) -> bool:
    return any(fnmatchcase(flag, grant) for grant in grants)
