"""Logs of a job over HTTP: the lines that there are, or a stream of them; who may read is decided by [web] names.

A log cannot be put under pseudonyms: who may not see all names reads only those of his own Jobs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from fedsched.answers.concerned import Concern
from fedsched.answers.job_logs import JobLogs
from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import Failed, LogLine, LogsAsk
from fedsched.web.answering import Room, veiled
from fedsched.web.asking import asked
from fedsched.web.replies import JSON, failed
from fedsched.web.veil import Veil, unknown

MOST_WAITING = 1000
"""Lines that wait for a reader of a stream; beyond that the pods' streams are read no further."""
MOST_OF_AN_EVENT = 64 * 1024
"""Characters of lines in one event."""
ENDED = None


class _Asked(NamedTuple):
    """What somebody wants to read. about: its placements, all of which he may read."""

    logs: JobLogs
    ask: LogsAsk
    about: Sequence[Concern]
    view: View


def job_logs(room: Room) -> Callable[[Request], Awaitable[Response]]:
    """The route: a Logs document, or with `follow` events "lines" (a list of LogLine), "unread" (a text), "end"."""

    async def answer(request: Request) -> Response:
        ask = asked(request, LogsAsk)
        reader = room.names.reader(request.scope)
        view, answers = room.newest.shown

        def meant() -> _Asked:
            logs = answers.logs
            if logs is None:
                raise NoAnswer("refused", "this daemon reads no logs", "fedsched logs JOB, where its files are")
            return _permitted(logs, ask, view, room.names.veil(reader, view))

        def read(one: _Asked) -> bytes:
            of = one.view.of(room.newest.now())
            return msgspec.json.encode(one.logs.read(of, one.ask, one.about))

        try:
            wanted = await room.desk.run(meant, live=True)
            if ask.follow:
                return room.streams.stream(_events(wanted, lambda: room.newest.shown[0]))
            body = await room.desk.run(lambda: read(wanted), live=True)
        except NoAnswer as error:
            why = error
            return failed(why if reader.sees_all else await room.desk.run(lambda: veiled(why, reader, room, view)))
        return Response(body, media_type=JSON)

    return answer


def _permitted(logs: JobLogs, ask: LogsAsk, view: View, veil: Veil | None) -> _Asked:
    """What is meant, if he may read it. NoAnswer as for a name that nobody has where he may not."""
    if veil is None:
        return _Asked(logs, ask, logs.about(view, ask.job), view)
    plain = msgspec.structs.replace(ask, job=veil.question(ask.job))
    about = logs.about(view, plain.job)
    # A startd's log tells of all whose jobs it ran; a Job's copy runs for one user.
    if not all(one.of_job and veil.shows(one.principal.user) for one in about):
        raise unknown()
    return _Asked(logs, plain, about, view)


async def _events(wanted: _Asked, view: Callable[[], View]) -> AsyncIterator[ServerSentEvent]:
    """Lines from a thread that reads members, until that ends or the reader goes."""
    lines = _Lines(asyncio.get_running_loop())
    thread = threading.Thread(target=lines.fill, args=(wanted, view), name=f"follow {wanted.ask.job}"[:60], daemon=True)
    thread.start()
    try:
        while (said := await lines.next()) is not ENDED:
            if isinstance(said, NoAnswer):
                yield _event("error", Failed(what=said.what, text=said.text, hint=said.hint))
                return
            yield _event("unread" if isinstance(said, str) else "lines", said)
        yield _event("end", "")
    finally:
        lines.stop()


def _event(name: str, said: object) -> ServerSentEvent:
    return ServerSentEvent(msgspec.json.encode(said).decode(), event=name, sep="\n")


_Said = list[LogLine] | str | NoAnswer | None


class _Lines:
    """Lines on their way from one thread to the event loop; whoever reads too slowly holds that thread up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[LogLine | str | NoAnswer | None] = asyncio.Queue()
        self._room = threading.BoundedSemaphore(MOST_WAITING)
        self._stopped = threading.Event()

    def fill(self, wanted: _Asked, view: Callable[[], View]) -> None:
        """In the thread: until all is over or the reader is gone."""
        try:
            for said in wanted.logs.follow(view, wanted.ask, self._stopped.is_set):
                while not self._room.acquire(timeout=1.0):
                    if self._stopped.is_set():
                        return
                self._put(said)
        except NoAnswer as error:
            self._put(error)
        finally:
            self._put(ENDED)

    async def next(self) -> _Said:
        """All lines that are there, at least one; or a text, a refusal, or the end."""
        first = await self._queue.get()
        if not isinstance(first, LogLine):
            return self._taken(first)
        found, size = [first], len(first.text)
        while size < MOST_OF_AN_EVENT and not self._queue.empty():
            more = self._queue.get_nowait()
            if not isinstance(more, LogLine):
                self._queue.put_nowait(more)  # told behind these: nothing follows the end, and order is of lines alone
                break
            found.append(more)
            size += len(more.text)
        for _ in found:
            self._room.release()
        return found

    def stop(self) -> None:
        """The reader is gone, or all was told."""
        self._stopped.set()

    def _taken(self, said: str | NoAnswer | None) -> str | NoAnswer | None:
        if isinstance(said, str):
            self._room.release()
        return said

    def _put(self, said: LogLine | str | NoAnswer | None) -> None:
        if not self._stopped.is_set() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, said)
