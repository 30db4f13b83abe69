"""The difference between what is observed and what the plan wants, as changes; carrying them out twice is harmless."""

from __future__ import annotations

from collections.abc import Iterable

from fedsched.matchmaker.health import GOOD
from fedsched.matchmaker.model import (
    LIVE,
    Change,
    CreateObject,
    DeleteObject,
    DeletePod,
    Held,
    ObjectView,
    Observation,
    OrderLeave,
    ParkDaemonSet,
    Plan,
)
from fedsched.matchmaker.reconcile import has_its_name

VACATE_GRACE_S = 30
"""Grace of a vacated pod: its startd evicts its jobs so that the schedd knows at once, then goes."""


def changes(observation: Observation, plan: Plan) -> tuple[Change, ...]:
    """Every change that the plan still needs, in order; none to a member in doubt (FA1, FA2)."""
    if plan.memory.frozen_since is not None:
        return ()
    objects = {(o.member, o.placement_id): o for o in observation.objects if has_its_name(o)}
    todo: list[Change] = []
    for held in plan.held:
        thing = objects.get((held.placement.member, held.placement.id))
        todo += _for_one(held, thing, plan.at)
    todo += [*plan.sweep, *plan.adopt]
    open_to = {name for name, memory in plan.memory.members.items() if memory.state in GOOD and not memory.unauthorized}
    return (*plan.ghosts, *plan.drive, *plan.tell, *(change for change in todo if change.member in open_to))


def _for_one(held: Held, thing: ObjectView | None, at: float) -> Iterable[Change]:
    if thing is None:
        if held.phase == "intended" and held.wanted == "run" and held.written_at is None:
            yield CreateObject(held.placement.member, held.placement)
        return
    if thing.deleting:
        return
    if held.placement.form == "job":
        yield from _copy(held, thing)
        return
    if held.wanted == "run":
        yield from _single_nodes(held, thing, at)
    elif held.wanted == "leave":
        yield from _leave(held, thing, at)
    else:
        steps = {"vacate": _vacate, "withdraw": _withdraw, "clear": _clear}
        yield from steps[held.wanted](held, thing)


def _copy(held: Held, thing: ObjectView) -> Iterable[Change]:
    """A user's Job goes as a whole: of single pods its controller would make new ones. To leave is to finish.

    One that is called back because nothing of it runs yet survives when that changed (X5).
    """
    if held.wanted in {"run", "leave"}:
        return
    seen = thing.resource_version if held.wanted == "withdraw" else ""
    yield DeleteObject(thing.member, held.placement.id, thing.name, thing.kind, thing.uid, seen)


def _single_nodes(held: Held, thing: ObjectView, at: float) -> Iterable[Change]:
    """Nodes that a DaemonSet gives up while the rest of it stays: cordoned ones leave, the owner's are vacated."""
    wanted = dict(held.nodes_wanted)
    for pod in thing.pods:
        wish = wanted.get(pod.node)
        if pod.deleting or wish is None:
            continue
        if wish == "vacate":
            yield DeletePod(thing.member, held.placement.id, pod.name, pod.uid, grace_s=VACATE_GRACE_S)
        elif pod.phase == "running" and pod.leave_ordered_at is None:
            yield OrderLeave(thing.member, held.placement.id, pod.name, pod.uid, at)


def _leave(held: Held, thing: ObjectView, at: float) -> Iterable[Change]:
    """Running pods get the order; pending ones have nothing to finish and are withdrawn."""
    for pod in thing.pods:
        if pod.deleting or pod.leave_ordered_at is not None:
            continue
        if pod.phase == "running":
            yield OrderLeave(thing.member, held.placement.id, pod.name, pod.uid, at)
        elif pod.phase == "pending" and thing.kind == "Job":
            yield DeletePod(thing.member, held.placement.id, pod.name, pod.uid, pod.resource_version)


def _vacate(held: Held, thing: ObjectView) -> Iterable[Change]:
    for pod in thing.pods:
        if not pod.deleting and pod.phase in LIVE:
            yield DeletePod(thing.member, held.placement.id, pod.name, pod.uid, grace_s=VACATE_GRACE_S)
    if not thing.pods:
        yield from _clear(held, thing)


def _withdraw(held: Held, thing: ObjectView) -> Iterable[Change]:
    """The pod goes first, with its resourceVersion: one that just started survives (X5); its Job after that."""
    pending = [p for p in thing.pods if p.phase == "pending" and not p.deleting]
    for pod in pending:
        yield DeletePod(thing.member, held.placement.id, pod.name, pod.uid, pod.resource_version)
    if not thing.pods:
        yield DeleteObject(thing.member, held.placement.id, thing.name, thing.kind, thing.uid, thing.resource_version)


def _clear(held: Held, thing: ObjectView) -> Iterable[Change]:
    """A DaemonSet is parked first, so that no startd is killed with its object (L2)."""
    if thing.kind == "DaemonSet" and not thing.parked:
        yield ParkDaemonSet(thing.member, held.placement.id, thing.name, thing.uid)
    elif thing.kind == "Job" or not thing.pods:
        yield DeleteObject(thing.member, held.placement.id, thing.name, thing.kind, thing.uid)
