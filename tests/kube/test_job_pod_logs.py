"""Which container of a Job's pod is read, and that the end of the right one is kept before the pod is gone (L8)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedsched.kube import pod_logs
from fedsched.kube.kept_logs import KeptLogs
from fedsched.kube.log_keeper import LogKeeper
from fedsched.kube.pod_logs import LogAsk, PodThere
from fedsched.kube.wire_own import OwnPodItem
from fedsched.matchmaker.model import DeleteObject
from tests.kube.write_builders import member as member_file
from tests.matchmaker.builders import placement, pod, thing

ASK = LogAsk(tail=5)


def item(*containers: str, init: tuple[str, ...] = (), default: str = "", of_job: bool = True) -> dict[str, Any]:
    labels = {"fedsched.io/job-uid": "u1"} if of_job else {}
    notes = {"kubectl.kubernetes.io/default-container": default} if default else {}
    return {
        "metadata": {"name": "fs-1-1-abcde", "labels": labels, "annotations": notes},
        "spec": {
            "containers": [{"name": name} for name in containers],
            "initContainers": [{"name": name} for name in init],
        },
        "status": {"phase": "Running"},
    }


def there(body: dict[str, Any]) -> PodThere:
    return pod_logs.there(msgspec.json.decode(json.dumps(body), type=OwnPodItem))


@pytest.mark.parametrize(
    ("body", "asked", "read"),
    [
        (item("main", "side"), "", "main"),
        (item("main", "side"), "side", "side"),
        (item("main", "side", default="side"), "", "side"),
        (item("main", init=("fetch",)), "", "main"),
        (item("main", init=("fetch",)), "fetch", "fetch"),
        (item("main"), "other", None),
        (item("startd", "sidecar", of_job=False), "", "startd"),
        (item("startd", of_job=False), "main", None),
    ],
)
def test_the_first_container_is_read_where_none_is_named_and_none_where_it_is_not_there(
    body: dict[str, Any], asked: str, read: str | None
) -> None:
    found = there(body).ask(ASK, asked)
    assert (found.container if found is not None else None) == read


def test_an_earlier_run_of_a_container_is_asked_for_as_kubernetes_wants_it() -> None:
    assert LogAsk(container="main", previous=True).query() == {
        "container": "main",
        "timestamps": "true",
        "previous": "true",
    }


class Member:
    """A member with one pod of a Job: a fake of our own transport."""

    def __init__(self, body: dict[str, Any] | None) -> None:
        self.body = body
        self.containers: list[str] = []

    def get(self, path: str, query: dict[str, str], _timeout_s: float, **_more: Any) -> bytes:
        if path.endswith("/log"):
            self.containers.append(query["container"])
            return b"2026-11-21T10:00:00Z bye\n"
        assert query == {"fieldSelector": "metadata.name=fs-1-1-abcde"}, "our account may list pods, and get none"
        return json.dumps({"items": [self.body] if self.body else []}).encode()


@pytest.mark.parametrize(("form", "containers"), [("job", ["side"]), ("startd-job", ["startd"])])
def test_the_end_of_the_container_that_is_meant_is_kept_before_a_copy_is_deleted(
    tmp_path: Path, form: Any, containers: list[str]
) -> None:
    place = placement("1-1", "m1", form=form)
    ended = msgspec.structs.replace(thing(place, pod("fs-1-1-abcde", "succeeded")), kind="Job")
    member, store = Member(item("main", "side", default="side")), KeptLogs(tmp_path, 2**20)
    keeper = LogKeeper(member_file(), member, store, lambda: (ended,))  # type: ignore[arg-type]  # a fake
    keeper.before(DeleteObject("m1", "1-1", ended.name, "Job", ended.uid))
    assert member.containers == containers
    assert [line.text for line in store.read(store.all()[0])] == ["bye"]


def test_a_pod_that_is_gone_when_its_log_is_to_be_kept_is_no_error(tmp_path: Path) -> None:
    member = Member(None)
    assert pod_logs.first_container(member, "fedsched", "fs-1-1-abcde", 1.0) == ""  # type: ignore[arg-type]  # a fake
    assert not KeptLogs(tmp_path, 2**20).all()
