"""Whether two values are the same to the byte, told in one line when they are not."""

from __future__ import annotations

import hashlib

import msgspec


def digest(value: object) -> str:
    """SHA-256 of a value's JSON.

    A failing `==` of two plans, megabytes each, would have pytest compare them line by line, which in CI takes
    longer than all other tests together.
    """
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()
