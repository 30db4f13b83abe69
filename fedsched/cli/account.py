"""Who types: the account of the operating system, as Jobs are charged to it; nothing is asked of a network."""

from __future__ import annotations

import os
import pwd
import re

_ODD = re.compile(r"[^a-z0-9-]+")
_LONGEST = 63


def account() -> str:
    """The account, through sudo the one that called it: who may write the journal is trusted with the name."""
    caller = os.environ.get("SUDO_USER", "")
    if caller:
        return caller
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def namespace_of(name: str) -> str:
    """The account as a namespace: lower-case letters, digits and "-"."""
    return _ODD.sub("-", name.lower()).strip("-")[:_LONGEST].strip("-") or "account"
