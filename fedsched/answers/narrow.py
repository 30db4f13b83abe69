"""All shares narrowed to what was asked for, once names in them are pseudonyms; the whole is made beside."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import msgspec

from fedsched.client import NoAnswer
from fedsched.client.documents import Share, Shares


def shares(whole: Shares, of: str) -> Shares:
    """Lines that `of` names, with what lies above and below them. NoAnswer where it names nothing."""
    if not of:
        return whole
    lines = {line.path: line for line in whole.shares}
    named = [line.path for line in whole.shares if line.path and _names(of, line)]
    if not named:
        raise NoAnswer("unknown", f"no group or user {of!r} is known here", "fedsched share")
    shown = {up for path in named for up in _upwards(path, lines)}
    shown |= {path for path in lines if any(path.startswith((f"{one}.", f"{one}/")) for one in named if "/" not in one)}
    return msgspec.structs.replace(whole, shares=tuple(line for line in whole.shares if line.path in shown))


def _names(of: str, line: Share) -> bool:
    group, _, user = line.path.partition("/")
    spelled = (line.path,) if line.is_group else (line.path, user, user.partition("@")[0], f"{group}.{user}")
    return any(fnmatchcase(one.lower(), of.lower()) for one in spelled)


def _upwards(path: str, lines: dict[str, Share]) -> Iterator[str]:
    while path and path in lines:
        yield path
        path = lines[path].parent
    yield ""
