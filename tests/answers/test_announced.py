"""What collectors are told of classes (E3): those with idle jobs, in the words of explain; names where they may."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import msgspec

from fedsched.answers import View
from fedsched.answers.announced import SOMEBODY, announced
from fedsched.answers.lumped import class_of
from fedsched.config.settings import Federation, Web
from fedsched.daemon.announcing import Announcing
from fedsched.journal import Recorded
from fedsched.matchmaker.explain import told
from fedsched.matchmaker.model import ClassReport, FoundJob, Memory, Plan, Principal
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from tests.matchmaker.builders import T0, demand, res, schedd, snapshot

if TYPE_CHECKING:
    from fedsched.matchmaker.model import ClassNotice, DemandClass
    from fedsched.matchmaker.resources import Resources

AHEAD = Reason(Cause.ABOVE_SHARE, "cores of bob@x.example", "8", "4 of physics.cms.carol@y.example", "m1")


def recorded(*classes: DemandClass, cycle: int = 3, unmet: int | None = None) -> Recorded:
    snap = snapshot(schedds=(schedd(*classes),))
    reports = tuple(
        ClassReport(one.key, one.idle, 0, 0, one.idle if unmet is None else unmet, Verdict.NOT_NOW, AHEAD)
        for one in classes
    )
    return Recorded(snap, Plan(cycle, T0, (), reports, Memory(cycle=cycle, at=T0)), policy="p")


def seen(made: Recorded) -> View:
    return View(made, (), 10.0, "daemon", "lab")


def test_every_class_with_idle_jobs_is_told_in_the_words_of_explain_and_no_other() -> None:
    waits, runs = demand("waits", 7, examples=("17.0",)), demand("runs", 0, running=3)
    made = recorded(waits, runs)
    (one,) = announced(seen(made))
    report = made.plan.classes[0]
    assert (one.key, one.pool, one.schedd, one.user, one.group) == ("waits", "a", "schedd-b", "alice@b", "physics")
    assert (one.sentence, one.next) == told(waits, report)
    assert (one.idle, one.unmet, one.word, one.cycle, one.at) == (7, 7, str(Cause.ABOVE_SHARE), 3, T0)


def test_an_ad_does_not_point_at_what_stands_only_below_explain() -> None:
    made = recorded(demand("waits", 7))
    report = msgspec.structs.replace(made.plan.classes[0], also=(AHEAD, AHEAD))
    (one,) = announced(seen(msgspec.structs.replace(made, plan=msgspec.structs.replace(made.plan, classes=(report,)))))
    assert "2 more in the way" in one.sentence
    assert "below" not in one.sentence


def test_a_class_that_was_not_planned_for_yet_is_unmet() -> None:
    made = recorded(demand("new", 4))
    (one,) = announced(seen(msgspec.structs.replace(made, plan=msgspec.structs.replace(made.plan, classes=()))))
    assert (one.unmet, one.word) == (4, "unplanned")


def test_where_names_are_not_for_everybody_no_sentence_has_one_and_jobs_stay() -> None:
    made = recorded(demand("waits", 7, examples=("17.0",)))
    (open_,), (veiled,) = announced(seen(made)), announced(seen(made), names=False)
    assert "bob@x.example" in open_.sentence + open_.next
    assert (veiled.user, veiled.group) == ("", "physics")
    text = veiled.sentence + veiled.next
    assert not any(name in text for name in ("alice", "bob", "carol", "example"))
    assert SOMEBODY in text
    assert "17.0@schedd-b" in text


def test_whoever_takes_the_words_slowly_holds_up_no_cycle_and_gets_the_newest_next() -> None:
    begun, go_on = threading.Event(), threading.Event()
    got: list[int] = []

    def slow(notices: tuple[ClassNotice, ...]) -> None:
        got.append(notices[0].cycle)
        begun.set()
        go_on.wait(20)

    one = Announcing(Federation("lab", (), web=Web(names="none")), slow)
    try:
        one.see(recorded(demand(), cycle=1))
        assert begun.wait(20)
        began = time.monotonic()
        for cycle in range(2, 50):
            one.see(recorded(demand(), cycle=cycle))
        assert time.monotonic() - began < 5
        assert got == [1]
        begun.clear()
        go_on.set()
        assert begun.wait(20)
        assert got == [1, 49]
    finally:
        go_on.set()
        one.stop()


def test_a_fault_while_telling_is_not_the_last_word() -> None:
    said = threading.Event()

    def faulty(notices: tuple[ClassNotice, ...]) -> None:
        if notices[0].cycle == 1:
            tried.set()
            raise ZeroDivisionError
        said.set()

    tried = threading.Event()
    one = Announcing(Federation("lab", ()), faulty)
    try:
        one.see(recorded(demand(), cycle=1))
        assert tried.wait(20)
        one.see(recorded(demand(), cycle=2))
        assert said.wait(20)
    finally:
        one.stop()


def test_a_job_of_a_lump_is_told_with_the_smallest_lump_of_its_user_that_takes_it() -> None:
    small, large = demand("small", 5, res(2, 4), lumped=9), demand("large", 5, res(8, 64), lumped=9)
    own, rest = demand("own", 5), demand("rest", 5, res(64, 512), lumped=99, principal=Principal("", "(others)"))
    view = seen(recorded(small, large, own, rest))

    def of(key: str, request: Resources | None = None, user: str = "alice@b", where: str = "schedd-b") -> str:
        job = FoundJob("1.0", where, "idle", key, principal=Principal("physics", user), request=request or res(1, 3))
        found = class_of(view, job)
        return found.key if found else ""

    assert of("own") == "own"
    assert of("other") == "small"
    assert of("other", res(4, 4)) == "large"
    assert of("other", res(32, 4)) == "rest"
    assert of("other", user="eve@b") == "rest"
    assert of("other", where="elsewhere") == ""
    assert of("") == ""
