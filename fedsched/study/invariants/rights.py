"""Who may take from whom, and how much at most: protection, single evictions, limits, budgets (PR3, PR4, FS1, SU4)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from fedsched.matchmaker.model import Held
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.resources import Resources
from fedsched.study.invariants import truth
from fedsched.study.invariants.step import SERVING, Step

HOUR_S = 3_600.0


def who_just_began_is_protected(step: Step) -> Iterator[str]:
    """PR4: no victim is vacated before its oldest running claim is `protect_s` old; with `leave`, retire_s later."""
    rules = step.policy.preemption
    since: dict[str, float] = {}
    for pool in step.recorded.observation.pools:
        for slot in pool.slots:
            if slot.claims:
                began = min(claim.since for claim in slot.claims)
                since[slot.placement_id] = min(began, since.get(slot.placement_id, began))
    for held in _victims(step):
        began = since.get(held.placement.id, step.at - rules.protect_s)
        later = held.placement.retire_s if held.wanted == "leave" else 0
        if step.at + later - began < rules.protect_s:
            yield f"{held.placement.id} is told to {held.wanted} after {step.at - began:.0f} s of work"


def one_member_evicts_for_one_job(step: Step) -> Iterator[str]:
    """PR3: those that make room together stand at one member, and no class has more rooms made than jobs that wait.

    Room at a member that has fallen silent since is not waited for.
    """
    sets: dict[tuple[str, str], set[str]] = defaultdict(set)
    well = {name for name, memory in step.plan.memory.members.items() if memory.state in {"ready", "slow"}}
    for held in step.plan.held:
        if held.yields_to and held.phase != "gone":
            sets[held.yields_to, held.yields_with].add(held.placement.member)
    for (_, first), members in sets.items():
        if len(members) > 1:
            yield f"{', '.join(sorted(members))} evict for one job, with {first}"
    fresh = {held.yields_to for held in _victims(step)}
    for view in step.recorded.observation.schedds:
        for demand in view.classes:
            rooms = {f for (key, f), at in sets.items() if key == demand.key and at <= well and _awaited(step, f)}
            if demand.key in fresh and len(rooms) > demand.idle:
                yield f"{len(rooms)} rooms are made for class {demand.key}, which has {demand.idle} idle jobs"


def limits_are_not_passed(step: Step) -> Iterator[str]:
    """FS1: nothing new is placed for a group that then holds more than its limit, over all members."""
    limited = [group for group in step.policy.groups if group.limit_names]
    for group in limited:
        new = [held for held in step.new if _inside(held, group.path)]
        total = Resources()
        for held in step.plan.held if new else ():
            if _counts(step, held) and _inside(held, group.path):
                total += held.placement.size.times(held.nodes)
        for name in sorted(group.limit_names):
            if total.get(name) > group.limit.get(name) and any(h.placement.size.get(name) for h in new):
                yield f"group {group.path} holds {total.get(name)} {name}, its limit is {group.limit.get(name)}"


def concurrency_limits_are_not_passed(step: Step) -> Iterator[str]:
    """Q7: units of a licence in use over all members stay within what the policy says."""
    limits = {limit.name.lower(): limit.units for limit in step.policy.limits}
    used: Counter[str] = Counter()
    for held in step.plan.held if limits else ():
        if _counts(step, held):
            for name, units in held.placement.concurrency:
                used[name.lower()] += units * held.placement.units
    new = {name.lower() for held in step.new for name, _ in held.placement.concurrency}
    for name in sorted(new & set(limits)):
        if used[name] > limits[name]:
            yield f"{used[name]} units of {name} are in use, {limits[name]} may be"


def budgets_are_not_passed(step: Step) -> Iterator[str]:
    """SU4: what a tier or a group has spent in its window is within its budget."""
    most = {f"tier/{tier.name}": tier.budget for tier in step.policy.tiers if tier.budget}
    most |= {f"group/{group.path}": group.budget for group in step.policy.groups if group.budget}
    for name, spending in step.plan.memory.spending.items():
        if name in most and spending.spent > most[name] * (1 + 1e-9) + 1e-9:
            yield f"{name} has spent {spending.spent:.4f} of {most[name]:.4f}"


def what_pods_really_cost_is_within_the_budget(step: Step) -> Iterator[str]:
    """SU4: seconds that pods of a tier really ran, at their price, stay within its budget while its window lasts."""
    most = {tier.name: tier for tier in step.policy.tiers if tier.budget}
    passed = step.world.now() - step.past.at if step.past.at else 0.0
    for _, place, pod in truth.placements(step.world) if most else ():
        if place.tier in most and pod.started_at is not None:
            ran = min(passed, step.world.now() - pod.started_at)
            step.past.paid[place.tier] = step.past.paid.get(place.tier, 0.0) + ran * place.price_per_hour / HOUR_S
    for name, tier in most.items():
        window = step.plan.memory.spending.get(f"tier/{name}")
        before = step.recorded.snapshot.memory.spending.get(f"tier/{name}")
        if window is None or before is None or window.window_at != before.window_at:
            step.past.paid[name] = 0.0
        elif step.past.paid.get(name, 0.0) > tier.budget * (1 + 1e-6):
            yield f"pods of tier {name} have cost {step.past.paid[name]:.4f} of {tier.budget:.4f}"


RIGHTS = (
    who_just_began_is_protected,
    one_member_evicts_for_one_job,
    limits_are_not_passed,
    concurrency_limits_are_not_passed,
    budgets_are_not_passed,
    what_pods_really_cost_is_within_the_budget,
)


def _victims(step: Step) -> Iterator[Held]:
    """Who is told in this cycle to go for somebody else's right."""
    for held in step.plan.held:
        if held.why is not None and held.why.cause is Cause.PREEMPTED and held.wanted in {"leave", "vacate"}:
            then = step.known.get(held.placement.id)
            if then is not None and then.wanted == "run":
                yield held


def _awaited(step: Step, first: str) -> bool:
    limit = step.policy.preemption.wait_s
    return any(h.yields_with == first and step.at - h.yields_at < limit for h in step.plan.held)


def _inside(held: Held, path: str) -> bool:
    group = held.placement.principal.group
    return not path or group == path or group.startswith(f"{path}.")


def _counts(step: Step, held: Held) -> bool:
    """Surely counted for whom it was placed: it serves or will, on a member that is not given up.

    What may be shared and is claimed may count for whoever claims it (FS5).
    """
    shared = held.placement.share != "user" and held.claims
    return held.wanted == "run" and held.phase in SERVING and held.placement.member not in step.lost and not shared
