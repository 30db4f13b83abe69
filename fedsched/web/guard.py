"""Before and after every answer: what is no request of ours is refused, faults are kept inside, headers are set."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fedsched.log import log
from fedsched.web.asking import shown
from fedsched.web.hosts import Hosts
from fedsched.web.pace import Pace
from fedsched.web.replies import refused

LONGEST_PATH = 2048
LONGEST_QUERY = 4096
MOST_HEADERS = 64
METHODS = ("GET", "HEAD")
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
CLOSE = {"Connection": "close"}
FAULT = refused(500, "fedsched failed to answer this; its log has the cause", "fedsched doctor")
_LOG = log("web")


class Guard:
    """Around the application. hosts: names that we go by."""

    def __init__(self, inner: ASGIApp, hosts: Hosts) -> None:
        self._inner = inner
        self._hosts = hosts
        self._pace = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        sent: list[str] = []

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                _dress(message)
            sent.append("" if message.get("more_body") else message["type"])
            await send(message)

        await self._pace.turn()
        answer = self._refusal(scope)
        if answer is not None:
            await answer(scope, receive, dressed)
            return
        try:
            await self._inner(scope, receive, dressed)
        except Exception:
            _LOG.exception("request-failed", path=scope["path"][:LONGEST_PATH])
            if not sent:
                await FAULT(scope, receive, dressed)
            elif sent[-1] != "http.response.body":
                # Half an answer is out: only its connection's end tells the reader.
                raise

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request is not looked at; None when it is."""
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if scope["method"] not in METHODS:
            text = f"{shown(scope['method'])} is not done here: everything is read-only"
            return refused(405, text, headers={"Allow": ", ".join(METHODS), **CLOSE})
        if len(scope["headers"]) > MOST_HEADERS:
            return refused(431, f"more than {MOST_HEADERS} headers", headers=CLOSE)
        if (length.isdigit() and int(length) > 0) or "transfer-encoding" in headers:
            # Nobody reads it: what follows would be taken for the next request, or keep the connection for ever.
            return refused(413, "a question has no body here", headers=CLOSE)
        if len(scope["raw_path"]) > LONGEST_PATH or len(scope["query_string"]) > LONGEST_QUERY:
            text = f"longer than {LONGEST_PATH} bytes of path or {LONGEST_QUERY} of query"
            return refused(414, text, headers=CLOSE)
        return self._misdirected(scope, headers.getlist("host"))

    def _misdirected(self, scope: Scope, hosts: list[str]) -> Response | None:
        if len(hosts) == 1 and self._hosts.admits(hosts[0], (scope.get("server") or ("",))[0]):
            return None
        named = shown(", ".join(hosts)) if hosts else "no host"
        text = f"the request is for {named}, and fedsched here does not go by that name"
        return refused(421, text, 'name it in fedsched.toml: [web] hosts = ["…"], and restart the daemon')


def _dress(message: Message) -> None:
    headers = MutableHeaders(raw=message.setdefault("headers", []))
    for name, value in SECURITY.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
