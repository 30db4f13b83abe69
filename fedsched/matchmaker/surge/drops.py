"""Falling demand: what is called back or sent away when fewer jobs ask (SU5, SU7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.model import (
    Held,
    Policy,
    ScheddView,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.surge.supply import OPEN, asleep


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
        # a process that was started again counts its reads from nothing
        noted[key] = min(drops.get(key, reads[schedd]), reads[schedd])
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
        if one.phase in OPEN and one.wanted == "run" and not one.failure and one.placement.form != "job":
            placement = one.placement
            before = found.get(placement.class_key, ("", "", 0, 0))[2]
            jobs = before + placement.units * one.nodes
            found[placement.class_key] = (placement.class_key, placement.schedd, jobs, max(1, placement.units))
    return sorted(found.values())


def leave_or_stay(stand: Standing, asked: Demanded, surplus: dict[str, int], policy: Policy, at: float) -> Held:
    """What SU5 wants of one placement; `surplus` (class key -> placements too many, still pending) is used up."""
    held = stand.held
    if held.placement.form == "job":
        return held
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
    if (held.phase == "unclaimed" or asleep(held)) and waited > idle_s:
        return want(held, "leave", Reason(Cause.IDLE, need=f"{idle_s} s", have=f"{waited:.0f} s", at=at))
    return held


def _pending(stand: Standing) -> bool:
    """Nothing of it runs yet, so it can be called back without hurting anybody."""
    return all(p.phase == "pending" and not p.deleting for p in stand.pods)


def want(held: Held, wanted: str, why: Reason) -> Held:
    """The same placement with another wish; the first reason for a wish is kept."""
    if held.wanted == wanted:
        return held
    return msgspec.structs.replace(held, wanted=wanted, why=why)
