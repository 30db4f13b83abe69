"""O1: Kubernetes Jobs by queue and state, their copies by member, statuses told and untold; no Job is named."""

from __future__ import annotations

from pathlib import Path

import msgspec
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fedsched.answers import View
from fedsched.journal import Recorded
from fedsched.matchmaker.model import Outcome, Plan, TellJob
from fedsched.web.metrics import Metrics, Sources
from tests.answers.jobs import after, copy_of, cycle, decided, job, queue, view
from tests.matchmaker.builders import T0, pod

REFUSED = job("bad", state="refused", problem="spec.template.spec.hostNetwork: true is not allowed")
"""Told so at once, as one that is placed is not."""


def scrape(metrics: Metrics) -> dict[str, float]:

    text = generate_latest(metrics._registry).decode()
    return {
        f"{sample.name}{[value for _, value in sorted(sample.labels.items())]}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def watched(tmp_path: Path, shown: list[View]) -> Metrics:
    return Metrics(
        lambda: shown[-1] if shown else None, Sources(lambda: (200, {}), lambda: T0 + 90, f"sqlite:{tmp_path}/j")
    )


def test_jobs_copies_and_statuses_are_counted_by_queue_and_member(tmp_path: Path) -> None:
    snap = cycle(queue(job(), job("other"), job("gone", state="over"), REFUSED))
    plan = decided(snap)
    shown = [view(snap, plan)]
    metrics = watched(tmp_path, shown)
    metrics.see(Recorded(snap, plan))
    found = scrape(metrics)
    assert found["fedsched_jobs['hub', 'starting']"] == 2
    assert found["fedsched_jobs['hub', 'finished']"] == 1
    assert found["fedsched_jobs['hub', 'running']"] == 0
    assert found["fedsched_job_copies['m1', 'starting']"] == 2
    assert found["fedsched_startds['m1', 'intended']"] == 0
    assert plan.tell
    assert found["fedsched_job_status_untold_seconds['hub']"] == 90
    then = after(snap, plan, copy_of(plan, pod("fs-x-1", started_at=T0 + 5)))
    then = msgspec.structs.replace(
        then, outcomes=(Outcome(plan.tell[0], "done", T0 + 1), Outcome(plan.tell[0], "conflict", T0 + 2))
    )
    later = decided(then)
    shown.append(view(then, later))
    metrics.see(Recorded(then, later))
    found = scrape(metrics)
    assert found["fedsched_job_statuses_total['hub', 'done']"] == 1
    assert found["fedsched_job_statuses_total['hub', 'conflict']"] == 1
    assert found["fedsched_jobs['hub', 'running']"] == 1


def test_a_status_that_was_told_is_no_longer_untold(tmp_path: Path) -> None:
    snap = cycle(queue(REFUSED))
    plan = decided(snap)
    metrics = watched(tmp_path, [view(snap, plan)])
    metrics.see(Recorded(snap, plan))
    assert scrape(metrics)["fedsched_job_status_untold_seconds['hub']"] == 90
    told: Plan = msgspec.structs.replace(plan, tell=())
    metrics.see(Recorded(snap, told))
    assert scrape(metrics)["fedsched_job_status_untold_seconds['hub']"] == 0
    late = msgspec.structs.replace(
        plan, at=T0 + 80, tell=(msgspec.structs.replace(plan.tell[0], resource_version="9"),)
    )
    metrics.see(Recorded(snap, late))
    assert scrape(metrics)["fedsched_job_status_untold_seconds['hub']"] == 10
    assert isinstance(late.tell[0], TellJob)
