"""Our objects joined with their pods: made again only where something of them changed."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.kube.objects import Joined, OwnObject, OwnPod, Refused, own_object, own_pod
from fedsched.kube.wire_own import OwnItem, OwnPodItem
from fedsched.matchmaker.model import ObjectView


def job(name: str, **more: Any) -> OwnObject:
    """more: further metadata; status: of the Job."""
    status = more.pop("status", {})
    meta = {"name": name, "uid": f"uid-{name}", "labels": {}, **more}
    item = msgspec.convert({"metadata": meta, "status": status}, OwnItem)
    found = own_object(item, "Job")
    assert found is not None
    return found


def pod_of(name: str, phase: str = "Running", **more: Any) -> OwnPod:
    """more: further metadata."""
    owner = {"uid": f"uid-{name}", "controller": True, "kind": "Job", "name": name}
    meta = {"name": f"{name}-x", "uid": f"uid-{name}-x", "ownerReferences": [owner], **more}
    return own_pod(msgspec.convert({"metadata": meta, "status": {"phase": phase}}, OwnPodItem))


def test_a_view_is_the_very_same_until_its_object_its_pods_its_refusal_or_its_owner_change() -> None:
    joined = Joined()
    one, other, pod = job("a"), job("b"), pod_of("a")

    def views(
        objects: tuple[OwnObject, ...] = (one, other),
        pods: tuple[OwnPod, ...] = (pod,),
        events: tuple[Refused, ...] = (),
        anchor: str = "",
    ) -> tuple[ObjectView, ...]:
        return joined.views(objects, pods, events, anchor)

    a, b = views()
    assert [view.name for view in views()] == ["a", "b"]
    assert views()[0] is a
    assert views()[1] is b
    assert [p.phase for p in a.pods] == ["running"]
    (again, still) = views(pods=(pod_of("a", "Succeeded"),))
    assert [p.phase for p in again.pods] == ["succeeded"]
    assert still is b
    assert views()[0].pods == a.pods, "and back"
    assert views(pods=())[0].pods == ()
    renamed = msgspec.structs.replace(one, view=msgspec.structs.replace(one.view, epoch=7))
    assert views((renamed, other))[0].epoch == 7, "the object alone changed"
    assert views()[0].epoch == a.epoch
    refused = (Refused("uid-b", 5.0, "exceeded quota"),)
    assert views(events=refused)[1].refused == "exceeded quota"
    assert views()[1].refused == ""
    changed = msgspec.structs.replace(one, owners=frozenset({"anchor"}))
    assert views((changed, other), anchor="anchor")[0].owned
    assert not views((changed, other), anchor="another")[0].owned


FAILED = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def test_a_jobs_end_is_shown_with_its_pods_end_which_says_why() -> None:
    joined = Joined()

    def shown(one: OwnObject, *pods: OwnPod) -> tuple[str, list[str]]:
        (view,) = joined.views([one], pods, [], "")
        return view.finished, [pod.phase for pod in view.pods]

    assert shown(job("a"), pod_of("a")) == ("", ["running"])
    ahead = job("a", status=FAILED)
    assert shown(ahead, pod_of("a")) == ("", ["running"]), "its pod's end is on its way"
    assert shown(ahead, pod_of("a")) == ("", ["running"])
    assert shown(ahead, pod_of("a", "Failed")) == ("failed", ["failed"])
    assert shown(ahead) == ("failed", []), "and stays when its pod is gone"


def test_a_job_that_ended_is_shown_so_where_its_pods_only_have_to_go_or_nothing_was_seen_before() -> None:
    joined = Joined()
    joined.views([job("a"), job("b")], [pod_of("a"), pod_of("b")], [], "")
    ended = [job("a", status=FAILED), job("b", status=FAILED, **GOING), job("c", status=FAILED)]
    views = joined.views(ended, [pod_of("a", **GOING), pod_of("b"), pod_of("c")], [], "")
    assert [view.finished for view in views] == ["failed", "failed", "failed"]


def test_what_went_is_not_remembered() -> None:
    joined = Joined()
    joined.views([job("a")], [], [], "")
    assert joined.views([], [], [], "") == ()
    assert not joined._last
