"""What stands at a real member besides placements: fence, worker files, token, and the anchor that clears all."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fedsched.kube.failures import EndedError
from fedsched.kube.standing import NoAnchorError
from fedsched.matchmaker.model import CreateObject, DeleteObject, OrderLeave, names
from tests.kube.write_builders import NOW, worker
from tests.kube.write_site import EPOCH, Site

if TYPE_CHECKING:
    from tests.laboratory.controlplane import ControlPlane

TOKEN_SECRET = "fs-token-m1"


@pytest.fixture
def site(control_plane: ControlPlane, namespace: str) -> Site:
    return Site(control_plane, namespace)


def epoch_of(site: Site) -> str:
    return str(site.admin.get(f"{site.core}/configmaps/{names.FENCE}")["data"]["epoch"])


def secret(site: Site) -> dict[str, str]:
    data = site.admin.get(f"{site.core}/secrets/{TOKEN_SECRET}")["data"]
    return {key: base64.b64decode(text).decode() for key, text in data.items()}


def files(site: Site) -> set[str]:
    return {name for name in site.names_of(f"{site.core}/configmaps") if name.startswith("fs-worker-")}


def test_the_fence_only_rises(site: Site) -> None:
    assert site.actuator.raise_fence(5) == 5
    assert site.actuator.raise_fence(9) == 9
    assert site.actuator.raise_fence(6) == 9
    assert epoch_of(site) == "9"


def test_of_many_that_raise_the_fence_the_highest_stands(site: Site) -> None:
    actuators = [site.new_actuator() for _ in range(6)]
    threads = [threading.Thread(target=each.raise_fence, args=(number,)) for number, each in enumerate(actuators, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert epoch_of(site) == "25"


def test_under_a_higher_epoch_nothing_is_written(site: Site) -> None:
    made = site.place()
    pod = site.pod()["metadata"]
    site.new_actuator().raise_fence(EPOCH + 1)
    changes = (
        CreateObject("m1", site.placement(id="p-0002")),
        OrderLeave("m1", "p-0001", pod["name"], pod["uid"], NOW),
        DeleteObject("m1", "p-0001", "fs-p-0001", "Job", made.uid),
    )
    assert [site.act(change).result for change in changes] == ["fenced"] * 3
    assert site.names_of(site.batch) == {"fs-p-0001"}
    now = site.pod()["metadata"]
    assert (now["uid"], now.get("deletionTimestamp")) == (pod["uid"], None)
    assert names.NOTE_LEAVE not in now["annotations"]
    with pytest.raises(EndedError, match="stands at m1"):
        site.actuator.renew_token("pool-a", worker(token="head.body.other"), EPOCH)
    with pytest.raises(EndedError):
        site.actuator.sweep(EPOCH)


@pytest.mark.parametrize("no_epoch", ["nine", str(3 * names.MOST_EPOCH)])
def test_a_fence_that_is_gone_is_made_again_and_one_without_an_epoch_stops_us(site: Site, no_epoch: str) -> None:
    site.place()
    site.admin.delete(f"{site.core}/configmaps/{names.FENCE}")
    site.place(id="p-0002")
    assert epoch_of(site) == str(EPOCH)
    site.admin.patch(f"{site.core}/configmaps/{names.FENCE}", {"data": {"epoch": no_epoch}})
    outcome = site.act(CreateObject("m1", site.placement(id="p-0003")))
    assert (outcome.result, "delete it" in outcome.what) == ("refused", True)
    with pytest.raises(NoAnchorError, match="instead of an epoch"):
        site.actuator.raise_fence(EPOCH)


def test_deleting_the_anchor_clears_the_member(site: Site) -> None:
    site.nodes()
    site.place()
    site.place(id="p-0002", form="startd-daemonset")
    site.until(lambda: len([p for p in site.pods() if p["status"]["phase"] == "Running"]) == 2, "two pods")
    site.admin.delete(f"{site.core}/configmaps/{names.ANCHOR}")

    def left() -> set[str]:
        paths = (site.batch, site.sets, f"{site.core}/pods", f"{site.core}/configmaps", f"{site.core}/secrets")
        return {name for path in paths for name in site.names_of(path)} - {"kube-root-ca.crt"}

    site.until(lambda: not left(), "an empty namespace", timeout_s=60)


def test_without_an_anchor_nothing_is_written(site: Site) -> None:
    site.admin.delete(f"{site.core}/configmaps/{names.ANCHOR}")
    outcome = site.act(CreateObject("m1", site.placement()))
    assert outcome.result == "refused"
    assert "asked us to leave" in outcome.what
    with pytest.raises(NoAnchorError):
        site.actuator.raise_fence(EPOCH)
    assert site.names_of(f"{site.core}/configmaps") == {"kube-root-ca.crt"}


def test_another_federations_namespace_is_not_ours(site: Site) -> None:
    site.admin.patch(f"{site.core}/configmaps/{names.ANCHOR}", {"metadata": {"labels": {names.PART_OF: "other"}}})
    outcome = site.act(CreateObject("m1", site.placement()))
    assert (outcome.result, "belongs to federation 'other'" in outcome.what) == ("refused", True)


def test_a_renewed_token_reaches_running_startds_in_place(site: Site) -> None:
    site.place()
    uid = site.admin.get(f"{site.core}/secrets/{TOKEN_SECRET}")["metadata"]["uid"]
    assert site.actuator.renew_token("pool-a", worker(), EPOCH) is False
    assert site.actuator.renew_token("pool-a", worker(token="head.body.renewed"), EPOCH) is True
    assert secret(site) == {"pool-a": "head.body.renewed"}
    assert site.admin.get(f"{site.core}/secrets/{TOKEN_SECRET}")["metadata"]["uid"] == uid


def test_each_pool_has_its_own_token_and_a_pod_sees_one(site: Site) -> None:
    site.place()
    outcome = site.actuator.act(
        CreateObject("m1", site.placement(id="p-0002", pool="pool-c")), worker(token="head.body.of-c"), EPOCH, NOW
    )
    assert outcome.result == "done"
    assert secret(site) == {"pool-a": worker().token, "pool-c": "head.body.of-c"}
    volumes = site.admin.get(f"{site.batch}/fs-p-0002")["spec"]["template"]["spec"]["volumes"]
    shown = next(each["secret"] for each in volumes if "secret" in each)
    assert shown["items"] == [{"key": "pool-c", "path": "token"}]


def test_a_foreign_token_secret_is_left_alone(site: Site) -> None:
    metadata = {"name": TOKEN_SECRET, "namespace": site.namespace}
    site.admin.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"theirs": "x"}})
    outcome = site.act(CreateObject("m1", site.placement()))
    assert (outcome.result, outcome.what.split(":")[0]) == ("conflict", "foreign-object")
    assert secret(site) == {"theirs": "x"}
    assert site.actuator.sweep(EPOCH) == 1  # the worker files that were made before
    assert secret(site) == {"theirs": "x"}


def test_worker_files_go_when_nothing_refers_to_them(site: Site) -> None:
    first = site.place()
    newer = worker(files=worker().files | {"start": "#!/bin/sh\nexec newer\n"})
    second = site.act(CreateObject("m1", site.placement(id="p-0002")), bundle=newer)
    assert len(files(site)) == 2
    assert site.actuator.sweep(EPOCH) == 0
    clear(site, "fs-p-0001", first.uid)
    assert site.actuator.sweep(EPOCH) == 1
    assert len(files(site)) == 1
    clear(site, "fs-p-0002", second.uid)
    assert site.actuator.sweep(EPOCH) == 2
    assert site.names_of(f"{site.core}/secrets") == set()
    site.place(id="p-0003")
    assert len(files(site)) == 1
    assert secret(site) == {"pool-a": worker().token}


def clear(site: Site, name: str, uid: str) -> None:
    assert site.act(DeleteObject("m1", name.removeprefix("fs-"), name, "Job", uid)).result == "done"
    site.until(lambda: name not in site.names_of(site.batch), f"{name} gone")


def test_worker_files_cannot_be_changed(site: Site) -> None:
    site.place()
    (name,) = files(site)
    assert site.admin.get(f"{site.core}/configmaps/{name}")["immutable"] is True


def test_no_priority_class_below_the_sites_own_pods_is_a_refusal(site: Site) -> None:
    named = site.new_actuator(site.member_file(priority_class="not-there"))
    outcome = named.act(CreateObject("m1", site.placement()), worker(), EPOCH, NOW)
    assert (outcome.result, "not-there" in outcome.what) == ("refused", True)
    system = site.new_actuator(site.member_file(priority_class="system-node-critical"))
    assert system.act(CreateObject("m1", site.placement()), worker(), EPOCH, NOW).result == "refused"


def test_without_a_class_our_pod_comes_only_where_the_file_allows_the_same_priority(site: Site) -> None:
    site.nodes()
    terms = msgspec.structs.replace(site.member.terms, visibility="namespace")
    assert placed_with(site, terms).result == "refused"
    allowed = msgspec.structs.replace(terms, allow_same_priority=True)
    assert placed_with(site, allowed).result == "done"
    assert site.pod(lambda pod: pod["status"]["phase"] == "Running")["spec"]["priority"] == 0


def placed_with(site: Site, terms: Any) -> Any:
    actuator = site.new_actuator(msgspec.structs.replace(site.member, terms=terms))
    return actuator.act(CreateObject("m1", site.placement()), worker(), EPOCH, NOW)
