"""How far startds of a class, or copies of Jobs, have come: written, pending, joining, claimed; no sentences here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

from fedsched.matchmaker.model import Held, ObjectView, Observation, PodView
from fedsched.matchmaker.reasons import Cause, Reason

Stage = Literal["written", "pending", "joining", "unclaimed", "claimed"]
STAGES: tuple[Stage, ...] = get_args(Stage)


class Startd(msgspec.Struct, frozen=True):
    """One placement and its stage: no pod yet, pod pending, pod runs but no slot seen, slot unclaimed, slot claimed.

    The copy of a user's Job is claimed as soon as a pod of it runs.

    pod: its pod's name, else its object's. problem: what Kubernetes says keeps it, "" for nothing; seen_at: of that.
    """

    held: Held
    stage: Stage
    pod: str
    problem: str = ""
    seen_at: float | None = None


def startds(held: Iterable[Held], seen: Observation) -> tuple[Startd, ...]:
    """Those that shall serve, the furthest first."""
    ones = {
        one.placement.id: one for one in held if one.wanted == "run" and one.phase != "gone" and one.failure is None
    }
    things = {thing.placement_id: thing for thing in seen.objects if thing.placement_id in ones}
    read_at = {view.name: view.seen_at for view in seen.members}
    found = (_startd(one, things.get(key), read_at.get(one.placement.member)) for key, one in ones.items())
    return tuple(sorted(found, key=lambda s: (-STAGES.index(s.stage), s.problem == "", s.held.placement.id)))


def _startd(held: Held, thing: ObjectView | None, seen_at: float | None) -> Startd:
    if held.placement.form == "job":
        return _copy(held, thing, seen_at)
    pod = max(thing.pods, key=lambda pod: pod.created_at, default=None) if thing is not None else None
    name = pod.name if pod is not None else held.placement.object_name
    if held.phase in {"claimed", "unclaimed"}:
        return Startd(held, held.phase, name, "", held.last_claimed_at or held.slot_seen_at)
    if pod is None:
        return Startd(held, "written", name, thing.refused if thing is not None else "", seen_at)
    return Startd(held, "joining" if pod.phase == "running" else "pending", name, _problem(pod), seen_at)


def _copy(held: Held, thing: ObjectView | None, seen_at: float | None) -> Startd:
    """By the pod that came furthest; one that waits is told by what keeps it."""
    pods = sorted(thing.pods, key=lambda pod: (pod.phase == "pending", -pod.created_at)) if thing is not None else []
    runs = [pod for pod in pods if pod.phase != "pending"]
    if runs or held.phase == "claimed":
        return Startd(held, "claimed", runs[0].name if runs else held.placement.object_name, "", seen_at)
    if not pods:
        return Startd(held, "written", held.placement.object_name, thing.refused if thing is not None else "", seen_at)
    kept = next((pod for pod in pods if _problem(pod)), pods[0])
    return Startd(held, "pending", kept.name, _problem(kept), seen_at)


def _problem(pod: PodView) -> str:
    return pod.problem if pod.phase == "pending" and not pod.pulling else ""


def troubled(one: Startd) -> Reason:
    """What keeps its pod, as the cause that it will have when it stays so."""
    at = one.held.placement
    where = Reason(Cause.IMAGE_PULL, one.pod, member=at.member, node_group=at.node_group, at=one.seen_at)
    where = msgspec.structs.replace(where, have=one.problem)
    if one.stage == "written":
        return msgspec.structs.replace(where, cause=Cause.POD_REFUSED, source=f"Job {one.pod}")
    where = msgspec.structs.replace(where, source=f"pod {one.pod}")
    if "mage" in one.problem.partition(":")[0]:
        return where
    return msgspec.structs.replace(where, cause=Cause.PENDING_TOO_LONG, what=one.problem, have="")
