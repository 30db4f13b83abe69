"""The table [simulated] of a member's file: its keys, their bounds, and what does not go together in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fedsched.config.derive import keys_of, table_of
from fedsched.config.federation import NAME
from fedsched.config.gate import EXPRESSION
from fedsched.config.kinds import Duration, Number, Pairs, Text
from fedsched.config.lines import KeyPath
from fedsched.config.settings import (
    Simulated,
    SimulatedAdmission,
    SimulatedFaults,
    SimulatedLoss,
    SimulatedNodeLoss,
    SimulatedNodes,
    SimulatedOwner,
    SimulatedQuota,
    SimulatedStale,
    SimulatedWindow,
)
from fedsched.config.tables import Reading, Table
from fedsched.matchmaker.resources import Resources, lacking, show

_NEEDED = {"cpu_milli": "cpu", "memory_mib": "memory", "disk_mib": "disk"}

Wrong = Iterator[tuple[KeyPath, str]]
MOST_NODES = 100_000
"""More nodes in one group are a slip of the pen; the largest clusters have a tenth of that."""
PODS = 110
ATTRIBUTE = Text(pattern=r"[A-Za-z_]\w{0,63}", wanted="the name of a ClassAd attribute")
ATTRIBUTES = Pairs(EXPRESSION, key=ATTRIBUTE)
_CHANCE = Number(most=1)
_COUNT = Number(least=1, most=MOST_NODES, whole=True)


def _with_pods(*, size: Resources, **fields: Any) -> SimulatedNodes:
    """The nodes; a size without `pods` has as many places as a kubelet that nobody told otherwise."""
    return SimulatedNodes(size=size if size.pods else msgspec.structs.replace(size, pods=PODS), **fields)


NODES = Table(
    keys_of(
        SimulatedNodes,
        kinds={"name": NAME, "count": _COUNT, "attributes": ATTRIBUTES, "slot_attributes": ATTRIBUTES},
    ),
    _with_pods,
    many=True,
)
FAULTS = table_of(
    SimulatedFaults,
    kinds={
        "silent": table_of(SimulatedWindow, many=True),
        "losses": table_of(SimulatedLoss, kinds={"pods": _COUNT}, many=True),
        "node_losses": table_of(SimulatedNodeLoss, kinds={"count": _COUNT}, many=True),
        "stale": table_of(SimulatedStale, kinds={"every_s": Duration(least=1)}, many=True),
        "admission": table_of(SimulatedAdmission, kinds={"keeps": _CHANCE}, many=True),
        "quotas": table_of(SimulatedQuota, kinds={"pods": Number(whole=True)}, many=True),
        **dict.fromkeys(("lost_answer", "timeout", "refused", "no_image", "no_start", "no_join"), _CHANCE),
    },
)
SIMULATED = table_of(
    Simulated,
    rename={"owners": "owner"},
    kinds={
        "nodes": NODES,
        "max_pods": Number(whole=True),
        "owners": table_of(SimulatedOwner, kinds={"count": _COUNT, "lasts_s": Duration(least=1)}, many=True),
        "faults": FAULTS,
    },
)


def judge(reading: Reading, simulated: Simulated) -> None:
    """Record everything that does not go together: groups that are not there, pods that no node could hold."""
    for rule in (_nodes, _owners, _losses, _windows):
        for path, text in rule(simulated):
            reading.wrong(("simulated", *path), text)


def _nodes(simulated: Simulated) -> Wrong:
    if not simulated.nodes:
        yield ("nodes",), "is missing; a simulated member has at least one [[simulated.nodes]]"
    seen: set[str] = set()
    for place, nodes in enumerate(simulated.nodes):
        if nodes.name in seen:
            yield ("nodes", place, "name"), f'a second group of nodes "{nodes.name}"'
        seen.add(nodes.name)
        for name, unit in _NEEDED.items():
            if not nodes.size.get(name):
                yield ("nodes", place, "size"), f"no {unit}: no job would ever fit"
        if too_much := _beyond(nodes.busy, nodes.size):
            yield ("nodes", place, "busy"), too_much


def _owners(simulated: Simulated) -> Wrong:
    sizes = {nodes.name: nodes.size for nodes in simulated.nodes}
    for place, owner in enumerate(simulated.owners):
        if owner.nodes not in sizes:
            yield ("owner", place, "nodes"), f'no [[simulated.nodes]] named "{owner.nodes}"'
        elif too_much := _beyond(owner.request, sizes[owner.nodes]):
            yield ("owner", place, "request"), too_much


def _losses(simulated: Simulated) -> Wrong:
    counts = {nodes.name: nodes.count for nodes in simulated.nodes}
    for place, loss in enumerate(simulated.faults.node_losses):
        path: KeyPath = ("faults", "node_losses", place)
        if loss.count > counts.get(loss.nodes, 0):
            yield (*path, "nodes"), f'"{loss.nodes}" has {counts.get(loss.nodes, 0)} nodes, not {loss.count}'
        if loss.back_s is not None and loss.back_s <= loss.at_s:
            yield (*path, "back_s"), "expected later than at_s"


def _windows(simulated: Simulated) -> Wrong:
    faults = simulated.faults
    for name in ("silent", "stale", "admission", "quotas"):
        for place, window in enumerate(getattr(faults, name)):
            if window.end_s <= window.begin_s:
                yield ("faults", name, place, "end_s"), "expected later than begin_s"


def _beyond(request: Resources, size: Resources) -> str:
    """Why no node of that size can ever hold it, "" when one can."""
    scarce = lacking(request, size)
    return f"is more than a node has: {show(scarce[0], scarce[1])} of {show(scarce[0], scarce[2])}" if scarce else ""
