"""Claims and idleness since the last look, read from what stands now: what the ledger is brought up to date with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from fedsched.matchmaker.model import Claim, Held, LedgerEntry, Placement, Principal, SlotView
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.share.accounts import Account, counts, has_room
from fedsched.matchmaker.share.ledger import Interval, Spans, Use
from fedsched.matchmaker.share.lines import Line, Run, Who, claim_key, worked
from fedsched.matchmaker.share.pages import Page, Pages, together
from fedsched.matchmaker.share.paths import path_of
from fedsched.matchmaker.share.sizes import CE, Sizes


class Look(msgspec.Struct, frozen=True):
    """What reading claims needs beside them: sizes, free_idle_s, lost members, times of the last look and of this."""

    sizes: Sizes
    free_idle_s: float
    lost: frozenset[str]
    then: float
    at: float


class There(NamedTuple):
    """What stands. quiet: ids of those that stand as they stood at the last look; restless: all others.

    kept: what that look read of them; changed into what this one does.
    """

    standing: Sequence[Standing]
    restless: Sequence[Standing] = ()
    quiet: frozenset[str] = frozenset()
    kept: Pages | None = None


class _Reading(NamedTuple):
    """One reading. before: entries by path. idle_before: since when startds were unclaimed then, by placement."""

    look: Look
    before: Mapping[str, LedgerEntry]
    idle_before: Mapping[str, float]
    use: Use
    wasted: dict[Who, int]


def read(
    before: Mapping[str, LedgerEntry],
    memory: Iterable[Held],
    there: There,
    look: Look,
) -> tuple[dict[Principal, Account], Use]:
    """Who holds how much now, and claims and idleness since the last look as intervals.

    A claim is charged from its own begin, so that one that began between two looks, or was reported late, pays from
    there. One that ended is charged to when its slot became unclaimed, else to the next claim's begin there. Both are
    read of each startd at once: there are thousands. What of these says the same as at the last look is not read
    again.
    """
    kept = Pages() if there.kept is None else there.kept
    idle_before = {held.placement.id: since for held in memory if (since := held.unclaimed_since) is not None}
    reading = _Reading(look, before, idle_before, Use({}, {}, {}, {}), {})
    quiet = kept.begin(look.sizes, there.quiet)
    for stand in there.restless if quiet and quiet == there.quiet else _all_but(quiet, there.standing):
        if stand.held.phase == "gone" or (look.lost and not counts(stand, look.lost)):
            _read_ended(stand, reading)
            continue
        line = kept.line(stand)
        if line.idles or stand.held.placement.id in idle_before:
            _read_waste(line, reading)
    for line in kept.idling_of(quiet):
        _read_waste(line, reading)
    pages = kept.end(quiet)
    by_path: dict[str, list[Who]] = {}
    for who in pages:
        by_path.setdefault(who.path, []).append(who)
    for path, people in by_path.items():
        _put_claims(path, [(who, pages[who]) for who in people], reading)
    _close_ended(there.standing, reading)
    wasted = reading.wasted
    found = sorted((who.principal, _with_waste(page.account, wasted.get(who, 0))) for who, page in pages.items())
    return dict(found), reading.use


def _all_but(quiet: frozenset[str], standing: Iterable[Standing]) -> list[Standing]:
    return [stand for stand in standing if stand.held.placement.id not in quiet]


def _with_waste(account: Account, wasted: int) -> Account:
    return msgspec.structs.replace(account, wasted=wasted) if wasted else account


def _put_claims(path: str, people: list[tuple[Who, Page]], reading: _Reading) -> None:
    """Claims of one path, as intervals and as they are remembered; principals of one path have one entry."""
    look, use = reading.look, reading.use
    claims = people[0][1].claims
    for _, page in people[1:]:
        claims = together(claims, page.claims)
    if claims:
        use.claims[path] = claims
    entry = reading.before.get(path)
    known = None if entry is not None and entry.claims is claims else dict(entry.claims if entry else ())
    for who, page in people:
        lasting = page.lasting if known is None else _lasting(who, page, known, reading)
        for (size, part), times in lasting.items():
            _put(use.charged, path, Interval(size / CE, look.then, look.at), times)
            _put(use.worked, path, Interval(part, look.then, look.at), times)


def _lasting(who: Who, page: Page, known: Mapping[str, int], reading: _Reading) -> dict[tuple[int, float], int]:
    """Of the claims those that were known at the last look; the others are put down one by one."""
    found: dict[tuple[int, float], int] = {}
    for line in page.claimed:
        for run in line.runs:
            if run.who is who:
                kinds = run.worked if all(key in known for key in run.keys) else _begun(run, line, known, reading)
                for part, times in kinds:
                    kind = run.size, part
                    found[kind] = found.get(kind, 0) + times
    return found


def _begun(run: Run, line: Line, known: Mapping[str, int], reading: _Reading) -> list[tuple[float, int]]:
    """Puts down those that began since the last look; what is left goes on."""
    look, path, size, left = reading.look, run.who.path, run.size, []
    for claim, key in zip(run.claims, run.keys, strict=True):
        part = worked(claim, size)
        if key in known:
            left.append((part, 1))
            continue
        begins = _begin(claim, run.slot, line.placement, look)
        _put(reading.use.charged, path, Interval(size / CE, begins, look.at))
        _put(reading.use.worked, path, Interval(part, begins, look.at))
    return left


def _read_ended(stand: Standing, reading: _Reading) -> None:
    """Pods of a user's Job that began and ended between two looks: they were never a claim, and are charged whole."""
    placement, look = stand.held.placement, reading.look
    if placement.form != "job" or stand.held.since < look.at:
        return
    path, size = path_of(placement.principal), look.sizes.of(placement.size)
    entry = reading.before.get(path)
    charged = dict(entry.claims if entry else ())
    for pod in stand.pods:
        if (
            pod.started_at is None
            or pod.ended_at is None
            or claim_key(f"{pod.name}@{placement.member}", pod.started_at) in charged
        ):
            continue
        span = Interval(size / CE, min(max(pod.started_at, placement.created_at), look.at), min(pod.ended_at, look.at))
        _charge(reading.use, path, span)


def _begin(claim: Claim, slot: SlotView, placement: Placement, look: Look) -> float:
    """When a claim that was not charged yet began: as its slot says, but never before the slot or its placement."""
    return min(max(claim.since, slot.started_at, placement.created_at), look.at)


def _read_waste(line: Line, reading: _Reading) -> None:
    """What of a startd is wasted at this moment, and was since the last look."""
    size, found = line.size, 0
    for slot, taken in zip(line.slots, line.taken, strict=True):
        if taken < size or line.placement.id in reading.idle_before:
            found += _of_slot(line, slot, size - taken, reading)
    if not line.slots and line.phase == "unclaimed" and line.since is not None:
        _idle(line.since, size * line.nodes, line.who.path, reading)
        if reading.look.at - line.since > reading.look.free_idle_s:
            found += size * line.nodes
    if found:
        reading.wasted[line.who] = reading.wasted.get(line.who, 0) + found


def _of_slot(line: Line, slot: SlotView, rest: int, reading: _Reading) -> int:
    """Idle beyond free_idle_s since the last look, and the parts of a claimed startd that nobody can claim.

    rest: what of the startd is not claimed, in thousandths; all where nothing is. How much is wasted at this moment.
    """
    look, use, placement, path = reading.look, reading.use, line.placement, line.who.path
    if not slot.claims:
        if slot.unclaimed_since is None:
            return 0
        _idle(slot.unclaimed_since, rest, path, reading)
        return rest if slot.unclaimed_since < look.at - look.free_idle_s else 0
    idle = reading.idle_before.get(placement.id)
    stuck = rest if rest > 0 and not has_room(placement.size, max(1, placement.units), slot.free) else 0
    first = min(claim.since for claim in slot.claims)
    if idle is not None and first > look.then:
        _put(use.wasted, path, Interval(line.size / CE, max(look.then, idle + look.free_idle_s), first))
    if stuck:
        _put(use.wasted, path, Interval(stuck / CE, max(look.then, first), look.at))
    return stuck


def _idle(since: float, size: int, path: str, reading: _Reading) -> None:
    """What nobody claims since then is wasted once that is longer than is free."""
    look = reading.look
    _put(reading.use.wasted, path, Interval(size / CE, max(look.then, since + look.free_idle_s), look.at))


def _close_ended(there: Iterable[Standing], reading: _Reading) -> None:
    """Charge what ended since the last look to its end; a slot of what counts no more tells of none."""
    look, use = reading.look, reading.use
    slots: dict[str, SlotView] | None = None
    for path, entry in reading.before.items():
        claims = use.claims.get(path, ())
        if claims is entry.claims or claims == entry.claims:
            continue
        if slots is None:
            slots = {slot.name: slot for stand in there if counts(stand, look.lost) for slot in stand.slots}
        now = dict(claims)
        for key, size in dict(entry.claims).items():
            ended = size - now.get(key, 0)
            if ended > 0:
                ends = _end(slots.get(key.rpartition(" ")[0]), look)
                _charge(use, path, Interval(ended / CE, look.then, ends))


def _end(slot: SlotView | None, look: Look) -> float:
    """When a claim of that slot ended: see `read`; a slot that is gone was held up to now, at most one look."""
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
