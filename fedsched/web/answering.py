"""One question over HTTP: who asks, what he may see, whether he has it already, and the answer; makes none itself."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fedsched.answers import View
from fedsched.client import Answers, NoAnswer
from fedsched.client.documents import Document
from fedsched.web.asking import asked
from fedsched.web.desk import Desk
from fedsched.web.names import Names, Reader
from fedsched.web.newest import Newest
from fedsched.web.questions import Question
from fedsched.web.replies import JSON, failed
from fedsched.web.streams import Streams
from fedsched.web.veil import Veil, unknown

CACHING = {"Cache-Control": "private, no-cache"}
"""Kept by nobody but the reader's own program, which asks each time whether it is still so."""


class Room(NamedTuple):
    """What routes share. newest: the cycle. desk: where answers are made. names: who may see whose.

    streams: what goes on until its reader leaves.
    """

    newest: Newest
    desk: Desk
    names: Names
    streams: Streams


class Asker:
    """Answers questions of the table. room: what it shares with other routes."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._start = secrets.token_hex(4)

    def route(self, question: Question) -> Callable[[Request], Awaitable[Response]]:
        """What answers that question at its address."""

        async def answer(request: Request) -> Response:
            return await self._answer(question, request)

        return answer

    async def _answer(self, question: Question, request: Request) -> Response:
        room = self._room
        ask = asked(request, question.asks)
        reader = room.names.reader(request.scope)
        view, answers = room.newest.shown
        key = (question.name, msgspec.json.encode(ask), reader)
        tag = self._tag(view, key, stale=view.of(room.newest.now()).stale)
        headers = {**CACHING, "ETag": tag}
        if not question.live and tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)

        def make() -> bytes:
            return made(question, ask, answers, room.names.veil(reader, view))

        try:
            body = await room.desk.once((view.plan.cycle, key), make, live=question.live)
        except NoAnswer as found:
            error = found
        else:
            return Response(body, headers=headers if not question.live else None, media_type=JSON)
        return failed(error if reader.sees_all else await room.desk.run(lambda: veiled(error, reader, room, view)))

    def _tag(self, view: View, key: tuple[str, bytes, Reader], *, stale: bool) -> str:
        """Weak: of the same cycle, for the same reader. Sentences' ages may differ."""
        of = repr((self._start, view.plan.cycle, stale, key)).encode()
        return f'W/"{view.plan.cycle}-{hashlib.blake2b(of, digest_size=8).hexdigest()}"'


def made(question: Question, ask: msgspec.Struct, answers: Answers, veil: Veil | None) -> bytes:
    """The encoded answer, under pseudonyms where there is a veil. NoAnswer as the question has it."""
    if veil is None:
        return msgspec.json.encode(question.ask(answers, ask))
    if question.blind is None:
        return veil.encoded(question.ask(answers, _plain(ask, veil)))
    whole = question.ask(answers, question.blind.ask)
    if ask == question.blind.ask:
        return veil.encoded(whole)
    return msgspec.json.encode(question.blind.narrow(veil.document(whole), ask))


def _plain(ask: msgspec.Struct, veil: Veil) -> msgspec.Struct:
    """The question with names for pseudonyms."""
    texts = {name: getattr(ask, name) for name in ask.__struct_fields__}
    return msgspec.structs.replace(
        ask, **{name: veil.question(text) for name, text in texts.items() if isinstance(text, str)}
    )


def veiled(error: NoAnswer, reader: Reader, room: Room, view: View) -> NoAnswer:
    """A refusal under pseudonyms. One that knows no such thing says no more than that: no name that is like it."""
    veil = room.names.veil(reader, view)
    if veil is None:
        return error
    if error.what == "unknown":
        return unknown()
    return NoAnswer(error.what, veil.text(error.text), veil.text(error.hint))


def document_of(answer: Document, veil: Veil | None) -> bytes:
    """A document that another route made, as its reader may see it."""
    return msgspec.json.encode(answer) if veil is None else veil.encoded(answer)
