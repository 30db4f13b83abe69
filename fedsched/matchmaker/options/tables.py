"""One table for startds and one for users' Jobs, asked as if they were one; judging lives in table.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fedsched.matchmaker.match import Place, Site
from fedsched.matchmaker.model import DemandClass, MemberVerdict, NearestMiss, Order
from fedsched.matchmaker.options.answers import Answer
from fedsched.matchmaker.options.asking import Asked
from fedsched.matchmaker.options.ground import Ground
from fedsched.matchmaker.options.option import Choosing, Options
from fedsched.matchmaker.options.table import OneTable
from fedsched.matchmaker.options.together import Closed
from fedsched.matchmaker.reasons import Reason


class Table:
    """Who could run where in one round: startds on places for startds, users' Jobs on places for Jobs (MA1, MA5)."""

    def __init__(
        self,
        places: Iterable[Place],
        rules: Choosing,
        expected: Iterable[DemandClass] = (),
        before: Ground | None = None,
    ) -> None:
        """`expected`: classes that will ask; `before`: what the round before found out. Both only save time."""
        places, expected = tuple(places), tuple(expected)
        startds, jobs = ([one for one in expected if (one.job is None) == yes] for yes in (True, False))
        self._startds = OneTable((place for place in places if not place.jobs), rules, startds, before)
        self._jobs = OneTable((place for place in places if place.jobs), rules, jobs)

    @property
    def ground(self) -> Ground:
        """What this round found out of startds and their places, for the next."""
        return self._startds.ground

    def of(self, demand: DemandClass) -> OneTable:
        """The table that a class is judged by."""
        return self._startds if demand.job is None else self._jobs

    @property
    def orders(self) -> tuple[Order, ...]:
        """People's standing orders."""
        return self._startds.orders

    def sites(self) -> tuple[Site, ...]:
        """Every node group once, as startds see it."""
        return self._startds.sites()

    def options(self, demand: DemandClass) -> Options:
        """See OneTable.options."""
        return self.of(demand).options(demand)

    def never(self, demand: DemandClass, place: Place) -> Reason | None:
        """See OneTable.never."""
        return self.of(demand).never(demand, place)

    def nevers(self, demand: DemandClass, place: Place) -> tuple[Reason, ...]:
        """See OneTable.nevers."""
        return self.of(demand).nevers(demand, place)

    def verdicts(self, demand: DemandClass, asked: Asked) -> tuple[MemberVerdict, ...]:
        """See OneTable.verdicts."""
        return self.of(demand).verdicts(demand, asked)

    def reasons(self, demand: DemandClass, asked: Asked) -> tuple[Reason, ...]:
        """See OneTable.reasons."""
        return self.of(demand).reasons(demand, asked)

    def answers(self, asked: Sequence[tuple[DemandClass, Asked]], closed: Closed) -> list[Answer]:
        """See OneTable.answers."""
        startds, jobs = ([one for one in asked if (one[0].job is None) == yes] for yes in (True, False))
        of_startds, of_jobs = iter(self._startds.answers(startds, closed)), iter(self._jobs.answers(jobs, closed))
        return [next(of_startds if demand.job is None else of_jobs) for demand, _ in asked]

    def near(self, demand: DemandClass) -> tuple[NearestMiss, ...]:
        """See OneTable.near."""
        return self.of(demand).near(demand)

    def possible(self, demand: DemandClass) -> bool:
        """See OneTable.possible."""
        return self.of(demand).possible(demand)
