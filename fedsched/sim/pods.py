"""A pod of a simulated member, its times, and its place in line for a node; nothing is scheduled here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from fedsched.matchmaker.model import Placement
from fedsched.matchmaker.resources import Resources
from fedsched.sim.racks import Node
from fedsched.sim.timetable import NEVER


@dataclass(eq=False)
class Pod:
    """A pod, ours (with its placement) or the site's own. Times are epoch seconds, None before they happened.

    starts_at: when its container will run; None while that is not known, infinite when it never will. keeps: part of
    its placement's cores and memory that admission left it. fact: what admission says of that. runs_s: how long its
    container runs by itself, exits_with: how that ends; None for a startd, which decides that itself. grace_s: what it
    takes to go when its deadline is over. counted: its Job's controller has counted its end.
    """

    name: str
    uid: str
    group: str
    request: Resources
    created_at: float
    placement: Placement | None = None
    version: int = 1
    node: Node | None = None
    pinned: Node | None = None
    scheduled_at: float | None = None
    starts_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    end_reason: str = ""
    problem: str = ""
    leave_at: float | None = None
    delete_at: float | None = None
    joins: bool = True
    keeps: float = 1.0
    fact: str = ""
    runs_s: float | None = None
    exits_with: int = 0
    grace_s: float = 0.0
    counted: bool = False

    @property
    def running(self) -> bool:
        """Started and not ended."""
        return self.started_at is not None and self.ended_at is None

    @property
    def pending(self) -> bool:
        """Waits for a node."""
        return self.node is None and self.ended_at is None

    @property
    def deadline_at(self) -> float:
        """When its Job's deadline passes, or its own, of which its node takes care; infinite for what has none."""
        place = self.placement
        if place is None or place.form == "startd-daemonset":
            return NEVER
        if place.form == "startd-job":
            return self.created_at + place.lifetime_s
        return NEVER if self.scheduled_at is None else self.scheduled_at + place.lifetime_s + self.grace_s

    @property
    def ends_at(self) -> float:
        """When its container ends by itself; infinite where it does not, or has not begun."""
        return NEVER if self.started_at is None or self.runs_s is None else self.started_at + self.runs_s

    @property
    def due_at(self) -> float:
        """When something happens to it by itself."""
        if self.ended_at is not None:
            return NEVER if self.delete_at is None else self.delete_at
        due = min(self.deadline_at, self.ends_at)
        due = due if self.delete_at is None else min(due, self.delete_at)
        return due if self.started_at is not None or self.starts_at is None else min(due, self.starts_at)


class Waiting(NamedTuple):
    """A pod in line for a node: the site's own first, then by age."""

    ours: bool
    created_at: float
    uid: str

    @classmethod
    def of(cls, pod: Pod) -> Waiting:
        """The pod's place."""
        return cls(pod.placement is not None, pod.created_at, pod.uid)
