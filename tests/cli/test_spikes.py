"""What `spikes` says of the spike that the real loop recorded (SU6)."""

from __future__ import annotations

import re

from fedsched.cli.spikes import report
from fedsched.matchmaker.model import Spike
from tests.cli.conftest import Fedsched


def test_the_present_spike_is_listed_with_what_was_added_and_claimed(fedsched: Fedsched) -> None:
    said = fedsched("spikes")
    assert said.code == 0
    assert said.out.splitlines()[0].split()[:4] == ["SPIKE", "BEGAN", "LASTED", "PEAK"]
    assert re.search(r"^s1 +\d+ min ago +now +\d+ +\d+ +\d+", said.out, re.MULTILINE)
    (one,) = fedsched("spikes", "list", "-o", "json").json()["spikes"]
    assert one["id"] == "s1"
    assert one["ended_at"] is None
    assert one["added"] >= one["claimed"] > 0
    assert one["added"] >= len(one["open_ids"])


def test_one_spike_is_shown_whole(fedsched: Fedsched) -> None:
    said = fedsched("spikes", "show", "s1")
    assert said.code == 0
    assert said.out.startswith("Spike s1 is on; it began ")
    assert re.search(r"^  claimed +\d+, the first after \d+ s$", said.out, re.MULTILINE)
    assert fedsched("spikes", "show", "s1", "-o", "json").json()["spikes"][0]["id"] == "s1"


def test_an_unknown_spike_and_an_unknown_word_end_with_the_next_command(fedsched: Fedsched) -> None:
    said = fedsched("spikes", "show", "s77")
    assert (said.code, "no spike 's77' is remembered" in said.err) == (1, True)
    for words in (("show",), ("s1",), ("list", "s1")):
        said = fedsched("spikes", *words)
        assert (said.code, "expected `list` or `show ID`" in said.err) == (2, True)


def test_a_report_that_is_whole_tells_waste_money_and_time_to_zero() -> None:
    over = Spike(
        "s2",
        100.0,
        ended_at=700.0,
        zero_at=760.0,
        peak=40.0,
        added=3,
        claimed=1,
        never_claimed=(("image-pull", 2),),
        cost=1.234,
        unclaimed_s=(("m1", "idle", 90.0),),
        first_claim_s=30.0,
        leaks=(("c1", 1),),
    )
    assert list(report(over, 1000.0)) == [
        "Spike s2 lasted 10 min; it began 15 min ago.",
        "  peak           40 core-equivalents of jobs waited",
        "  added          3 startds, 0 of them there still",
        "  claimed        1, the first after 30 s",
        "  never claimed  2 (image-pull)",
        "  unclaimed      90 pod-seconds on m1 (idle)",
        "  leaked         1 startds for c1 were claimed by others",
        "  cost           1.23",
        "  nothing left   60 s after its end",
    ]
