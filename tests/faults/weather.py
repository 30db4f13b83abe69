"""The world as one process meets it: what its pollers see and what becomes of its writes while mishaps hold."""

from __future__ import annotations

import random
from collections import Counter, deque
from typing import NamedTuple

import msgspec

from fedsched.loop import Unreachable
from fedsched.matchmaker.model import (
    Change,
    CreateObject,
    MemberView,
    ObjectView,
    Observation,
    Outcome,
    PoolView,
    ScheddView,
    TellJob,
)
from fedsched.study.invariants import Checker
from tests.faults.mishaps import PATIENCE_S, Mishap

LATE_S = 3.0
"""A late watch is so late, in seconds."""
KEPT = 20
"""Looks at a member that are remembered: a late view is one of these."""


class Look(NamedTuple):
    """What was seen of a member at one moment."""

    at: float
    view: MemberView
    things: tuple[ObjectView, ...]


class Sky:
    """All mishaps of one seed, what holds now, and how often each kind really hit; shared by all processes."""

    def __init__(self, script: tuple[Mishap, ...], chance: random.Random) -> None:
        self.script = script
        self.chance = chance
        self.hits: Counter[str] = Counter()
        self.clock_s = 0.0
        self.at = 0.0
        self.cut: dict[str, float] = {}
        """Members that are cut off, and until when."""
        self.armed: list[Mishap] = []
        """Partitions that begin with the next copy that is made: it is made, and nobody hears of it."""

    def now(self, kind: str, target: str) -> Mishap | None:
        """The mishap of that kind that holds for the target now."""
        found = (m for m in self.script if m.kind == kind and m.target == target and m.holds(self.at))
        return next(found, None)

    def anywhere(self, kind: str) -> Mishap | None:
        """The same for what has no target."""
        return next((m for m in self.script if m.kind == kind and m.holds(self.at)), None)

    def silent(self, member: str) -> bool:
        """Whether nothing comes back from a member."""
        return bool(self.why_silent(member))

    def why_silent(self, member: str) -> str:
        """The kind of mishap for which nothing comes back; "" where a member answers."""
        if self.anywhere("all silent") is not None:
            return "all silent"
        if self.now("silent", member) is not None:
            return "silent"
        return "looks at who is cut off" if self.at < self.cut.get(member, 0.0) else ""

    def hit(self, kind: str) -> None:
        """Count what really happened to somebody."""
        self.hits[kind] += 1


class Outlook:
    """World and Clock of one process: a checker's world, seen through the weather.

    What a poller has seen is the process's own: a new one knows nothing of a member that does not answer.
    """

    def __init__(self, checker: Checker, sky: Sky) -> None:
        self.checker = checker
        self.sky = sky
        self.epochs: dict[str, int] = {}
        self.sees_fences = True
        self._looks: dict[str, deque[Look]] = {}
        self._views: dict[str, MemberView] = {}
        self._things: dict[str, tuple[ObjectView, ...]] = {}
        self._schedds: dict[str, ScheddView] = {}
        self._pools: dict[str, PoolView] = {}

    # -- the clock

    def now(self) -> float:
        return self.checker.world.now() + self.sky.clock_s

    def monotonic(self) -> float:
        return self.checker.world.monotonic()

    def sleep(self, seconds: float) -> None:
        self.checker.world.sleep(seconds)

    def wait(self, timeout_s: float) -> bool:
        return self.checker.wait(timeout_s)

    # -- the world

    def observe(self, at: float) -> Observation:
        seen = self.checker.observe(at)
        things: dict[str, list[ObjectView]] = {view.name: [] for view in seen.members}
        for thing in seen.objects:
            things[thing.member].append(thing)
        for view in seen.members:
            self._look(self._ours(view), tuple(things[view.name]), at)
        objects = tuple(thing for view in seen.members for thing in self._things.get(view.name, ()))
        return Observation(
            at,
            tuple(self._schedd(view) for view in seen.schedds),
            tuple(self._views[view.name] for view in seen.members),
            tuple(self._pool(view, at) for view in seen.pools),
            objects,
        )

    def _ours(self, view: MemberView) -> MemberView:
        """Our own clock stamps what we read; who does not see fences meets them when it writes."""
        skew = self.sky.clock_s
        view = view if self.sees_fences else msgspec.structs.replace(view, fence_epoch=0)
        seen_at = None if view.seen_at is None else view.seen_at + skew
        return msgspec.structs.replace(view, contact_at=view.contact_at + skew, seen_at=seen_at)

    def _look(self, view: MemberView, things: tuple[ObjectView, ...], at: float) -> None:
        name, sky = view.name, self.sky
        last = self._views.get(name, MemberView(name))
        looks = self._looks.setdefault(name, deque(maxlen=KEPT))
        if sky.silent(name):
            sky.hit(sky.why_silent(name))
            self._views[name] = msgspec.structs.replace(
                last, contact="timeout", contact_at=at, contact_error="timed out"
            )
            return
        if sky.now("unauthorized", name):
            sky.hit("unauthorized")
            self._views[name] = msgspec.structs.replace(last, contact="unauthorized", contact_at=at)
            return
        slow = sky.now("slow", name)
        if slow and 0 <= at - last.contact_at < slow.badness:
            sky.hit("slow")
            return
        late = sky.now("late view", name)
        if late and looks and looks[-1].at >= at - LATE_S:
            sky.hit("late view")
            # a watch that is late does not know it
            view, things = msgspec.structs.replace(looks[-1].view, contact_at=at, seen_at=at), looks[-1].things
        looks.append(Look(at, view, things))
        stale = sky.now("stale view", name)
        if stale:
            sky.hit("stale view")
            shown = last.seen_at or 0.0
            # what could not be read again is known to be old; it never goes back behind what was seen already
            older = (k for k in looks if (k.view.seen_at or 0.0) >= max(shown, at - stale.badness))
            look = next(older, looks[-1])
            view, things = msgspec.structs.replace(look.view, contact="ok", contact_at=view.contact_at), look.things
        self._views[name], self._things[name] = view, things

    def glimpse(self) -> None:
        """What a watch that is late will take for the present: a look at the world a moment before a cycle."""
        at = self.now()
        seen = self.checker.observe(at)
        for view in seen.members:
            if self.sky.now("late view", view.name) and not self.sky.silent(view.name):
                things = tuple(thing for thing in seen.objects if thing.member == view.name)
                looks = self._looks.setdefault(view.name, deque(maxlen=KEPT))
                looks.append(Look(at, self._ours(view), things))

    def _schedd(self, view: ScheddView) -> ScheddView:
        """Good answers are counted by whoever asks."""
        last = self._schedds.get(view.name, ScheddView(view.name, view.pool, identity=view.identity, kind=view.kind))
        kind = "schedd gone" if view.kind == "schedd" else "queue silent"
        if self.sky.now(kind, view.name):
            self.sky.hit(kind)
            last = msgspec.structs.replace(last, error="did not answer in time")
        elif view.seen_at is not None and view.seen_at + self.sky.clock_s != last.seen_at:
            last = msgspec.structs.replace(view, seen_at=view.seen_at + self.sky.clock_s, reads=last.reads + 1)
        self._schedds[view.name] = last
        return last

    def _pool(self, view: PoolView, at: float) -> PoolView:
        last = self._pools.get(view.name, PoolView(view.name))
        if self.sky.anywhere("collector silent"):
            self.sky.hit("collector silent")
            last = msgspec.structs.replace(last, error="no answer")
        else:
            last = msgspec.structs.replace(view, seen_at=at)
        self._pools[view.name] = last
        return last

    def act(self, change: Change) -> Outcome:
        name, sky = change.member, self.sky
        member = self.checker.world.members.get(name)
        if isinstance(change, TellJob):
            return self._told(change)
        if member is None:
            return self.checker.act(change)
        lost = self._lost(change)
        if lost is not None:
            return lost
        member.epoch = self.epochs.get(name, 0)
        outcome = self.checker.act(change)
        if outcome.result == "done" and self._cuts_off(change):
            return Outcome(change, "retry", self.now(), what="timed out", retry_after_s=5.0)
        if outcome.result in {"done", "gone"} and self._strikes("lost answers", name):
            return Outcome(change, "retry", self.now(), what="the answer was lost", retry_after_s=5.0)
        return msgspec.structs.replace(outcome, at=outcome.at + sky.clock_s)

    def _lost(self, change: Change) -> Outcome | None:
        """What comes back for a write that never reaches its member; None for one that does."""
        name = change.member
        if self.sky.silent(name):
            self.sky.hit("write to a silent member")
            return Outcome(change, "retry", self.now(), what="timed out", retry_after_s=5.0)
        if self.sky.now("unauthorized", name):
            return Outcome(change, "retry", self.now(), what="unauthorized")
        if self._strikes("timeouts", name):
            return Outcome(change, "retry", self.now(), what="timed out", retry_after_s=5.0)
        if isinstance(change, CreateObject) and self._strikes("refused", name):
            return Outcome(change, "refused", self.now(), what="403: admission webhook denied the request")
        if isinstance(change, CreateObject) and self.sky.now("queue silent", change.placement.schedd):
            return Outcome(change, "retry", self.now(), what="the queue does not answer", retry_after_s=5.0)
        return None

    def _cuts_off(self, change: Change) -> bool:
        """Whether the member is cut off before it answers."""
        sky = self.sky
        sky.armed = [mishap for mishap in sky.armed if sky.at < mishap.begin + PATIENCE_S]
        if not sky.armed or not isinstance(change, CreateObject) or change.placement.form != "job":
            return False
        mishap = sky.armed.pop(0)
        sky.cut[change.member] = sky.at + mishap.end - mishap.begin
        sky.hit(mishap.kind)
        return True

    def _told(self, change: TellJob) -> Outcome:
        """What a queue answers, or nobody hears."""
        if self.sky.now("queue silent", change.queue):
            self.sky.hit("write to a silent queue")
            return Outcome(change, "retry", self.now(), what="timed out", retry_after_s=5.0)
        outcome = self.checker.act(change)
        if outcome.result == "done" and self._strikes("queue's lost answers", change.queue):
            return Outcome(change, "retry", self.now(), what="the answer was lost", retry_after_s=5.0)
        return msgspec.structs.replace(outcome, at=outcome.at + self.sky.clock_s)

    def claim(self, member: str, epoch: int) -> int:
        if self.sky.silent(member) or self.sky.now("unauthorized", member):
            raise Unreachable(member)
        standing = self.checker.claim(member, epoch)
        self.epochs[member] = epoch
        return standing

    def _strikes(self, kind: str, member: str) -> bool:
        mishap = self.sky.now(kind, member)
        if mishap is None or self.sky.chance.random() >= mishap.badness:
            return False
        self.sky.hit(kind)
        return True
