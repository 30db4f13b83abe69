"""The first page over a running daemon: complete, live, harmless, for eyes, keyboards and ears of all kinds."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.visit import DESK, PHONE, until
from tests.browser.worlds import Held

SECTIONS = (
    "Demand against supply",
    "Queue",
    "Clusters",
    "Shares against entitlement",
    "Spikes",
    "Evictions",
    "Notices",
)
STATES = re.compile("ready|slow|unreachable")
MEMBERS = ("campus", "cloud", "facility", "national", "research")


def test_the_first_page_shows_everything_that_stands_and_asks_nobody_but_the_daemon(
    conference: Held, visit: Visiting
) -> None:
    with visit(conference.address) as seen:
        page = seen.open()
        for title in SECTIONS:
            expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        clusters = page.get_by_role("table", name=re.compile("Clusters"))
        for member in MEMBERS:
            expect(clusters.get_by_role("rowheader").filter(has_text=member)).to_contain_text(STATES)
        expect(page.locator("#federation")).to_have_text("demo")
        expect(page.locator("#live")).to_contain_text("policy demo")
        expect(page.locator("#banner")).to_contain_text("Spike s1")
        expect(page.locator("#spikes details").first).to_contain_text("going on")
        expect(page.locator("#evictions li").first).to_contain_text("rule ")
        expect(page.get_by_role("table", name=re.compile("Shares"))).to_contain_text("learning")
        expect(page.locator("#queue tbody tr").first.locator(".word")).not_to_be_empty()
        until(page, "cycles are followed", lambda: any("/api/v1/cycles" in one for one in seen.asked))
        assert len(seen.asked) > 15


def test_its_numbers_follow_the_daemon_without_loading_anything_anew(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        page = seen.open()
        page.evaluate("window.sameAsBefore = true")
        before = seen.cycle()
        expect(page.locator("#live strong")).to_have_text("live")
        with conference.lively():
            until(page, "two more cycles", lambda: seen.cycle() >= before + 2)
        assert page.evaluate("window.sameAsBefore")
        assert page.locator("figure.chart path.line-unmet").count() == 1


def test_nothing_inline_and_nothing_from_elsewhere_can_run_in_it(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        page = seen.open()
        answer = page.request.get(conference.address)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        held = page.evaluate(ATTEMPTS)
        assert held["hacked"] is None
        assert {"require-trusted-types-for", "connect-src", "style-src-elem"} <= set(held["refused"])
        assert seen.elsewhere() == []
        assert seen.problems
        seen.problems.clear()


def test_its_files_have_their_types_and_are_sent_once(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        request = seen.open().request
        for name, kind in (
            ("", "text/html"),
            ("dashboard/app.js", "text/javascript"),
            ("dashboard/parts.css", "text/css"),
        ):
            first = request.get(conference.address + name)
            assert (first.status, first.headers["content-type"].split(";")[0]) == (200, kind)
            assert first.headers["x-content-type-options"] == "nosniff"
            again = request.get(conference.address + name, headers={"If-None-Match": first.headers["etag"]})
            assert again.status == 304
        assert request.get(f"{conference.address}dashboard/__init__.py").status == 404
        assert request.get(f"{conference.address}dashboard/..%2fapp.py").status == 404


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)])
def test_it_is_accessible_and_fits_in_light_and_dark_on_desks_and_phones(
    conference: Held, visit: Visiting, scheme: str, size: tuple[int, int]
) -> None:
    with visit(conference.address, size=size, color_scheme=scheme) as seen:
        page = seen.open()
        expect(page.locator("#queue tbody tr").first).to_be_visible()
        seen.shot(f"overview-{scheme}-{size[0]}")
        assert seen.violations() == []
        assert seen.overflow() <= 0
        light = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every((one) => one > 200)"
        )
        assert light is (scheme == "light")


def test_the_chart_is_told_in_words_and_as_a_table(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        page = seen.open()
        chart = page.get_by_role("img", name="Demand against supply over time")
        expect(chart).to_be_visible()
        assert re.search(r"Now [\d,.]+ core-equivalents are unmet", page.locator("#chart-text").text_content() or "")
        page.get_by_text("The same as a table").click()
        rows = page.get_by_role("table", name=re.compile("Core-equivalents at some times")).get_by_role("row")
        assert 10 < rows.count() <= 26


def test_colours_can_be_chosen_and_are_kept(conference: Held, visit: Visiting) -> None:
    with visit(conference.address, color_scheme="light") as seen:
        page = seen.open()
        button = page.locator("#theme")
        for word in ("Light", "Dark"):
            button.click()
            expect(button).to_have_text(word)
        seen.open()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert page.evaluate("getComputedStyle(document.body).colorScheme") in {"dark", "normal"}
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every((one) => one < 60)")
        assert dark


def test_whoever_wants_no_motion_gets_none(conference: Held, visit: Visiting) -> None:
    moving = "getComputedStyle(document.querySelector('.dot')).animationName"
    with visit(conference.address, reduced_motion="reduce") as seen:
        assert seen.open().evaluate(moving) == "none"
    with visit(conference.address, reduced_motion="no-preference") as seen:
        page = seen.open()
        expect(page.locator("#live strong")).to_have_text("live")
        assert page.evaluate(moving) != "none"


def test_a_cycle_changes_what_it_shows_and_neither_focus_nor_what_was_typed(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        page = seen.open()
        field = page.locator("#queue input[type=search]")
        field.fill("physics")
        expect(page.locator("#queue .pager .quiet")).to_contain_text("of")
        field.press("End")
        before = seen.cycle()
        with conference.lively():
            until(page, "two more cycles", lambda: seen.cycle() >= before + 2)
        expect(field).to_be_focused()
        expect(field).to_have_value("physics")
        expect(page.locator("#queue tbody tr").filter(has_not_text="physics")).to_have_count(0)


def test_listeners_are_told_of_changes_and_not_of_every_cycle(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        page = seen.open()
        expect(page.locator("#live strong")).to_have_text("live")
        page.evaluate(TOLD)
        before = seen.cycle()
        with conference.lively():
            until(page, "three more cycles", lambda: seen.cycle() >= before + 3)
        assert page.evaluate("window.told") == []
        page.locator("#queue input[type=search]").fill("learning")
        until(
            page,
            "the filter's result is told",
            lambda: page.evaluate("window.told.some((one) => one.startsWith('queue:'))"),
        )


def test_everything_can_be_reached_and_left_by_keyboard_alone(conference: Held, visit: Visiting) -> None:
    with visit(conference.address) as seen:
        page = seen.open()
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.locator("#home").focus()
        reached: list[str] = []
        unseen: list[str] = []
        for _ in range(150):
            page.keyboard.press("Tab")
            where, outlined = page.evaluate(FOCUSED)
            if where == "body" or (reached and where == reached[0]):
                break
            reached.append(where)
            if not outlined:
                unseen.append(where)
        else:
            raise AssertionError("it never came round: a trap?")
        assert unseen == []
        for wanted in (
            "#/queue",
            "ask-job",
            "theme",
            "search queue",
            "state queue",
            "users",
            "#/job/",
            "#/cluster/",
            "summary",
        ):
            assert any(wanted in one for one in reached), wanted
        page.locator("#queue tbody a").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/#/job/**")


ATTEMPTS = """async () => {
    const refused = new Set();
    document.addEventListener('securitypolicyviolation', (one) => refused.add(one.effectiveDirective));
    const made = (name, fields) => document.body.append(Object.assign(document.createElement(name), fields));
    const tries = [
        () => made('script', { text: 'window.hacked = 1' }),
        () => made('script', { src: 'https://example.org/a.js' }),
        () => made('style', { textContent: 'b {}' }),
        () => { document.body.setAttribute('onclick', 'window.hacked = 1'); document.body.click(); },
        () => { document.body.innerHTML += '<b></b>'; },
    ];
    for (const one of tries) { try { one(); } catch { } }
    await fetch('https://example.org/').catch(() => null);
    await new Promise((done) => setTimeout(done, 300));
    return { refused: [...refused], hacked: window.hacked };
}"""
FOCUSED = """() => {
    const it = document.activeElement;
    const style = getComputedStyle(it);
    const parts = [it.tagName.toLowerCase(), it.id, it.getAttribute('href'), it.dataset?.do, it.dataset?.of];
    const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
    return [it === document.body ? 'body' : parts.filter(Boolean).join(' '), outlined];
}"""
TOLD = """() => {
    const place = document.getElementById('said');
    window.told = [];
    const note = new MutationObserver(() => window.told.push(place.textContent));
    note.observe(place, { childList: true, characterData: true, subtree: true });
}"""
