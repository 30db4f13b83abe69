"""A Job's status as the API server takes it in one write; what the status should be is decided elsewhere.

The server judges the status of a Job that another controller manages by strict rules (its validation of Job statuses,
checked on real servers by tests/kube/test_hub_status.py). Those that bind us, and what is done about each:

- failed and succeeded never go down (a second copy begins at nothing): the larger number stays;
- active and terminating are 0 and startTime is there once the Job is over; ready is never above active;
- startTime stays once it is set, but for a suspended Job that has not ended or with the end of a suspension;
- Complete needs SuccessCriteriaMet and completionTime, which comes with it alone, not before startTime, and stays;
- Failed needs FailureTarget; never both kinds of end. What ended stays ended, and neither SuccessCriteriaMet nor
  FailureTarget can be taken back: so they are written with the end that they announce, not before (a copy that
  announced one may be lost);
- completedIndexes stand only in Indexed Jobs, failedIndexes only with backoffLimitPerIndex, both below completions,
  growing, and without a common index.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from fedsched.matchmaker.model import JobCondition, JobStatus

LONGEST_REASON = 256
LONGEST_MESSAGE = 4096
ENDS = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}
ANNOUNCED = frozenset(ENDS.values())
MOST = 2**31 - 1
LONGEST_SPANS = 2**20


class StatusFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a Job's spec its status depends on. elastic: an Indexed Job that may be scaled down."""

    indexed: bool = False
    completions: int | None = None
    per_index: bool = False
    suspended: bool = False
    elastic: bool = False


class StatusError(Exception):
    """A status that no write could give this Job; the text says why."""


def status_body(wanted: JobStatus, shown: JobStatus, facts: StatusFacts, at: float) -> dict[str, Any]:
    """The `status` of a merge patch that makes a Job which shows `shown` show `wanted`; what is foreign stays apart.

    at: epoch seconds, for an end that does not say when it was. Raises StatusError for a Job that ended otherwise.
    """
    end = _end(wanted, shown)
    conditions = _conditions(wanted, shown, end, at)
    started = _started(wanted, shown, facts, end, at)
    completed = _completed(wanted, shown, end, started, at)
    active = 0 if end else _count(wanted.active)
    succeeded = _count(wanted.succeeded)
    return {
        "active": active,
        "ready": min(active, _count(wanted.ready)),
        "terminating": 0 if end else _count(wanted.terminating),
        "succeeded": succeeded if facts.elastic else max(succeeded, shown.succeeded),
        "failed": max(_count(wanted.failed), shown.failed),
        "startTime": moment(started),
        "completionTime": moment(completed),
        **_indexes(wanted, facts),
        "conditions": [_condition(one, _since(one, shown, at)) for one in conditions],
    }


def moment(at: float | None) -> str | None:
    """Epoch seconds as Kubernetes writes them, to the second; None for what has not happened."""
    if at is None:
        return None
    return datetime.fromtimestamp(min(max(at, 0.0), 253_402_300_799.0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _end(wanted: JobStatus, shown: JobStatus) -> JobCondition | None:
    """How it ended: Complete or Failed, None while it has not. What is shown as ended stays that."""
    before, now = _ended(shown), _ended(wanted)
    if before is not None and (now is None or now.type != before.type):
        raise StatusError(f"it is {before.type} already, which cannot be taken back")
    other = {"Complete": "FailureTarget", "Failed": "SuccessCriteriaMet"}
    if now is not None and _is_true(shown, other[now.type]):
        raise StatusError(f"it shows {other[now.type]}, which cannot be taken back: it cannot become {now.type}")
    return now


def _ended(status: JobStatus) -> JobCondition | None:
    return next((one for one in status.conditions if one.type in ENDS and one.status == "True"), None)


def _is_true(status: JobStatus, type_: str) -> bool:
    found = status.condition(type_)
    return found is not None and found.status == "True"


def _conditions(wanted: JobStatus, shown: JobStatus, end: JobCondition | None, at: float) -> tuple[JobCondition, ...]:
    """Each type once, in the order of the wanted; an announcement stands before its end and nowhere else."""
    found = {one.type: one for one in wanted.conditions if one.type not in ANNOUNCED and one.type not in ENDS}
    kept = [one for one in shown.conditions if one.type in ANNOUNCED and one.status == "True"]
    if end is None:
        return (*found.values(), *kept)
    announced = next(iter(kept), None) or wanted.condition(ENDS[end.type])
    if announced is None or announced.status != "True" or announced.type != ENDS[end.type]:
        announced = JobCondition(ENDS[end.type], "True", end.reason, end.message, end.at or at)
    return (*found.values(), announced, end)


def _started(
    wanted: JobStatus, shown: JobStatus, facts: StatusFacts, end: JobCondition | None, at: float
) -> float | None:
    resumed = _is_true(shown, "Suspended") and not _is_true(wanted, "Suspended") and bool(wanted.condition("Suspended"))
    started = wanted.started_at
    free = (facts.suspended or resumed) and _ended(shown) is None  # what ended keeps its start: its end comes after it
    if shown.started_at is not None and not free:
        return shown.started_at
    if end is not None and started is None:
        known = (shown.started_at, wanted.completed_at, end.at, at)
        return next(each for each in known if each is not None)
    return started


def _completed(
    wanted: JobStatus, shown: JobStatus, end: JobCondition | None, started: float | None, at: float
) -> float | None:
    if end is None or end.type != "Complete":
        return None
    if shown.completed_at is not None:
        return shown.completed_at
    told = next(each for each in (wanted.completed_at, end.at, at) if each is not None)
    return max(told, started or 0.0)


def _since(one: JobCondition, shown: JobStatus, at: float) -> float:
    """When a condition got its status: as it says, or as is shown where that is the same already."""
    before = shown.condition(one.type)
    same = before is not None and before.status == one.status
    known = (one.at, before.at if before is not None and same else None, at)
    return next(each for each in known if each is not None)


def _condition(one: JobCondition, at: float) -> dict[str, Any]:
    return {
        "type": one.type,
        "status": one.status,
        "reason": _clean(one.reason, LONGEST_REASON),
        "message": _clean(one.message, LONGEST_MESSAGE),
        "lastTransitionTime": moment(at),
        "lastProbeTime": moment(at),
    }


def _clean(text: str, longest: int) -> str:
    """Without what a terminal obeys: people read it with kubectl."""
    line = "".join(c if c.isprintable() else " " for c in text[:longest])
    return line.strip()


def _count(number: int) -> int:
    return min(max(number, 0), MOST)


def _indexes(wanted: JobStatus, facts: StatusFacts) -> dict[str, Any]:
    most = facts.completions or 0
    done = spans(wanted.completed_indexes, most) if facts.indexed else ()
    found: dict[str, Any] = {"completedIndexes": written(done) or None}
    if facts.per_index and wanted.failed_indexes is not None:
        found["failedIndexes"] = written(without(spans(wanted.failed_indexes, most), done))
    else:
        found["failedIndexes"] = None
    return found


Spans = tuple[tuple[int, int], ...]


def spans(text: str, most: int) -> Spans:
    """The spans of "0,2-4" below `most`, growing; what is no span is left out."""
    found: list[tuple[int, int]] = []
    for part in text[:LONGEST_SPANS].split(","):
        first, _, last = part.partition("-")
        if not (first.isascii() and first.isdigit() and len(first) < 11):
            continue
        low = int(first)
        high = int(last) if last.isascii() and last.isdigit() and len(last) < 11 else low
        low, high = max(low, found[-1][1] + 1 if found else 0), min(high, most - 1)
        if low <= high:
            found.append((low, high))
    return tuple(found)


def without(some: Spans, others: Spans) -> Spans:
    """What of the spans lies in none of the others."""
    for low, high in others:
        kept: list[tuple[int, int]] = []
        for first, last in some:
            kept += [(first, min(last, low - 1))] if first < low else []
            kept += [(max(first, high + 1), last)] if last > high else []
        some = tuple(kept)
    return some


def written(some: Iterable[tuple[int, int]]) -> str:
    """Spans as Kubernetes writes them."""
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in some)
