"""Our own parts: one daemon that decides, answers that are young, agreement with negotiators, disks, addresses."""

from __future__ import annotations

from fedsched.answers.checkup.look import Fault, Judged, Look
from fedsched.matchmaker.explain import age

LEAST_FREE = 256 * 2**20
"""Bytes: a journal on a full disk ends the daemon."""
MIB = 2**20


def one_daemon_decides(look: Look) -> Judged | None:
    """FA5: somebody holds the lease, and its cycles follow each other."""
    if look.cycle_at is None:
        return Judged("", (Fault("no cycle is recorded yet", "fedsched serve", broken=False),))
    last = f"cycle {look.memory.cycle} is {age(look.at - look.cycle_at)} old"
    if not look.served:
        return Judged("", (Fault(f"no daemon runs; {last}", "fedsched serve", broken=False),))
    if look.is_old:
        return Judged("", (Fault(f"{look.holder} holds the lease, but {last}", "look at its log; then restart it"),))
    return Judged(f"{look.holder}, epoch {look.epoch}; {last}")


def one_version_decides_and_looks(look: Look) -> Judged | None:
    """FA7: the daemon is of the version of this command."""
    if look.own is None:
        return None
    versions = dict(look.own.versions)
    mine = versions.get("fedsched", "")
    said = ", ".join(f"{what} {which}" for what, which in look.own.versions)
    if look.version and mine and look.version != mine:
        text = f"the last cycle was decided by fedsched {look.version}, this is {mine}"
        return Judged("", (Fault(text, "restart the daemon, or use its own command", broken=False),))
    return Judged(said)


def schedds_and_pools_answer_in_time(look: Look) -> Judged | None:
    """RE3: no queue and no collector is known only from old answers."""
    silence = look.policy.silence
    faults = []
    for pool in look.seen.pools:
        fix = f"condor_status -pool {pool.name}: is its collector up, is our token good?"
        faults += _stale(look, f"collector {pool.name}", pool.seen_at, silence.stale_pool_s, (pool.error, fix))
    for schedd in look.seen.schedds:
        fix = f"condor_q -name {schedd.name}: is it up, may we READ its queue?"
        faults += _stale(look, f"schedd {schedd.name}", schedd.seen_at, silence.stale_demand_s, (schedd.error, fix))
    answered = [pool.seen_at for pool in look.seen.pools] + [schedd.seen_at for schedd in look.seen.schedds]
    ages = [look.seen.at - seen_at for seen_at in answered if seen_at is not None]
    oldest = f"; the oldest answer is {age(max(ages))} old" if ages else ""
    said = f"{len(look.seen.pools)} collectors, {len(look.seen.schedds)} schedds{oldest}"
    return Judged(said, tuple(faults))


def _stale(look: Look, who: str, seen_at: float | None, most_s: float, why: tuple[str, str]) -> list[Fault]:
    error, fix = why
    because = f": {error}" if error else ""
    if seen_at is None:
        return [Fault(f"{who} never answered{because}", fix, who, broken=False)]
    if look.seen.at - seen_at > most_s:
        return [Fault(f"{who} answered {age(look.seen.at - seen_at)} ago{because}", fix, who, broken=False)]
    return []


def negotiators_agree_with_the_policy(look: Look) -> Judged | None:
    """FS8: no pool's negotiator shares otherwise than the policy says."""
    faults = [
        Fault(
            f"{one.pool}: {one.what} is {one.have or 'not set'}, the policy wants {one.wanted}",
            "fedsched negotiator",
            one.pool,
        )
        for one in look.memory.drift
    ]
    judges = sum(pool.negotiator is not None for pool in look.seen.pools)
    return Judged(f"{judges} negotiators were read, no difference is known", tuple(faults))


def nothing_is_frozen(look: Look) -> Judged | None:
    """FA2: the daemon does not suspect itself."""
    since = look.memory.frozen_since
    if since is None:
        return Judged("not frozen")
    text = f"frozen for {age(look.at - since)}: most members fell silent together, so nothing is changed"
    return Judged("", (Fault(text, "is this machine's network well? fedsched clusters"),))


def disks_have_room(look: Look) -> Judged | None:
    """Journal and records can be written, and the journal is no larger than it should be."""
    if look.own is None:
        return None
    faults = [
        Fault(f"{folder} has {free // MIB} MiB free, {LEAST_FREE // MIB} are wanted", "make room there", folder)
        for folder, free in look.own.free
        if free < LEAST_FREE
    ]
    size, most = look.own.journal
    if size > 2 * most > 0:
        text = f"the journal has {size // MIB} MiB, keep_mib says {most // MIB}"
        faults.append(Fault(text, "restart the daemon; does its hourly sweep run?"))
    room = ", ".join(f"{folder} {free // MIB} MiB free" for folder, free in look.own.free)
    return Judged(f"journal {size / MIB:.1f} MiB; {room}", tuple(faults))


def addresses_answer(look: Look) -> Judged | None:
    """The daemon's addresses answer well."""
    if look.own is None or not look.served:
        return None
    faults = [
        Fault(f"{where}: {said}", "look at the daemon's log; is another process at that address?", where)
        for where, said in look.own.web
        if said
    ]
    return Judged(", ".join(where for where, _ in look.own.web), tuple(faults))


RUNNING = (
    one_daemon_decides,
    one_version_decides_and_looks,
    schedds_and_pools_answer_in_time,
    negotiators_agree_with_the_policy,
    nothing_is_frozen,
    disks_have_room,
    addresses_answer,
)
