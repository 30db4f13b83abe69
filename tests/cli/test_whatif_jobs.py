"""`whatif`, `drain --plan` and `eta` say true things of users' Jobs: what holds them, what comes, what is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fedsched.cli import main
from fedsched.cli.drained import listing
from fedsched.cli.planned import planned
from fedsched.cli.supposed import without_member
from fedsched.cli.unheard import told, unheard
from fedsched.forecast import as_counted
from fedsched.journal import Holder, Recorded, open_journal
from fedsched.log import configure
from fedsched.loop import Mind, decide
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import CreateObject, Order, Principal, Room
from fedsched.matchmaker.negotiate import negotiate
from fedsched.replay import class_names, differences, tell
from tests.cli.conftest import LAPTOP, MEMBER, Fedsched, Said
from tests.forecast.queues import queued, scenario, with_jobs
from tests.forecast.small import ANN, policy

EVE = Principal("hep", "eve@site")
JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: more}
spec:
  parallelism: 2
  completions: 2
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: busybox, resources: {requests: {cpu: "3", memory: 1Gi}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members of one node each, full of Jobs of an hour at most, ten minutes after they came; two wait."""
    configure(level="critical")
    where = tmp_path_factory.mktemp("jobs")
    work = (
        *queued(ANN, 4, runs_s=1500.0, pods=2, gang=True, deadline_s=3600),
        *queued(EVE, 1, runs_s=1500.0, deadline_s=3600, rerun="never"),
    )
    made = msgspec.structs.replace(scenario(work, members=2), begins=time.time() - 605)
    with with_jobs(where, made, policy()) as run:
        run.until(600)
    (where / "fedsched.toml").write_text(LAPTOP.replace('"local"', '"hub"'), encoding="utf-8")
    (where / "clusters").mkdir()
    for name in ("m1", "m2"):
        (where / "clusters" / f"{name}.toml").write_text(MEMBER.format(name=name), encoding="utf-8")
    (where / "job.yaml").write_text(JOB, encoding="utf-8")
    return where


@pytest.fixture
def last(folder: Path) -> Iterator[Recorded]:
    journal = open_journal(f"sqlite:{folder / 'fedsched.db'}")
    recorded = journal.last_cycle()
    assert recorded is not None
    yield recorded
    journal.close()


def test_jobs_whose_member_is_lost_are_told_with_when_their_copies_have_surely_ended(last: Recorded) -> None:
    rows = unheard(last.snapshot, ("m1", "m2"))
    running = [held.placement for held in last.plan.held]
    assert {one.id for one in rows} == {f"hub:{one.job}" for one in running}
    for one in rows:
        if one.principal == str(EVE):
            assert (one.free_at, one.why) == (None, "it says so itself")
        else:
            assert one.free_at is not None
            assert 2 * 3600 - 700 < one.free_at - last.plan.at < 2 * 3600
    assert any("placed again before its own deadline" in text for text in told(rows, last.plan.at))


def test_a_lost_member_s_jobs_are_not_placed_again_by_the_decision_and_are_after_their_deadlines(
    last: Recorded,
) -> None:
    mind = Mind(negotiate, changes, policy(), last.snapshot.terms, last.snapshot.pools)
    lost = {held.placement.job for held in last.plan.held if held.placement.member == "m1"}
    left = without_member(last.snapshot, "m1")
    plan, wanted = decide(mind, left)
    assert lost
    assert not lost & {one.placement.job for one in wanted if isinstance(one, CreateObject)}
    assert lost <= {held.placement.job for held in plan.held}
    free_at = max(one.free_at or 0.0 for one in unheard(last.snapshot, ("m1",)))
    seen = msgspec.structs.replace(left.observation, at=free_at + 1)
    plan, _ = decide(mind, msgspec.structs.replace(left, observation=seen))
    after = {held.placement.job for held in plan.held if held.placement.member == "m1"}
    assert after <= {job for job in lost if job.startswith("eve")}


def test_a_drain_says_of_each_copy_when_it_ends_and_that_its_job_is_queued_again(last: Recorded) -> None:
    order = Order("drain", "m1", "x", at=last.plan.at, deadline_at=last.plan.at + 120)
    rows = listing(last.plan.held, order, last.observation)
    copies = [held for held in last.plan.held if held.placement.member == "m1"]
    assert len(rows) == len(copies) > 0
    for row in rows:
        assert row.jobs == 1
        assert row.running[0].job
        assert row.what.endswith("queued again")


def test_two_plans_that_run_different_jobs_of_one_kind_differ_in_these(last: Recorded) -> None:
    plan = last.plan
    first = next(held for held in plan.held if held.placement.principal == ANN)
    swapped = msgspec.structs.replace(first.placement, job="ann/step-99")
    other = msgspec.structs.replace(
        plan,
        held=tuple(msgspec.structs.replace(one, placement=swapped) if one is first else one for one in plan.held),
    )
    (sentence,) = tell(differences(plan, other), class_names(last.observation))
    assert sentence.startswith(f"Other Jobs for {ANN} on ")
    assert f"hub:ann/step-99 instead of hub:{first.placement.job}" in sentence


@pytest.fixture
def fedsched(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fedsched:
    """One command line a few seconds after the last cycle."""
    monkeypatch.setenv("FEDSCHED_CONFIG", str(folder / "fedsched.toml"))
    monkeypatch.delenv("FEDSCHED_SERVER", raising=False)
    journal = open_journal(f"sqlite:{folder / 'fedsched.db'}")
    cycle = journal.last_cycle()
    assert cycle is not None
    now = cycle.plan.at + 5.0
    journal.acquire_lease(Holder.mine(), 86_400.0, now)
    journal.close()
    monkeypatch.setattr("time.time", lambda: now)

    def run(*words: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        captured = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


def test_a_kubernetes_job_in_thought_is_one_more_of_its_queue(fedsched: Fedsched, folder: Path) -> None:
    found = fedsched("whatif", "--jobs", str(folder / "job.yaml"), "-o", "json").json()
    (mine,) = (one for one in found["principals"] if not one["before"]["idle"] and one["after"]["idle"])
    assert mine["after"]["idle"] == mine["after"]["unmet"] == 1
    assert any("Jobs of 2 pods of 3 cores" in text and "in queue hub" in text for text in found["sentences"])


def test_a_lost_member_s_jobs_stand_in_the_answer(fedsched: Fedsched) -> None:
    found = fedsched("whatif", "--lose", "m1", "-o", "json").json()
    assert found["unheard"]
    assert {one["member"] for one in found["unheard"]} == {"m1"}
    ahead = fedsched("whatif", "--lose", "m1", "--hours", "4").out
    assert "none is placed again before its own deadline" in " ".join(ahead.split())


def test_waiting_jobs_have_estimates(fedsched: Fedsched) -> None:
    found = fedsched("eta", "-o", "json").json()
    (mine,) = (one for one in found["classes"] if one["principal"] == str(ANN))
    assert mine["idle"] >= 1
    assert mine["next"].get("high_s", 0) > 0


def test_one_waiting_job_is_told_its_own_place_in_line_and_one_that_runs_that_it_does_not_wait(
    fedsched: Fedsched, last: Recorded
) -> None:
    running = {held.placement.job for held in last.plan.held}
    line = [job.id for job in last.observation.schedds[0].jobs if job.id not in running]
    (one,) = fedsched("eta", f"hub:{line[-1]}", "-o", "json").json()["classes"]
    assert one["next"]["position"] == len(line)
    assert one["next"]["high_s"] > 0
    said = fedsched("eta", f"hub:{min(running)}")
    assert said.code
    assert "does not wait for a place: it is running" in said.err
    told_ = " ".join(fedsched("explain", f"hub:{line[-1]}", "--no-counterfactuals").out.split())
    assert "starts in" in told_ or "starts within" in told_


def test_a_plan_names_the_jobs_that_it_would_place_with_their_pods(last: Recorded) -> None:
    seen = msgspec.structs.replace(last.snapshot.observation, objects=())
    jobs = tuple(msgspec.structs.replace(view, jobs=view.jobs[:2]) for view in seen.schedds)
    views = tuple(
        msgspec.structs.replace(
            one,
            node_groups=tuple(
                msgspec.structs.replace(group, rooms=(Room(group.allocatable, 1),)) for group in one.node_groups
            ),
        )
        for one in seen.members
    )
    empty = msgspec.structs.replace(last.snapshot.memory, held=())
    seen = msgspec.structs.replace(seen, schedds=jobs, members=views)
    snapshot = msgspec.structs.replace(last.snapshot, observation=seen, memory=empty)
    decision = decide(Mind(negotiate, changes, policy(), snapshot.terms, snapshot.pools), snapshot)
    (row,) = planned(decision, as_counted(snapshot, ())).created
    names = sorted(one.id for view in jobs for one in view.jobs)
    assert (row.count, row.pods, list(row.jobs)) == (2, 2, names)
    assert f"2 Jobs of 2 pods of 1 core · 2 GiB · 1 GiB disk each, hub:{names[0]}, hub:{names[1]}, of 2" in row.text()
