"""What preemption says: to whom a startd yields (PR8), and why nobody yields to a class (RE1)."""

from __future__ import annotations

from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.candidates import Candidate
from fedsched.matchmaker.preempt.exchange import Exchange
from fedsched.matchmaker.preempt.victims import Ask, Found, Search
from fedsched.matchmaker.preempt.wishes import Rules
from fedsched.matchmaker.preempt.yard import Places
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import lacking, show

MILLI_CORE_HOUR = 3_600_000
"""Milli-core seconds in a core-hour."""


def told(demand: DemandClass, victim: Candidate, found: Found, at: float) -> Reason:
    """The victim's record: preemptor, rule and work lost (PR8)."""
    placement = victim.stand.held.placement
    rules = sorted({found.rules[path] for path, _ in victim.losses})
    return Reason(
        Cause.PREEMPTED,
        what=f"{demand.principal} {demand.key}",
        need=" and ".join(rules),
        have=work(victim.lost),
        member=placement.member,
        node_group=placement.node_group,
        source="the policy's preemption",
        at=at,
    )


def work(lost: int) -> str:
    """Work lost for a person, from milli-core seconds: what is less than a tenth of a core-hour in core-seconds."""
    if 10 * lost < MILLI_CORE_HOUR:
        return f"{lost / 1000:.0f} core-seconds"
    return f"{lost / MILLI_CORE_HOUR:.1f} core-hours"


def no_right(path: str, exchange: Exchange, rules: Rules) -> Reason | None:
    """A principal that has what it has a right to; None where the policy lets owners only reclaim (PR7)."""
    if rules.policy.preemption.mode != "fair" or exchange.below(path):
        return None
    need, have = (f"{amount / 1000:g} core-equivalents" for amount in (exchange.entitled(path), exchange.held(path)))
    return Reason(Cause.ABOVE_SHARE, path, need, have, source="fair share", at=rules.at)


def several_pods(pods: int, at: float) -> Reason:
    """A Job that needs several pods at once: victims are looked for that make room on one node."""
    have = "room is made for one pod at a time"
    return Reason(Cause.NO_VICTIMS, "pods at once", str(pods), have, source="preemption", at=at)


def why_nobody(ask: Ask, places: Places, search: Search, rules: Rules) -> Reason:
    """The one rule that is in the way, found by leaving it out; else that nobody must yield enough."""
    terms, at = rules.policy.preemption, rules.at
    if search.expressions.broken:
        return Reason(Cause.NO_VICTIMS, "preemption", have=search.expressions.broken, source="the policy", at=at)
    if search.nobody(ask.path):
        return _nobody(places.options[0], at)  # whatever rule is left out
    hurried = search.cheapest(ask, places, "rate")
    if hurried is not None:
        place = hurried.option.place
        need = f"{place.terms.budgets.evictions_per_min} a minute"
        have = f"{len(hurried.victims)} needed, {max(0, search.budget[place.terms.name])} left"
        return place.here(Reason(Cause.EVICTION_RATE, "evictions", need, have, source="the member's file", at=at))
    rash = search.cheapest(ask, places, "protection")
    if rash is not None:
        wait_s = max(victim.young for victim in rash.victims)
        need, have = f"{terms.protect_s:.0f} s", f"{wait_s:.0f} s to go"
        return rash.option.place.here(Reason(Cause.PROTECTED, "startds", need, have, source="the policy", at=at))
    free = search.cheapest(ask, places, "requirements")
    if free is not None:
        what = "preemption.requirements"
        have = "not true of those who would have to"
        return free.option.place.here(Reason(Cause.NO_VICTIMS, what, have=have, source="the policy", at=at))
    return _nobody(places.options[0], at)


def _nobody(option: Option, at: float) -> Reason:
    size = option.size + option.place.terms.pod_overhead
    largest = max((bar.free for bar in option.place.group.rooms), default=size - size)
    name, need, _ = lacking(size, largest) or ("cpu_milli", size.cpu_milli, 0)
    return Reason(Cause.NO_VICTIMS, "startds", show(name, need), source="fair share", at=at)
