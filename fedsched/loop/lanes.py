"""Lanes carry changes out, each for one member or pool, so that one that hangs delays nobody; it decides nothing."""

from __future__ import annotations

import queue
import threading
import zlib
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import msgspec

from fedsched.journal import Intent
from fedsched.journal.crashpoints import checkpoint
from fedsched.log import log
from fedsched.loop.world import Clock, Unreachable, World
from fedsched.matchmaker.model import Change, CreateObject, InvalidateAds, Outcome, SetSubmitter, TellJob

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Pause of a lane after a `retry`: doubles from the first to the longest, or Retry-After where that is longer."""
COPY_LANES = TELL_LANES = 4
"""Lanes of one member for copies of users' Jobs, and of one queue: they come in their thousands, several for each."""

_LOG = log("lanes")


class Result(msgspec.Struct, frozen=True):
    """An intent that left its lane; outcome None when it was taken back untried. seconds: what acting took."""

    intent: Intent
    outcome: Outcome | None
    seconds: float = 0.0


class Lanes(Protocol):
    """All lanes of a loop. Called by the loop's thread only."""

    def is_open(self, change: Change) -> bool:
        """Whether its lane takes changes now (False during a pause after a `retry`)."""
        ...

    def take_back(self, wanted: frozenset[str]) -> None:
        """Give back untried, as results, what waits in a lane and is not wanted any more."""
        ...

    def submit(self, intents: Iterable[Intent]) -> None:
        """Carry them out, each in its lane, in their order."""
        ...

    def results(self, wait_s: float, expected: int) -> list[Result]:
        """What ended since the last call; waits up to `wait_s` seconds for as many as `expected`."""
        ...

    def set_pace(self, requests_per_s: dict[str, float]) -> None:
        """By member; lanes of members that are not in it finish what they hold."""
        ...

    def stop(self, timeout_s: float) -> None:
        """Take nothing new; wait up to `timeout_s` seconds for what is being tried."""
        ...


def lane_of(change: Change) -> str:
    """The lane's name: the member's, "pool:NAME" for what goes to a collector, "pool:NAME/negotiator" for that one.

    "queue:NAME/N" for what is told to a queue of a Job, "MEMBER/copies-N" for a new copy: always the same for it.
    """
    if isinstance(change, TellJob):
        return f"queue:{change.queue}/{_hand(change.uid, TELL_LANES)}"
    if isinstance(change, SetSubmitter):
        return f"pool:{change.pool}/negotiator"
    if isinstance(change, InvalidateAds):
        return f"pool:{change.pool}"
    if isinstance(change, CreateObject) and change.placement.form == "job":
        return f"{change.member}/copies-{_hand(change.placement.id, COPY_LANES)}"
    return change.member


def _hand(what: str, hands: int) -> int:
    return zlib.crc32(what.encode()) % hands


def key_of(change: Change) -> str:
    """Tells changes apart: two with one key are the same wish, whenever it was decided."""
    fields = msgspec.structs.asdict(change)
    names = ("placement_id", "name", "pod", "job", "uid", "resource_version")
    parts = [str(fields[name]) for name in names if name in fields]
    placement = fields.get("placement")
    return "/".join([type(change).__name__, lane_of(change), placement.id if placement else "", *parts])


class Peers(NamedTuple):
    """What all lanes of a loop act with."""

    world: World
    clock: Clock
    epoch: int


class Acting:
    """One lane's dealings with its peer: claims the fence before the first act, pauses after a `retry`."""

    def __init__(self, name: str, peers: Peers) -> None:
        self._name = name
        self._member = name.partition("/")[0]
        self._world = peers.world
        self._clock = peers.clock
        self._epoch = peers.epoch
        self._claimed = name.startswith(("pool:", "queue:"))
        self._pause_s = FIRST_PAUSE_S
        self.closed_until = 0.0

    def try_one(self, intent: Intent) -> Result:
        """Act; never raises."""
        began = self._clock.monotonic()
        checkpoint("act-before")
        try:
            outcome = self._fence(intent.change) or self._world.act(intent.change)
        except Exception as error:  # noqa: BLE001 - the border between the loop and any world
            # A world must not raise; if it does, its lane and the others live on, and the log has the place.
            _LOG.exception("act failed", lane=self._name)
            outcome = Outcome(intent.change, "retry", self._clock.now(), what=f"{type(error).__name__} in fedsched")
        checkpoint("act-after")
        self._pause(outcome)
        return Result(intent, outcome, self._clock.monotonic() - began)

    def _fence(self, change: Change) -> Outcome | None:
        """What stands in the way: None when the fence is ours (FA5)."""
        if self._claimed:
            return None
        try:
            standing = self._world.claim(self._member, self._epoch)
        except Unreachable as error:
            return Outcome(change, "retry", self._clock.now(), what=str(error))
        if standing > self._epoch:
            return Outcome(change, "fenced", self._clock.now(), what=f"epoch {standing} stands there")
        self._claimed = True
        return None

    def _pause(self, outcome: Outcome) -> None:
        if outcome.elsewhere:
            return  # one queue that is silent, or one user's Job, holds up nobody else's
        if outcome.result != "retry":
            self._pause_s = FIRST_PAUSE_S
            return
        self.closed_until = self._clock.monotonic() + max(self._pause_s, outcome.retry_after_s)
        self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)

    def is_open(self) -> bool:
        """Whether the pause is over."""
        return self._clock.monotonic() >= self.closed_until


class InlineLanes:
    """Acts at once in the caller's thread and without a pace: for simulations, which pace themselves, and `--once`."""

    def __init__(self, world: World, clock: Clock, epoch: int) -> None:
        self._peers = Peers(world, clock, epoch)
        self._acting: dict[str, Acting] = {}
        self._results: list[Result] = []

    def is_open(self, change: Change) -> bool:
        """See Lanes."""
        acting = self._acting.get(lane_of(change))
        return acting is None or acting.is_open()

    def take_back(self, wanted: frozenset[str]) -> None:
        """Nothing ever waits."""

    def submit(self, intents: Iterable[Intent]) -> None:
        """See Lanes: after a `retry` the rest of that lane comes back untried."""
        for intent in intents:
            name = lane_of(intent.change)
            acting = self._acting.setdefault(name, Acting(name, self._peers))
            self._results.append(acting.try_one(intent) if acting.is_open() else Result(intent, None))

    def results(self, wait_s: float, expected: int) -> list[Result]:
        """See Lanes."""
        del wait_s, expected
        ended, self._results = self._results, []
        return ended

    def set_pace(self, requests_per_s: dict[str, float]) -> None:
        """No pace."""

    def stop(self, timeout_s: float) -> None:
        """Nothing runs."""


class _Lane:
    """One thread that acts on one member or pool, one change at a time."""

    def __init__(self, name: str, acting: Acting, ended: queue.SimpleQueue[Result]) -> None:
        self.acting = acting
        self.interval_s = 0.0
        self._ended = ended
        self._waiting: deque[Intent] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        # A daemon thread: one that hangs in a call must not keep the process.
        self.thread = threading.Thread(target=self._run, name=f"lane {name}", daemon=True)
        self.thread.start()

    def put(self, intent: Intent) -> None:
        with self._changed:
            self._waiting.append(intent)
            self._changed.notify()

    def take_back(self, wanted: frozenset[str] = frozenset()) -> None:
        with self._changed:
            kept = deque(i for i in self._waiting if key_of(i.change) in wanted)
            back = [i for i in self._waiting if key_of(i.change) not in wanted]
            self._waiting = kept
        for intent in back:
            self._ended.put(Result(intent, None))

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self.take_back()

    def _run(self) -> None:
        while (intent := self._next()) is not None:
            result = self.acting.try_one(intent)
            self._ended.put(result)
            if not self.acting.is_open():
                self.take_back()
            with self._changed:
                self._changed.wait_for(lambda: self._stopped, self.interval_s)

    def _next(self) -> Intent | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped)
            return None if self._stopped or not self._waiting else self._waiting.popleft()


class ThreadLanes:
    """One thread per member and pool; outcomes come back by a queue, whenever they come."""

    def __init__(self, world: World, clock: Clock, epoch: int) -> None:
        self._peers = Peers(world, clock, epoch)
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}
        self._ended: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._pace: dict[str, float] = {}

    def is_open(self, change: Change) -> bool:
        """See Lanes."""
        lane = self._lanes.get(lane_of(change))
        return lane is None or lane.acting.is_open()

    def take_back(self, wanted: frozenset[str]) -> None:
        """See Lanes."""
        for lane in self._lanes.values():
            lane.take_back(wanted)

    def submit(self, intents: Iterable[Intent]) -> None:
        """See Lanes."""
        for intent in intents:
            name = lane_of(intent.change)
            if name not in self._lanes:
                self._lanes[name] = _Lane(name, Acting(name, self._peers), self._ended)
                self._lanes[name].interval_s = self._interval_s(name)
            self._lanes[name].put(intent)

    def results(self, wait_s: float, expected: int) -> list[Result]:
        """See Lanes."""
        ended: list[Result] = []
        until = self._clock.monotonic() + wait_s
        while True:
            left = until - self._clock.monotonic() if len(ended) < expected else 0.0
            try:
                ended.append(self._ended.get(timeout=left) if left > 0 else self._ended.get_nowait())
            except queue.Empty:
                return ended

    def set_pace(self, requests_per_s: dict[str, float]) -> None:
        """See Lanes."""
        self._pace = dict(requests_per_s)
        for name, lane in self._lanes.items():
            lane.interval_s = self._interval_s(name)

    def stop(self, timeout_s: float) -> None:
        """See Lanes."""
        for lane in self._lanes.values():
            lane.stop()
        until = self._clock.monotonic() + timeout_s
        for lane in self._lanes.values():
            lane.thread.join(max(0.0, until - self._clock.monotonic()))

    def _interval_s(self, name: str) -> float:
        member, _, of_copies = name.partition("/")
        lanes = COPY_LANES if of_copies else 1
        return lanes / self._pace[member] if self._pace.get(member, 0) > 0 else 0.0
