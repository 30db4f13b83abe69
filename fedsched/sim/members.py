"""Members' files with a table [simulated] become simulated members; nothing of a live member is read or made here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from fedsched.config import ConfigError, Problem
from fedsched.config.settings import MemberFile, Simulated, SimulatedFaults, SimulatedNodes
from fedsched.sim.scenario import Admission, Faults, NodeLoss, Owner, QuotaCut, SimMember, SimNodeGroup, Stale, Window

GPU = "nvidia.com/gpu"


def sim_members(files: Iterable[MemberFile], folder: Path) -> tuple[SimMember, ...]:
    """Every member. Raises ConfigError naming each file without [simulated], or the folder when no member is in it."""
    members = tuple(files)
    text = "is missing; a simulation needs to know what stands for this member: at least one [[simulated.nodes]]"
    problems = [Problem(member.path, 0, "simulated", text) for member in members if member.simulated is None]
    if not members:
        problems.append(Problem(folder, 0, "", "holds no member's file (NAME.toml)"))
    if problems:
        raise ConfigError(tuple(problems))
    return tuple(_member(member, member.simulated) for member in members if member.simulated is not None)


def _member(file: MemberFile, simulated: Simulated) -> SimMember:
    declared = {group.name: group.attributes for group in file.groups}
    return SimMember(
        terms=file.terms,
        groups=tuple(_group(nodes, declared.get(nodes.name, ())) for nodes in simulated.nodes),
        pull_s=simulated.pull_s,
        start_s=simulated.start_s,
        max_pods=simulated.max_pods,
        boot_s=simulated.boot_s,
        owners=tuple(
            Owner(owner.at_s, owner.nodes, owner.count, owner.request, owner.lasts_s) for owner in simulated.owners
        ),
        faults=_faults(simulated.faults),
    )


def _group(nodes: SimulatedNodes, declared: tuple[tuple[str, str], ...]) -> SimNodeGroup:
    """The group; what [[node_group]] of the same name declares of its ads counts where [simulated] says nothing."""
    return SimNodeGroup(
        name=nodes.name,
        nodes=nodes.count,
        size=nodes.size,
        busy=nodes.busy,
        attributes=tuple(sorted({**dict(declared), **dict(nodes.attributes)}.items())),
        slot_attributes=nodes.slot_attributes,
        taints=nodes.taints,
        gpu_resource=nodes.gpu_resource or (GPU if nodes.size.gpus else ""),
    )


def _faults(faults: SimulatedFaults) -> Faults:
    return Faults(
        silent=tuple(window(one) for one in faults.silent),
        lost_answer=faults.lost_answer,
        timeout=faults.timeout,
        refused=faults.refused,
        no_image=faults.no_image,
        no_start=faults.no_start,
        no_join=faults.no_join,
        losses=tuple((one.at_s, one.pods) for one in faults.losses),
        node_losses=tuple(NodeLoss(one.at_s, one.nodes, one.count, one.back_s) for one in faults.node_losses),
        stale=tuple(Stale(window(one), math.inf if one.every_s is None else one.every_s) for one in faults.stale),
        admission=tuple(Admission(window(one), one.keeps) for one in faults.admission),
        quotas=tuple(QuotaCut(window(one), one.pods) for one in faults.quotas),
    )


class Spanned(Protocol):
    """Anything with a beginning and an end, in seconds since the scenario's beginning."""

    @property
    def begin_s(self) -> float: ...  # noqa: D102 - see above

    @property
    def end_s(self) -> float: ...  # noqa: D102 - see above


def window(spanned: Spanned) -> Window:
    """The same as a window."""
    return Window(spanned.begin_s, spanned.end_s)
