"""A new placement: everything that its object will be made from, and what it remembers of its choice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from fedsched.matchmaker import breaker
from fedsched.matchmaker.book import Book
from fedsched.matchmaker.fill.rounds import Round, jobs_on
from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import Candidate, DemandClass, Held, JobShape, Placement, QueuedJob, Startds
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.purse import Priced
from fedsched.matchmaker.reasons import Cause, Reason


class Birth(msgspec.Struct, frozen=True):
    """What a placement is given when it is made. at: epoch seconds. candidates: what was considered (E5)."""

    id: str
    epoch: int
    at: float
    lifetime_s: int
    priced: Priced
    growth: bool = False
    candidates: tuple[Candidate, ...] = ()


def held_for(turn: Turn, option: Option, birth: Birth, nodes: int, life: Startds) -> Held:
    """The placement of one startd (or one on each of `nodes` nodes) for the class."""
    demand, place = turn.ask.demand, option.place
    placement = Placement(
        id=birth.id,
        member=place.terms.name,
        node_group=place.group.name,
        form=option.form,
        pool=demand.pool,
        schedd=demand.schedd,
        principal=demand.principal,
        class_key=demand.key,
        size=option.size,
        created_at=birth.at,
        expires_at=birth.at + birth.lifetime_s + life.pending_s,
        lifetime_s=birth.lifetime_s,
        retire_s=min(life.retire_s, birth.lifetime_s // 2),
        idle_s=life.gpu_idle_s if option.size.gpus else life.idle_s,
        first_refusal_s=life.first_refusal_s,
        epoch=birth.epoch,
        units=option.units,
        share=place.terms.share,
        image="" if place.jobs else place.terms.image,
        selector=place.group.selector,
        taints=place.group.taints,
        gpu_resource=place.group.gpu_resource,
        concurrency=demand.concurrency,
        price_per_hour=birth.priced.price_per_hour,
        tier=birth.priced.tier,
        growth=birth.growth,
        priority=-turn.order()[0],
        probe=not (place.jobs or place.pair.attributes),
        ungrouped=demand.ungrouped,
        user=demand.user,
    )
    cause = Cause.PROBE if placement.probe else Cause.DEMAND
    why = place.here(Reason(cause, demand.key, str(demand.idle), str(turn.ask.served), at=birth.at))
    return Held(placement, "intended", birth.at, why=why, nodes=nodes, candidates=birth.candidates)


def copy_of(job: QueuedJob, shape: JobShape, held: Held, margin_s: int) -> Held:
    """The placement as the copy of one Job of its class."""
    placement = msgspec.structs.replace(
        held.placement,
        job=job.id,
        job_uid=job.uid,
        pods=held.nodes,
        gang=shape.gang,
        rerun=shape.rerun,
        margin_s=margin_s,
        priority=job.priority,
    )
    return msgspec.structs.replace(held, placement=placement)


class Serial(NamedTuple):
    """Number of a new placement, whether it is for a node that does not exist yet, and what was considered (E5).

    most: so many in a row may be like it, of which as many start as find room.
    """

    number: int
    grows: bool
    considered: tuple[Candidate, ...]
    most: int = 1


def start(turn: Turn, option: Option, rounds: Round, serial: Serial, like: Held | None = None) -> list[Held]:
    """Book startds for the class at the option: one, or several in a row.

    like: an earlier one of which nothing but the number differs.
    """
    demand = turn.ask.demand
    option = option if serial.grows else _widened(turn, option, rounds)
    nodes, count = _booked(demand, option, rounds.book, serial)
    size = option.size.times(nodes) if nodes > 1 else option.size
    rounds.bounds.take(demand, size, jobs_on(demand, option, nodes), count)
    if like is not None:
        return [*alike(like, rounds.epoch, range(serial.number, serial.number + count))]
    birth = _birth(demand, option, rounds, serial)
    breaker.take(rounds.breakers, demand, option.place)
    held = held_for(turn, option, birth, nodes, rounds.policy.startds)
    if demand.job is None:
        return [held, *alike(held, rounds.epoch, range(serial.number + 1, serial.number + count))]
    return [copy_of(rounds.jobs[demand.key].popleft(), demand.job, held, rounds.policy.silence.margin_s)]


def _birth(demand: DemandClass, option: Option, rounds: Round, serial: Serial) -> Birth:
    """For how long it lives and what it costs, which is set aside."""
    lifetime_s = rounds.purse.lifetime_s(demand, option, _longest_s(demand, option.place))
    priced = rounds.purse.take(demand, option, lifetime_s)
    id_ = f"{rounds.epoch:x}-{serial.number:x}"
    return Birth(id_, rounds.epoch, rounds.at, lifetime_s, priced, serial.grows, serial.considered)


def _booked(demand: DemandClass, option: Option, book: Book, serial: Serial) -> tuple[int, int]:
    """Pods of each startd, and how many startds found room."""
    place, size = option.place, option.size
    if serial.grows:
        return book.take_growth(place, size, option.shape, demand.key), 1
    if serial.most > 1:
        return 1, book.take_in_a_row(place, size, serial.most)
    return book.take(place, size, option.shape), 1


def alike(held: Held, epoch: int, numbers: Iterable[int]) -> Iterator[Held]:
    """The same again under other numbers: nothing else tells startds of a row apart."""
    one, replace, before = held.placement, msgspec.structs.replace, f"{epoch:x}-"
    for number in numbers:
        yield replace(held, placement=replace(one, id=f"{before}{number:x}"))


def _widened(turn: Turn, option: Option, rounds: Round) -> Option:
    """With as many pods of a Job as fit there now, beyond those without which it does not begin.

    No more than its principal has a right to: what others wait for is not taken in one turn.
    """
    demand = turn.ask.demand
    if demand.job is None or demand.job.least == demand.job.pods:
        return option
    line, each = rounds.shared.line(demand.principal), max(1, rounds.shared.sizes.of(option.size))
    fits, too_many = 1, min(demand.job.pods, max(1, (line.entitled - line.held - turn.milli) // each)) + 1
    while too_many - fits > 1:
        pods = (fits + too_many) // 2
        if rounds.no_room(demand, msgspec.structs.replace(option, pods=pods)) is None:
            fits = pods
        else:
            too_many = pods
    return msgspec.structs.replace(option, pods=fits)


def _longest_s(demand: DemandClass, place: Place) -> int:
    """Seconds that a placement may live: a Job no longer than its own deadline, where it has one (FA4)."""
    own = demand.job is not None and demand.length.source != "assumed"
    return min(place.life_s, demand.length.seconds) if own else place.life_s
