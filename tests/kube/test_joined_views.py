"""Our objects joined with their pods: made again only where something of them changed."""

from __future__ import annotations

import msgspec

from fedsched.kube.objects import Joined, OwnObject, OwnPod, Refused, own_object, own_pod
from fedsched.kube.wire_own import OwnItem, OwnPodItem
from fedsched.matchmaker.model import ObjectView


def job(name: str) -> OwnObject:
    item = msgspec.convert({"metadata": {"name": name, "uid": f"uid-{name}", "labels": {}}}, OwnItem)
    found = own_object(item, "Job")
    assert found is not None
    return found


def pod_of(name: str, phase: str = "Running") -> OwnPod:
    owner = {"uid": f"uid-{name}", "controller": True, "kind": "Job", "name": name}
    meta = {"name": f"{name}-x", "uid": f"uid-{name}-x", "ownerReferences": [owner]}
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


def test_what_went_is_not_remembered() -> None:
    joined = Joined()
    joined.views([job("a")], [], [], "")
    assert joined.views([], [], [], "") == ()
    assert not joined._last
