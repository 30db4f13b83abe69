"""Spikes: what supply is or comes (SU2), how fast it may grow (SU3, SU7), what goes when demand is gone (SU5).

Where new placements go is the business of filling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.model import DemandClass, Held, Memory, Policy, Ramp, Ramping, ScheddView, Trust
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import how_many

OPEN = frozenset({"intended", "starting", "unclaimed"})
"""Phases in which a placement still waits for its first or next job."""

JUST_S = 3.0
"""A schedd counts a job as idle for a moment after a slot was claimed for it: so much older than its answer, in
seconds, a claim may be and still be for one of the jobs in it."""

FORGET_S = 3600.0
"""For how long trust lasts without news, in seconds."""


class Asked(msgspec.Struct, frozen=True):
    """What is asked for, by class key, when each schedd said so (epoch seconds), and what time it is now."""

    classes: Mapping[str, DemandClass]
    read_at: Mapping[str, float]
    at: float


def asked(schedds: Iterable[ScheddView], at: float) -> Asked:
    """Every class with idle jobs, by key: observed order never matters."""
    views = tuple(schedds)
    found = sorted(((d.key, d) for view in views for d in view.classes if d.idle > 0), key=lambda pair: pair[0])
    return Asked(dict(found), {view.name: view.seen_at for view in views if view.seen_at is not None}, at)


def supply(ask: Asked, standing: Iterable[Standing], lost: frozenset[str]) -> dict[str, int]:
    """Idle jobs of each class that running, starting or intended startds will take (SU2): class key -> jobs.

    Only what is usable counts: enough of the scarcest resource, life left for the job's length, not leaving, not
    failed, not on a lost member unless its slot is heard of. A startd serves its own class first, then others of its
    principal. A job that was idle when its schedd was asked and was claimed since is served, too.
    """
    found: dict[str, int] = {}
    spare: list[Standing] = []
    for stand in standing:
        held = stand.held
        if held.wanted != "run" or held.failure or held.phase not in {*OPEN, "claimed"}:
            continue
        if held.placement.member in lost and not stand.slots:
            continue
        own = ask.classes.get(held.placement.class_key)
        if own and _serve(stand, own, found, ask):
            continue
        if held.phase == "unclaimed" or not own:
            spare.append(stand)
    _share_out(spare, found, ask)
    return found


def _serve(stand: Standing, demand: DemandClass, found: dict[str, int], ask: Asked) -> bool:
    """Count what this startd takes of the class; whether it takes any."""
    unserved = max(0, demand.idle - found.get(demand.key, 0))
    units = min(_just_claimed(stand, demand, ask) + _units(stand, demand, ask.at), unserved)
    if units:
        found[demand.key] = found.get(demand.key, 0) + units
    return units > 0


def _share_out(spare: list[Standing], found: dict[str, int], ask: Asked) -> None:
    """Startds that their own class does not need serve the principal's other classes."""
    others: dict[object, list[DemandClass]] = {}
    for demand in ask.classes.values():
        others.setdefault((demand.schedd, demand.principal), []).append(demand)
    for stand in spare:
        placement = stand.held.placement
        for demand in others.get((placement.schedd, placement.principal), []):
            if _serve(stand, demand, found, ask):
                break


def _just_claimed(stand: Standing, demand: DemandClass, ask: Asked) -> int:
    """Jobs that its schedd counted as idle when it was asked, and that this startd has got since."""
    since = ask.read_at.get(demand.schedd, ask.at) - JUST_S
    claims = [claim for slot in stand.slots for claim in slot.claims]
    return sum(claim.principal == demand.principal and claim.since >= since for claim in claims)


def _units(stand: Standing, demand: DemandClass, at: float) -> int:
    """How many idle jobs of the class this startd can still take."""
    held, ask = stand.held, msgspec.structs.replace(demand.request, pods=0)
    ends = held.placement.created_at + held.placement.lifetime_s - held.placement.retire_s
    if at > ends or (demand.length.source != "assumed" and at + demand.length.seconds > ends + held.placement.retire_s):
        return 0
    if stand.slots:
        if held.placement.class_key == demand.key:
            # made for this class: a slot's Disk is what is free on a file system now, and never quite what was asked
            ask = msgspec.structs.replace(ask, disk_mib=0)
        return sum(how_many(ask, slot.free) for slot in stand.slots if not slot.leaving)
    if held.phase == "claimed" or _asleep(held):
        return 0
    return how_many(ask, held.placement.size) * held.nodes


def grow(ramps: Mapping[str, Ramping], key: str, rules: Ramp, at: float) -> Ramping:
    """A class's growth now (SU3): `first`, then twice as much each interval that used up its allowance."""
    ramping = ramps.get(key)
    if ramping is None or at >= ramping.until + 10 * rules.ramp_interval_s:
        return Ramping(min(rules.first, rules.max_starts), at + rules.ramp_interval_s)
    if at < ramping.until:
        return ramping
    doubled = ramping.allowance * 2 if ramping.used >= ramping.allowance else ramping.allowance
    return Ramping(min(doubled, rules.max_starts), at + rules.ramp_interval_s)


def trust_key(schedd: str, principal: object) -> str:
    """Key of what a principal of a schedd has earned."""
    return f"{schedd}/{principal}"


def learn_trust(memory: Memory, standing: Iterable[Standing], gone: Iterable[Held], at: float) -> dict[str, Trust]:
    """Trust after this look (SU7): a first claim earns, a startd that ended without any claim costs."""
    before = {held.placement.id: held for held in memory.held}
    trust = {key: kept for key, kept in memory.trust.items() if at - kept.at < FORGET_S}
    for held in [*(s.held for s in standing), *gone]:
        old = before.get(held.placement.id)
        key = trust_key(held.placement.schedd, held.placement.principal)
        kept = trust.get(key, Trust(at=at))
        if held.claimed_at and not (old and old.claimed_at):
            trust[key] = Trust(kept.claimed + 1, 0, at)
        elif _wasted(held) and not (old and _wasted(old)):
            trust[key] = Trust(kept.claimed, kept.unclaimed + 1, at)
    return dict(sorted(trust.items()))


def _wasted(held: Held) -> bool:
    """It was there to be claimed, nobody did, and it is over though it was not called back."""
    withdrawn = held.why is not None and held.why.cause in {Cause.DEMAND_GONE, Cause.OWNER, Cause.ORDERED}
    return held.phase == "gone" and held.slot_seen_at is not None and held.claimed_at is None and not withdrawn


def trust_limit(trust: Trust | None, first: int) -> int:
    """How many unclaimed placements a (schedd, principal) may have out at once (SU7)."""
    if trust is None:
        return first
    if trust.unclaimed:
        return 1
    return max(first, 2 * trust.claimed)


class Demanded(msgspec.Struct, frozen=True):
    """Where more startds are open than jobs ask for, with drops confirmed (SU7: a drop counts after two reads).

    over: class keys whose demand is surely gone. surplus: class key -> startds too many, sure. drops: for memory.
    crowded: other jobs wait for more than there is.
    """

    over: frozenset[str]
    surplus: dict[str, int]
    drops: dict[str, int]
    crowded: bool = False


def demanded(
    schedds: tuple[ScheddView, ...], held: Iterable[Held], drops: Mapping[str, int], served: Mapping[str, int]
) -> Demanded:
    """Compare what is open with what is asked; a schedd that was not read again says nothing new.

    A class that still asks for something needs one read more: a job that was just claimed is neither idle any more
    nor seen on its slot yet.
    """
    idle = {demand.key: demand.idle for view in schedds for demand in view.classes}
    reads = {view.name: view.reads for view in schedds}
    over, surplus, noted = set(), {}, {}
    for key, schedd, jobs, units in _open(held):
        short = jobs - idle.get(key, 0)
        if short <= 0 or schedd not in reads:
            continue
        noted[key] = drops.get(key, reads[schedd])
        if not idle.get(key, 0) and reads[schedd] > noted[key]:
            over.add(key)
        elif reads[schedd] > noted[key] + 1:
            surplus[key] = short // units
    crowded = any(jobs > served.get(key, 0) for key, jobs in idle.items())
    return Demanded(frozenset(over), surplus, dict(sorted(noted.items())), crowded)


def _open(held: Iterable[Held]) -> list[tuple[str, str, int, int]]:
    """(class key, schedd, jobs that open startds can take, jobs of one startd) of everything that waits for a job."""
    found: dict[str, tuple[str, str, int, int]] = {}
    for one in held:
        if one.phase in OPEN and one.wanted == "run" and not one.failure:
            placement = one.placement
            before = found.get(placement.class_key, ("", "", 0, 0))[2]
            jobs = before + placement.units * one.nodes
            found[placement.class_key] = (placement.class_key, placement.schedd, jobs, max(1, placement.units))
    return sorted(found.values())


def leave_or_stay(stand: Standing, asked: Demanded, surplus: dict[str, int], policy: Policy, at: float) -> Held:
    """What SU5 wants of one placement; `surplus` (class key -> placements too many, still pending) is used up."""
    held = stand.held
    key = held.placement.class_key
    if held.phase in {"intended", "starting"} and _pending(stand):
        if key in asked.over:
            return want(held, "withdraw", Reason(Cause.DEMAND_GONE, have="0 idle jobs", need="1", at=at))
        if surplus.get(key, 0) > 0:
            surplus[key] -= 1
            return want(held, "withdraw", Reason(Cause.DEMAND_GONE, have="supply on its way is enough", at=at))
        return held
    gpu = held.placement.size.gpus > 0
    idle_s = policy.startds.gpu_idle_s if gpu else policy.startds.idle_s
    if key in asked.over and asked.crowded:
        idle_s = min(idle_s, policy.startds.crowded_idle_s)
    waited = at - held.unclaimed_since if held.unclaimed_since is not None else 0.0
    if (held.phase == "unclaimed" or _asleep(held)) and waited > idle_s:
        return want(held, "leave", Reason(Cause.IDLE, need=f"{idle_s} s", have=f"{waited:.0f} s", at=at))
    return held


def _asleep(held: Held) -> bool:
    """A DaemonSet whose startds all left by themselves: its pods stay and sleep, and nobody joins from them again."""
    return held.placement.form == "startd-daemonset" and held.phase == "starting" and held.slot_seen_at is not None


def _pending(stand: Standing) -> bool:
    """Nothing of it runs yet, so it can be called back without hurting anybody."""
    return all(p.phase == "pending" and not p.deleting for p in stand.pods)


def want(held: Held, wanted: str, why: Reason) -> Held:
    """The same placement with another wish; the first reason for a wish is kept."""
    if held.wanted == wanted:
        return held
    return msgspec.structs.replace(held, wanted=wanted, why=why)
