"""The credential store: one file of mode 0600 per member, replaced atomically; it never prints what it holds."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

import msgspec

from fedsched.config.settings import Credential
from fedsched.kube.join.refusal import JoinError

MAX_BYTES = 1 << 20


def load(path: Path) -> Credential:
    """The credential in `path`. JoinError: missing, a symbolic link, readable by others, somebody else's, or broken."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise JoinError(f"credential {path}: {error.strerror}", "fedsched join NAME writes it again") from None
    with os.fdopen(handle, "rb") as file:
        _check_mode(path, os.fstat(file.fileno()))
        data = file.read(MAX_BYTES + 1)
    try:
        found = msgspec.json.decode(data, type=Credential)
    except msgspec.MsgspecError:
        raise JoinError(
            f"credential {path}: it cannot be read (content not shown)", "fedsched join NAME again"
        ) from None
    if len(data) > MAX_BYTES or not found.token or not found.server:
        raise JoinError(f"credential {path}: it holds no token", "fedsched join NAME writes it again")
    return found


def save(path: Path, credential: Credential) -> None:
    """Write or replace: readers see the old one or the new one, and nobody else sees either.

    JoinError when the folder may be written by others.
    """
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o022:
            raise JoinError(f"credentials folder {folder}: others may write there", f"chmod 700 {folder}")
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
    except OSError as error:
        raise JoinError(f"credentials folder {folder}: {error.strerror}", "check its owner and mode") from None
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(msgspec.json.encode(credential))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def remove(path: Path) -> bool:
    """Whether there was one to remove."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _check_mode(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise JoinError(f"credential {path}: not a regular file", "fedsched join NAME writes it again")
    if status.st_mode & 0o077:
        mode = stat.filemode(status.st_mode)
        raise JoinError(f"credential {path}: mode {mode} lets others read it", f"chmod 600 {path}; then rotate it")
    if status.st_uid not in {0, os.geteuid()}:
        raise JoinError(f"credential {path}: owned by uid {status.st_uid}, not by us", f"chown {os.geteuid()} {path}")
