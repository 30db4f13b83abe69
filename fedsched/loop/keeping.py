"""One decision after the other, each told what the one before found out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from fedsched.matchmaker.model import Plan, Policy, Snapshot

_Kept = TypeVar("_Kept")


class Keeping(Generic[_Kept]):
    """Decides as a function of snapshot and policy alone: what is kept saves time and changes nothing.

    For one loop, and one thread at a time.
    """

    def __init__(self, decide: Callable[[Snapshot, Policy, _Kept], tuple[Plan, _Kept]], kept: _Kept) -> None:
        self._decide, self._kept = decide, kept

    def __call__(self, snapshot: Snapshot, policy: Policy) -> Plan:
        """The plan; what it found out is kept for the next."""
        plan, self._kept = self._decide(snapshot, policy, self._kept)
        return plan
