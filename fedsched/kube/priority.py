"""Which PriorityClass our pods carry (OW1): the lowest, below everybody who names none, and never preempting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from fedsched.config.settings import MemberFile
from fedsched.kube.vetting import RefusedError, name_part


class PriorityClass(msgspec.Struct, frozen=True, rename="camel"):
    """What counts of a PriorityClass. value: higher is served first. global_default: of pods that name none."""

    name: str
    value: int = 0
    preemption_policy: str = "PreemptLowerPriority"
    global_default: bool = False


class _Metadata(msgspec.Struct):
    name: str


class _Item(msgspec.Struct, rename="camel"):
    metadata: _Metadata
    value: int = 0
    preemption_policy: str = "PreemptLowerPriority"
    global_default: bool = False


class _List(msgspec.Struct):
    items: list[_Item] | None = None


def decode(body: bytes) -> tuple[PriorityClass, ...]:
    """PriorityClasses of a list as the API server sends it; ValueError when it is none."""
    items = msgspec.json.decode(body, type=_List).items or []
    return tuple(PriorityClass(i.metadata.name, i.value, i.preemption_policy, i.global_default) for i in items)


def of_others(classes: Iterable[PriorityClass]) -> int:
    """The priority of pods that name no class: the global default's, else 0."""
    return max((each.value for each in classes if each.global_default), default=0)


def usable(classes: Sequence[PriorityClass]) -> list[PriorityClass]:
    """Those that our pods may carry, lowest first: never preempting, below pods that name no class."""
    limit = of_others(classes)
    found = [each for each in classes if each.preemption_policy == "Never" and each.value < limit]
    return sorted(found, key=lambda each: (each.value, each.name))


def choose(classes: Sequence[PriorityClass] | None, member: MemberFile) -> str:
    """The class of our pods at a member; "" for none. classes: None when we may not read them.

    RefusedError when that would put us level with the member's own pods and its file does not allow it.
    """
    same_allowed = member.terms.allow_same_priority
    named = member.overrides.priority_class
    if named:
        return _named(name_part(named, what="priority_class"), classes, same_allowed=same_allowed)
    found = usable(classes or ())
    if found:
        return found[0].name
    if same_allowed:
        return ""
    seen = (
        "no PriorityClass may be read"
        if classes is None
        else "no PriorityClass is below its own pods and Never preempts"
    )
    raise RefusedError(
        f"at member {member.name} {seen}: let the site make one (preemptionPolicy: Never, value below 0) and name it "
        f"as overrides.priority_class, or set allow_same_priority = true in clusters/{member.name}.toml"
    )


def _named(name: str, classes: Sequence[PriorityClass] | None, *, same_allowed: bool) -> str:
    if classes is None:
        return name  # the API server refuses our pods unless the class is there and never preempts
    found = {each.name: each for each in classes}.get(name)
    if found is None:
        raise RefusedError(
            f"PriorityClass {name} of overrides.priority_class is not there; `kubectl get priorityclass`"
        )
    if found.preemption_policy != "Never":
        raise RefusedError(f"PriorityClass {name} preempts others; ours must have preemptionPolicy: Never")
    if found.value >= of_others(classes) and not same_allowed:
        raise RefusedError(
            f"PriorityClass {name} has value {found.value}, not below {of_others(classes)} of pods that name none; "
            "choose a lower one or set allow_same_priority = true"
        )
    return name
