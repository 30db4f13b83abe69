"""The status of a hub's Job, read; how one is written stands in kube/jobs/status_body."""

from __future__ import annotations

from typing import Literal

from fedsched.kube.hub.wire import StatusItem
from fedsched.kube.moments import epoch_s
from fedsched.kube.wire import Condition
from fedsched.matchmaker.model import JobCondition, JobStatus
from fedsched.matchmaker.model.names import PREFIX

KNOWN = frozenset({"Suspended", "Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"})
"""Types of Kubernetes itself. Anybody else's conditions are not shown to decisions, and stay when we write."""
MOST_CONDITIONS = 50
LONGEST = 1024
_STATES: dict[str, Literal["True", "False"]] = {"True": "True", "False": "False"}


def status_of(item: StatusItem) -> JobStatus:
    """As decisions read it."""
    return JobStatus(
        active=item.active,
        ready=item.ready or 0,
        terminating=item.terminating or 0,
        succeeded=item.succeeded,
        failed=item.failed,
        started_at=epoch_s(item.start_time),
        completed_at=epoch_s(item.completion_time),
        completed_indexes=item.completed_indexes,
        failed_indexes=item.failed_indexes,
        conditions=tuple(_condition(one) for one in (item.conditions or ())[:MOST_CONDITIONS] if known(one.type)),
    )


def strange(item: StatusItem) -> tuple[Condition, ...]:
    """Conditions of others, as they are."""
    return tuple(one for one in (item.conditions or ())[:MOST_CONDITIONS] if not known(one.type))


def known(type_: str) -> bool:
    """Whether a condition's type is Kubernetes' own or ours."""
    return type_ in KNOWN or type_.startswith(PREFIX)


def _condition(one: Condition) -> JobCondition:
    at = epoch_s(one.last_transition_time)
    return JobCondition(one.type, _STATES.get(one.status, "Unknown"), one.reason[:LONGEST], one.message[:LONGEST], at)
