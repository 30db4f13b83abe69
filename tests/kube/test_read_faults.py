"""What a reader makes of a member that hangs, dies, forgets, refuses: ages grow, nothing looks gone, nobody waits."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fedsched.config.settings import Cadence
from fedsched.kube.transport import Transport, TransportError
from tests.kube.reading import credential, group, member, pod, reading, service_account, until

NAMESPACED = [
    {"apiGroups": [""], "resources": ["pods", "configmaps"], "verbs": ["list", "watch"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list", "watch"]},
]


def test_a_member_that_hangs_ages_while_the_last_view_stays_at_hand(fresh_control_plane: Any) -> None:
    plane = fresh_control_plane("hangs")
    plane.add_fake_nodes("n", 2, cpu=8, memory="32Gi")
    with reading(plane, member("default"), cadence=Cadence(contact_s=0.5, silent_watch_s=3.0)) as reader:
        before, _ = until(reader, lambda v, _: group(v, "c8-m32") and v.contact == "ok")
        plane.pause()
        frozen = time.time()
        deadline = time.monotonic() + 30
        while reader.latest()[0].contact != "timeout" and time.monotonic() < deadline:
            time.sleep(0.05)
        view, _ = reader.latest()
        assert view.contact == "timeout"
        assert "no answer within" in view.contact_error
        seen_at = view.seen_at
        assert seen_at is not None
        assert seen_at <= frozen + 1
        until(reader, lambda v, _: v.contact_at > frozen + 6)  # several rounds of reconnecting later
        began = time.perf_counter()
        for _ in range(1000):
            view, _ = reader.latest()
        assert time.perf_counter() - began < 0.5
        assert view.seen_at == seen_at
        assert view.node_groups == before.node_groups
        plane.resume()
        until(reader, lambda v, _: v.contact == "ok" and (v.seen_at or 0) > frozen + 6)


def test_a_restarted_member_is_current_again_and_nothing_looked_gone_meanwhile(fresh_control_plane: Any) -> None:
    """Regression: no eviction from a watch reconnect."""
    plane = fresh_control_plane("dies")
    (node,) = plane.add_fake_nodes("n", 1, cpu=8, memory="32Gi")
    seen: list[int] = []
    with reading(plane, member("default")) as reader:
        until(reader, lambda v, _: group(v, "c8-m32"))
        watched = reader._watched["nodes"]
        inner = watched._moved

        def moved(before: Any, after: Any) -> None:
            if after is None:
                seen.append(1)
            inner(before, after)

        watched._moved = moved
        plane.kill()
        deadline = time.monotonic() + 20
        while reader.latest()[0].contact != "refused" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert reader.latest()[0].contact == "refused"
        plane.restart()
        plane.api.create(pod("default", "guest", node=node, requests={"cpu": "2"}))
        view, _ = until(reader, lambda v, _: v.contact == "ok" and v.node_groups[0].rooms[0].free.cpu_milli == 6000)
        assert group(view, "c8-m32").nodes == 1
        assert seen == []


def test_missing_rights_for_what_is_optional_only_turn_their_feature_off(control_plane: Any, namespace: str) -> None:
    control_plane.add_fake_nodes("rbac", 1, cpu=2, memory="4Gi", labels={"set": namespace})
    cluster = [{"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list", "watch"]}]
    token = service_account(control_plane, namespace, NAMESPACED, cluster)
    file = member(namespace, node_selector=(("set", namespace),))
    with reading(control_plane, file, token=token) as reader:
        view, _ = until(reader, lambda v, _: group(v, "c2-m4") and v.contact == "ok")
        assert view.priority_classes is None
        off = [fact.partition(":")[0] for fact in view.facts]
        assert off == [
            "CSI drivers are not known",
            "PriorityClasses are not known",
            "limits are not known",
            "quota is not known",
            "storage classes are not known",
            "why pods are refused is not known",
        ]


def test_missing_rights_for_what_is_needed_are_told_as_forbidden(control_plane: Any, namespace: str) -> None:
    token = service_account(control_plane, namespace, NAMESPACED, [])
    with reading(control_plane, member(namespace), token=token) as reader:
        deadline = time.monotonic() + 20
        while reader.latest()[0].contact != "forbidden" and time.monotonic() < deadline:
            time.sleep(0.05)
        view, _ = reader.latest()
        assert (view.contact, view.seen_at) == ("forbidden", None)
        assert "nodes is forbidden" in view.contact_error or "pods is forbidden" in view.contact_error
        assert token not in repr(view)


def test_a_token_is_swapped_without_a_failed_call(control_plane: Any, namespace: str) -> None:
    first = service_account(control_plane, namespace, NAMESPACED, [])
    second = service_account(control_plane, namespace, NAMESPACED, [])
    transport = Transport(credential(control_plane, namespace, first), 500.0)
    path = f"/api/v1/namespaces/{namespace}/pods"
    for number in range(60):
        if number % 10 == 5:
            transport.swap(credential(control_plane, namespace, second if number % 20 == 5 else first))
        assert transport.get(path)
    transport.swap(credential(control_plane, namespace, "not-a-token"))
    with pytest.raises(TransportError) as caught:
        transport.get(path)
    assert (caught.value.contact, "not-a-token" in str(caught.value)) == ("unauthorized", False)
    assert transport.record.contact == "unauthorized"
    transport.close()
