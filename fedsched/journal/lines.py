"""Files of JSON lines that only grow: private, durable, mended where a crash tore the last line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def append(path: Path, new: Sequence[bytes]) -> None:
    """Add these lines, durably; none makes no file. Raises OSError."""
    if not new:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        _write(handle, (b"\n" if torn else b"") + b"\n".join(new) + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def lines(path: Path) -> Iterator[bytes]:
    """All lines, a torn one included. Raises OSError."""
    with path.open("rb") as file:
        yield from file


def _write(handle: int, data: bytes) -> None:
    """All of it: one call may take less when the disk is nearly full, and the next says so."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
