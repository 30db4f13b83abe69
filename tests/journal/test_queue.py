"""The journal's queue as the daemon sees it: soon, whole, cheap, and told only what it still is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fedsched.config.settings import Federation, QueuePrincipal, QueueSettings
from fedsched.federation import journal_queue, submitted
from fedsched.federation.journal_queue import JournalQueue
from fedsched.journal import JobTable, Limits, NewJob, SqliteJournal, SubmittedJob
from fedsched.matchmaker.model import JobCondition, JobStatus, Order, Principal, ScheddView, TellJob

AT = time.time()
RULES = (QueuePrincipal("ann", groups=("physics", "physics.*"), default="physics"),)
COMPLETE = JobStatus(succeeded=1, conditions=(JobCondition("Complete", "True", at=AT),))


def manifest(name: str, **pod: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "registry.example/a:1", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "ann", "uid": f"uid-{name}"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container], **pod}}},
    }


def new(name: str, **pod: Any) -> NewJob:
    job = SubmittedJob(f"uid-{name}", "ann", name, "ann", Principal("physics", "ann"), AT, priority=3)
    return NewJob(job, json.dumps(manifest(name, **pod)).encode())


class Bench:
    """A journal with its table, and queues over it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "fedsched.db"
        self.woken = 0
        self.journal = SqliteJournal(self.path, Limits(age_s=100.0))
        self.table = JobTable(self.path)
        self._queues: list[JournalQueue] = []

    def queue(self) -> JournalQueue:
        settings = Federation("hep", journal=f"sqlite:{self.path}")
        made = JournalQueue(QueueSettings("local", "journal", principals=RULES), settings, self._wake)
        self._queues.append(made)
        made.start()
        return made

    def _wake(self) -> None:
        self.woken += 1

    def close(self) -> None:
        for queue in self._queues:
            queue.stop()
        self.table.close()
        self.journal.close()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(journal_queue, "LOOK_S", 0.05)
    with closing(Bench(tmp_path)) as made:
        yield made


def until(queue: JournalQueue, fits: Callable[[ScheddView], bool]) -> ScheddView:
    """The view once it is so; the last one in the failure."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        view = queue.latest()
        if view is not None and fits(view):
            return view
        time.sleep(0.02)
    raise AssertionError(queue.latest())


def tell(job: str, revision: int, status: JobStatus) -> TellJob:
    return TellJob("local", f"ann/{job}", f"uid-{job}", str(revision), status)


def test_submitted_jobs_are_seen_with_class_principal_and_priority_and_wake_a_cycle(bench: Bench) -> None:
    bench.table.add((new("b"), new("a"), new("gpu", nodeSelector={"x": "y"})))
    queue = bench.queue()
    view = until(queue, lambda view: bool(view.jobs))
    assert [(job.id, job.state, job.priority, job.principal) for job in view.jobs] == [
        ("ann/a", "waiting", 3, Principal("physics", "ann")),
        ("ann/b", "waiting", 3, Principal("physics", "ann")),
        ("ann/gpu", "waiting", 3, Principal("physics", "ann")),
    ]
    assert view.jobs[0].class_key == view.jobs[1].class_key != view.jobs[2].class_key
    assert {one.key for one in view.classes} == {job.class_key for job in view.jobs}
    assert (view.kind, view.name, view.error, all(one.job is not None for one in view.classes)) == (
        "jobs",
        "local",
        "",
        True,
    )
    woken = bench.woken
    bench.table.add((new("later"),))
    until(queue, lambda view: len(view.jobs) == 4)
    assert bench.woken > woken


def test_a_queue_that_never_held_anything_is_none(bench: Bench) -> None:
    queue = bench.queue()
    end = time.monotonic() + 10
    while queue.latest() is not None and time.monotonic() < end:
        time.sleep(0.02)
    assert queue.latest() is None


def test_a_job_that_the_rules_do_not_allow_any_more_is_refused_with_its_field(bench: Bench) -> None:
    greedy = manifest("greedy")
    greedy["metadata"]["labels"] = {"fedsched.io/group": "biology"}
    job = SubmittedJob("uid-greedy", "ann", "greedy", "ann", Principal("biology", "ann"), AT)
    bench.table.add((NewJob(job, json.dumps(greedy).encode()), new("host", ephemeralContainers=[{"name": "x"}])))
    view = until(bench.queue(), lambda view: bool(view.jobs))
    assert [(job.id, job.state, job.class_key) for job in view.jobs] == [
        ("ann/greedy", "refused", ""),
        ("ann/host", "refused", ""),
    ]
    assert "metadata.labels[fedsched.io/group]" in view.jobs[0].problem
    assert "spec.template.spec.ephemeralContainers" in view.jobs[1].problem


def test_a_status_is_seen_at_once_and_wakes_nobody_who_wrote_it(bench: Bench) -> None:
    bench.table.add((new("a"),))
    queue = bench.queue()
    (job,) = until(queue, lambda view: bool(view.jobs)).jobs
    reads = until(queue, lambda view: view.reads > 1).reads
    woken = bench.woken
    assert queue.tell(tell("a", int(job.resource_version), COMPLETE), AT).result == "done"
    (after,) = until(queue, lambda view: view.jobs[0].state == "over").jobs
    assert (after.status, after.resource_version) == (COMPLETE, "2")
    until(queue, lambda view: view.reads > reads + 2)
    assert bench.woken == woken


def test_a_status_for_a_job_that_is_gone_or_has_changed_is_told_as_that(bench: Bench) -> None:
    bench.table.add((new("a"),))
    queue = bench.queue()
    until(queue, lambda view: bool(view.jobs))
    assert queue.tell(tell("a", 7, COMPLETE), AT).result == "conflict"
    assert queue.tell(tell("z", 1, COMPLETE), AT).result == "gone"


def test_a_copy_is_made_from_the_job_as_it_was_submitted(bench: Bench) -> None:
    bench.table.add((new("a"),))
    queue = bench.queue()
    bundle = queue.bundle("ann/a", "uid-a", ("Secret",))
    assert bundle is not None
    assert (bundle.manifest, bundle.copies) == (manifest("a"), ())
    assert queue.bundle("ann/a", "uid-b", ()) is None
    assert queue.bundle("bob/a", "uid-a", ()) is None


def test_orders_for_jobs_wake_a_cycle(bench: Bench) -> None:
    bench.table.add((new("a"),))
    queue = bench.queue()
    until(queue, lambda view: view.reads > 1)
    woken = bench.woken
    bench.journal.add_order(Order("cancel", "uid-a", "why"))
    end = time.monotonic() + 10
    while bench.woken == woken and time.monotonic() < end:
        time.sleep(0.02)
    assert bench.woken > woken


def test_jobs_that_are_over_are_shown_for_a_while_and_swept_ones_go_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.table.add((new("a"), new("b"), new("c")))
    bench.table.tell("uid-a", 1, COMPLETE, AT - 50)
    bench.table.tell("uid-b", 2, COMPLETE, AT - 500)
    monkeypatch.setattr(submitted, "SHOWN_OVER_S", 40.0)
    queue = bench.queue()
    assert [job.id for job in until(queue, lambda view: bool(view.jobs)).jobs] == ["ann/c"]
    monkeypatch.setattr(submitted, "SHOWN_OVER_S", 4000.0)
    bench.table.add((new("d"),))
    assert [job.id for job in until(queue, lambda view: len(view.jobs) > 1).jobs] == [f"ann/{name}" for name in "abcd"]
    bench.journal.sweep(AT)
    assert [job.id for job in until(queue, lambda view: len(view.jobs) == 3).jobs] == ["ann/a", "ann/c", "ann/d"]


def test_a_journal_that_cannot_be_read_keeps_what_was_seen_and_says_so(bench: Bench) -> None:
    bench.table.add((new("a"),))
    queue = bench.queue()
    before = until(queue, lambda view: bool(view.jobs))
    bench.table._db.execute("ALTER TABLE marks RENAME TO away")
    view = until(queue, lambda view: bool(view.error))
    assert view.jobs == before.jobs
    assert "no such table" in view.error


def test_two_thousand_jobs_cost_a_cycle_little(bench: Bench) -> None:
    bench.table.add(tuple(new(f"j{number}") for number in range(2000)))
    queue = bench.queue()
    until(queue, lambda view: len(view.jobs) == 2000)
    began = time.process_time()
    for _ in range(100):
        queue.latest()
    assert time.process_time() - began < 1.0
