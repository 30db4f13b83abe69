"""A new placement: everything that its object will be made from, and what it remembers of its choice."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.model import Candidate, Held, JobShape, Placement, QueuedJob, Startds
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
