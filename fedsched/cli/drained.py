"""What a drain means for each startd, job and copy of a member (R8): which finish, move or die; orders nothing."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from fedsched.cli import output
from fedsched.cli.output import Column
from fedsched.forecast import Lengths, begun_at, learn
from fedsched.journal import Account
from fedsched.matchmaker.model import (
    Claim,
    DemandClass,
    Held,
    JobLength,
    ObjectView,
    Observation,
    Order,
    Principal,
    SlotView,
)

if TYPE_CHECKING:
    from fedsched.cli.moment import Moment
    from fedsched.loop import Decision

EVERYTHING = "*"
COLUMNS = (
    Column("STARTD"),
    Column("MEMBER", rank=1),
    Column("PHASE", rank=2),
    Column("JOBS", right=True),
    Column("FOR", rank=3),
    Column("WHAT COMES"),
)
WHOSE = (
    Column("PRINCIPAL"),
    Column("FINISH", right=True),
    Column("LAST ONE", rank=2, right=True),
    Column("DIE", right=True),
    Column("WORK LOST", rank=1, right=True),
    Column("MOVE", right=True),
    Column("EMPTY", rank=3, right=True),
)

Fate = Literal["finishes", "dies"]
DRAWS = 15
"""So many lengths are drawn for each job; odd, so that one of them is the median."""
UNKNOWN_S = 3600


class JobComes(msgspec.Struct, frozen=True, omit_defaults=True):
    """One running job. chance: 0..1 that it ends before its startd is evicted, 1 where its own limit says so.

    ends_at: when it probably ends, epoch seconds. lost_core_s: core-seconds that are lost where it dies.
    """

    job: str
    schedd: str
    principal: Principal
    fate: Fate
    chance: float
    ends_at: float
    lost_core_s: float = 0.0


class Comes(msgspec.Struct, frozen=True, omit_defaults=True):
    """One startd. latest_at: when it is evicted at the latest, epoch seconds. moves: what it was for goes elsewhere."""

    startd: str
    member: str
    node_group: str
    phase: str
    jobs: int
    principal: str
    latest_at: float
    what: str
    moves: bool = False
    running: tuple[JobComes, ...] = ()


class Whose(msgspec.Struct, frozen=True, omit_defaults=True):
    """One principal: jobs that finish (the last at `last_at`), jobs that die, startds that move or are empty."""

    principal: str
    finish: int = 0
    die: int = 0
    move: int = 0
    empty: int = 0
    lost_core_h: float = 0.0
    last_at: float | None = None


class Elsewhere(msgspec.Struct, frozen=True):
    """Startds that the next cycle would start on other members because of the drain."""

    member: str
    startds: int


class Seen(msgspec.Struct, frozen=True):
    """What is known of startds, copies and their jobs: slots and objects by placement, classes by key, lengths."""

    slots: Mapping[str, list[SlotView]]
    copies: Mapping[str, ObjectView]
    classes: Mapping[str, DemandClass]
    lengths: Lengths


def listing(
    held: Iterable[Held], order: Order, seen: Observation, accounts: Iterable[Account] = ()
) -> tuple[Comes, ...]:
    """One row per startd or copy that the order reaches, by member and id. accounts: lengths are learnt from these."""
    there = [h for h in held if order.target in {EVERYTHING, h.placement.member} and h.phase != "gone"]
    slots: dict[str, list[SlotView]] = {}
    for slot in (slot for pool in seen.pools for slot in pool.slots):
        slots.setdefault(slot.placement_id, []).append(slot)
    classes = {one.key: one for view in seen.schedds for one in view.classes}
    copies = {thing.placement_id: thing for thing in seen.objects if thing.status is not None}
    known = Seen(slots, copies, classes, learn(seen, accounts))
    return tuple(_row(one, order, known) for one in sorted(there, key=lambda h: (h.placement.member, h.placement.id)))


def whose(rows: Iterable[Comes]) -> tuple[Whose, ...]:
    """The same by principal: whose jobs they are, and for whom startds without a job were started."""
    found: dict[str, Whose] = {}
    for row in rows:
        for job in row.running:
            found[str(job.principal)] = _counted(found.get(str(job.principal)) or Whose(str(job.principal)), job)
        if not row.jobs:
            one = found.get(row.principal) or Whose(row.principal)
            found[row.principal] = msgspec.structs.replace(
                one, move=one.move + row.moves, empty=one.empty + (not row.moves)
            )
    return tuple(one for _, one in sorted(found.items()))


def elsewhere(moment: Moment, order: Order) -> tuple[Elsewhere, ...]:
    """Where the moment's cycle would start more than without the order."""
    orders = tuple(one for one in moment.snapshot.orders if (one.kind, one.target) != (order.kind, order.target))
    after = moment.but(msgspec.structs.replace(moment.snapshot, orders=(*orders, order))).decided()
    before = _created(moment.decided())
    more = {member: count - before.get(member, 0) for member, count in _created(after).items()}
    return tuple(Elsewhere(member, count) for member, count in sorted(more.items()) if count > 0)


def show(rows: Iterable[Comes]) -> None:
    """The rows as a table; nothing when there are none."""
    cells = [(r.startd, r.member, r.phase, str(r.jobs), r.principal, r.what) for r in rows]
    if cells:
        output.table(COLUMNS, cells)


def show_plan(rows: tuple[Comes, ...], places: tuple[Elsewhere, ...], order: Order) -> None:
    """Numbers per principal, then every startd."""
    from fedsched.matchmaker.explain import age

    def after(at: float | None) -> str:
        return "" if at is None else f"in {age(at - order.at)}"

    if not rows:
        output.line(f"Nothing of ours is on {'any member' if order.target == EVERYTHING else order.target}.")
        return
    cells = [
        (
            one.principal,
            str(one.finish),
            after(one.last_at),
            str(one.die),
            f"{one.lost_core_h:.1f} core h" if one.die else "",
            str(one.move),
            str(one.empty),
        )
        for one in whose(rows)
    ]
    output.table(WHOSE, cells)
    output.line()
    show(rows)
    output.line()
    output.line(f"empty after {age(max(row.latest_at for row in rows) - order.at)} at the latest")
    if places:
        output.line("started elsewhere at once: " + ", ".join(f"{one.startds} at {one.member}" for one in places))


def _created(decision: Decision) -> dict[str, int]:
    from fedsched.matchmaker.model import CreateObject

    found: dict[str, int] = {}
    for change in decision.changes:
        if isinstance(change, CreateObject):
            found[change.member] = found.get(change.member, 0) + 1
    return found


def _counted(one: Whose, job: JobComes) -> Whose:
    return msgspec.structs.replace(
        one,
        finish=one.finish + (job.fate == "finishes"),
        die=one.die + (job.fate == "dies"),
        lost_core_h=one.lost_core_h + job.lost_core_s / 3600,
        last_at=max(one.last_at or 0.0, job.ends_at) if job.fate == "finishes" else one.last_at,
    )


def _row(held: Held, order: Order, known: Seen) -> Comes:
    from fedsched.matchmaker.explain import age

    slots = known.slots.get(held.placement.id, [])
    latest = min([_latest(held, order), *(slot.end_at for slot in slots if slot.end_at is not None)])
    claims = [claim for slot in slots for claim in slot.claims] or _as_claim(held, known)
    running = tuple(_job(held, claim, known, (order.at, latest)) for claim in claims)
    return Comes(
        startd=held.placement.object_name,
        member=held.placement.member,
        node_group=held.placement.node_group,
        phase=held.phase,
        jobs=min(held.claims, 1) if held.placement.form == "job" else held.claims,
        principal=str(held.placement.principal),
        latest_at=latest,
        what=_what(held, running, age(max(0.0, latest - order.at)), order.at),
        moves=held.phase in {"intended", "starting"} and held.pod_started_at is None,
        running=running,
    )


def _as_claim(held: Held, known: Seen) -> list[Claim]:
    """A user's Job that runs, all its pods together, as if it had claimed a startd; none of a startd."""
    thing, place = known.copies.get(held.placement.id), held.placement
    since = begun_at(thing) if thing is not None and place.form == "job" else None
    if since is None:
        return []
    return [Claim(place.principal, place.size.cpu_milli * max(1, held.claims), since, place.job, place.schedd)]


def _latest(held: Held, order: Order) -> float:
    """What is left is evicted retire_s after a leave order, at the deadline, and at its own end, whichever is first."""
    told = (held.leave_ordered_at or order.at) + held.placement.retire_s
    ends = [told, held.placement.created_at + held.placement.lifetime_s]
    ends += [order.deadline_at] if order.deadline_at is not None else []
    return max(order.at, min(ends))


def _job(held: Held, claim: Claim, known: Seen, when: tuple[float, float]) -> JobComes:
    """What becomes of one job, by what is known of the length of such jobs. when: of the order and of the eviction."""
    at, latest = when
    demand = _class_of(held, claim, known)
    ran_s = max(0.0, at - claim.since)
    luck = random.Random(f"{claim.schedd}#{claim.job}")  # noqa: S311 - repeatable, no secret
    ends = sorted(claim.since + known.lengths.draw(demand, claim.job, ran_s, luck) for _ in range(DRAWS))
    limit = claim.since + demand.length.seconds
    stated = demand.length.source not in {"assumed", "learnt"}
    chance = 1.0 if stated and at <= limit <= latest else sum(end <= latest for end in ends) / DRAWS
    fate: Fate = "finishes" if chance >= 0.5 else "dies"
    lost_s = max(0.0, latest - claim.since) if fate == "dies" else 0.0
    likely = ends[DRAWS // 2]
    return JobComes(
        claim.job, claim.schedd, claim.principal, fate, round(chance, 2), likely, lost_s * claim.cpu_milli / 1000
    )


def _class_of(held: Held, claim: Claim, known: Seen) -> DemandClass:
    """The startd's class where it is the job's user's; else as little as the claim tells."""
    demand = known.classes.get(held.placement.class_key)
    if demand is not None and demand.principal == claim.principal:
        return demand
    request = msgspec.structs.replace(held.placement.size, cpu_milli=claim.cpu_milli)
    length = JobLength(UNKNOWN_S, "assumed")
    return DemandClass("", held.placement.pool, claim.schedd, claim.principal, request, length, 0)


def _what(held: Held, running: tuple[JobComes, ...], left: str, at: float) -> str:
    from fedsched.matchmaker.explain import age

    if held.placement.form == "job":
        return _what_of_job(held, running, left, at)
    if held.claims:
        ends = [job.ends_at for job in running if job.fate == "finishes"]
        dying = sum(job.fate == "dies" for job in running)
        if dying:
            jobs = "its job is" if held.claims == 1 else f"{dying} of its {held.claims} jobs are"
            return f"{jobs} probably still running and evicted after {left}"
        when = f", probably in {age(max(ends) - at)}" if ends else ""
        return f"finishes its jobs{when}; evicted after {left} if they still run"
    if held.phase in {"intended", "starting"} and held.pod_started_at is None:
        return "called back; what it was for is placed elsewhere"
    return f"leaves at once; removed after {left} at the latest"


def _what_of_job(held: Held, running: tuple[JobComes, ...], left: str, at: float) -> str:
    """What becomes of the copy of a user's Job: it has until then to end, else it waits in its queue again."""
    from fedsched.matchmaker.explain import age

    if held.wanted != "run":
        return "goes already"
    if not running:
        return f"called back if it does not run by then; deleted after {left} at the latest, and queued again"
    if running[0].fate == "dies":
        return f"is probably still running and deleted after {left}; its Job is queued again"
    return (
        f"finishes, probably in {age(running[0].ends_at - at)}; deleted after {left} if it still runs, and queued again"
    )
