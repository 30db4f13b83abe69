"""One seed: a federation, its mishaps, fedsched processes that live and die, until all is calm and nothing is left."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fedsched.journal import JournalError, Recorded, crashpoints
from fedsched.log import configure
from fedsched.loop import Fenced
from fedsched.matchmaker.model import Order
from fedsched.sim.world import SimWorld
from fedsched.study.invariants import Broken, World
from tests.faults import acts, jobs
from tests.faults.calm import PASSING, Calm
from tests.faults.federations import Federation, federation
from tests.faults.job_acts import OF_COPIES, JobActs
from tests.faults.mishaps import KINDS as ALL_BUT_JOBS
from tests.faults.mishaps import PATIENCE_S, PEOPLE, Mishap, script
from tests.faults.partitions import partition_storm
from tests.faults.process import Killed, Process, die
from tests.faults.weather import LATE_S, Sky

LONGEST_S = 7200.0
"""So long after the beginning a federation of these sizes has long come to rest, in simulated seconds."""
FIRST_PARTITION = 1_000_000
"""Seeds from here on are storms of partitions alone."""
KINDS = tuple(sorted({*ALL_BUT_JOBS, *jobs.KINDS}))
"""All that can hit."""
BY_ORDER = frozenset({*PEOPLE, *jobs.ORDERS})
TWICE = 9
"""Each storm whose seed this divides decides every cycle twice."""
BLIND = 0.5
"""An older fedsched whose mishap is no worse does not see the newer one's fence before it writes."""
SHELVES = (Path("/dev/shm"), Path(tempfile.gettempdir()))
"""Where journals lie: in memory, where there is such a place."""


@dataclass
class Outcome:
    """What one seed came to. broken: what did not hold, "" when all did. hits: mishaps that really hit somebody."""

    seed: int
    broken: str = ""
    cycles: int = 0
    simulated_s: float = 0.0
    cpu_s: float = 0.0
    hits: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    mishaps: tuple[Mishap, ...] = ()


def run(seed: int, told: Callable[[Recorded], None] | None = None, only: tuple[Mishap, ...] | None = None) -> Outcome:
    """One seed from its beginning to its end. only: these mishaps instead of the seed's own."""
    began, shelf = time.process_time(), next(place for place in SHELVES if place.is_dir())
    folder = Path(tempfile.mkdtemp(prefix="fedsched-storm-", dir=shelf))
    fed, mishaps = drawn(seed)
    storm = Storm(fed, mishaps if only is None else only, seed, folder, told)
    outcome = storm.outcome
    try:
        storm.run()
    except Broken as error:
        outcome.broken = str(error)
    finally:
        crashpoints.arm(None)
        storm.close()
        shutil.rmtree(folder, ignore_errors=True)
    outcome.cpu_s = time.process_time() - began
    return outcome


def mixed(seed: int) -> bool:
    """Whether users' Jobs are among everything else that goes wrong; storms of partitions are about them alone."""
    return seed < FIRST_PARTITION and seed % 3 == 2


def drawn(seed: int) -> tuple[Federation, tuple[Mishap, ...]]:
    """What a seed is about, and what goes wrong in it."""
    chance = random.Random(f"storm/{seed}")  # noqa: S311 - repeatable luck, no secret
    if seed >= FIRST_PARTITION:
        return partition_storm(chance)
    fed = federation(chance)
    mishaps = script(chance, fed)
    if not mixed(seed):
        return fed, mishaps
    luck = random.Random(f"storm/{seed}/jobs")  # noqa: S311 - as above
    fed = jobs.with_jobs(fed, luck)
    return fed, tuple(sorted((*mishaps, *jobs.script(luck, fed)), key=lambda m: (m.begin, m.kind, m.target)))


def some(seeds: Sequence[int]) -> list[Outcome]:
    """Several seeds, told by nobody."""
    configure(level="critical")
    return [run(seed) for seed in seeds]


class Storm:
    """The running state of one seed. processes: those that live, the newest last."""

    def __init__(
        self,
        fed: Federation,
        mishaps: tuple[Mishap, ...],
        seed: int,
        folder: Path,
        told: Callable[[Recorded], None] | None,
    ) -> None:
        self._fed = fed
        self._folder = folder
        self._told = told
        self._chance = random.Random(f"storm/{seed}/luck")  # noqa: S311 - as above
        self.outcome = Outcome(seed, mishaps=mishaps)
        self.world = SimWorld(fed.scenario, seed)
        self.sky = Sky(mishaps, random.Random(f"storm/{seed}/sky"))  # noqa: S311 - as above
        self.past = World()
        self._calm = Calm(fed, self.world)
        self._job_acts = JobActs(self.sky)
        self._orders: dict[Mishap, Order] = {}
        self._coming = list(mishaps)
        self._lasting: list[Mishap] = []
        self._journals = 0
        self._path = folder / "j0" / "fedsched.db"
        self._again_at = 0.0
        self._down: Mishap | None = None
        self.processes: list[Process] = []

    def run(self) -> None:
        """Until nothing is left and nobody has anything to do any more; Broken for whatever does not hold."""
        while self._calm.quiet_cycles < 5:
            now = self.sky.at = self.world.monotonic()
            if now > LONGEST_S and self._nothing_can_run():
                break  # jobs that once ran are given up by nobody
            if now > LONGEST_S:
                raise Broken(f"liveness: not at rest after {LONGEST_S:.0f} s: {self._left()}")
            self._mishaps(now)
            if now >= self._fed.storm_s:
                self._stop_older()
            if not self.processes and now >= self._again_at:
                self._begin()
            for process in list(self.processes):
                self._cycle(process)
            self._pass_time(self._pause_s())
        self.outcome.simulated_s = self.world.monotonic()

    def close(self) -> None:
        """Give everything back."""
        self.outcome.hits = self.sky.hits
        for process in self.processes:
            self.outcome.writes += process.checker.writes
            process.end()

    def _nothing_can_run(self) -> bool:
        """Whether nothing of ours is left, and what waits is told a reason that does not pass by itself."""
        plans = [process.recorded.plan for process in self.processes if process.recorded]
        lasting = all(r.why and r.why.cause not in PASSING for plan in plans for r in plan.classes if r.unmet)
        served = any(r.served or r.placed for plan in plans for r in plan.classes)
        return lasting and not served and not self.world.leftovers and not any(plan.held for plan in plans)

    def _left(self) -> str:
        held = [h.placement.id for p in self.processes if p.recorded for h in p.recorded.plan.held]
        idle = [f"{q.key}: {len(q.idle)}+{q.running}" for s in self.world.schedds for q in s.queues.values()]
        return f"objects {self.world.leftovers[:5]}, held {held[:5]}, jobs {idle}"

    def _pass_time(self, seconds: float) -> None:
        if seconds > LATE_S and any(m.kind == "late view" for m in self._lasting):
            self.world.sleep(seconds - LATE_S)
            for process in self.processes:
                process.outlook.glimpse()
            seconds = LATE_S
        self.world.sleep(seconds)

    def _pause_s(self) -> float:
        """A cycle may be woken early by something that was seen."""
        if self.sky.at < self._fed.storm_s and self._chance.random() < 0.2:
            return self._chance.choice((1.0, 2.0))
        return self._fed.cycle_s

    # -- mishaps

    def _mishaps(self, now: float) -> None:
        for mishap in [m for m in self._lasting if now >= m.end and (self.processes or m not in self._orders)]:
            self._lasting.remove(mishap)
            self._over(mishap)
        for mishap in [m for m in self._coming if now >= m.begin]:
            waits = self._job_acts.waits(mishap, self.world)
            if not self.processes or (waits and now < mishap.begin + PATIENCE_S):
                continue
            self._coming.remove(mishap)
            if not waits:
                late_s = now - mishap.begin if mishap.kind in OF_COPIES else 0.0
                self._lasting.append(msgspec.structs.replace(mishap, end=mishap.end + late_s))
                self._happen(self._lasting[-1])

    def _happen(self, mishap: Mishap) -> None:
        newest = self.processes[-1]
        if mishap.kind in BY_ORDER:
            self._order(mishap, newest)
        elif mishap.kind in {"killed", "journal lost", "journal broken"}:
            self._down = mishap
            crashpoints.arm(f"*:{int(mishap.badness)}", die)
        elif mishap.kind == "second fedsched" and len(self.processes) == 1:
            newest.outlook.sees_fences = mishap.badness > BLIND
            self._path = self._fresh()
            self._begin()
            self.sky.hit(mishap.kind)
        elif mishap.kind in jobs.KINDS:
            self._job_acts.begin(mishap, newest.checker)
        else:
            acts.begin(mishap, newest.checker, self.sky)

    def _order(self, mishap: Mishap, newest: Process) -> None:
        """Somebody gives an order, if there is what it would be about."""
        given = acts.order(mishap, self.world, newest.outlook.now())
        if given is None:
            return
        self._orders[mishap] = given
        with self._another_process():
            newest.journal.add_order(given)
        self.sky.hit(mishap.kind)

    def _over(self, mishap: Mishap) -> None:
        given = self._orders.pop(mishap, None)
        if given is not None:
            with self._another_process():
                for process in self.processes:
                    acts.withdraw(given, process.journal)
        elif mishap.kind not in BY_ORDER:
            acts.end(mishap, self._last, self.sky)
            self._job_acts.end(mishap, self._last)

    @contextmanager
    def _another_process(self) -> Iterator[None]:
        """What people do is done by the CLI, which does not die with the daemon."""
        crashpoints.arm(None)
        yield
        if self._down is not None:
            crashpoints.arm(f"*:{int(self._down.badness)}", die)

    # -- processes

    def _begin(self) -> None:
        process = Process(self._fed, self.world, self.sky, self._path, twice=self.outcome.seed % TWICE == 0)
        process.share(self.past)
        self._last = process.checker
        self.processes.append(process)
        self._count_rivals()
        self._guarded(process, lambda: process.begin(self._noted))

    def _cycle(self, process: Process) -> None:
        if self.sky.anywhere("suspended"):
            self.sky.hit("suspended")
            return
        self.outcome.cycles += 1
        self._guarded(process, process.cycle)

    def _guarded(self, process: Process, do: Callable[[], None]) -> None:
        try:
            do()
        except Killed:
            self.sky.hit(self._down.kind if self._down else "killed")
            self._bury(process, self._down)
        except Fenced:
            self.sky.hit("fenced")
            self._bury(process, None)
        except JournalError as error:
            raise Broken(f"the journal refused: {error}") from error

    def _bury(self, process: Process, why: Mishap | None) -> None:
        process.checker.verify()
        self.outcome.writes += process.checker.writes
        process.end()
        self.processes.remove(process)
        self._count_rivals()
        crashpoints.arm(None)
        self._down = None
        if not self.processes:
            self._again_at = self.world.monotonic() + (why.end - why.begin if why else 5.0)
            self._path = process.path
        if why is not None and why.kind == "journal lost":
            self._path = self._fresh()
        if why is not None and why.kind == "journal broken":
            process.path.write_bytes(b"not a database, and long enough to be looked at " * 50)

    def _count_rivals(self) -> None:
        alone = len(self.processes) < 2
        self.past.rival_at = None if alone else self.past.rival_at or self.world.now()

    def _stop_older(self) -> None:
        """A newer fedsched that never had to write has fenced nobody: people are told to stop one, and do."""
        for process in self.processes[:-1]:
            self._bury(process, None)

    def _fresh(self) -> Path:
        self._journals += 1
        return self._folder / f"j{self._journals}" / "fedsched.db"

    def _noted(self, recorded: Recorded) -> None:
        if len(self.processes) == 1:
            self._calm.told(recorded)
        if self._told:
            self._told(recorded)
