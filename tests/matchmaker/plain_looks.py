"""The reference for what is read of all startds at once: each startd and each claim read by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import pytest

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.match import footprint
from fedsched.matchmaker.model import DemandClass, Held, LedgerEntry, Plan, Policy, Principal, SlotView, Snapshot
from fedsched.matchmaker.negotiate import going, negotiate
from fedsched.matchmaker.reconcile import Standing, reconciling
from fedsched.matchmaker.resources import Resources, how_many
from fedsched.matchmaker.share.accounts import Account, claim_amount, counts
from fedsched.matchmaker.share.ledger import Interval, Use
from fedsched.matchmaker.share.paths import path_of
from fedsched.matchmaker.share.sizes import CE
from fedsched.matchmaker.share.use import Look
from fedsched.matchmaker.surge import JUST_S, OPEN, Asked
from fedsched.matchmaker.surge.supply import asleep


def startd_by_startd(snapshot: Snapshot, policy: Policy) -> Plan:
    """The plan where no startd is passed over because it is as it was, or because nothing can be wished of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconciling, "as_remembered", lambda *_: None)
        patch.setattr(going, "_goes_on", lambda *_: False)
        return negotiate(snapshot, policy)


def supply(ask: Asked, standing: Iterable[Standing], lost: frozenset[str]) -> dict[str, int]:
    """Idle jobs of each class that startds will take."""
    found: dict[str, int] = {}
    spare = []
    for stand in standing:
        held = stand.held
        serves = held.wanted == "run" and not held.failure and held.phase in {*OPEN, "claimed"}
        if not serves or held.placement.form == "job" or (held.placement.member in lost and not stand.slots):
            continue
        own = ask.classes.get(held.placement.class_key)
        if own and _serve(stand, own, found, ask):
            continue
        if held.phase == "unclaimed" or not own:
            spare.append(stand)
    for stand in spare:
        who = (stand.held.placement.schedd, stand.held.placement.principal, stand.held.placement.user)
        others = [one for one in ask.classes.values() if (one.schedd, one.principal, one.user) == who]
        next((one for one in others if _serve(stand, one, found, ask)), None)
    return found


def _serve(stand: Standing, demand: DemandClass, found: dict[str, int], ask: Asked) -> bool:
    since = ask.read_at.get(demand.schedd, ask.at) - JUST_S
    claims = [claim for slot in stand.slots for claim in slot.claims]
    just = sum(claim.principal == demand.principal and claim.since >= since for claim in claims)
    units = min(just + _units(stand, demand, ask.at), max(0, demand.idle - found.get(demand.key, 0)))
    if units:
        found[demand.key] = found.get(demand.key, 0) + units
    return units > 0


def _units(stand: Standing, demand: DemandClass, at: float) -> int:
    held, ask = stand.held, msgspec.structs.replace(demand.request, pods=0)
    ends = held.placement.created_at + held.placement.lifetime_s - held.placement.retire_s
    if at > ends or (demand.length.source != "assumed" and at + demand.length.seconds > ends + held.placement.retire_s):
        return 0
    if stand.slots:
        if held.placement.class_key == demand.key:
            ask = msgspec.structs.replace(ask, disk_mib=0)
        return sum(how_many(ask, slot.free) for slot in stand.slots if not slot.leaving)
    if held.phase == "claimed" or asleep(held):
        return 0
    return how_many(ask, held.placement.size) * held.nodes


def accounts(standing: Iterable[Standing], look: Look) -> dict[Principal, Account]:
    """Who holds how much."""
    found: dict[Principal, Account] = {}

    def add(who: Principal, **more: int | Resources) -> None:
        old = found.get(who, Account())
        sums = {name: getattr(old, name) + amount for name, amount in more.items()}
        found[who] = msgspec.structs.replace(old, **sums)

    for stand in (stand for stand in standing if counts(stand, look.lost)):
        placement, claimed = stand.held.placement, 0
        rest = placement.size if stand.held.nodes == 1 else placement.size.times(stand.held.nodes)
        for slot in stand.slots:
            for claim in slot.claims:
                amount = claim_amount(claim, slot)
                size = look.sizes.of(amount)
                add(claim.principal, counted=size, charged=size, claims=amount, holds=amount)
                claimed += size
                rest -= amount
        left = max(0, look.sizes.of(placement.size) * stand.held.nodes - claimed)
        add(placement.principal, counted=left, holds=rest.floor_zero(), wasted=_wasted(stand, look))
    return dict(sorted(found.items()))


def _wasted(stand: Standing, look: Look) -> int:
    size = look.sizes.of(stand.held.placement.size)
    if not stand.slots:
        since = stand.held.unclaimed_since
        idle = stand.held.phase == "unclaimed" and since is not None and look.at - since > look.free_idle_s
        return size * stand.held.nodes if idle else 0
    found = 0
    for slot in stand.slots:
        if slot.claims:
            found += stuck(stand, slot, look)
        elif slot.unclaimed_since is not None and slot.unclaimed_since < look.at - look.free_idle_s:
            found += size
    return found


def stuck(stand: Standing, slot: SlotView, look: Look) -> int:
    """The unclaimed part of a claimed startd in which no further job of its class has room, in thousandths."""
    placement, free = stand.held.placement, slot.free.floor_zero()
    units = max(1, placement.units)
    if all(getattr(placement.size, n) // units <= getattr(free, n) for n in ("cpu_milli", "memory_mib", "gpus")):
        return 0
    claimed = sum(look.sizes.of(claim_amount(claim, slot)) for claim in slot.claims)
    return max(0, look.sizes.of(placement.size) - claimed)


def use(before: Mapping[str, LedgerEntry], memory: Iterable[Held], standing: Iterable[Standing], look: Look) -> Use:
    """Claims and idleness since the last look, interval by interval."""
    known = {path: dict(entry.claims) for path, entry in before.items()}
    idle_before = {held.placement.id: held.unclaimed_since for held in memory}
    found, slots, now = Use({}, {}, {}, {}), {}, dict[str, dict[str, int]]()
    for stand in (stand for stand in standing if counts(stand, look.lost)):
        path, size = path_of(stand.held.placement.principal), look.sizes.of(stand.held.placement.size) / CE
        for slot in stand.slots:
            slots[slot.name] = slot
            _claims(stand, slot, known, (found, look), now)
            idle = idle_before.get(stand.held.placement.id)
            _waste(stand, slot, idle, (found, look))
        since = stand.held.unclaimed_since
        if not stand.slots and stand.held.phase == "unclaimed" and since is not None:
            begins = max(look.then, since + look.free_idle_s)
            _put(found.wasted, path, Interval(size * CE * stand.held.nodes / CE, begins, look.at))
    for path, claims in known.items():
        for key, thousandths in claims.items():
            ended = thousandths - now.get(path, {}).get(key, 0)
            span = Interval(ended / CE, look.then, _end(slots.get(key.rpartition(" ")[0]), look))
            _put(found.charged, path, span)
            _put(found.worked, path, span)
    found.claims = {path: tuple(sorted(claims.items())) for path, claims in now.items()}
    return found


def _claims(
    stand: Standing,
    slot: SlotView,
    known: Mapping[str, dict[str, int]],
    to: tuple[Use, Look],
    now: dict[str, dict[str, int]],
) -> None:
    found, look = to
    for claim in slot.claims:
        path, size = path_of(claim.principal), look.sizes.of(claim_amount(claim, slot))
        key = f"{slot.name} {claim.since:.0f}"
        now.setdefault(path, {})
        now[path][key] = now[path].get(key, 0) + size
        begins = min(max(claim.since, slot.started_at, stand.held.placement.created_at), look.at)
        begins = look.then if key in known.get(path, {}) else begins
        _put(found.charged, path, Interval(size / CE, begins, look.at))
        part = 1.0 if claim.used_cpu_milli is None else min(1.0, claim.used_cpu_milli / max(1, claim.cpu_milli))
        _put(found.worked, path, Interval(size / CE * max(0.0, part), begins, look.at))


def _waste(stand: Standing, slot: SlotView, idle_before: float | None, to: tuple[Use, Look]) -> None:
    (found, look), path = to, path_of(stand.held.placement.principal)
    size = look.sizes.of(stand.held.placement.size) / CE
    if not slot.claims:
        if slot.unclaimed_since is not None:
            begins = max(look.then, slot.unclaimed_since + look.free_idle_s)
            _put(found.wasted, path, Interval(size, begins, look.at))
        return
    first = min(claim.since for claim in slot.claims)
    if idle_before is not None and first > look.then:
        _put(found.wasted, path, Interval(size, max(look.then, idle_before + look.free_idle_s), first))
    _put(found.wasted, path, Interval(stuck(stand, slot, look) / CE, max(look.then, first), look.at))


def _end(slot: SlotView | None, look: Look) -> float:
    if slot is None:
        return look.at
    if slot.unclaimed_since is not None and not slot.claims:
        return max(look.then, slot.unclaimed_since)
    return min((claim.since for claim in slot.claims if claim.since > look.then), default=look.at)


def _put(spans: dict[str, dict[Interval, int]], path: str, interval: Interval) -> None:
    if interval.ends > interval.begins and interval.amount > 0:
        spans.setdefault(path, {})
        spans[path][interval] = spans[path].get(interval, 0) + 1


def reserve(book: Book, stand: Standing) -> None:
    """Books what one placement holds or was promised."""
    held, placement = stand.held, stand.held.placement
    total = book._members.get(placement.member)
    if total is None or held.phase == "gone":
        return
    size, group = footprint(placement, total.terms), book._groups.get((placement.member, placement.node_group))
    total.pods += held.nodes
    total.held += size.times(held.nodes)
    if group is not None:
        group.probing = group.probing or (placement.probe and held.slot_seen_at is None)
        group.daemonset = group.daemonset or placement.form == "startd-daemonset"
    total.in_flight += held.phase in {"intended", "starting"}
    total.pulling += sum(pod.pulling for pod in stand.pods)
    if held.wanted == "run":
        if unseen := _unseen(held, len(stand.pods)):
            total.spend(size, unseen, 1 if placement.form == "job" else unseen)
        if group is not None and (unplaced := _unseen(held, sum(bool(pod.node) for pod in stand.pods))):
            _promise(book, stand, size, unplaced)


def _promise(book: Book, stand: Standing, size: Resources, pods: int) -> None:
    placement = stand.held.placement
    group = book._groups[placement.member, placement.node_group]
    if placement.form == "startd-daemonset":
        group.take_all(size)
        return
    if placement.growth:
        book._growing.setdefault(placement.class_key, placement.member)
    for _ in range(pods):
        if not group.take(size) and placement.growth:
            group.take_growth(size)


def _unseen(held: Held, seen: int) -> int:
    return max(0, held.nodes - seen) if held.placement.form == "job" else (0 if seen else held.nodes)
