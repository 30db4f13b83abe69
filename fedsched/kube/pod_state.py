"""One pod of ours as the matchmaker sees it: phase, times, problem, end, and what admission changed of it."""

from __future__ import annotations

from collections.abc import Iterable

from fedsched.kube.moments import epoch_s
from fedsched.kube.quantities import same
from fedsched.kube.transport import one_line
from fedsched.kube.wire_own import ContainerStatus, OwnPodItem, OwnPodSpec, Terminated
from fedsched.matchmaker.model import PodPhase, PodView
from fedsched.matchmaker.model.names import NOTE_LEAVE

PHASES: dict[str, PodPhase] = {
    "Pending": "pending",
    "Running": "running",
    "Succeeded": "succeeded",
    "Failed": "failed",
}
TAKERS = frozenset({"PreemptionByScheduler", "EvictionByEvictionAPI", "DeletionByTaintManager"})
"""Reasons of a DisruptionTarget condition that are the owner's will; a kubelet that evicts has its own reasons."""
HARMLESS_WAITS = frozenset({"", "ContainerCreating", "PodInitializing"})


def pod_view(item: OwnPodItem) -> PodView:
    """What the pod's status says; times in epoch seconds."""
    meta, status = item.metadata, item.status
    ended = _last_end(status.container_statuses) or _first_failure(item)
    over = status.phase in {"Succeeded", "Failed"}
    problem = _problem(item)
    return PodView(
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        phase=PHASES.get(status.phase, "unknown"),
        node=item.spec.node_name,
        created_at=epoch_s(meta.creation_timestamp) or 0.0,
        scheduled_at=_condition_time(item, "PodScheduled"),
        started_at=_started(status.container_statuses),
        ended_at=epoch_s(ended.finished_at) if ended is not None and over else None,
        deleting=meta.deletion_timestamp is not None,
        exit_code=ended.exit_code if ended is not None else None,
        problem=problem,
        leave_ordered_at=_seconds(meta.annotations.get(NOTE_LEAVE, "")),
        pulling=not problem and bool(item.spec.node_name) and _creating(item),
        taken_by=_taker(item),
        end_reason=one_line(status.reason or (ended.reason if ended is not None else "")),
    )


def _all(item: OwnPodItem) -> Iterable[ContainerStatus]:
    yield from item.status.init_container_statuses
    yield from item.status.container_statuses


def _problem(item: OwnPodItem) -> str:
    for status in _all(item):
        waiting = status.state.waiting
        if waiting is not None and waiting.reason not in HARMLESS_WAITS:
            return one_line(f"{waiting.reason}: {waiting.message}" if waiting.message else waiting.reason)
    for condition in item.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return one_line(f"{condition.reason}: {condition.message}" if condition.message else condition.reason)
    return ""


def _taker(item: OwnPodItem) -> str:
    reasons = (c.reason for c in item.status.conditions if c.type == "DisruptionTarget" and c.status == "True")
    return next((reason for reason in reasons if reason in TAKERS), "")


def _creating(item: OwnPodItem) -> bool:
    """On a node, and a container still waits for its image or volumes; before the kubelet speaks, too."""
    waits = [s.state.waiting for s in _all(item)]
    return item.status.phase == "Pending" and (not waits or any(waits))


def _condition_time(item: OwnPodItem, kind: str) -> float | None:
    times = (epoch_s(c.last_transition_time) for c in item.status.conditions if c.type == kind and c.status == "True")
    return next(times, None)


def _started(statuses: Iterable[ContainerStatus]) -> float | None:
    """When the first main container of the present run began."""
    begun = []
    for status in statuses:
        state = status.state
        begun.append(state.running.started_at if state.running else None)
        begun.append(state.terminated.started_at if state.terminated else None)
    return min((at for at in map(epoch_s, begun) if at is not None), default=None)


def _last_end(statuses: Iterable[ContainerStatus]) -> Terminated | None:
    """The end that tells most: of the present run, else of the run before; a bad exit before a good one."""
    seen = list(statuses)
    for states in ([s.state for s in seen], [s.last_state for s in seen]):
        ends = [state.terminated for state in states if state.terminated is not None]
        if ends:
            return max(ends, key=lambda end: (end.exit_code != 0, end.finished_at or ""))
    return None


def _first_failure(item: OwnPodItem) -> Terminated | None:
    """Of a pod whose main containers never ran: the init container that failed; sidecars are ended with their pod."""
    sidecars = {each.name for each in item.spec.init_containers if each.restart_policy == "Always"}
    seen = [each for each in item.status.init_container_statuses if each.name not in sidecars]
    end = _last_end(seen)
    return end if end is not None and end.exit_code else None


def _seconds(text: str) -> float | None:
    try:
        return float(text) if text and len(text) < 32 else None
    except ValueError:
        return None


def admission_facts(asked: OwnPodSpec, got: OwnPodSpec) -> str:
    """What admission made of the template, in words; "" for nothing."""
    before = {c.name: c for c in asked.containers}
    said = []
    for container in got.containers:
        wanted = before.get(container.name)
        if wanted is None:
            said.append(f"container {container.name} was added")
            continue
        if wanted.image != container.image:
            said.append(f"image {wanted.image} became {container.image}")
        said += _changed(wanted.resources.requests, container.resources.requests)
    if asked.priority_class_name != got.priority_class_name:
        said.append(f"priority class {asked.priority_class_name or 'none'} became {got.priority_class_name or 'none'}")
    return one_line("; ".join(said))


def _changed(asked: dict[str, str], got: dict[str, str]) -> list[str]:
    changed = [n for n in sorted({*asked, *got}) if not same(asked.get(n, ""), got.get(n, ""))]
    return [f"{n} {asked.get(n, 'unset')} became {got.get(n, 'unset')}" for n in changed]
