"""What is judged of startds' places whoever waits, and of classes: kept from round to round while places say the same.

Everything here only saves time: an empty one gives the same answers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from fedsched.matchmaker.match import Matching, Place, form_for
from fedsched.matchmaker.model import Policy
from fedsched.matchmaker.options.fitting import Fitting
from fedsched.matchmaker.options.sweep import Found

MOST_KEPT = 1 << 15
"""Answers that are kept of one kind at most: with more all begins anew, for the memory that they take."""


class Ground:
    """Places laid out for matching, and what came out for each kind of class, by all that it depends on.

    stands: what that is of places; rooms: of those whose startds are on each node. earlier: of the round before; what
    is asked again is taken from there into `sweeps`.
    """

    def __init__(self, places: Iterable[Place], policy: Policy, at: float, before: Ground | None = None) -> None:
        places = tuple(places)
        self.stands = (policy.startds, *map(_stands, places))
        self.rooms = tuple(place.group.rooms for place in places if form_for(place) == "startd-daemonset")
        self.sweeps: dict[Hashable, Found] = {}
        self.earlier: dict[Hashable, Found] = {}
        if before is None or before.kept >= MOST_KEPT or before.stands != self.stands:
            self.matching = Matching(places, at)
            self.fitting = Fitting(self.matching.sites, policy)
        else:
            self.matching = before.matching.renewed(places, at)
            same, sites = before.rooms == self.rooms, self.matching.sites
            self.fitting = before.fitting.renewed(sites) if same else Fitting(sites, policy)
            self.earlier = before.sweeps if same else {}

    @property
    def kept(self) -> int:
        """Of what most is kept, how many."""
        return max(self.matching.kept, self.fitting.kept)


def _stands(place: Place) -> tuple[object, ...]:
    """All that matching and the size of a startd there depend on, room apart.

    Of users' Jobs terms read more of a member than is told here: nothing of theirs is kept.
    """
    group = place.group
    of_group = (group.name, group.allocatable, group.attributes, group.barred, form_for(place))
    return place.terms, *of_group, place.view.limits, place.pair.attributes
