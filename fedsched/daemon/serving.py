"""`serve`: one run of the daemon, from reading the files to giving the lease back."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from fedsched.answers.finding import JobFinder
from fedsched.config import ConfigError, Files, load
from fedsched.config.settings import Federation
from fedsched.daemon.announcing import Announcing
from fedsched.daemon.descriptors import allow
from fedsched.daemon.health import Health
from fedsched.daemon.parts import How, Parts, Time
from fedsched.daemon.starting import first_look
from fedsched.daemon.window import Outside, Window
from fedsched.forecast import Foresight
from fedsched.journal import (
    Holder,
    Journal,
    JournalError,
    Limits,
    PlacementFiles,
    Recorded,
    RunFiles,
    SqliteJournal,
    crashpoints,
    open_journal,
)
from fedsched.log import log
from fedsched.loop import Agenda, Fenced, Loop, Options, new_epoch, run

LEASE_S = 30.0
SWEEP_S = 3600.0
CHECKPOINT_S = 300.0
LANES_END_S = 4.0
"""How long an ending daemon waits for what is being tried at members; with the rest it ends within 10 s."""
WORLD_END_S = 3.0
GIVE_UP_S = 9.0
"""After a SIGTERM the process ends by itself, or is ended without ceremony after so many seconds."""
FIRST_LOOK_S = 10.0
ONCE_LOOK_S = 30.0

DONE, REFUSED, PARTIAL = 0, 1, 3
"""Exit codes; those of all verbs stand in `fedsched --help`."""

_LOG = log("daemon")


def serve(config: Path, parts: Parts, how: How) -> int:
    """Run until told to stop; the exit code. Raises ConfigError before anything was begun."""
    files = load(config)
    try:
        crashpoints.arm(os.environ.get(crashpoints.VARIABLE))
        if not parts.time.virtual:
            allow(len(files.members))
        with _journal(files.federation, parts.time) as journal:
            return _Daemon(config, files, parts, how).run(journal)
    except (JournalError, Fenced) as error:
        _LOG.error("stopped", why=str(error))
        return REFUSED
    except OSError as error:
        _LOG.error("stopped", why=f"{error}; address {files.federation.listen}")
        return REFUSED


@contextmanager
def _journal(settings: Federation, time: Time) -> Iterator[SqliteJournal]:
    """The journal with its lease, given back at the end."""
    limits = Limits(settings.keep_hours * 3600, settings.keep_mib * 1024 * 1024, outlives_power=not time.virtual)
    journal = open_journal(settings.journal, limits, rebuild=True)
    if journal.moved_aside:
        _LOG.error(
            "journal-broken",
            moved_to=str(journal.moved_aside),
            next="placements are adopted from the members; history is lost; keep the file for a report",
        )
    try:
        journal.acquire_lease(Holder.mine(), LEASE_S, time.clock.now())
        try:
            yield journal
        finally:
            journal.release_lease()
    finally:
        journal.close()


class _Daemon:
    """One run. Everything happens in the thread that calls `run`, but for `upkeep`, which may take long."""

    def __init__(self, config: Path, files: Files, parts: Parts, how: How) -> None:
        self._config = config
        self._files = files
        self._parts = parts
        self._how = how
        self._clock = parts.time.clock
        self._timers = parts.time.timers()
        self._agenda = Agenda(self._timers.look)
        self._code = DONE
        self._loop: Loop
        self._foresight: Foresight | None = None

    def run(self, journal: Journal) -> int:
        """Start, cycle, stop; the exit code. Raises Fenced and JournalError after everything was stopped."""
        settings = self._files.federation
        self._journal = journal
        self._world = self._parts.world(settings, self._files.members)
        self._health = Health(settings.cadence.cycle_s)
        self._window: Window | None = None
        self._announcing: Announcing | None = None
        with ExitStack() as ending:
            ending.enter_context(
                _signals({signal.SIGTERM: self._stop, signal.SIGINT: self._stop, signal.SIGHUP: self._hup})
            )
            if not self._how.once:
                find = None if self._parts.time.virtual else JobFinder(settings)
                if find is not None:
                    ending.callback(find.close)
                outside = Outside(find, lambda: self._files.members)
                self._window = Window(settings, self._health, journal.orders, self._clock.now, outside)
                ending.callback(self._window.close)
                self._window.recall(journal)
                self._parts.opened(self._window.port)
            self._world.start()
            ending.callback(_within, WORLD_END_S, self._world.stop)
            if self._announces:
                self._announcing = Announcing(settings, self._world.announce)
                ending.callback(self._announcing.stop)
            self._begin(journal)
            ending.callback(self._end)
            if self._foresight is not None:
                ending.callback(self._foresight.stop)
            if self._how.once:
                self._cycle()
                return self._code
            self._start_timers()
            ending.callback(self._timers.stop)
            run(self._world, self._clock, self._agenda, settings.cadence.debounce_s, self._do)
            _LOG.info("stopping", why="the world is over" if self._parts.over() else "asked to")
        return self._code

    def _begin(self, journal: Journal) -> None:
        seen = first_look(self._world, self._clock, self._agenda, ONCE_LOOK_S if self._how.once else FIRST_LOOK_S)
        journal.renew_lease(LEASE_S, self._clock.now())
        epoch = new_epoch(journal, seen, self._clock.now())
        if self._foretells:
            self._foresight = Foresight(journal, self._config)
        own = (self._foresight, self._window, self._announcing)
        listeners = (*self._parts.told, *(one.see for one in own if one is not None))
        options = Options(
            dispatch=self._how.dispatch,
            inline=self._how.once or self._parts.time.virtual,
            records=PlacementFiles(self._files.federation.records),
            runs=RunFiles(self._files.federation.records, self._files.federation.keep_records_days),
            told=tuple(partial(_tell, one) for one in listeners),
        )
        self._loop = Loop(self._world, journal, self._parts.mind(self._files), self._clock, options)
        members = [member.name for member in self._files.members]
        _LOG.info("started", epoch=epoch, members=members, policy=self._files.policy.name, dispatch=self._how.dispatch)

    def _end(self) -> None:
        self._health.stopping()
        try:
            self._loop.stop(LANES_END_S)
        except (Fenced, JournalError) as error:
            _LOG.error("stopped", why=str(error))
            self._code = REFUSED

    # -- chores

    def _do(self, chore: str) -> None:
        {
            "cycle": self._cycle,
            "lease": lambda: self._journal.renew_lease(LEASE_S, self._clock.now()),
            "sweep": lambda: self._journal.sweep(self._clock.now()),
            "checkpoint": self._journal.checkpoint,
            "reload": self._reload,
            "forecast": self._foretell,
        }[chore]()

    def _cycle(self) -> None:
        try:
            summary = self._loop.cycle()
        except (Fenced, JournalError):
            raise
        except Exception:  # noqa: BLE001 - logged with its place; why it goes on stands below
            # A fault of ours must not end the brakes: orders and health go on, /healthz turns stale, people hear of it.
            _LOG.exception("cycle-failed")
            self._code = REFUSED if self._how.once else DONE
            return
        self._health.cycled(summary)
        if self._window is not None:
            self._window.cycled(summary)
        if self._how.once and summary.partial:
            self._code = PARTIAL
        if self._parts.over():
            self._agenda.stop()

    def _reload(self) -> None:
        """The files again; wrong ones change nothing."""
        try:
            files = load(self._config)
        except ConfigError as error:
            _LOG.error("reload-refused", problems=[str(p) for p in error.problems], next="fedsched check")
            return
        old, new = self._files.federation, files.federation
        shell = [n for n in Federation.__struct_fields__ if n != "policy" and getattr(old, n) != getattr(new, n)]
        self._files = Files(old, files.members, files.policy)
        self._loop.mind = self._parts.mind(files)
        self._world.reload(files.members)
        _LOG.info("reloaded", members=[m.name for m in files.members], policy=files.policy.name, needs_restart=shell)

    def _start_timers(self) -> None:
        """The cadence: timers put chores on the agenda; only `upkeep` is done by the timers themselves."""
        cadence = self._files.federation.cadence
        every = {"cycle": cadence.cycle_s, "lease": LEASE_S / 3, "sweep": SWEEP_S, "checkpoint": CHECKPOINT_S}
        if self._foresight is not None:
            every["forecast"] = cadence.forecast_s
        for chore, seconds in every.items():
            self._timers.every(seconds, partial(self._agenda.add, chore))
        self._timers.every(cadence.credential_check_s, self._upkeep)
        self._agenda.add("cycle")
        self._timers.start()

    @property
    def _announces(self) -> bool:
        """Only a daemon that goes on and acts: what nobody carries out is nothing to tell a pool's users."""
        goes_on = not self._how.once and not self._parts.time.virtual
        return goes_on and self._how.dispatch and any(pool.announce for pool in self._files.federation.pools)

    @property
    def _foretells(self) -> bool:
        """Only a daemon that goes on in real time: the child that makes forecasts lives by the machine's clock."""
        once, virtual = self._how.once, self._parts.time.virtual
        return not once and not virtual and self._files.federation.cadence.forecast_s > 0

    def _foretell(self) -> None:
        if self._foresight is not None:
            self._foresight.begin()

    def _upkeep(self) -> None:
        try:
            self._world.upkeep()
        except Exception:  # noqa: BLE001 - logged with its place; why it goes on stands below
            # The timers' thread has nobody above it to tell.
            _LOG.exception("upkeep-failed")

    def _stop(self) -> None:
        self._agenda.stop()
        # Whatever hangs, in whatever library: everything that matters is durable already, and the next start finds
        # the lease of a dead process.
        giving_up = threading.Timer(GIVE_UP_S, os._exit, args=[REFUSED])
        giving_up.daemon = True
        giving_up.start()

    def _hup(self) -> None:
        self._agenda.add("reload")


def _tell(listener: Callable[[Recorded], None], recorded: Recorded) -> None:
    try:
        listener(recorded)
    except Exception:  # noqa: BLE001 - logged with its place; why it goes on stands below
        # Whoever only looks on must not keep a cycle from acting: its intents are written down already.
        _LOG.exception("listener-failed")


def _within(seconds: float, stop: Callable[[], None]) -> None:
    """Call it, but wait no longer than so many seconds."""
    ending = threading.Thread(target=stop, name="world stop", daemon=True)
    ending.start()
    ending.join(seconds)
    if ending.is_alive():
        _LOG.warning("world-hangs", after_s=seconds)


@contextmanager
def _signals(handlers: dict[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    """Signals are noted and obeyed by the loop's thread; in a thread that gets none nothing is set."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        handlers[signal.Signals(number)]()

    before: dict[signal.Signals, Any] = {number: signal.signal(number, handle) for number in handlers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
