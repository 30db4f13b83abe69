"""Where a daemon is: addresses as people write them, and where to look without any."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fedsched.client.protocol import NoAnswer

VARIABLE = "FEDSCHED_SERVER"
CONFIG_VARIABLE = "FEDSCHED_CONFIG"
SOCKET = "fedsched.sock"
"""What a daemon's socket is called unless its fedsched.toml says otherwise; it stands beside that file."""
FOLDERS = (Path(), Path("/etc/fedsched"))
LOOPBACK = "http://127.0.0.1:9680"
"""Where a daemon listens unless its fedsched.toml says otherwise."""


def address(given: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Where to ask: `given`, else FEDSCHED_SERVER, else a socket of this machine, else the port on loopback.

    Sockets are looked for beside the file that FEDSCHED_CONFIG names, here, and in /etc/fedsched.
    """
    environment = os.environ if environment is None else environment
    named = given or environment.get(VARIABLE)
    if named:
        return spelled(named)
    config = environment.get(CONFIG_VARIABLE)
    folders = (Path(config).parent, *FOLDERS) if config else FOLDERS
    for folder in folders:
        if (folder / SOCKET).is_socket():
            return f"unix:{folder / SOCKET}"
    return LOOPBACK


def spelled(text: str) -> str:
    """An address as a client takes it, from all its spellings: a path, "unix:PATH", "host:port", or a URL.

    NoAnswer (bad-question) for a URL of another kind.
    """
    if text.startswith(("unix:", "http://", "https://")):
        return text
    if "://" in text:
        raise NoAnswer(
            "bad-question", f"{text[:80]!r} is no address of a daemon", "host:port, an http URL, or unix:PATH"
        )
    return f"unix:{text}" if "/" in text else f"http://{text}"
