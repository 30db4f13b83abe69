"""What each member is spared: silence, modes, orders, budgets (FA1, FA2, FA9, OW3, PR5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase

from fedsched.matchmaker.model import Held, InvalidateAds, SetSubmitter, TellJob
from fedsched.matchmaker.reasons import Cause
from fedsched.study.invariants import truth
from fedsched.study.invariants.step import OPEN, Step

YIELDING = frozenset({Cause.PREEMPTED, Cause.OWNER})
"""Causes of evictions: somebody goes because somebody else has the better right."""
MINUTE_S = 60.0


def nothing_new_goes_to_a_silent_member(step: Step) -> Iterator[str]:
    """FA1: after `silent_s` without an answer nothing is placed there, nor on a view that is older than that."""
    limit = step.policy.silence.silent_s
    for name, new in step.new_at.items():
        view = step.views.get(name)
        heard = max(step.before.heard_at.get(name, 0.0), step.before.looking_since)  # counted only while we look
        if view is None or view.seen_at is None or step.at - view.seen_at > limit:
            yield f"{new[0].placement.id} goes to {name}, whose view is older than {limit:.0f} s"
        elif step.at - heard >= limit:
            yield f"{new[0].placement.id} goes to {name}, which has not answered for {limit:.0f} s"


def nothing_is_written_to_a_silent_member(step: Step) -> Iterator[str]:
    """FA1: from `silent_s` on nothing is tried there at all; what it has not answered yet may still arrive."""
    limit = step.policy.silence.silent_s
    for change in step.recorded.issued:
        if isinstance(change, InvalidateAds | SetSubmitter | TellJob):
            continue
        heard = max(step.before.heard_at.get(change.member, 0.0), step.before.looking_since)
        if step.at - heard >= limit:
            yield f"{type(change).__name__} is tried at {change.member}, silent for {step.at - heard:.0f} s"


def nothing_is_decided_under_a_higher_fence(step: Step) -> Iterator[str]:
    """FA5: whoever sees a higher epoch at any member stops before it decides anything."""
    epoch = step.recorded.snapshot.epoch
    for view in step.recorded.observation.members:
        if view.fence_epoch > epoch:
            yield f"epoch {epoch} decides though {view.name} has seen epoch {view.fence_epoch}"


def a_lost_or_silent_member_is_not_called_well(step: Step) -> Iterator[str]:
    """FA1: who has not answered for `silent_s` while we looked on is unreachable or lost."""
    limit = step.policy.silence.silent_s
    if step.plan.memory.frozen_since is not None:
        return
    for name, memory in step.plan.memory.members.items():
        heard = max(step.before.heard_at.get(name, 0.0), step.before.looking_since)
        if heard and step.at - heard >= limit and memory.state in {"ready", "slow"}:
            yield f"{name} is called {memory.state} and has not answered for {step.at - heard:.0f} s"


def when_most_fall_silent_nothing_moves(step: Step) -> Iterator[str]:
    """FA2: most members (two at least) silent together is our own trouble: no change, no expiry, no new wish."""
    limit, names = step.policy.silence.silent_s, list(step.views)
    since = {n: max(step.before.heard_at.get(n, 0.0), step.before.looking_since) for n in names}
    silent = [name for name in names if since[name] and step.at - since[name] >= limit]
    if len(silent) < 2 or len(silent) * 2 <= len(names):
        return
    if step.plan.memory.frozen_since is None:
        yield f"{', '.join(silent)} of {len(names)} members are silent and the plan is not frozen"
    if step.recorded.issued:
        yield f"{len(step.recorded.issued)} changes are issued while {', '.join(silent)} are silent"
    before = step.recorded.snapshot.memory.members
    for name in silent:
        now, then = step.plan.memory.members[name], before.get(name)
        if now.state == "lost" and (then is None or then.state != "lost"):
            yield f"{name} was given up while most members are silent"


def frozen_wishes_stay(step: Step) -> Iterator[str]:
    """FA2: while frozen nobody is placed, told to go, or expired."""
    if step.plan.memory.frozen_since is None:
        return
    for held in step.new:
        yield f"{held.placement.id} was placed while frozen"
    for held in step.plan.held:
        then = step.known.get(held.placement.id)
        if then is not None and then.wanted != held.wanted:
            yield f"{held.placement.id} was wanted to {then.wanted}, and to {held.wanted} while frozen"


def who_only_observes_gets_nothing_and_a_trial_its_number(step: Step) -> Iterator[str]:
    """OW3: a member in `observe` gets nothing, one in `trial(n)` never holds more than n pods of ours.

    Of one epoch, and of all that is known when more is placed: what two fedscheds write in the same moment, before the
    older is fenced, neither of them can know; nor what an older backup of the member brings back, until it is gone.
    """
    back = {step.past.made.get(uid) for uid in step.past.revived}
    pods = Counter((member, place.epoch) for member, place, _ in truth.placements(step.world) if place.id not in back)
    for (name, _), count in pods.items():
        terms = step.terms.get(name)
        if terms and terms.mode == "trial" and count > terms.trial:
            yield f"{name} has {count} pods of ours and is in trial({terms.trial})"
    for name, new in step.new_at.items():
        terms, count = step.terms[name], sum(held.nodes for held in step.held_at[name])
        if terms.mode == "observe":
            yield f"{new[0].placement.id} goes to {name}, which only observes"
        if terms.mode == "trial" and count > terms.trial:
            yield f"{count} pods are planned for {name}, which is in trial({terms.trial})"


def what_people_ordered_is_so_within_a_cycle(step: Step) -> Iterator[str]:
    """OW3: nothing new for who is denied, where it is cordoned or drained, or while everything is paused."""
    for held in step.new:
        place = held.placement
        for order in step.recorded.snapshot.orders:
            denied = order.kind == "deny" and _names(order.target, held)
            if denied or (order.kind != "deny" and order.target in {"*", place.member}):
                yield f"{place.id} is placed at {place.member} against the order {order.kind} {order.target}"


def a_denied_principal_leaves(step: Step) -> Iterator[str]:
    """OW3: who is denied has no startd that still takes work, one cycle after the order."""
    denials = [order.target for order in step.recorded.snapshot.orders if order.kind == "deny"]
    if not denials or step.plan.memory.frozen_since is not None:
        return
    for held in step.plan.held:
        if held.wanted == "run" and held.phase != "gone" and any(_names(target, held) for target in denials):
            yield f"{held.placement.id} still runs for {held.placement.principal}, who is denied"


def budgets_of_a_member_are_kept(step: Step) -> Iterator[str]:
    """FA9: nothing new beyond `objects_in_flight`, nor while `pods_pulling` pods were seen pulling.

    What is swept in this very cycle pulls no more, nor what goes already and nobody remembers.
    """
    swept = {change.uid for change in step.plan.sweep}
    held = {one.placement.id for one in step.plan.held}
    swept |= {one.uid for one in step.objects.values() if one.deleting and one.placement_id not in held}
    for name, new in step.new_at.items():
        budgets = step.terms[name].budgets
        flying = sum(held.phase in {"intended", "starting"} for held in step.held_at[name])
        if flying > budgets.objects_in_flight:
            yield f"{flying} objects are in flight at {name}, {budgets.objects_in_flight} may be"
        seen = [o for (m, _), o in step.objects.items() if m == name and o.uid not in swept]
        pulling = sum(pod.pulling for thing in seen for pod in thing.pods if not thing.finished)
        if pulling >= budgets.pods_pulling:
            yield f"{new[0].placement.id} goes to {name}, where {pulling} of {budgets.pods_pulling} pods pull already"


def so_many_evictions_a_minute(step: Step) -> Iterator[str]:
    """PR5, FA9: per member at most `evictions_per_min` are told to go for somebody else within a minute."""
    for name, times in step.before.evictions.items():
        terms = step.terms.get(name)
        recent = sum(step.at - at < MINUTE_S for at in times)
        if terms and recent > terms.budgets.evictions_per_min:
            yield f"{recent} evictions within a minute at {name}, {terms.budgets.evictions_per_min} may be"


def open_supply_never_exceeds_what_is_asked(step: Step) -> Iterator[str]:
    """FA1, SU2: what is placed for a class beside what already waits for it is not more than its idle jobs.

    So a lost member's demand is placed elsewhere once, and a lost answer is no reason to place anything twice.
    """
    keys = {held.placement.class_key for held in step.new if held.placement.form == "startd-job"}
    demands = {d.key: d for view in step.recorded.observation.schedds for d in view.classes if d.key in keys}
    units: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for held in step.plan.held if keys else ():
        place = held.placement
        demand = demands.get(place.class_key)
        if demand is None or held.phase not in OPEN or held.wanted != "run" or held.failure or held.claims:
            continue
        ends = place.created_at + place.lifetime_s
        late = demand.length.source != "assumed" and step.at + demand.length.seconds > ends
        if place.member not in step.lost and step.at <= ends - place.retire_s and not late:
            units[place.class_key] += place.units
            most[place.class_key] = max(most[place.class_key], place.units)
    for key in sorted(keys):
        idle = demands[key].idle if key in demands else 0
        if units[key] >= idle + max(1, most[key]):
            yield f"{units[key]} places are open for class {key}, which has {idle} idle jobs"


MEMBERS = (
    nothing_new_goes_to_a_silent_member,
    nothing_is_written_to_a_silent_member,
    nothing_is_decided_under_a_higher_fence,
    a_lost_or_silent_member_is_not_called_well,
    when_most_fall_silent_nothing_moves,
    frozen_wishes_stay,
    who_only_observes_gets_nothing_and_a_trial_its_number,
    what_people_ordered_is_so_within_a_cycle,
    a_denied_principal_leaves,
    budgets_of_a_member_are_kept,
    so_many_evictions_a_minute,
    open_supply_never_exceeds_what_is_asked,
)


def _names(pattern: str, held: Held) -> bool:
    return any(fnmatchcase(name, pattern) for name in (str(held.placement.principal), held.placement.schedd))
