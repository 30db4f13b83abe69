"""What q, explain and clusters say of a cycle that the real loop recorded."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from fedsched.cli import output
from fedsched.config import load_federation
from fedsched.daemon.health import Health
from fedsched.daemon.window import Window
from fedsched.journal import open_journal
from tests.cli.conftest import Fedsched

BARE = ("--no-counterfactuals", "--no-estimate")


def test_every_idle_job_is_in_a_row_that_ends_with_its_reason_in_a_few_words(fedsched: Fedsched) -> None:
    """Q11."""
    said = fedsched("q")
    assert said.code == 0
    rows = said.out.splitlines()[1 : said.out.splitlines().index("")]
    assert all(re.search(r"  [a-z-]+(: \w+/\w+, [^:]{4,60})?$", row) for row in rows), rows
    assert any(re.search(r"node-too-small: coast/gpu, memory 1024 GiB > ", row) for row in rows)
    answer = fedsched("q", "-o", "json").json()
    assert answer["version"] == 2
    assert len(answer["classes"]) == answer["total"] == len(rows)
    for one in answer["classes"]:
        report = one["report"]
        assert report["served"] + report["placed"] + report["unmet"] == report["idle"] == one["demand"]["idle"]
        assert not report["unmet"] or one["word"] == report["why"]["cause"]


def test_filters_keep_a_user_or_a_group_with_its_subgroups(fedsched: Fedsched) -> None:
    def users(*words: str) -> set[str]:
        return {one["demand"]["principal"]["user"] for one in fedsched("q", *words, "-o", "json").json()["classes"]}

    assert users("-u", "eve") == {"eve@biology.example"}
    assert users("-g", "physics") == {"ann@physics.example", "ben@physics.example"}
    assert users("-u", "nobody") == set()
    assert "No job is idle" in fedsched("q", "-u", "nobody").out


def test_a_page_of_classes_still_counts_all_of_them(fedsched: Fedsched) -> None:
    everything, page = fedsched("q", "-o", "json").json(), fedsched("q", "--limit", "2", "-o", "json").json()
    assert page["classes"] == everything["classes"][:2]
    assert [page[name] for name in ("total", "idle", "unmet", "running")] == [
        everything[name] for name in ("total", "idle", "unmet", "running")
    ]
    assert f"2 of {everything['total']} classes, {everything['idle']} idle jobs" in fedsched("q", "--limit", "2").out


def test_what_waits_what_runs_and_what_has_a_word_in_it_can_be_asked_for(fedsched: Fedsched) -> None:
    def keys(*words: str) -> set[str]:
        return {one["demand"]["key"] for one in fedsched("q", *words, "-o", "json").json()["classes"]}

    assert keys("--search", "node-too") < keys("--idle") == keys()
    assert keys("--running") == keys() - keys("--search", "node-too")
    said = fedsched("q", "--idle", "--running")
    assert (said.code, "given together" in said.err) == (2, True)


def test_the_first_line_of_explain_is_one_sentence_and_the_second_what_to_do(fedsched: Fedsched) -> None:
    key = next(
        one["demand"]["key"] for one in fedsched("q", "-o", "json").json()["classes"] if one["word"] == "node-too-small"
    )
    said = fedsched("explain", key, *BARE)
    first, second = said.out.splitlines()[:2]
    assert first.startswith("All 2 idle jobs like ")
    assert "can never run" in first
    assert "1024 GiB of memory" in first
    assert first.endswith(".")
    assert second.startswith("Next: ")


def test_the_chain_has_nine_links_of_which_one_holds_and_every_member_one_first_blocker(fedsched: Fedsched) -> None:
    """E1, E2."""
    key = next(
        one["demand"]["key"] for one in fedsched("q", "-o", "json").json()["classes"] if one["word"] == "no-room"
    )
    text = fedsched("explain", key, *BARE).out
    told = fedsched("explain", key, *BARE, "-o", "json").json()
    _, chain, members, *_ = [block.splitlines() for block in text.split("\n\n")]
    names = ["job", "demand class", "share", "member", "namespace quota", "node", "pod", "startd", "claim"]
    assert chain[0].split() == ["LINK", "VERDICT", "NEEDS", "HAS", "AGE", "WHAT"]
    assert [row[:15].strip() for row in chain[1:]] == names == [link["name"] for link in told["explanation"]["chain"]]
    assert [link["verdict"] for link in told["explanation"]["chain"]].count("holds") == 1
    assert sum("  holds  " in row for row in chain) == 1
    assert members[0].split()[:3] == ["CLUSTER", "VERDICT", "FIRST"]
    assert [row.split()[0] for row in members[1:]] == ["alps", "campus", "coast"]
    assert all(
        re.search(r"  not now  no room: cores \(\w+\)  .* cores? +[\d.]+ cores +\d+ s$", row) for row in members[1:]
    )


def test_share_and_startds_of_a_waiting_class_are_shown_with_the_numbers_for_programs(fedsched: Fedsched) -> None:
    """Q11, E5."""
    one = next(
        one["demand"]
        for one in fedsched("q", "-o", "json").json()["classes"]
        if one["demand"]["running"] and one["word"] == "no-room"
    )
    text = fedsched("explain", one["key"], *BARE).out
    assert re.search(
        r"^  share      Holds [\d.]+ core-equivalents, entitled to [\d.]+ \(level [\d.]+\)", text, re.MULTILINE
    )
    assert re.search(r"Number [123] of 3 in line for the next startd", text)
    assert re.search(r"^  startds    \d+ startds on \w+/\w+\. For the newest: ", text, re.MULTILINE)
    answer = fedsched("explain", one["key"], *BARE, "-o", "json").json()
    assert answer["having"]["share"][0] in text
    mine, *_, root = answer["shares"]
    assert (root["path"], mine["path"].rpartition("/")[2]) == ("", one["principal"]["user"])
    assert mine["level"] == pytest.approx(mine["counted"] / mine["entitled"])
    assert {line["path"] for line in answer["shares"]} < {
        line["path"] for line in fedsched("share", "-o", "json").json()["shares"]
    }


def test_a_job_is_found_by_any_of_its_spellings(fedsched: Fedsched) -> None:
    one = fedsched("q", "-o", "json").json()["classes"][0]["demand"]
    job, schedd = one["examples"][0], one["schedd"]
    for spelling in (f"{job}@{schedd}", f"{schedd}#{job}", one["key"], one["key"][:6], job):
        answer = fedsched("explain", spelling, *BARE, "-o", "json")
        assert answer.code == 0, answer.err
        assert answer.json()["explanation"]["key"] == one["key"]


@pytest.mark.parametrize("spelling", ["{job}@elsewhere", "elsewhere#{job}"])
def test_a_job_of_a_schedd_that_nobody_knows_is_not_taken_for_a_namesake(fedsched: Fedsched, spelling: str) -> None:
    job = fedsched("q", "-o", "json").json()["classes"][0]["demand"]["examples"][0]
    answer = fedsched("explain", spelling.format(job=job))
    assert (answer.code, "no schedd elsewhere is known" in answer.err) == (1, True)


def test_a_job_that_runs_is_found_by_its_claim_and_told_where(fedsched: Fedsched, federation: Path) -> None:
    journal = open_journal(f"sqlite:{federation / 'fedsched.db'}")
    cycle = journal.last_cycle()
    journal.close()
    assert cycle is not None
    slot, claim = next((slot, slot.claims[0]) for slot in cycle.observation.pools[0].slots if slot.claims)
    said = fedsched("explain", f"{claim.job}@{claim.schedd}")
    assert said.code == 0
    assert said.out.startswith(f"{claim.job}@{claim.schedd} has run for ")
    assert f"{slot.member}/{slot.node_group}" in said.out
    answer = fedsched("explain", f"{claim.schedd}#{claim.job}", "-o", "json").json()
    assert (answer["kind"], answer["state"]) == ("explanation", "running")
    assert answer["placement"] == slot.placement_id


def test_a_job_that_is_not_there_and_a_schedd_that_is_not_known_are_told_apart(fedsched: Fedsched) -> None:
    missing, unknown = fedsched("explain", "99999.0"), fedsched("explain", "1.0@nowhere")
    assert missing.code == unknown.code == 1
    assert "not among the five" in missing.err
    assert "no schedd nowhere" in unknown.err
    assert "next:" in missing.err
    assert "next:" in unknown.err


def test_clusters_show_state_room_and_startds_of_each_member(fedsched: Fedsched) -> None:
    said = fedsched("clusters")
    assert said.code == 0
    assert re.search(r"^alps +ready +\d+ s ago +on ", said.out, re.MULTILINE)
    answer = fedsched("clusters", "-o", "json").json()
    assert [member["name"] for member in answer["members"]] == ["alps", "campus", "coast"]
    assert sum(member["ours"]["claimed"] for member in answer["members"]) > 100
    assert all(member["node_groups"] for member in answer["members"])
    assert "no member 'alp'; did you mean \"alps\"?" in fedsched("clusters", "alp").err


def test_an_order_shows_with_its_reason_where_people_look(fedsched: Fedsched) -> None:
    fedsched("cordon", "coast", "--reason", "new storage")
    text = fedsched("clusters", "coast").out
    assert "ready,cordoned" in text
    assert "! coast: cordon for 0 s by " in text
    assert "new storage" in text


def test_old_data_is_shown_with_its_age_and_exit_code_four(fedsched: Fedsched, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 3600
    monkeypatch.setattr("time.time", lambda: later)
    for verb in ("q", "clusters"):
        said = fedsched(verb)
        assert said.code == 4
        assert "60 min" in said.out
        assert "fedsched serve" in said.err
    assert fedsched("q", "-o", "json").json()["stale"] is True


def test_hostile_names_never_reach_the_terminal_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.table((output.Column("WHO"),), [("\x1b]0;owned\x07\x1b[2J",)])
    output.line("a\rb\x1b[31m")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(("columns", "gone"), [(240, False), (80, True)])
def test_a_narrow_terminal_loses_the_least_important_columns_and_says_so(
    recorded: Path,
    columns: int,
    gone: bool,  # noqa: FBT001 - a table of cases
) -> None:
    text = on_terminal(["q", "--config", str(recorded / "fedsched.toml")], columns)
    assert ("-o json has" in text) is gone
    assert "IDLE" in text
    assert "WHY" in text
    longest = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in text.splitlines())
    assert longest <= columns


def test_without_a_terminal_there_is_neither_colour_nor_a_cut_line(recorded: Path) -> None:
    command = [sys.executable, "-m", "fedsched", "q", "--config", str(recorded / "fedsched.toml")]
    text = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "COLUMNS": "40"}
    ).stdout
    assert "\x1b" not in text
    assert text.isascii() or "·" in text
    assert "node-too-small" in text
    assert "PRINCIPAL" in text


def test_no_color_is_obeyed_on_a_terminal(recorded: Path) -> None:
    words = ["q", "--config", str(recorded / "fedsched.toml")]
    assert "\x1b[1m" in on_terminal(words, 200)
    assert "\x1b" not in on_terminal(words, 200, NO_COLOR="1")


def on_terminal(words: list[str], columns: int, **more: str) -> str:
    """What a person sees: standard output and error of the program on a terminal of that width."""
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    environment |= {"COLUMNS": str(columns), "LINES": "50", "TERM": "xterm", **more}
    command = [sys.executable, "-m", "fedsched", *words]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:
                break
            if not part:
                break
            seen += part
        process.wait(timeout=60)
    os.close(ours)
    return seen.decode().replace("\r\n", "\n")


def test_a_class_of_which_nothing_waits_is_said_to_run_and_not_to_be_unplanned(
    fedsched: Fedsched, federation: Path
) -> None:
    settings = load_federation(federation / "fedsched.toml")
    journal = open_journal(settings.journal)
    last = journal.last_cycle()
    journal.close()
    assert last is not None
    first, *others = last.observation.schedds
    running = msgspec.structs.replace(first.classes[0], key="0running", idle=0, running=3)
    view = msgspec.structs.replace(first, classes=(running,))
    seen = msgspec.structs.replace(last.observation, schedds=(view, *others))
    window = Window(settings, Health(10.0), tuple, lambda: last.plan.at)
    try:
        window.see(msgspec.structs.replace(last, snapshot=msgspec.structs.replace(last.snapshot, observation=seen)))
        words = {one["demand"]["key"]: one["word"] for one in fedsched("q", "-o", "json").json()["classes"]}
    finally:
        window.close()
    assert words["0running"] == "running"
