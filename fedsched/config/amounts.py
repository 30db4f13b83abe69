"""Human amounts and durations ("96 GiB", "500m", "24h") to integers and seconds, and nothing more lenient."""

from __future__ import annotations

import re
from typing import Any

from fedsched.config.problems import WrongError, shown
from fedsched.matchmaker.resources import Resources

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MIB = {"MiB": 1, "GiB": 1024, "TiB": 1024**2, "Mi": 1, "Gi": 1024, "Ti": 1024**2}
MOST = 2**53
"""No amount is larger: beyond any machine, and exact in every JSON reader."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(MiB|GiB|TiB|Mi|Gi|Ti)")
_CORES = re.compile(r"(\d+(?:\.\d+)?)(m?)")
_EXTENDED = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)/[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")

DURATION_WANTED = 'a duration such as "90s", "30m", "24h", "7d" or a number of seconds'
SIZE_WANTED = 'a size with its unit, such as "96 GiB" or "512 MiB"'
CORES_WANTED = 'cores, such as 8, 0.5, "8" or "500m"'
COUNT_WANTED = "a whole number, 0 or more"


def duration(value: Any) -> float:
    """Seconds, 0 or more. Raises WrongError."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MOST:
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 40 else None
    if not match:
        raise WrongError(f"expected {DURATION_WANTED}, not {shown(value)}")
    return float(match[1]) * SECONDS[match[2]]


def size_mib(value: Any) -> int:
    """MiB, rounded down. Raises WrongError: a bare number has no unit and is refused."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 40 else None
    if not match or (amount := float(match[1]) * MIB[match[2]]) >= MOST:
        raise WrongError(f"expected {SIZE_WANTED}, not {shown(value)}")
    return int(amount)


def cpu_milli(value: Any) -> int:
    """Thousandths of a core. Raises WrongError."""
    text = str(value).strip() if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    match = _CORES.fullmatch(text) if len(text) < 20 else None
    if not match or (match[2] and "." in match[1]):
        raise WrongError(f"expected {CORES_WANTED}, not {shown(value)}")
    return int(match[1]) if match[2] else round(float(match[1]) * 1000)


def count(value: Any) -> int:
    """A whole number, 0 or more. Raises WrongError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST:
        raise WrongError(f"expected {COUNT_WANTED}, not {shown(value)}")
    return value


def resources(value: Any) -> tuple[Resources, frozenset[str]]:
    """A table of amounts, and the names (of Resources) that it names, zeros included. Raises WrongError."""
    if not isinstance(value, dict):
        raise WrongError(f"expected a table of amounts such as {{ cpu = 8, memory = '96 GiB' }}, not {shown(value)}")
    fixed: dict[str, int] = {}
    other: dict[str, int] = {}
    for key, amount in value.items():
        name, read = _READERS.get(key, (key, count))
        if key not in _READERS and not _EXTENDED.fullmatch(key):
            raise WrongError(
                "unknown resource; known: cpu, memory, disk, gpus, pods, or an extended one as a/b", (key,)
            )
        try:
            (fixed if key in _READERS else other)[name] = read(amount)
        except WrongError as wrong:
            raise WrongError(str(wrong), (key,)) from None
    extended = tuple(sorted((name, amount) for name, amount in other.items() if amount))
    return Resources(**fixed, other=extended), frozenset(fixed) | frozenset(other)


_READERS = {
    "cpu": ("cpu_milli", cpu_milli),
    "memory": ("memory_mib", size_mib),
    "disk": ("disk_mib", size_mib),
    "gpus": ("gpus", count),
    "pods": ("pods", count),
}
AMOUNT_KEYS = tuple(_READERS)
