"""Pseudonyms of users that stay the same while a daemon runs, and back; whose name is hidden is not said here."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading

SHORTEST = 4
_ALIAS = re.compile(r"user-[0-9a-f]{4,32}")


class Aliases:
    """Made from a key that never leaves the process: who knows a name cannot compute its pseudonym."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(16)
        self._aliases: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()

    def known(self, user: str) -> str:
        """The pseudonym of a user whom this federation knows ("alice", without a domain); asked back, it is his."""
        alias = self._aliases.get(user.lower())
        if alias is None:
            with self._lock:
                alias = self._new(user)
        return alias

    def stranger(self, name: str) -> str:
        """The pseudonym of a name that only stands in some text: nothing of it is kept, there may be any number."""
        return self._aliases.get(name.lower()) or f"user-{self._digest(name)[:12]}"

    def is_one(self, text: str) -> bool:
        """Whether that is the pseudonym of a known user."""
        return text in self._names

    def name(self, text: str) -> str:
        """The text with pseudonyms of known users replaced by their names."""
        return _ALIAS.sub(lambda found: self._names.get(found[0], found[0]), text)

    def _new(self, user: str) -> str:
        digest = self._digest(user)
        length = SHORTEST
        while (alias := f"user-{digest[:length]}") in self._names and self._names[alias].lower() != user.lower():
            length += 1
        self._names.setdefault(alias, user)
        self._aliases[user.lower()] = alias
        return alias

    def _digest(self, user: str) -> str:
        return hashlib.blake2b(user.lower().encode(), key=self._key, digest_size=16).hexdigest()
