"""`doctor`, `logs` and `events` where nobody answers: what the journal and the kept logs tell, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fedsched.journal import open_journal
from fedsched.kube.kept_logs import KeptLogs
from tests.cli.conftest import Fedsched


def running_job(folder: Path) -> tuple[str, str, str]:
    """(job@schedd, placement, member) of a claim in the last cycle."""
    journal = open_journal(f"sqlite:{folder / 'fedsched.db'}", reading=True)
    cycle = journal.last_cycle()
    journal.close()
    assert cycle is not None
    for pool in cycle.observation.pools:
        for slot in pool.slots:
            for claim in slot.claims:
                if claim.job:
                    return f"{claim.job}@{claim.schedd}", slot.placement_id, slot.member
    raise AssertionError("nothing runs")


def names(findings: list[dict[str, Any]], state: str) -> set[str]:
    return {one["name"] for one in findings if one["state"] == state}


def test_the_journal_alone_proves_what_it_can_and_says_so(fedsched: Fedsched) -> None:
    said = fedsched("doctor", "--offline", "-o", "json")
    found = said.json()
    assert found["kind"] == "checkup"
    assert not found["live"]
    assert "ceilings and trials are kept" in names(found["findings"], "ok")
    assert not names(found["findings"], "broken")
    shown = fedsched("doctor", "--offline")
    assert "ceilings and trials are kept (OW3)" in shown.out
    assert "the journal alone" in shown.out


def test_an_unknown_member_is_named_beside_the_known_ones(fedsched: Fedsched) -> None:
    said = fedsched("doctor", "--member", "nowhere")
    assert said.code == 2
    assert "no member nowhere; members: alps, campus, coast" in said.err


def test_where_nobody_answers_doctor_says_of_each_why_and_ends_with_five(fedsched: Fedsched) -> None:
    said = fedsched("doctor", "-o", "json")
    found = said.json()["findings"]
    refused = [one for one in found if one["name"] == "every member answers"]
    assert {one["about"] for one in refused} == {"alps", "campus", "coast"}
    assert all("fedsched join" in one["fix"] for one in refused)
    assert "schedds and pools answer in time" in names(found, "unproven")
    assert said.code == 5


def test_events_of_a_running_job_come_from_the_journal_when_its_member_is_silent(
    fedsched: Fedsched, federation: Path
) -> None:
    job, placement, member = running_job(federation)
    said = fedsched("events", job, "-o", "json")
    story = said.json()
    kinds = [one["kind"] for one in story["events"]]
    assert {"placed", "slot-seen", "claimed"} <= set(kinds)
    assert any(placement in one["about"] for one in story["events"])
    assert any(one.startswith(f"{member}") for one in story["unread"])
    assert said.code == 3
    shown = fedsched("events", job)
    assert "claims" in shown.out
    assert member in shown.err


def test_kept_logs_are_shown_when_their_member_is_silent(fedsched: Fedsched, federation: Path) -> None:
    job, placement, member = running_job(federation)
    store = KeptLogs(federation / "records" / "logs", 2**20)
    store.keep(
        member, f"fs-{placement}-abcde", b"2026-11-21T10:00:00Z from before\n2026-11-21T10:00:01Z \x1b[2Jhostile\n"
    )
    store.keep(member, f"fs-{placement}9-abcde", b"2026-11-21T10:00:00Z of another\n")
    said = fedsched("logs", job)
    assert "(kept)  from before" in said.out
    assert "of another" not in said.out
    assert "\x1b" not in said.out
    assert member in said.err
    assert said.code == 3
    assert [line["text"] for line in json.loads(fedsched("logs", job, "--tail", "1", "-o", "json").out)["lines"]] == [
        "\x1b[2Jhostile"
    ]


def test_logs_of_nobody_at_silent_members_end_with_five(fedsched: Fedsched, federation: Path) -> None:
    job, _, member = running_job(federation)
    said = fedsched("logs", job)
    assert said.code == 5
    assert f"{member}: credential" in said.err


def test_a_simulated_federation_has_a_story_a_checkup_and_no_logs(fedsched: Fedsched, federation: Path) -> None:
    (federation / "scenario.toml").write_text("")
    assert not fedsched("doctor", "-o", "json").json()["live"]
    job, _, _ = running_job(federation)
    assert fedsched("events", job).code == 0
    said = fedsched("logs", job)
    assert said.code == 1
    assert "simulated" in said.err


def test_a_question_without_a_name_says_what_is_wanted(fedsched: Fedsched) -> None:
    for verb in ("logs", "events"):
        said = fedsched(verb)
        assert said.code == 2
        assert "wanted" in said.err
