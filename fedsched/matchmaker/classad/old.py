"""Old ClassAd syntax (`Name = expression` on lines, as `condor_q -long` prints it) into the new one; nothing else.

The two differ in strings: in the old one a backslash is a backslash, except in front of a quotation mark that does not
end the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fedsched.matchmaker.classad.scan import MAX_BYTES, Refused

MAX_AD = 4 << 20
"""Longest ad in characters."""
MAX_ATTRIBUTES = 5_000

_STRING = re.compile(r'"((?:\\"(?!\s*\Z)|[^"])*)"')
_LINE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=(?![=?!])\s*(.*\S)\s*", re.DOTALL)


def from_old(text: str) -> str:
    """An expression in new syntax; one that is new already and has no backslash in a string stays what it is."""
    if len(text) > MAX_BYTES:
        raise Refused(f"longer than {MAX_BYTES // 1024} KiB")
    return _STRING.sub(_string, text)


def old_ad(text: str) -> tuple[tuple[str, str], ...]:
    """The attributes of an ad in old syntax as (name, text in new syntax), the last of equal names; no gate yet."""
    if len(text) > MAX_AD:
        raise Refused(f"an ad of more than {MAX_AD >> 20} MiB")
    found: dict[str, tuple[str, str]] = {}
    for line in _lines(text):
        attribute = _LINE.fullmatch(line)
        if attribute is None:
            raise Refused("a line that is no `Name = expression`")
        name, value = attribute.groups()
        found[name.lower()] = (name, from_old(value))
        if len(found) > MAX_ATTRIBUTES:
            raise Refused(f"an ad of more than {MAX_ATTRIBUTES} attributes")
    return tuple(found.values())


def _lines(text: str) -> Iterator[str]:
    """Lines that are neither empty nor comments."""
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def _string(found: re.Match[str]) -> str:
    plain = found.group(1).replace('\\"', '"') if not found.group(1).endswith("\\") else _ended(found.group(1))
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _ended(body: str) -> str:
    """A body whose last backslash stands before the closing quotation mark: it is a backslash."""
    return body[:-1].replace('\\"', '"') + "\\"
