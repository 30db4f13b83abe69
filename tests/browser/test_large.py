"""Ten thousand jobs and a hundred members stay usable; names that nobody should have stay text."""

from __future__ import annotations

import time

from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.routing import Mount

from fedsched.web import WebServer
from tests.browser.conftest import Visiting
from tests.browser.visit import PHONE, Visit, until
from tests.browser.worlds import HOSTILE, Large, jobs_in

FIRST_S = 10.0
"""From asking for the page to its queue, on a machine that is busy with other tests; alone it takes about one."""
FILTER_S = 3.0
"""From the last key to the filtered rows, typing pause included; alone it takes about half of one."""
MOST_NODES = 2500


def test_it_is_large(large: Large) -> None:
    seen = large.recorded.observation
    assert jobs_in(large.recorded) >= 10_000
    assert sum(len(schedd.classes) for schedd in seen.schedds) >= 1_000
    assert len(seen.members) == 100


def test_the_page_comes_soon_and_holds_only_a_page_of_rows(large: Large, visit: Visiting) -> None:
    with visit(large.address) as seen:
        page = seen.open()
        expect(page.locator("#queue tbody tr")).to_have_count(20)
        assert time.monotonic() - seen.began < FIRST_S
        expect(page.locator("#queue .pager .quiet")).to_have_text("1 to 20 of 1,000")
        expect(page.locator("#clusters .pager .quiet")).to_have_text("1 to 25 of 100")
        assert seen.nodes() < MOST_NODES
        seen.shot("large")


def test_filters_and_pages_answer_soon_and_the_page_does_not_grow(large: Large, visit: Visiting) -> None:
    with visit(large.address) as seen:
        page = seen.open()
        queue = page.locator("#queue")
        began = time.monotonic()
        queue.locator("input").fill("user77@site")
        expect(queue.locator(".pager .quiet")).to_have_text("1 to 10 of 10")
        assert time.monotonic() - began < FILTER_S
        queue.locator("input").fill("")
        expect(queue.locator(".pager .quiet")).to_have_text("1 to 20 of 1,000")
        first = queue.locator("tbody tr").first.get_attribute("data-key")
        queue.get_by_role("button", name="Later").click()
        expect(queue.locator(".pager .quiet")).to_have_text("21 to 40 of 1,000")
        assert queue.locator("tbody tr").first.get_attribute("data-key") != first
        queue.locator("select").select_option("running")
        expect(queue).to_contain_text("No class of jobs is like that.")
        queue.locator("select").select_option("")
        clusters = page.locator("#clusters")
        clusters.locator("input").fill("eu-west")
        expect(clusters.locator("tbody .region")).to_have_count(1)
        expect(clusters.locator("tbody .region")).to_have_text("eu-west")
        page.get_by_role("button", name="Users too").click()
        expect(page.locator("#shares tbody tr")).to_have_count(20)
        assert seen.nodes() < MOST_NODES


def test_cycles_of_that_size_are_followed(large: Large, visit: Visiting) -> None:
    with visit(large.address) as seen:
        page = seen.open()
        expect(page.locator("#live strong")).to_have_text("live")
        for _ in range(3):
            wanted = large.step()
            until(page, f"cycle {wanted}", lambda wanted=wanted: seen.cycle() >= wanted)  # type: ignore[misc]
        assert seen.nodes() < MOST_NODES


def inert(seen: Visit) -> None:
    """No name has become an element or done anything."""
    assert seen.page.evaluate("[window.hacked ?? null, document.querySelectorAll('img, main script').length]") == [
        None,
        0,
    ]


def test_names_that_are_markup_stay_text(large: Large, visit: Visiting) -> None:
    with visit(large.address) as seen:
        page = seen.open()
        page.locator("#queue input").fill("<img")
        expect(page.locator("#queue tbody tr")).to_have_count(1)
        expect(page.locator("#queue tbody tr a")).to_have_text(f"{HOSTILE}@site")
        expect(page.locator("#queue .attention")).to_contain_text(HOSTILE)
        inert(seen)
        seen.shot("hostile-names")


def test_addresses_that_are_markup_stay_text(large: Large, visit: Visiting) -> None:
    with visit(large.address) as seen:
        page = seen.open("job/%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D1%3E")
        expect(page.locator(".failed")).to_be_visible()
        inert(seen)
        seen.open("nowhere/<img src=x onerror=window.hacked=1>/%E0%A4%A")
        expect(page.locator("#queue")).to_be_visible()
        inert(seen)
        seen.problems = [one for one in seen.problems if "status of 404" not in one]


def test_a_daemon_that_stops_is_seen_and_one_that_is_back_is_live_again(large: Large, visit: Visiting) -> None:
    with visit(large.address) as seen:
        page = seen.open()
        page.evaluate("window.sameAsBefore = true")
        expect(page.locator("#live strong")).to_have_text("live")
        port = large.close()
        try:
            expect(page.locator("#live strong")).to_have_text("not live")
            expect(page.locator("#said")).to_contain_text("Not live")
            expect(page.locator("#queue tbody tr")).to_have_count(20)
            seen.shot("not-live")
        finally:
            large.serve(port)
        wanted = large.step()
        expect(page.locator("#live strong")).to_have_text("live")
        until(page, "the newest cycle", lambda: seen.cycle() >= wanted)
        assert page.evaluate("window.sameAsBefore")
        seen.problems = [one for one in seen.problems if "ERR_CONNECTION" not in one and "ERR_INCOMPLETE" not in one]


def test_a_cycle_that_is_old_is_called_stale(large: Large, visit: Visiting) -> None:
    large.step()
    large.ahead_s += 300
    try:
        with visit(large.address) as seen:
            page = seen.open()
            expect(page.locator("#live strong")).to_have_text("stale")
            expect(page.locator("#live")).to_contain_text("5 min ago")
    finally:
        large.step()


def test_under_a_path_of_a_proxy_it_works_as_it_is(large: Large, visit: Visiting) -> None:
    server = WebServer(["127.0.0.1:0"], Starlette(routes=[Mount("/sites/fedsched", large.app)]))
    try:
        with visit(f"http://127.0.0.1:{server.port}/sites/fedsched/") as seen:
            page = seen.open()
            expect(page.locator("#live strong")).to_have_text("live")
            expect(page.locator("#queue tbody tr")).to_have_count(20)
            wanted = large.step()
            until(page, "the next cycle", lambda: seen.cycle() >= wanted)
    finally:
        server.close()


def test_on_a_phone_it_is_as_wide_as_the_phone(large: Large, visit: Visiting) -> None:
    with visit(large.address, size=PHONE) as seen:
        page = seen.open()
        expect(page.locator("#queue tbody tr")).to_have_count(20)
        assert seen.overflow() <= 0
        assert seen.violations() == []
        seen.shot("large-phone")
