"""The stream of a class's counterfactuals, one event for each change that was tried; proven by a child, not here."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from fedsched.answers import Answerer, View
from fedsched.answers.proving import Run
from fedsched.client import NoAnswer
from fedsched.client.documents import Counterfactuals, Failed, Tried, head
from fedsched.web.answering import Room, veiled
from fedsched.web.asking import asked
from fedsched.web.questions import JobAsk
from fedsched.web.replies import failed
from fedsched.web.veil import Veil


class _Asked(NamedTuple):
    """What a reader wants to know, and how he may see it."""

    view: View
    answers: Answerer
    key: str
    veil: Veil | None

    def event(self, name: str, answer: msgspec.Struct) -> ServerSentEvent:
        """An event with that as JSON."""
        body = msgspec.json.encode(answer) if self.veil is None else self.veil.encoded(answer)
        return ServerSentEvent(body.decode(), event=name)


def proving(room: Room) -> Callable[[Request], Awaitable[Response]]:
    """The route: events "tried", each a Tried, then "counterfactuals" with all, or "error" with a Failed."""

    async def answer(request: Request) -> Response:
        job = asked(request, JobAsk).job
        reader = room.names.reader(request.scope)
        view, answers = room.newest.shown

        def found() -> _Asked:
            veil = room.names.veil(reader, view)
            return _Asked(view, answers, answers.class_of(job if veil is None else veil.question(job)), veil)

        try:
            wanted = await room.desk.run(found, live=True)
        except NoAnswer as error:
            why = error
            return failed(why if reader.sees_all else await room.desk.run(lambda: veiled(why, reader, room, view)))
        return room.streams.stream(_events(wanted, room.newest.now))

    return answer


class _Proof:
    """One proving, ended with its reader: even one that begins, in a thread, only after he went away."""

    def __init__(self, begin: Callable[[], Run]) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._left = False

    def begin(self) -> Iterator[Tried]:
        """What it tries, as it comes; blocks."""
        run = self._begin()
        with self._lock:
            self._run = run
            left = self._left
        if left:
            run.stop()
        return iter(run)

    def end(self) -> None:
        """Its reader is gone, or it is over."""
        with self._lock:
            self._left = True
            run = self._run
        if run is not None:
            run.stop()


async def _events(wanted: _Asked, now: Callable[[], float]) -> AsyncIterator[ServerSentEvent]:
    began, all_of, done = time.monotonic(), [], 0
    proof = _Proof(partial(wanted.answers.proving, wanted.key))
    try:
        tries = await asyncio.to_thread(proof.begin)
        while (tried := await asyncio.to_thread(_next, tries)) is not None:
            done = tried.done
            all_of += [tried.found] if tried.found else []
            yield wanted.event("tried", tried)
        seconds = round(time.monotonic() - began, 3)
        of = head(wanted.view.of(now()))
        answer = Counterfactuals(**of, key=wanted.key, counterfactuals=tuple(all_of), tried=done, seconds=seconds)
        yield wanted.event("counterfactuals", answer)
    except NoAnswer as error:
        yield wanted.event("error", Failed(what=error.what, text=error.text, hint=error.hint))
    finally:
        proof.end()


def _next(tries: Iterator[Tried]) -> Tried | None:
    return next(tries, None)
