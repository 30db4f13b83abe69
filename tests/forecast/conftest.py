"""Runs of whole federations say nothing of their cycles."""

from __future__ import annotations

import pytest

from fedsched.log import configure


@pytest.fixture(autouse=True)
def _quiet() -> None:
    configure(level="critical")
