"""In what two plans differ, named by principal, member, node group, class and cause; sentences stand beside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from fedsched.matchmaker.model import ClassReport, Form, Held, Memory, Notice, Plan, Principal, ShareLine, Spike, Wanted
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources

GOING = frozenset({"leave", "vacate", "withdraw"})
"""What is wanted of a startd that somebody takes away; `clear` only tidies up what is over."""
NAMED = frozenset({"cycle", "serial", "at", "held", "members", "frozen_since", "tiers", "spending", "surge", "drift"})
"""Parts of the memory that other differences name, or that differ between any two cycles."""


class PlacementsDiffer(msgspec.Struct, frozen=True, tag="placements", omit_defaults=True):
    """How many startds or Jobs of one size, for one principal, in one place, are meant to run.

    pods: of each, each of that size. more, fewer: users' Jobs that only one of the plans runs there,
    QUEUE:NAMESPACE/NAME.
    """

    principal: Principal
    member: str
    node_group: str
    form: Form
    size: Resources
    before: int
    after: int
    pods: int = 1
    more: tuple[str, ...] = ()
    fewer: tuple[str, ...] = ()


class GoingDiffers(msgspec.Struct, frozen=True, tag="going"):
    """Who goes for one cause: evictions (leave, vacate) and withdrawals. more, fewer: ids in only one of the plans."""

    principal: Principal
    member: str
    node_group: str
    wanted: Wanted
    cause: Cause | None
    more: tuple[str, ...] = ()
    fewer: tuple[str, ...] = ()


class Stand(msgspec.Struct, frozen=True):
    """How a class stands in one plan: jobs served, newly placed for, unmet, and why."""

    served: int
    placed: int
    unmet: int
    verdict: Verdict
    why: Reason | None = None


class ClassDiffers(msgspec.Struct, frozen=True, tag="class"):
    """A class stands otherwise; None where a plan does not have it. members: those that answer it otherwise."""

    key: str
    before: Stand | None
    after: Stand | None
    members: tuple[str, ...] = ()


class ShareDiffers(msgspec.Struct, frozen=True, tag="share"):
    """A group's or principal's line (Q11) differs; None where a plan does not have it. fields: which numbers."""

    path: str
    before: ShareLine | None
    after: ShareLine | None
    fields: tuple[str, ...] = ()


class NoticeDiffers(msgspec.Struct, frozen=True, tag="notice"):
    """A notice that only the second plan gives (`added`), or only the first."""

    notice: Notice
    added: bool


class SpikeDiffers(msgspec.Struct, frozen=True, tag="spike"):
    """One spike is counted otherwise, or only one plan has it. fields: which of its numbers."""

    id: str
    before: Spike | None
    after: Spike | None
    fields: tuple[str, ...] = ()


class StateDiffers(msgspec.Struct, frozen=True, tag="state"):
    """One state: "member NAME", "tier NAME", "budget NAME" or "federation"; as words, "" where a plan has none."""

    what: str
    before: str
    after: str


class OrdersDiffer(msgspec.Struct, frozen=True, tag="orders"):
    """How many single changes beside placements are asked for: ghosts, sweep, adopt, drive, tell; drift is told."""

    what: str
    before: int
    after: int


class MemoryDiffers(msgspec.Struct, frozen=True, tag="memory"):
    """Parts of what is remembered for the next cycle that differ and that nothing else here names."""

    fields: tuple[str, ...]


class ValueDiffers(msgspec.Struct, frozen=True, tag="value"):
    """The first single value that differs where nothing has a name: where it stands, and both as text."""

    where: str
    before: str
    after: str


_Place = tuple[Principal, str, str, Form, Resources, int]
_Goers = tuple[Principal, str, str, Wanted, Cause | None]

Difference = (
    PlacementsDiffer
    | GoingDiffers
    | ClassDiffers
    | ShareDiffers
    | NoticeDiffers
    | SpikeDiffers
    | StateDiffers
    | OrdersDiffer
    | MemoryDiffers
    | ValueDiffers
)


def differences(before: Plan, after: Plan) -> tuple[Difference, ...]:
    """Everything in which the second plan differs from the first, placements first; () for plans that are equal.

    Two plans of different cycles may be compared: their numbers and times as such are no difference.
    """
    if before == after:
        return ()
    named: list[Difference] = [
        *_placements(before, after),
        *_going(before, after),
        *_states(before, after),
        *_classes(before, after),
        *_shares(before, after),
        *_spikes(before, after),
        *_notices(before, after),
        *_orders(before, after),
        *_memory(before.memory, after.memory),
    ]
    if not named and (before.cycle, before.at) == (after.cycle, after.at):
        found = first_value(msgspec.to_builtins(before), msgspec.to_builtins(after))
        named += [found] if found else []
    return tuple(named)


def _placements(before: Plan, after: Plan) -> Iterator[PlacementsDiffer]:
    first, second = _meant(before), _meant(after)
    differ = [
        (key, one, two) for key in {*first, *second} if (one := first.get(key, [])) != (two := second.get(key, []))
    ]
    for key, one, two in sorted(differ, key=lambda found: (-abs(len(found[2]) - len(found[1])), found[0])):
        more, fewer = (tuple(sorted({*some} - {*other} - {""})) for some, other in ((two, one), (one, two)))
        yield PlacementsDiffer(*key[:-1], len(one), len(two), key[-1], more, fewer)


def _meant(plan: Plan) -> dict[_Place, list[str]]:
    """Placements that are meant to run, by place: of users' Jobs which they are, "" for startds."""
    found: dict[_Place, list[str]] = defaultdict(list)
    for held in plan.held:
        if held.wanted == "run" and held.phase != "gone":
            place = held.placement
            key = (place.principal, place.member, place.node_group, place.form, place.size, place.pods)
            found[key].append(f"{place.schedd}:{place.job}" if place.form == "job" else "")
    return {key: sorted(jobs) for key, jobs in found.items()}


def _going(before: Plan, after: Plan) -> Iterator[GoingDiffers]:
    first, second = _goers(before.held), _goers(after.held)
    for key in sorted({*first, *second}, key=str):
        one, two = first.get(key, set()), second.get(key, set())
        if one != two:
            yield GoingDiffers(*key, more=tuple(sorted(two - one)), fewer=tuple(sorted(one - two)))


def _goers(held: Iterable[Held]) -> dict[_Goers, set[str]]:
    found: dict[_Goers, set[str]] = defaultdict(set)
    for one in held:
        if one.wanted in GOING:
            place = one.placement
            cause = one.why.cause if one.why else None
            found[place.principal, place.member, place.node_group, one.wanted, cause].add(place.id)
    return found


def _classes(before: Plan, after: Plan) -> Iterator[ClassDiffers]:
    first, second = ({report.key: report for report in plan.classes} for plan in (before, after))
    for key in sorted({*first, *second}):
        one, two = first.get(key), second.get(key)
        if _without_ages(one) != _without_ages(two):
            yield ClassDiffers(key, _stand(one), _stand(two), _answering(one, two))


def _stand(report: ClassReport | None) -> Stand | None:
    if report is None:
        return None
    return Stand(report.served, report.placed, report.unmet, report.verdict, report.why)


def _answering(one: ClassReport | None, two: ClassReport | None) -> tuple[str, ...]:
    """Members whose verdict or blocker of the class is another one."""
    first, second = ({v.member: _without_ages(v) for v in report.members} if report else {} for report in (one, two))
    return tuple(name for name in sorted({*first, *second}) if first.get(name) != second.get(name))


def _without_ages(value: Any) -> Any:
    """As plain values, but without the moment at which a reason's number was read: it passes in every cycle."""
    if isinstance(value, Reason):
        return tuple(getattr(value, name) for name in value.__struct_fields__ if name != "at")
    if isinstance(value, msgspec.Struct):
        return tuple(_without_ages(getattr(value, name)) for name in value.__struct_fields__)
    return tuple(_without_ages(one) for one in value) if isinstance(value, tuple) else value


def _shares(before: Plan, after: Plan) -> Iterator[ShareDiffers]:
    first, second = ({line.path: line for line in plan.shares} for plan in (before, after))
    for path in sorted({*first, *second}):
        one, two = first.get(path), second.get(path)
        if one != two:
            yield ShareDiffers(path, one, two, _fields(one, two))


def _spikes(before: Plan, after: Plan) -> Iterator[SpikeDiffers]:
    first, second = ({spike.id: spike for spike in plan.memory.surge.spikes} for plan in (before, after))
    for name in sorted({*first, *second}):
        one, two = first.get(name), second.get(name)
        if one != two:
            yield SpikeDiffers(name, one, two, _fields(one, two))


def _fields(one: msgspec.Struct | None, two: msgspec.Struct | None) -> tuple[str, ...]:
    if one is None or two is None:
        return ()
    return tuple(name for name in one.__struct_fields__ if getattr(one, name) != getattr(two, name))


def _notices(before: Plan, after: Plan) -> Iterator[NoticeDiffers]:
    yield from (NoticeDiffers(notice, added=False) for notice in before.notices if notice not in after.notices)
    yield from (NoticeDiffers(notice, added=True) for notice in after.notices if notice not in before.notices)


def _states(before: Plan, after: Plan) -> Iterator[StateDiffers]:
    first, second = _state_words(before.memory), _state_words(after.memory)
    for what in sorted({*first, *second}):
        one, two = first.get(what, ""), second.get(what, "")
        if one != two:
            yield StateDiffers(what, one, two)


def _state_words(memory: Memory) -> Mapping[str, str]:
    words = {"federation": "at work" if memory.frozen_since is None else "frozen"}
    words |= {f"member {name}": known.state for name, known in memory.members.items()}
    words |= {f"tier {name}": "open" if tier.open else "closed" for name, tier in memory.tiers.items()}
    words |= {f"budget {name}": f"{spending.spent:.2f} spent" for name, spending in memory.spending.items()}
    return words


def _orders(before: Plan, after: Plan) -> Iterator[OrdersDiffer]:
    for what in ("ghosts", "sweep", "adopt", "drive", "tell", "drift"):
        one, two = getattr(before, what), getattr(after, what)
        if one != two:
            yield OrdersDiffer(what, len(one), len(two))


def _memory(before: Memory, after: Memory) -> Iterator[MemoryDiffers]:
    fields = tuple(name for name in _fields(before, after) if name not in NAMED)
    if before.at == after.at and fields:  # between two cycles all timers move on: that is no difference
        yield MemoryDiffers(fields)


def first_value(before: Any, after: Any, where: str = "plan") -> ValueDiffers | None:
    """The first single value that differs in two trees of plain values; None when they are equal."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = ((f"{where}.{name}", before.get(name), after.get(name)) for name in sorted({*before, *after}))
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)) and len(before) == len(after):
        pairs = ((f"{where}[{n}]", one, two) for n, (one, two) in enumerate(zip(before, after, strict=True)))
    else:
        same = before == after and type(before) is type(after)
        return None if same else ValueDiffers(where, _short(before), _short(after))
    return next((found for place, one, two in pairs if (found := first_value(one, two, place))), None)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
