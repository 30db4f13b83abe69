"""Where a read verb's answers come from: a daemon that answers, else the journal's last cycle; no verb is here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fedsched.cli import output, reach
from fedsched.cli.journal_answers import file_of, present, read, simulated, stamp
from fedsched.cli.options import config_file
from fedsched.cli.output import Exit, Failure
from fedsched.client import Answers

if TYPE_CHECKING:
    from fedsched.client.documents import Cycle, Document
    from fedsched.config.settings import Federation

LOOK_S = 1.0
"""Between two looks at a journal, and between two tries to reach a daemon that went."""
PATIENCE_S = 3.0
"""So long a stream of cycles that broke off is tried again before the journal is read instead."""
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
            before = stamp(self.settings)
            while stamp(self.settings) == before and not any(map(reach.answers, reach.addresses(self.settings))):
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
    for address in reach.addresses(settings):
        if reach.answers(address):
            daemon = _daemon(address, until)
            if address.startswith("unix:") or _is_of(daemon, settings):
                return Source(daemon, settings, daemon)
    return _journal(file, settings, until)


def _is_of(answers: Answers, settings: Federation) -> bool:
    """Whether the daemon at a port serves this federation; one that has no cycle yet is believed."""
    from fedsched.client import NoAnswer

    try:
        return answers.overview().federation in {"", settings.id}
    except NoAnswer as error:
        return error.what == "no-cycle"


def _journal(file: Path, settings: Federation, until: ExitStack) -> Source:
    where = " or ".join(reach.addresses(settings)) or "any address"
    # Opening would make one, and a reader leaves no trace.
    if not file_of(settings).is_file():
        text = f"neither a daemon nor a journal: nothing answers at {where}, and there is no {file_of(settings)}"
        raise Failure(Exit.UNREACHABLE, text, f"start it: fedsched serve --config {file}")
    answers, daemon = read(settings, until)
    found = Source(answers, settings)
    found.lacking = f"No daemon answers at {where}."
    if daemon is not None:
        found.lacking = f"{str(daemon).capitalize()} runs the federation, but does not answer at {where}."
    found.stopped = daemon is None and not simulated(settings)
    return found


__all__ = ["Daemon", "Source", "failed", "present", "simulated", "source"]
