"""The status of a Job as a member shows it, bounded: whoever writes there could have written anything."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from fedsched.kube.moments import epoch_s
from fedsched.kube.wire import Condition
from fedsched.kube.wire_own import OwnStatus
from fedsched.matchmaker.model.jobs import JobCondition, JobStatus

MOST_CONDITIONS = 16
LONGEST_MESSAGE = 1024
LONGEST_INDEXES = 2**17
LARGEST_COUNT = 2**31 - 1
_WORD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/:-]{0,314}[A-Za-z0-9_])?", re.ASCII)
_INDEXES = re.compile(r"([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?", re.ASCII)
_SAID: dict[str, Literal["True", "False", "Unknown"]] = {"True": "True", "False": "False", "Unknown": "Unknown"}


def job_status(status: OwnStatus) -> JobStatus:
    """What clients read of it. Counts that are none are 0, indexes that are none are missing.

    Pods that ended and are not counted yet (uncountedTerminatedPods) count when they are: counters only grow.
    """
    return JobStatus(
        active=_count(status.active),
        ready=_count(status.ready),
        terminating=_count(status.terminating),
        succeeded=_count(status.succeeded),
        failed=_count(status.failed),
        started_at=_moment(status.start_time),
        completed_at=_moment(status.completion_time),
        completed_indexes=_indexes(status.completed_indexes) or "",
        failed_indexes=_indexes(status.failed_indexes),
        conditions=tuple(_conditions(status.conditions)),
    )


def sentence(text: str) -> str:
    """Foreign words as one printable line of at most LONGEST_MESSAGE characters."""
    clean = "".join(c if c.isprintable() else " " for c in text[: 4 * LONGEST_MESSAGE])
    clean = " ".join(clean.split())
    return clean if len(clean) <= LONGEST_MESSAGE else f"{clean[: LONGEST_MESSAGE - 1]}…"


def _conditions(given: list[Condition]) -> Iterable[JobCondition]:
    for each in given[:MOST_CONDITIONS]:
        status = _SAID.get(each.status)
        if status is None or not _WORD.fullmatch(each.type):
            continue
        reason = each.reason if len(each.reason) <= 316 and _WORD.fullmatch(each.reason) else ""
        yield JobCondition(each.type, status, reason, sentence(each.message), epoch_s(each.last_transition_time))


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else 0


def _moment(value: Any) -> float | None:
    return epoch_s(value) if isinstance(value, str) else None


def _indexes(value: Any) -> str | None:
    if isinstance(value, str) and len(value) <= LONGEST_INDEXES and _INDEXES.fullmatch(value):
        return value
    return None
