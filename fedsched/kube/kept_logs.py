"""The last lines of pods that are gone, as files of bounded size; who fetches them, and when, is not known here."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
from pathlib import Path

import msgspec

from fedsched.kube.pod_logs import Line, lines
from fedsched.kube.vetting import DNS_NAME
from fedsched.log import HIDDEN, scrub

MOST_OF_A_POD = 64 * 1024
"""Bytes that are kept of one pod's log: its end."""
_SUFFIX = ".log"
_TORN_KEY = re.compile(rb"\A(?:(?!-----BEGIN ).)*?-----END [A-Z ]+-----", re.DOTALL)


class Kept(msgspec.Struct, frozen=True, order=True):
    """One kept log. at: when it was kept, epoch seconds."""

    member: str
    pod: str
    at: float = 0.0


class KeptLogs:
    """`folder`/MEMBER/POD.log, mode 0600, `most_bytes` in all: the oldest go first. Safe for threads."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """`most_bytes`: 0 keeps nothing; what is there can still be read."""
        self._folder = folder
        self._most = most_bytes
        self._lock = threading.Lock()

    @property
    def on(self) -> bool:
        """Whether anything is kept."""
        return self._most > 0

    def keep(self, member: str, pod: str, log: bytes) -> None:
        """The end of a log, without secrets; replaces what was kept of this pod. Raises OSError."""
        if not (self.on and log and DNS_NAME.fullmatch(member) and DNS_NAME.fullmatch(pod)):
            return
        folder = self._folder / member
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=".", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_fit_to_keep(log))
            Path(name).replace(folder / f"{pod}{_SUFFIX}")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._drop_oldest()

    def all(self) -> tuple[Kept, ...]:
        """What is kept, by member and pod."""
        return tuple(sorted(kept for kept, _ in self._files()))

    def read(self, kept: Kept) -> tuple[Line, ...]:
        """Its lines; none when it was dropped meanwhile."""
        try:
            return lines((self._folder / kept.member / f"{kept.pod}{_SUFFIX}").read_bytes(), kept.at)
        except OSError:
            return ()

    def _files(self) -> list[tuple[Kept, int]]:
        """Each with its size in bytes."""
        found = []
        for path in self._folder.glob(f"*/*{_SUFFIX}"):
            with contextlib.suppress(OSError):  # another thread, or a person, was faster
                status = path.stat()
                found.append((Kept(path.parent.name, path.name.removesuffix(_SUFFIX), status.st_mtime), status.st_size))
        return found

    def _drop_oldest(self) -> None:
        with self._lock:
            files = sorted(self._files(), key=lambda file: file[0].at)
            over = sum(size for _, size in files) - self._most
            for kept, size in files:
                if over <= 0:
                    return
                (self._folder / kept.member / f"{kept.pod}{_SUFFIX}").unlink(missing_ok=True)
                over -= size


def _fit_to_keep(log: bytes) -> bytes:
    """Its end, in whole lines; a key of which only the end would be left is cut out as well."""
    if len(log) > MOST_OF_A_POD:
        log = log[-MOST_OF_A_POD:].partition(b"\n")[2]
    log = _TORN_KEY.sub(HIDDEN.encode(), log)
    clean: str = scrub(log.decode("utf-8", "replace"))
    return clean.encode()
