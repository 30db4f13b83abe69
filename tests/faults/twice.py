"""In a storm, too, what is kept from one decision to the next changes nothing, whatever happened in between."""

from __future__ import annotations

from fedsched.loop import Keeping
from fedsched.matchmaker.model import Plan, Policy, Snapshot
from fedsched.matchmaker.negotiate import Kept, negotiate, negotiated
from fedsched.study.invariants import Broken
from tests.sameness import digest


class Twice:
    """Decides as a daemon does, and again with nothing kept; Broken where these are two plans."""

    def __init__(self) -> None:
        self._keeping = Keeping(negotiated, Kept())

    def __call__(self, snapshot: Snapshot, policy: Policy) -> Plan:
        plan = self._keeping(snapshot, policy)
        if digest(plan) != digest(negotiate(snapshot, policy)):
            raise Broken(f"cycle {plan.cycle} is decided otherwise when nothing is kept from those before")
        return plan
