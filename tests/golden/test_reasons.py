"""Every cause has a sentence with its numbers and a next action, and a bare reason still gives a whole sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from fedsched.matchmaker import explain
from fedsched.matchmaker.explain.sayings import SAYINGS
from fedsched.matchmaker.reasons import Cause, Reason

GOLDEN = Path(__file__).parent / "reasons.txt"
NUMBERS = {
    Cause.REQUIREMENTS: ("TARGET.HasCVMFS =?= true", "true", "UNDEFINED"),
    Cause.NODE_TOO_SMALL: ("memory_mib", "96 GiB", "32 GiB"),
    Cause.NO_ROOM: ("cpu_milli", "8 cores", "2 cores"),
    Cause.TOO_LONG: ("AllowedJobDuration", "36 h", "12 h"),
    Cause.QUOTA_FULL: ("compute-small", "8 cores", "3 cores"),
    Cause.RAMP: ("", "200 startds", "4 startds"),
    Cause.MEMBER_SILENT: ("timeout", "60 s", "85 s"),
    Cause.SCHEDD_STALE: ("ce1.site", "2 min", "5 min"),
    Cause.CORDONED: ("cordon", "", "broken fan"),
    Cause.DENIED: ("*@evil", "", "mining"),
    Cause.IMAGE_PULL: ("fs-m1-7-x2b4c", "", "ErrImagePull: not found"),
    Cause.CRASHED: ("fs-m1-7", "", "exit code 70"),
    Cause.NEVER_JOINED: ("fs-m1-7", "", "exit code 5: the collector refused the token"),
    Cause.SUPERSEDED: ("", "17", "18"),
}


def full(cause: Cause) -> Reason:
    what, need, have = NUMBERS.get(cause, ("the-thing", "12 units", "3 units"))
    return Reason(cause, what, need, have, member="m1", node_group="big", source="node group big", at=1000.0)


def told() -> str:
    lines = []
    for cause in Cause:
        lines += [
            f"{cause}",
            f"  full: {explain.sentence(full(cause), 1125.0)}",
            f"    do: {explain.action(full(cause))}",
        ]
        lines += [f"  bare: {explain.sentence(Reason(cause), 1125.0)}", f"    do: {explain.action(Reason(cause))}"]
    return "\n".join(lines) + "\n"


def test_the_sentences_of_all_causes_are_those_that_people_have_read_and_approved() -> None:
    """After a deliberate change: FEDSCHED_GOLDEN=write, then read the difference."""
    if os.environ.get("FEDSCHED_GOLDEN") == "write":
        GOLDEN.write_text(told(), encoding="utf-8")
    assert told() == GOLDEN.read_text(encoding="utf-8")


def test_no_cause_is_without_words() -> None:
    assert set(SAYINGS) == set(Cause)


@pytest.mark.parametrize("cause", list(Cause))
def test_a_sentence_is_whole_whatever_the_reason_leaves_out(cause: Cause) -> None:
    for reason in (full(cause), Reason(cause), Reason(cause, need="7 cores"), Reason(cause, have="7 cores")):
        text = explain.sentence(reason, 1000.0)
        assert text.endswith(".")
        assert text[0].isupper()
        assert not re.search(r"[{}|\[\]]|  | ,|: ,|\(\)|: \.", text), text
        assert explain.action(reason)
        assert not re.search(r"[{}|\[\]]", explain.action(reason))


@pytest.mark.parametrize("cause", [c for c in Cause if "{need}" in SAYINGS[c].clause])
def test_numbers_that_a_reason_has_are_told(cause: Cause) -> None:
    reason = full(cause)
    assert reason.need in explain.clause(reason)
    assert reason.have in explain.clause(reason)


def test_a_number_older_than_a_cycle_shows_its_age_and_a_fresh_one_does_not() -> None:
    assert "2 min old" in explain.sentence(full(Cause.NO_ROOM), 1125.0)
    assert "old" not in explain.sentence(full(Cause.NO_ROOM), 1005.0)


def test_hostile_words_stay_on_one_short_printable_line() -> None:
    hostile = Reason(Cause.REQUIREMENTS, what="\x1b[31mred\r\nfake line {need} | x" + "y" * 10_000, member="m\x07")
    text = explain.sentence(hostile, 0.0)
    assert text.isprintable()
    assert len(text) < 500
    assert "{need}" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (8.4, "8 s"), (99, "99 s"), (180, "3 min"), (7500, "2 h 5 min"), (7200, "2 h"), (180_000, "2 d 2 h")],
)
def test_an_age_is_short_and_names_its_units(seconds: float, words: str) -> None:
    assert explain.age(seconds) == words
