"""Names of other people's Kubernetes Jobs, and namespaces that are people, stay hidden where settings say so (N12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from fedsched.config.settings import Web
from fedsched.journal import Recorded
from fedsched.matchmaker.model import Order, Principal, Room
from tests.answers.jobs import after, copy_of, cycle, decided, job, queue, shape
from tests.matchmaker.builders import T0, group, member, pod, res
from tests.web.daemons import Daemon

HEADER = "X-User"
ADA, BOB = Principal("guest.ada", "ada"), Principal("guest.bob", "bob")
SECRET, MINE, SHARED = "nobel-prize-7", "my-own-fit", "alike"
TELLTALE = (SECRET, "bob", "Bob")


def recorded() -> Recorded:
    """Jobs of ada and of bob, whose namespaces are their names; one of bob's runs, one waits, one is refused."""
    his: dict[str, Any] = {"principal": BOB, "class_key": "of-bob", "namespace": "bob"}
    hers: dict[str, Any] = {"principal": ADA, "class_key": "of-ada", "namespace": "ada"}
    jobs = (
        job(SECRET, state="refused", problem=f"spec.x of bob/{SECRET} is unknown", uid="u-7", **his),
        *(job(SHARED, **hers), job(SHARED, **his), job(MINE, **hers)),
    )
    first = cycle(
        queue(*jobs, demand=shape(key="of-bob", principal=BOB)),
        queue(name="second", demand=shape(key="of-ada", principal=ADA)),
        members=(member("m1", group(rooms=(Room(res(1, 4, pods=5), 1),))),),
    )
    plan = decided(first)
    order = Order("hold", "u-7", f"bob asked for it: bob/{SECRET}", "bob", T0)
    snap = after(first, plan, copy_of(plan, pod("fs-x-1", started_at=T0 + 5)), seconds=30)
    snap = msgspec.structs.replace(snap, orders=(order,))
    return Recorded(snap, decided(snap))


@pytest.fixture(scope="module")
def hiding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder: Path = tmp_path_factory.mktemp("names")
    with closing(Daemon(Web(names="own", user_header=HEADER), folder, recorded())) as made:
        yield made


def get(daemon: Daemon, path: str, user: str = "ada") -> httpx.Response:
    return httpx.get(f"{daemon.url}/api/v1/{path}", headers={HEADER: user}, timeout=20)


PATHS = ("jobs?state=all", "queue", "shares", "clusters", "overview", "explain-cluster/m1", "explain/ada/alike")


@pytest.mark.parametrize("path", PATHS)
def test_no_answer_names_anothers_job_or_his_namespace(hiding: Daemon, path: str) -> None:
    answer = get(hiding, path)
    assert answer.status_code == 200, answer.text
    assert not [text for text in TELLTALE if text in answer.text]


def test_his_own_jobs_he_sees_under_their_names(hiding: Daemon) -> None:
    jobs = {one["job"] for one in get(hiding, "jobs?state=all").json()["jobs"]}
    assert {f"ada/{MINE}", f"ada/{SHARED}"} < jobs
    assert len(jobs) == 4
    assert get(hiding, f"explain/ada/{MINE}").json()["job"] == f"hub:ada/{MINE}"
    assert get(hiding, f"explain/job/{MINE}").json()["job"] == f"hub:ada/{MINE}"


def test_a_pseudonym_that_was_shown_may_be_asked_about_and_a_name_may_not(hiding: Daemon) -> None:
    (theirs,) = {
        one["job"] for one in get(hiding, "jobs?state=refused").json()["jobs"] if not one["job"].startswith("ada/")
    }
    told = get(hiding, f"explain/{theirs}")
    assert told.status_code == 200, told.text
    assert told.json()["state"] == "refused"
    assert not [text for text in TELLTALE if text in told.text]
    nobody = get(hiding, "explain/bob/nothing-at-all")
    for name in (f"bob/{SECRET}", f"hub:bob/{SECRET}", f"job/{SECRET}", SECRET):
        answer = get(hiding, f"explain/{name}")
        assert (answer.status_code, answer.json()["text"]) == (404, nobody.json()["text"])


def test_of_jobs_that_are_called_alike_his_own_is_meant_and_no_other_is_hinted_at(hiding: Daemon) -> None:
    assert get(hiding, f"explain/job/{SHARED}").json()["job"] == f"hub:ada/{SHARED}"
    assert get(hiding, f"explain/{SHARED}").json()["job"] == f"hub:ada/{SHARED}"


def test_whoever_may_see_all_names_sees_jobs_under_theirs(hiding: Daemon, tmp_path: Path) -> None:
    with closing(Daemon(Web(), tmp_path, recorded())) as daemon:
        assert f"bob/{SECRET}" in httpx.get(f"{daemon.url}/api/v1/jobs?state=all").text
    assert hiding.last is not None
