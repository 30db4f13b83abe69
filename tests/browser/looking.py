"""Looking at the dashboard of any running daemon, for tests of real federations; pictures of it are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import expect, sync_playwright

from tests.browser.visit import DESK, PATIENCE_MS, PHONE, launched, shots_of, visiting
from tests.laboratory import LeftOutError, inventory


class Seen(NamedTuple):
    """What a person read. cycle: of the first page. sentences, chains: by job; a chain is its links with verdicts."""

    cycle: int
    clusters: tuple[str, ...]
    sentences: dict[str, str]
    chains: dict[str, tuple[tuple[str, str], ...]]


def look(address: str, shots: Path, jobs: Sequence[str] = (), name: str = "federation") -> Seen:
    """Opens the first page and those of jobs, on a desk and on a phone. address: "http://127.0.0.1:PORT/".

    Asserts: nothing is asked elsewhere, no error is said, nothing is wider than its window, axe finds nothing. Raises
    LeftOutError where there is no browser.
    """
    if why := inventory.prepare("browser"):
        raise LeftOutError(why)
    with sync_playwright() as playwright:
        browser = launched(playwright)
        try:
            with visiting(browser, address, shots_of(shots), PHONE, color_scheme="dark") as phone:
                phone.open()
                phone.shot(f"{name}-phone")
                assert phone.overflow() <= 0
            with visiting(browser, address, shots_of(shots), DESK) as seen:
                page = seen.open()
                expect(page.locator("#live strong")).to_have_text("live", timeout=PATIENCE_MS)
                seen.shot(name)
                assert seen.violations() == []
                found = Seen(seen.cycle(), tuple(page.locator("#clusters tbody th a").all_text_contents()), {}, {})
                for number, job in enumerate(jobs):
                    seen.follow("job", job)
                    expect(page.locator("h1#title")).to_contain_text(job.split("@")[0], timeout=PATIENCE_MS)
                    expect(page.locator(".chain li")).to_have_count(9, timeout=PATIENCE_MS)
                    found.sentences[job] = page.locator(".sentence").inner_text()
                    links = page.locator(".chain li b").all_inner_texts()
                    verdicts = page.locator(".chain li .verdict").all_inner_texts()
                    found.chains[job] = tuple(zip(links, verdicts, strict=True))
                    seen.shot(f"{name}-job-{number}")
                    assert seen.violations() == []
                return found
        finally:
            browser.close()
