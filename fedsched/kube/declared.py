"""Node groups of a member whose nodes we may not see: as its file declares them, bounded by what quota leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from fedsched.config.settings import DeclaredGroup, MemberFile
from fedsched.kube.amounts import NOTHING, Amounts, add, resources
from fedsched.kube.attributes import attributes, gpu_fact
from fedsched.kube.objects import OwnPod
from fedsched.kube.rooms import histogram
from fedsched.matchmaker.model import NodeGroup, ObjectView, Quota
from fedsched.matchmaker.resources import Resources


def declared_groups(
    member: MemberFile,
    quotas: Iterable[Quota],
    objects: Iterable[ObjectView],
    pods: Iterable[OwnPod],
    storage: tuple[tuple[str, str], ...],
) -> tuple[NodeGroup, ...]:
    """The file's groups; only our own pods are known to take room, and no node has more of it than quota leaves."""
    taken = _taken(objects, pods)
    limits = tuple(quotas)
    return tuple(_group(member, group, limits, taken.get(group.name, []), storage) for group in member.groups)


def _group(
    member: MemberFile,
    group: DeclaredGroup,
    quotas: tuple[Quota, ...],
    taken: list[Amounts],
    storage: tuple[tuple[str, str], ...],
) -> NodeGroup:
    ours = [(group.allocatable - resources(amounts, group.gpu_resource, up=True)).floor_zero() for amounts in taken]
    empty = [group.allocatable] * max(0, group.nodes - len(ours))
    return NodeGroup(
        name=group.name,
        allocatable=group.allocatable,
        nodes=group.nodes,
        ready=group.nodes,
        cordoned=0,
        rooms=histogram(_within(room, quotas) for room in [*ours, *empty][: group.nodes]),
        selector=group.selector,
        attributes=attributes(
            dict(group.selector), member, (*storage, *gpu_fact(group.gpu_resource)), group.attributes
        ),
        gpu_resource=group.gpu_resource,
        can_grow_to=group.can_grow_to,
        grow_s=group.grow_s,
        declared=True,
        template=group.nodes == 0 and group.can_grow_to > 0,
    )


def template_groups(
    member: MemberFile, there: frozenset[str], storage: tuple[tuple[str, str], ...]
) -> tuple[NodeGroup, ...]:
    """Declared groups of which no node exists yet but could (S9); there: names of the groups that have nodes."""
    could = [g for g in member.groups if g.can_grow_to > 0 and g.name not in there and g.allocatable != Resources()]
    return tuple(_template(member, group, storage) for group in could)


def _template(member: MemberFile, group: DeclaredGroup, storage: tuple[tuple[str, str], ...]) -> NodeGroup:
    bare = msgspec.structs.replace(group, nodes=0)
    return msgspec.structs.replace(_group(member, bare, (), [], storage), declared=False)


def _taken(objects: Iterable[ObjectView], pods: Iterable[OwnPod]) -> dict[str, list[Amounts]]:
    """What our pods ask on each node that they were given, by the node group that they were placed on."""
    group_of = {view.uid: view.placement.node_group for view in objects if view.placement is not None}
    nodes: dict[tuple[str, str], Amounts] = defaultdict(lambda: NOTHING)
    for pod in pods:
        group = group_of.get(pod.owner)
        if group is not None and pod.node and not pod.over:
            nodes[group, pod.node] = add(nodes[group, pod.node], pod.needs)
    found: dict[str, list[Amounts]] = defaultdict(list)
    for (group, _), amounts in sorted(nodes.items()):
        found[group].append(amounts)
    return found


def _within(room: Resources, quotas: tuple[Quota, ...]) -> Resources:
    for quota in quotas:
        room = room.at_most(quota.left.floor_zero(), quota.limits)
    return room
