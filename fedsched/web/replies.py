"""How answers and refusals look on the wire: JSON, status, headers; what they say is made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from fedsched.client import NoAnswer
from fedsched.client.documents import Document, Failed

STATUS = {"unknown": 404, "ambiguous": 409, "bad-question": 400, "refused": 403, "no-cycle": 503, "busy": 503}
"""HTTP status of a question without an answer; "unreachable" is the client's own word."""
RETRY_S = 2
"""After so many seconds whoever was told "busy" or "no-cycle" may ask again."""
JSON = "application/json"


def document(answer: Document, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document as JSON."""
    return Response(msgspec.json.encode(answer), status, headers, JSON)


def failed(error: NoAnswer) -> Response:
    """A question without an answer, as JSON with its status."""
    status = STATUS.get(error.what, 500)
    told = Failed(what=error.what, text=error.text, hint=error.hint)
    return document(told, status, {"Retry-After": str(RETRY_S)} if status == 503 else None)


def refused(status: int, text: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """A request that is no question of ours, as JSON."""
    what = "unknown" if status == 404 else "busy" if status == 503 else "bad-question" if status < 500 else "refused"
    return document(Failed(what=what, text=text, hint=hint), status, headers)
