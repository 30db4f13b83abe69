"""pytest's plugin in a mutant's process: how each test ended, and which copy of the package it tested, into a file.

Hypothesis draws from a fixed seed, keeps no examples, and does not make a failure smaller: one is enough.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

import fedsched

FILE = "FEDSCHED_WITNESS"
"""Environment: where to write."""

settings.register_profile(
    "mutants",
    database=None,
    derandomize=False,
    phases=(Phase.explicit, Phase.generate),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
settings.load_profile("mutants")

ended: dict[str, str] = {}
"""Test id -> "passed", "skipped", or the name of the exception that ended it."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    if report.when == "call" or report.outcome != "passed":
        ended[item.nodeid] = report.outcome
    if report.failed and call.excinfo is not None:
        found = call.excinfo.type
        ended[item.nodeid] = "AssertionError" if issubclass(found, AssertionError) else found.__name__
    return report


def pytest_sessionfinish() -> None:
    said = {"package": str(Path(fedsched.__file__).parent), "ended": ended}
    Path(os.environ[FILE]).write_text(json.dumps(said))
