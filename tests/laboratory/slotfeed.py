"""Slot ads put into a pool's collector as a startd would, with claims nobody keeps; nothing about what the ads say."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Lines: TypeAlias = Sequence[tuple[str, str]]
"""An ad: (name, ClassAd text)."""

CONFIG = """\
# slots that no startd stands behind: their ads come over plain connections, without authentication
SEC_ADVERTISE_STARTD_AUTHENTICATION = OPTIONAL
SEC_ADVERTISE_STARTD_NEGOTIATION = OPTIONAL
SEC_ADVERTISE_STARTD_ENCRYPTION = OPTIONAL
SEC_ADVERTISE_STARTD_INTEGRITY = OPTIONAL
ALLOW_ADVERTISE_STARTD = *
"""
"""What a pool must be told before it takes such ads."""
UPDATE_STARTD_AD = 0
SECRET = frozenset({"ClaimId", "Capability"})
PACKET = 4096
"""Bytes of a packet's body; longer messages go in several."""


def feed(host: str, port: int, ads: Iterable[Lines]) -> int:
    """Sends each ad over a connection of its own; how many were sent.

    The bindings' `advertise` leaves out the private ad, and the negotiator passes over slots without a claim: so this
    speaks the wire format, in which a message is the command, what all may read, and what only the negotiator may.
    """
    sent = 0
    for ad in ads:
        public = [pair for pair in ad if pair[0] not in SECRET]
        private = [pair for pair in ad if pair[0] in SECRET | {"Name", "MyAddress", "MyType"}]
        with socket.create_connection((host, port), timeout=30) as peer:
            peer.sendall(packets(_number(UPDATE_STARTD_AD) + _ad(public) + _ad(private)))
        sent += 1
    return sent


def packets(message: bytes) -> bytes:
    """The message with the headers of its packets: whether it is the last one, and its length."""
    bodies = [message[first : first + PACKET] for first in range(0, max(1, len(message)), PACKET)]
    last = len(bodies) - 1
    return b"".join(struct.pack(">BI", number == last, len(body)) + body for number, body in enumerate(bodies))


def _ad(lines: Lines) -> bytes:
    """How many attributes, each as text, and two type names, which stand among the attributes since long."""
    return _number(len(lines)) + b"".join(_text(f"{name} = {text}") for name, text in lines) + _text("") + _text("")


def _number(value: int) -> bytes:
    return struct.pack(">q", value)


def _text(value: str) -> bytes:
    return value.encode() + b"\0"
