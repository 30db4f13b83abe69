"""What stands: its ends, its health, and what is believed of it beside what was seen (FA3, FA4, FA7, FA8, PR5)."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.matchmaker.model import CreateObject, DeleteObject, DeletePod, Held, Outcome, ParkDaemonSet
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile.seen import SETTLE_S
from fedsched.study.invariants import truth
from fedsched.study.invariants.step import SERVING, Step

MAY_END_CLAIMED = frozenset(
    {
        Cause.OWNER,
        Cause.PREEMPTED,
        Cause.ORDERED,
        Cause.DENIED,
        Cause.EXPIRED,
        Cause.RETIRED,
        Cause.NODES_CORDONED,
        Cause.IDLE,
    }
)
"""Causes for which a startd that runs jobs may be told to go; vacate follows leave after `retire_s` (PR5).

IDLE: it was told to leave while nobody claimed it, and a job came in that moment.
"""
REFUSED = frozenset({Cause.WRITE_REFUSED, Cause.FOREIGN_OBJECT})
TICK_S = 2.0


def every_pod_ends_by_its_deadline(step: Step) -> Iterator[str]:
    """FA4: no pod of ours runs past the life that was written into its object, whoever is silent."""
    for member, place, pod in truth.placements(step.world):
        if place.form == "startd-job" and step.world.now() > pod.created_at + place.lifetime_s + TICK_S:
            yield f"{pod.name} at {member} lives {step.world.now() - pod.created_at - place.lifetime_s:.0f} s too long"


def nothing_healthy_is_deleted(step: Step) -> Iterator[str]:
    """FA7, PR5: a startd that runs jobs is ended only for a typed cause; never by recovery, a sweep or an upgrade.

    A withdrawal that names an older version of its pod ends nothing: one that has started since survives (X5).
    """
    held = {h.placement.id: h for h in step.plan.held}
    for change in step.recorded.issued:
        if not isinstance(change, DeletePod | DeleteObject | ParkDaemonSet):
            continue
        target = truth.target(step.world, change)
        one = held.get(change.placement_id)
        if target is None or not target.claimed or not target.ours:
            continue
        if isinstance(change, DeletePod) and change.resource_version not in {"", target.version}:
            continue
        cause = one.why.cause if one and one.why else None
        if one is None or (one.wanted == "run" and not one.nodes_wanted) or cause not in MAY_END_CLAIMED:
            said = f"{one.wanted}, {cause}" if one else "not in the plan"
            yield f"{target.name} at {change.member} runs {target.claimed} jobs and is deleted ({said})"


def what_goes_is_no_supply(step: Step) -> Iterator[str]:
    """FA8: a pod that is terminating, and an object that is finished or going, serve nobody any more."""
    for held in _serving(step):
        thing = step.objects.get((held.placement.member, held.placement.id))
        if thing is None or held.placement.form != "startd-job":
            continue
        if thing.finished or thing.deleting or any(pod.deleting for pod in thing.pods):
            yield f"{held.placement.id} is called {held.phase} and is {thing.finished or 'terminating'}"


def a_ghost_is_no_supply(step: Step) -> Iterator[str]:
    """FA8: what a view that is newer than its writing does not show any more is gone, whatever the collector says."""
    for held in _serving(step):
        view = step.views.get(held.placement.member)
        if held.written_at is None or view is None or view.seen_at is None or view.contact != "ok":
            continue
        absent = (held.placement.member, held.placement.id) not in step.objects
        if absent and view.seen_at > held.written_at + SETTLE_S:
            yield f"{held.placement.id} is called {held.phase} and does not exist at {held.placement.member}"


def nobody_adopts_what_he_made_himself(step: Step) -> Iterator[str]:
    """FA3: memory is durable before anything is created, so an object of this very epoch is always known.

    But what an older backup of its member brought back, and what nobody was ever answered of, nor saw, until it was
    given up after `intent_s`: then this cycle is the first that hears of it.
    """
    for held in step.plan.held:
        ours = held.placement.epoch == step.recorded.snapshot.epoch and held.placement.id not in step.known
        heard = held.uid in step.before.known
        if held.adopted and ours and heard and held.uid not in step.past.revived:
            yield f"{held.placement.id} was created under this epoch, forgotten and adopted"


def every_answer_is_heard_by_the_next_decision(step: Step) -> Iterator[str]:
    """FA3: what became of a write is durable before the next cycle, which reads it."""
    heard = len(step.recorded.snapshot.outcomes)
    if heard < step.before.answers:
        yield f"{step.before.answers} writes were answered since the last cycle, {heard} answers were read"


def a_lost_answer_refuses_nothing(step: Step) -> Iterator[str]:
    """FA3: only a member's own no ends a placement as refused; without an answer the same write is tried again."""
    made = [o for o in step.recorded.snapshot.outcomes if isinstance(o.change, CreateObject)]
    said_no = {_id(o) for o in made if o.result in {"refused", "conflict"}}
    answered = {_id(o) for o in made if o.result != "retry"}
    for held in step.plan.held:
        then = step.known.get(held.placement.id)
        fresh = held.failure is not None and held.failure.cause in REFUSED and (then is None or then.failure is None)
        if fresh and held.placement.id not in said_no:
            yield f"{held.placement.id} counts as refused, and nobody refused it"
    kept = {held.placement.id for held in step.plan.held} | answered
    for id_, then in step.known.items():
        young = step.at - then.placement.created_at <= step.policy.startds.intent_s
        if id_ not in kept and _awaits(then) and young and then.placement.member in step.views:
            yield f"{id_} is forgotten before its write was answered"


def every_object_that_is_seen_is_held_or_swept(step: Step) -> Iterator[str]:
    """FA7: what answers with our labels is known, adopted or swept; nothing stands there that nobody counts.

    What is shown of a member that is lost is what was seen last: a copy whose own deadline is over counts no more.
    """
    if step.plan.memory.frozen_since is not None:
        return
    known = {(held.placement.member, held.placement.id) for held in step.plan.held}
    swept = {(change.member, change.uid) for change in step.plan.sweep}
    for thing in step.recorded.observation.objects:
        nobodys = (thing.member, thing.placement_id) not in known and (thing.member, thing.uid) not in swept
        ended = thing.status is not None and thing.member in step.lost
        if nobodys and not thing.deleting and not ended and thing.member in step.terms:
            yield f"{thing.name} at {thing.member} is neither held nor swept"


def a_record_of_ours_is_never_swept(step: Step) -> Iterator[str]:
    """FA7: what carries a whole record of ours is adopted, however old the epoch that wrote it.

    But a copy of a user's Job that an older backup of its member brought back, or of which nothing can run any more.
    """
    made = step.past.made
    for change in step.plan.sweep:
        if change.uid in made and not _dead_copy(step, change) and not _forged(step, change):
            yield f"{change.name} at {change.member} carries the record of {made[change.uid]} and is swept"


def every_object_came_from_a_write_of_ours(step: Step) -> Iterator[str]:
    """FA3: what is there and ours was made by a write that was seen, with its intent."""
    for member, thing in truth.things(step.world):
        if thing.ours and thing.uid not in step.past.made:
            yield f"{thing.name} at {member} was made by nobody"


STANDING = (
    every_pod_ends_by_its_deadline,
    nothing_healthy_is_deleted,
    what_goes_is_no_supply,
    a_ghost_is_no_supply,
    nobody_adopts_what_he_made_himself,
    every_answer_is_heard_by_the_next_decision,
    a_lost_answer_refuses_nothing,
    every_object_that_is_seen_is_held_or_swept,
    a_record_of_ours_is_never_swept,
    every_object_came_from_a_write_of_ours,
)


def _serving(step: Step) -> Iterator[Held]:
    if step.plan.memory.frozen_since is None:
        yield from (h for h in step.plan.held if h.phase in SERVING and h.phase != "intended")


def _id(outcome: Outcome) -> str:
    return outcome.change.placement.id if isinstance(outcome.change, CreateObject) else ""


def _awaits(held: Held) -> bool:
    """Whether its object is wanted and no answer about it has come yet."""
    return held.written_at is None and held.failure is None and held.wanted == "run"


def _dead_copy(step: Step, change: DeleteObject) -> bool:
    """Whether it is a copy that came back from a backup, a rival's, or one whose end or deadline is over."""
    thing = step.world.members[change.member].api.things.get(change.name)
    copy = thing.copy if thing is not None else None
    if thing is None:
        return any(change.uid in copies for copies in step.past.copies.values())
    if copy is None:
        return False
    disputed = thing.placement.job_uid in step.past.disputed
    return disputed or change.uid in step.past.revived or not copy.may_run(step.world.now())


def _forged(step: Step, change: DeleteObject) -> bool:
    seen = [o for o in step.recorded.observation.objects if o.uid == change.uid]
    return any(o.placement is None or o.placement.object_name != o.name for o in seen)
