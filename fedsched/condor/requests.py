"""What a job asks for: Request* evaluated in its own ad (D7), rounded up (MA7), floors said; not where it fits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from fedsched.matchmaker import classad
from fedsched.matchmaker.resources import Resources

MEMORY_STEP_MIB = 256
DISK_STEP_MIB = 1024
KIB_PER_MIB = 1024
MOST = 1 << 40
"""Largest amount of anything that is believed: more than any machine has, far below overflow in thousandths."""

_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")


class Asked(NamedTuple):
    """A rounded request, and a sentence for each amount that was raised or taken from an expression."""

    request: Resources
    floors: tuple[str, ...]


class _Amount(NamedTuple):
    name: str
    unit: str
    step: int
    least: int
    per: int = 1
    """How many of what the job states make one of ours."""


_CPUS = _Amount("RequestCpus", "cores", 1, 1)
_MEMORY = _Amount("RequestMemory", "MiB", MEMORY_STEP_MIB, MEMORY_STEP_MIB)
_DISK = _Amount("RequestDisk", "MiB", DISK_STEP_MIB, DISK_STEP_MIB, KIB_PER_MIB)
_GPUS = _Amount("RequestGPUs", "GPUs", 1, 0)


class JobNumbers:
    """Numbers of one job: its attributes evaluated in its own ad, once each; names in any case."""

    def __init__(self, attributes: Mapping[str, str], at: float) -> None:
        self._texts = {name.lower(): text for name, text in attributes.items()}
        self._at = at
        self._ad: classad.Ad | None = None

    def text(self, name: str) -> str | None:
        """The attribute's expression."""
        return self._texts.get(name.lower())

    def number(self, name: str) -> float | None:
        """Its value; None where it is missing, not a finite number, or refused by the gate."""
        text = self.text(name)
        if text is None:
            return None
        if _NUMBER.fullmatch(text):
            return float(text)
        try:
            return classad.evaluate_number(classad.parse(text), self._own_ad())
        except classad.Refused:
            return None

    def is_expression(self, name: str) -> bool:
        """Whether the attribute is more than a plain number."""
        text = self.text(name)
        return text is not None and not _NUMBER.fullmatch(text)

    def _own_ad(self) -> classad.Ad:
        """Without what says nothing of the job's size or what the gate refuses: one bad line spoils no other."""
        if self._ad is None:
            mine = ((n, t) for n, t in self._texts.items() if n not in {"requirements", "rank"} and _passes(t))
            self._ad = classad.Ad(mine, self._at)
        return self._ad


def _passes(text: str) -> bool:
    try:
        classad.check(text)
    except classad.Refused:
        return False
    return True


def asked(job: JobNumbers, machine_resources: Mapping[str, str]) -> Asked:
    """The request of one job. machine_resources: custom HTCondor resource -> extended resource."""
    floors: list[str] = []
    cpus, memory, disk = (_amount(job, what, floors) for what in (_CPUS, _MEMORY, _DISK))
    gpus = _amount(job, _GPUS, floors) if job.text(_GPUS.name) is not None else 0
    other = []
    for custom, extended in machine_resources.items():
        if job.text(f"Request{custom}") is not None:
            count = _amount(job, _Amount(f"Request{custom}", custom, 1, 0), floors)
            other += [(extended, count)] if count else []
    return Asked(Resources(cpus * 1000, memory, disk, gpus, 1, tuple(sorted(other))), tuple(floors))


def _amount(job: JobNumbers, what: _Amount, floors: list[str]) -> int:
    value = job.number(what.name)
    if value is None:
        cause = "is missing" if job.text(what.name) is None else "cannot be evaluated"
        floors.append(f"{what.name} {cause}: {what.least} {what.unit} assumed")
        return what.least
    ours = min(max(0.0, value) / what.per, MOST)
    taken = max(what.least, math.ceil(ours / what.step) * what.step)
    if job.is_expression(what.name):
        floors.append(f"{what.name} is an expression: {_show(ours)} {what.unit} now, {taken} {what.unit} taken")
    elif ours < what.least:
        floors.append(f"{what.name} is {_show(ours)} {what.unit}: raised to {what.least} {what.unit}")
    return taken


def _show(amount: float) -> str:
    return f"{amount:.4g}"
