"""What one recorded cycle says of demand, supply, shares and members, as plain sums; nothing is remembered here."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from fedsched.journal import Recorded
from fedsched.matchmaker.model import ClassReport, DemandClass, Held, MemberView, Observation, ShareLine
from fedsched.matchmaker.reasons import Cause, Verdict

PHASES = ("claimed", "unclaimed", "starting", "leaving")
"""Of supply, as reports show them; what is only intended counts as starting."""
PACE = frozenset({Cause.RAMP, Cause.TRUST, Cause.PROBING, Cause.SCHEDD_STALE})
"""Causes for which a job waits although room may be there."""
MILLI = 1000


class Share(NamedTuple):
    """How one accounting group stands, in core-equivalents. short: its principals' right to more, added up.

    Somebody who has less than the entitlement is short only of what is also wanted.
    """

    held: float = 0.0
    entitled: float = 0.0
    demand: float = 0.0
    short: float = 0.0


class Room(NamedTuple):
    """One member in cores. offered: what others do not use; claimed: what jobs hold of it; ours: what startds hold."""

    offered: float = 0.0
    ours: float = 0.0
    claimed: float = 0.0


class Moment(NamedTuple):
    """The sums of one cycle. Amounts are cores; jobs are counted; names are groups' paths, causes and members.

    supply: by phase. unmet: by cause, without what is on its way. short_of_room: somebody could use a place that is
    not there: not held back by the ramp or a probe, and not impossible anywhere.
    """

    at: float
    idle_jobs: int
    idle: float
    wanted: float
    unmet_jobs: int
    short_of_room: bool
    unmet: dict[str, float]
    supply: dict[str, float]
    startds_claimed: int
    shares: dict[str, Share]
    rooms: dict[str, Room]


def moment(recorded: Recorded) -> Moment:
    """The sums of one cycle."""
    plan, seen = recorded.plan, recorded.observation
    classes = [demand for view in seen.schedds for demand in view.classes]
    each = {demand.key: _cores(demand.request.cpu_milli) * _pods(demand) for demand in classes}
    running = sum(each[demand.key] * demand.running for demand in classes if demand.job is None)
    running += sum(_cores(held.claimed_cpu_milli) for held in plan.held if held.placement.form == "job")
    idle = sum(each.get(report.key, 0.0) * report.idle for report in plan.classes)
    standing = tuple(held for held in plan.held if held.phase != "gone")
    return Moment(
        at=plan.at,
        idle_jobs=sum(report.idle for report in plan.classes),
        idle=idle,
        wanted=idle + running,
        unmet_jobs=sum(report.unmet for report in plan.classes),
        short_of_room=any(map(_is_short_of_room, plan.classes)),
        unmet=_unmet(recorded, each),
        supply=_supply(standing),
        startds_claimed=sum(held.phase == "claimed" for held in standing),
        shares=shares(plan.shares),
        rooms=_rooms(seen, standing),
    )


def _pods(demand: DemandClass) -> int:
    """Pods that one job of the class has at once."""
    return demand.job.pods if demand.job is not None else 1


def shares(lines: tuple[ShareLine, ...]) -> dict[str, Share]:
    """By accounting group, as the sum of its principals: a group that the policy does not name has a line here too."""
    found: dict[str, Share] = {}
    for line in lines:
        group, slash, _ = line.path.partition("/")
        if not slash:
            continue
        before = found.get(group, Share())
        found[group] = Share(
            before.held + line.held / MILLI,
            before.entitled + line.entitled / MILLI,
            before.demand + line.demand / MILLI,
            before.short + max(0, min(line.entitled, line.demand) - line.held) / MILLI,
        )
    return found


def _unmet(recorded: Recorded, each: dict[str, float]) -> dict[str, float]:
    """Cores that wait and for which nothing is on its way, by the dominant cause."""
    found: defaultdict[str, float] = defaultdict(float)
    for report in recorded.plan.classes:
        if report.unmet:
            cause = report.why.cause if report.why else Cause.NO_ROOM
            found[str(cause)] += each.get(report.key, 0.0) * report.unmet
    return dict(found)


def _is_short_of_room(report: ClassReport) -> bool:
    why = report.why
    return report.unmet > 0 and why is not None and why.verdict is Verdict.NOT_NOW and why.cause not in PACE


def _supply(standing: tuple[Held, ...]) -> dict[str, float]:
    found = dict.fromkeys(PHASES, 0.0)
    for held in standing:
        phase = "starting" if held.phase == "intended" else held.phase
        found[phase] += _cores(held.placement.size.cpu_milli) * held.nodes
    return found


def _rooms(seen: Observation, standing: tuple[Held, ...]) -> dict[str, Room]:
    ours, claimed = _on_nodes(seen), defaultdict[str, float](float)
    for held in standing:
        claimed[held.placement.member] += _cores(held.claimed_cpu_milli)
    return {
        member.name: Room(_free(member) + ours.get(member.name, 0.0), ours.get(member.name, 0.0), claimed[member.name])
        for member in seen.members
    }


def _on_nodes(seen: Observation) -> dict[str, float]:
    """Cores of our pods that stand on a node, by member."""
    found: defaultdict[str, float] = defaultdict(float)
    for thing in seen.objects:
        if thing.placement is not None:
            pods = 0
            for pod in thing.pods:
                if pod.node and pod.ended_at is None:
                    pods += 1
            found[thing.member] += _cores(thing.placement.size.cpu_milli) * pods
    return found


def _free(member: MemberView) -> float:
    return _cores(sum(room.free.cpu_milli * room.nodes for group in member.node_groups for room in group.rooms))


def _cores(milli: float) -> float:
    return milli / MILLI
