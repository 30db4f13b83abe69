"""A stream of lines from a member, bounded in line length and in silence; what the lines mean is not known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import urllib3
from urllib3.exceptions import HTTPError

from fedsched.kube.connection import Deadline

LONGEST_LINE = 16 * 2**20
"""Bytes; an object in etcd is at most 1.5 MiB, its JSON not much more."""
_AT_ONCE = 256 * 1024


class Lines:
    """Iterates over whole lines. `close` may be called from another thread: the reader then ends."""

    def __init__(
        self,
        reply: urllib3.BaseHTTPResponse,
        deadline: Deadline,
        failure: Callable[[Exception], Exception],
    ) -> None:
        self._reply = reply
        self._deadline = deadline
        self._failure = failure
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Lines as they come; ends when the server ends the stream, raises TransportError when it breaks."""
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[bytes]]:
        """The whole lines of each read: under load many at once, so that locks are taken once per batch."""
        rest = b""
        while not self._closed:
            try:
                data = self._reply.read1(_AT_ONCE, decode_content=False)
            except (HTTPError, OSError, ValueError, AttributeError) as error:
                if self._ended():
                    return
                raise self._failure(error) from None
            if not data:
                return
            rest += data
            if b"\n" not in data:
                if len(rest) > LONGEST_LINE:
                    raise self._failure(ValueError("line too long"))
                continue
            *lines, rest = rest.split(b"\n")
            yield [line for line in lines if line]

    def _ended(self) -> bool:
        return self._closed

    def close(self) -> None:
        """End the stream now."""
        self._closed = True
        self._deadline.abort()
