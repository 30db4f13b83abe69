"""A private folder for one pool's token: gone with the process that made it, however that ends; not what is in it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "fedsched-pool-"
LOCK = "lock"


class PrivateFolder:
    """A folder of mode 0700, locked while its maker lives; making one removes those whose makers were killed."""

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        made = Path(tempfile.mkdtemp(prefix="fedsched-new-"))
        self._lock = os.open(made / LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Under its name only once it is locked: nobody can take it for abandoned.
        self.path = made.rename(made.with_name(made.name.replace("fedsched-new-", PREFIX)))

    def store(self, name: str, content: bytes) -> bool:
        """Writes a file of mode 0600 at once and whole; whether its content is new."""
        file = self.path / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        if file.exists() and file.read_bytes() == content:
            return False
        fresh = self.path / ".fresh"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(content)
        fresh.replace(file)
        return True

    def close(self) -> None:
        """Removes it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(parent: Path) -> None:
    """Removes our folders that nobody holds: their makers had no time to."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / LOCK, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
