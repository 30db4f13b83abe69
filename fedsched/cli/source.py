"""Where a read verb's answers come from: a daemon that answers, else the journal's last cycle; no verb is here."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fedsched.cli import output
from fedsched.cli.options import config_file
from fedsched.cli.output import Exit, Failure
from fedsched.client import Answers

if TYPE_CHECKING:
    from fedsched.answers import View
    from fedsched.client.documents import Cycle, Document
    from fedsched.config.settings import Federation
    from fedsched.journal import Journal
    from fedsched.journal.lease import Lease

LOOK_S = 1.0
"""Between two looks at a journal, and between two tries to reach a daemon that went."""
PATIENCE_S = 3.0
"""So long a stream of cycles that broke off is tried again before the journal is read instead."""
CONNECT_S = 1.0
"""So long a daemon has to take a connection before the journal is read instead."""
_CODES = {
    "unknown": Exit.REFUSED,
    "ambiguous": Exit.REFUSED,
    "refused": Exit.REFUSED,
    "bad-question": Exit.USAGE,
    "no-cycle": Exit.STALE,
    "unreachable": Exit.UNREACHABLE,
    "busy": Exit.UNREACHABLE,
}


class Daemon(Answers, Protocol):
    """Answers that can be waited for."""

    def cycles(self, patience_s: float) -> Iterator[Cycle]:
        """The newest cycle, then each that follows; NoAnswer when the daemon is gone for so long."""
        ...


class Source:
    """Somebody who answers. settings: of the federation, None where only a daemon's address is known.

    live: it is a daemon. lacking: why it is the journal, as a sentence. stopped: no daemon runs that could follow.
    """

    def __init__(self, answers: Answers, settings: Federation | None, daemon: Daemon | None = None) -> None:
        self.answers = answers
        self.settings = settings
        self.live = daemon is not None
        self.lacking = ""
        self.stopped = False
        self._daemon = daemon
        self._told = False

    def cycles(self) -> Iterator[int]:
        """The number of each cycle as it ends. Over when somebody else should be asked: `source` finds whom."""
        if self._daemon is not None:
            yield from (one.cycle for one in self._daemon.cycles(PATIENCE_S))
        elif self.settings is not None:
            before = _stamp(self.settings)
            while _stamp(self.settings) == before and not any(map(_takes_calls, _addresses(self.settings))):
                time.sleep(LOOK_S)

    def code(self, answer: Document) -> Exit:
        """What a verb ends with that shows this answer; what a person must know of its age is said once."""
        if not self._told:
            self._told = True
            self._tell(answer)
        return Exit.STALE if answer.stale or self.stopped else Exit.DONE

    def _tell(self, answer: Document) -> None:
        from fedsched.matchmaker.explain import age

        if not self.live and self.settings is not None and simulated(self.settings):
            return
        if not self.live:
            ask = " Is `fedsched serve` running?" if self.stopped or answer.stale else ""
            output.note(f"{self.lacking} This is the journal's last cycle, {age(answer.age_s)} old.{ask}")
        elif answer.stale:
            output.note(
                f"The daemon answers, but its last cycle is {age(answer.age_s)} old: is `fedsched serve` stuck? "
                "Everything here is that old."
            )


@contextmanager
def source(config: Path | None, server: str = "") -> Iterator[Source]:
    """Who answers: `server` and nobody else where it is named, else whoever can. Failure where nobody can."""
    with ExitStack() as until:
        try:
            yield _named(server, until) if server else _found(config, until)
        except Exception as error:
            failure = failed(error)
            if failure is None:
                raise
            raise failure from None


def failed(error: Exception) -> Failure | None:
    """A question without an answer as a verb's end; None for any other error."""
    from fedsched.client import NoAnswer

    if not isinstance(error, NoAnswer):
        return None
    return Failure(_CODES.get(error.what, Exit.REFUSED), error.text, error.hint)


def present(settings: Federation, last_at: float) -> float:
    """Now in epoch seconds; in a simulated federation, which has a time of its own, when its last cycle was."""
    return last_at if simulated(settings) else time.time()


def simulated(settings: Federation) -> bool:
    """Whether its folder is that of a simulation."""
    from fedsched.config.checks import SCENARIO

    return (settings.root / SCENARIO).is_file()


def _named(server: str, until: ExitStack) -> Source:
    from fedsched.client.addresses import spelled

    daemon = _daemon(spelled(server), until)
    return Source(daemon, None, daemon)


def _daemon(address: str, until: ExitStack) -> Daemon:
    from fedsched.cli.daemon_answers import DaemonAnswers, serves

    if serves(address):
        return until.enter_context(DaemonAnswers(address))
    from fedsched.client import Client

    return until.enter_context(Client(address))


def _found(config: Path | None, until: ExitStack) -> Source:
    from fedsched.config.federation import load_federation

    file = config_file(config)
    settings = load_federation(file)
    for address in _addresses(settings):
        if _takes_calls(address):
            daemon = _daemon(address, until)
            if address.startswith("unix:") or _is_of(daemon, settings):
                return Source(daemon, settings, daemon)
    return _journal(file, settings, until)


def _addresses(settings: Federation) -> list[str]:
    """Where its daemon would answer: the socket is nobody else's, the port may be another federation's."""
    tried = [f"unix:{settings.socket}"] if settings.socket else []
    if settings.listen.startswith("unix:"):
        return [*tried, settings.listen]
    host, _, port = settings.listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - only called
    return tried if port == "0" else [*tried, f"http://{host}:{port}"]


def _takes_calls(address: str) -> bool:
    if address.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as over:
            over.settimeout(CONNECT_S)
            return _connects(over, address.removeprefix("unix:"))
    host, _, port = address.removeprefix("http://").rpartition(":")
    host = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as over:
        over.settimeout(CONNECT_S)
        return _connects(over, (host, int(port)))


def _connects(over: socket.socket, to: str | tuple[str, int]) -> bool:
    try:
        over.connect(to)
    except (OSError, ValueError):
        return False
    return True


def _stamp(settings: Federation) -> tuple[int, ...]:
    """Changes whenever something is written to the journal."""
    place = settings.journal.partition(":")[2]
    files = (Path(place), Path(f"{place}-wal"))
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


def _is_of(answers: Answers, settings: Federation) -> bool:
    """Whether the daemon at a port serves this federation; one that has no cycle yet is believed."""
    from fedsched.client import NoAnswer

    try:
        return answers.overview().federation in {"", settings.id}
    except NoAnswer as error:
        return error.what == "no-cycle"


def _journal(file: Path, settings: Federation, until: ExitStack) -> Source:
    from fedsched.journal import open_journal

    where = " or ".join(_addresses(settings)) or "any address"
    place = Path(settings.journal.partition(":")[2])
    # Opening would make one, and a reader leaves no trace.
    if not place.is_file():
        text = f"neither a daemon nor a journal: nothing answers at {where}, and there is no {place}"
        raise Failure(Exit.UNREACHABLE, text, f"start it: fedsched serve --config {file}")
    journal = open_journal(settings.journal, reading=True)
    until.callback(journal.close)
    found = Source(_answerer(settings, journal), settings)
    found.lacking = f"No daemon answers at {where}."
    lease = journal.lease()
    if lease is not None and _lives(lease):
        found.lacking = f"{str(lease.holder).capitalize()} runs the federation, but does not answer at {where}."
    else:
        found.stopped = not simulated(settings)
    return found


def _lives(lease: Lease) -> bool:
    from fedsched.journal import Holder

    return time.time() < lease.expires_at and not lease.holder.is_surely_gone(Holder.mine())


def journal_view(settings: Federation) -> View:
    """The journal's last cycle, for what no daemon answers. Failure (stale) where none is recorded."""
    from fedsched.journal import open_journal

    journal = open_journal(settings.journal, reading=True)
    try:
        return _view(settings, journal)
    finally:
        journal.close()


def _answerer(settings: Federation, journal: Journal) -> Answers:
    from fedsched.answers import Answerer
    from fedsched.answers.history import turns_in

    view = _view(settings, journal)
    return Answerer(view, lambda: present(settings, view.plan.at), turns=turns_in(settings.journal))


def _view(settings: Federation, journal: Journal) -> View:
    from fedsched.answers import View

    with _unswept():
        cycle = journal.last_cycle()
    if cycle is None:
        text = f"no cycle is recorded yet in {settings.journal.partition(':')[2]}"
        raise Failure(Exit.STALE, text, "start one: fedsched serve --once --dispatch=none")
    return View(cycle, journal.orders(), settings.cadence.cycle_s, "journal", settings.id)


@contextmanager
def _unswept() -> Iterator[None]:
    """Without a collector of garbage, which finds none in a million values just made, and takes longer than they do."""
    import gc

    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
