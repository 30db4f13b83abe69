"""Which schedds are known and how old what they said is (D1, FA9): one that fails changes only its own age."""

from __future__ import annotations

from typing import Any

from fedsched.condor.questions import Demand, FoundSchedd
from fedsched.condor.roster import ASK_VANISHED_S, FORGET_S, LONGEST_PAUSE_S, Entry, Moment, Roster
from fedsched.config.settings import PoolSettings
from fedsched.matchmaker.model import DemandClass, JobLength, Principal, ScheddView
from fedsched.matchmaker.resources import Resources

A, Z = PoolSettings("a", "a.lab:9618"), PoolSettings("z", "z.lab:9618")


def at(seconds: float) -> Moment:
    return Moment(1_000_000 + seconds, seconds)


def found(name: str, address: str = "<1.2.3.4:9618>", **more: Any) -> FoundSchedd:
    return FoundSchedd(name, address, identity=f"{name}@pool-a", **more)


def answer(idle: int, pool: str = "a") -> Demand:
    who = Principal("g", "u@d")
    one = DemandClass("k", pool, "b", who, Resources(1000), JobLength(60, "assumed"), idle)
    return Demand((one,), ("deep",), {1: 5.0})


def ask(roster: Roster, name: str, now: Moment) -> Entry:
    (entry,) = [entry for entry in roster.due(now) if entry.view.name == name]
    entry.asking = True
    return entry


def view(roster: Roster, name: str, now: Moment) -> ScheddView:
    (one,) = [one for one in roster.views(now) if one.name == name]
    return one


def test_a_silent_schedd_keeps_its_last_answer_with_its_age_and_the_others_do_not_notice() -> None:
    roster = Roster([A], 5.0)
    roster.listed("a", [found("b"), found("c")], at(0))
    for name in "bc":
        assert roster.answered(ask(roster, name, at(0)), answer(7), at(1))
    roster.failed(ask(roster, "b", at(6)), "schedd b: no answer within 20 s", at(26))
    roster.answered(ask(roster, "c", at(6)), answer(8), at(7))
    b, c = view(roster, "b", at(30)), view(roster, "c", at(30))
    assert (b.classes[0].idle, b.seen_at, b.reads, b.error) == (7, at(1).epoch, 1, "schedd b: no answer within 20 s")
    assert (c.classes[0].idle, c.seen_at, c.reads, c.error) == (8, at(7).epoch, 2, "")


def test_a_schedd_is_asked_once_per_poll_and_less_when_busy_or_silent() -> None:
    roster = Roster([A], 5.0)
    roster.listed("a", [found("b"), found("busy", busy=0.99)], at(0))
    for name in ("b", "busy"):
        roster.answered(ask(roster, name, at(0)), answer(1), at(0))
    assert not roster.due(at(4.9))
    assert [entry.view.name for entry in roster.due(at(5))] == ["b"]
    assert len(roster.due(at(30))) == 2
    now = 30.0
    for _ in range(8):
        entry = ask(roster, "b", at(now))
        roster.failed(entry, "no", at(now))
        assert 5 <= entry.next_at - now <= LONGEST_PAUSE_S
        now = entry.next_at
    roster.answered(ask(roster, "b", at(now)), answer(1), at(now))
    assert "b" in [entry.view.name for entry in roster.due(at(now + 5))]


def test_a_queue_that_takes_long_to_read_is_read_less_often() -> None:
    roster = Roster([A], 5.0)
    roster.listed("a", [found("b")], at(0))
    roster.answered(ask(roster, "b", at(0)), answer(1), at(3), 3.0)
    assert not roster.due(at(3 + 11.9))
    assert roster.due(at(3 + 12))


def test_those_that_answer_are_asked_before_those_that_do_not() -> None:
    roster = Roster([A], 5.0)
    roster.listed("a", [found("a1"), found("b1")], at(0))
    roster.failed(ask(roster, "a1", at(0)), "no", at(0))
    roster.answered(ask(roster, "b1", at(0)), answer(1), at(0))
    assert [entry.view.name for entry in roster.due(at(100))] == ["b1", "a1"]


def test_a_schedd_in_two_pools_is_one_and_joins_its_home_or_else_the_first() -> None:
    roster = Roster([A, Z], 5.0)
    roster.listed("z", [found("b"), found("h", home="z.lab:9618")], at(0))
    roster.answered(ask(roster, "b", at(0)), answer(3, "z"), at(0))
    roster.listed("a", [found("b"), found("h", home="z.lab:9618")], at(1))
    assert {one.name: one.pool for one in roster.views(at(1))} == {"b": "a", "h": "z"}
    assert view(roster, "b", at(1)).classes[0].pool == "a"
    roster.listed("a", [], at(2))
    assert {one.name: one.pool for one in roster.views(at(2))} == {"b": "z", "h": "z"}


def test_a_collector_that_lists_nobody_or_fails_loses_no_schedd() -> None:
    roster = Roster([A], 5.0)
    roster.listed("a", [found("b")], at(0))
    roster.answered(ask(roster, "b", at(0)), answer(3), at(0))
    roster.listed("a", [], at(10))
    roster.unlisted("a", "collector a.lab:9618: down")
    assert roster.errors() == {"a": "collector a.lab:9618: down"}
    assert roster.due(at(10))
    late = ASK_VANISHED_S + 1
    assert not roster.due(at(late))
    assert "no longer in the collector of pool a" in view(roster, "b", at(late)).error
    assert view(roster, "b", at(late)).classes[0].idle == 3
    roster.listed("a", [], at(FORGET_S + 1))
    assert not roster.views(at(FORGET_S + 1))


def test_a_restarted_schedd_is_asked_at_its_new_address_at_once() -> None:
    roster = Roster([A], 5.0)
    roster.listed("a", [found("b", started_at=1.0)], at(0))
    for now in (0, 10, 30):
        roster.failed(ask(roster, "b", at(now)), "no", at(now))
    roster.listed("a", [found("b", "<1.2.3.4:1111>", started_at=2.0)], at(31))
    (entry,) = roster.due(at(31))
    assert entry.schedd.address == "<1.2.3.4:1111>"


def test_somebody_else_who_takes_a_schedds_name_is_ignored_and_said() -> None:
    roster = Roster([A], 5.0)
    roster.listed("a", [found("b")], at(0))
    thief = FoundSchedd("b", "<6.6.6.6:1>", identity="thief@pool-a", started_at=9e9)
    for claimants in ([thief, found("b")], [found("b"), thief]):
        roster.listed("a", claimants, at(1))
        one = view(roster, "b", at(1))
        assert (one.address, one.identity) == ("<1.2.3.4:9618>", "b@pool-a")
        assert "thief@pool-a" in one.error


def test_what_was_learnt_of_a_schedd_goes_into_its_next_question() -> None:
    roster = Roster([A], 5.0)
    roster.listed("a", [found("b")], at(0))
    entry = ask(roster, "b", at(0))
    assert roster.answered(entry, answer(1), at(0))
    assert (entry.reads, entry.submitted) == (("deep",), {1: 5.0})
    entry.asking = True
    assert not roster.answered(entry, answer(1), at(5))
