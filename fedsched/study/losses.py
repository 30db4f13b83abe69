"""Which jobs lost their slot before they were done, why, and what work went with them; nobody is evicted here."""

from __future__ import annotations

from typing import NamedTuple

from fedsched.journal import Recorded
from fedsched.matchmaker.model import Held
from fedsched.matchmaker.reasons import Cause
from fedsched.study.jobs import DoneJobs

JobKey = tuple[str, str]


class Loss(NamedTuple):
    """What one cause took: jobs that lost their slot, and core-hours of work that must be done again."""

    jobs: int = 0
    core_hours: float = 0.0


class _Claim(NamedTuple):
    since: float
    seen_at: float
    cores: float
    placement: str


class Losses:
    """Follows claims from cycle to cycle. Work of the last seconds before an eviction, unseen, is not counted."""

    def __init__(self, done: DoneJobs) -> None:
        self._done = done
        self._claims: dict[JobKey, _Claim] = {}
        self._causes: dict[str, str] = {}
        self.by_cause: dict[str, Loss] = {}

    @property
    def total(self) -> Loss:
        """Over all causes."""
        return Loss(sum(one.jobs for one in self.by_cause.values()), sum(o.core_hours for o in self.by_cause.values()))

    def see(self, recorded: Recorded) -> None:
        """Take note of one cycle."""
        now = _claims(recorded) | _copies(recorded)
        ended = _ended(recorded)
        self._remember(recorded.plan.held)
        for key, claim in self._claims.items():
            new = now.get(key)
            goes_on = new is not None and new.since <= claim.since
            if not goes_on and claim.placement not in ended and not self._done.over(*key):
                self._lost(claim)
        self._claims = now
        if self._causes:
            kept = {claim.placement for claim in now.values()} | {held.placement.id for held in recorded.plan.held}
            self._causes = {key: cause for key, cause in self._causes.items() if key in kept}

    def _remember(self, standing: tuple[Held, ...]) -> None:
        for held in standing:
            reason = held.failure or (held.why if held.wanted not in {"run", "clear"} else None)
            if reason is not None:
                self._causes[held.placement.id] = str(reason.cause)

    def _lost(self, claim: _Claim) -> None:
        cause = self._causes.get(claim.placement, str(Cause.POD_LOST))
        before = self.by_cause.get(cause, Loss())
        hours = max(0.0, claim.seen_at - claim.since) * claim.cores / 3600
        self.by_cause[cause] = Loss(before.jobs + 1, before.core_hours + hours)


def _claims(recorded: Recorded) -> dict[JobKey, _Claim]:
    return {
        (claim.schedd, claim.job): _Claim(claim.since, slot.seen_at, claim.cpu_milli / 1000, slot.placement_id)
        for pool in recorded.observation.pools
        for slot in pool.slots
        for claim in slot.claims
        if claim.job
    }


def _copies(recorded: Recorded) -> dict[JobKey, _Claim]:
    """Users' Jobs that have begun, as if each had claimed what its pods hold."""
    found = {}
    for thing in recorded.observation.objects:
        place = thing.placement
        if place is None or place.form != "job" or thing.finished:
            continue
        begun = [pod.started_at for pod in thing.pods if pod.started_at is not None]
        if begun:
            running = sum(pod.phase == "running" for pod in thing.pods)
            cores = place.size.cpu_milli / 1000 * running
            found[place.schedd, place.job] = _Claim(min(begun), recorded.plan.at, cores, place.id)
    return found


def _ended(recorded: Recorded) -> frozenset[str]:
    """Copies of users' Jobs that ended by themselves, by placement."""
    ended = {held.placement.id for held in recorded.plan.held if held.ended is not None}
    seen = (thing for thing in recorded.observation.objects if thing.finished and thing.status is not None)
    return frozenset(ended | {thing.placement_id for thing in seen})
