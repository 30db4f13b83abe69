"""Clocks of a collector and its schedds are known without asking either for its time (N6)."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from fedsched.condor import clock_query
from fedsched.condor.processes import Children
from fedsched.condor.questions import AskClocks, Clocks
from tests.condor.pools import settings
from tests.laboratory.pool import Pool


@pytest.mark.parametrize(
    ("off_s", "told"),
    [(0, 0), (3, 0), (-3, 0), (20, 5), (-20, -5), (90, 60), (-90, -60), (7200, 3600), (-200_000, -86_400)],
)
def test_how_far_off_a_clock_is_comes_from_what_it_takes_for_the_past(
    monkeypatch: pytest.MonkeyPatch, off_s: float, told: float
) -> None:
    monkeypatch.setattr(clock_query, "_is_past", lambda _collector, at: math.floor(time.time() + off_s) >= at)
    assert clock_query._ahead("cm:9618") == told


def test_a_real_collector_and_its_schedd_agree_with_us(guest_pool: Pool, target_pool: Pool, tmp_path: Path) -> None:
    children = Children(settings(target_pool, tmp_path), 20.0)
    try:
        target_pool.wait("its schedd", lambda: target_pool.ads("Scheduler"))
        told = children.ask(AskClocks(target_pool.address))
    finally:
        children.close()
    assert isinstance(told, Clocks)
    assert told.ahead_s == 0.0
    assert told.version.startswith("$CondorVersion")
    assert told.schedds
    assert all(abs(skew) < 5 for _, skew in told.schedds), told.schedds
    assert guest_pool.name
