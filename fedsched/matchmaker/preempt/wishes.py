"""What goes into preemption between principals and what comes out; no rule of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import DemandClass, Held, Policy, ShareLine
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.life import urge
from fedsched.matchmaker.reasons import Reason
from fedsched.matchmaker.resources import Resources


class Sized(Protocol):
    """Sizes in thousandths of a core-equivalent (FS2)."""

    def of(self, request: Resources) -> int:
        """The size of a request, rounded up."""


class Shares(Protocol):
    """The part of the shares that preemption reads: lines by path of the tree, and sizes."""

    @property
    def lines(self) -> Mapping[str, ShareLine]:
        """Entitlement, floor and what is held, by path."""

    @property
    def sizes(self) -> Sized:
        """How large a request counts."""


class Wish(msgspec.Struct, frozen=True):
    """A class that found no room, with the places that are open to it, best first.

    options: tier open, budget left, breaker closed, member healthy; without room. unmet: jobs that nothing runs or is
    started for. starts: startds that ramp and trust still allow now. kept: the options, and those that only a budget of
    their member holds up besides: room that was made there is waited for (PR3); none are the options alone.
    """

    demand: DemandClass
    options: Sequence[Option]
    unmet: int
    starts: int
    kept: Sequence[Option] = ()


class Rules(msgspec.Struct, frozen=True):
    """What preemption reads besides wishes, placements and shares. evictions: by member, of the last minute (FA9).

    book: where what stands was booked in the order in which it is given, and then what was placed in this cycle, if
    there is such a one.
    """

    policy: Policy
    places: tuple[Place, ...]
    evictions: Mapping[str, tuple[float, ...]]
    at: float
    book: Book | None = None


class Victim(msgspec.Struct, frozen=True):
    """How a placement goes (PR5), why (PR8), for which class, and with whom: see Held."""

    wanted: Literal["vacate", "leave"]
    why: Reason
    yields_to: str
    yields_with: str
    yields_room: Resources


class Evictions(msgspec.Struct, frozen=True):
    """Who yields, by placement; why the rest of a class makes nobody yield, by class; the members' last evictions.

    evictions holds every member that was asked for something; a member that it does not name has none new.
    """

    victims: dict[str, Victim]
    refused: dict[str, Reason]
    evictions: dict[str, tuple[float, ...]]


def evict(held: Held, victim: Victim, at: float) -> Held:
    """The placement with the order to go and what its room is for; one that goes faster already keeps its reason."""
    told = urge(held, victim.wanted, victim.why)
    return msgspec.structs.replace(
        told,
        yields_to=victim.yields_to,
        yields_at=at,
        yields_with=victim.yields_with,
        yields_room=victim.yields_room,
    )
