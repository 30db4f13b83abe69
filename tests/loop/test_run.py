"""When cycles begin: on the agenda, early after a change, never more often than the debounce allows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from fedsched.loop import Agenda, run
from tests.loop.shelf import START, Shelf, VirtualClock


class Busy(Shelf):
    """A world that reports a change whenever `changing` says so; waiting passes virtual time."""

    def __init__(self, folder: Path, clock: VirtualClock, changing: Callable[[float], bool]) -> None:
        super().__init__(folder)
        self.clock = clock
        self.changing = changing

    def wait(self, timeout_s: float) -> bool:
        if self.changing(self.clock.at - START):
            return True
        self.clock.sleep(timeout_s)
        return False


def times(
    tmp_path: Path, seconds: float, changing: Callable[[float], bool], every: float = 1e9, took: float = 0.0
) -> list[float]:
    """When cycles began, in seconds after the start, with a debounce of 1 s and one on the agenda each `every` s.

    took: seconds that a cycle takes.
    """
    clock, agenda = VirtualClock(), Agenda()
    began: list[float] = []
    due = [every]

    def do(chore: str) -> None:
        if chore == "cycle":
            began.append(clock.at - START)
            clock.sleep(took)

    class Ticking(Busy):
        def wait(self, timeout_s: float) -> bool:
            if clock.at - START >= due[0]:
                due[0] += every
                agenda.add("cycle")
            if clock.at - START >= seconds:
                agenda.stop()
            return super().wait(timeout_s)

    run(Ticking(tmp_path, clock, changing), clock, agenda, 1.0, do)
    return began


def test_nothing_happens_without_a_change_or_an_entry(tmp_path: Path) -> None:
    assert times(tmp_path, 30, lambda _at: False) == []


def test_the_agenda_gives_the_cadence(tmp_path: Path) -> None:
    began = times(tmp_path, 60, lambda _at: False, every=10)
    assert len(began) in {5, 6}
    assert all(9 < later - earlier < 11 for earlier, later in itertools.pairwise(began))


def test_one_change_makes_one_cycle_at_once(tmp_path: Path) -> None:
    seen: list[float] = []

    def once(at: float) -> bool:
        if at > 5 and not seen:
            seen.append(at)
            return True
        return False

    (began,) = times(tmp_path, 30, once)
    assert began - seen[0] < 0.5


def test_a_storm_of_changes_costs_one_cycle_per_debounce(tmp_path: Path) -> None:
    began = times(tmp_path, 30, lambda at: at < 29)
    assert 25 <= len(began) <= 31
    assert all(later - earlier >= 0.999 for earlier, later in itertools.pairwise(began))


def test_long_cycles_take_no_more_than_a_quarter_of_the_time_when_changes_storm(tmp_path: Path) -> None:
    began = times(tmp_path, 60, lambda at: at < 59, took=3.0)
    assert 5 <= len(began) <= 6
    assert all(12 <= later - earlier < 12.5 for earlier, later in itertools.pairwise(began))


def test_a_chore_is_done_once_however_often_it_was_put_down(tmp_path: Path) -> None:
    agenda, clock = Agenda(), VirtualClock()
    for chore in ("lease", "reload", "lease"):
        agenda.add(chore)
    done: list[str] = []

    def do(chore: str) -> None:
        done.append(chore)
        if chore == "reload":
            agenda.stop()

    run(Busy(tmp_path, clock, lambda _at: False), clock, agenda, 1.0, do)
    assert done == ["lease", "reload"]
