"""Verbs about Kubernetes Jobs as a person types them, over a journal's last cycle: names, lists, story, completion."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from fedsched.cli import main
from fedsched.journal import Account, Holder, Recorded, open_journal
from fedsched.journal.records import Commit, PodTimes
from fedsched.kube.kept_logs import KeptLogs
from fedsched.matchmaker.model import Order, Policy, Room
from tests.answers.jobs import ALICE, after, copy_of, cycle, decided, job, queue
from tests.cli.conftest import Fedsched, Said
from tests.matchmaker.builders import T0, group, member, pod, res

LAPTOP = """id = "lap"
journal = "sqlite:fedsched.db"
listen = "127.0.0.1:0"

[[queue]]
name = "hub"
kind = "journal"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One Job runs, one waits, one is held; one of another namespace that is called alike is refused; one is gone."""
    small = (member("m1", group(nodes=1, rooms=(Room(res(1, 4, pods=5), 1),))),)
    alike = job("fit", namespace="cms", state="refused", problem="spec.template.spec.hostPID: is not taken")
    first = cycle(queue(job("fit", created_at=T0 - 500), job("late"), job("kept"), alike), members=small)
    first = msgspec.structs.replace(first, orders=(Order("hold", "uid-default-kept", "not now", "carol", T0),))
    plan = decided(first)
    full = (member("m1", group(nodes=1, rooms=(Room(res(0, 0, 0, pods=5), 1),)), at=T0 + 30),)
    snap = after(first, plan, copy_of(plan, pod("fs-x-1", started_at=T0 + 5)), seconds=30, members=full)
    place = plan.held[0].placement
    gone = Account("9-9", "m1", "g", "job", ALICE, "", place.size, T0 - 900, job="default/old", job_uid="u-old")
    gone.schedd, gone.ended_at, gone.why = "hub", T0 - 300, "finished"
    gone.pods["fs-9-9-abcde"] = PodTimes("n1", T0 - 800, T0 - 400, 3)
    with closing(open_journal(f"sqlite:{tmp_path / 'fedsched.db'}")) as journal:
        journal.acquire_lease(Holder.mine(), 86_400.0, T0)
        for order in snap.orders:
            journal.add_order(order)
        journal.commit_cycle(Commit(Recorded(snap, decided(snap), policy="p"), Policy(), ended=(gone,)))
    KeptLogs(tmp_path / "records" / "logs", 2**20).keep("m1", "fs-9-9-abcde", b"2026-11-21T10:00:00Z the end\n")
    (tmp_path / "fedsched.toml").write_text(LAPTOP, encoding="utf-8")
    (tmp_path / "clusters").mkdir()
    return tmp_path


@pytest.fixture
def fedsched(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fedsched:
    monkeypatch.setenv("FEDSCHED_CONFIG", str(folder / "fedsched.toml"))
    monkeypatch.delenv("FEDSCHED_SERVER", raising=False)
    monkeypatch.setattr("time.time", lambda: T0 + 34)

    def run(*words: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        captured = capsys.readouterr()
        return Said(ended.value.code if isinstance(ended.value.code, int) else 0, captured.out, captured.err)

    return run


def test_q_lists_classes_with_their_queue_and_jobs_with_member_and_one_word(fedsched: Fedsched) -> None:
    classes = fedsched("q")
    assert "SOURCE" in classes.out
    assert "hub" in classes.out
    listed = fedsched("q", "--jobs")
    rows = {line.split()[0]: line for line in listed.out.splitlines() if "/" in line}
    assert rows["default/fit"].split()[1:3] == ["hub", "running"]
    assert "m1" in rows["default/fit"]
    assert rows["default/late"].rstrip().endswith("no-room")
    assert "not now" in rows["default/kept"]
    assert "hostPID" in rows["cms/fit"]
    assert "4 of 4 Kubernetes Jobs of queues" in listed.out
    page = fedsched("q", "--jobs", "--limit", "2")
    assert "--after hub:default/fit" in page.out
    rest = fedsched("q", "--jobs", "--limit", "2", "--after", "hub:default/fit", "-o", "json").json()
    assert [one["job"] for one in rest["queued"]] == ["default/kept", "default/late"]


def test_explain_tells_a_job_by_any_of_its_names_and_lists_those_that_are_called_alike(fedsched: Fedsched) -> None:
    for name in ("default/fit", "hub:default/fit", "uid-default-fit"):
        said = fedsched("explain", name)
        assert said.out.startswith("hub:default/fit has run for 25 s in pod fs-x-1 at m1/g on node n1.")
        assert "not used" in said.out
    alike = fedsched("explain", "job/fit")
    assert alike.code != 0
    assert "cms/fit" in alike.err
    assert "default/fit" in alike.err
    held = fedsched("explain", "default/kept")
    assert "was held" in held.out
    assert "fedsched release hub:default/kept" in held.out


def test_the_story_and_the_kept_log_of_a_job_that_is_gone_are_found_by_its_name(fedsched: Fedsched) -> None:
    for name in ("default/old", "hub:default/old", "job/old", "u-old"):
        story = fedsched("events", name, "-o", "json").json()["events"]
        assert [one["kind"] for one in story] == ["pod-started", "pod-ended", "gone"]
        assert "exit code 3" in story[1]["text"]
    told = fedsched("logs", "default/old")
    assert told.out == "the end\n"
    waits = fedsched("logs", "default/late")
    assert "has no copy at any member yet" in waits.err


def test_names_of_jobs_are_completed(fedsched: Fedsched) -> None:
    def words(*typed: str) -> list[str]:
        return fedsched("completion", "words", "--", *typed).out.split()

    assert words("explain", "default/") == ["default/fit", "default/kept", "default/late"]
    assert words("logs", "cms") == ["cms/fit"]
    assert words("cancel", "default/k") == ["default/kept"]
    assert words("hold", "default/fit", "cm") == ["cms/fit"]


def test_logs_of_another_machines_daemon_are_asked_of_it(
    fedsched: Fedsched,
) -> None:
    said = fedsched("logs", "default/fit", "--server", "127.0.0.1:1")
    assert said.code == 5
    assert "no answer from http://127.0.0.1:1" in said.err
    wrong = fedsched("logs", "--user", "ann", "--server", "127.0.0.1:1")
    assert "one job is asked for by its name" in wrong.err


def test_of_a_job_with_many_pods_one_is_asked_for_by_its_name(folder: Path, fedsched: Fedsched) -> None:
    """Pods of an indexed Job have their index in their names."""
    store = KeptLogs(folder / "records" / "logs", 2**20)
    store.keep("m1", "fs-9-9-17-vwxyz", b"2026-11-21T10:00:01Z of index 17\n")
    both = fedsched("logs", "default/old").out.splitlines()
    assert [line.rpartition("  ")[2] for line in both] == ["the end", "of index 17"]
    assert fedsched("logs", "fs-9-9-17-vwxyz").out == "of index 17\n"
    assert fedsched("logs", "fs-9-9-abcde").out == "the end\n"


def test_a_job_that_waits_is_explained_with_what_would_help_and_when_it_starts(fedsched: Fedsched) -> None:
    said = fedsched("explain", "job/late")
    assert said.code == 0, said.err
    assert said.out.startswith("The idle job hub:default/late waits because no node of m1/g has room now")
    assert "startd" not in said.out.partition("LINK")[0]
    since = fedsched("explain", "default/late", "--since", "1h")
    assert since.code == 0, since.err
