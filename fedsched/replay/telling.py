"""Differences between two plans as sentences for people; what differs is found beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fedsched.matchmaker.explain import clause
from fedsched.matchmaker.model import DemandClass, Observation
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources, describe
from fedsched.replay.differences import (
    ClassDiffers,
    Difference,
    GoingDiffers,
    MemoryDiffers,
    NoticeDiffers,
    OrdersDiffer,
    PlacementsDiffer,
    ShareDiffers,
    SpikeDiffers,
    Stand,
    StateDiffers,
    ValueDiffers,
)

_FORMS = {"startd-job": "startd", "startd-daemonset": "startd DaemonSet", "job": "Job"}
_WAYS = {"leave": "told to leave", "vacate": "vacated", "withdraw": "withdrawn"}
_ORDERS = {
    "ghosts": "ghost ads to remove",
    "sweep": "orphans to remove",
    "adopt": "objects to own again",
    "drive": "settings for a negotiator",
    "tell": "statuses of Jobs to write",
    "drift": "differences to a negotiator",
}
_THOUSANDTHS = ("entitled", "floor", "held", "charged", "wasted", "demand")

Named = Mapping[str, str]


def class_names(observation: Observation) -> dict[str, str]:
    """What each class is called in sentences, by key: who asks for what."""
    return {demand.key: _called(demand) for view in observation.schedds for demand in view.classes}


def _called(demand: DemandClass) -> str:
    if demand.job is None:
        return f"{demand.principal} ({describe(demand.request)}, class {demand.key})"
    size = _of_pods(demand.request, demand.job.pods)
    return f"{demand.principal} (Jobs of {size} in queue {demand.schedd}, class {demand.key})"


def _of_pods(request: Resources, pods: int) -> str:
    return describe(request) if pods == 1 else f"{pods} pods of {describe(request)} each"


def tell(found: Iterable[Difference], classes: Named | None = None) -> tuple[str, ...]:
    """One sentence for each difference, in their order. classes: what classes are called, by key."""
    return tuple(sentence(one, classes or {}) for one in found)


def sentence(found: Difference, classes: Named | None = None) -> str:  # noqa: C901, PLR0911 - one line for each kind
    """One difference as a sentence with both numbers."""
    match found:
        case PlacementsDiffer():
            return _placements(found)
        case GoingDiffers():
            return _going(found)
        case ClassDiffers():
            return _class(found, (classes or {}).get(found.key, f"class {found.key}"))
        case ShareDiffers():
            return _share(found)
        case SpikeDiffers():
            return _spike(found)
        case NoticeDiffers(notice, added):
            return f"{'Also said' if added else 'No more said'}: {notice.text}"
        case StateDiffers(what, before, after):
            return f"{what[:1].upper()}{what[1:]}: {after or 'none'} instead of {before or 'none'}."
        case OrdersDiffer(what, before, after):
            return f"{after} {_ORDERS[what]} instead of {before}{' others' if before == after else ''}."
        case MemoryDiffers(fields):
            return f"What is remembered for the next cycle differs in: {', '.join(fields)}."
        case ValueDiffers(where, before, after):
            return f"{where} is {after} instead of {before}."


def _placements(found: PlacementsDiffer) -> str:
    where = f"for {found.principal} on {found.member}/{found.node_group}"
    count = abs(found.after - found.before)
    if not count:
        return f"Other Jobs {where}: {_listed(found.more)} instead of {_listed(found.fewer)}."
    word = "more" if found.after > found.before else "fewer"
    what = f"{_FORMS[found.form]}{'s' if count > 1 else ''} of {_of_pods(found.size, found.pods)}"
    jobs = "; ".join(
        f"{side}: {_listed(names)}" for side, names in (("only now", found.more), ("no more", found.fewer)) if names
    )
    said = f"{count} {word} {what} {where} ({found.after} instead of {found.before})"
    return f"{said}: {jobs}." if jobs else f"{said}."


def _going(found: GoingDiffers) -> str:
    where = f"of {found.principal} on {found.member}/{found.node_group}"
    why = f" ({found.cause})" if found.cause else ""
    eviction = "evicted: " if found.cause is Cause.PREEMPTED else ""
    parts = [
        f"{len(ids)} {word} {where} {eviction}{_WAYS[found.wanted]}{why}: {_listed(ids)}"
        for ids, word in ((found.more, "more"), (found.fewer, "fewer"))
        if ids
    ]
    return "; ".join(parts) + "."


def _class(found: ClassDiffers, name: str) -> str:
    if found.before is None or found.after is None:
        only = found.after or found.before
        side = "new" if found.before is None else "no longer asked for"
        return f"{name} is {side}: {_numbers(only)}." if only else f"{name} is {side}."
    parts = [
        f"{getattr(found.after, field)} {field} instead of {getattr(found.before, field)}"
        for field in ("placed", "served", "unmet")
        if getattr(found.after, field) != getattr(found.before, field)
    ]
    parts += _other_reason(found.before.why, found.after.why)
    if not parts:
        parts = [f"other answers of {_listed(found.members)}" if found.members else "its reasons are told otherwise"]
    return f"{name}: {'; '.join(parts)}."


def _numbers(stand: Stand) -> str:
    why = f" because {clause(stand.why)}" if stand.why else ""
    return f"{stand.placed} placed, {stand.served} served, {stand.unmet} unmet{why}"


def _other_reason(before: Reason | None, after: Reason | None) -> list[str]:
    one, two = clause(before) if before else "", clause(after) if after else ""
    if one == two:
        return []
    if not two:
        return [f"no more: {one}"]
    return [f"because {two}" + (f", no more: {one}" if one else "")]


def _share(found: ShareDiffers) -> str:
    name = found.path or "all together"
    if found.before is None or found.after is None:
        return f"The share of {name} is {'only now' if found.before is None else 'no longer'} reckoned."
    parts = []
    for field in found.fields:
        one, two = getattr(found.before, field), getattr(found.after, field)
        if field in _THOUSANDTHS:
            parts.append(f"{field} {two / 1000:g} instead of {one / 1000:g}")
        else:
            parts.append(f"{field} {_plain(two)} instead of {_plain(one)}")
    return f"Share of {name}: {', '.join(parts)}."


def _plain(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _spike(found: SpikeDiffers) -> str:
    if found.before is None or found.after is None:
        return f"Spike {found.id} {'begins' if found.before is None else 'does not begin'}."
    parts = [
        f"{field} {_plain(getattr(found.after, field))} instead of {_plain(getattr(found.before, field))}"
        if not isinstance(getattr(found.after, field), tuple)
        else f"another {field}"
        for field in found.fields
    ]
    return f"Spike {found.id}: {', '.join(parts)}."


def _listed(names: tuple[str, ...], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
