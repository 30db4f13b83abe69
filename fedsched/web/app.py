"""The routes: which address answers which question; what the answers are is made in `answers/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from fedsched.client import NoAnswer
from fedsched.config.settings import Web
from fedsched.web.answering import Asker, Room
from fedsched.web.asking import shown
from fedsched.web.dashboard import dashboard
from fedsched.web.desk import Desk
from fedsched.web.guard import FAULT, Guard
from fedsched.web.hosts import Hosts
from fedsched.web.job_logs import job_logs
from fedsched.web.metrics import Metrics, metrics_route
from fedsched.web.names import Names
from fedsched.web.newest import Newest
from fedsched.web.openapi import API, described, page, style
from fedsched.web.proving import proving
from fedsched.web.questions import QUESTIONS
from fedsched.web.replies import failed, refused
from fedsched.web.streams import Streams


class App:
    """The application over the newest cycle, as ASGI has it."""

    def __init__(
        self,
        newest: Newest,
        health: Callable[[], tuple[int, dict[str, Any]]],
        web: Web = Web(),  # noqa: B008 - frozen
        listen: str = "",
        metrics: Metrics | None = None,
    ) -> None:
        """`health`: HTTP status and body of /healthz. `listen`: where it listens, whose name it therefore has.

        metrics: what /metrics says; None where there are none.
        """
        self._streams = Streams(newest, web.streams)
        self._desk = Desk()
        room = Room(newest, self._desk, Names(web), self._streams)
        inner = Starlette(
            routes=[_health(health), *([metrics_route(metrics, self._desk)] if metrics else []), *_routes(room)],
            exception_handlers={NoAnswer: _no_answer, HTTPException: _http, Exception: _fault},
        )
        self._guarded = Guard(inner, Hosts(web.hosts, web.url, listen))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self._guarded(scope, receive, send)

    @property
    def streams(self) -> int:
        """Open event streams."""
        return self._streams.open

    def close(self) -> None:
        """End all streams and take no more questions, from any thread; waits for nothing."""
        self._streams.close()
        self._desk.close()


def _routes(room: Room) -> list[BaseRoute]:
    """All but /healthz. What takes every address that is left stands last."""
    asker = Asker(room)
    return [
        Route(f"{API}/explain/{{job:path}}/counterfactuals", proving(room)),
        Route(f"{API}/jobs/{{job:path}}/logs", job_logs(room)),
        *(Route(f"{API}{question.path}", asker.route(question)) for question in QUESTIONS),
        Route(f"{API}/cycles", room.streams.cycles),
        *dashboard(),
        Route("/openapi.json", described),
        Route("/api", page),
        Route("/api/style.css", style),
    ]


def _health(health: Callable[[], tuple[int, dict[str, Any]]]) -> Route:
    async def healthz(_request: Request) -> Response:
        status, body = health()
        return JSONResponse(body, status)

    return Route("/healthz", healthz)


async def _no_answer(_request: Request, error: Exception) -> Response:
    if not isinstance(error, NoAnswer):
        raise error
    return failed(error)


async def _fault(_request: Request, _error: Exception) -> Response:
    """A defect of ours: starlette raises it again after this answer, and the guard logs it."""
    return FAULT


async def _http(request: Request, error: Exception) -> Response:
    """What the router itself says: no such address."""
    if not isinstance(error, HTTPException):
        raise error
    text = f"nothing is at {shown(request.url.path)}" if error.status_code == 404 else error.detail
    return refused(error.status_code, text, "what there is: /api", error.headers)
