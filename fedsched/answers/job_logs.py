"""What the pods of a job wrote, for whoever asks a daemon: read from members, in seconds; who may is not known here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from fedsched.answers.concerned import Concern, concerned
from fedsched.answers.gathering import Gathered, Gathering
from fedsched.answers.known import Known, known_in
from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import LogLine, Logs, LogsAsk, Of, head
from fedsched.config.settings import Federation, MemberFile
from fedsched.kube.pod_logs import LogAsk

MOST_FOLLOWED = 16
"""Logs that are followed at once: each has a stream for each of its pods."""


class JobLogs:
    """Of one federation, in whatever thread asks. members: their files as they are now."""

    def __init__(self, settings: Federation, members: Callable[[], tuple[MemberFile, ...]]) -> None:
        self._settings = settings
        self._members = members
        self._places = threading.BoundedSemaphore(MOST_FOLLOWED)

    def about(self, view: View, job: str) -> tuple[Concern, ...]:
        """What the name means. NoAnswer where that is nothing, or where a simulated federation has no logs."""
        if any(member.simulated is not None for member in self._members()):
            raise NoAnswer("refused", "a simulated federation has no pods, and so no logs", "fedsched events JOB")
        return concerned(known_in(view, self._settings.journal, self._settings.records, job), job)

    def read(self, of: Of, ask: LogsAsk, about: Sequence[Concern]) -> Logs:
        """Lines that there are, by time, as many as `ask` wants. NoAnswer (unreachable) where no member answers."""
        found: Gathered = self._gathering().logs(about, _ask(ask), ask.container)
        if found.silent and found.silent == found.asked and not found.logs:
            raise NoAnswer("unreachable", f"no member answers: {found.unread[0]}", "fedsched doctor")
        of_job = all(one.of_job for one in about)
        return Logs(**head(of), job=ask.job, lines=found.logs, unread=found.unread, of_job=of_job)

    def follow(self, view: Callable[[], View], ask: LogsAsk, stopped: Callable[[], bool]) -> Iterator[LogLine | str]:
        """Lines as they are written, until all is over or `stopped`; a text says what cannot be read.

        view: the newest cycle, asked again and again. NoAnswer (busy) while too many are followed already.
        """
        if not self._places.acquire(blocking=False):
            raise NoAnswer("busy", f"{MOST_FOLLOWED} logs are followed already", "ask again without follow")
        try:
            find = lambda: self._still(view(), ask.job)  # noqa: E731 - what is asked again and again
            yield from self._gathering().follow(find, _ask(ask), ask.container, stopped)
        finally:
            self._places.release()

    def _still(self, view: View, job: str) -> Sequence[Concern]:
        """What a cycle alone knows of it: records are too long to be read again and again."""
        try:
            return concerned(Known(view.plan, view.observation), job)
        except NoAnswer:
            return ()

    def _gathering(self) -> Gathering:
        return Gathering(self._settings, self._members())


def _ask(ask: LogsAsk) -> LogAsk:
    return LogAsk(since=ask.since or None, tail=ask.tail, previous=ask.previous)
