"""The routes: which address answers which question; what the answers are is made in `answers/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fedsched.client import NoAnswer
from fedsched.client.documents import Document, Failed, QueueAsk
from fedsched.web.newest import Newest

STATUS = {"unknown": 404, "ambiguous": 409, "bad-question": 400, "refused": 403, "no-cycle": 503, "busy": 503}
"""HTTP status of a question without an answer; "unreachable" is the client's own word."""
A = TypeVar("A", bound=msgspec.Struct)


class HistoryAsk(msgspec.Struct, frozen=True):
    """since: epoch seconds."""

    since: float = 0.0


def app(newest: Newest, health: Callable[[], tuple[int, dict[str, Any]]]) -> Starlette:
    """The application over the newest cycle. health: HTTP status and body of /healthz."""

    async def healthz(_request: Request) -> Response:
        status, body = health()
        return JSONResponse(body, status)

    def queue(request: Request) -> Response:
        return document(newest.answers.queue(asked(request, QueueAsk)))

    def history(request: Request) -> Response:
        ask = asked(request, HistoryAsk)
        return document(newest.answers.history(request.path_params["job"], ask.since))

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/api/v1/queue", queue),
            Route("/api/v1/history/{job:path}", history),
        ],
        exception_handlers={NoAnswer: no_answer},
    )


def asked(request: Request, kind: type[A]) -> A:
    """The question's parameters, checked. NoAnswer (bad-question) names the one that is wrong."""
    given = dict(request.query_params)
    for name in given:
        if name not in kind.__struct_fields__:
            raise NoAnswer("bad-question", f"no parameter {name!r} here; known: {', '.join(kind.__struct_fields__)}")
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise NoAnswer("bad-question", str(error)) from None


def document(answer: Document, status: int = 200) -> Response:
    """An answer as JSON."""
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


def no_answer(_request: Request, error: Exception) -> Response:
    """A question without an answer, as JSON with its status."""
    if not isinstance(error, NoAnswer):
        raise error
    return document(Failed(what=error.what, text=error.text, hint=error.hint), STATUS.get(error.what, 500))
