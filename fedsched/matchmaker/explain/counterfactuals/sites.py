"""What a member's operator or its site could change, by cause: file, quota, nodes, contact."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from fedsched.matchmaker.explain.counterfactuals.changes import World, demand_of
from fedsched.matchmaker.explain.counterfactuals.numbers import FURTHER, amount, beyond
from fedsched.matchmaker.explain.counterfactuals.proving import Knob
from fedsched.matchmaker.model import MemberTerms, Step
from fedsched.matchmaker.reasons import Cause, Reason

UNITS = {"cpu_milli": 100, "memory_mib": 128, "disk_mib": 256}
"""Steps in which a quota, a ceiling or a limit is raised; 1 for every other resource."""
_BUDGETS = {"objects in flight": "objects_in_flight", "pods pulling images": "pods_pulling"}


def one(step: Step) -> Knob:
    """A change that has no amount."""
    return Knob((1,), lambda _: step)


def _terms(world: World, name: str) -> MemberTerms | None:
    return next((terms for terms in world.snapshot.terms if terms.name == name), None)


def _quota(_world: World, reason: Reason) -> Iterator[Knob]:
    target, name = reason.source.removeprefix("ResourceQuota "), reason.what
    unit = UNITS.get(name, 1)
    hints = beyond(amount(reason.need), amount(reason.have), unit)
    yield Knob(hints, lambda more: Step("quota", reason.member, target, name, float(more * unit)))


def _ceiling(world: World, reason: Reason) -> Iterator[Knob]:
    terms, name = _terms(world, reason.member), reason.what
    if terms is None:
        return
    unit, now = UNITS.get(name, 1), terms.ceiling.get(name)
    hints = beyond(amount(reason.need), amount(reason.have), unit)
    yield Knob(hints, lambda more: Step("ceiling", reason.member, name=name, to=float(now + more * unit)))


def _leave_free(world: World, reason: Reason) -> Iterator[Knob]:
    terms, name = _terms(world, reason.member), reason.what
    kept = dict(terms.leave_free) if terms else {}
    target = reason.node_group if kept.get(reason.node_group) else "*"
    if target not in kept:
        return
    unit, now = UNITS.get(name, 1), kept[target].get(name)
    needs = sum(amount(part) for part in reason.need.split(" beside ")[:2])
    most = math.ceil(now / unit)
    hints = sorted({hint for hint in beyond(needs, amount(reason.have), unit) if hint < most} | {most})
    yield Knob(
        tuple(hints),
        lambda less: Step("leave-free", reason.member, target, name, float(max(0, now - less * unit))),
    )


def _in_flight(world: World, reason: Reason) -> Iterator[Knob]:
    terms, name = _terms(world, reason.member), _BUDGETS.get(reason.what, "")
    if terms is None or not name:
        return
    now: int = getattr(terms.budgets, name)
    hints = beyond(amount(reason.have) + 1, now, 1)
    yield Knob(hints, lambda more: Step("in-flight", reason.member, name=name, to=float(now + more)))


def _mode(_world: World, reason: Reason) -> Iterator[Knob]:
    yield one(Step("mode", reason.member))


def _nodes(_world: World, reason: Reason) -> Iterator[Knob]:
    if reason.member and reason.node_group:
        yield Knob(FURTHER, lambda more: Step("nodes", reason.member, reason.node_group, to=float(more)))


def _form(world: World, reason: Reason) -> Iterator[Knob]:
    if reason.what == "pool":
        yield one(Step("admit", reason.member, demand_of(world).pool, "pools"))
    else:
        form = "startd-job" if demand_of(world).job is None else "job"
        yield one(Step("admit", reason.member, form, "forms"))


def _principal(world: World, reason: Reason) -> Iterator[Knob]:
    yield one(Step("admit", reason.member, str(demand_of(world).principal), "principals"))


def _image(world: World, reason: Reason) -> Iterator[Knob]:
    yield one(Step("admit", reason.member, demand_of(world).image, "images"))


def _namespace(_world: World, reason: Reason) -> Iterator[Knob]:
    yield one(Step("admit", reason.member, reason.need, "jobs.namespaces"))


def _object(_world: World, reason: Reason) -> Iterator[Knob]:
    """Where it lacks the file's leave: that, or leave to copy its kind. Where it is only missing: that it is made."""
    kind = reason.what.partition("/")[0]
    if reason.need == "present":
        yield one(Step("object", reason.member, reason.what))
    else:
        yield one(Step("admit", reason.member, reason.what, "jobs.objects"))
    if kind in {"ConfigMap", "Secret"}:
        yield one(Step("admit", reason.member, kind, "jobs.copied"))


def _grant(_world: World, reason: Reason) -> Iterator[Knob]:
    yield one(Step("admit", reason.member, reason.need, "jobs.grants"))


def _pods(world: World, reason: Reason) -> Iterator[Knob]:
    shape = demand_of(world).job
    less = math.ceil(amount(reason.need) - amount(reason.have))
    if shape is not None and 0 < less < shape.pods:
        pods = shape.pods
        yield Knob((less,), lambda fewer: Step("parallelism", to=float(pods - fewer)))


def _taint(_world: World, reason: Reason) -> Iterator[Knob]:
    key = re.split("[=:]", reason.have, maxsplit=1)[0]
    yield one(Step("tolerate", reason.member, reason.node_group, key))


def _lifetime(world: World, reason: Reason) -> Iterator[Knob]:
    terms = _terms(world, reason.member)
    if terms is None:
        return
    by_policy = "policy" in reason.source
    now = world.policy.startds.lifetime_s if by_policy else terms.max_lifetime_s
    hints = beyond(amount(reason.need), amount(reason.have), 1)
    if by_policy:
        yield Knob(hints, lambda more: Step("startds' life", to=float(now + more)))
    else:
        yield Knob(hints, lambda more: Step("lifetime", reason.member, to=float(now + more)))


def _answers(_world: World, reason: Reason) -> Iterator[Knob]:
    pool = re.match(r"collector of (.+)", reason.what)
    if pool is not None:
        yield one(Step("pool answers", target=pool[1]))
    elif reason.what in {"contact", "capacity", "credential"}:
        yield one(Step("member answers", reason.member))


def _all_answer(_world: World, _reason: Reason) -> Iterator[Knob]:
    yield one(Step("member answers", "*"))


def _schedd(_world: World, reason: Reason) -> Iterator[Knob]:
    yield one(Step("schedd answers", target=reason.what))


MEMBER_KNOBS: dict[Cause, Callable[[World, Reason], Iterator[Knob]]] = {
    Cause.QUOTA_FULL: _quota,
    Cause.CEILING_REACHED: _ceiling,
    Cause.LEAVE_FREE: _leave_free,
    Cause.BUDGET: _in_flight,
    Cause.TRIAL_FULL: _mode,
    Cause.OBSERVE_ONLY: _mode,
    Cause.NO_ROOM: _nodes,
    Cause.FRAGMENTED: _nodes,
    Cause.FORM_REFUSED: _form,
    Cause.PRINCIPAL_REFUSED: _principal,
    Cause.IMAGE_REFUSED: _image,
    Cause.NAMESPACE_REFUSED: _namespace,
    Cause.OBJECT_MISSING: _object,
    Cause.FIELD_REFUSED: _grant,
    Cause.TOO_MANY_PODS: _pods,
    Cause.TAINTED: _taint,
    Cause.TOO_LONG: _lifetime,
    Cause.MEMBER_SILENT: _answers,
    Cause.MEMBER_LOST: _answers,
    Cause.CREDENTIAL: _answers,
    Cause.STALE: _answers,
    Cause.FROZEN: _all_answer,
    Cause.SCHEDD_STALE: _schedd,
}
"""What is not here cannot be told by a change of ours: who ends first, whether a probe succeeds, why pods fail."""
