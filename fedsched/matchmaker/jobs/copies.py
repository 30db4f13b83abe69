"""What becomes of the copies of users' Jobs: their owners' wishes, second copies, and copies that have surely ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.model import Held, MemberView, Order, Policy, QueuedJob, Quota, Snapshot
from fedsched.matchmaker.preempt import follow_life, obey_orders, urge
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing, surely_ended_at

FEW = 100
"""With fewer Jobs or pods than this left in a quota nothing that ended is kept there."""
SETTLE_S = 5.0
"""How much newer than a placement its queue's answer must be before a missing Job means that it was deleted."""


class Known(msgspec.Struct, frozen=True):
    """What queues and people say of Jobs. jobs: by uid. read_at: of each queue, epoch seconds of its last answer."""

    jobs: Mapping[str, QueuedJob]
    read_at: Mapping[str, float]
    orders: Mapping[tuple[str, str], Order]
    """By (kind, the Job's uid): hold, cancel and prio."""
    at: float
    tight: frozenset[str] = frozenset()
    """Members whose quota has few Jobs or pods left."""

    def order(self, kind: str, uid: str) -> Order | None:
        """The standing order of that kind for the Job."""
        return self.orders.get((kind, uid))


def known(snapshot: Snapshot) -> Known:
    """What one snapshot says of Jobs."""
    queues = [view for view in snapshot.observation.schedds if view.kind == "jobs"]
    return Known(
        jobs={job.uid: job for view in queues for job in view.jobs},
        read_at={view.name: view.seen_at for view in queues if view.seen_at is not None},
        orders={(order.kind, order.target): order for order in snapshot.orders if order.kind in _OF_JOBS},
        at=snapshot.at,
        tight=frozenset(view.name for view in snapshot.observation.members if any(map(_tight, view.quotas))),
    )


def _tight(quota: Quota) -> bool:
    few_pods = "pods" in quota.limits and quota.left.pods < FEW
    return few_pods or (quota.jobs_left is not None and quota.jobs_left < FEW)


_OF_JOBS = frozenset({"hold", "cancel", "prio"})


def given_up(
    standing: tuple[Standing, ...], facts: Known, views: Mapping[str, MemberView], lost: frozenset[str]
) -> tuple[tuple[Standing, ...], tuple[Held, ...]]:
    """Standing without the copies on lost members whose own deadlines have surely ended them, and these (FA4).

    A member whose file is gone is lost: that nobody asks after it any more ends nothing there.
    """
    stays: list[Standing] = []
    over: list[Standing] = []
    for stand in standing:
        held = stand.held
        member = held.placement.member
        unheard = held.placement.form == "job" and (member in lost or member not in views)
        sure_at = surely_ended_at(held, views.get(member)) if unheard and held.ended is None else None
        (stays if sure_at is None or facts.at < sure_at else over).append(stand)
    return tuple(stays), tuple(stand.held for stand in over)


def follow(standing: Iterable[Standing], facts: Known) -> tuple[Standing, ...]:
    """What owners and people want of copies, and that no Job has two of them; everything else in their lives stays."""
    standing = tuple(standing)
    ranked: dict[str, list[Standing]] = {}
    for stand in standing:
        if stand.held.placement.form == "job":
            ranked.setdefault(stand.held.placement.job_uid, []).append(stand)
    second = {
        stand.held.placement.id: stands[0].held.placement.id
        for stands in (sorted(some, key=_right) for some in ranked.values())
        for stand in stands[1:]
    }
    return tuple(_followed(stand, facts, second) for stand in standing)


def _right(stand: Standing) -> tuple[bool, float, int, str]:
    """Of two copies the one that ended counts, then the newest: an older one is a state of before that came back."""
    placement = stand.held.placement
    return stand.held.ended is None, -placement.created_at, -len(placement.id), placement.id


def _followed(stand: Standing, facts: Known, second: Mapping[str, str]) -> Standing:
    held = stand.held
    if held.placement.form != "job":
        return stand
    why = _second(held, second, facts.at) or _unwanted(held, facts)
    if why is None:
        return stand
    return Standing(urge(held, "vacate", why), stand.object, stand.slots)


def _second(held: Held, second: Mapping[str, str], at: float) -> Reason | None:
    other = second.get(held.placement.id)
    if other is None:
        return None
    return Reason(Cause.REVIVED, held.placement.job, "one copy", f"{other} is the other", at=at)


def _unwanted(held: Held, facts: Known) -> Reason | None:
    """Why its owner, or a person, does not want it to run; None where it is wanted or nobody can say."""
    placement = held.placement
    cancelled, holds = facts.order("cancel", placement.job_uid), facts.order("hold", placement.job_uid)
    for order in (cancelled, holds):
        if order is not None:
            source = order.by or "an operator"
            return Reason(
                Cause.WITHDRAWN, placement.job, have=f"{order.kind}: {order.reason}", source=source, at=order.at
            )
    job = facts.jobs.get(placement.job_uid)
    if job is None:
        read_at = facts.read_at.get(placement.schedd)
        if read_at is None or read_at <= placement.created_at + SETTLE_S:
            return None
        return Reason(Cause.WITHDRAWN, placement.job, have="deleted in its queue", source=placement.schedd, at=read_at)
    if job.state in {"waiting", "refused"} or held.phase == "gone":
        return None
    cause = Cause.REVIVED if job.state == "over" else Cause.WITHDRAWN
    return Reason(cause, placement.job, have=f"{job.state} in its queue", source=placement.schedd, at=facts.at)


def let_go(standing: Iterable[Standing], facts: Known) -> tuple[tuple[Standing, ...], tuple[Held, ...]]:
    """What stands, without copies that ended, are gone, and whose queue shows the end; these come second.

    A copy that is over stays where it is until then: its status and its logs are not lost with it.
    """
    stays: list[Standing] = []
    over: list[Standing] = []
    for stand in standing:
        held = stand.held
        ended = held.ended is not None or (held.failure is not None and held.failure.cause is Cause.VANISHED)
        gone = held.placement.form == "job" and ended and stand.object is None and shows_end(held, facts)
        (over if gone else stays).append(stand)
    return tuple(stays), tuple(stand.held for stand in over)


def shows_end(held: Held, facts: Known) -> bool:
    """Whether the queue shows that the Job is over, or has it no more."""
    job = facts.jobs.get(held.placement.job_uid)
    if job is not None:
        return job.state == "over"
    read_at = facts.read_at.get(held.placement.schedd)
    return read_at is not None and read_at > held.placement.created_at + SETTLE_S


def lived(stand: Standing, facts: Known, orders: tuple[Order, ...], policy: Policy) -> Held:
    """What its own life and people's orders on members ask of a copy (FA4, OW3, PR5).

    To leave means to finish: it takes no new work anyway. What ended stays until its queue shows the end, and for a
    while, for whoever looks at the member, unless others need what it counts in the namespace's quota.
    """
    held, at = _too_late(stand), facts.at
    keep_s = 0.0 if held.placement.member in facts.tight else policy.startds.keep_finished_s
    if held.ended is not None and not (shows_end(held, facts) and at - held.since >= keep_s):
        return held
    held = obey_orders(held, orders, at)
    if held.wanted == "leave" and held.leave_ordered_at is None:
        held = msgspec.structs.replace(held, leave_ordered_at=at)
    return follow_life(Standing(held, stand.object, stand.slots), policy, at)


def _too_late(stand: Standing) -> Held:
    """A Job that began just before it was to go elsewhere stays; of a gang not all of it may have (X5)."""
    held = stand.held
    late = held.wanted == "withdraw" and held.failure is not None and held.failure.cause is Cause.PENDING_TOO_LONG
    if late and held.claims and not held.placement.gang:
        return msgspec.structs.replace(held, wanted="run", why=None, failure=None)
    return held
