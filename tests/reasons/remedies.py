"""How each reason that can hold a class is lifted in a snapshot or a policy: that alone, no further than it says."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from fedsched.matchmaker import classad
from fedsched.matchmaker.model import (
    JobLength,
    MemberMemory,
    MemberTerms,
    MemberView,
    NodeGroup,
    Order,
    Placement,
    PoolView,
    Ramping,
    Room,
    Trust,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources, with_amount
from tests.matchmaker.builders import SEEN, group, member, terms
from tests.reasons import of_jobs, of_policy
from tests.reasons.case import Case, replace
from tests.reasons.states import State

HUGE = 10**9


Remedy = Callable[[Case, Reason], State]


def _requirements(case: Case, reason: Reason) -> State:
    if reason.source == "the member's file":
        return case.file(reason.member, lambda one: replace(one, requirements=""))
    clauses = classad.conjuncts(case.demand.requirements)
    kept = [f"({one})" for one in clauses if one != reason.what]
    assert len(kept) < len(clauses), f"no clause reads {reason.what!r}"
    return case.job(requirements=" && ".join(kept))


def _too_small(case: Case, reason: Reason) -> State:
    """Empty nodes are as large as needed; what is free now stays what it is.

    For Jobs of several pods no larger than that: more of them would fit on a node then.
    """
    if case.demand.job is not None:
        need = case.demand.request.get(reason.what)
        return case.group(reason, lambda one: replace(one, allocatable=with_amount(one.allocatable, reason.what, need)))
    return case.group(reason, lambda one: replace(one, allocatable=with_amount(one.allocatable, reason.what, HUGE)))


def _form(case: Case, reason: Reason) -> State:
    if reason.what == "pool":
        return case.file(reason.member, lambda one: replace(one, pools=(*one.pools, case.demand.pool)))
    return case.file(reason.member, lambda one: replace(one, forms=("startd-job", "startd-daemonset", "job")))


def _taints(case: Case, reason: Reason) -> State:
    """The member's file tolerates them."""
    return case.group(reason, lambda one: replace(one, barred=()))


def _principal(case: Case, reason: Reason) -> State:
    who = str(case.demand.principal)
    return case.file(reason.member, lambda one: replace(one, principals=(*one.principals, who)))


def _image(case: Case, reason: Reason) -> State:
    return case.file(reason.member, lambda one: replace(one, images=(*one.images, reason.need)))


def _tainted(case: Case, reason: Reason) -> State:
    """The file tolerates that one taint."""
    return case.group(
        reason,
        lambda one: replace(one, barred=tuple(taint for taint in one.barred if not reason.have.startswith(taint.key))),
    )


def _too_long(case: Case, reason: Reason) -> State:
    if "policy" in reason.source:
        return case.policy(startds=replace(case.state.policy.startds, lifetime_s=HUGE))
    return case.file(reason.member, lambda one: replace(one, max_lifetime_s=HUGE))


def _no_groups(case: Case, _reason: Reason) -> State:
    """Somebody is joined who shows a node that holds anything; its slots are what the class requires."""
    asked = case.demand.request
    file = terms("dunes", image="startd", forms=("startd-job", "job"), jobs=of_jobs.EVERYTHING)
    more = case.snap(terms=(*case.state.snapshot.terms, file))
    whole = replace(asked.times(4) + Resources(9000, 9000, 9000), pods=20)
    objects = case.demand.job.objects if case.demand.job is not None else ()
    view = member("dunes", group("g", 20 if case.demand.job is not None else 1, whole), objects=objects)
    seen = replace(more.snapshot.observation, members=(*more.snapshot.observation.members, view))
    return Case(more._replace(snapshot=replace(more.snapshot, observation=seen)), case.key).job(
        requirements="", gate="", image="", length=JobLength(600, "assumed")
    )


def _expression(case: Case, _reason: Reason) -> State:
    return case.job(gate="", requirements="")


def _admission(case: Case, reason: Reason) -> State:
    """One bound of a LimitRange."""

    def without(view: MemberView) -> MemberView:
        limits = tuple(
            replace(
                one,
                maximum_names=one.maximum_names - {reason.what},
                minimum_names=one.minimum_names - {reason.what},
            )
            if one.name == reason.source.removeprefix("LimitRange ")
            else one
            for one in view.limits
        )
        return replace(view, limits=limits)

    return case.view(reason.member, without)


def _refused(case: Case, reason: Reason) -> State:
    """What is remembered of refusals is forgotten."""
    members = dict(case.state.snapshot.memory.members)
    members[reason.member] = replace(members[reason.member], refusals=())
    return case.memory(members=members)


def _order(kind: str) -> Remedy:
    """The one order that is named: each has a text of its own."""

    def lifted(case: Case, reason: Reason) -> State:
        def named(order: Order) -> bool:
            return order.kind == kind and order.reason == reason.have

        return case.snap(orders=tuple(one for one in case.state.snapshot.orders if not named(one)))

    return lifted


def _nodes_uncordoned(case: Case, reason: Reason) -> State:
    return case.group(reason, lambda one: replace(one, cordoned=0))


def _mode(case: Case, reason: Reason) -> State:
    return case.file(reason.member, lambda one: replace(one, mode="on"))


_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(?:\s*(GiB|core))?")


def needed(text: str) -> int:
    """The amount that a reason names as needed, rounded up past what four digits leave out."""
    found = _NUMBER.match(text)
    assert found is not None, text
    value = float(found[1]) * {"GiB": 1024.0, "core": 1000.0}.get(found[2] or "", 1.0)
    return math.ceil(value * 1.0006) if found[2] == "GiB" else math.ceil(value)


def lacked(reason: Reason) -> int:
    """By how much what is there falls short."""
    return needed(reason.need) - math.floor(needed(reason.have) / 1.0012)


def _room(case: Case, reason: Reason) -> State:
    """Each node has what is needed of that one resource; where there is no node, one comes."""
    if reason.what == "node group":
        return _without_daemonset(case, reason)
    if reason.what == "pods at once":
        return of_jobs.pods_at_once(case, reason)

    view = next(one for one in case.state.snapshot.observation.members if one.name == reason.member)
    waiting = sum(pod.request.get(reason.what) for pod in view.site_pods)  # they take it before us (OW2)
    extra = lacked(reason) + waiting
    nodes = sum(room.nodes for one in view.node_groups if one.name == reason.node_group for room in one.rooms)

    def more(one: NodeGroup) -> NodeGroup:
        if reason.what == "nodes":
            return replace(one, rooms=(Room(one.allocatable, 1),))
        rooms: dict[Resources, int] = {}
        for room in one.rooms:
            free = with_amount(room.free, reason.what, room.free.get(reason.what) + extra)
            rooms[free] = rooms.get(free, 0) + room.nodes
        return replace(one, rooms=tuple(sorted(Room(free, count) for free, count in rooms.items())))

    def kept(file: MemberTerms) -> MemberTerms:
        """What is more than one node's is nobody's."""
        names = {name for name, _ in file.leave_free}
        target = reason.node_group if reason.node_group in names else "*"
        return replace(
            file,
            leave_free=tuple(
                (name, with_amount(amount, reason.what, amount.get(reason.what) + extra * (nodes - 1)))
                if name == target and amount.get(reason.what)
                else (name, amount)
                for name, amount in file.leave_free
            ),
        )

    return Case(case.group(reason, more), case.key).file(reason.member, kept)


def _without_daemonset(case: Case, reason: Reason) -> State:
    snap = case.state.snapshot
    ours = {
        one.placement.id
        for one in snap.memory.held
        if (one.placement.member, one.placement.node_group) == (reason.member, reason.node_group)
    }
    state = case.memory(held=tuple(one for one in snap.memory.held if one.placement.id not in ours))
    objects = tuple(one for one in snap.observation.objects if one.placement_id not in ours)
    return Case(state, case.key).seen(objects=objects)


def _quota(case: Case, reason: Reason) -> State:
    def more(view: MemberView) -> MemberView:
        quotas = tuple(
            (replace(one, jobs_left=None) if reason.what == "jobs" else replace(one, limits=one.limits - {reason.what}))
            if reason.source == f"ResourceQuota {one.name}"
            else one
            for one in view.quotas
        )
        return replace(view, quotas=quotas)

    return case.view(reason.member, more)


def _ceiling(case: Case, reason: Reason) -> State:
    return case.file(reason.member, lambda one: replace(one, ceiling_names=one.ceiling_names - {reason.what}))


def _leave_free(case: Case, reason: Reason) -> State:
    def less(file: MemberTerms) -> MemberTerms:
        names = {name for name, _ in file.leave_free}
        target = reason.node_group if reason.node_group in names else "*"
        kept = tuple(
            (name, with_amount(amount, reason.what, 0) if name == target else amount)
            for name, amount in file.leave_free
        )
        return replace(file, leave_free=kept)

    return case.file(reason.member, less)


def _ramp(case: Case, reason: Reason) -> State:
    """The step that is used up: the class's own, or that of all classes together."""
    snap = case.state.snapshot
    if reason.have.startswith("all classes"):
        return case.policy(ramp=replace(case.state.policy.ramp, max_starts=HUGE))
    ramps = {**snap.memory.ramps, case.key: Ramping(HUGE, snap.at + 20)}
    return case.memory(ramps=dict(sorted(ramps.items())))


def _trust(case: Case, _reason: Reason) -> State:
    key = f"{case.demand.schedd}/{case.demand.principal}"
    trust = {**case.state.snapshot.memory.trust, key: Trust(HUGE, 0, case.state.snapshot.at - 1)}
    return case.memory(trust=dict(sorted(trust.items())))


WANTED = (("GPUs_DeviceName", '"A100"'), ("HasTape", "true"))
"""What classes ask for that nobody but a real slot can tell."""


def _probing(case: Case, reason: Reason) -> State:
    """The probe's slot is seen."""
    snap = case.state.snapshot
    image = next(one.image for one in snap.terms if one.name == reason.member)
    key = f"{reason.member}/{reason.node_group}/{image}"
    there = next(one for one in snap.observation.members if one.name == reason.member)
    known = {name for one in there.node_groups if one.name == reason.node_group for name, _ in one.attributes}
    seen = (*SEEN.attributes, *(pair for pair in WANTED if pair[0] not in known))
    pairs = {**snap.memory.pairs, key: replace(snap.memory.pairs.get(key, SEEN), attributes=seen)}
    held = tuple(
        replace(one, slot_seen_at=snap.at - 1)
        if (one.placement.member, one.placement.node_group) == (reason.member, reason.node_group)
        else one
        for one in snap.memory.held
    )
    return case.memory(pairs=dict(sorted(pairs.items())), held=held)


def read(view: MemberView, at: float) -> MemberView:
    """It is read: for the first time with all that is read then, its anchor among it."""
    return replace(view, seen_at=at, anchor_uid=view.anchor_uid if view.seen_at is not None else "anchor")


def answering(case: Case, name: str) -> State:
    """A member answers again, and for long enough."""
    at, memory = case.state.snapshot.at, case.state.snapshot.memory
    state = case.view(name, lambda one: replace(one, contact="ok", contact_at=at, seen_at=at))
    known = memory.members.get(name, MemberMemory())
    fine = replace(known, state="ready", since=at, good_at=at, good_reads=9, silent_for_s=0.0, unauthorized=False)
    fine = replace(fine, contact_seen=0.0)
    return Case(state, case.key).memory(members={**memory.members, name: fine})


def _answers(case: Case, reason: Reason) -> State:
    return answering(case, reason.member)


def _stale(case: Case, reason: Reason) -> State:
    at = case.state.snapshot.at
    if reason.what.startswith("collector of "):
        name = reason.what.removeprefix("collector of ")
        kept = tuple(one for one in case.state.snapshot.observation.pools if one.name != name)
        old = next((one for one in case.state.snapshot.observation.pools if one.name == name), PoolView(name))
        return case.seen(pools=(*kept, replace(old, seen_at=at)))
    if reason.what == "anchor":
        return case.view(reason.member, lambda one: replace(one, anchor_uid="again"))
    return case.view(reason.member, lambda one: read(one, at))


def _frozen(case: Case, _reason: Reason) -> State:
    for view in case.state.snapshot.observation.members:
        if view.contact == "timeout":
            case = Case(answering(case, view.name), case.key)
    return case.state


def _budget(case: Case, reason: Reason) -> State:
    name = "objects_in_flight" if "flight" in reason.what else "pods_pulling"
    return case.file(reason.member, lambda one: replace(one, budgets=replace(one.budgets, **{name: HUGE})))


def _backing_off(case: Case, reason: Reason) -> State:
    """The place rests, whoever asks; or the class there."""
    snap = case.state.snapshot
    if reason.what == "startds":
        return _breaker(case, reason)
    image = next(one.image for one in snap.terms if one.name == reason.member)
    image = image if case.demand.job is None else "(jobs)"
    key = f"{reason.member}/{reason.node_group}/{image}"
    return case.memory(pairs={**snap.memory.pairs, key: replace(snap.memory.pairs[key], closed_until=0.0)})


def _breaker(case: Case, reason: Reason) -> State:
    gone = f"{case.key}|{reason.member}"
    return case.memory(breakers={k: v for k, v in case.state.snapshot.memory.breakers.items() if k != gone})


def _schedd(case: Case, reason: Reason) -> State:
    at, views = case.state.snapshot.at, case.state.snapshot.observation.schedds
    return case.seen(schedds=tuple(replace(one, seen_at=at) if one.name == reason.what else one for one in views))


def _growth(case: Case, _reason: Reason) -> State:
    """What the member that was asked brings is for others: nobody is asked for the class, and no node comes sooner."""
    held = tuple(replace(one, placement=_for_others(case, one.placement)) for one in case.state.snapshot.memory.held)
    state = case.memory(held=held)
    objects = tuple(
        one if one.placement is None else replace(one, placement=_for_others(case, one.placement))
        for one in state.snapshot.observation.objects
    )
    return Case(state, case.key).seen(objects=objects)


def _for_others(case: Case, one: Placement) -> Placement:
    return replace(one, class_key="others") if one.growth and one.class_key == case.key else one


REMEDIES: dict[Cause, Remedy] = {
    Cause.REQUIREMENTS: _requirements,
    Cause.NODE_TOO_SMALL: _too_small,
    Cause.FORM_REFUSED: _form,
    Cause.PRINCIPAL_REFUSED: _principal,
    Cause.TAINTED: _taints,
    Cause.IMAGE_REFUSED: _image,
    Cause.TAINTED: _tainted,
    Cause.TOO_LONG: _too_long,
    Cause.NO_NODE_GROUPS: _no_groups,
    Cause.EXPRESSION_REFUSED: _expression,
    Cause.ADMISSION_REFUSED: _admission,
    Cause.CORDONED: _order("cordon"),
    Cause.DRAINING: _order("drain"),
    Cause.PAUSED: _order("pause"),
    Cause.DENIED: _order("deny"),
    Cause.OBSERVE_ONLY: _mode,
    Cause.NODES_CORDONED: _nodes_uncordoned,
    Cause.NO_ROOM: _room,
    Cause.FRAGMENTED: _room,
    Cause.QUOTA_FULL: _quota,
    Cause.CEILING_REACHED: _ceiling,
    Cause.TRIAL_FULL: _mode,
    Cause.LEAVE_FREE: _leave_free,
    Cause.RAMP: _ramp,
    Cause.TRUST: _trust,
    Cause.PROBING: _probing,
    Cause.MEMBER_SILENT: _answers,
    Cause.MEMBER_LOST: _answers,
    Cause.CREDENTIAL: _answers,
    Cause.STALE: _stale,
    Cause.FROZEN: _frozen,
    Cause.BUDGET: _budget,
    Cause.BACKING_OFF: _backing_off,
    Cause.FAILING_FAST: _breaker,
    Cause.SCHEDD_STALE: _schedd,
    Cause.GROUP_LIMIT: of_policy.group_limit,
    Cause.GROUP_QUOTA: of_policy.group_quota,
    Cause.GROUP_BORROW: of_policy.group_borrow,
    Cause.NOT_LENT: of_policy.not_lent,
    Cause.PRINCIPAL_CEILING: of_policy.principal_ceiling,
    Cause.CONCURRENCY_LIMIT: of_policy.concurrency,
    Cause.LEAKED: of_policy.leaked,
    Cause.TIER_CLOSED: of_policy.tier_closed,
    Cause.TIER_WINDOW: of_policy.tier_window,
    Cause.BUDGET_SPENT: of_policy.budget_spent,
    Cause.GROWTH_ASKED: _growth,
    Cause.WRITE_REFUSED: _refused,
    Cause.POD_REFUSED: _refused,
    Cause.NAMESPACE_REFUSED: of_jobs.namespace,
    Cause.OBJECT_MISSING: of_jobs.named_object,
    Cause.FIELD_REFUSED: of_jobs.grant,
    Cause.TOO_MANY_PODS: of_jobs.more_nodes,
    Cause.REBUILDING: of_jobs.seen_once,
}
"""Every cause that can be why a class waits."""


def lifted(case: Case, reason: Reason) -> Case:
    """The same case without that reason. KeyError where nobody knows how to lift it."""
    return Case(REMEDIES[reason.cause](case, reason), case.key)
