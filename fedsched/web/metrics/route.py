"""/metrics over HTTP; what it says is made beside."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedsched.web.desk import Desk
from fedsched.web.metrics.exposition import Metrics, encoding


def metrics_route(metrics: Metrics, desk: Desk) -> Route:
    """The address that Prometheus asks; made beside the loop, once for all who ask within a second."""

    async def answer(request: Request) -> Response:
        encode, kind = encoding(request.headers.get("accept", ""))
        body = await desk.once(("metrics", kind), partial(metrics.scrape, encode))
        return Response(body, headers={"Content-Type": kind, "Cache-Control": "no-store"})

    return Route("/metrics", answer)
