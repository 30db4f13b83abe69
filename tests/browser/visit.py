"""A visit to a dashboard in real Chromium that takes note of everything a person would not see; asserts little."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has none
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Playwright, expect
from playwright.sync_api import Error as BrowserError

CHROMIUM = "chromium"
PATIENCE_MS = 30_000
"""A machine that does five other things needs so long for what takes a second."""
TRIES = 3
expect.set_options(timeout=PATIENCE_MS)
DESK, PHONE = (1440, 900), (390, 844)
DISTURBED = "ERR_NETWORK_CHANGED"
"""What Chromium says of connections that it drops because this machine got or lost an interface: of other tests."""
EVERY_ROLE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def launched(playwright: Playwright) -> Browser:
    """The Chromium of this machine; it finds no name and asks nobody anything by itself."""
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    return playwright.chromium.launch(executable_path=shutil.which(CHROMIUM), args=arguments)


class Visit:
    """One page in one browser window. asked: addresses that it asked for. problems: what its console said.

    began: when the try of `open` began that showed something, by time.monotonic.
    """

    def __init__(self, page: Page, address: str, shots: Path) -> None:
        self.page, self.address, self.shots = page, address, shots
        self.asked: list[str] = []
        self.problems: list[str] = []
        self.disturbed = 0
        self.began = 0.0
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if DISTURBED in message.text:
            self.disturbed += 1
        elif message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def open(self, where: str = "") -> Page:
        """Goes there: "" for the first page, "job/ID" and the like for others; back when it shows something."""
        heading = self.page.locator("main h1")
        for _ in range(TRIES):
            before, self.began = self.disturbed, time.monotonic()
            with suppress(BrowserError):
                self.page.goto("about:blank")
                self.page.goto(f"{self.address}#/{where}")
            for _ in range(PATIENCE_MS // 100):
                if heading.count() or self.disturbed > before:
                    break
                self.page.wait_for_timeout(100)
            if heading.count():
                return self.page
        said = self.page.locator("body").inner_text()
        raise AssertionError(f"it shows nothing but {said!r}; asked {self.asked}; {self.problems}")

    def follow(self, kind: str, name: str) -> Page:
        """Goes to another page without loading anything anew."""
        self.page.evaluate("where => { location.hash = where }", f"#/{kind}/{quote(name, safe='')}")
        expect(self.page.locator("main article.why")).to_be_visible(timeout=PATIENCE_MS)
        return self.page

    def shot(self, name: str) -> None:
        """Keeps what it looks like, from top to bottom."""
        self.shots.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self.shots / f"{name}.png", full_page=True, animations="disabled")

    def elsewhere(self) -> list[str]:
        """Addresses that are not the daemon's."""
        return [one for one in self.asked if not one.startswith((self.address, "about:", "data:", "blob:"))]

    def violations(self) -> list[str]:
        """What axe finds wrong, a line each with the first place."""
        found = Axe().run(self.page, options=EVERY_ROLE).response["violations"]
        return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}" for one in found]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def nodes(self) -> int:
        """Elements in the page."""
        return int(self.page.evaluate("document.querySelectorAll('*').length"))

    def cycle(self) -> int:
        """The cycle that it shows; 0 for none."""
        return int(
            self.page.evaluate(
                "+(document.getElementById('live').textContent.match(/cycle ([\\d,]+)/)?.[1] ?? '0').replace(',', '')"
            )
        )


@contextmanager
def visiting(
    browser: Browser, address: str, shots: Path, size: tuple[int, int] = DESK, **context: Any
) -> Iterator[Visit]:
    """A window of its own. Afterwards: nothing was asked elsewhere, and the console said nothing."""
    window = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="en-GB", timezone_id="UTC", **context
    )
    try:
        visit = Visit(window.new_page(), address, shots)
        yield visit
        assert visit.elsewhere() == []
        assert visit.problems == []
    finally:
        window.close()


def shots_of(fallback: Path) -> Path:
    """Where pictures are kept: FEDSCHED_SCREENSHOTS, else the test's own folder."""
    named = os.environ.get("FEDSCHED_SCREENSHOTS")
    return Path(named) if named else fallback


def until(page: Page, what: str, true: Callable[[], bool]) -> None:
    """Waits until something is so, letting the page go on."""
    for _ in range(PATIENCE_MS // 100):
        if true():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never so: {what}")
