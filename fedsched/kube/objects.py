"""Our Jobs and DaemonSets with their pods, as the matchmaker sees them; foreign objects never come this far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from fedsched.kube.amounts import NOTHING, Amounts, pod_needs
from fedsched.kube.jobs.status import job_status
from fedsched.kube.moments import epoch_s
from fedsched.kube.pod_state import admission_facts, pod_view
from fedsched.kube.transport import one_line
from fedsched.kube.wire_own import EventItem, OwnItem, OwnPodItem
from fedsched.matchmaker.model import ObjectView, Placement, PodView
from fedsched.matchmaker.model.names import (
    LABEL_EPOCH,
    LABEL_JOB,
    LABEL_MEMBER,
    LABEL_PLACEMENT,
    LABEL_ROLE,
    MOST_EPOCH,
    NOTE_DIGEST,
    NOTE_PLACEMENT,
    PARKED_SELECTOR,
)

MOST_TEXT = 65536
"""Characters of a placement record; the API server allows 256 KiB of annotations."""
_placement = msgspec.json.Decoder(Placement)


class OwnObject(msgspec.Struct, frozen=True):
    """A Job or DaemonSet as kept between events; `view` lacks pods, refusal and ownership, which others tell."""

    view: ObjectView
    owners: frozenset[str]
    asked: OwnPodItem


class OwnPod(msgspec.Struct, frozen=True):
    """A pod of ours as kept between events. owner: uid of its Job or DaemonSet."""

    view: PodView
    owner: str
    node: str
    needs: Amounts
    over: bool
    item: OwnPodItem


class Refused(msgspec.Struct, frozen=True):
    """A FailedCreate event: the pods of `uid` are not created, and why."""

    uid: str
    at: float
    text: str


def own_object(item: OwnItem, kind: Literal["Job", "DaemonSet"]) -> OwnObject | None:
    """None for standing parts (they are no placements)."""
    meta = item.metadata
    if meta.labels.get(LABEL_ROLE, "placement") != "placement":
        return None
    finished, why = _finished(item) if kind == "Job" else ("", "")
    placement = _record(meta.annotations.get(NOTE_PLACEMENT, ""), meta.name, meta.labels.get(LABEL_PLACEMENT, ""))
    copy = kind == "Job" and LABEL_JOB in meta.labels
    view = ObjectView(
        name=meta.name,
        kind=kind,
        uid=meta.uid,
        resource_version=meta.resource_version,
        member=meta.labels.get(LABEL_MEMBER, ""),
        placement_id=meta.labels.get(LABEL_PLACEMENT, ""),
        epoch=epoch(meta.labels.get(LABEL_EPOCH, "")),
        digest=meta.annotations.get(NOTE_DIGEST, "")[:200],
        created_at=epoch_s(meta.creation_timestamp) or 0.0,
        placement=placement,
        finished=finished,
        finished_reason=why,
        deleting=meta.deletion_timestamp is not None,
        parked=PARKED_SELECTOR.items() <= item.spec.template.spec.node_selector.items(),
        desired_pods=_wanted(placement) if kind == "Job" else item.status.desired_number_scheduled,
        status=job_status(item.status) if copy else None,
    )
    return OwnObject(view, frozenset(o.uid for o in meta.owner_references), OwnPodItem(spec=item.spec.template.spec))


def _wanted(placement: Placement | None) -> int:
    return placement.pods if placement is not None else 1


def own_pod(item: OwnPodItem) -> OwnPod:
    """A pod of ours; whose it is, its ownerReference says."""
    over = item.status.phase in {"Succeeded", "Failed"}
    owner = next((o.uid for o in item.metadata.owner_references if o.controller), "")
    needs = NOTHING if over else pod_needs(item.spec)
    return OwnPod(pod_view(item), owner, item.spec.node_name, needs, over, item)


def refused(item: EventItem) -> Refused | None:
    """Only events that say that pods are not created."""
    if item.reason != "FailedCreate" or item.involved_object.kind not in {"Job", "DaemonSet"}:
        return None
    at = epoch_s(item.last_timestamp) or epoch_s(item.event_time) or 0.0
    return Refused(item.involved_object.uid, at, one_line(item.message))


class _Join(NamedTuple):
    """One object with its pods, and all that its view was made of."""

    own: OwnObject
    pods: list[OwnPod]
    said: str
    owned: bool
    view: ObjectView


class Joined:
    """Objects with their pods; of what did not change since the last call the view is the very same.

    A Job's end comes on another stream than its pods' ends, which say why it ended: it is shown with them.
    """

    def __init__(self) -> None:
        self._last: dict[str, _Join] = {}

    def views(
        self, objects: Iterable[OwnObject], pods: Iterable[OwnPod], events: Iterable[Refused], anchor_uid: str
    ) -> tuple[ObjectView, ...]:
        """All of them, sorted by kind and name."""
        by_owner: dict[str, list[OwnPod]] = {}
        for pod in pods:
            by_owner.setdefault(pod.owner, []).append(pod)
        refusals: dict[str, Refused] = {}
        for event in sorted(events, key=lambda e: e.at):
            refusals[event.uid] = event
        found = [self._join(own, by_owner.get(own.view.uid, []), refusals, anchor_uid) for own in objects]
        self._last = {join.own.view.uid: join for join in found}
        return tuple(sorted((join.view for join in found), key=lambda view: (view.kind, view.name)))

    def _join(self, own: OwnObject, pods: list[OwnPod], refusals: Mapping[str, Refused], anchor_uid: str) -> _Join:
        last = self._last.get(own.view.uid)
        if last is not None and own.view.finished and not own.view.deleting and not all(map(_ends, pods)):
            own = last.own
        refusal = refusals.get(own.view.uid)
        said = refusal.text if refusal is not None and not pods and not own.view.finished else ""
        owned = bool(anchor_uid) and anchor_uid in own.owners
        if last is not None and last.own is own and (last.said, last.owned) == (said, owned) and _same(last.pods, pods):
            return last
        seen = sorted((_with_facts(pod, own) for pod in pods), key=lambda pod: pod.name)
        return _Join(
            own, pods, said, owned, msgspec.structs.replace(own.view, pods=tuple(seen), refused=said, owned=owned)
        )


def _ends(pod: OwnPod) -> bool:
    """Over, or told to go."""
    return pod.over or pod.view.deleting


def _same(before: list[OwnPod], now: list[OwnPod]) -> bool:
    """The very same pods: what is kept of a pod is made anew with each of its events."""
    return len(before) == len(now) and all(one is other for one, other in zip(before, now, strict=True))


def _with_facts(pod: OwnPod, own: OwnObject) -> PodView:
    fact = admission_facts(own.asked.spec, pod.item.spec)
    return msgspec.structs.replace(pod.view, fact=fact) if fact else pod.view


def epoch(text: str) -> int:
    """A fencing epoch; 0 for what is none, or larger than any that we could have used.

    Epochs are seconds and a little: a larger one would drive ours beyond what any member's fence can hold.
    """
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_EPOCH)) else 0
    return number if number <= MOST_EPOCH else 0


def _record(text: str, name: str, placement_id: str) -> Placement | None:
    """The placement in the annotation, if it is one and speaks of this very object."""
    if not text or len(text) > MOST_TEXT:
        return None
    try:
        placement = _placement.decode(text)
    except msgspec.MsgspecError:
        return None
    return placement if placement.id == placement_id and placement.object_name == name else None


def _finished(item: OwnItem) -> tuple[Literal["", "complete", "failed"], str]:
    for condition in item.status.conditions:
        if condition.status == "True" and condition.type in {"Complete", "Failed"}:
            words = condition.reason if condition.type == "Failed" else ""
            return ("complete" if condition.type == "Complete" else "failed"), one_line(words)
    return "", ""
