"""Kubernetes Jobs in the dashboard: their classes with the queue, a page for each by its name, and what it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fedsched.config.settings import Web
from fedsched.journal import Recorded
from fedsched.matchmaker.model import Room
from tests.answers.jobs import after, copy_of, cycle, decided, job, queue
from tests.browser.conftest import Visiting
from tests.matchmaker.builders import T0, group, member, pod, res
from tests.web.daemons import Daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One Job runs, one waits as there is no room for it, one is refused."""
    folder: Path = tmp_path_factory.mktemp("jobs")
    small = (member("m1", group(nodes=1, rooms=(Room(res(1, 4, pods=5), 1),))),)
    refused = job("odd", state="refused", problem="spec.template.spec.hostPID: is not taken")
    first = cycle(queue(job("fit", created_at=T0 - 500), job("late"), refused), members=small)
    plan = decided(first)
    snap = after(first, plan, copy_of(plan, pod("fs-x-1", started_at=T0 + 5)), seconds=30)
    with closing(Daemon(Web(), folder, Recorded(snap, decided(snap)))) as made:
        yield made


def test_a_job_is_found_by_its_name_and_told_without_a_startd(daemon: Daemon, visit: Visiting) -> None:
    with visit(f"{daemon.url}/") as seen:
        page = seen.open()
        expect(page.locator("#queue")).to_contain_text("queue hub")
        startds = page.locator("dl.totals > div", has_text="startds claimed")
        expect(startds.locator("b")).to_have_text("0")
        expect(startds).to_contain_text("Jobs: 1 starting, 1 running")
        page.get_by_label("Job, as CLUSTER.PROC").fill("default/fit")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("hub:default/fit")
        expect(page.locator(".sentence")).to_contain_text("has run for")
        expect(page.locator(".link-not-used")).to_contain_text("Runs without a startd")
        wrote = page.get_by_role("link", name="what its pods wrote")
        assert str(wrote.get_attribute("href")).endswith("api/v1/jobs/hub%3Adefault%2Ffit/logs")
        assert seen.problems == []


def test_a_refused_job_is_told_its_field_and_has_no_logs(daemon: Daemon, visit: Visiting) -> None:
    with visit(f"{daemon.url}/") as seen:
        page = seen.open("job/hub%3Adefault%2Fodd")
        expect(page.locator(".sentence")).to_contain_text("spec.template.spec.hostPID")
        expect(page.get_by_role("link", name="what its pods wrote")).to_have_count(0)
