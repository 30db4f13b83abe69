"""After the storm: plan and world agree, nobody writes without a cause, what can run runs, nothing is left."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.journal import Recorded
from fedsched.loop.lanes import key_of
from fedsched.matchmaker.model import JobStatus, TellJob
from fedsched.matchmaker.reasons import Cause
from fedsched.sim.world import SimWorld
from fedsched.study.invariants import Broken
from fedsched.study.invariants.truth import things
from tests.faults.federations import Federation

MOST_TELLS = 60
"""A Job of these storms has at most so many stages left: its pods come, run, fail, come again."""
CYCLES = 5
"""So many cycles may pass until what exists is what is planned."""
PASSING = frozenset(
    {
        Cause.MEMBER_SILENT,
        Cause.MEMBER_LOST,
        Cause.STALE,
        Cause.SCHEDD_STALE,
        Cause.CREDENTIAL,
        Cause.FROZEN,
        Cause.RAMP,
        Cause.PROBING,
        Cause.BACKING_OFF,
        Cause.FAILING_FAST,
        Cause.BUDGET,
        Cause.CORDONED,
        Cause.PAUSED,
        Cause.DENIED,
        Cause.DRAINING,
    }
)
"""Reasons that pass by themselves when nothing goes wrong any more."""


class Calm:
    """Looks at each cycle after the storm; `settled_at`: simulated seconds from which timers of the policy are over."""

    def __init__(self, fed: Federation, world: SimWorld) -> None:
        policy = fed.policy
        self._world = world
        self._fed = fed
        self.settled_at = fed.storm_s + fed.settle_s + policy.silence.lost_s
        self._apart: dict[str, int] = {}
        self._writes: dict[str, int] = {}
        self._waits: dict[str, int] = {}
        self._tells: dict[str, int] = {}
        self._same: object = None
        self._still = 0
        self.quiet_cycles = 0

    def told(self, recorded: Recorded) -> None:
        """Broken when something lasts that must pass."""
        if self._world.monotonic() < self.settled_at:
            return
        found = [*self._lasting(recorded), *self._repeated(recorded), *self._needless(recorded)]
        if found:
            raise Broken("\n".join(f"{sentence} ({self._world.monotonic():.0f} s)" for sentence in found))
        self.quiet_cycles = self.quiet_cycles + 1 if self._world.quiet and not recorded.issued else 0

    def _lasting(self, recorded: Recorded) -> Iterator[str]:
        """Differences between plan and world, and passing reasons, that do not go away."""
        apart = dict([*_differences(self._world, recorded), *_untold(self._world)])
        self._apart = {name: self._apart.get(name, 0) + 1 for name in apart}
        for name, cycles in self._apart.items():
            if cycles > CYCLES + 60.0 / self._fed.cycle_s:  # the longest pause of a lane is a timer of ours
                yield f"liveness: {name} {apart[name]} for {cycles} cycles"
        passing = {r.key: r.why.cause for r in recorded.plan.classes if r.why and r.why.cause in PASSING}
        self._waits = {key: self._waits.get(key, 0) + 1 for key in passing}
        for key, cycles in self._waits.items():
            if cycles * self._fed.cycle_s > 400.0:
                yield f"liveness: class {key} waits for {cycles} cycles, the last time because of {passing[key]}"

    def _repeated(self, recorded: Recorded) -> Iterator[str]:
        """The same change, wanted again and again."""
        for change in recorded.issued:
            key = key_of(change)
            self._writes[key] = self._writes.get(key, 0) + 1
            if self._writes[key] > CYCLES:
                yield f"liveness: {key} was written in {self._writes[key]} cycles"
        for change in recorded.issued:
            if isinstance(change, TellJob):
                self._tells[change.uid] = self._tells.get(change.uid, 0) + 1
                if self._tells[change.uid] > MOST_TELLS:
                    yield f"liveness: {change.job} is told something else again and again: {change.status}"

    def _needless(self, recorded: Recorded) -> Iterator[str]:
        """Writes in a world that has not changed for a while, and none of the timers that are left is up."""
        seen = recorded.observation
        now = (
            tuple((d.key, d.idle, d.running) for s in seen.schedds for d in s.classes),
            tuple((job.uid, job.state, job.resource_version) for s in seen.schedds for job in s.jobs),
            tuple(
                (o.uid, o.status, o.finished, tuple((p.uid, p.phase, p.deleting) for p in o.pods)) for o in seen.objects
            ),
            tuple((s.name, tuple(c.job for c in s.claims), s.leaving) for p in seen.pools for s in p.slots),
            tuple((m.name, m.contact, m.site_pods and len(m.site_pods)) for m in seen.members),
        )
        self._still = self._still + 1 if now == self._same else 0
        self._same = now
        why = {h.placement.id: h.why.cause for h in recorded.plan.held if h.why}
        late = frozenset({Cause.IDLE, Cause.EXPIRED, Cause.RETIRED, Cause.PREEMPTED, Cause.FINISHED, Cause.DEMAND_GONE})
        budgets = any(tier.budget for tier in self._fed.policy.tiers)  # their windows begin anew
        for change in recorded.issued if self._still > CYCLES and not budgets else ():
            placement = getattr(change, "placement", None)
            cause = why.get(placement.id if placement else getattr(change, "placement_id", ""))
            if cause not in late and cause not in {Cause.PENDING_TOO_LONG, Cause.NEVER_JOINED}:
                yield f"liveness: {key_of(change)} ({cause}) though nothing has changed for {self._still} cycles"


def _untold(world: SimWorld) -> Iterator[tuple[str, str]]:
    """Jobs of which their queue shows something else than what is so."""
    copies = {thing.placement.job_uid: thing.copy for _, thing in things(world) if thing.copy is not None}
    for job in (job for queue in world.queues.values() for job in queue.waiting if job.deleted_at is None):
        copy, shown = copies.get(job.uid), job.status
        is_so = copy.status() if copy is not None else JobStatus()
        if copy is not None and copy.finished:
            yield job.work.id, f"is {copy.finished} and its queue does not say so"
        elif (shown.active, shown.ready) != (is_so.active, is_so.ready):
            numbers = f"{shown.ready} of {shown.active} pods ready, it is {is_so.ready} of {is_so.active}"
            yield job.work.id, f"is shown with {numbers}"


def _differences(world: SimWorld, recorded: Recorded) -> Iterator[tuple[str, str]]:
    there = {(member, thing.placement.id): thing for member, thing in things(world) if thing.ours}
    held = {(h.placement.member, h.placement.id): h for h in recorded.plan.held}
    for key, one in held.items():
        if key not in there and one.phase != "gone":
            yield one.placement.object_name, f"is {one.phase} in the plan and does not exist"
        elif key not in there:
            yield one.placement.object_name, "is over and not forgotten"
        elif one.wanted in {"vacate", "withdraw", "clear"}:
            yield one.placement.object_name, f"is wanted to {one.wanted} ({one.why and one.why.cause}) and exists"
    for (member, placement), thing in there.items():
        if (member, placement) not in held:
            yield thing.name, f"exists at {member} and is not in the plan"
