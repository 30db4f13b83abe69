"""One recorded cycle as questions see it: indexes over it, and the present; nothing is decided or asked here."""

from __future__ import annotations

from functools import cached_property

from fedsched.client.documents import Of, Source
from fedsched.journal import Recorded
from fedsched.matchmaker.model import (
    ClassReport,
    DemandClass,
    Held,
    MemberTerms,
    MemberView,
    Observation,
    Order,
    Plan,
    ShareLine,
)

STALE_CYCLES = 3
LEAST_STALE_S = 60.0

Pair = tuple[DemandClass, ClassReport | None]


class View:
    """A cycle with standing orders. fresh_s: seconds between cycles. source: who shows it. Never changes."""

    def __init__(
        self, recorded: Recorded, orders: tuple[Order, ...], fresh_s: float, source: Source, federation: str = ""
    ) -> None:
        """`orders`: those that stand now, which may be newer than the cycle."""
        self.recorded = recorded
        self.orders = orders
        self.fresh_s = fresh_s
        self.source: Source = source
        self.federation = federation

    @property
    def plan(self) -> Plan:
        """What was decided."""
        return self.recorded.plan

    @cached_property
    def observation(self) -> Observation:
        """What was seen for it; classes of users' Jobs counted by those that waited then."""
        seen = self.recorded.snapshot.observation
        if not any(view.kind == "jobs" for view in seen.schedds):
            return seen
        from fedsched.matchmaker import jobs  # noqa: PLC0415 - only where there are queues of Jobs
        from fedsched.matchmaker.reconcile import Standing  # noqa: PLC0415 - as above

        # What this cycle placed had waited until then: it is counted as its report does.
        before = tuple(Standing(one) for one in self.plan.held if one.placement.created_at < self.plan.at)
        waits = jobs.waiting(seen, before, jobs.known(self.recorded.snapshot))
        return jobs.counted(seen, before, waits)

    @property
    def terms(self) -> tuple[MemberTerms, ...]:
        """What members' files said then."""
        return self.recorded.snapshot.terms

    def of(self, now: float) -> Of:
        """Of which cycle answers are, at the time `now` (epoch seconds)."""
        age_s = max(0.0, now - self.plan.at)
        stale = age_s > max(LEAST_STALE_S, STALE_CYCLES * self.fresh_s)
        return Of(self.plan.cycle, self.plan.at, now, stale, self.source, self.fresh_s)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every class that was seen with its report (None where the plan has none), most unmet first."""
        reports = self.reports
        pairs = [(demand, reports.get(demand.key)) for view in self.observation.schedds for demand in view.classes]
        return tuple(sorted(pairs, key=lambda pair: (-(pair[1].unmet if pair[1] else 0), -pair[0].idle, pair[0].key)))

    @cached_property
    def reports(self) -> dict[str, ClassReport]:
        """Reports by class key."""
        return {report.key: report for report in self.plan.classes}

    @cached_property
    def lines(self) -> dict[str, ShareLine]:
        """The share tree's lines by path."""
        return {line.path: line for line in self.plan.shares}

    @cached_property
    def members(self) -> dict[str, MemberView]:
        """Members as they were seen, by name."""
        return {one.name: one for one in self.observation.members}

    @cached_property
    def held_at(self) -> dict[str, tuple[Held, ...]]:
        """Placements by member."""
        found: dict[str, list[Held]] = {}
        for one in self.plan.held:
            found.setdefault(one.placement.member, []).append(one)
        return {name: tuple(held) for name, held in found.items()}
