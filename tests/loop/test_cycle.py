"""What one cycle promises, whatever a member answers."""

from __future__ import annotations

import gc
import itertools
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.journal import Holder, Limits, SqliteJournal
from fedsched.loop import Fenced, Loop, Mind, Options
from fedsched.loop.lanes import FIRST_PAUSE_S, LONGEST_PAUSE_S
from fedsched.matchmaker.model import MemberView, Order, Outcome, Policy
from tests.loop.shelf import START, Shelf, VirtualClock, Wishes

Inline = Callable[..., tuple[Loop, VirtualClock]]


def test_what_is_wished_exists_after_one_cycle_and_what_is_not_is_gone(tmp_path: Path, inline: Inline) -> None:
    shelf, wishes = Shelf(tmp_path / "w", ["m1", "m2"]), Wishes({"a": "m1", "b": "m2"})
    loop, _ = inline(shelf, wishes.mind())
    assert not loop.cycle().partial
    assert shelf.names() == ["m1/fs-a", "m2/fs-b"]
    del wishes.ids["a"]
    loop.cycle()
    assert shelf.names() == ["m2/fs-b"]
    shelf.acts.clear()
    assert loop.cycle().issued == {}
    assert not shelf.acts


def test_an_intent_is_durable_before_its_act_and_its_outcome_reaches_the_next_cycle(
    tmp_path: Path, inline: Inline, journal: SqliteJournal
) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes({"a": "m1"})
    seen_by_others: list[int] = []

    def look(_change: Any) -> str:
        other = SqliteJournal(tmp_path / "j" / "fedsched.db")
        seen_by_others.append(len(other.open_intents()))
        other.close()
        return ""

    shelf.answer = look
    loop, _ = inline(shelf, wishes.mind())
    loop.cycle()
    assert seen_by_others == [1]
    assert journal.open_intents() == ()
    loop.cycle()
    assert [outcome.uid for outcome in wishes.seen[-1].outcomes] == ["uid-a-0"]
    loop.cycle()
    assert wishes.seen[-1].outcomes == ()


def test_orders_that_others_write_are_in_the_next_snapshot(
    tmp_path: Path, inline: Inline, journal: SqliteJournal
) -> None:
    wishes = Wishes({})
    loop, _ = inline(Shelf(tmp_path / "w"), wishes.mind())
    order = Order("cordon", "m1", "broken switch")
    other = SqliteJournal(tmp_path / "j" / "fedsched.db")
    other.add_order(order)
    other.close()
    loop.cycle()
    assert wishes.seen[-1].orders == (order,)
    last = journal.last_cycle()
    assert last is not None
    assert last.snapshot.orders == (order,)


def test_after_a_retry_the_lane_pauses_longer_each_time(tmp_path: Path, inline: Inline) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes({"a": "m1", "b": "m1"})
    shelf.answer = lambda _change: "retry"
    loop, clock = inline(shelf, wishes.mind())
    tried: list[float] = []
    while clock.at < START + 400:
        before = len(shelf.acts)
        loop.cycle()
        if len(shelf.acts) > before:
            assert len(shelf.acts) == before + 1, "the rest of the lane waits"
            tried.append(clock.at)
        clock.sleep(0.5)
    gaps = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert gaps[0] == pytest.approx(FIRST_PAUSE_S, abs=0.5)
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(LONGEST_PAUSE_S, abs=0.5)


def test_a_lane_stays_closed_as_long_as_retry_after_says(tmp_path: Path, inline: Inline) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes({"a": "m1"})
    shelf.answer, shelf.retry_after_s = (lambda _change: "retry"), 45.0
    loop, clock = inline(shelf, wishes.mind())
    loop.cycle()
    shelf.answer = lambda _change: ""
    clock.sleep(44)
    assert loop.cycle().issued == {}
    clock.sleep(1)
    assert loop.cycle().issued == {"create": 1}


def test_a_fence_above_ours_in_an_observation_stops_us_before_anything_is_decided(
    tmp_path: Path, inline: Inline
) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes({"a": "m1"})
    loop, _ = inline(shelf, wishes.mind())
    shelf.views["m1"] = MemberView("m1", contact="ok", fence_epoch=2)
    with pytest.raises(Fenced, match="member m1 has seen epoch 2, ours is 1"):
        loop.cycle()
    assert not wishes.seen
    assert not shelf.acts


def test_a_fence_above_ours_at_the_first_act_stops_us_before_it(tmp_path: Path, inline: Inline) -> None:
    shelf, wishes = Shelf(tmp_path / "w", ["m1", "m2"]), Wishes({"a": "m1", "b": "m2"})
    shelf.fences["m1"] = 7
    loop, _ = inline(shelf, wishes.mind())
    with pytest.raises(Fenced, match="epoch 7"):
        loop.cycle()
    assert shelf.names() == []


def test_a_fenced_outcome_stops_us(tmp_path: Path, inline: Inline) -> None:
    shelf = Shelf(tmp_path / "w")
    shelf.answer = lambda _change: "fenced"
    loop, _ = inline(shelf, Wishes({"a": "m1"}).mind())
    with pytest.raises(Fenced):
        loop.cycle()


def test_with_dispatch_none_plans_are_recorded_and_nothing_is_carried_out_or_remembered(
    tmp_path: Path, inline: Inline, journal: SqliteJournal
) -> None:
    shelf = Shelf(tmp_path / "w")
    loop, _ = inline(shelf, Wishes({"a": "m1"}).mind(), dispatch=False)
    for _ in range(3):
        loop.cycle()
    assert shelf.names() == []
    assert journal.memory().held == ()
    last = journal.last_cycle()
    assert last is not None
    assert [held.placement.id for held in last.plan.held] == ["a"]
    assert len(last.issued) == 1
    assert not last.dispatch


def test_an_exception_in_a_world_costs_one_change_and_not_the_cycle(tmp_path: Path, inline: Inline) -> None:
    shelf, wishes = Shelf(tmp_path / "w", ["m1", "m2"]), Wishes({"a": "m1", "b": "m2"})

    def explode(change: Any) -> str:
        if change.member == "m1":
            raise RuntimeError("a defect")
        return ""

    shelf.answer = explode
    loop, _ = inline(shelf, wishes.mind())
    assert loop.cycle().results == {"retry": 1, "done": 1}
    assert shelf.names() == ["m2/fs-b"]


FATES = st.sampled_from(["", "", "lost", "retry", "refused", "conflict"])


@settings(max_examples=60, deadline=None)
@given(
    fates=st.lists(FATES, max_size=25),
    wishes=st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["m1", "m2"]), max_size=4), min_size=1),
    restarts=st.sets(st.integers(0, 10)),
)
def test_whatever_members_answer_and_whenever_we_restart_there_is_one_object_per_wish(
    fates: list[str], wishes: list[dict[str, str]], restarts: set[int]
) -> None:
    """409, 403, timeouts with and without effect, restarts: once members answer well, objects equal wishes."""
    with tempfile.TemporaryDirectory() as folder:
        shelf, mind = Shelf(Path(folder) / "w", ["m1", "m2"]), Wishes({})
        coming = list(fates)
        shelf.answer = lambda _change: coming.pop() if coming else ""
        journal = SqliteJournal(Path(folder) / "fedsched.db")
        journal.acquire_lease(Holder.mine(), 1e9, START)
        journal.raise_epoch(1)
        clock = VirtualClock()
        loop = Loop(shelf, journal, mind.mind(), clock, Options(inline=True))
        for number, ids in enumerate(wishes[:8]):
            # An id never moves between members: placements never change.
            mind.ids = {f"{name}-{member}": member for name, member in ids.items()}
            if number in restarts:
                journal.raise_epoch(journal.epoch() + 1)
                loop = Loop(shelf, journal, mind.mind(), clock, Options(inline=True))
            loop.cycle()
            clock.sleep(5)
        for _ in range(40):
            loop.cycle()
            clock.sleep(LONGEST_PAUSE_S)
        assert shelf.names() == sorted(f"{member}/fs-{name}" for name, member in mind.ids.items())
        assert journal.open_intents() == ()
        intended = Counter(type(change).__name__ for change in shelf.acts)
        assert intended["DeleteObject"] <= intended["CreateObject"] + len(fates)
        journal.close()


OURS = ("fedsched/loop", "fedsched/journal", "fedsched/matchmaker", "tests/loop")


def test_a_thousand_cycles_do_not_grow_memory_or_the_journal(tmp_path: Path) -> None:
    limit = 256 * 1024
    journal = SqliteJournal(tmp_path / "fedsched.db", Limits(size=limit))
    journal.acquire_lease(Holder.mine(), 1e9, START)
    journal.raise_epoch(1)
    shelf = Shelf(tmp_path / "w", ["m1", "m2"])
    wishes = Wishes({})
    clock = VirtualClock()
    loop = Loop(shelf, journal, wishes.mind(), clock, Options(inline=True))

    def cycles(numbers: range) -> int:
        for number in numbers:
            wishes.ids = {f"p{(number + i) % 30}": "m1" for i in range(20)}
            loop.cycle()
            shelf.acts.clear()
            shelf.made.clear()
            clock.sleep(10)
        gc.collect()
        # Of this program's loop and journal: what threads that other tests left behind allocate is not meant.
        ours = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(inclusive=True, filename_pattern=f"*/{one}/*") for one in OURS]
        )
        return sum(trace.size for trace in ours.traces)

    tracemalloc.start()
    try:
        early = cycles(range(200))
        late = cycles(range(200, 1000))
    finally:
        tracemalloc.stop()
    assert late - early < 64 * 1024
    journal.checkpoint()
    assert 20 < len(journal.cycles()) < 1000
    assert sum(file.stat().st_size for file in tmp_path.glob("fedsched.db*")) < 4 * limit
    journal.close()


def test_a_mind_that_changes_is_used_by_the_next_cycle(tmp_path: Path, inline: Inline) -> None:
    shelf, before, after = Shelf(tmp_path / "w"), Wishes({"a": "m1"}), Wishes({"b": "m1"})
    loop, _ = inline(shelf, before.mind())
    loop.cycle()
    mind = after.mind()
    loop.mind = Mind(mind.negotiate, mind.changes, Policy(name="frugal"), mind.terms)
    loop.cycle()
    assert shelf.names() == ["m1/fs-b"]


def test_an_outcome_is_what_the_world_said(tmp_path: Path, inline: Inline) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes({"a": "m1"})
    shelf.answer = lambda _change: "refused"
    loop, _ = inline(shelf, wishes.mind())
    assert loop.cycle().partial
    loop.cycle()
    outcomes: tuple[Outcome, ...] = wishes.seen[-1].outcomes
    assert [outcome.result for outcome in outcomes] == ["refused"]
