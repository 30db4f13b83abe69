"""Resource vectors written as Kubernetes quantities, and comparing two of those; reading nodes' lives elsewhere."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from fedsched.kube.vetting import RefusedError, name_part
from fedsched.matchmaker.resources import Resources

QUANTITY = re.compile(
    r"([+-]?[0-9]{1,18}(?:\.[0-9]{0,18})?|[+-]?\.[0-9]{1,18})(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?"
)
BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)}
DECIMAL = {"n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "k": Fraction(1000)} | {
    letter: Fraction(10 ** (3 * power)) for power, letter in enumerate("MGTPE", start=2)
}
LONGEST = 64
"""Characters of a quantity: more than two numbers of 18 digits with a point, a sign and a suffix."""
LEAST_DISK_MIB = 64
"""A pod without a disk limit could fill the node: less than this is never asked for."""


def cpu(milli: int) -> str:
    """Cores in the canonical form: "2", "1500m"."""
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def mebibytes(amount: int) -> str:
    """MiB in the canonical form: "512Mi", "2Gi", "1Ti"."""
    for suffix in ("Mi", "Gi"):
        if amount == 0 or amount % 1024:
            return f"{amount}{suffix}"
        amount //= 1024
    return f"{amount}Ti"


def demand(total: Resources, gpu_resource: str) -> dict[str, str]:
    """What a container asks for and may not exceed: its requests and its limits alike.

    RefusedError when GPUs are wanted and no resource is named that counts them, or when a name is none.
    """
    asked = {
        "cpu": cpu(total.cpu_milli),
        "memory": mebibytes(total.memory_mib),
        "ephemeral-storage": mebibytes(max(LEAST_DISK_MIB, total.disk_mib)),
    }
    extended = dict(total.other)
    if total.gpus:
        if not gpu_resource:
            raise RefusedError(f"{total.gpus} GPU wanted, but the node group names no resource that counts its GPUs")
        extended[gpu_resource] = total.gpus
    for name, amount in sorted(extended.items()):
        asked[resource_name(name)] = str(amount)
    return asked


def resource_name(name: str) -> str:
    """The name of an extended resource ("xilinx.com/fpga"); RefusedError for anything else, native ones included."""
    domain, slash, rest = name.partition("/")
    if not slash or not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", rest, re.ASCII):
        raise RefusedError(f"{name[:60]!r} is no extended resource (expected domain/name)")
    return f"{name_part(domain, what='domain of an extended resource')}/{rest}"


def value(text: str) -> Fraction | None:
    """The number that a quantity stands for; None for what is no quantity."""
    return _value(text.strip()) if len(text) <= LONGEST else None


@lru_cache(maxsize=4096)
def _value(text: str) -> Fraction | None:
    """All pods of a class ask for the same few."""
    found = QUANTITY.fullmatch(text)
    if found is None:
        return None
    number, suffix, exponent = found.groups()
    factor: Fraction | int = 1
    if suffix:
        factor = BINARY.get(suffix) or DECIMAL[suffix]
    elif exponent:
        factor = Fraction(10) ** int(exponent)
    return Fraction(number if not number.endswith(".") else number + "0") * factor


def same(left: str, right: str) -> bool:
    """Whether two quantities are the same amount, however they are written."""
    first = value(left)
    return first is not None and first == value(right)
