"""What each link of a chain shows where nothing holds it: what is needed, what is there, source and time."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fedsched.matchmaker.explain.case import Case
from fedsched.matchmaker.explain.facts_of_jobs import FACTS_OF_JOBS, copies
from fedsched.matchmaker.explain.links import HOLDS, LINKS
from fedsched.matchmaker.explain.right import named, over
from fedsched.matchmaker.explain.sentences import age, capital, clause, clean
from fedsched.matchmaker.explain.startds import Startd
from fedsched.matchmaker.model import ChainLink, LinkName, NodeGroup, Quota
from fedsched.matchmaker.resources import Resources, describe, lacking, show

_EARLY = frozenset(LINKS[: LINKS.index("member") + 1])
"""Links up to the member: whoever is held there is not taken by it."""


def fact(case: Case, name: LinkName) -> ChainLink:
    """One link. From the pod on it waits where startds are on their way, and holds where something keeps them."""
    of_jobs = FACTS_OF_JOBS.get(name) if case.jobs else None
    return (of_jobs or _FACTS[name])(case)


def _job(case: Case) -> ChainLink:
    demand, view = case.demand, case.schedd
    waits = f", the oldest for {age(case.seen.at - demand.oldest_at)}" if demand.oldest_at and demand.idle else ""
    return ChainLink(
        "job",
        "ok" if view is not None and view.seen_at is not None else "unknown",
        f"{_jobs(demand.idle)} alike {'is' if demand.idle == 1 else 'are'} idle at {clean(demand.schedd)}{waits}.",
        have=f"{demand.idle} idle, {demand.running} running",
        source=f"schedd {clean(demand.schedd)}",
        at=view.seen_at if view is not None else None,
    )


def _class(case: Case) -> ChainLink:
    demand, view = case.demand, case.schedd
    return ChainLink(
        "demand class",
        "ok",
        f"Class {demand.key} of {clean(str(demand.principal))}: each job runs {age(demand.length.seconds)} "
        f"({clean(demand.length.source)}).",
        need=describe(demand.request),
        have=f"{_jobs(demand.idle)} alike",
        source=f"schedd {clean(demand.schedd)}",
        at=view.seen_at if view is not None else None,
    )


def _share(case: Case) -> ChainLink:
    line = case.share
    if line is None or case.plan is None:
        return ChainLink("share", "unknown", "Nothing is known of its share.", at=case.seen.at)
    standing = f", number {line.rank} in line" if line.rank else ""
    return ChainLink(
        "share",
        "ok",
        f"Its share does not keep it: {named(line.path)} holds {over(line)}{standing}.",
        need=f"entitled to {line.entitled / 1000:.4g} core-equivalents",
        have=f"holds {line.held / 1000:.4g} core-equivalents",
        source=f"shares of cycle {case.plan.cycle}",
        at=case.plan.at,
    )


def _member(case: Case) -> ChainLink:
    verdicts = case.report.members if case.report is not None else ()
    able = sum(verdict.blocker is None or HOLDS[verdict.blocker.cause] not in _EARLY for verdict in verdicts)
    view, name = case.member, clean(case.place[0])
    return ChainLink(
        "member",
        "ok" if view is not None else "unknown",
        f"{name} takes such jobs." if name else "No member is named.",
        need="a member that takes such jobs" if verdicts else "",
        have=f"{able} of {len(verdicts)} members" if verdicts else (f"member {name}" if name else ""),
        source=f"member {name}" if name else "",
        at=view.seen_at if view is not None else None,
    )


def _quota(case: Case) -> ChainLink:
    view, request = case.member, case.demand.request
    if view is None:
        return ChainLink("namespace quota", "unknown", "No member is named.")
    place = clean(view.name)
    quotas = [quota for quota in view.quotas if quota.limits]
    if not quotas:
        return ChainLink(
            "namespace quota",
            "ok",
            f"No ResourceQuota limits our namespace at {place}.",
            have="no quota",
            source=f"member {place}",
            at=view.seen_at,
        )
    quota, resource = min(
        ((quota, resource) for quota in quotas for resource in sorted(quota.limits)),
        key=lambda pair: _scarcity(pair[0], pair[1], request),
    )
    return ChainLink(
        "namespace quota",
        "ok",
        f"The quota of {place} leaves room.",
        need=_amount(resource, 1 if resource == "jobs" else request.get(resource)),
        have=f"{_amount(resource, (quota.jobs_left or 0) if resource == 'jobs' else quota.left.get(resource))} left",
        source=f"ResourceQuota {clean(quota.name)}",
        at=view.seen_at,
    )


def _amount(resource: str, amount: int) -> str:
    """One amount with its unit in the singular or plural."""
    if resource in {"jobs", "pods"}:
        unit = {"jobs": "Job", "pods": "pod"}[resource]
        return f"{amount} {unit}{'' if amount == 1 else 's'}"
    return show(resource, amount)


def _scarcity(quota: Quota, resource: str, request: Resources) -> float:
    """How often one resource of a quota holds what a job asks; what it does not ask never limits."""
    if resource == "jobs":
        return float(quota.jobs_left) if quota.jobs_left is not None else float("inf")
    asked = request.get(resource)
    return quota.left.get(resource) / asked if asked else float("inf")


def _node(case: Case) -> ChainLink:
    view, (_, name) = case.member, case.place
    group = next((g for g in view.node_groups if g.name == name), None) if view is not None else None
    if view is None or group is None:
        return ChainLink("node", "unknown", "No node group is named.")
    need, have = _room(case.demand.request, group)
    if case.why is None and case.startds:
        many = len(case.startds)
        need, have = "", f"{copies(many) if case.jobs else _startds(many)} placed"
    place = f"{clean(view.name)}/{clean(group.name)}"
    return ChainLink(
        "node",
        "ok",
        f"{place} has {group.ready} ready node{'' if group.ready == 1 else 's'}.",
        need=need,
        have=have,
        source=f"node group {place}",
        at=view.seen_at,
    )


def _room(request: Resources, group: NodeGroup) -> tuple[str, str]:
    """What one job needs of its scarcest resource, and what the node with most of it has free."""
    best = max((bar.free for bar in group.rooms), key=lambda free: (free.cpu_milli, free.memory_mib), default=None)
    if best is None:
        return describe(request), "no node with room"
    short = lacking(request, best)
    name = short[0] if short else "cpu_milli"
    return show(name, request.get(name)), f"{show(name, max(0, best.get(name)))} free on the best node"


def _pod(case: Case) -> ChainLink:
    waiting, past = case.in_stages("written", "pending"), case.in_stages("joining", "unclaimed", "claimed")
    run = f"{len(past)} of {len(waiting) + len(past)} pods run"
    where = waiting[0] if waiting else (past[0] if past else None)
    link = _late(case, "pod", where, have=run)
    if past or where is None:
        return link
    if case.trouble is not None:
        text = capital(clause(case.trouble)) + "."
        return msgspec.structs.replace(
            link, verdict="holds", text=text, have=clean(where.problem), source=case.trouble.source, reason=case.trouble
        )
    text = f"{_startds(len(waiting))} for it {'has its' if len(waiting) == 1 else 'have their'} pod on the way."
    return msgspec.structs.replace(link, verdict="waits", text=text)


def _startd(case: Case) -> ChainLink:
    joining, past = case.in_stages("joining"), case.in_stages("unclaimed", "claimed")
    where = joining[0] if joining else (past[0] if past else None)
    link = _late(case, "startd", where, have=f"{len(past)} of {len(joining) + len(past)} joined the pool")
    if past or where is None:
        return link
    many = len(joining)
    text = f"{_startds(many)} for it {'runs' if many == 1 else 'run'} and must be seen in the collector."
    return msgspec.structs.replace(link, verdict="waits", text=text)


def _claim(case: Case) -> ChainLink:
    free, claimed = case.in_stages("unclaimed"), case.in_stages("claimed")
    where = free[0] if free else (claimed[0] if claimed else None)
    link = _late(case, "claim", where, have=f"{len(claimed)} of {len(free) + len(claimed)} startds claimed")
    if where is None or not free or not case.demand.idle:
        return link
    since = min((one.held.unclaimed_since or one.held.since for one in free), default=case.seen.at)
    waited, many = age(case.seen.at - since), len(free)
    how = f"is unclaimed for {waited}" if many == 1 else f"are unclaimed, the first for {waited}"
    text = f"{_startds(many)} for it {how}: the pool's negotiator has to hand {'it' if many == 1 else 'them'} over."
    return msgspec.structs.replace(link, verdict="holds", text=text, need="claimed by the schedd")


def _late(case: Case, name: LinkName, where: Startd | None, have: str) -> ChainLink:
    """A link of what was placed: ok when something passed it, not reached when nothing came so far."""
    if where is None:
        served = case.demand.running and not case.demand.idle
        return ChainLink(name, "ok" if served else "not reached", at=case.seen.at)
    source = f"member {clean(where.held.placement.member)}" if name == "pod" else f"pool {clean(case.demand.pool)}"
    pool = next((pool for pool in case.seen.pools if pool.name == case.demand.pool), None)
    at = where.seen_at if name == "pod" or pool is None else pool.seen_at
    return ChainLink(name, "ok", have=have, source=source, at=at if at is not None else case.seen.at)


def _startds(many: int) -> str:
    return "1 startd" if many == 1 else f"{many} startds"


def _jobs(many: int) -> str:
    return "1 job" if many == 1 else f"{many:,} jobs"


_FACTS: dict[LinkName, Callable[[Case], ChainLink]] = {
    "job": _job,
    "demand class": _class,
    "share": _share,
    "member": _member,
    "namespace quota": _quota,
    "node": _node,
    "pod": _pod,
    "startd": _startd,
    "claim": _claim,
}
