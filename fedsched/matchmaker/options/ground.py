"""What is judged of startds' places whoever waits, and of classes: kept from round to round while places say the same.

Everything here only saves time: an empty one gives the same answers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from fedsched.matchmaker.match import Matching, Place, form_for
from fedsched.matchmaker.model import Policy
from fedsched.matchmaker.options.fitting import Fitting
from fedsched.matchmaker.options.sweep import Sweep

MOST_KEPT = 1 << 17
"""Answers that are kept of one kind at most: with more all begins anew, for the memory that they take."""


class Ground:
    """Places laid out for matching, and what came out for each kind of class, by all that it depends on.

    stands: what it depends on. earlier: of the round before; what is asked again is taken from there into `sweeps`.
    """

    def __init__(self, places: Iterable[Place], policy: Policy, at: float, before: Ground | None = None) -> None:
        places = tuple(places)
        self.stands = _stand(places, policy)
        self.sweeps: dict[Hashable, Sweep] = {}
        self.earlier: dict[Hashable, Sweep] = {}
        if before is not None and before.kept < MOST_KEPT and before.stands == self.stands:
            self.matching: Matching = before.matching.renewed(places, at)
            self.fitting: Fitting = before.fitting
            self.earlier = before.sweeps
        else:
            self.matching = Matching(places, at)
            self.fitting = Fitting(self.matching.sites, policy)

    @property
    def kept(self) -> int:
        """Of what most is kept, how many."""
        return max(self.matching.kept, self.fitting.kept)


def _stand(places: tuple[Place, ...], policy: Policy) -> tuple[object, ...]:
    """All that matching and the size of startds depend on: not room, but where that gives startds their size.

    Of users' Jobs terms read more of a member than is told here: nothing of theirs is kept.
    """
    return policy.startds, *(_stands(place, packs=policy.startds.pack_cpu_milli > 0) for place in places)


def _stands(place: Place, *, packs: bool) -> tuple[object, ...]:
    group, form = place.group, form_for(place)
    rooms = group.rooms if packs or form == "startd-daemonset" else ()
    of_group = (group.name, group.allocatable, group.attributes, group.barred, form, rooms)
    return place.terms, *of_group, place.view.limits, place.pair.attributes
