"""A stream of lines from a member, bounded in line length and in silence; what the lines mean is not known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from fedsched.kube.connection import Deadline

LONGEST_LINE = 16 * 2**20
"""Bytes; an object in etcd is at most 1.5 MiB, its JSON not much more."""
_AT_ONCE = 32 * 1024
"""Bytes of one read: what comes at once is decoded while it is in the processor's cache."""
_LONGEST_CHUNK_HEAD = 64


class Lines:
    """Iterates over whole lines. `close` may be called from another thread: the reader then ends."""

    def __init__(
        self, reply: urllib3.BaseHTTPResponse, deadline: Deadline, failure: Callable[[Exception], Exception]
    ) -> None:
        self._deadline = deadline
        self._failure = failure
        self._closed = False
        self._parts = _chunks(reply)

    def __iter__(self) -> Iterator[bytes]:
        """Lines as they come; ends when the server ends the stream, raises TransportError when it breaks."""
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[bytes]]:
        """The whole lines of each read: under load many at once, so that locks are taken once per batch."""
        rest = b""
        while not self._closed:
            try:
                parts = next(self._parts, None)
            except (HTTPError, OSError, ValueError, AttributeError) as error:
                if self._ended():
                    return
                raise self._failure(error) from None
            if parts is None:
                return
            lines, rest = _lines(parts, rest)
            if len(rest) > LONGEST_LINE:
                raise self._failure(ValueError("line too long"))
            if lines:
                yield lines

    def _ended(self) -> bool:
        return self._closed

    def close(self) -> None:
        """End the stream now."""
        self._closed = True
        self._deadline.abort()


def _lines(parts: list[bytes], rest: bytes) -> tuple[list[bytes], bytes]:
    """Whole lines in `rest` and `parts`, and what remains. Mostly a part is exactly one line: that is not copied."""
    lines = []
    for part in parts:
        if not rest and part.find(b"\n") == len(part) - 1:
            lines.append(part)
        else:
            *whole, rest = (rest + part).split(b"\n")
            lines += [line for line in whole if line]
    return lines, rest


def _chunks(reply: urllib3.BaseHTTPResponse) -> Iterator[list[bytes]]:
    """The body in parts, as many at a time as there are.

    The HTTP library reads a stream in pieces of 8 KiB and with three Python calls for each; events of a busy member
    come by the thousand, so the socket below it is read directly, and chunks are taken off here.
    """
    buffered: Any = getattr(getattr(reply, "_fp", None), "fp", None)
    raw = getattr(buffered, "raw", None)
    if raw is None or not getattr(reply, "chunked", False):
        while data := reply.read1(_AT_ONCE, decode_content=False):
            yield [data]
        return
    yield from _payload(_pieces(buffered, raw))


def _pieces(buffered: Any, raw: Any) -> Iterator[bytes]:
    """What the library has read already, then what comes."""
    held = len(buffered.peek())
    if held:
        yield buffered.read(held)
    space = memoryview(bytearray(_AT_ONCE))
    while count := raw.readinto(space):
        yield bytes(space[:count])


def _payload(pieces: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The contents of the chunks (RFC 9112, section 7.1); ValueError when the framing is broken."""
    rest = b""
    for piece in pieces:
        rest += piece
        found: list[bytes] = []
        at = 0
        while (end := rest.find(b"\r\n", at, at + _LONGEST_CHUNK_HEAD)) >= 0:
            size = int(rest[at:end].partition(b";")[0], 16)
            if not 0 <= size <= LONGEST_LINE:
                raise ValueError("a chunk larger than any line")
            if len(rest) < end + size + 4:
                break
            if size == 0:
                yield found
                return
            found.append(rest[end + 2 : end + 2 + size])
            at = end + size + 4
        else:
            if len(rest) - at >= _LONGEST_CHUNK_HEAD:
                raise ValueError("no chunk where one should begin")
        rest = rest[at:]
        if found:
            yield found
    raise ConnectionResetError("the stream ended inside a chunk or without its end")
