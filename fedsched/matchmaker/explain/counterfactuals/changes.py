"""One exact change of what a decision reads, made; whether it helps anybody is proven elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from fedsched.matchmaker import classad
from fedsched.matchmaker.explain.counterfactuals.rules import GROUP_CHANGES, POLICY_CHANGES
from fedsched.matchmaker.model import (
    DemandClass,
    JobLength,
    MemberMemory,
    MemberTerms,
    MemberView,
    NodeGroup,
    Order,
    Policy,
    Quota,
    Room,
    Snapshot,
    Step,
)
from fedsched.matchmaker.resources import with_amount


class World(NamedTuple):
    """What a decision about one class reads. key: of the class."""

    snapshot: Snapshot
    policy: Policy
    key: str


def changed(world: World, step: Step) -> World:
    """The world with that change made. KeyError for a kind that is not known."""
    if step.what in OF_CLASS:
        return _with_class(world, step)
    if step.what in OF_TERMS:
        return _with_terms(world, step)
    if step.what in OF_VIEW:
        return _with_view(world, step)
    if step.what in GROUP_CHANGES or step.what in POLICY_CHANGES:
        return world._replace(policy=_policy(world, step))
    return OF_SNAPSHOT[step.what](world, step)


def demand_of(world: World) -> DemandClass:
    """The class that it is about. KeyError when no schedd asks for it."""
    for view in world.snapshot.observation.schedds:
        for demand in view.classes:
            if demand.key == world.key:
                return demand
    raise KeyError(world.key)


# -- of what is asked


def _request(demand: DemandClass, step: Step) -> DemandClass:
    return msgspec.structs.replace(demand, request=with_amount(demand.request, step.name, int(step.to)))


def _clause(demand: DemandClass, step: Step) -> DemandClass:
    """Requirements without the one operand of && that reads so."""
    kept = [f"({clause})" for clause in classad.conjuncts(demand.requirements) if clause != step.text]
    return msgspec.structs.replace(demand, requirements=" && ".join(kept))


def _length(demand: DemandClass, step: Step) -> DemandClass:
    return msgspec.structs.replace(demand, length=JobLength(int(step.to), demand.length.source))


def _image(demand: DemandClass, _step: Step) -> DemandClass:
    return msgspec.structs.replace(demand, image="")


def _priority(demand: DemandClass, step: Step) -> DemandClass:
    return msgspec.structs.replace(demand, priorities=((int(step.to), demand.idle),))


def _parallelism(demand: DemandClass, step: Step) -> DemandClass:
    """Fewer pods of each Job at once."""
    if demand.job is None:
        return demand
    return msgspec.structs.replace(demand, job=msgspec.structs.replace(demand.job, pods=int(step.to)))


OF_CLASS: dict[str, Callable[[DemandClass, Step], DemandClass]] = {
    "request": _request,
    "clause": _clause,
    "length": _length,
    "image": _image,
    "priority": _priority,
    "parallelism": _parallelism,
}


def _with_class(world: World, step: Step) -> World:
    change = OF_CLASS[step.what]
    seen = world.snapshot.observation
    schedds = tuple(
        msgspec.structs.replace(
            view, classes=tuple(change(one, step) if one.key == world.key else one for one in view.classes)
        )
        for view in seen.schedds
    )
    return _seen(world, schedds=schedds)


# -- of a member's file


def _admit(terms: MemberTerms, step: Step) -> MemberTerms:
    """One name more under principals, images, pools or forms of the file; an empty list admits all but forms.

    Of what stands under [jobs] there the name is "jobs.grants", "jobs.namespaces", and so on.
    """
    _, of_jobs, name = step.name.partition("jobs.")
    if of_jobs:
        jobs = msgspec.structs.replace(terms.jobs, **{name: (*getattr(terms.jobs, name), step.target)})
        return msgspec.structs.replace(terms, jobs=jobs)
    known: tuple[str, ...] = getattr(terms, step.name)
    return msgspec.structs.replace(terms, **{step.name: (*known, step.target)})


def _ceiling(terms: MemberTerms, step: Step) -> MemberTerms:
    return msgspec.structs.replace(terms, ceiling=with_amount(terms.ceiling, step.name, int(step.to)))


def _in_flight(terms: MemberTerms, step: Step) -> MemberTerms:
    return msgspec.structs.replace(terms, budgets=msgspec.structs.replace(terms.budgets, **{step.name: int(step.to)}))


def _leave_free(terms: MemberTerms, step: Step) -> MemberTerms:
    kept = tuple(
        (name, with_amount(amount, step.name, int(step.to)) if name == step.target else amount)
        for name, amount in terms.leave_free
    )
    return msgspec.structs.replace(terms, leave_free=kept)


def _lifetime(terms: MemberTerms, step: Step) -> MemberTerms:
    return msgspec.structs.replace(terms, max_lifetime_s=int(step.to))


def _mode(terms: MemberTerms, _step: Step) -> MemberTerms:
    return msgspec.structs.replace(terms, mode="on")


OF_TERMS: dict[str, Callable[[MemberTerms, Step], MemberTerms]] = {
    "mode": _mode,
    "admit": _admit,
    "ceiling": _ceiling,
    "in-flight": _in_flight,
    "leave-free": _leave_free,
    "lifetime": _lifetime,
}


def _with_terms(world: World, step: Step) -> World:
    change = OF_TERMS[step.what]
    terms = tuple(change(one, step) if one.name == step.member else one for one in world.snapshot.terms)
    return world._replace(snapshot=msgspec.structs.replace(world.snapshot, terms=terms))


# -- of what is seen of a member


def _quota(view: MemberView, step: Step) -> MemberView:
    return msgspec.structs.replace(view, quotas=tuple(_more_quota(quota, step) for quota in view.quotas))


def _more_quota(quota: Quota, step: Step) -> Quota:
    if quota.name != step.target:
        return quota
    if step.name == "jobs":
        return msgspec.structs.replace(quota, jobs_left=(quota.jobs_left or 0) + int(step.to))
    left = with_amount(quota.left, step.name, quota.left.get(step.name) + int(step.to))
    return msgspec.structs.replace(quota, left=left)


def _nodes(view: MemberView, step: Step) -> MemberView:
    return msgspec.structs.replace(view, node_groups=tuple(_more_nodes(group, step) for group in view.node_groups))


def _more_nodes(group: NodeGroup, step: Step) -> NodeGroup:
    """So many empty nodes more, as those that are there."""
    if group.name != step.target:
        return group
    rooms = {room.free: room.nodes for room in group.rooms}
    rooms[group.allocatable] = rooms.get(group.allocatable, 0) + int(step.to)
    return msgspec.structs.replace(
        group,
        nodes=group.nodes + int(step.to),
        ready=group.ready + int(step.to),
        rooms=tuple(sorted(Room(free, nodes) for free, nodes in rooms.items())),
    )


def _tolerate(view: MemberView, step: Step) -> MemberView:
    groups = tuple(
        msgspec.structs.replace(group, barred=tuple(taint for taint in group.barred if taint.key != step.name))
        if group.name == step.target
        else group
        for group in view.node_groups
    )
    return msgspec.structs.replace(view, node_groups=groups)


def _object(view: MemberView, step: Step) -> MemberView:
    """One object more in our namespace; target: "Kind/name"."""
    kind, _, name = step.target.partition("/")
    return msgspec.structs.replace(view, objects=tuple(sorted({*view.objects, (kind, name)})))


OF_VIEW: dict[str, Callable[[MemberView, Step], MemberView]] = {
    "quota": _quota,
    "nodes": _nodes,
    "tolerate": _tolerate,
    "object": _object,
}


def _with_view(world: World, step: Step) -> World:
    change = OF_VIEW[step.what]
    members = world.snapshot.observation.members
    return _seen(world, members=tuple(change(one, step) if one.name == step.member else one for one in members))


# -- of the rest of the snapshot


def _seen(world: World, **changes: object) -> World:
    seen = msgspec.structs.replace(world.snapshot.observation, **changes)
    return world._replace(snapshot=msgspec.structs.replace(world.snapshot, observation=seen))


def _order(world: World, step: Step) -> World:
    orders: tuple[Order, ...] = world.snapshot.orders
    kept = tuple(order for order in orders if (order.kind, order.target) != (step.name, step.target))
    return world._replace(snapshot=msgspec.structs.replace(world.snapshot, orders=kept))


def _member_answers(world: World, step: Step) -> World:
    """It answers again, for long enough, and has what it had when it was last seen; "*" stands for all members."""
    at, memory = world.snapshot.at, world.snapshot.memory
    views, members = [], dict(memory.members)
    for view in world.snapshot.observation.members:
        if step.member in {"*", view.name}:
            known = members.get(view.name, MemberMemory())
            views.append(
                msgspec.structs.replace(view, contact="ok", contact_at=at, contact_error="", seen_at=at)
                if view.seen_at is not None
                else view
            )
            members[view.name] = msgspec.structs.replace(
                known,
                state="ready",
                good_at=at,
                contact_seen=min(known.contact_seen, at - 1),
                good_reads=max(known.good_reads, world.policy.silence.good_reads),
                silent_for_s=0.0,
                unauthorized=False,
            )
        else:
            views.append(view)
    world = _seen(world, members=tuple(views))
    memory = msgspec.structs.replace(memory, members=members)
    return world._replace(snapshot=msgspec.structs.replace(world.snapshot, memory=memory))


def _schedd_answers(world: World, step: Step) -> World:
    at, views = world.snapshot.at, world.snapshot.observation.schedds
    heard = tuple(
        msgspec.structs.replace(view, seen_at=at, error="") if view.name == step.target else view for view in views
    )
    return _seen(world, schedds=heard)


def _pool_answers(world: World, step: Step) -> World:
    at, views = world.snapshot.at, world.snapshot.observation.pools
    heard = tuple(
        msgspec.structs.replace(view, seen_at=at, error="") if view.name == step.target else view for view in views
    )
    return _seen(world, pools=heard)


OF_SNAPSHOT: dict[str, Callable[[World, Step], World]] = {
    "order": _order,
    "member answers": _member_answers,
    "schedd answers": _schedd_answers,
    "pool answers": _pool_answers,
}


def _policy(world: World, step: Step) -> Policy:
    policy = world.policy
    if step.what in POLICY_CHANGES:
        return POLICY_CHANGES[step.what](policy, step)
    change = GROUP_CHANGES[step.what]
    groups = tuple(change(group, step) if group.path == step.target else group for group in policy.groups)
    return msgspec.structs.replace(policy, groups=groups)
