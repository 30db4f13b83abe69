"""A user asks a running daemon of jobs that no class keeps by name (E1), and for single jobs (N2)."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from fedsched.answers import finding
from fedsched.answers.finding import JobFinder
from fedsched.client import NoAnswer
from tests.condor.pools import federation, job, settings, until
from tests.federation.harness import Federation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.condor.conftest import Guest
    from tests.laboratory.pool import Pool

pytestmark = pytest.mark.condor


@pytest.fixture
def hub(tmp_path: Path, target_pool: Pool) -> Iterator[Federation]:
    """A federation without members, its daemon at work."""
    one = Federation(tmp_path / "hub", target_pool)
    one.start()
    yield one
    one.stop()
    print(one.log()[-3000:])


def test_the_sixth_job_a_held_one_and_a_removed_one_are_explained_by_their_own_ads(
    hub: Federation, guest: Guest
) -> None:
    cluster = guest.submit_text("alice", job(7, request_memory=1000))
    (line,) = until("the class", lambda: hub.json("q")["classes"], 60)
    key, schedd = line["demand"]["key"], line["demand"]["schedd"]
    assert f"{cluster}.4" not in line["demand"]["examples"] or f"{cluster}.5" not in line["demand"]["examples"]
    for number in (f"{cluster}.{proc}" for proc in range(7)):
        said = hub.json("explain", f"{number}@{schedd}", "--no-counterfactuals")
        assert (said["explanation"]["key"], said["state"], said["job"]) == (key, "idle", f"{number}@{schedd}")
    guest.pool.run("condor_hold", "-reason", "too much memory", f"{cluster}.5")
    guest.pool.run("condor_rm", f"{cluster}.6")

    def state(number: str) -> dict[str, Any]:
        return dict(hub.json("explain", f"{number}@{schedd}", "--no-counterfactuals"))

    held = until("held", lambda: [one for one in [state(f"{cluster}.5")] if one["state"] == "held"], 60)[0]
    assert "too much memory" in str(held["explanation"])
    until("finished", lambda: state(f"{cluster}.6")["state"] == "finished", 60)
    listed = hub.json("q", "--jobs")
    states = {one["job"]: one["state"] for one in listed["jobs"]}
    assert states == {f"{cluster}.{proc}": "held" if proc == 5 else "idle" for proc in range(6)}


def test_an_answer_serves_for_a_while_and_a_question_too_many_is_turned_away(
    target_pool: Pool, guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "PATIENCE_S", 0.2)
    until("the schedd", lambda: target_pool.ads("Scheduler"), 60)
    cluster = guest.submit_text("alice", job(1))
    now = [0.0]
    find = JobFinder(federation(settings(target_pool, tmp_path), query_limit_s=8), lambda: now[0])
    try:
        first = find(f"{cluster}.0", "")
        assert first is not None
        guest.pool.pause_daemon("SCHEDD")
        try:
            assert find(f"{cluster}.0", "") == first
            busy = [threading.Thread(target=_asked, args=(find, f"{cluster}.{proc}")) for proc in (1, 2)]
            for one in busy:
                one.start()
            until("both under way", lambda: not find._turns._value)
            began = time.monotonic()
            assert _asked(find, f"{cluster}.3") == "busy"
            assert time.monotonic() - began < 7
        finally:
            guest.pool.resume_daemon("SCHEDD")
        for one in busy:
            one.join(30)
        now[0] = finding.KEPT_S + 1
        guest.pool.run("condor_hold", f"{cluster}.0")
        again = find(f"{cluster}.0", "")
        assert again is not None
        assert again.state == "held"
    finally:
        find.close()


def _asked(find: Callable[[str, str], object], number: str) -> str:
    try:
        find(number, "")
    except NoAnswer as error:
        return error.what
    return ""


def test_a_pool_that_is_not_there_is_told_as_unreachable(tmp_path: Path, guest: Guest) -> None:
    made = settings(guest.pool, tmp_path, "gone")
    find = JobFinder(federation(type(made)("gone", f"{guest.pool.host}:9"), query_limit_s=3))
    try:
        with pytest.raises(NoAnswer, match="pool gone") as failed:
            find("1.0", "")
        assert failed.value.what == "unreachable"
    finally:
        find.close()
