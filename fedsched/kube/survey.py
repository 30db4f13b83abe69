"""One member's view from what its caches hold: groups with rooms, nodes of ours, site pods, quotas, our objects.

No threads and no network: told of every change, asked for the view.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from fedsched.config.settings import MemberFile
from fedsched.kube.amounts import gpu_name, resources
from fedsched.kube.attributes import attributes, gpu_fact, text
from fedsched.kube.declared import declared_groups, template_groups
from fedsched.kube.node_groups import Group, Grouper
from fedsched.kube.nodes import Node
from fedsched.kube.objects import Joined, OwnPod, epoch
from fedsched.kube.overrides import barring
from fedsched.kube.pods import Seat, Stuck
from fedsched.kube.quota import limits, quota
from fedsched.kube.rooms import Rooms, histogram
from fedsched.kube.wire import LimitRangeItem, QuotaItem
from fedsched.kube.wire_own import ConfigItem
from fedsched.matchmaker.model import MemberView, NodeGroup, NodeRoom, ObjectView, Quota, SitePod
from fedsched.matchmaker.model.names import ANCHOR, FENCE, LABEL_EPOCH
from fedsched.matchmaker.resources import Resources


class ClusterFacts(msgspec.Struct, frozen=True):
    """What is read now and then: version, PriorityClasses, storage. facts: what could not be read.

    named: (kind, name) of what was looked for by its name and is there.
    """

    version: str = ""
    priority_classes: tuple[tuple[str, int], ...] | None = None
    storage_classes: tuple[str, ...] = ()
    csi_drivers: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()


Entries = Mapping[str, Mapping[str, Any]]
"""Kind's name -> uid -> what is kept."""


class Survey:
    """Keeps what is costly to count (rooms, groups) between views."""

    def __init__(self, member: MemberFile) -> None:
        self._member = member
        self._rooms = Rooms()
        self._joined = Joined()
        self._grouper = Grouper(member)
        self._groups: tuple[Group, ...] = ()
        self._group_of: dict[str, Group] = {}
        self._free: dict[str, Resources] = {}
        self._stuck: dict[str, tuple[Seat, Stuck]] = {}
        self._regroup = True

    def node_moved(self, before: Node | None, after: Node | None) -> None:
        """A node appeared, changed or went."""
        self._rooms.node_moved(before, after)
        self._regroup = True

    def pod_moved(self, before: Seat | None, after: Seat | None) -> None:
        """Anybody's pod appeared, changed or went."""
        self._rooms.pod_moved(before, after)
        if before is not None and before.stuck is not None:
            self._stuck.pop(before.stuck.name, None)
        if after is not None and after.stuck is not None:
            self._stuck[after.stuck.name] = (after, after.stuck)

    def own_pod_moved(self, before: OwnPod | None, after: OwnPod | None) -> None:
        """A pod of ours; counted for room only where other people's pods cannot be seen."""
        if self._member.terms.visibility != "full":
            self._rooms.pod_moved(_seat(before), _seat(after))

    def view(self, entries: Entries, facts: ClusterFacts) -> tuple[MemberView, tuple[ObjectView, ...]]:
        """The member without contact and age, and our objects there."""
        member = self._member
        configs: list[ConfigItem] = list(entries["configmaps"].values())
        anchor = next((c.metadata.uid for c in configs if c.metadata.name == ANCHOR), "")
        pods: list[OwnPod] = list(entries["own pods"].values())
        own = [*entries["jobs"].values(), *entries["daemonsets"].values()]
        objects = self._joined.views(own, pods, entries["events"].values(), anchor)
        quotas = self._quotas(entries["resourcequotas"].values())
        ranges: Iterable[LimitRangeItem] = entries["limitranges"].values()
        found = MemberView(
            name=member.name,
            node_groups=self._node_groups(facts, quotas, objects, pods),
            node_rooms=self._node_rooms(pods),
            quotas=quotas,
            limits=tuple(sorted((line for r in ranges for line in limits(r, member.gpu_resources)), key=repr)),
            site_pods=self._site_pods(pods),
            fence_epoch=_highest_epoch(configs, objects, pods),
            anchor_uid=anchor,
            version=facts.version,
            priority_classes=facts.priority_classes,
            storage_classes=facts.storage_classes,
            csi_drivers=facts.csi_drivers,
            objects=tuple(sorted({*_there(entries), *facts.named})),
        )
        return found, objects

    def _quotas(self, items: Iterable[QuotaItem]) -> tuple[Quota, ...]:
        member = self._member
        read = (quota(item, member.gpu_resources, member.overrides.priority_class) for item in items)
        return tuple(sorted((q for q in read if q is not None), key=lambda q: q.name))

    def _node_groups(
        self, facts: ClusterFacts, quotas: tuple[Quota, ...], objects: Iterable[ObjectView], pods: Iterable[OwnPod]
    ) -> tuple[NodeGroup, ...]:
        storage = _storage(facts)
        if self._member.terms.visibility == "namespace":
            return declared_groups(self._member, quotas, objects, pods, storage)
        self._recount()
        there = frozenset(group.name for group in self._groups)
        found = [self._node_group(group, storage) for group in self._groups]
        return tuple(sorted([*found, *template_groups(self._member, there, storage)], key=lambda group: group.name))

    def _recount(self) -> None:
        if self._regroup:
            self._groups = self._grouper.groups(self._rooms.nodes.values())
            self._group_of = {node.name: group for group in self._groups for node in group.nodes}
            self._free = {}
            self._rooms.dirty.update(self._group_of)
            self._regroup = False
        for name in self._rooms.dirty:
            group = self._group_of.get(name)
            if group is not None:
                self._free[name] = self._rooms.free(name, group.gpu_resource)
        self._rooms.dirty.clear()

    def _node_group(self, group: Group, storage: tuple[tuple[str, str], ...]) -> NodeGroup:
        room = [node for node in group.nodes if node.usable and not node.cordoned]
        declared = group.declared
        common = set(group.nodes[0].labels).intersection(*(node.labels for node in group.nodes))
        return NodeGroup(
            name=group.name,
            allocatable=_smallest(group),
            nodes=len(group.nodes),
            ready=sum(node.usable for node in group.nodes),
            cordoned=sum(node.cordoned for node in group.nodes),
            rooms=histogram(self._free[node.name] for node in room),
            selector=group.selector,
            labels=tuple(sorted(common)),
            taints=group.key.taints,
            barred=barring(group.key.taints, self._member.overrides.tolerations),
            attributes=attributes(
                dict(common),
                self._member,
                (*storage, *gpu_fact(group.gpu_resource)),
                declared.attributes if declared else (),
            ),
            gpu_resource=group.gpu_resource,
            can_grow_to=declared.can_grow_to if declared else 0,
            grow_s=declared.grow_s if declared else 0,
            images=(self._member.terms.image,) if sum(n.has_image for n in room) * 2 > len(room) else (),
        )

    def _node_rooms(self, pods: Iterable[OwnPod]) -> tuple[NodeRoom, ...]:
        found = []
        for name in sorted({pod.node for pod in pods if pod.node and not pod.over}):
            node, group = self._rooms.nodes.get(name), self._group_of.get(name)
            if node is not None and group is not None:
                found.append(NodeRoom(name, group.name, self._free[name], node.cordoned, node.usable))
        return tuple(found)

    def _site_pods(self, pods: Iterable[OwnPod]) -> tuple[SitePod, ...]:
        if not self._stuck:
            return ()
        names = sorted({pod.node for pod in pods if pod.node and not pod.over})
        nodes = [self._rooms.nodes[name] for name in names if name in self._rooms.nodes]
        groups: dict[Hashable, tuple[str, ...]] = {}
        found = []
        for seat, stuck in self._stuck.values():
            where = tuple(node.name for node in nodes if stuck.allows(node))
            alike = (stuck.selector, stuck.terms, stuck.tolerations)
            if alike not in groups:
                # the pods of one Deployment ask alike: a large cluster is looked through once for all of them
                groups[alike] = tuple(g.name for g in self._groups if any(stuck.allows(node) for node in g.nodes))
            gpu = gpu_name(seat.needs, self._member.gpu_resources)
            asks = resources(seat.needs, gpu, up=True)
            found.append(SitePod(stuck.name, asks, stuck.since, where, stuck.priority, groups[alike]))
        return tuple(sorted(found, key=lambda pod: (pod.since, pod.name)))


def _seat(pod: OwnPod | None) -> Seat | None:
    return Seat(pod.node, pod.needs) if pod is not None and pod.node and not pod.over else None


def _smallest(group: Group) -> Resources:
    """Component-wise minimum of the nodes' allocatable."""
    shapes = {node.allocatable for node in group.nodes}
    least = resources(min(shapes), group.gpu_resource)
    for shape in shapes:
        other = resources(shape, group.gpu_resource)
        least = least.at_most(other, frozenset(name for name, _ in least.items()))
    return least


def _there(entries: Entries) -> Iterator[tuple[str, str]]:
    """What users' Jobs may name, of the kinds that are listed."""
    for kind in ("claims", "config maps there"):
        yield from entries.get(kind, {}).values()


def _storage(facts: ClusterFacts) -> tuple[tuple[str, str], ...]:
    return (
        ("FedschedCsiDrivers", text(",".join(facts.csi_drivers))),
        ("FedschedStorageClasses", text(",".join(facts.storage_classes))),
    )


def _highest_epoch(configs: Iterable[ConfigItem], objects: Iterable[ObjectView], pods: Iterable[OwnPod]) -> int:
    fences = [epoch(c.data.epoch) for c in configs if c.metadata.name == FENCE]
    labels = [epoch(c.metadata.labels.get(LABEL_EPOCH, "")) for c in configs]
    labels += [epoch(pod.item.metadata.labels.get(LABEL_EPOCH, "")) for pod in pods]
    return max([0, *fences, *labels, *(view.epoch for view in objects)])
