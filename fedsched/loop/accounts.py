"""What each placement was used for, added up over cycles: the site's invoice, and each run of a job for accounting.

Never more than was used: a claim that ends between two cycles counts up to the last time that it was seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from fedsched.journal import Account, Run
from fedsched.journal.records import PodTimes, Stay, Used
from fedsched.loop import job_pods
from fedsched.loop.stays import Stays
from fedsched.matchmaker.model import Claim, Held, MemberTerms, ObjectView, Observation, Plan, SlotView

SAVE_EVERY_S = 60.0
"""A claim that only goes on is written down so often; anything else at once."""
FINISHED = "finished"
"""Why a run ended whose startd went on."""


class Counted(NamedTuple):
    """What one cycle came to: accounts to write down, accounts that ended, and runs that are over."""

    accounts: tuple[Account, ...]
    ended: tuple[Account, ...]
    runs: tuple[Run, ...]


class Accounts:
    """Accounts of all placements that stand."""

    def __init__(self, standing: Iterable[Account] = ()) -> None:
        self._open = {account.placement: account for account in standing}
        self._stays = {placement: Stays(account) for placement, account in self._open.items()}

    def update(self, observation: Observation, plan: Plan, terms: Iterable[MemberTerms] = ()) -> Counted:
        """Count one cycle. terms: of the members, for prices."""
        held = {h.placement.id: h for h in plan.held}
        seen = {o.placement_id for o in observation.objects}
        dirty = self._begun(held, seen, {one.name: one for one in terms})
        for one in plan.held:
            self._note(self._reasons(one), dirty)
        runs = []
        read_at = {view.name: view.seen_at or 0.0 for view in observation.members}
        for thing in observation.objects:
            runs += self._seen(thing, read_at, dirty)
        for pool in observation.pools:
            at = pool.seen_at or 0.0
            for slot in pool.slots:
                self._note(self._claims(slot, at), dirty)
        runs += self._over({pool.name: pool.seen_at or 0.0 for pool in observation.pools}, dirty)
        gone = [p for p in self._open if p not in seen and (p not in held or held[p].phase == "gone")]
        for placement in gone:
            runs += self._closed(placement, plan.at)
        ended = tuple(self._open.pop(placement) for placement in gone)
        for account in dirty.values():
            account.saved_at = plan.at
        return Counted(tuple(a for p, a in sorted(dirty.items()) if p not in gone), ended, tuple(runs))

    def __len__(self) -> int:
        return len(self._open)

    def _begun(self, held: dict[str, Held], seen: set[str], terms: dict[str, MemberTerms]) -> dict[str, Account]:
        """Accounts of placements that are new: they exist, or were confirmed."""
        dirty = {}
        for placement, one in held.items():
            if placement not in self._open and (one.written_at is not None or placement in seen):
                account = _opened(one, terms.get(one.placement.member))
                dirty[placement] = self._open[placement] = account
                self._stays[placement] = Stays(account)
        return dirty

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

    def _seen(self, thing: ObjectView, read_at: dict[str, float], dirty: dict[str, Account]) -> list[Run]:
        """Note what the pods of an object say; runs of a user's Job that are over. read_at: of each member."""
        account = self._open.get(thing.placement_id)
        if account is None or account.form != "job":
            self._note(self._pods(thing), dirty)
            return []
        if account.member != thing.member:
            return []
        changed, over = job_pods.look(account, thing, read_at.get(thing.member, 0.0))
        if changed or account.until - account.saved_at >= SAVE_EVERY_S:
            self._note(account, dirty)
        return [_of_pod(account, one) for one in over]

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
        stays, changed = self._stays[account.placement], False
        for claim, stay in stays.matched(slot):
            if stay is not None:
                _count(account, claim, max(0.0, at - stay.until))
                stay.until = max(stay.until, at)
                continue
            begun = stays.begun(slot, claim, at)
            _count(account, claim, begun.until - begun.since)
            changed = True
        account.until = max(account.until, at)
        return account if changed or account.until - account.saved_at >= SAVE_EVERY_S else None

    def _over(self, seen_at: dict[str, float], dirty: dict[str, Account]) -> list[Run]:
        """Runs whose claims are seen no more, of startds that go on."""
        runs = []
        for placement, stays in self._stays.items():
            account = self._open[placement]
            over = stays.over(seen_at.get(account.pool, 0.0))
            runs += [_run(account, stay, FINISHED) for stay in over]
            self._note(account if over else None, dirty)
        return runs

    def _closed(self, placement: str, at: float) -> list[Run]:
        """Close the account as it goes into the records; its last runs."""
        account = self._open[placement]
        account.ended_at = at
        if account.form == "job":
            self._stays.pop(placement)
            return [_of_pod(account, one) for one in job_pods.end(account)]
        for pod in account.pods.values():
            # A pod whose end was not seen ended when the placement did.
            if pod.started_at is not None and pod.ended_at is None:
                pod.ended_at = at
        return [_run(account, stay, account.why or FINISHED) for stay in self._stays.pop(placement).all()]


def _opened(held: Held, terms: MemberTerms | None) -> Account:
    p = held.placement
    account = Account(
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
    if p.form == "job":
        account.job, account.job_uid, account.schedd = p.job, p.job_uid, p.schedd
    if terms is not None:
        account.price_per_core_hour = dict(terms.group_prices).get(p.node_group, terms.price_per_core_hour)
        account.watts_per_core, account.grams_co2_per_kwh = terms.watts_per_core, terms.grams_co2_per_kwh
    return account


def _count(account: Account, claim: Claim, seconds: float) -> None:
    """Add what was claimed since it was last counted."""
    used = account.claimed.setdefault(str(claim.principal), Used())
    used.seconds += seconds
    used.core_seconds += seconds * claim.cpu_milli / 1000


def _of_pod(account: Account, over: job_pods.PodRun) -> Run:
    return msgspec.structs.replace(_run(account, over.stay, over.cause), exit_code=over.exit_code)


def _run(account: Account, stay: Stay, cause: str) -> Run:
    """The record of a run; prices are those of when its startd was placed."""
    seconds, cores = stay.until - stay.since, stay.cpu_milli / 1000
    watt_hours = seconds / 3600 * cores * account.watts_per_core if account.watts_per_core else None
    grams = watt_hours / 1000 * account.grams_co2_per_kwh if watt_hours and account.grams_co2_per_kwh else None
    return Run(
        id=f"{account.placement}/{stay.pod}/{stay.schedd}#{stay.job}/{stay.principal}/{stay.serial}",
        group=stay.principal.group,
        user=stay.principal.user,
        job=stay.job,
        schedd=stay.schedd,
        pool=account.pool,
        member=account.member,
        node_group=account.node_group,
        node=stay.node,
        pod=stay.pod,
        placement=account.placement,
        form=account.form,
        begin=stay.since,
        end=stay.until,
        seconds=seconds,
        cores=cores,
        memory_mib=stay.memory_mib,
        disk_mib=stay.disk_mib,
        gpus=stay.gpus,
        core_seconds=seconds * cores,
        gpu_seconds=seconds * stay.gpus,
        memory_byte_seconds=seconds * stay.memory_mib * 2**20,
        price=seconds / 3600 * cores * account.price_per_core_hour,
        energy_wh=watt_hours,
        grams_co2=grams,
        cause=cause,
    )
