"""What of ours runs where and what of it is claimed; members, pools and schedds as they were last seen."""

from __future__ import annotations

from fedsched.matchmaker.model import Held, MemberTerms, MemberView
from fedsched.matchmaker.resources import Resources
from fedsched.web.metrics.samples import OTHER, Names, Samples, Scene

STATES = ("ready", "slow", "unreachable", "lost", "never")
PHASES = ("intended", "starting", "unclaimed", "claimed", "leaving")


def supply(scene: Scene, into: Samples) -> None:
    """Startds by member and phase: 0 where there are none, so that a rule finds a series for each member."""
    for terms in scene.view.terms:
        for phase in PHASES:
            into.add("startds", 0, scene.members(terms.name), phase)
            into.add("supply_core_equivalents", 0, scene.members(terms.name), phase)
        into.add("claimed_core_equivalents", 0, scene.members(terms.name))
        into.add("cost_per_hour", 0, scene.members(terms.name))
        into.add("orphans", 0, scene.members(terms.name))
    for (member, phase, size, of_jobs), (count, claimed, cost) in _alike(scene).items():
        each, name = scene.cores(scene.sizes.of(size)), scene.members(member)
        into.add("startds", 0 if of_jobs else count, name, phase)
        into.add("supply_core_equivalents", count * each, name, phase)
        into.add("claimed_core_equivalents", claimed * each, name)
        into.add("cost_per_hour", cost, name)
    for orphan in scene.view.plan.sweep:
        into.add("orphans", 1, scene.members(orphan.member))


def _alike(scene: Scene) -> dict[tuple[str, str, Resources, bool], list[float]]:
    """(startds, of these as if wholly claimed, cost per hour) by member, phase and size: of thousands few differ.

    The last part tells pods of users' Jobs from startds.
    """
    found: dict[tuple[str, str, Resources, bool], list[float]] = {}
    for held in scene.view.plan.held:
        placement, phase = held.placement, held.phase
        if phase == "gone":
            continue
        key = (placement.member, phase, placement.size, placement.form == "job")
        sums = found.setdefault(key, [0, 0.0, 0.0])
        sums[0] += held.nodes
        if held.claims or held.claimed_cpu_milli:
            sums[1] += held.nodes * taken(held)
        if held.pod_started_at is not None:
            sums[2] += placement.price_per_hour * held.nodes
    return found


def taken(held: Held) -> float:
    """The part of a placement's cores that is claimed, 0..1."""
    cores = held.placement.size.cpu_milli * held.nodes
    return min(1.0, held.claimed_cpu_milli / cores) if cores else float(held.claims > 0)


def members(scene: Scene, into: Samples) -> None:
    """State, ages, lives and what is lent, of members that are joined now."""
    remembered = scene.view.plan.memory.members
    for terms in scene.view.terms:
        name, known = scene.members(terms.name), remembered.get(terms.name)
        seen = scene.view.members.get(terms.name) or MemberView(terms.name)
        state = "never" if seen.contact == "never" or known is None else known.state
        for one in STATES:
            into.add("member_state", state == one, name, one)
        if name != OTHER:
            into.add("member", 1, name, _mode(terms))
        lent = dict(known.lent).get("cpu_milli", 0.0) if known else 0.0
        into.add("lent_core_equivalents", scene.cores(lent), name)
        _ages(scene, seen, known.good_at if known else None, into)


def _ages(scene: Scene, seen: MemberView, good_at: float | None, into: Samples) -> None:
    name = scene.members(seen.name)
    if good_at is not None:
        into.highest("member_contact_age_seconds", scene.now - good_at, name)
    if seen.seen_at is not None:
        into.highest("member_seen_age_seconds", scene.now - seen.seen_at, name)
        into.highest("member_clock_skew_seconds", seen.clock_skew_s, name)
    if seen.credential_expires_at is not None:
        into.lowest("member_credential_remaining_seconds", seen.credential_expires_at - scene.now, name)


def _mode(terms: MemberTerms) -> str:
    return f"trial({terms.trial})" if terms.mode == "trial" else terms.mode


def peers(scene: Scene, into: Samples) -> None:
    """Pools and schedds: ages of their last answers, ghosts, and where a negotiator differs."""
    seen = scene.view.observation
    names = Names(one.name for one in seen.schedds)
    for pool in seen.pools:
        if pool.seen_at is not None:
            into.highest("pool_seen_age_seconds", scene.now - pool.seen_at, pool.name)
        into.add("negotiator_drift", 0, pool.name)
        into.add("ghost_ads", 0, pool.name)
    for schedd in seen.schedds:
        if schedd.seen_at is not None:
            into.highest("schedd_seen_age_seconds", scene.now - schedd.seen_at, names(schedd.name))
    for drift in scene.view.plan.drift:
        into.add("negotiator_drift", 1, drift.pool)
    for ghost in scene.view.plan.ghosts:
        into.add("ghost_ads", 1, ghost.pool)
