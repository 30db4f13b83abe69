"""How fast things grow: ramp and trust (SU3, SU7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fedsched.matchmaker.model import Held
from fedsched.matchmaker.surge import trust_key, trust_limit
from fedsched.matchmaker.surge.ramp import ALL
from fedsched.study.invariants.step import OPEN, Step


def growth_doubles_at_most(step: Step) -> Iterator[str]:
    """SU3: a class may start `first` in its first interval, then at most twice what it was allowed and has used up."""
    rules, before = step.policy.ramp, step.recorded.snapshot.memory.ramps
    for key, ramp in step.plan.memory.ramps.items():
        then = before.get(key)
        most = rules.max_starts
        if key != ALL:
            doubled = 2 * then.allowance if then and then.used >= then.allowance else then.allowance if then else 0
            most = min(most, max(rules.first, doubled))
        if ramp.allowance > most:
            yield f"class {key} may start {ramp.allowance}, at most {most} were due"


def nobody_starts_more_than_the_interval_allows(step: Step) -> Iterator[str]:
    """SU3: in one interval a class starts at most its allowance, all together at most `max_starts`.

    Rooms that were made by eviction were counted when they were asked for, and are not counted again.
    """
    for key, ramp in step.plan.memory.ramps.items():
        started = step.before.started.get((key, ramp.until), 0)
        if started > ramp.allowance:
            yield f"class {key} started {started} in an interval that allows {ramp.allowance}"


def trust_is_earned(step: Step) -> Iterator[str]:
    """SU7: startds out for a (schedd, principal) that nobody claimed yet are at most what it earned."""
    asking = {_key(held) for held in step.new if held.placement.form != "job"}
    promised = {_key(held) for held in step.new if _was_promised(step, held)}
    out: Counter[str] = Counter()
    for held in step.plan.held if asking else ():
        if held.phase in OPEN and held.claimed_at is None and held.wanted == "run":
            out[_key(held)] += 1
    for key in sorted(asking - promised):
        most = trust_limit(step.plan.memory.trust.get(key), step.policy.ramp.first)
        if out[key] > most:
            yield f"{out[key]} startds wait for {key}, which is trusted with {most}"


GROWTH = (growth_doubles_at_most, nobody_starts_more_than_the_interval_allows, trust_is_earned)


def _key(held: Held) -> str:
    return trust_key(held.placement.schedd, held.placement.principal)


def _was_promised(step: Step, held: Held) -> bool:
    return any(h.yields_to == held.placement.class_key for h in step.recorded.snapshot.memory.held)
