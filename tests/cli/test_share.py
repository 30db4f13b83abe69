"""`share`: the sentence, the tree, and its numbers (Q11)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cli.conftest import Fedsched


def _shares(fedsched: Fedsched, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = fedsched("share", *words, "-o", "json").json()["shares"]
    return found


def test_the_first_line_says_who_holds_how_much_of_what_and_who_is_next(fedsched: Fedsched) -> None:
    first = fedsched("share").out.splitlines()[0]
    next_one = next(one for one in _shares(fedsched) if one["rank"] == 1)
    assert re.fullmatch(
        rf"\d+ of \d+ core-equivalents that members lend are held; 3 users are in line, {next_one['path']} is next\.",
        first,
    )


def test_a_user_hears_his_right_what_he_holds_his_place_and_who_is_just_ahead(fedsched: Fedsched) -> None:
    mine = next(one for one in _shares(fedsched) if one["rank"] == 2)
    ahead = next(one for one in _shares(fedsched) if one["rank"] == 1)
    first = fedsched("share", mine["path"].rpartition("/")[2]).out.splitlines()[0]
    held, entitled = (f"{mine[name]:.0f}" if mine[name] >= 100 else "" for name in ("counted", "entitled"))
    assert f"holds {held}" in first
    assert f"of the {entitled}" in first
    assert first.endswith(f"it is number 2 of 3 in line, just behind {ahead['path']}.")
    over = mine["counted"] / mine["entitled"] - 1
    assert f": {abs(over):.0%} {'more' if over > 0 else 'less'};" in first


def test_amounts_add_up_to_the_line_above_and_level_is_counted_by_entitled(fedsched: Fedsched) -> None:
    root, *others = _shares(fedsched)
    assert root["path"] == ""
    for name in ("counted", "charged", "wasted", "demand"):
        assert sum(one[name] for one in others if one["parent"] == "") == pytest.approx(root[name], abs=0.01)
    for one in others:
        assert one["level"] == pytest.approx(one["counted"] / one["entitled"])
        assert one["effective"] == pytest.approx(one["usage"] * one["factor"])
    line = sorted((one for one in others if one["rank"]), key=lambda one: one["rank"])
    assert [one["ahead"] for one in line] == ["", *(one["path"] for one in line[:-1])]


def test_a_user_is_shown_with_what_stands_above_and_nobody_else(fedsched: Fedsched) -> None:
    for spelling in ("ann", "ann@physics.example", "physics.cms/ann@*", "physics.cms.ann@physics.example"):
        answer = fedsched("share", spelling, "-o", "json").json()
        assert answer["named"] == ["physics.cms/ann@physics.example"]
        assert [one["path"] for one in answer["shares"]] == ["", "physics.cms/ann@physics.example"]
        assert answer["principals"] == 3


def test_me_is_who_asks(fedsched: Fedsched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "eve")
    assert fedsched("share", "me", "-o", "json").json()["named"] == ["biology/eve@biology.example"]
    monkeypatch.setenv("LOGNAME", "mallory")
    assert fedsched("share", "me").code == 1


def test_every_line_of_the_tree_stands_deeper_than_the_one_above_it(fedsched: Fedsched) -> None:
    rows = fedsched("share").out.split("\n\n")[1].splitlines()
    assert rows[0].startswith("GROUP / USER")
    assert rows[1].startswith("(all) ")
    assert all(re.match(r"  \w+(\.\w+)*/\w+@", row) for row in rows[2:])
