"""How the copies of users' Kubernetes Jobs stand: running, over, vanished, perhaps written, revived (FA3, FA4, FA7)."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from fedsched.matchmaker.model import (
    LIVE,
    Claim,
    Held,
    JobStatus,
    MemberView,
    Notice,
    ObjectView,
    Phase,
    PodView,
    SlotView,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile.failures import IMAGE_S
from fedsched.matchmaker.reconcile.seen import Standing, Views, doubtful, is_itself, telling, vanished
from fedsched.matchmaker.resources import Resources

FAILS = frozenset({"Failed", "FailureTarget"})
"""Conditions that say that a Job failed."""

POST_S = 60.0
"""How long after we stopped wanting it a POST that nobody answered may still be carried out, in seconds."""

FIRST_S = 60.0
"""How much newer than its writing a view must be before a copy that was never seen has vanished, in seconds.

A busy member's stream lags behind its answers; a Job that ran must not be told to have failed, nor have a second copy.
"""

DEFINITE = frozenset({Cause.WRITE_REFUSED, Cause.FOREIGN_OBJECT, Cause.WITHDRAWN})
"""Answers to a POST that say for certain that no copy was made."""


def stand_of_job(held: Held, thing: ObjectView | None, views: Views) -> Standing:
    """The copy of a user's Job as it stands now. What its pods do is its owner's business, unless none ever ran."""
    live = tuple(p for p in thing.pods if p.phase in LIVE) if thing else ()
    held = _with_pods(_written_after_all(held, thing), thing, live, views.at)
    failure = held.failure or _failure_of(held, thing, live, views)
    held = msgspec.structs.replace(held, failure=failure)
    phase = _phase(held, thing, views)
    since = held.since if phase == held.phase else views.at
    return Standing(msgspec.structs.replace(held, phase=phase, since=since), thing, _slots(held, live, views.at))


def _written_after_all(held: Held, thing: ObjectView | None) -> Held:
    """A POST that was given up without an answer had been carried out: the copy is the Job's only one, and serves."""
    if thing is None or held.failure is None or held.failure.cause is not Cause.MEMBER_SILENT:
        return held
    wanted = held.why is not None and held.why.cause is Cause.MEMBER_SILENT
    held = msgspec.structs.replace(held, failure=None)
    return msgspec.structs.replace(held, wanted="run", why=None) if wanted else held


def _slots(held: Held, live: tuple[PodView, ...], at: float) -> tuple[SlotView, ...]:
    """Each running pod as a slot that its Job claims whole: whoever charges claims need not know of Jobs (FS5)."""
    placement = held.placement
    amount = msgspec.structs.replace(placement.size, pods=0)
    return tuple(
        SlotView(
            name=f"{pod.name}@{placement.member}",
            pool="",
            placement_id=placement.id,
            member=placement.member,
            node_group=placement.node_group,
            pod=pod.name,
            size=placement.size,
            free=Resources(),
            seen_at=at,
            claims=(
                Claim(
                    placement.principal,
                    placement.size.cpu_milli,
                    pod.started_at,
                    job=placement.job,
                    schedd=placement.schedd,
                    amount=amount,
                    priority=placement.priority,
                ),
            ),
            started_at=pod.started_at,
        )
        for pod in live
        if pod.phase == "running" and pod.started_at is not None
    )


def _with_pods(held: Held, thing: ObjectView | None, live: tuple[PodView, ...], at: float) -> Held:
    """Running pods are claims; without a view the last word stands."""
    if thing is None:
        return msgspec.structs.replace(held, nodes=held.placement.pods)
    running = [pod for pod in live if pod.phase == "running"]
    started = [pod.started_at for pod in thing.pods if pod.started_at]
    first = held.claimed_at or min(started, default=None)
    status = thing.status
    return msgspec.structs.replace(
        held,
        nodes=held.placement.pods,
        pod_started_at=held.pod_started_at or first,
        claimed_at=first,
        last_claimed_at=at if running else held.last_claimed_at,
        claims=len(running),
        claimed_cpu_milli=held.placement.size.cpu_milli * len(running),
        job_started_at=held.job_started_at or (status.started_at if status else None),
        ended=_told_exit(status, thing.pods) if thing.finished and status is not None else held.ended,
    )


def _told_exit(status: JobStatus, pods: tuple[PodView, ...]) -> JobStatus:
    """The end with what its last failed pod said: a Job's own conditions never tell exit codes."""
    failed = [pod for pod in pods if pod.exit_code]
    if not failed:
        return status
    last = max(failed, key=lambda pod: (pod.ended_at or 0.0, pod.name))
    why = f"{last.end_reason}, " if last.end_reason and last.end_reason != "Error" else ""
    said = f"{last.name}: {why}exit code {last.exit_code}"
    return msgspec.structs.replace(
        status,
        conditions=tuple(
            msgspec.structs.replace(one, message=f"{one.message}; {said}" if one.message else said)
            if one.type in FAILS
            else one
            for one in status.conditions
        ),
    )


def _phase(held: Held, thing: ObjectView | None, views: Views) -> Phase:
    if thing is not None:
        if thing.finished:
            return "gone"
        if thing.deleting:
            return "leaving"
        return "claimed" if held.claims else "starting"
    if held.written_at is None:
        return "gone" if held.failure or held.wanted != "run" else "intended"
    return "gone" if held.ended is not None or gone(held, views) else held.phase


def _failure_of(held: Held, thing: ObjectView | None, live: tuple[PodView, ...], views: Views) -> Reason | None:
    where = Reason(Cause.VANISHED, member=held.placement.member, node_group=held.placement.node_group, at=views.at)
    if thing is None:
        return _without_object(held, where, views)
    if thing.finished or thing.deleting or doubtful(held, views) or held.wanted != "run":
        return None
    if thing.refused and not thing.pods:
        return _here(where, Cause.POD_REFUSED, thing.name, ("", thing.refused))
    return _not_running(held, live, where, views)


def _without_object(held: Held, where: Reason, views: Views) -> Reason | None:
    """Gone without an end that was seen; or never written for so long that it is to go elsewhere."""
    if held.written_at is None:
        waited = views.at - held.placement.created_at
        if waited <= views.rules.intent_s or held.wanted != "run":
            return None
        return _here(where, Cause.MEMBER_SILENT, "writing", (f"{views.rules.intent_s:.0f} s", f"{waited:.0f} s"))
    if held.ended is not None or held.wanted not in {"run", "leave"} or not gone(held, views):
        return None
    return _here(where, Cause.VANISHED, held.placement.object_name, ("", "the copy is gone, its end was not seen"))


def _not_running(held: Held, live: tuple[PodView, ...], where: Reason, views: Views) -> Reason | None:
    """Why it is to be tried elsewhere: nothing of it ever ran; of a gang, that not all of it runs."""
    gang = held.placement.gang
    if held.pod_started_at is not None and not gang:
        return None
    pending = [pod for pod in live if pod.phase == "pending" and not pod.deleting]
    limit_s = views.pending.limit_s(views.starts.get(held.placement.member, ()), views.rules.pending_s, 0.0)
    for pod in pending:
        age = views.at - pod.created_at
        if "mage" in pod.problem.split(":")[0] and age > IMAGE_S:
            return _here(where, Cause.IMAGE_PULL, pod.name, ("", pod.problem))
        if age > limit_s:
            numbers = (f"{limit_s:.0f} s", f"{age:.0f} s")
            return _here(where, Cause.PENDING_TOO_LONG, pod.problem or pod.name, numbers)
    waited = views.at - (held.written_at or views.at)
    if not live and held.pod_started_at is None and waited > limit_s:
        numbers = (f"{limit_s:.0f} s", f"{waited:.0f} s")
        return _here(where, Cause.PENDING_TOO_LONG, "no pod was made", numbers)
    return None


def _here(where: Reason, cause: Cause, what: str, numbers: tuple[str, str]) -> Reason:
    return msgspec.structs.replace(where, cause=cause, what=what, need=numbers[0], have=numbers[1])


def gone(held: Held, views: Views) -> bool:
    """Written, and not there any more; one that was never seen is not there yet for a while."""
    seen = held.phase not in {"intended", "gone"} or held.job_started_at is not None
    if seen or held.written_at is None:
        return vanished(held, views)
    return vanished(msgspec.structs.replace(held, written_at=held.written_at + FIRST_S), views)


def nothing_left_of_job(held: Held, views: Views) -> bool:
    """Over, and nothing of it can run: its object is gone from a view that is new enough to say so.

    A POST without an answer may have been carried out, or may still be, also where the next one was refused, or where
    we were started again and know nothing of it: then the view must be newer than that can take. What ended, or
    vanished, is kept until its queue was told; `matchmaker.jobs` lets it go.
    """
    if held.ended is not None or (held.failure is not None and held.failure.cause is Cause.VANISHED):
        return False
    if held.written_at is not None:
        # Not in the cycle that sees it gone: the room that it made is first given to whom it was promised (PR3).
        return held.since < views.at and gone(held, views)
    definite = held.failure is not None and held.failure.cause in DEFINITE
    if definite and not held.unanswered and held.placement.epoch == views.epoch:
        return held.since < views.at  # each POST was answered, and by us; its class's breaker has seen it once
    member = views.members.get(held.placement.member)
    return member is not None and member.contact == "ok" and telling(member, held.since + POST_S, views.at)


def revived(thing: ObjectView, known: Collection[str], since: float) -> bool:
    """Whether a copy that memory does not know was made after memory began: a state of before came back (FA7).

    A memory that began later than the copy was made does not know everything: such a copy is adopted. since: 0 for a
    memory that began before anybody wrote that down.
    """
    record = thing.placement
    if record is None or record.form != "job" or not is_itself(thing):
        return False
    return thing.placement_id not in known and record.created_at >= since


def came_back(before: Held, stand: Standing) -> bool:
    """Whether a copy whose end was seen, and that was not cleared yet, runs again: its member's older state is back."""
    return before.ended is not None and before.phase == "gone" and stand.held.phase != "gone"


def told_revived(thing: ObjectView) -> Notice:
    """For an operator: what came back and is removed."""
    record = thing.placement
    job = record.job if record else ""
    text = f"{thing.kind} {thing.name}, a copy of Job {job} that was over here, came back and is removed"
    return Notice("revived", text, member=thing.member)


def surely_ended_at(held: Held, view: MemberView | None) -> float | None:
    """When nothing of a copy can run any more though nobody hears of it, epoch seconds; None where that is never sure.

    Its Job's deadline counts from startTime at the member. A pod that was made just before it has the same deadline of
    its own, which its kubelet keeps even when it is cut off from everything. One whose startTime was never seen may
    begin at any time; one that says so is never placed again.
    """
    placement = held.placement
    if held.job_started_at is None or placement.rerun == "never":
        return None
    skew_s = view.clock_skew_s if view is not None else 0.0
    return held.job_started_at - skew_s + 2 * placement.lifetime_s + placement.margin_s
