"""Claims and idleness since the last look, read from what stands now: what the ledger is brought up to date with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from fedsched.matchmaker.model import Claim, Held, LedgerEntry, Principal, SlotView
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.accounts import Account, Sums, claim_amount, counts, has_room
from fedsched.matchmaker.share.ledger import Interval, Spans, Use
from fedsched.matchmaker.share.paths import path_of
from fedsched.matchmaker.share.sizes import CE, Sizes


class Look(msgspec.Struct, frozen=True):
    """What reading claims needs beside them: sizes, free_idle_s, lost members, times of the last look and of this."""

    sizes: Sizes
    free_idle_s: float
    lost: frozenset[str]
    then: float
    at: float


class _Page:
    """One path's claims: remembered, seen now; lasting: of each size how many were known and are there still."""

    __slots__ = ("claims", "known", "lasting", "path")

    def __init__(self, path: str, known: Mapping[str, int]) -> None:
        self.path, self.known = path, known
        self.claims: dict[str, int] = {}
        self.lasting: dict[int, int] = {}


class _People(dict[Principal, tuple[Sums, _Page]]):
    """Sums and page of everybody who holds or claims something; principals of one path have one page."""

    def __init__(self, before: Mapping[str, LedgerEntry]) -> None:
        super().__init__()
        self.known = {path: dict(entry.claims) for path, entry in before.items()}
        self.pages: dict[str, _Page] = {}

    def __missing__(self, who: Principal) -> tuple[Sums, _Page]:
        path = path_of(who)
        page = self.pages.setdefault(path, _Page(path, self.known.get(path, {})))
        self[who] = found = (Sums(), page)
        return found


class _Reading(NamedTuple):
    """One reading. idle_before: since when startds were unclaimed at the last look, by placement."""

    look: Look
    people: _People
    idle_before: Mapping[str, float]
    use: Use


def read(
    before: Mapping[str, LedgerEntry], memory: Iterable[Held], standing: Iterable[Standing], look: Look
) -> tuple[dict[Principal, Account], Use]:
    """Who holds how much now, and claims and idleness since the last look as intervals.

    A claim is charged from its own begin, so that one that began between two looks, or was reported late, pays from
    there. One that ended is charged to when its slot became unclaimed, else to the next claim's begin there. Both are
    read of each startd at once: there are thousands.
    """
    idle_before = {held.placement.id: since for held in memory if (since := held.unclaimed_since) is not None}
    people, use = _People(before), Use({}, {}, {}, {})
    reading = _Reading(look, people, idle_before, use)
    there: list[Standing] = []
    for stand in standing:
        if stand.held.phase == "gone" or (look.lost and not counts(stand, look.lost)):
            _read_ended(stand, reading)
            continue
        there.append(stand)
        _read(stand, reading)
    for page in people.pages.values():
        if page.claims:
            use.claims[page.path] = page.claims
        for size, times in page.lasting.items():
            _charge(use, page.path, Interval(size / CE, look.then, look.at), times)
    _close_ended(there, reading)
    return {who: people[who][0].freeze() for who in sorted(people)}, use


def _read(stand: Standing, reading: _Reading) -> None:
    """A placement that counts."""
    held, placement = stand.held, stand.held.placement
    size, claimed = reading.look.sizes.of(placement.size), 0
    sums, page = reading.people[placement.principal]
    runs: list[tuple[Resources, int]] = []
    for slot in stand.slots:
        taken = 0
        if slot.claims:
            taken = _read_claims(stand, slot, runs, reading)
            claimed += taken
        if taken < size or placement.id in reading.idle_before:
            sums.wasted += _read_waste(stand, slot, size - taken, page, reading)
    if not stand.slots and held.phase == "unclaimed" and held.unclaimed_since is not None:
        _idle(held.unclaimed_since, size * held.nodes, page, reading)
        if reading.look.at - held.unclaimed_since > reading.look.free_idle_s:
            sums.wasted += size * held.nodes
    if claimed < size * held.nodes:
        sums.rest += size * held.nodes - claimed
    sums.kinds.append((placement.size, held.nodes, tuple(runs)))


def claim_key(name: str, since: float) -> str:
    """How a claim is remembered: its slot's name and when it began; two that began together count as one."""
    return f"{name} {since:.0f}"


def _read_claims(stand: Standing, slot: SlotView, runs: list[tuple[Resources, int]], reading: _Reading) -> int:
    """What of the slot is claimed, in thousandths. Claims that follow each other are mostly alike: these as one run."""
    claims, begin, taken = slot.claims, 0, 0
    first = claims[0]
    for end, one in enumerate(claims):
        if one.cpu_milli != first.cpu_milli or one.principal != first.principal or one.amount != first.amount:
            taken += _read_run(stand, slot, claims[begin:end], runs, reading)
            begin, first = end, one
    return taken + _read_run(stand, slot, claims[begin:], runs, reading)


def _read_run(
    stand: Standing, slot: SlotView, claims: tuple[Claim, ...], runs: list[tuple[Resources, int]], reading: _Reading
) -> int:
    """Claims of one principal, amount and size; their sizes together."""
    amount, times, lasting = claim_amount(claims[0], slot), len(claims), 0
    size, (sums, page) = reading.look.sizes.of(amount), reading.people[claims[0].principal]
    sums.charged += size * times
    sums.claimed[amount] = sums.claimed.get(amount, 0) + times
    runs.append((amount, times))
    now, known, name = page.claims, page.known, slot.name
    for claim in claims:
        key = claim_key(name, claim.since)
        now[key] = now.get(key, 0) + size
        if key in known and claim.used_cpu_milli is None:
            lasting += 1
        else:
            begins = reading.look.then if key in known else _begin(claim, slot, stand, reading.look)
            _put(reading.use.charged, page.path, Interval(size / CE, begins, reading.look.at))
            _put(reading.use.worked, page.path, Interval(_worked(claim, size), begins, reading.look.at))
    if lasting:
        page.lasting[size] = page.lasting.get(size, 0) + lasting
    return size * times


def _worked(claim: Claim, size: int) -> float:
    """What of a claim its job keeps busy, in core-equivalents; all of it where nobody measured."""
    if claim.used_cpu_milli is None:
        return size / CE
    return size / CE * max(0.0, min(1.0, claim.used_cpu_milli / max(1, claim.cpu_milli)))


def _read_ended(stand: Standing, reading: _Reading) -> None:
    """Pods of a user's Job that began and ended between two looks: they were never a claim, and are charged whole."""
    placement, look = stand.held.placement, reading.look
    if placement.form != "job" or stand.held.since < look.at:
        return
    path, size = path_of(placement.principal), look.sizes.of(placement.size)
    charged = reading.people.known.get(path, {})
    for pod in stand.pods:
        if (
            pod.started_at is None
            or pod.ended_at is None
            or claim_key(f"{pod.name}@{placement.member}", pod.started_at) in charged
        ):
            continue
        span = Interval(size / CE, min(max(pod.started_at, placement.created_at), look.at), min(pod.ended_at, look.at))
        _charge(reading.use, path, span)


def _begin(claim: Claim, slot: SlotView, stand: Standing, look: Look) -> float:
    """When a claim that was not charged yet began: as its slot says, but never before the slot or its placement."""
    return min(max(claim.since, slot.started_at, stand.held.placement.created_at), look.at)


def _read_waste(stand: Standing, slot: SlotView, rest: int, page: _Page, reading: _Reading) -> int:
    """Idle beyond free_idle_s since the last look, and the parts of a claimed startd that nobody can claim.

    rest: what of the startd is not claimed, in thousandths; all where nothing is. How much is wasted at this moment.
    """
    look, use, placement = reading.look, reading.use, stand.held.placement
    if not slot.claims:
        if slot.unclaimed_since is None:
            return 0
        _idle(slot.unclaimed_since, rest, page, reading)
        return rest if slot.unclaimed_since < look.at - look.free_idle_s else 0
    idle = reading.idle_before.get(placement.id)
    stuck = rest if rest > 0 and not has_room(placement.size, max(1, placement.units), slot.free) else 0
    first = min(claim.since for claim in slot.claims)
    if idle is not None and first > look.then:
        whole = look.sizes.of(placement.size) / CE
        _put(use.wasted, page.path, Interval(whole, max(look.then, idle + look.free_idle_s), first))
    if stuck:
        _put(use.wasted, page.path, Interval(stuck / CE, max(look.then, first), look.at))
    return stuck


def _idle(since: float, size: int, page: _Page, reading: _Reading) -> None:
    """What nobody claims since then is wasted once that is longer than is free."""
    look = reading.look
    _put(reading.use.wasted, page.path, Interval(size / CE, max(look.then, since + look.free_idle_s), look.at))


def _close_ended(there: Iterable[Standing], reading: _Reading) -> None:
    """Charge what ended since the last look to its end."""
    look, use = reading.look, reading.use
    slots: dict[str, SlotView] | None = None
    for path, claims in reading.people.known.items():
        now = use.claims.get(path, {})
        if now == claims:
            continue
        if slots is None:
            slots = {slot.name: slot for stand in there for slot in stand.slots}
        for key, size in claims.items():
            ended = size - now.get(key, 0)
            if ended > 0:
                ends = _end(slots.get(key.rpartition(" ")[0]), look)
                _charge(use, path, Interval(ended / CE, look.then, ends))


def _end(slot: SlotView | None, look: Look) -> float:
    """When a claim of that slot ended: see read_use; a slot that is gone was held up to now, at most one look."""
    if slot is None:
        return look.at
    if slot.unclaimed_since is not None and not slot.claims:
        return max(look.then, slot.unclaimed_since)
    later = [claim.since for claim in slot.claims if claim.since > look.then]
    return min(later, default=look.at)


def _charge(use: Use, path: str, interval: Interval, times: int = 1) -> None:
    """So many of it were held, and worked all the time."""
    _put(use.charged, path, interval, times)
    _put(use.worked, path, interval, times)


def _put(spans: Spans, path: str, interval: Interval, times: int = 1) -> None:
    if interval.ends > interval.begins and interval.amount > 0:
        of_path = spans.setdefault(path, {})
        of_path[interval] = of_path.get(interval, 0) + times
