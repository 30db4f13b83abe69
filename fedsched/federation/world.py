"""The live World: what every link last saw, put together; each change sent to the link that it is for."""

from __future__ import annotations

import threading
import time

import msgspec

from fedsched.condor.demand import DemandPoller
from fedsched.config.policies import load_policy
from fedsched.config.settings import Federation, MemberFile
from fedsched.federation.member_link import MemberLink
from fedsched.federation.pool_link import PoolLink
from fedsched.federation.queue_links import queues
from fedsched.log import log
from fedsched.loop import Unreachable
from fedsched.matchmaker.model import (
    Change,
    ClassNotice,
    CreateObject,
    InvalidateAds,
    Observation,
    Outcome,
    SetSubmitter,
    TellJob,
)

_LOG = log("federation")


class LiveWorld:
    """Members and pools as they are. Threads of its own; every method returns at once but `act` and `claim`."""

    def __init__(self, settings: Federation, members: tuple[MemberFile, ...], max_classes: int) -> None:
        self._settings = settings
        self._woken = threading.Event()
        self._members = {member.name: MemberLink(member, settings, self._woken.set) for member in members}
        self._pools = {pool.name: PoolLink(pool, settings, self._woken.set) for pool in settings.pools}
        self._demand = DemandPoller(settings, max_classes, self._woken.set)
        self._queues = queues(settings, self._woken.set)

    def start(self) -> None:
        """Begin to read everything."""
        for pool in self._pools.values():
            pool.start()
        self._demand.start()
        for queue in self._queues.values():
            queue.start()
        for link in self._members.values():
            link.start()

    def stop(self) -> None:
        """End everything that was begun; nothing at the members changes."""
        for pool in self._pools.values():
            pool.end()
        self._demand.stop()
        for queue in self._queues.values():
            queue.stop()
        for link in self._members.values():
            link.stop()
        for pool in self._pools.values():
            pool.stop()

    def reload(self, members: tuple[MemberFile, ...]) -> None:
        """Members that came, went or changed; the others are not touched."""
        wanted = {member.name: member for member in members}
        for name in [n for n, link in self._members.items() if wanted.get(n) != link.file]:
            self._members.pop(name).stop()
        for name, member in wanted.items():
            if name not in self._members:
                self._members[name] = MemberLink(member, self._settings, self._woken.set)
                self._members[name].start()
        self._woken.set()

    def observe(self, at: float) -> Observation:
        """What each poller last stored, with its age; never waits."""
        seen = [self._members[name].latest(at) for name in sorted(self._members)]
        queued = (view for _, queue in sorted(self._queues.items()) if (view := queue.latest()) is not None)
        unasked = self._demand.unasked()  # read before the schedds: what is asked by now is among them
        return Observation(
            at,
            schedds=(*self._demand.latest(), *queued),
            members=tuple(view for view, _ in seen),
            pools=tuple(
                msgspec.structs.replace(self._pools[name].latest(), schedds_unasked=name in unasked)
                for name in sorted(self._pools)
            ),
            objects=tuple(thing for _, objects in seen for thing in objects),
        )

    def wait(self, timeout_s: float) -> bool:
        """Until something changed that deserves an early cycle, or the timeout in seconds."""
        self._woken.wait(timeout_s)
        # Asked again: a change while the wait was timing out must not be cleared unseen.
        woken = self._woken.is_set()
        if woken:
            self._woken.clear()
        return woken

    def wake(self) -> None:
        """An early cycle, please: an order came, or the files changed."""
        self._woken.set()

    def claim(self, member: str, epoch: int) -> int:
        """Raise one member's fence; the epoch that stands there. Raises Unreachable."""
        link = self._members.get(member)
        if link is None:
            raise Unreachable(f"{member} has no file in {self._settings.clusters} any more")
        return link.claim(epoch)

    def act(self, change: Change) -> Outcome:
        """One change to one object. The outcome's time is that of the answer: what is older knows nothing of it."""
        outcome = self._act(change, time.time())
        return msgspec.structs.replace(outcome, at=time.time())

    def _act(self, change: Change, at: float) -> Outcome:
        if isinstance(change, InvalidateAds | SetSubmitter):
            return self._to_pool(change, at)
        if isinstance(change, TellJob):
            queue = self._queues.get(change.queue)
            return (
                Outcome(change, "gone", at, what="no such queue any more") if queue is None else queue.tell(change, at)
            )
        link = self._members.get(change.member)
        if link is None:
            return Outcome(change, "gone", at, what="no such member any more")
        if not isinstance(change, CreateObject):
            return link.act(change, None, at)
        make = self._copy if change.placement.form == "job" else self._startd
        return make(change, link, at)

    def _copy(self, change: CreateObject, link: MemberLink, at: float) -> Outcome:
        """The copy of a user's Job; one that is gone from its queue is not placed any more."""
        placement = change.placement
        queue = self._queues.get(placement.schedd)
        if queue is None:
            return Outcome(change, "refused", at, what=f"queue {placement.schedd} is not in fedsched.toml any more")
        try:
            bundle = queue.bundle(placement.job, placement.job_uid, link.file.jobs.copied)
        except Unreachable as error:
            return Outcome(change, "retry", at, what=str(error), elsewhere=True)
        if bundle is None:
            return Outcome(change, "gone", at, what=f"Job {placement.job} is gone from queue {placement.schedd}")
        return link.act(change, bundle, at)

    def _startd(self, change: CreateObject, link: MemberLink, at: float) -> Outcome:
        pool = self._pools.get(change.placement.pool)
        if pool is None:
            return Outcome(change, "refused", at, what=f"pool {change.placement.pool} is not in fedsched.toml any more")
        worker, problem = pool.worker(change.member)
        if worker is None:
            return Outcome(change, "retry", at, what=problem)
        return link.act(change, worker, at)

    def _to_queue(self, change: TellJob, at: float) -> Outcome:
        queue = self._queues.get(change.queue)
        return queue.tell(change, at) if queue else Outcome(change, "gone", at, what="no such queue any more")

    def _to_pool(self, change: InvalidateAds | SetSubmitter, at: float) -> Outcome:
        pool = self._pools.get(change.pool)
        if pool is None:
            return Outcome(change, "gone", at, what="no such pool any more")
        return pool.tell(change, at) if isinstance(change, SetSubmitter) else pool.invalidate(change, at)

    def announce(self, notices: tuple[ClassNotice, ...]) -> None:
        """Tell each pool's collector of the classes that wait for it; returns at once."""
        for pool in self._pools.values():
            pool.announce(notices)

    def upkeep(self) -> None:
        """Renew what expires: our own credentials, startd tokens at members; remove what nothing uses (cadence)."""
        at = time.time()
        for link in list(self._members.values()):
            link.renew_credential(at)
            for name, pool in self._pools.items():
                worker, problem = pool.worker(link.file.name)
                if worker is None:
                    _LOG.warning("startd-token-unavailable", pool=name, why=problem)
                else:
                    link.refresh_token(name, worker)
            link.sweep()


def live_world(settings: Federation, members: tuple[MemberFile, ...]) -> LiveWorld:
    """The world that the files describe; nothing is started yet."""
    policy = load_policy(settings.policy, settings.policies)
    return LiveWorld(settings, members, policy.max_classes)
