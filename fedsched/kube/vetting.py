"""What may stand in an object of ours: names, labels, environment, images; the rest is refused with its cause."""

from __future__ import annotations

import re

from fedsched.matchmaker.model import names

LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", re.ASCII)
LABEL_NAME = LABEL_VALUE
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
DNS_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.ASCII)
DATA_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}", re.ASCII)
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
WORD = re.compile(names.WORD, re.ASCII)
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}", re.ASCII)
PLACEMENT_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
MAX_ENV_BYTES = 4096


class RefusedError(ValueError):
    """Something does not belong into an object at a member; the text names it, the cause and the way out."""


def check(pattern: re.Pattern[str], value: str, what: str) -> str:
    """The value, if all of it matches; RefusedError otherwise. The value is shown cut and quoted, never raw."""
    if not pattern.fullmatch(value):
        raise RefusedError(f"{what} {value[:60]!r} may not go into a Kubernetes object (allowed: {pattern.pattern})")
    return value


def name_part(value: str, *, what: str) -> str:
    """A value that may name an object (RFC 1123 subdomain, at most 253 characters)."""
    if len(value) > 253:
        raise RefusedError(f"{what} {value[:60]!r}… has {len(value)} characters, a Kubernetes name at most 253")
    return check(DNS_NAME, value, what)


def label_value(value: str, what: str) -> str:
    """A value that may stand in a label ("" may)."""
    return value and check(LABEL_VALUE, value, what)


def label_key(key: str, what: str) -> str:
    """A label or annotation key: an optional DNS prefix and a name."""
    prefix, slash, name = key.rpartition("/")
    if slash:
        name_part(prefix, what=f"prefix of {what}")
    check(LABEL_NAME, name, what)
    return key


def env_value(value: str, what: str) -> str:
    """A text from the member's file that may be a variable's value: bounded, one line, no control characters."""
    if not value.isprintable() or len(value.encode()) > MAX_ENV_BYTES:
        raise RefusedError(f"{what} must be one printable line of at most {MAX_ENV_BYTES} bytes")
    return value


def word(value: str, what: str) -> str:
    """A word that the entry script takes as a variable ("" may be)."""
    return value and check(WORD, value, what)
