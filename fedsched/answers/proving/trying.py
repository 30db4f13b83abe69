"""Counterfactuals of a recorded cycle as what is told of them; nothing is read or started here."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.client.documents import Tried
from fedsched.journal import Recorded
from fedsched.matchmaker.explain.counterfactuals import counterfactuals
from fedsched.matchmaker.model import Policy


def proven(recorded: Recorded, policy: Policy, key: str) -> Iterator[Tried]:
    """Each change as it is proven or refuted; the first says how many are tried: 0 for a class that does not wait."""
    report = next((report for report in recorded.plan.classes if report.key == key), None)
    if report is None:
        yield Tried(0, 0)
        return
    for done, total, found in counterfactuals(recorded.snapshot, policy, report):
        yield Tried(done, total, found)
