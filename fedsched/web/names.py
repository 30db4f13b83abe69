"""Who may see whose names: by [web] names, the socket that a reader came by, and what a proxy says of him."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import Scope

from fedsched.answers import View
from fedsched.client import NoAnswer
from fedsched.config.settings import Web
from fedsched.web.aliases import Aliases
from fedsched.web.connection import OVER_UNIX
from fedsched.web.people import People
from fedsched.web.veil import Veil

LONGEST_NAME = 256
MOST_VEILS = 32
"""Readers of one cycle for whom texts are remembered."""


class Reader(NamedTuple):
    """Who asks. sees_all: all names. own: the one user whom he may see besides, "" for nobody."""

    sees_all: bool
    own: str = ""


class Names:
    """What [web] says of names. Used from the event loop (`reader`) and from the threads that answer (`veil`)."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._aliases = Aliases()
        self._lock = threading.Lock()
        self._view: View | None = None
        self._people: People | None = None
        self._veils: OrderedDict[str, Veil] = OrderedDict()

    def reader(self, scope: Scope) -> Reader:
        """Who asks. NoAnswer (bad-question) where the proxy's header is there twice or too long.

        The header is believed of anybody who can reach the port: docs/api.md says who that must be.
        """
        if self._web.names == "all" or scope.get("extensions", {}).get(OVER_UNIX):
            return Reader(sees_all=True)
        if self._web.names == "none" or not self._web.user_header:
            return Reader(sees_all=False)
        said = Headers(scope=scope).getlist(self._web.user_header)
        if len(said) > 1 or any(len(one) > LONGEST_NAME for one in said):
            raise NoAnswer("bad-question", f"header {self._web.user_header} is there twice, or too long")
        return Reader(sees_all=False, own=said[0].strip() if said else "")

    def veil(self, reader: Reader, view: View) -> Veil | None:
        """What hides foreign names from him; None where he sees all."""
        if reader.sees_all:
            return None
        with self._lock:
            if self._view is not view or self._people is None:
                self._view, self._people = view, People(view)
                self._veils.clear()
            found = self._veils.pop(reader.own, None) or Veil(self._people, self._aliases, reader.own)
            self._veils[reader.own] = found
            if len(self._veils) > MOST_VEILS:
                self._veils.popitem(last=False)
            return found
