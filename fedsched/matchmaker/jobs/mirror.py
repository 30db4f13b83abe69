"""What the statuses of users' Jobs should say, compared with what they say; how one is written lives with its queue.

Terms of batch/v1 are kept: counters and startTime never go back, and what is over says nothing new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.jobs.copies import Known
from fedsched.matchmaker.model import ClassReport, JobCondition, JobStatus, Observation, QueuedJob, TellJob, names
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing

OURS = (names.CONDITION_PLACED, names.CONDITION_PREEMPTED)
ENDS = frozenset({"Complete", "Failed"})
LEAD = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}
"""What batch/v1 wants to be true before a Job is over."""
PATIENT_S = 10.0
"""A Job that waits for so few seconds is not told that it does."""
SOON_S, CROWD = 5.0, 20
"""While more copies of a queue than that begin in so many seconds, nothing is told of those but their ends that are"""
LASTS_S = 30.0
"""younger than this: most of a crowd is short, and is written once; when no more come the rest is told."""
NOT_YET = ENDS | frozenset(LEAD.values())
"""What is told with the end itself: none of it can be taken back when the copy goes before, and another one runs."""


class Telling(msgspec.Struct, frozen=True):
    """What statuses are made from: copies after this cycle's decision, reports by class key."""

    facts: Known
    standing: tuple[Standing, ...]
    reports: Mapping[str, ClassReport]


def told(observation: Observation, telling: Telling) -> tuple[TellJob, ...]:
    """Statuses that are not yet as they should be, by queue and Job. Nothing is told of what is over or foreign."""
    copies: dict[str, Standing] = {}
    for stand in sorted(telling.standing, key=lambda s: s.held.placement.created_at):
        if stand.held.placement.form == "job" and not _revived(stand):
            copies[stand.held.placement.job_uid] = stand
    found = []
    at = telling.facts.at
    lately = Counter(copy.held.placement.schedd for copy in copies.values() if _began_within(copy, SOON_S, at))
    for view in sorted(observation.schedds, key=lambda v: v.name):
        crowded = lately[view.name] > CROWD
        for job in view.jobs if view.kind == "jobs" else ():
            if job.state in {"over", "foreign", "deleting"}:
                continue
            wanted = _wanted(job, copies.get(job.uid), telling, crowded=crowded)
            status = _settled(wanted, job.status, at)
            if status != job.status:
                found.append(TellJob(view.name, job.id, job.uid, job.resource_version, status))
    return tuple(found)


def _revived(stand: Standing) -> bool:
    return stand.held.why is not None and stand.held.why.cause is Cause.REVIVED


def _began_within(copy: Standing, seconds: float, at: float) -> bool:
    began = copy.held.job_started_at
    return began is not None and at < began + seconds


def _too_early(job: QueuedJob, copy: Standing, at: float, *, crowded: bool) -> bool:
    """Whether there is nothing to tell yet, as each write costs: its controller has not begun with it.

    In a crowd also when it began lately: short Jobs come in their thousands, and are written once then.
    """
    if job.state != "waiting" or copy.held.wanted != "run" or job.status.condition(names.CONDITION_PLACED) is not None:
        return False
    return copy.held.job_started_at is None or (crowded and _began_within(copy, LASTS_S, at))


def _wanted(job: QueuedJob, copy: Standing | None, telling: Telling, *, crowded: bool) -> JobStatus:
    """What the status should say, conditions without their times."""
    if copy is not None and copy.held.ended is not None:
        return _over(job, copy, copy.held.ended)
    if copy is not None and copy.held.failure is not None and copy.held.failure.cause is Cause.VANISHED:
        text = f"its copy at {copy.held.placement.member} is gone and its end was not seen; it is not run again"
        return _failed(job, "UnknownFinished", text, telling)
    if copy is not None:
        return job.status if _too_early(job, copy, telling.facts.at, crowded=crowded) else _alive(job, copy)
    cancelled = telling.facts.order("cancel", job.uid)
    if cancelled is not None:
        return _failed(job, "Cancelled", f"cancelled by {cancelled.by or 'an operator'}: {cancelled.reason}", telling)
    if job.state == "refused":
        return _failed(job, "Refused", job.problem, telling)
    return _not_placed(job, telling)


def _over(job: QueuedJob, copy: Standing, ended: JobStatus) -> JobStatus:
    """As the copy ended, at the member that ran it."""
    status = _progress(job.status, ended)
    return msgspec.structs.replace(
        status,
        started_at=job.status.started_at or ended.started_at,
        completed_at=ended.completed_at,
        conditions=(*ended.conditions, _at_member(copy), *_kept(job)),
    )


def _alive(job: QueuedJob, copy: Standing) -> JobStatus:
    """As the copy stands; what it was told last where nobody hears of it."""
    seen = copy.object.status if copy.object is not None else None
    status = _progress(job.status, seen) if seen is not None else job.status
    own = tuple(one for one in (seen.conditions if seen else ()) if one.type not in NOT_YET)
    resumed = _resumed(job, own)
    status = msgspec.structs.replace(
        status,
        started_at=job.status.started_at or (seen.started_at if seen else None),
        conditions=(*own, *resumed, _at_member(copy), *_preempted(copy, job)),
    )
    if job.state == "suspended":
        return _suspended(status)
    return status


def _not_placed(job: QueuedJob, telling: Telling) -> JobStatus:
    """It waits, and why: the dominant reason of its class, or the person who holds it."""
    held = telling.facts.order("hold", job.uid)
    report = telling.reports.get(job.class_key)
    if held is not None:
        reason, text = "Held", f"held by {held.by or 'an operator'}: {held.reason}"
    elif report is not None and report.why is not None:
        reason, text = _camel(report.why.cause), _words(report.why)
    else:
        reason, text = "Waiting", "it waits for its turn"
    patient = held is None and job.state == "waiting" and job.status.condition(names.CONDITION_PLACED) is None
    if patient and telling.facts.at - job.created_at < PATIENT_S:
        return job.status
    placed = JobCondition(names.CONDITION_PLACED, "False", reason, text)
    status = msgspec.structs.replace(
        job.status, active=0, ready=0, terminating=0, conditions=(*_resumed(job, ()), placed, *_kept(job))
    )
    return _suspended(status) if job.state == "suspended" else status


def _suspended(status: JobStatus) -> JobStatus:
    """As batch/v1 tells of a suspended Job: no startTime, and the condition."""
    rest = tuple(one for one in status.conditions if one.type != "Suspended")
    told_ = JobCondition("Suspended", "True", "JobSuspended", "Job suspended")
    return msgspec.structs.replace(status, started_at=None, conditions=(told_, *rest))


def _resumed(job: QueuedJob, own: tuple[JobCondition, ...]) -> tuple[JobCondition, ...]:
    """A Job that was suspended and is not any more says so, as batch/v1 does."""
    if job.status.condition("Suspended") is None or any(one.type == "Suspended" for one in own):
        return ()
    return (JobCondition("Suspended", "False", "JobResumed", "Job resumed"),)


def _failed(job: QueuedJob, reason: str, message: str, telling: Telling) -> JobStatus:
    """Failed by us, not by its pods."""
    ends = tuple(JobCondition(type_, "True", reason, message) for type_ in ("FailureTarget", "Failed"))
    return msgspec.structs.replace(
        job.status,
        active=0,
        ready=0,
        terminating=0,
        started_at=job.status.started_at or telling.facts.at,
        conditions=(*ends, *_kept(job)),
    )


def _progress(before: JobStatus, now: JobStatus) -> JobStatus:
    """Counters of the copy; of those that count up the higher ones, with the indexes that go with them."""
    most = now if now.succeeded >= before.succeeded else before
    return JobStatus(
        active=now.active,
        ready=now.ready,
        terminating=now.terminating,
        succeeded=most.succeeded,
        failed=max(before.failed, now.failed),
        completed_indexes=most.completed_indexes,
        failed_indexes=now.failed_indexes if now.failed_indexes is not None else before.failed_indexes,
    )


def _at_member(copy: Standing) -> JobCondition:
    placement = copy.held.placement
    return JobCondition(names.CONDITION_PLACED, "True", "Placed", f"at {placement.member}, {placement.node_group}")


def _preempted(copy: Standing, job: QueuedJob) -> tuple[JobCondition, ...]:
    """Why its copy goes, for whom, by which rule, and what work is lost (PR8); else what was told of an earlier one."""
    why = copy.held.why
    if copy.held.wanted != "run" and why is not None and why.cause is Cause.PREEMPTED:
        text = f"for {why.what} by {why.need} at {why.member}, {why.have} of work lost; it is queued again"
        return (JobCondition(names.CONDITION_PREEMPTED, "True", "Preempted", text),)
    return _kept(job)


def _kept(job: QueuedJob) -> tuple[JobCondition, ...]:
    known = job.status.condition(names.CONDITION_PREEMPTED)
    return (known,) if known is not None else ()


def _settled(wanted: JobStatus, shown: JobStatus, at: float) -> JobStatus:
    """The status with times for its conditions; what is shown already where nothing that matters is new.

    Of a reason for waiting only its kind matters: numbers in its message change with every cycle.
    """
    conditions = []
    for one in wanted.conditions:
        before = shown.condition(one.type)
        if before is not None and _same(one, before):
            conditions.append(before)
        else:
            changed = before is None or before.status != one.status
            conditions.append(msgspec.structs.replace(one, at=at if changed or before is None else before.at))
    known = {one.type: one for one in conditions}
    order = [one.type for one in shown.conditions if one.type in known]
    order += [type_ for type_ in known if type_ not in order]
    return msgspec.structs.replace(wanted, conditions=tuple(known[type_] for type_ in order))


def _same(one: JobCondition, before: JobCondition) -> bool:
    if (one.status, one.reason) != (before.status, before.reason):
        return False
    waits = one.type == names.CONDITION_PLACED and one.status == "False"
    return waits or one.message == before.message


def _camel(cause: Cause) -> str:
    """A cause as Kubernetes spells reasons: no-room is NoRoom."""
    return "".join(part.capitalize() for part in str(cause).split("-"))


def _words(why: Reason) -> str:
    """The reason in short; `fedsched explain` has the sentence."""
    where = f" at {why.member}" if why.member else ""
    need = f", needs {why.need}" if why.need else ""
    have = f", has {why.have}" if why.have else ""
    return f"{why.cause}{where}: {why.what}{need}{have}".strip()


def ends_of(conditions: Iterable[JobCondition]) -> frozenset[str]:
    """Which of Complete and Failed are true."""
    return frozenset(one.type for one in conditions if one.type in ENDS and one.status == "True")
