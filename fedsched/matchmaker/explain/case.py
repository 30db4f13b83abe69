"""One class in one cycle as explanations read it: its reason, its startds, the place it is nearest to; no sentences."""

from __future__ import annotations

from functools import cached_property

from fedsched.matchmaker.explain.right import others_wait
from fedsched.matchmaker.explain.startds import Startd, startds, troubled
from fedsched.matchmaker.model import ClassReport, DemandClass, MemberView, Observation, Plan, ScheddView, ShareLine
from fedsched.matchmaker.reasons import VERDICT_ORDER, Cause, Reason, Verdict
from fedsched.matchmaker.share import path_of

_FULL = frozenset({Cause.NO_ROOM, Cause.FRAGMENTED, Cause.QUOTA_FULL, Cause.CEILING_REACHED, Cause.LEAVE_FREE})
"""Causes that are over when somebody of ours makes room."""


class Case:
    """One class in one cycle, and what of the cycle its chain reads. plan: None where only its report is known."""

    def __init__(
        self, demand: DemandClass, report: ClassReport | None, seen: Observation, plan: Plan | None = None
    ) -> None:
        self.demand = demand
        self.report = report or _none_idle(demand)
        self.seen = seen
        self.plan = plan

    @property
    def jobs(self) -> bool:
        """Whether it is a class of users' Jobs, which run without startds."""
        return self.demand.job is not None

    @cached_property
    def why(self) -> Reason | None:
        """What holds the unmet rest, None where nothing is unmet; for a first startd in trouble that trouble."""
        why = self.report.why if self.report is not None and self.report.unmet else None
        if why is None or why.cause is not Cause.PROBING or self.plan is None:
            return why
        place = why.member, why.node_group
        tried = (
            h for h in self.plan.held if h.placement.probe and (h.placement.member, h.placement.node_group) == place
        )
        return next((troubled(one) for one in startds(tried, self.seen) if one.problem), why)

    @cached_property
    def spared(self) -> Reason | None:
        """Why nobody, or nobody more, makes room for the unmet rest; where none was asked as it has its right, that."""
        if self.why is None or self.report is None:
            return None
        return self.report.spared or (self._has_its_right() if self.why.cause in _FULL else None)

    def _has_its_right(self) -> Reason | None:
        line = self.share
        if line is None or self.plan is None or line.held < line.entitled or not others_wait(line.path, self.plan):
            return None
        need, have = (f"{amount / 1000:.4g} core-equivalents" for amount in (line.entitled, line.held))
        source = f"shares of cycle {self.plan.cycle}"
        return Reason(Cause.ABOVE_SHARE, line.path, need, have, source=source, at=self.plan.at)

    @cached_property
    def trouble(self) -> Reason | None:
        """What keeps its startds where all jobs are provided for and none of them came any further."""
        first = self.startds[0] if self.startds and self.why is None else None
        return troubled(first) if first is not None and first.problem else None

    @cached_property
    def share(self) -> ShareLine | None:
        """How its principal stands in the tree of shares."""
        path = path_of(self.demand.principal)
        return next((line for line in self.plan.shares if line.path == path), None) if self.plan is not None else None

    @cached_property
    def startds(self) -> tuple[Startd, ...]:
        """Startds of the class, or where it has none those of its principal that serve it, the furthest first.

        Those that run its other jobs are left out while some are on their way to idle ones.
        """
        held = self.plan.held if self.plan is not None else ()
        own = startds((h for h in held if h.placement.class_key == self.demand.key), self.seen)
        coming = tuple(one for one in own if one.stage != "claimed")
        if self.demand.idle and coming:
            return coming
        if own or self.report is None or not self.report.served:
            return own
        who = self.demand.schedd, self.demand.principal
        return startds((h for h in held if (h.placement.schedd, h.placement.principal) == who), self.seen)

    @cached_property
    def schedd(self) -> ScheddView | None:
        """Where its jobs wait."""
        return next((view for view in self.seen.schedds if view.name == self.demand.schedd), None)

    @cached_property
    def member(self) -> MemberView | None:
        """The member that the chain speaks of."""
        name = self.place[0]
        return next((view for view in self.seen.members if view.name == name), None) if name else None

    @cached_property
    def place(self) -> tuple[str, str]:
        """(member, node group) that the chain speaks of: where the reason is, else where it is nearest to running."""
        if self.why is not None and self.why.member:
            return self.why.member, self.why.node_group
        if self.why is None and self.startds:
            return self.startds[0].held.placement.member, self.startds[0].held.placement.node_group
        verdicts = self.report.members if self.report is not None else ()
        best = max(verdicts, key=lambda verdict: VERDICT_ORDER[verdict.verdict], default=None)
        return (best.member, best.node_group) if best is not None else ("", "")

    def in_stages(self, *stages: str) -> tuple[Startd, ...]:
        """Its startds that are in one of these."""
        return tuple(one for one in self.startds if one.stage in stages)


def _none_idle(demand: DemandClass) -> ClassReport | None:
    """A class without idle jobs is planned for by nothing."""
    return ClassReport(demand.key, 0, 0, 0, 0, Verdict.NOW) if not demand.idle else None
