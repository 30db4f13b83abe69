"""/healthz says 200 only while cycles follow each other."""

from __future__ import annotations

from fedsched.daemon.health import Health
from fedsched.loop import Summary

SUMMARY = Summary(7, 1.0, 0.1, 0.2, 0, 0, 0, {}, {}, {}, 0, ())


def test_it_is_starting_then_running_then_stale_then_stopping() -> None:
    health = Health(cycle_s=10)
    assert health.report()[1]["state"] == "starting"
    health.cycled(SUMMARY)
    status, body = health.report()
    assert (status, body["state"], body["cycle"]) == (200, "running", 7)
    health._beat -= 31
    assert (health.report()[0], health.report()[1]["state"]) == (503, "stale")
    health.stopping()
    assert (health.report()[0], health.report()[1]["state"]) == (503, "stopping")


def test_slow_cadences_have_longer_limits() -> None:
    health = Health(cycle_s=100)
    health._beat -= 299
    assert health.report()[0] == 200
    health._beat -= 2
    assert health.report()[0] == 503
