"""By which names a daemon may be called: a page of elsewhere that has its name point here gets no answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

ALWAYS = frozenset({"localhost", "127.0.0.1", "::1"})
WILD = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - what is compared, not bound
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::[0-9]{1,5})?")


class Hosts:
    """Names from settings. hosts: [web] hosts. url: [web] url. listen: where it listens."""

    def __init__(self, hosts: Iterable[str] = (), url: str = "", listen: str = "") -> None:
        listening = "" if listen.startswith("unix:") else listen.rpartition(":")[0].strip("[]")
        named = {*hosts, urlsplit(url).hostname or "", listening}
        self._names = ALWAYS | {_plain(name) for name in named if _plain(name) not in WILD}

    def admits(self, header: str, local: str) -> bool:
        """Whether a Host header names us. local: the number of this machine at which the request came in.

        Numbers that are ours are no danger: only a name can be made to point here by somebody else.
        """
        found = _HOST.fullmatch(header)
        if not found:
            return False
        name = _plain(found["six"] or found["name"])
        return name in self._names or name == _plain(local)


def _plain(name: str) -> str:
    return name.strip().strip("[]").rstrip(".").lower()
