"""`replay` and `snapshot` at the command line: what they say, what they end with, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from fedsched.journal import Holder, open_journal
from fedsched.journal.records import Commit
from fedsched.replay import read, replay, write
from tests.cli.conftest import Fedsched


def test_all_recorded_cycles_are_decided_again_byte_for_byte(fedsched: Fedsched) -> None:
    said = fedsched("replay", "--journal")
    assert said.code == 0
    assert said.out == "114 cycles decided again, all byte for byte.\n"
    told = fedsched("replay", "--journal", "--cycles", "100-104", "-o", "json").json()
    assert (told["cycles"], told["exact"], told["differing"]) == (5, 5, [])


def test_another_policy_differs_in_named_ways_and_that_is_no_failure(fedsched: Fedsched) -> None:
    said = fedsched("replay", "--journal", "--cycles", "105-", "--policy", "frugal")
    assert said.code == 0
    assert "Tier paid: closed instead of none." in said.out
    assert "10 cycles decided again under policy frugal: 10 otherwise" in said.out
    whole = fedsched("replay", "--journal", "--cycles", "105-", "--policy", "frugal", "--diff")
    assert whole.out.count("cycle ") > said.out.count("cycle ")
    told = fedsched("replay", "--journal", "--cycles", "95", "--policy", "frugal", "-o", "json").json()
    kinds = {one["type"] for one in told["differing"][0]["differences"]}
    assert {"class", "state", "memory"} <= kinds
    assert len(told["differing"][0]["sentences"]) == len(told["differing"][0]["differences"])


def test_a_policy_may_be_a_file(fedsched: Fedsched, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[ramp]\nfirst = 1\n")
    said = fedsched("replay", "--journal", "--cycles", "30-60", "--policy", str(tmp_path / "mine.toml"))
    assert said.code == 0
    assert "under policy mine: " in said.out
    assert "fewer startd" in said.out


def test_a_cycle_that_is_not_decided_as_it_was_ends_with_1_and_says_where(fedsched: Fedsched, federation: Path) -> None:
    journal = open_journal(f"sqlite:{federation / 'fedsched.db'}")
    last = journal.last_cycle()
    assert last is not None
    policy = journal.policy(last.policy)
    assert policy is not None
    forged = msgspec.structs.replace(last.plan, cycle=last.plan.cycle + 1, held=last.plan.held[3:])
    journal.acquire_lease(Holder.mine(), 3600, 4e9)
    journal.commit_cycle(Commit(msgspec.structs.replace(last, plan=forged, version="0.0.9"), policy))
    journal.close()
    said = fedsched("replay", "--journal", "--cycles", "112-")
    assert said.code == 1
    assert "cycle 115:\n  " in said.out
    assert "more startd" in said.out
    assert "4 cycles decided again: 3 byte for byte, 1 otherwise, the first of them cycle 115." in said.out
    assert "1 of them recorded by fedsched 0.0.9" in said.out


def test_a_snapshot_replays_and_another_policy_is_tried_on_it(fedsched: Fedsched, tmp_path: Path) -> None:
    file = tmp_path / "now.json.zst"
    said = fedsched("snapshot", "--to", str(file))
    assert said.code == 0
    assert "cycle 114, policy conference-spike (it names people and hosts" in said.err
    assert read(file).recorded.plan.cycle == 114
    assert fedsched("replay", str(file)).out == "1 cycle decided again, byte for byte.\n"
    assert "1 otherwise" in fedsched("replay", str(file), "--policy", "frugal").out


def test_a_snapshot_goes_to_standard_output_and_names_the_cycle_that_was_asked_for(fedsched: Fedsched) -> None:
    said = fedsched("snapshot", "--cycle", "50", "--redact")
    assert said.code == 0
    document = json.loads(said.out)
    assert document["recorded"]["plan"]["cycle"] == 50
    assert document["redacted"]
    assert "physics.example" not in said.out


def test_a_redacted_snapshot_is_exact_too(fedsched: Fedsched, tmp_path: Path) -> None:
    file = tmp_path / "bug.json"
    said = fedsched("snapshot", "--redact", "-o", str(file))
    assert said.code == 0
    assert "read it before you give it away" in said.err
    saved = read(file)
    assert replay(saved.recorded, saved.policy).exact


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("replay",), 2, "neither a FILE nor --journal"),
        (("replay", "--journal", "a.json"), 2, "both a FILE and --journal"),
        (("replay", "a.json"), 2, "a.json: No such file"),
        (("replay", "a.json", "--cycles", "1"), 2, "--cycles chooses among those of a journal"),
        (("replay", "--journal", "--cycles", "9-3"), 2, "the last comes before the first"),
        (("replay", "--journal", "--cycles", "one"), 2, "expected numbers of cycles"),
        (("replay", "--journal", "--cycles", "900-"), 4, "it keeps 1-114"),
        (("replay", "--journal", "--policy", "nope"), 2, 'no policy "nope"'),
        (("replay", "--journal", "--policy", "nope.toml"), 2, "no such file"),
        (("snapshot", "--cycle", "900"), 1, "cycle 900 is not kept: the journal has 1-114"),
        (("snapshot", "--to", "/nowhere/a.json"), 1, "/nowhere/a.json: No such file"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_next_command(
    fedsched: Fedsched, words: tuple[str, ...], code: int, text: str
) -> None:
    said = fedsched(*words)
    assert said.code == code
    assert text in said.err
    assert "  next: " in said.err


def test_a_snapshot_of_a_newer_fedsched_is_refused(fedsched: Fedsched, tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    fedsched("snapshot", "--to", str(file))
    write(msgspec.structs.replace(read(file), format=2), file)
    said = fedsched("replay", str(file))
    assert said.code == 2
    assert "new.json: format 2 is newer than 1" in said.err
