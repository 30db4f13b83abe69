"""What is held stays within what was allowed: ceilings of members, trials, limits of groups, licences and budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from fedsched.answers.checkup.look import Fault, Judged, Look
from fedsched.matchmaker.model import Held
from fedsched.matchmaker.resources import Resources, show
from fedsched.matchmaker.share import CE

WAITS = "nothing more is placed; what is above goes by itself, sooner with: fedsched drain"
SERVING = frozenset({"intended", "starting", "unclaimed", "claimed"})


def ceilings_and_trials_are_kept(look: Look) -> Judged | None:
    """OW3: at each member we hold at most what its file says."""
    held: dict[str, list[Held]] = {}
    for one in _counted(look):
        held.setdefault(one.placement.member, []).append(one)
    faults: list[Fault] = []
    bound = 0
    for name, terms in sorted(look.terms.items()):
        here = held.get(name, [])
        bound += bool(terms.ceiling_names) or terms.mode != "on"
        total = _sum(here, terms.pod_overhead)
        for what in sorted(terms.ceiling_names):
            if total.get(what) > terms.ceiling.get(what):
                text = f"{name}: we hold {_amount(what, total)}, its ceiling is {_amount(what, terms.ceiling)}"
                faults.append(Fault(text, f"{WAITS} {name}", name))
        pods, most = sum(one.nodes for one in here), {"observe": 0, "trial": terms.trial}.get(terms.mode)
        if most is not None and pods > most:
            faults.append(
                Fault(f"{name} is in mode {terms.mode} ({most}) and has {pods} pods", f"{WAITS} {name}", name)
            )
    return Judged(
        f"{sum(map(len, held.values()))} placements at {len(held)} members, {bound} of them bounded", tuple(faults)
    )


def groups_keep_their_limits(look: Look) -> Judged | None:
    """FS1: no group holds more than its limit over all members."""
    limited = [group for group in look.policy.groups if group.limit_names]
    if not limited:
        return None
    faults = []
    for group in limited:
        total = _sum(one for one in _counted(look) if _inside(one, group.path))
        for what in sorted(group.limit_names):
            if total.get(what) > group.limit.get(what):
                text = f"group {group.path} holds {_amount(what, total)}, its limit is {_amount(what, group.limit)}"
                faults.append(Fault(text, f"fedsched explain group {group.path}", group.path))
    return Judged(f"{len(limited)} groups with a limit, all within it", tuple(faults))


def principals_keep_their_ceilings(look: Look) -> Judged | None:
    """FS1: no principal holds more core-equivalents than the policy allows."""
    bounded = [rule for rule in look.policy.principals if rule.ceiling]
    if not bounded:
        return None
    faults, seen = [], 0
    for line in look.shares:
        # The first that matches counts, with a ceiling or without.
        name = line.path.replace("/", ".")
        rule = next((one for one in look.policy.principals if fnmatchcase(name, one.pattern)), None)
        if "@" not in line.path or rule is None or not rule.ceiling:
            continue
        seen += 1
        if line.held > rule.ceiling * CE + CE:
            text = f"{line.path} holds {line.held / CE:g} core-equivalents, its ceiling is {rule.ceiling:g}"
            faults.append(Fault(text, f"fedsched explain group {line.path}", line.path))
    return Judged(f"{seen} principals with a ceiling, all within it or a startd above", tuple(faults))


def concurrency_limits_are_kept(look: Look) -> Judged | None:
    """Of each licence at most so many units are in use as there are."""
    if not look.policy.limits:
        return None
    used: Counter[str] = Counter()
    for one in _counted(look):
        for name, units in one.placement.concurrency:
            used[name.lower()] += units * one.placement.units
    faults = [
        Fault(
            f"{used[limit.name.lower()]} units of {limit.name} are in use, there are {limit.units}", WAITS, limit.name
        )
        for limit in look.policy.limits
        if used[limit.name.lower()] > limit.units
    ]
    said = ", ".join(f"{limit.name} {used[limit.name.lower()]} of {limit.units}" for limit in look.policy.limits[:6])
    return Judged(said, tuple(faults))


def budgets_are_kept(look: Look) -> Judged | None:
    """SU4: no tier and no group has spent more than its budget."""
    most = {f"tier/{tier.name}": tier.budget for tier in look.policy.tiers if tier.budget}
    most |= {f"group/{group.path}": group.budget for group in look.policy.groups if group.budget}
    if not most:
        return None
    spent = {name: look.memory.spending[name].spent for name in most if name in look.memory.spending}
    faults = [
        Fault(f"{name} has spent {amount:.2f} of {most[name]:.2f}", "fedsched spikes", name)
        for name, amount in spent.items()
        if amount > most[name] * (1 + 1e-9) + 1e-9
    ]
    said = ", ".join(f"{name} {amount:.2f} of {most[name]:.2f}" for name, amount in sorted(spent.items())[:6])
    return Judged(said or f"{len(most)} budgets, nothing is spent", tuple(faults))


def _counted(look: Look) -> Iterator[Held]:
    """What surely counts for whom it was placed: it serves or will, and its member is not given up."""
    lost = {name for name, memory in look.memory.members.items() if memory.state == "lost"}
    for one in look.memory.held:
        shared = one.placement.share != "user" and one.claims
        if one.wanted == "run" and one.phase in SERVING and one.placement.member not in lost and not shared:
            yield one


def _sum(some: Iterable[Held], overhead: Resources | None = None) -> Resources:
    total = Resources()
    for one in some:
        size = one.placement.size + overhead if overhead is not None else one.placement.size
        total += size.times(one.nodes)
    return total


def _inside(one: Held, path: str) -> bool:
    group = one.placement.principal.group
    return not path or group == path or group.startswith(f"{path}.")


def _amount(what: str, amounts: Resources) -> str:
    return show(what, amounts.get(what))


SHARES = (
    ceilings_and_trials_are_kept,
    groups_keep_their_limits,
    principals_keep_their_ceilings,
    concurrency_limits_are_kept,
    budgets_are_kept,
)
