"""The dashboard's page and what it loads, as they lie in this package; what they show comes from the API."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PAGE = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Types of what is served; nothing else of the package is."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""Nothing from elsewhere, nothing inline, and no text that becomes markup."""


class Asset(NamedTuple):
    """One file: bytes as they are and compressed, type, and a tag that changes with the bytes."""

    body: bytes
    packed: bytes
    kind: str
    tag: str


def dashboard() -> list[Route]:
    """Routes of the page, "/", and of all that it loads."""
    return [Route("/", page), Route("/dashboard/{name}", asset)]


async def page(request: Request) -> Response:
    """The page itself."""
    return _sent(request, assets()[PAGE])


async def asset(request: Request) -> Response:
    """One of its files, by name."""
    found = assets().get(request.path_params["name"])
    if found is None:
        return Response("there is no such file here\n", 404, media_type="text/plain")
    return _sent(request, found)


@cache
def assets() -> dict[str, Asset]:
    """All of them by name, read once."""
    found = {}
    for file in files(__name__).iterdir():
        kind = TYPES.get(PurePath(file.name).suffix)
        if kind is not None:
            body = file.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
            found[file.name] = Asset(body, gzip.compress(body, mtime=0), kind, tag)
    return found


def _sent(request: Request, found: Asset) -> Response:
    packed = "gzip" in request.headers.get("accept-encoding", "")
    # The compressed form is another sequence of bytes, so it has a tag of its own (RFC 9110, section 8.8.3).
    tag = f'{found.tag[:-1]}-gzip"' if packed else found.tag
    headers = {
        "ETag": tag,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if packed else found.body, headers=headers, media_type=found.kind)
