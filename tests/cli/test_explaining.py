"""`explain` beyond the sentence: what would help, every change of reason, members, groups and decisions."""

from __future__ import annotations

import itertools
import re
from typing import Any

from tests.cli.conftest import Fedsched


def _class(fedsched: Fedsched, word: str) -> dict[str, Any]:
    classes = fedsched("q", "-o", "json").json()["classes"]
    return next(dict(one["demand"]) for one in classes if one["word"] == word)


def test_what_would_help_follows_what_is_known_and_is_part_of_the_document(fedsched: Fedsched) -> None:
    """E2, E9."""
    key = _class(fedsched, "node-too-small")["key"]
    said = fedsched("explain", key, "--no-estimate")
    known, _, proven = said.out.partition("\n  cycle ")
    assert "would do" not in known
    assert re.search(r"^  would do   .*at most 25\d[.\d]* GiB of memory", proven, re.MULTILINE)
    told = fedsched("explain", key, "--no-estimate", "-o", "json").json()
    assert told["version"] == 2
    assert 0 < len(told["counterfactuals"]) <= told["proven_of"]
    assert "at most 25" in told["counterfactuals"][0]["text"]
    bare = fedsched("explain", key, "--no-estimate", "--no-counterfactuals", "-o", "json").json()
    assert (bare["counterfactuals"], bare["proven_of"]) == ([], 0)
    volatile = {"counterfactuals", "proven_of"}
    assert {k: v for k, v in bare.items() if k not in volatile} == {k: v for k, v in told.items() if k not in volatile}


def test_every_change_of_reason_is_told_oldest_first_and_the_last_is_what_is_so(fedsched: Fedsched) -> None:
    """E3."""
    one = _class(fedsched, "no-room")
    told = fedsched("explain", f"{one['examples'][0]}@{one['schedd']}", "--since", "2h", "-o", "json").json()
    turns = told["turns"]
    assert told["key"] == one["key"]
    assert [turn["at"] for turn in turns] == sorted(turn["at"] for turn in turns)
    assert turns[-1]["word"] == "no-room"
    assert all(
        before["word"] != after["word"] or before["verdict"] != after["verdict"]
        for before, after in itertools.pairwise(turns)
    )
    text = fedsched("explain", one["key"], "--since", "2h").out
    assert text.startswith(f"The reason of class {one['key']} changed ")
    rows = text.split("\n\n")[1].splitlines()
    assert rows[0].split()[:3] == ["WHEN", "AGO", "CYCLE"]
    assert len(rows) == len(turns) + 1
    wrong = fedsched("explain", one["key"], "--since", "yesterday")
    assert (wrong.code, "--since" in wrong.err) == (2, True)


def test_a_member_says_what_would_fit_and_is_held_back_by_cause_and_count(fedsched: Fedsched) -> None:
    """E4."""
    text = fedsched("explain", "cluster", "coast").out
    told = fedsched("explain", "cluster", "coast", "-o", "json").json()
    assert text.startswith("coast has ")
    assert text.splitlines()[1].startswith("Next: ")
    held = told["explanation"]["held_back"]
    assert held
    assert all(one["jobs"] > 0 and one["classes"] > 0 for one in held)
    assert len(re.findall(r"^(?:not now|never|not while cordoned) +\d+ +\d+ ", text, re.MULTILINE)) == len(held)


def test_a_group_says_why_it_holds_what_it_holds(fedsched: Fedsched) -> None:
    said = fedsched("explain", "group", "ann")
    assert said.code == 0
    first, second = said.out.splitlines()[:2]
    assert "ann" in first
    assert second.startswith("Next: ")
    assert "physics.cms/ann@physics.example" in said.out
    assert re.search(r"^  where      \d+ on alps$", said.out, re.MULTILINE)


def test_a_decision_is_told_with_the_ranks_of_all_places(fedsched: Fedsched) -> None:
    """E5."""
    one = _class(fedsched, "no-room")
    text = fedsched("explain", one["key"], "--no-counterfactuals", "--no-estimate").out
    placement = re.search(r"(fs-[0-9a-f]+-[0-9a-f]+) of ", text)
    assert placement, text
    said = fedsched("explain", "decision", placement[1])
    assert said.code == 0
    assert re.search(r"^PLACE +RANK +CHOSEN", said.out, re.MULTILINE)
    assert re.search(r"^\w+/\w+ +[\d.-]+ +chosen", said.out, re.MULTILINE)
    told = fedsched("explain", "decision", placement[1], "-o", "json").json()["explanation"]
    assert told["candidates"][told["chosen"]]["member"] == told["member"]
