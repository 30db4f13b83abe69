"""What the invariants remember from step to step, about the world and about one journal; no rule lives here."""

from __future__ import annotations

from dataclasses import dataclass, field

from fedsched.matchmaker.model import Change
from fedsched.sim.copies import Copy


@dataclass
class World:
    """What was seen of the world itself, whoever wrote there; all processes of one federation share it.

    highest: by member, the highest epoch that has written there since it was installed. made: uid of each object that
    a write of ours has made -> its placement's id. strangers: (member, name) -> (uid, version) of objects that are not
    ours. waiting: (member, uid) of a pod of the site's own -> since when we could have made room for it.
    paid: (placement id) -> what its pods have cost so far. revived: uid of each object that an older backup brought
    back -> in how many cycles it was seen since; noticed: those of which a notice spoke; superfluous: those that nobody
    needs -> whether they had been forgotten. copies: by a Job's uid, every copy of it that was ever made, by uid.
    deleted: objects that were to go. rival_at: since when a second fedsched writes there, None where one is alone;
    disputed: uids of Jobs that were placed while there were two. partial: gangs that stand in part, since when.
    at: the last moment, in the world's own seconds.
    """

    highest: dict[str, int] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    strangers: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    waiting: dict[tuple[str, str], float] = field(default_factory=dict)
    paid: dict[str, float] = field(default_factory=dict)
    revived: dict[str, int] = field(default_factory=dict)
    noticed: set[str] = field(default_factory=set)
    superfluous: dict[str, bool] = field(default_factory=dict)
    copies: dict[str, dict[str, Copy]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    rival_at: float | None = None
    disputed: set[str] = field(default_factory=set)
    partial: dict[str, float] = field(default_factory=dict)
    at: float = 0.0


@dataclass
class Journaled:
    """What the plans of one journal said; begins anew with the journal (FA7: without any, nothing is remembered).

    heard_at: by member, time of the last cycle that saw a new good contact; looking_since: since when we look without a
    pause, or the clock stepped. evictions: by member, times at which somebody was told to go for somebody else.
    started: (class key or "*", end of the interval) -> startds. intended: changes written down and open. known: uids of
    objects that it was told of or saw. answers: that came back since the last cycle.
    """

    heard_at: dict[str, float] = field(default_factory=dict)
    contact: dict[str, float] = field(default_factory=dict)
    looking_since: float = 0.0
    at: float = 0.0
    evictions: dict[str, list[float]] = field(default_factory=dict)
    started: dict[tuple[str, float], int] = field(default_factory=dict)
    intended: frozenset[Change] | None = None
    known: set[str] = field(default_factory=set)
    answers: int = 0
