"""One read for all threads that want it at the same time; none gets an answer that was asked for before it came."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """`read` is called by one thread at a time; what it raises, all who wait for that call get."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._changed = threading.Condition()
        self._begun = self._ended = 0
        self._last: tuple[T] | Exception = RuntimeError("not read yet")

    def get(self) -> T:
        """The answer of a read that began after this was called."""
        with self._changed:
            wanted = self._begun + 1
            while self._ended < wanted and self._begun > self._ended:
                self._changed.wait()
            if self._ended >= wanted:
                return _answer(self._last)
            self._begun += 1
        try:
            found: tuple[T] | Exception = (self._read(),)
        except Exception as error:  # noqa: BLE001 - it is raised in every thread that waits for this read
            found = error
        with self._changed:
            self._ended, self._last = self._begun, found
            self._changed.notify_all()
        return _answer(found)


def _answer(found: tuple[T] | Exception) -> T:
    if isinstance(found, Exception):
        raise found
    return found[0]
