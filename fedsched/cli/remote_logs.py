"""`logs` of a daemon that is reached over HTTP alone: it reads the members; asks and prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedsched.cli import output
from fedsched.cli.log_lines import Followed, show
from fedsched.cli.output import Exit, Format

if TYPE_CHECKING:
    from fedsched.cli.daemon_answers import DaemonAnswers
    from fedsched.client.documents import LogsAsk


def remote_logs(server: str, ask: LogsAsk, form: Format) -> Exit:
    """Ask the daemon at `server` and show; 3 where something could not be read. Failure where it refuses."""
    from fedsched.cli.daemon_answers import DaemonAnswers
    from fedsched.cli.source import failed
    from fedsched.client import NoAnswer
    from fedsched.client.addresses import spelled

    try:
        with DaemonAnswers(spelled(server)) as daemon:
            return _followed(daemon, ask, form) if ask.follow else _read(daemon, ask, form)
    except NoAnswer as error:
        raise failed(error) or error from None


def _read(daemon: DaemonAnswers, ask: LogsAsk, form: Format) -> Exit:
    found = daemon.logs(ask)
    if form is Format.JSON:
        output.emit(found)
    else:
        show(found.lines, of_job=found.of_job)
    for why in found.unread:
        output.note(why)
    return Exit.PARTIAL if found.unread else Exit.DONE


def _followed(daemon: DaemonAnswers, ask: LogsAsk, form: Format) -> Exit:
    # Of names only a Kubernetes Job's has a namespace before it.
    shown = Followed(of_job="/" in ask.job, as_json=form is Format.JSON)
    try:
        for said in daemon.followed(ask):
            shown.show(said)
    except KeyboardInterrupt:
        output.note("")
    return Exit.PARTIAL if shown.unread else Exit.DONE
