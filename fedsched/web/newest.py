"""The newest cycle as requests see it: put there by the loop's thread, read by any; nobody waits for anybody."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fedsched.answers import Answerer, Beyond, Chronicle, Turns, View
from fedsched.client import NoAnswer
from fedsched.client.documents import Cycle
from fedsched.journal import Recorded
from fedsched.matchmaker.model import Order


class Newest:
    """Holds one view. orders: asked for each new cycle in the loop's thread, which owns the journal."""

    def __init__(
        self,
        orders: Callable[[], tuple[Order, ...]],
        fresh_s: float,
        now: Callable[[], float],
        federation: str,
        turns: Turns | None = None,
    ) -> None:
        """`fresh_s`: seconds between two cycles. `now`: the present, epoch seconds, as the daemon's clock has it.

        turns: reads changes of reasons, in whatever thread asks; as does whoever `beyond` names, set before a cycle.
        """
        self._orders = orders
        self._fresh_s = fresh_s
        self._now = now
        self._federation = federation
        self._turns = turns
        self._shown: tuple[View, Answerer] | None = None
        self._told: Cycle | None = None
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.chronicle = Chronicle()
        self.beyond = Beyond()
        self.cycle = 0

    def see(self, recorded: Recorded) -> None:
        """A cycle is durable; called in the loop's thread, returns at once."""
        view = View(recorded, self._orders(), self._fresh_s, "daemon", self._federation)
        self.chronicle.see(recorded)
        self._shown = view, Answerer(view, self._now, self.chronicle, self._turns, self.beyond)
        self.cycle = recorded.plan.cycle
        with self._lock:
            listeners = tuple(self._listeners)
        for wake in listeners:
            wake()

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have `wake` called after each cycle, in the loop's thread: it must not block. Returns what ends that."""
        with self._lock:
            self._listeners.append(wake)

        def end() -> None:
            with self._lock:
                self._listeners.remove(wake)

        return end

    @property
    def shown(self) -> tuple[View, Answerer]:
        """The newest cycle with what answers about it. NoAnswer (no-cycle) before the first."""
        if self._shown is None:
            raise NoAnswer("no-cycle", "no cycle is recorded yet: the daemon has only just started", "ask again soon")
        return self._shown

    @property
    def answers(self) -> Answerer:
        """Answers about the newest cycle. NoAnswer (no-cycle) before the first."""
        return self.shown[1]

    @property
    def told(self) -> Cycle | None:
        """What a stream of cycles says of the newest one; None before the first. The same value until the next."""
        if self._shown is None:
            return None
        view = self._shown[0]
        if self._told is None or (self._told.cycle, self._told.at) != (view.plan.cycle, view.plan.at):
            self._told = _cycle(view)
        return self._told

    def now(self) -> float:
        """The present, epoch seconds."""
        return self._now()


def _cycle(view: View) -> Cycle:
    plan = view.plan
    spikes = [spike.id for spike in plan.memory.surge.spikes if spike.ended_at is None]
    return Cycle(
        plan.cycle,
        plan.at,
        idle=sum(one.idle for one in plan.classes),
        unmet=sum(one.unmet for one in plan.classes),
        running=sum(demand.running for demand, _ in view.pairs),
        spike=spikes[-1] if spikes else "",
        orders=len(view.orders),
    )
