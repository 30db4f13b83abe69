"""What would help a class that waits, each change proven by deciding again before it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from fedsched.matchmaker.classad import crowd
from fedsched.matchmaker.explain.counterfactuals.changes import World
from fedsched.matchmaker.explain.counterfactuals.proposals import candidates
from fedsched.matchmaker.explain.counterfactuals.proving import Prover
from fedsched.matchmaker.model import ClassReport, Counterfactual, Policy, Snapshot

MOST = 12
"""So many changes are tried at most."""


class Progress(NamedTuple):
    """`done` of `total` changes were tried; found: the one that helps, where the last one did."""

    done: int
    total: int
    found: Counterfactual | None = None


def counterfactuals(snapshot: Snapshot, policy: Policy, report: ClassReport) -> Iterator[Progress]:
    """Changes with which the class of that report would fare better, the user's own first, then the cheapest.

    The first item says how many are tried; then one comes for each, when it is proven or refuted. An amount is the
    least that helps: one unit less was tried, too. Nothing is yielded but the first for a class that does not wait.
    """
    seen = snapshot.observation
    heard = msgspec.structs.replace(seen, schedds=crowd.heard(seen.schedds, policy.max_classes))
    world = World(msgspec.structs.replace(snapshot, observation=heard), policy, report.key)
    asked = any(demand.key == report.key for view in heard.schedds for demand in view.classes)
    tried = candidates(world, report)[:MOST] if asked and report.unmet else ()
    yield Progress(0, len(tried))
    prover = Prover(world) if tried else None
    told: set[str] = set()
    for number, candidate in enumerate(tried, 1):
        found = prover.prove(candidate) if prover else None
        new = found is not None and found.text not in told
        told.add(found.text if found else "")
        yield Progress(number, len(tried), found if new else None)


__all__ = ["MOST", "Progress", "counterfactuals"]
