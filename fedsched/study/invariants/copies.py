"""Users' Jobs and their copies: never two, nothing run again, told as an API takes it (FA4, FA7, RE1)."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.matchmaker.model import CreateObject, DeleteObject, MemberView, ObjectView, TellJob
from fedsched.matchmaker.reasons import Cause
from fedsched.sim.apiserver import Thing
from fedsched.sim.jobqueue import Queued
from fedsched.sim.world import SimWorld
from fedsched.study.invariants import truth
from fedsched.study.invariants.step import Step, Write

SLACK_S = 60.0
"""What a copy's controller, an eviction's grace and a lane's pause take beside a limit."""
AWAY = frozenset({"unreachable", "lost"})
MAY_END_RUNNING = frozenset(
    {
        *(Cause.OWNER, Cause.PREEMPTED, Cause.ORDERED, Cause.DENIED, Cause.EXPIRED, Cause.RETIRED),
        *(Cause.NODES_CORDONED, Cause.WITHDRAWN, Cause.REVIVED, Cause.HELD, Cause.PENDING_TOO_LONG),
        *(Cause.FINISHED, Cause.IMAGE_PULL),
    }
)
"""Causes for which a copy that runs may be deleted; a gang that does not run as a whole goes as one."""


# -- judged when a write has reached the world


def a_job_never_has_two_live_copies(write: Write) -> Iterator[str]:
    """FA4: whatever is silent, lost, retried or started again, pods of two copies of one Job can never run at once.

    What an older backup of a member brings to life counts from one cycle after it was first seen.
    """
    new = _created(write)
    if new is None or new.copy is None or not new.copy.may_run(write.at):
        return
    revived = write.past.revived
    for member, thing in copies_of(write.world, new.placement.job_uid):
        unseen = revived.get(thing.uid, 2) < 2
        if thing is not new and not unseen and thing.copy is not None and thing.copy.may_run(write.at):
            yield f"{new.placement.job} runs as {thing.name} at {member} and as {new.name} at {write.member}"


def what_is_over_is_never_placed_again(write: Write) -> Iterator[str]:
    """FA4: a Job whose queue shows that it is over, or that is not there any more, gets no copy."""
    new = _created(write)
    if new is None:
        return
    job = queued(write.world, new.placement.job_uid)
    if job is None or job.gone:
        yield f"{new.placement.job} is gone from its queue and is placed at {write.member}"
    elif job.over_at is not None:
        said = "; ".join(f"{one.type} ({one.reason})" for one in job.status.conditions if one.status == "True")
        yield f"{new.placement.job} is over ({said}) and is placed at {write.member}"


def a_copy_that_vanished_is_not_run_again(write: Write) -> Iterator[str]:
    """FA4: a copy that was known and is gone without an order of ours has ended, nobody knows how: it is not rerun.

    But where it surely ended by its own deadline while its member was away. One that this journal only ever saw on its
    way out may have been evicted by an order that an older journal knew: then its Job is to run again.
    """
    new = _created(write)
    if new is None:
        return
    there = {thing.uid for _, thing in copies_of(write.world, new.placement.job_uid)}
    for uid, copy in write.past.copies.get(new.placement.job_uid, {}).items():
        gone = uid not in there and uid not in write.past.deleted and uid in write.known
        if gone and write.at < copy.deadline_at and uid not in write.past.revived:
            yield f"{new.placement.job} had {uid}, which vanished, and is placed again as {new.name} at {write.member}"


def a_status_is_one_that_the_api_takes(write: Write) -> Iterator[str]:
    """RE1: counters never fall, startTime stays, and an end has what must come before it: else nobody is told."""
    if isinstance(write.change, TellJob) and write.outcome.result == "refused":
        yield f"{write.change.job} was told what no API server takes: {write.outcome.what}"


WRITING_COPIES = (
    a_job_never_has_two_live_copies,
    what_is_over_is_never_placed_again,
    a_copy_that_vanished_is_not_run_again,
    a_status_is_one_that_the_api_takes,
)


# -- judged with each cycle


def only_a_job_that_waits_is_placed(step: Step) -> Iterator[str]:
    """OW3, RE1: who is suspended, deleted, refused, held or cancelled gets no copy, nor who has one already."""
    new = [held for held in step.new if held.placement.form == "job"]
    seen = {job.uid: job for view in step.recorded.observation.schedds for job in view.jobs} if new else {}
    stopped = {order.target for order in step.recorded.snapshot.orders if order.kind in {"hold", "cancel"}}
    standing = {held.placement.id for held in step.plan.held} if new else set()
    had = {held.placement.job_uid for id_, held in step.known.items() if id_ in standing}
    for held in new:
        place = held.placement
        job = seen.get(place.job_uid)
        if job is None or job.state != "waiting" or place.job_uid in stopped:
            state = "not in its queue" if job is None else "held or cancelled" if job.state == "waiting" else job.state
            yield f"{place.job} is {state} and is placed at {place.member}"
        if place.job_uid in had:
            yield f"{place.job} has a copy in the plan and is placed at {place.member}, too"


def what_may_still_run_elsewhere_is_not_placed(step: Step) -> Iterator[str]:
    """FA4: a copy at a member that is away keeps its Job, until its deadline is over; with rerun "never" for ever."""
    for held in step.new:
        if held.placement.form != "job":
            continue
        for member, thing in copies_of(step.world, held.placement.job_uid):
            memory = step.plan.memory.members.get(member)
            if thing.copy is None or memory is None or memory.state not in AWAY or thing.uid in step.past.revived:
                continue
            if held.placement.rerun == "never":
                yield f"{held.placement.job} is never rerun, has {thing.name} at {member}, and is placed anew"
            elif step.world.now() < thing.copy.deadline_at:
                yield f"{held.placement.job} may run as {thing.name} at {member}, and is placed anew"


def a_copy_that_came_back_goes_within_a_cycle(step: Step) -> Iterator[str]:
    """FA7: what an older backup revives is told to go one cycle after it was first seen, and a notice says so.

    Where its Job waits and has no other copy it may stay. One that was never seen to end came back for nobody. One
    that had ended in the backup already runs nothing: it is kept for a while like every other end, and cleared.
    """
    seen = {thing.uid: thing for thing in step.recorded.observation.objects}
    for uid, cycles in step.past.revived.items():
        thing = seen.get(uid)
        if thing is None or thing.placement is None or thing.placement.form != "job" or not _hears(step, thing.member):
            continue
        if any(thing.name in notice.text for notice in step.plan.notices):
            step.past.noticed.add(uid)
        if cycles == 1 and _superfluous(step, thing):
            then = step.known.get(thing.placement_id)
            step.past.superfluous[uid] = then is None or then.ended is not None
        if cycles < 2 or uid not in step.past.superfluous or thing.deleting or thing.finished:
            continue
        wanted = [held.wanted for held in step.plan.held if held.placement.id == thing.placement_id]
        swept = any(change.uid == uid for change in step.plan.sweep)
        if not swept and (not wanted or wanted[0] in {"run", "leave"}):
            yield f"{thing.name} at {thing.member} came back and is still wanted to {wanted or 'be there'}"
        if step.past.superfluous[uid] and uid not in step.past.noticed:
            yield f"{thing.name} at {thing.member} came back from a backup and no notice says so"


def a_running_copy_goes_only_for_a_cause(step: Step) -> Iterator[str]:
    """FA7, PR5: pods of a user's Job are ended for its owner, a better right or a person; never by recovery."""
    held = {h.placement.id: h for h in step.plan.held}
    for change in step.recorded.issued:
        thing = _target(step.world, change) if isinstance(change, DeleteObject) else None
        if thing is None or thing.copy is None or not any(pod.running for pod in thing.pods):
            continue
        one = held.get(thing.placement.id)
        cause = one.why.cause if one is not None and one.why is not None else None
        disputed = thing.placement.job_uid in step.past.disputed
        foreign = (change in step.plan.sweep and disputed) or thing.uid in step.past.revived
        if not foreign and cause not in MAY_END_RUNNING:
            yield f"{thing.name} at {change.member} runs {thing.placement.job} and is deleted ({cause})"


def a_gang_stands_whole(step: Step) -> Iterator[str]:
    """P8: a gang never stands with a part of its pods beyond the pending limit; what cannot be whole goes."""
    now, partial = step.world.now(), {}
    limit_s = max(step.policy.startds.pending_s, step.policy.pending.most_s) + SLACK_S
    for member, thing in truth.things(step.world):
        if thing.copy is None or not thing.placement.gang or not _in_part(thing) or not _hears(step, member):
            continue
        partial[thing.uid] = step.past.partial.get(thing.uid, now)
        if now - partial[thing.uid] > limit_s:
            told = f"for {now - partial[thing.uid]:.0f} s"
            yield f"{thing.name} at {member} stands {told} with a part of its {thing.placement.pods} pods"
    step.past.partial = partial


COPIES = (
    only_a_job_that_waits_is_placed,
    what_may_still_run_elsewhere_is_not_placed,
    a_copy_that_came_back_goes_within_a_cycle,
    a_running_copy_goes_only_for_a_cause,
    a_gang_stands_whole,
)


# -- what is really so


def copies_of(world: SimWorld, job_uid: str) -> Iterator[tuple[str, Thing]]:
    """(member, object) of all copies of one Job."""
    for member, thing in truth.things(world):
        if thing.copy is not None and thing.placement.job_uid == job_uid:
            yield member, thing


def queued(world: SimWorld, uid: str) -> Queued | None:
    """The Job as its queue has it, or had it."""
    return next((queue.every[uid] for queue in world.queues.values() if uid in queue.every), None)


def _created(write: Write) -> Thing | None:
    """The copy that this write has made.

    What two fedscheds write in the same moment, before the older is fenced, neither of them can know (FA5).
    """
    change = write.change
    if not isinstance(change, CreateObject) or change.placement.form != "job" or write.target is not None:
        return None
    if change.placement.job_uid in write.past.disputed:
        return None
    thing = write.world.members[change.member].api.things.get(change.placement.object_name)
    return thing if thing is not None and thing.ours else None


def _target(world: SimWorld, change: DeleteObject) -> Thing | None:
    member = world.members.get(change.member)
    thing = member.api.things.get(change.name) if member is not None else None
    return thing if thing is not None and thing.uid == change.uid else None


def _superfluous(step: Step, thing: ObjectView) -> bool:
    """Whether its Job is over or gone, or has another copy, as this fedsched could see."""
    record = thing.placement
    if record is None:
        return True
    queues = [view for view in step.recorded.observation.schedds if view.kind == "jobs"]
    job = next((job for view in queues for job in view.jobs if job.uid == record.job_uid), None)
    if job is None:
        return all(not view.error for view in queues)
    same = (held for held in step.known.values() if held.placement.job_uid == job.uid)
    return job.state == "over" or any(h.placement.id != record.id and h.phase != "gone" for h in same)


def _in_part(thing: Thing) -> bool:
    """Whether some of its pods have a node while others wait for one."""
    if thing.copy is None or thing.copy.deletes or thing.copy.failing or thing.copy.done:
        return False
    waiting = sum(pod.node is None for pod in thing.copy.active)
    return 0 < waiting < len(thing.copy.active)


def _hears(step: Step, member: str) -> bool:
    memory = step.plan.memory.members.get(member)
    view: MemberView | None = step.views.get(member)
    well = memory is not None and memory.state not in AWAY and not memory.unauthorized
    return well and view is not None and view.contact == "ok" and step.plan.memory.frozen_since is None
