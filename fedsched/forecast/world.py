"""The simulated world that begins as a recorded moment; what is told of its members beside nodes stays as recorded."""

from __future__ import annotations

import msgspec

from fedsched.forecast.copies import Life, look
from fedsched.forecast.demand import schedds
from fedsched.forecast.lengths import Lengths, learn
from fedsched.forecast.moment import scenario
from fedsched.forecast.queued import Queues, waiting
from fedsched.forecast.standing import settle_members, settle_slots
from fedsched.matchmaker.model import MemberView, Observation, PoolView, Quota, SlotView, Snapshot
from fedsched.matchmaker.resources import Resources
from fedsched.sim.apiserver import ApiServer
from fedsched.sim.pool import Pool
from fedsched.sim.world import SimWorld


class AheadWorld(SimWorld):
    """A recorded moment that goes on by itself. Equal snapshots, lengths and seeds give equal futures."""

    def __init__(self, snapshot: Snapshot, seed: int, lengths: Lengths | None = None) -> None:
        made = scenario(snapshot)
        super().__init__(made, seed)
        self.moment = snapshot
        lengths = lengths or learn(snapshot.observation, ())
        self.waiting = schedds(snapshot.observation.schedds, made, lengths, seed)
        self.schedds = tuple(self.waiting.values())
        self.pool = Pool(made, self.schedds)
        queues = Queues(snapshot, made, lengths, seed)
        self.remembered = queues.by_name
        self.queues |= queues.by_name
        apis = {name: member.api for name, member in self.members.items()}
        settle_members(apis, queues.works, snapshot, seed)
        settle_slots(self.pool, apis, self.waiting, snapshot)
        self.wake()
        self.sleep(0.0)
        self.first = {
            key: tuple(queue.idle) for schedd in self.waiting.values() for key, queue in schedd.queues.items()
        }
        first = waiting(snapshot, snapshot.memory.held)
        self.first_jobs = {key: tuple(job.uid for job in some) for key, some in first.items()}
        self.lives: dict[str, Life] = {}
        self._held = {name: _held(member.api) for name, member in self.members.items()}
        self.look()

    def waits(self, key: str, position: int) -> bool:
        """Whether the job that was at this place of a class at first, 1 for the next one, has never run since."""
        jobs, queued = self.first.get(key, ()), self.first_jobs.get(key, ())
        if 0 < position <= len(queued):
            return self.began_at(queued[position - 1]) is None
        return 0 < position <= len(jobs) and jobs[position - 1].first_claimed_at is None

    def began_at(self, uid: str) -> float | None:
        """When the first pod of a user's Job ran that waited at first, epoch seconds; None where none did yet."""
        life = self.lives.get(uid)
        return min(life.began.values(), default=None) if life is not None else None

    def look(self) -> None:
        """Take note of the copies of users' Jobs; nobody hears of those on silent members."""
        if self.queues:
            heard = (member for member in self.members.values() if not member.silent(self.at))
            look(self.lives, (thing for member in heard for thing in member.api.things.values()))

    def observe(self, at: float) -> Observation:
        """As a simulated world is seen, with what only the recorded moment tells."""
        self.look()
        seen, recorded = super().observe(at), self.moment.observation
        before = {view.name: view for view in recorded.members}
        members = tuple(self._member(view, before[view.name]) for view in seen.members)
        pool_of = {one.placement.id: one.placement.pool for one in self.pool.startds.values()}
        slots = tuple(
            msgspec.structs.replace(slot, pool=pool_of[slot.placement_id]) for pool in seen.pools for slot in pool.slots
        )
        pools = tuple(_pool(pool, slots, at) for pool in recorded.pools)
        return msgspec.structs.replace(seen, members=members, pools=pools)

    def _member(self, now: MemberView, before: MemberView) -> MemberView:
        if now.contact != "ok":
            return msgspec.structs.replace(before, contact_at=now.contact_at)
        groups = {group.name: group for group in before.node_groups}
        more = _held(self.members[now.name].api) - self._held[now.name]
        return msgspec.structs.replace(
            before,
            contact_at=now.contact_at,
            seen_at=now.seen_at,
            node_groups=tuple(
                msgspec.structs.replace(groups[group.name], rooms=group.rooms) for group in now.node_groups
            ),
            node_rooms=now.node_rooms,
            site_pods=now.site_pods,
            quotas=tuple(_left(quota, more) for quota in before.quotas),
            fence_epoch=now.fence_epoch,
        )


def _held(api: ApiServer) -> Resources:
    total = Resources()
    for pod in api.cluster.ours.values():
        total += pod.request
    return total


def _left(quota: Quota, more: Resources) -> Quota:
    """The quota after our pods came to hold `more` than in the moment."""
    jobs = None if quota.jobs_left is None else quota.jobs_left - more.pods
    return msgspec.structs.replace(quota, left=quota.left - more, jobs_left=jobs)


def _pool(before: PoolView, slots: tuple[SlotView, ...], at: float) -> PoolView:
    """The pool with its own part of the slots; one that is silent now stays so."""
    if before.seen_at is None or before.error:
        return before
    own = tuple(slot for slot in slots if slot.pool == before.name)
    negotiator = before.negotiator
    if negotiator is not None and negotiator.seen_at is not None:
        negotiator = msgspec.structs.replace(negotiator, seen_at=at)
    return msgspec.structs.replace(before, seen_at=at, slots=own, negotiator=negotiator)
