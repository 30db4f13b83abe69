"""Logs of pods that are gone: bounded, private, without secrets; fetched once and never in the way (L8)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedsched.kube import pod_logs
from fedsched.kube.kept_logs import MOST_OF_A_POD, KeptLogs
from fedsched.kube.log_keeper import LogKeeper
from fedsched.kube.pod_logs import Line, LogAsk
from fedsched.kube.transport import TransportError
from fedsched.matchmaker.model import DeleteObject, DeletePod, ObjectView
from tests.kube.write_builders import member as member_file
from tests.matchmaker.builders import placement, pod, thing

STAMP = "2026-11-21T10:00:00.{:06d}Z "
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


def text(*said: str) -> bytes:
    return b"".join((STAMP.format(n) + one + "\n").encode() for n, one in enumerate(said))


def test_lines_have_the_time_that_the_node_gave_them_and_none_is_lost() -> None:
    found = pod_logs.lines(text("one", "", "three") + b"no time\n\xff\xfe\n", 5.0)
    assert [line.text for line in found] == ["one", "", "three", "no time", "\ufffd\ufffd"]
    assert found[0].at == 1795255200.0
    assert found[3].at == found[2].at
    assert pod_logs.lines(b"bare\n", 5.0) == (Line(5.0, "bare"),)


def test_a_part_of_a_log_is_asked_for_by_time_and_by_lines() -> None:
    assert LogAsk(1795255200.9, 7).query() == {
        "container": "startd",
        "timestamps": "true",
        "sinceTime": "2026-11-21T10:00:00Z",
        "tailLines": "7",
    }


def test_what_is_kept_is_read_back_with_its_times(tmp_path: Path) -> None:
    store = KeptLogs(tmp_path, 2**20)
    store.keep("m1", "fs-1-1-abcde", text("one", "two"))
    (kept,) = store.all()
    assert (kept.member, kept.pod) == ("m1", "fs-1-1-abcde")
    assert [line.text for line in store.read(kept)] == ["one", "two"]


def test_secrets_never_reach_the_disk_even_when_only_the_end_of_a_key_is_left(tmp_path: Path) -> None:
    store = KeptLogs(tmp_path, 2**20)
    store.keep("m1", "a", text(f"token {TOKEN}", "Authorization: Bearer abcdefghijkl", "fine"))
    store.keep("m1", "b", b"cGVtIG9mIGEga2V5\n-----END RSA PRIVATE KEY-----\nfine\n")
    store.keep("m1", "c", b"-----BEGIN RSA PRIVATE KEY-----\ncGVtIG9mIGEga2V5\n")
    whole = b"".join(path.read_bytes() for path in tmp_path.rglob("*.log"))
    assert TOKEN.encode() not in whole
    assert b"abcdefghijkl" not in whole
    assert b"cGVt" not in whole
    assert whole.count(b"fine") == 2


def test_files_are_private_and_a_name_leads_nowhere_else(tmp_path: Path) -> None:
    store = KeptLogs(tmp_path / "logs", 2**20)
    for name in ("../evil", "a/b", "", "A", "x" * 300, ".hidden"):
        store.keep("m1", name, b"x\n")
        store.keep(name, "pod", b"x\n")
    assert not list(tmp_path.rglob("*"))
    store.keep("m1", "pod", b"x\n")
    (path,) = tmp_path.rglob("*.log")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_of_a_pod_the_end_is_kept_and_of_all_pods_the_youngest(tmp_path: Path) -> None:
    store = KeptLogs(tmp_path, 3 * MOST_OF_A_POD)
    for number in range(6):
        store.keep("m1", f"p{number}", b"".join(b"line %d\n" % n for n in range(20_000)))
        for path in tmp_path.rglob(f"p{number}.log"):
            os.utime(path, (number, number))
    kept = store.all()
    assert [one.pod for one in kept] == ["p3", "p4", "p5"]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.log")) <= 3 * MOST_OF_A_POD
    lines = store.read(kept[-1])
    assert lines[-1].text == "line 19999"
    assert lines[0].text.startswith("line ")


def test_with_nothing_to_keep_nothing_is_written(tmp_path: Path) -> None:
    KeptLogs(tmp_path, 0).keep("m1", "pod", b"x\n")
    assert not list(tmp_path.iterdir())


class Member:
    """Answers of a member to questions for logs: a fake of our own transport."""

    def __init__(self, answer: Callable[[str], bytes]) -> None:
        self.asked: list[str] = []
        self.limits: list[float] = []
        self._answer = answer

    def get(self, path: str, _query: dict[str, str], timeout_s: float, **_more: Any) -> bytes:
        self.asked.append(path.split("/")[-2])
        self.limits.append(timeout_s)
        return self._answer(path)


PLACE = placement("1-1", "m1")


def keeper(
    tmp_path: Path, answer: Callable[[str], bytes], *objects: ObjectView, most: int = 2**20
) -> tuple[LogKeeper, Member, KeptLogs]:
    member, store = Member(answer), KeptLogs(tmp_path, most)
    return LogKeeper(member_file(), member, store, lambda: objects), member, store  # type: ignore[arg-type]  # a fake


def deletion(of: ObjectView) -> DeleteObject:
    return DeleteObject("m1", of.placement_id, of.name, "Job", of.uid)


def test_before_an_object_is_deleted_the_logs_of_its_pods_are_fetched_once(tmp_path: Path) -> None:
    ended = thing(PLACE, pod("fs-1-1-abcde", "succeeded"))
    one, member, store = keeper(tmp_path, lambda _: text("bye"), ended)
    one.before(deletion(ended))
    one.before(deletion(ended))
    assert member.asked == ["fs-1-1-abcde"]
    assert [line.text for line in store.read(store.all()[0])] == ["bye"]


def test_a_pod_that_is_vacated_is_read_before_and_once_more_when_it_is_over(tmp_path: Path) -> None:
    running, over = pod("fs-1-1-abcde"), pod("fs-1-1-abcde", "failed")
    seen = [thing(PLACE, running)]
    member, store = Member(lambda _: text("now")), KeptLogs(tmp_path, 2**20)
    one = LogKeeper(member_file(), member, store, lambda: tuple(seen))  # type: ignore[arg-type]  # a fake
    vacate = DeletePod("m1", "1-1", running.name, running.uid, grace_s=5)
    one.before(vacate)
    one.before(vacate)
    assert len(member.asked) == 1
    seen[0] = thing(PLACE, over)
    one.before(deletion(seen[0]))
    one.before(deletion(seen[0]))
    assert len(member.asked) == 2


def test_a_pod_that_ends_without_us_is_read_by_a_thread_of_its_own(tmp_path: Path) -> None:
    asked = threading.Event()

    def answer(_path: str) -> bytes:
        asked.set()
        return text("gone")

    one, _, _ = keeper(tmp_path, answer, thing(PLACE, pod("fs-1-1-abcde", "failed")))
    one.start()
    one.moved()
    assert asked.wait(5)
    one.stop()


def test_a_node_that_does_not_answer_delays_one_deletion_and_no_other(tmp_path: Path) -> None:
    objects = [thing(placement(f"1-{n}", "m1"), pod(f"fs-1-{n}-abcde", "failed")) for n in range(5)]

    def silent(_path: str) -> bytes:
        raise TransportError("timeout", "no answer within 2 s")

    one, member, store = keeper(tmp_path, silent, *objects)
    for each in objects:
        one.before(deletion(each))
    assert len(member.asked) == 1
    assert member.limits[0] <= 2.0
    assert not store.all()


def test_two_silent_nodes_speak_for_all_so_that_deletions_do_not_pay_for_each(tmp_path: Path) -> None:
    objects = [thing(placement(f"1-{n}", "m1"), pod(f"fs-1-{n}-abcde", "failed", node=f"n{n}")) for n in range(9)]

    def silent(_path: str) -> bytes:
        raise TransportError("error", "HTTP 502", status=502)

    one, member, _ = keeper(tmp_path, silent, *objects)
    for each in objects:
        one.before(deletion(each))
    assert len(member.asked) == 2


def test_without_the_right_nothing_is_tried_any_more(tmp_path: Path) -> None:
    objects = [thing(placement(f"1-{n}", "m1"), pod(f"fs-1-{n}-abcde", "failed", node=f"n{n}")) for n in range(3)]

    def forbidden(_path: str) -> bytes:
        raise TransportError("forbidden", "HTTP 403", status=403)

    one, member, _ = keeper(tmp_path, forbidden, *objects)
    for each in objects:
        one.before(deletion(each))
    assert len(member.asked) == 1


@pytest.mark.parametrize("status", [400, 404])
def test_a_container_that_never_began_has_no_log_and_that_is_no_failure(tmp_path: Path, status: int) -> None:
    def nothing(_path: str) -> bytes:
        raise TransportError("error", "waiting to start", status=status)

    one, member, store = keeper(tmp_path, nothing, thing(PLACE, pod("fs-1-1-abcde", "failed")))
    one.before(deletion(thing(PLACE)))
    assert member.asked
    assert not store.all()


def test_where_nothing_is_to_be_kept_nobody_is_asked(tmp_path: Path) -> None:
    ended = thing(PLACE, pod("fs-1-1-abcde", "succeeded"))
    one, member, _ = keeper(tmp_path, lambda _: text("x"), ended, most=0)
    one.before(deletion(ended))
    one.start()
    assert not member.asked


def test_of_a_users_job_the_first_container_is_read_and_found_by_a_list_which_is_all_that_we_may(
    tmp_path: Path,
) -> None:
    job = thing(msgspec.structs.replace(PLACE, form="job"), pod("fs-1-1-abcde", "succeeded"))
    labels = {"fedsched.io/job-uid": "u"}
    listed = {
        "items": [{"metadata": {"name": "fs-1-1-abcde", "labels": labels}, "spec": {"containers": [{"name": "m"}]}}]
    }

    def answer(path: str) -> bytes:
        return msgspec.json.encode(listed) if path.endswith("/pods") else text("theirs")

    one, member, store = keeper(tmp_path, answer, job)
    one.before(deletion(job))
    assert [line.text for line in store.read(store.all()[0])] == ["theirs"]
    assert len(member.asked) == 2
