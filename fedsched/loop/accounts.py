"""What each placement was used for, added up over cycles: the site's invoice, and who ran on which node when.

Never more than was used: a claim that ends between two cycles counts up to the last time that it was seen.
"""

from __future__ import annotations

from collections.abc import Iterable

from fedsched.journal import Account
from fedsched.journal.records import PodTimes, Stay, Used
from fedsched.matchmaker.model import Claim, Held, ObjectView, Observation, Plan, SlotView

SAVE_EVERY_S = 60.0
"""A claim that only goes on is written down so often; anything else at once."""
MOST_STAYS = 2000
"""Claims listed by name in one record; further ones are counted only."""


class Accounts:
    """Accounts of all placements that stand."""

    def __init__(self, standing: Iterable[Account] = ()) -> None:
        self._open = {account.placement: account for account in standing}

    def update(self, observation: Observation, plan: Plan) -> tuple[tuple[Account, ...], tuple[Account, ...]]:
        """Count one cycle; (accounts to write down, accounts that ended)."""
        held = {h.placement.id: h for h in plan.held}
        seen = {o.placement_id for o in observation.objects}
        dirty: dict[str, Account] = {}
        for placement, one in held.items():
            if placement not in self._open and (one.written_at is not None or placement in seen):
                dirty[placement] = self._open[placement] = _opened(one)
            self._note(self._reasons(one), dirty)
        for thing in observation.objects:
            self._note(self._pods(thing), dirty)
        for pool in observation.pools:
            at = pool.seen_at or 0.0
            for slot in pool.slots:
                self._note(self._claims(slot, at), dirty)
        gone = [p for p in self._open if p not in seen and (p not in held or held[p].phase == "gone")]
        ended = tuple(_closed(self._open.pop(p), plan.at) for p in gone)
        for account in dirty.values():
            account.saved_at = plan.at
        return tuple(a for p, a in sorted(dirty.items()) if p not in gone), ended

    def __len__(self) -> int:
        return len(self._open)

    def _note(self, account: Account | None, dirty: dict[str, Account]) -> None:
        if account:
            dirty[account.placement] = account

    def _reasons(self, one: Held) -> Account | None:
        """The account when the reason of its end is new: the plan forgets it with the object, in the same cycle."""
        account = self._open.get(one.placement.id)
        reason = one.failure or (one.why if one.wanted != "run" else None)
        why = str(reason.cause) if reason else ""
        if account is None or why == account.why:
            return None
        account.why, account.reason = why, reason
        return account

    def _pods(self, thing: ObjectView) -> Account | None:
        """The account when its pods say something new."""
        account = self._open.get(thing.placement_id)
        if account is None or account.member != thing.member:
            return None
        changed = False
        for pod in thing.pods:
            times = PodTimes(pod.node, pod.started_at, pod.ended_at, pod.exit_code)
            if account.pods.get(pod.name) != times:
                account.pods[pod.name] = times
                changed = True
        return account if changed else None

    def _claims(self, slot: SlotView, at: float) -> Account | None:
        """The account when a claim is new, or when it is time to write down those that go on. `at`: of the slots."""
        account = self._open.get(slot.placement_id)
        if account is None or account.member != slot.member or not slot.claims:
            return None
        known = {(s.principal, s.since, s.pod, s.job): s for s in account.stays}
        changed = False
        for claim in slot.claims:
            stay = known.get((claim.principal, claim.since, slot.pod, claim.job))
            stay = stay or _named(known.get((claim.principal, claim.since, slot.pod, "")), claim)
            _count(account, claim, (stay.until if stay else claim.since), at)
            if stay:
                stay.until = max(stay.until, at)
            else:
                _list(account, slot, claim, at)
                changed = True
        account.until = max(account.until, at)
        return account if changed or account.until - account.saved_at >= SAVE_EVERY_S else None


def _opened(held: Held) -> Account:
    p = held.placement
    return Account(
        p.id,
        p.member,
        p.node_group,
        p.form,
        p.principal,
        p.pool,
        p.size,
        p.created_at,
        class_key=p.class_key,
        candidates=held.candidates,
    )


def _closed(account: Account, at: float) -> Account:
    """The account as it goes into the records; a pod whose end was not seen ended when the placement did."""
    account.ended_at = at
    for pod in account.pods.values():
        if pod.started_at is not None and pod.ended_at is None:
            pod.ended_at = at
    return account


def _named(stay: Stay | None, claim: Claim) -> Stay | None:
    """A stay that was first seen before its slot told which job it is."""
    if stay is not None:
        stay.job, stay.schedd = claim.job, claim.schedd
    return stay


def _count(account: Account, claim: Claim, since: float, at: float) -> None:
    """Add what was claimed since it was last counted; a claim that is not listed counts from the last cycle."""
    if len(account.stays) >= MOST_STAYS:
        since = max(since, account.until)
    seconds = max(0.0, at - since)
    used = account.claimed.setdefault(str(claim.principal), Used())
    used.seconds += seconds
    used.core_seconds += seconds * claim.cpu_milli / 1000


def _list(account: Account, slot: SlotView, claim: Claim, at: float) -> None:
    if len(account.stays) >= MOST_STAYS:
        account.left_out += 1
        return
    node = account.pods[slot.pod].node if slot.pod in account.pods else ""
    until = max(claim.since, at)
    account.stays.append(
        Stay(claim.principal, claim.since, until, claim.cpu_milli, slot.pod, node, claim.job, claim.schedd)
    )
