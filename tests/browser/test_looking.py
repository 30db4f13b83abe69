"""Looking at any daemon tells what a person read there; the demo itself serves the dashboard while it runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.browser.looking import Seen, look

WORDS = (sys.executable, "-m", "fedsched", "demo", "--headless", "--speed", "600")


@pytest.mark.browser
def test_the_demo_serves_its_dashboard_while_it_runs_and_not_afterwards(tmp_path: Path) -> None:
    with subprocess.Popen((*WORDS, "--keep", str(tmp_path / "kept")), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        address = first.strip().removeprefix("dashboard: ")
        assert address.startswith("http://127.0.0.1:"), first
        draining = threading.Thread(target=running.stdout.read, daemon=True)
        draining.start()
        found: list[Seen] = []
        try:
            # The browser's loop wants a thread without one.
            looking = threading.Thread(target=lambda: found.append(look(address, tmp_path, name="demo")))
            looking.start()
            looking.join(120)
            assert serves(address, "demo")
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
    seen = found[0]
    assert set(seen.clusters) == {"campus", "cloud", "facility", "national", "research"}
    assert seen.cycle > 0
    assert not serves(address, "demo"), "and not afterwards"


def serves(address: str, federation: str) -> bool:
    """Whether that federation is served there; its port may have been given to another's server since."""
    try:
        answer = httpx.get(f"{address}api/v1/overview", timeout=5, trust_env=False)
        return bool(answer.json()["federation"] == federation)
    except (httpx.HTTPError, ValueError, KeyError):
        return False
