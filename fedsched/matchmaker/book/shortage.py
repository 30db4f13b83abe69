"""What a node group lacks for one more pod, in words (MA2, P9): of the node that comes closest."""

from __future__ import annotations

from typing import NamedTuple

from fedsched.matchmaker.book.rooms import Shortage
from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.match import Place, lacks
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources, show

Short = tuple[str, int, int]
"""A resource, how much of it is asked for, and how much there is."""


class _Group(NamedTuple):
    """What is said of all that is short, whichever it is: what the nodes together have, on how many, if that counts."""

    place: Place
    scattered: tuple[Resources, int] | None

    def lacks(self, short: Short) -> Reason:
        total, nodes = self.scattered or (Resources(), 0)
        return told(self.place, Shortage(*short, nodes, total.get(short[0])))


def told(place: Place, short: Shortage) -> Reason:
    """What a node group lacks, for a person; scattered where its nodes together have enough."""
    name, names, at = short.name, (place.terms.name, place.group.name), place.view.seen_at
    numbers = (name, show(name, short.need), show(name, max(0, short.have)))
    if not short.nodes:
        return Reason(Cause.NO_ROOM, *numbers, *names, "the node with most room", at)
    source = f"{show(name, short.total)} free over {short.nodes} nodes of the group"
    return Reason(Cause.FRAGMENTED, *numbers, *names, source, at)


def shortages(place: Place, room: GroupRoom, full: Resources) -> tuple[Reason, ...]:
    """All that its closest node lacks, the relatively scarcest first; scattered where the nodes together have enough.

    Kept until something there is booked.
    """
    found = room.said.get(full)
    if found is None:
        short, group = _asked(place, room, full)
        found = room.said[full] = tuple(map(group.lacks, short))
    return found


def shortage(place: Place, room: GroupRoom, full: Resources) -> Reason:
    """The first of these: of very many classes and places no more is told."""
    found = room.said.get(full)
    if found is not None:
        return found[0]
    first = room.said_first.get(full)
    if first is None:
        short, group = _asked(place, room, full)
        first = room.said_first[full] = group.lacks(short[0])
    return first


def _asked(place: Place, room: GroupRoom, full: Resources) -> tuple[list[Short], _Group]:
    short = lacks(full, room.closest(full)) or [("nodes", 1, 0)]
    return short, _Group(place, room.scattered(full, short[0][0]))
