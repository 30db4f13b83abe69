"""Core-equivalents: the one unit in which requests of all shapes are measured (FS2). Who asks is not known here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fedsched.matchmaker.resources import Resources

if TYPE_CHECKING:
    from fedsched.matchmaker import classad

CE = 1000
"""Thousandths in a core-equivalent: amounts are counted in these."""


class Sizes:
    """Measures requests: dominant share times reference cores, or a policy's slot weight.

    reference: totals that shares are measured against, for the resources in `names`; what is not named there, or is 0,
    does not count, and places for pods never do; where nothing is named, cores count. slot_weight: ClassAd expression
    over a slot ad, "" for dominant share.
    Source: Ghodsi et al., Dominant Resource Fairness, NSDI 2011, section 4; slot weight: HTCondor's SLOT_WEIGHT.
    """

    def __init__(self, reference: Resources, names: Iterable[str], slot_weight: str = "") -> None:
        self.reference = reference
        self.names = frozenset(n for n in names if n != "pods" and reference.get(n) > 0)
        self.slot_weight = slot_weight
        self._cores = reference.cpu_milli if reference.cpu_milli > 0 else CE
        self._weight = _parsed(slot_weight)
        self._known: dict[Resources, int] = {}

    def of(self, request: Resources) -> int:
        """The size of a request in thousandths of a core-equivalent, rounded up; 0 for what asks for nothing."""
        size = self._known.get(request)
        if size is None:
            size = self._known[request] = self._measure(request)
        return size

    def capacity(self, lent: Resources) -> int:
        """What there is to divide, in thousandths of a core-equivalent: its slot weight, else its cores.

        Cores and not the dominant share: memory that doubles beside as many cores gives nobody twice as much.
        """
        if self._weight is not None or "cpu_milli" not in self.names:
            return self._measure(lent)
        return max(0, lent.cpu_milli)

    def _measure(self, request: Resources) -> int:
        if self._weight is not None:
            from fedsched.matchmaker import classad  # noqa: PLC0415 - HTCondor's library, only where it is spoken

            value = classad.evaluate_number(self._weight, classad.Ad(_slot_ad(request)))
            return _whole(value) if value is not None and 0 <= value < _MOST else max(0, request.cpu_milli)
        if not self.names:
            return max(0, request.cpu_milli)
        asked = ((amount, self.reference.get(n)) for n, amount in request.items() if amount > 0 and n in self.names)
        return max((-(-amount * self._cores // total) for amount, total in asked), default=0)


_MOST = 1e12
"""Largest slot weight that is believed."""


def _whole(value: float) -> int:
    """Thousandths, rounded up; what floating point adds in the ninth place is not rounded up to another one."""
    return -int(-(value * CE) // 1) if abs(value * CE - round(value * CE)) > 1e-6 else round(value * CE)


def _parsed(text: str) -> classad.Expression | None:
    if not text:
        return None
    from fedsched.matchmaker import classad  # noqa: PLC0415 - as above

    try:
        return classad.parse(text)
    except classad.Refused:
        return None


def _slot_ad(size: Resources) -> tuple[tuple[str, str], ...]:
    """What a slot of that size advertises of its size: HTCondor's names and units."""
    cores = size.cpu_milli // CE if size.cpu_milli % CE == 0 else size.cpu_milli / CE
    fixed = [("Cpus", cores), ("Memory", size.memory_mib), ("Disk", size.disk_mib * 1024), ("GPUs", size.gpus)]
    ad = [(name, repr(amount)) for name, amount in fixed]
    ad += [(f"Total{name}", text) for name, text in ad]
    return tuple(ad)
