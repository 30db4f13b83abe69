"""Rules over the pod of a labelled Job: what no member grants; the full list is the vetting's (kube/jobs)."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.kube.hub import cel
from fedsched.kube.hub.rules import Rule

POD = "spec.template.spec"
NOBODY = "no member of the federation grants it"
FLAGS = ("hostNetwork", "hostPID", "hostIPC")
NAMED = (("serviceAccountName", "default"), ("runtimeClassName", ""))
"""(field, value that everybody may have beside none)."""


def pod_rules(grants: tuple[str, ...]) -> Iterator[Rule]:
    """One for each thing. grants: what some member's file allows, as globs ("hostPath=/cvmfs", "privileged")."""
    for flag in FLAGS:
        if not _granted(flag, grants):
            yield Rule(f"!variables.pod.?{flag}.orValue(false)", f"{POD}.{flag}: {NOBODY}")
    for field, plain in NAMED:
        value = f'variables.pod.?{field}.orValue("")'
        allowed = _values(field, grants)
        if "*" not in allowed:
            may = cel.matches(value, ("", plain, *allowed))
            yield Rule(may, f"{POD}.{field}: {NOBODY}")
    yield from _host_paths(_values("hostPath", grants))
    if not _granted("privileged", grants):
        yield from (_privileged(kind) for kind in ("containers", "initContainers"))


def _host_paths(allowed: tuple[str, ...]) -> Iterator[Rule]:
    if "*" in allowed:
        return
    volumes = "variables.pod.?volumes.orValue([])"
    may = cel.matches("v.hostPath.path", (*allowed, *(f"{path.rstrip('/')}/*" for path in allowed)))
    bad = f"{volumes}.filter(v, has(v.hostPath) && !({may}))"
    where = _where("volumes", volumes, bad, "hostPath")
    yield Rule(f"{bad}.size() == 0", NOBODY, where)


def _privileged(kind: str) -> Rule:
    containers = f"variables.pod.?{kind}.orValue([])"
    bad = f"{containers}.filter(c, c.?securityContext.?privileged.orValue(false))"
    return Rule(f"{bad}.size() == 0", NOBODY, _where(kind, containers, bad, "securityContext.privileged"))


def _where(kind: str, things: str, bad: str, field: str) -> str:
    """The path with the index of the first that is bad; names are unique among them."""
    index = f"string({things}.map(x, x.name).indexOf({bad}[0].name))"
    return f'"{POD}.{kind}[" + {index} + "].{field}"'


def _granted(flag: str, grants: tuple[str, ...]) -> bool:
    return any(grant in {flag, "*"} for grant in grants)


def _values(field: str, grants: tuple[str, ...]) -> tuple[str, ...]:
    if "*" in grants:
        return ("*",)
    return tuple(sorted({grant.partition("=")[2] or "*" for grant in grants if grant.partition("=")[0] == field}))
