"""The claims on one placement from look to look: which is which, when each began, and when it is over."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.journal import Account
from fedsched.journal.records import Stay
from fedsched.matchmaker.model import Claim, Principal, SlotView

MOST_STAYS = 2000
"""Claims listed by name in one account; the oldest that are over make room for new ones and are counted only."""
OVER_S = 60.0
"""A claim is over when its pool was asked for so long without showing it: one ad that is lost is no end."""
Taken = tuple[Principal, float, str]
"""What a slot that serves one job after the other keeps: who, since when, on which pod."""


class Stays:
    """The claims of one account. Those that are over keep standing in it, as long as there is room."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._running = [stay for stay in account.stays if not stay.over]
        self._followed: list[Stay] = []

    def matched(self, slot: SlotView) -> Iterator[tuple[Claim, Stay | None]]:
        """Each claim of the slot with what is known of it; None for a new one.

        A slot's short list tells a claim without its job for a while, so a nameless one is whichever job was there, and
        the first job that is named is the one that was nameless.
        """
        there = {(_held(stay), stay.job): stay for stay in self._running if stay.pod == slot.pod}
        unknown, known = [], set()
        for claim in slot.claims:
            stay = there.pop((_claimed(claim, slot), claim.job), None)
            if stay is None:
                unknown.append(claim)
                continue
            known.add(stay.serial)
            yield claim, stay
        left = [stay for stay in self._running if stay.serial not in known] if unknown else []
        for claim in unknown:
            yield claim, _alike(left, claim, slot)

    def begun(self, slot: SlotView, claim: Claim, at: float) -> Stay:
        """A new one, listed. at: when the slot was seen.

        A claim that is used again keeps its own begin from job to job; the next job began when the one before was last
        seen, and that one is over.
        """
        before = self._before(slot, claim)
        if before is not None and not before.over:
            before.over = True
            self._running.remove(before)
            self._followed.append(before)
        return self._listed(slot, claim, (before.until if before else claim.since, at))

    def _before(self, slot: SlotView, claim: Claim) -> Stay | None:
        """Whose claim it may have taken over: the one that was seen last, of those that are not there now."""
        now = _claimed(claim, slot)
        shown = {one.job for one in slot.claims if _claimed(one, slot) == now}
        before = (s for s in self._account.stays if (s.over or s.job not in shown) and _held(s) == now)
        return max(before, key=lambda stay: stay.until, default=None)

    def _listed(self, slot: SlotView, claim: Claim, times: tuple[float, float]) -> Stay:
        account = self._account
        if len(account.stays) >= MOST_STAYS:
            account.left_out += 1
            account.stays.pop(next((n for n, stay in enumerate(account.stays) if stay.over), 0))
        account.serial += 1
        since, at = times
        stay = Stay(
            claim.principal,
            since,
            max(since, at),
            claim.cpu_milli,
            slot.pod,
            account.pods[slot.pod].node if slot.pod in account.pods else "",
            claim.job,
            claim.schedd,
            memory_mib=claim.amount.memory_mib,
            disk_mib=claim.amount.disk_mib,
            gpus=claim.amount.gpus,
            claimed_at=claim.since if claim.since != since else None,
            serial=account.serial,
        )
        account.stays.append(stay)
        self._running.append(stay)
        return stay

    def over(self, seen_at: float) -> list[Stay]:
        """Those that are over now. seen_at: of the pool's last complete answer."""
        over = [stay for stay in self._running if seen_at - stay.until >= OVER_S]
        return self._end(over) if over or self._followed else []

    def all(self) -> list[Stay]:
        """All that were not over yet: their placement is gone."""
        return self._end(list(self._running))

    def _end(self, over: list[Stay]) -> list[Stay]:
        for stay in over:
            stay.over = True
        self._running = [stay for stay in self._running if not stay.over]
        over, self._followed = [*self._followed, *over], []
        return over


def _alike(left: list[Stay], claim: Claim, slot: SlotView) -> Stay | None:
    """The one that was seen last of those that may be this claim, taken out of `left`; it learns the job's name."""
    same = (s for s in left if _held(s) == _claimed(claim, slot) and not (s.job and claim.job))
    stay = max(same, key=lambda stay: stay.until, default=None)
    if stay is not None:
        left.remove(stay)
        if claim.job:
            stay.job, stay.schedd = claim.job, claim.schedd
    return stay


def _held(stay: Stay) -> Taken:
    return stay.principal, stay.since if stay.claimed_at is None else stay.claimed_at, stay.pod


def _claimed(claim: Claim, slot: SlotView) -> Taken:
    return claim.principal, claim.since, slot.pod
