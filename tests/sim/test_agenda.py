"""Parts of a world are asked when they are due only when they rang, and do their work in their own order."""

from __future__ import annotations

from dataclasses import dataclass, field

from fedsched.sim.agenda import Agenda, Bell
from fedsched.sim.timetable import NEVER


@dataclass(eq=False)
class Part:
    """Due when it is told to be; counts how often it is asked."""

    at: float
    asked: int = 0
    bell: Bell = field(default_factory=Bell)

    @property
    def due_at(self) -> float:
        self.asked += 1
        return self.at

    def hang(self, bell: Bell) -> None:
        self.bell = bell

    def change(self, at: float) -> None:
        self.at = at
        self.bell.ring()


def test_parts_that_are_due_at_once_come_in_their_own_order() -> None:
    late, first, second = Part(9.0), Part(5.0), Part(3.0)
    agenda = Agenda([first, late, second])
    assert agenda.next == 3.0
    assert agenda.take(5.0) == [first, second]


def test_a_part_that_did_not_ring_is_not_asked_again() -> None:
    quiet, busy = Part(100.0), Part(1.0)
    agenda = Agenda([quiet, busy])
    for at in range(1, 50):
        assert agenda.take(float(at)) == [busy]
        busy.at = at + 1.0
    assert quiet.asked == 1


def test_a_part_that_rings_is_due_at_its_new_time_whether_sooner_or_later() -> None:
    part, other = Part(10.0), Part(20.0)
    agenda = Agenda([part, other])
    assert agenda.next == 10.0
    part.change(30.0)
    assert agenda.next == 20.0
    part.change(10.0)
    assert agenda.take(10.0) == [part]
    part.at = NEVER
    assert agenda.take(20.0) == [other]


def test_what_is_due_already_is_taken_at_once_and_what_is_never_due_is_not_taken() -> None:
    due, never = Part(-NEVER), Part(NEVER)
    agenda = Agenda([never, due])
    assert agenda.take(0.0) == [due]
    due.at = NEVER
    assert agenda.next == NEVER
    assert agenda.take(1e12) == []
