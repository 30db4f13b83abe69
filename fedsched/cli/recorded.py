"""The last recorded cycle as read verbs see it, with its age; works without the daemon, writes nothing."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from math import isinf
from pathlib import Path

import msgspec

from fedsched.cli import output
from fedsched.cli.options import federation
from fedsched.cli.output import Exit, Failure
from fedsched.config.checks import SCENARIO
from fedsched.config.settings import Federation
from fedsched.matchmaker.model import ClassReport, DemandClass, MemberTerms, Observation, Order, Plan, ShareLine

STALE_CYCLES = 3
LEAST_STALE_S = 60.0


class Recorded(msgspec.Struct, frozen=True):
    """One cycle with what was observed for it. at: the present, epoch seconds. fresh_s: the length of a cycle."""

    plan: Plan
    observation: Observation
    orders: tuple[Order, ...]
    terms: tuple[MemberTerms, ...]
    at: float
    fresh_s: float

    @property
    def age_s(self) -> float:
        """How long ago the cycle was recorded."""
        return max(0.0, self.at - self.plan.at)

    @property
    def stale(self) -> bool:
        """Whether several cycles should have followed it by now."""
        return self.age_s > max(LEAST_STALE_S, STALE_CYCLES * self.fresh_s)

    @property
    def exit_code(self) -> Exit:
        """What a read verb ends with."""
        return Exit.STALE if self.stale else Exit.DONE

    def classes(self) -> tuple[tuple[DemandClass, ClassReport | None], ...]:
        """Every class that was seen with its report (None where the plan has none), most unmet first."""
        reports = {report.key: report for report in self.plan.classes}
        pairs = [(demand, reports.get(demand.key)) for view in self.observation.schedds for demand in view.classes]
        return tuple(sorted(pairs, key=lambda pair: (-(pair[1].unmet if pair[1] else 0), -pair[0].idle, pair[0].key)))

    def shares(self, paths: Collection[str] | None = None) -> list[dict[str, object]]:
        """The share tree's numbers of that cycle (Q11), whole or of `paths` and all above them.

        Amounts are thousandths of a core-equivalent; level is held by entitled, None where nothing is entitled.
        """
        lines = {line.path: line for line in self.plan.shares}
        wanted = set(lines) if paths is None else {up for path in paths for up in _upwards(path, lines)}
        return [
            {name: getattr(line, name) for name in line.__struct_fields__}
            | {"level": None if isinf(line.level) else line.level}
            for path, line in lines.items()
            if path in wanted
        ]


def _upwards(path: str, lines: Mapping[str, ShareLine]) -> Iterator[str]:
    while path and path in lines:
        yield path
        path = lines[path].parent
    yield ""


def last(config: Path | None) -> Recorded:
    """The last cycle in the journal of the federation. Failure when there is none; says so when it is stale."""
    settings = federation(config)
    found = _read(settings)
    if found.stale:
        from fedsched.matchmaker.explain import age

        output.note(
            f"The last cycle is {age(found.age_s)} old: is `fedsched serve` running? Everything below is that old."
        )
    return found


def _read(settings: Federation) -> Recorded:
    from fedsched.journal import open_journal

    journal = open_journal(settings.journal)
    try:
        cycle, orders = journal.last_cycle(), journal.orders()
    finally:
        journal.close()
    if cycle is None:
        raise Failure(Exit.STALE, "no cycle is recorded yet", "start one: fedsched serve --once --dispatch=none")
    at = present(settings, cycle.plan.at)
    return Recorded(cycle.plan, cycle.observation, orders, cycle.snapshot.terms, at, settings.cadence.cycle_s)


def present(settings: Federation, last_at: float) -> float:
    """Now in epoch seconds; in a simulated federation, which has a time of its own, when its last cycle was."""
    return last_at if (settings.root / SCENARIO).is_file() else time.time()
