"""Pages that answer why: of a job, a cluster, a group, a placement; over the demo's daemon."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visiting
from tests.browser.test_large import inert
from tests.browser.visit import DESK, PATIENCE_MS, PHONE, Visit, until
from tests.browser.worlds import HOSTILE, Held, Large

TRIED = re.compile(r"\d+ changes? tried on cycle \d+ .*; \d+ would help")
PROVING = "fedsched.answers.proving"
LINKS = ["job", "demand class", "share", "member", "namespace quota", "node", "pod", "startd", "claim"]


def asked(seen: Visit, path: str) -> dict[str, Any]:
    """What the daemon says of itself."""
    answer: dict[str, Any] = seen.page.request.get(f"{seen.address}api/v1/{path}").json()
    return answer


def waiting(seen: Visit) -> dict[str, Any]:
    """The class with most jobs that wait."""
    found: dict[str, Any] = asked(seen, "queue?state=idle&limit=1")["classes"][0]["demand"]
    return found


def test_a_job_is_found_by_its_number_and_told_in_a_sentence_a_chain_and_by_every_member(
    conference: Held, visit: Visiting
) -> None:
    with visit(conference.address) as seen:
        page = seen.open()
        demand = waiting(seen)
        job = f"{demand['examples'][0]}@{demand['schedd']}"
        page.get_by_label("Job, as CLUSTER.PROC").fill(job)
        page.keyboard.press("Enter")
        expect(page.locator("article.why")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator("h1")).to_be_focused()
        expect(page.locator("h1")).to_contain_text(demand["examples"][0])
        expect(page.locator(".sentence")).to_have_text(re.compile(r"\w+.*\d.*\."))
        expect(page.locator(".next")).to_have_text(re.compile(r"Next: \w+"))
        assert page.locator(".chain li b").all_text_contents() == LINKS
        expect(page.locator(".chain [aria-current=step]")).to_have_count(1)
        members = page.get_by_role("table", name=re.compile("Each cluster's verdict"))
        expect(members.locator("tbody tr")).to_have_count(5)
        expect(page.locator("#history li").first).to_contain_text("cycle")
        assert job in page.title()


def test_what_would_help_follows_one_by_one_with_its_progress(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        seen.open()
        until(seen.page, "nobody proves", lambda: not children(PROVING))
        page = seen.follow("job", waiting(seen)["key"])
        helps = page.locator("#helps")
        expect(helps.locator("[role=status]")).to_have_text(TRIED, timeout=2 * PATIENCE_MS)
        for line in helps.locator("li").all():
            expect(line).to_contain_text("would start at once")
        helps.get_by_role("button", name="Try again").click()
        expect(helps.locator("[role=status]")).to_have_text(re.compile("tried"), timeout=2 * PATIENCE_MS)
        assert sum(one.endswith("/counterfactuals") for one in seen.asked) == 2


def children(text: str) -> list[int]:
    """Programs that this process began and that have that in their command line: others run tests beside it."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            parent = int((file.parent / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and text.encode() in file.read_bytes():
                found.append(int(file.parent.name))
    return found


def test_while_another_class_is_being_proven_it_is_said_and_then_ones_turn_comes(
    conference: Held, visit: Visiting
) -> None:
    with (
        visit(conference.address) as seen,
        httpx.Client(base_url=conference.address, timeout=PATIENCE_MS / 1000) as other,
    ):
        seen.open()
        key = waiting(seen)["key"]
        until(seen.page, "nobody proves", lambda: not children(PROVING))
        with other.stream("GET", f"api/v1/explain/{key}/counterfactuals"):
            until(seen.page, "it has begun", lambda: bool(children(PROVING)))
            for one in children(PROVING):
                os.kill(one, signal.SIGSTOP)
            page = seen.follow("job", key)
            status = page.locator("#helps [role=status]")
            expect(status).to_contain_text("Another class is being proven")
            expect(status).to_contain_text("Asked again until its turn comes")
        expect(status).to_have_text(TRIED, timeout=2 * PATIENCE_MS)


def test_a_job_that_nobody_knows_is_said_so_with_what_to_do(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        page = seen.open("job/999999.0")
        expect(page.get_by_role("alert")).to_contain_text("999999.0")
        expect(page.get_by_role("alert")).to_contain_text("Next:")
        assert seen.violations() == []
        page.locator("#home").click()
        expect(page.locator("#queue tbody tr").first).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
        seen.problems = [one for one in seen.problems if "status of 404" not in one]


def why(seen: Visit, kind: str) -> Page:
    """A page of that kind, reached by links as a person would."""
    page = seen.open()
    links = {
        "job": "#queue tbody a",
        "cluster": "#clusters tbody a",
        "group": "#shares tbody a",
        "decision": "#evictions a[href^='#/decision']",
    }
    page.locator(links[kind]).first.click()
    expect(page.locator("article.why .sentence")).to_be_visible(timeout=PATIENCE_MS)
    return page


@pytest.mark.parametrize("kind", ["job", "cluster", "group", "decision"])
def test_each_page_is_accessible_in_light_and_dark_on_desks_and_phones(
    conference: Held, visit: Visiting, kind: str
) -> None:
    for scheme, size in (("light", DESK), ("dark", PHONE)):
        with visit(conference.address, size=size, color_scheme=scheme) as seen:
            page = why(seen, kind)
            if kind == "job":
                expect(page.locator("#helps [role=status]")).to_contain_text("tried", timeout=2 * PATIENCE_MS)
            seen.shot(f"{kind}-{scheme}-{size[0]}")
            assert seen.violations() == []
            assert seen.overflow() <= 0


def test_a_page_of_why_follows_the_cycles(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        page = why(seen, "cluster")
        before = seen.cycle()
        with conference.lively():
            until(page, "two more cycles", lambda: seen.cycle() >= before + 2)
        expect(page.locator("article.why .sentence")).to_be_visible()


def test_the_way_back_leads_where_one_came_from(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        page = why(seen, "group")
        page.go_back()
        expect(page.locator("#queue tbody tr").first).to_be_visible()
        page.go_forward()
        expect(page.locator("article.why .sentence")).to_be_visible()


def test_a_hundred_members_are_a_page_of_rows_and_hostile_names_stay_text(large: Large, visit: Visiting) -> None:
    with visit(large.address) as seen:
        seen.open()
        page = seen.follow("job", large.strange.key)
        members = page.locator("#members tbody tr")
        expect(members).to_have_count(20)
        expect(page.locator("#members .pager .quiet")).to_have_text("1 to 20 of 100")
        page.locator("#members input").fill("m04")
        expect(members).to_have_count(10)
        expect(page.locator("article.why")).to_contain_text(f"{HOSTILE}@site")
        inert(seen)
        expect(page.locator("#helps [role=status]")).not_to_be_empty(timeout=PATIENCE_MS)
        inert(seen)
        assert seen.overflow() <= 0
        seen.shot("large-job")
