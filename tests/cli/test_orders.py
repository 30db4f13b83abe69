"""Orders reach the journal with reason, author and deadline; each names its undoing; a dry run does nothing."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from fedsched.journal import open_journal
from fedsched.matchmaker.model import Order
from tests.cli.conftest import Fedsched

GIVEN = [
    (("cordon", "alps"), "cordon", "alps"),
    (("drain", "alps"), "drain", "alps"),
    (("pause", "alps"), "pause", "alps"),
    (("pause", "--all"), "pause", "*"),
    (("deny", "guest.*"), "deny", "guest.*"),
]


def standing(federation: Path) -> tuple[Order, ...]:
    journal = open_journal(f"sqlite:{federation / 'fedsched.db'}")
    try:
        return journal.orders()
    finally:
        journal.close()


@pytest.mark.parametrize(("words", "kind", "target"), GIVEN)
def test_an_order_stands_with_its_reason_and_the_undo_that_it_prints_lifts_it(
    fedsched: Fedsched, federation: Path, words: tuple[str, ...], kind: str, target: str
) -> None:
    said = fedsched(*words, "--reason", "storage moves; it's late", "-o", "json")
    assert said.code == 0, said.err
    (order,) = standing(federation)
    assert (order.kind, order.target, order.reason) == (kind, target, "storage moves; it's late")
    assert "@" in order.by
    undo = shlex.split(said.json()["undo"])
    assert undo[0] == "fedsched"
    lifted = fedsched(*undo[1:])
    assert lifted.code == 0
    assert standing(federation) == ()
    redo = shlex.split(lifted.out.splitlines()[1].removeprefix("  undo: fedsched "))
    assert fedsched(*redo).code == 0
    (again,) = standing(federation)
    assert (again.kind, again.target, again.reason) == (order.kind, order.target, order.reason)


@pytest.mark.parametrize("words", [words for words, _, _ in GIVEN])
def test_a_dry_run_says_what_it_would_do_and_does_nothing(
    fedsched: Fedsched, federation: Path, words: tuple[str, ...]
) -> None:
    said = fedsched(*words, "--reason", "why", "--dry-run")
    assert said.code == 0
    assert "would be ordered" in said.out
    assert standing(federation) == ()


def test_a_drain_says_what_it_touches_and_keeps_its_deadline(fedsched: Fedsched, federation: Path) -> None:
    said = fedsched("drain", "alps", "--reason", "maintenance", "--deadline", "6h")
    assert "claimed" in said.out
    assert "finishes its jobs" in said.out
    assert "evicted after" in said.out
    (order,) = standing(federation)
    assert order.deadline_at is not None
    assert order.deadline_at - order.at == 6 * 3600
    assert "in 6 h" in fedsched("orders").out


def test_an_order_without_a_reason_is_a_usage_error(fedsched: Fedsched, federation: Path) -> None:
    assert fedsched("cordon", "alps").code == 2
    assert fedsched("cordon", "alps", "--reason", "  ").code == 2
    assert standing(federation) == ()


def test_a_member_that_does_not_exist_gets_no_order(fedsched: Fedsched, federation: Path) -> None:
    said = fedsched("cordon", "alpes", "--reason", "why")
    assert said.code == 1
    assert 'did you mean "alps"?' in said.err
    assert standing(federation) == ()


def test_lifting_what_does_not_stand_is_refused_and_says_what_does(fedsched: Fedsched) -> None:
    fedsched("cordon", "alps", "--reason", "why")
    said = fedsched("resume", "alps")
    assert said.code == 1
    assert "cordon alps" in said.err


def test_resuming_one_member_says_that_all_are_still_paused(fedsched: Fedsched) -> None:
    fedsched("pause", "--all", "--reason", "update")
    fedsched("pause", "alps", "--reason", "failures")
    said = fedsched("resume", "alps")
    assert said.code == 0
    assert "still paused for all members: update" in said.err


@pytest.mark.parametrize("words", [("pause",), ("pause", "alps", "--all"), ("resume",)])
def test_one_member_or_all_never_both_and_never_neither(fedsched: Fedsched, words: tuple[str, ...]) -> None:
    more = ("--reason", "why") if words[0] == "pause" else ()
    assert fedsched(*words, *more).code == 2


@pytest.mark.parametrize("deadline", ["soon", "-5m", "0s", "1e400h"])
def test_a_deadline_that_is_no_duration_is_a_usage_error_with_an_example(fedsched: Fedsched, deadline: str) -> None:
    said = fedsched("drain", "alps", "--reason", "why", f"--deadline={deadline}")
    assert said.code == 2
    assert "--deadline 6h" in said.err
