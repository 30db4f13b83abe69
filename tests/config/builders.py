"""Folders with a small, right federation in them, for tests that make one thing wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FEDERATION = """\
id = "hep"
policy = "fair-share"

[[pool]]
name = "a"
collector = "127.0.0.1:9618"
"""
MEMBER = """\
name = "m1"
namespace = "fedsched"
credential = "m1.json"
server = "https://m1.example:6443"
"""
CREDENTIAL = '{"server": "https://m1.example:6443", "namespace": "fedsched", "token": "t0p-secret"}'


def federation(root: Path, text: str = FEDERATION, members: dict[str, str] | None = None) -> Path:
    """The path of a fedsched.toml in `root` with its members and their credentials."""
    (root / "clusters").mkdir(exist_ok=True)
    (root / "credentials").mkdir(exist_ok=True)
    for name, content in ({"m1": MEMBER} if members is None else members).items():
        (root / "clusters" / f"{name}.toml").write_text(content)
        credential(root / "credentials" / f"{name}.json")
    file = root / "fedsched.toml"
    file.write_text(text)
    return file


def credential(path: Path, text: str = CREDENTIAL, mode: int = 0o600) -> None:
    """A credential file."""
    path.write_text(text)
    os.chmod(path, mode)  # noqa: PTH101 - a mode that the umask would change
