"""`eta` and the line of `explain`: ranges with their record, and the reason where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fedsched.journal import Forecast, open_journal
from tests.cli.conftest import Fedsched

BARE = "--no-counterfactuals"


def _classes(fedsched: Fedsched) -> list[dict[str, Any]]:
    classes: list[dict[str, Any]] = fedsched("q", "-o", "json").json()["classes"]
    return classes


def test_every_waiting_class_has_a_range_or_a_reason(fedsched: Fedsched) -> None:
    found = fedsched("eta", "-o", "json").json()
    waiting = {one["demand"]["key"]: one for one in _classes(fedsched) if one["demand"]["idle"]}
    assert {one["key"] for one in found["classes"]} == set(waiting)
    for one in found["classes"]:
        never = waiting[one["key"]]["report"]["verdict"] == "never"
        assert bool(one["next"].get("why")) >= never
        if not one["next"].get("why"):
            assert 0 <= one["next"].get("low_s", 0.0) <= one["next"]["high_s"]
    assert any(not one["next"].get("why") for one in found["classes"])
    text = fedsched("eta").out
    assert "NEXT STARTS" in text
    assert "no estimate has come out yet" in text


def test_one_user_and_one_job_can_be_asked_for_and_not_both(fedsched: Fedsched) -> None:
    demand = next(one["demand"] for one in _classes(fedsched) if one["report"]["verdict"] != "never")
    user = demand["principal"]["user"].partition("@")[0]
    found = fedsched("eta", "-u", user, "-o", "json").json()
    assert {one["principal"].rpartition(".")[0] or one["principal"] for one in found["classes"]}
    assert all(user in one["principal"] for one in found["classes"])
    job = f"{demand['examples'][0]}@{demand['schedd']}"
    assert [one["key"] for one in fedsched("eta", job, "-o", "json").json()["classes"]] == [demand["key"]]
    assert fedsched("eta", job, "-u", user).code == 2


def test_explain_tells_when_the_job_starts_with_how_past_estimates_did(fedsched: Fedsched, federation: Path) -> None:
    demand = next(one["demand"] for one in _classes(fedsched) if one["demand"]["idle"] > 1)
    job = f"{demand['examples'][1]}@{demand['schedd']}"
    line = next(line for line in fedsched("explain", job, BARE).out.splitlines() if line.startswith("  starts"))
    assert f"job 2 of {demand['idle']} of its class" in line
    journal = open_journal(f"sqlite:{federation / 'fedsched.db'}")
    at = journal.cycles()[-1][1] - 7200
    came = [Forecast("s", f"{n}.0", "k", 1, at + n, 300, 400, 500, 200, 600, 400.0, at + 900) for n in range(50)]
    missed = [msgspec.structs.replace(one, started_s=3000.0) for one in came[:9]]
    journal.keep_forecasts((*missed, *came[9:]))
    journal.close()
    line = next(line for line in fedsched("explain", job, BARE).out.splitlines() if line.startswith("  starts"))
    assert "last 50 estimates within range 82 %" in line


def test_explain_can_do_without_the_estimate(fedsched: Fedsched) -> None:
    key = next(one["demand"]["key"] for one in _classes(fedsched) if one["demand"]["idle"] > 1)
    assert not any(
        line.startswith("  starts") for line in fedsched("explain", key, "--no-estimate", BARE).out.splitlines()
    )
    told = fedsched("explain", key, "--no-estimate", BARE, "-o", "json").json()
    assert (told["starts"], told["record"]) == ([], None)


def test_what_can_never_run_has_no_estimate_and_says_so(fedsched: Fedsched) -> None:
    never = next(one["demand"] for one in _classes(fedsched) if one["report"]["verdict"] == "never")
    assert "no estimate: it can run nowhere as it is" in fedsched("explain", never["key"], BARE).out
