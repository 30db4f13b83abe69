"""A simulated schedd: jobs that arrive, wait, run and finish, and how it answers when it is asked; no slots here."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.model import DemandClass, ScheddView
from fedsched.sim.agenda import Bell
from fedsched.sim.jobs import Coming, Count, Job, Queue
from fedsched.sim.polls import Polls
from fedsched.sim.scenario import Scenario, Window
from fedsched.sim.timetable import NEVER

__all__ = ["Job", "Queue", "Schedd"]


class Schedd:
    """All jobs of one submit node.

    It is asked every `poll_s` seconds. What it answers is counted then, where something changed, and put into words
    when somebody looks. fresh: jobs became idle, or the schedd came back, since the negotiator looked.
    """

    def __init__(self, name: str, scenario: Scenario, chance: random.Random) -> None:
        self.name = name
        self.queues: dict[str, Queue] = {}
        self.jobs: list[Job] = []
        self.fresh = True
        self._bell = Bell()
        self._scenario = scenario
        self._gone = _of(name, scenario.gone_schedds)
        self._back = deque(sorted(scenario.begins + w.end_at for w in self._gone if w.end_at < NEVER))
        self._dies_at = min((scenario.begins + w.begin_at for w in self._gone if w.end_at == NEVER), default=NEVER)
        self._dead = False
        self._polls = Polls(scenario.begins, scenario.poll_s, (*_of(name, scenario.silent_schedds), *self._gone))
        self._view = ScheddView(name, scenario.pool, identity=f"{name}@{scenario.pool}")
        self._stirred: dict[str, Queue] = {}
        self._stirred_at = 0.0
        self._asked = -1
        self._counts: dict[str, Count] = {}
        self._classes: dict[str, DemandClass] = {}
        self._patient: list[Queue] = []
        self._coming = Coming(name, scenario, chance, self._gone)

    @property
    def due_at(self) -> float:
        """When a job comes or is given up, the schedd comes back, or its answer becomes another."""
        return min(
            self._coming.next,
            self._back[0] if self._back else NEVER,
            NEVER if self._dead else self._dies_at,
            self._poll_at,
            *(queue.patience_ends_at for queue in self._patient),
        )

    def hang(self, bell: Bell) -> None:
        """See agenda.Part: the pool starts and ends jobs of its queues."""
        self._bell = bell

    def step(self, at: float) -> None:
        """Jobs that are due arrive, and it is asked, unless it does not answer."""
        self._dead = at >= self._dies_at
        while self._back and self._back[0] <= at:
            self._back.popleft()
            self.fresh = True
        while self._coming.next <= at:
            self._arrive(self._coming.pop(), at)
        for queue in self._patient:
            if queue.patience_ends_at <= at:
                queue.give_up(at)
                self.stir(queue, at)
        if self._poll_at <= at:
            self._asked = self._polls.answered(at)[1] or 0
            self._count()

    def stir(self, queue: Queue, at: float) -> None:
        """The queue was changed, so that the next answer is another."""
        if not self._stirred:
            self._stirred_at = at
        self._stirred[queue.key] = queue
        self._bell.ring()

    def wake(self, at: float) -> None:
        """Queues were put here by hand."""
        self.fresh = True
        self._patient = [queue for queue in self.queues.values() if queue.batch.patience_s]
        for queue in self.queues.values():
            self.stir(queue, at)

    def there(self, at: float) -> bool:
        """Whether it runs."""
        return not any(window.holds(at - self._scenario.begins) for window in self._gone)

    def listed(self, at: float) -> bool:
        """Whether the collector still tells of it: its ad outlives it for a while."""
        since = at - self._scenario.begins
        return not any(w.holds(since) and since >= w.begin_at + self._scenario.ad_s for w in self._gone)

    def view(self, at: float) -> ScheddView:
        """The last answer, as the poller stored it."""
        reads, last, good = self._polls.answered(at)
        old = self._view
        if last is None:
            return old if good else msgspec.structs.replace(old, error="did not answer in time")
        return ScheddView(
            old.name,
            old.pool,
            identity=old.identity,
            seen_at=self._polls.when(last),
            reads=old.reads + reads,
            error="" if good else "did not answer in time",
            classes=self._shown(),
        )

    @property
    def over(self) -> bool:
        """Nothing will come, nothing waits, nothing runs; or it is gone for ever."""
        idle = self._coming.next == NEVER and all(not q.idle and not q.running for q in self.queues.values())
        return self._dead or idle

    @property
    def _poll_at(self) -> float:
        """When what was stirred is told next."""
        if not self._stirred:
            return NEVER
        number = self._polls.first(self._stirred_at, self._asked)
        return NEVER if number is None else self._polls.when(number)

    def _arrive(self, job: Job, at: float) -> None:
        if job.queue.key not in self.queues:
            self.queues[job.queue.key] = job.queue
            self._patient += [job.queue] if job.queue.batch.patience_s else []
        self.jobs.append(job)
        job.queue.idle.append(job)
        self.fresh = True
        self.stir(job.queue, at)

    def _count(self) -> None:
        for key, queue in self._stirred.items():
            self._counts[key] = queue.count
            self._classes.pop(key, None)
            if not queue.idle and not queue.running:
                del self._counts[key]
        self._stirred.clear()

    def _shown(self) -> tuple[DemandClass, ...]:
        for key in self._counts.keys() - self._classes.keys():
            self._classes[key] = self._class(self.queues[key], self._counts[key])
        return tuple(self._classes[key] for key in sorted(self._counts))

    def _class(self, queue: Queue, count: Count) -> DemandClass:
        batch = queue.batch
        return DemandClass(
            key=queue.key,
            pool=self._scenario.pool,
            schedd=self.name,
            principal=batch.principal,
            request=batch.request,
            length=queue.length,
            idle=count.idle,
            requirements=batch.requirements,
            attributes=batch.attributes,
            priorities=((batch.priority, count.idle),) if count.idle else (),
            running=count.running,
            oldest_at=count.oldest_at,
            examples=count.examples,
            user=batch.user,
        )


def _of(name: str, windows: Iterable[tuple[str, Window]]) -> tuple[Window, ...]:
    return tuple(window for who, window in windows if who == name)
