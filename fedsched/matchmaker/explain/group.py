"""Why a group or principal holds what it holds: its right, who is ahead, what its jobs wait for, where startds are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from fedsched.matchmaker.explain.held_back import Waiting, count_jobs, demands, held_back, next_of, unmet
from fedsched.matchmaker.explain.right import named, others_wait, over
from fedsched.matchmaker.explain.sentences import clause
from fedsched.matchmaker.model import GroupExplanation, HeldBack, Observation, Plan, Principal, ShareLine
from fedsched.matchmaker.share import path_of

AHEAD = 3
"""So many principals that are ahead are named."""


def explain_group(path: str, plan: Plan, seen: Observation) -> GroupExplanation:
    """A line of the tree of shares, by its path. Raises KeyError where the plan has none of that path."""
    lines = {line.path: line for line in plan.shares}
    mine = lines[path]
    inside = Inside(path, lines)
    waiting = [
        Waiting(report.unmet, demand.key, report.why)
        for demand, report in unmet(plan, demands(seen))
        if report.why is not None and inside(demand.principal)
    ]
    found = held_back(waiting, plan)
    where = Counter(
        held.placement.member
        for held in plan.held
        if held.phase != "gone" and held.failure is None and inside(held.placement.principal)
    )
    return GroupExplanation(
        path=path,
        sentence=_sentence(mine, found, plan),
        next=next_of(found),
        waiting=found,
        where=tuple(sorted(where.items(), key=lambda item: (-item[1], item[0]))),
        details=tuple(_details(mine, plan, lines)),
    )


class Inside:
    """Whether a principal is, or lies in, the node of the tree at `path`; each is looked up once."""

    def __init__(self, path: str, lines: Mapping[str, ShareLine]) -> None:
        self._path = path
        self._lines = lines
        self._known: dict[Principal, bool] = {}

    def __call__(self, principal: Principal) -> bool:
        """Climbs from the principal to the root."""
        found = self._known.get(principal)
        if found is None:
            found = self._known[principal] = self._path in self._upwards(path_of(principal))
        return found

    def _upwards(self, path: str) -> Iterator[str]:
        while path:
            yield path
            line = self._lines.get(path)
            path = line.parent if line is not None else ""
        yield ""


def _sentence(mine: ShareLine, found: tuple[HeldBack, ...], plan: Plan) -> str:
    holds = f"{named(mine.path)} holds {over(mine)}"
    others = others_wait(mine.path, plan) if mine.held > mine.entitled else 0
    among = f" while {others} {'other waits' if others == 1 else 'others wait'}" if others else ""
    numbers = f" ({_ce(mine.held)} of {_ce(mine.entitled)} core-equivalents)"
    total = sum(one.jobs for one in found)
    if not total or found[0].reason is None:
        return f"{holds}{among}{numbers}, and no job of it waits."
    most = "wait" if len(found) == 1 else f"wait, {found[0].jobs:,} of them"
    return f"{holds}{among}{numbers}, and {count_jobs(total)} of it {most} because {clause(found[0].reason, plan)}."


def _details(mine: ShareLine, plan: Plan, lines: Mapping[str, ShareLine]) -> Iterator[str]:
    entry = plan.memory.ledger.get(mine.path)
    parts = f"claimed {_ce(mine.charged)}, unclaimed for too long {_ce(mine.wasted)}"
    yield f"Holds {_ce(mine.held)} core-equivalents, of them {parts}; wants {_ce(mine.demand)} in all."
    if mine.floor:
        yield f"{_ce(mine.floor)} core-equivalents of its right are a floor that nobody may take."
    if entry is not None:
        used = f"Used lately {mine.usage:.4g} core-equivalents, times factor {mine.factor:g}"
        yield f"{used}: the less, the sooner its turn."
    if entry is not None and entry.shortfall_s >= 1:
        yield f"Lately it lacked {entry.shortfall_s / 3600:.1f} core-equivalent hours of its right while it had demand."
    yield from _standing(mine, lines)


def _standing(mine: ShareLine, lines: Mapping[str, ShareLine]) -> Iterator[str]:
    ranked = sorted((line for line in lines.values() if line.rank), key=lambda line: line.rank)
    own = [line for line in ranked if line is mine or _inside(line, mine, lines)]
    if not own:
        return
    ahead = [line for line in ranked if line.rank < own[0].rank][-AHEAD:]
    who = "It" if own[0] is mine else f"Its first in line, {named(own[0].path)},"
    told = ", ".join(f"{named(line.path)} ({_ce(line.held)} of {_ce(line.entitled)})" for line in reversed(ahead))
    behind = f", just behind {told}" if told else ""
    yield f"{who} is number {own[0].rank} of {len(ranked)} in line for the next startd{behind}."


def _inside(line: ShareLine, group: ShareLine, lines: Mapping[str, ShareLine]) -> bool:
    above: ShareLine | None = line
    while above is not None and above.path:
        above = lines.get(above.parent)
        if above is group:
            return True
    return False


def _ce(milli: int) -> str:
    return f"{milli / 1000:.1f}".removesuffix(".0")
