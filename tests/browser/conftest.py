"""One Chromium and two worlds for all tests of the dashboard; windows are each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visit import Visit, launched, shots_of, visiting
from tests.browser.worlds import Held, Large, demo

Visiting = Callable[..., AbstractContextManager[Visit]]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The real one."""
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def conference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """The demo's daemon in the middle of its spike."""
    with demo(tmp_path_factory.mktemp("demo")) as stage:
        yield stage


@pytest.fixture(scope="session")
def large() -> Iterator[Large]:
    """A thousand classes, a hundred members."""
    world = Large()
    yield world
    if world.server is not None:
        world.close()


@pytest.fixture
def visit(chromium: Browser, tmp_path: Path) -> Visiting:
    """Opens a window of its own over an address, of a size, in a colour scheme."""
    return lambda address, **how: partial(visiting, chromium, address, shots_of(tmp_path))(**how)
