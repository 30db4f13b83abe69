"""How a simulated member looks to its reader: node groups with histograms, the site's own pods, our objects."""

from __future__ import annotations

from operator import attrgetter

import msgspec

from fedsched.matchmaker.model import (
    MemberView,
    NodeGroup,
    NodeRoom,
    ObjectView,
    PodPhase,
    PodView,
    Quota,
    SitePod,
)
from fedsched.matchmaker.resources import Resources
from fedsched.sim.apiserver import ApiServer, Thing
from fedsched.sim.nodes import Cluster, Node, Pod
from fedsched.sim.scenario import SimNodeGroup


class Looks:
    """What was last seen of one member; what did not change since is not put together anew."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._member: tuple[tuple[int, int, int | None], MemberView] | None = None
        self._things: dict[str, tuple[tuple[object, ...], ObjectView]] = {}

    def member(self, at: float) -> MemberView:
        """The member, answering now."""
        api = self._api
        state = (api.cluster.version, api.fence, api.quota(at))
        if self._member is None or self._member[0] != state:
            self._member = state, _member(api, state[2])
        return msgspec.structs.replace(self._member[1], contact_at=at, seen_at=at)

    def objects(self) -> tuple[ObjectView, ...]:
        """Everything there with our labels, by name."""
        name, before, self._things = self._api.cluster.spec.terms.name, self._things, {}
        for thing in sorted((t for t in self._api.things.values() if t.ours), key=attrgetter("name")):
            state = _state(thing)
            known = before.get(thing.name)
            fresh = known is not None and known[0] == state
            self._things[thing.name] = known if known and fresh else (state, _object(thing, name))
        return tuple(view for _, view in self._things.values())


def _state(thing: Thing) -> tuple[object, ...]:
    pods = tuple([(pod.uid, pod.version) for pod in thing.pods])
    return thing.uid, thing.version, thing.parked, thing.failed, pods


def _member(api: ApiServer, quota: int | None) -> MemberView:
    cluster = api.cluster
    with_ours = {pod.node.name: pod.node for pod in cluster.ours.values() if pod.node is not None}
    return MemberView(
        name=cluster.spec.terms.name,
        contact="ok",
        version="v1.36.0",
        node_groups=tuple(_group(group, cluster) for group in cluster.spec.groups),
        node_rooms=tuple(NodeRoom(n.name, n.group, n.free) for _, n in sorted(with_ours.items())),
        quotas=_quota(quota, len(cluster.ours)),
        priority_classes=(("fedsched-low", -10),),
        site_pods=tuple(_site_pod(pod, with_ours) for pod in cluster.waiting() if pod.placement is None),
        fence_epoch=api.fence,
        anchor_uid=f"{cluster.spec.terms.name}-anchor",
    )


def _object(thing: Thing, member: str) -> ObjectView:
    """A Job or DaemonSet of ours with its pods."""
    return ObjectView(
        name=thing.name,
        kind=thing.kind,
        uid=thing.uid,
        resource_version=thing.revision,
        member=member,
        placement_id=thing.placement.id,
        epoch=thing.placement.epoch,
        digest=f"digest-of-{thing.placement.id}",
        created_at=thing.created_at,
        placement=thing.placement,
        pods=tuple(_pod(pod) for pod in thing.pods),
        finished=thing.finished,
        finished_reason=thing.failed,
        parked=thing.parked,
        desired_pods=len(thing.pods),
        refused=thing.copy.refused if thing.copy is not None else "",
        deleting=thing.copy.deletes if thing.copy is not None else False,
        status=thing.copy.status() if thing.copy is not None else None,
    )


def _group(spec: SimNodeGroup, cluster: Cluster) -> NodeGroup:
    rooms = cluster.racks.rooms(spec.name)
    return NodeGroup(
        name=spec.name,
        allocatable=spec.size,
        nodes=spec.nodes,
        ready=sum(room.nodes for room in rooms),
        cordoned=0,
        rooms=rooms,
        selector=(("pool", spec.name),),
        labels=(("pool", spec.name),),
        taints=spec.taints,
        attributes=spec.attributes,
        gpu_resource=spec.gpu_resource,
    )


def _quota(pods: int | None, held: int) -> tuple[Quota, ...]:
    if pods is None:
        return ()
    return (Quota("fedsched", Resources(pods=pods - held), frozenset({"pods"})),)


def _site_pod(pod: Pod, with_ours: dict[str, Node]) -> SitePod:
    nodes = tuple(name for name, node in sorted(with_ours.items()) if node.group == pod.group)
    return SitePod(pod.name, pod.request, pod.created_at, nodes, priority=0, groups=(pod.group,))


def _pod(pod: Pod) -> PodView:
    return PodView(
        name=pod.name,
        uid=pod.uid,
        resource_version=str(pod.version),
        phase=_phase(pod),
        node=pod.node.name if pod.node else "",
        created_at=pod.created_at,
        scheduled_at=pod.scheduled_at,
        started_at=pod.started_at,
        ended_at=pod.ended_at,
        deleting=pod.delete_at is not None,
        exit_code=pod.exit_code,
        problem=pod.problem,
        leave_ordered_at=pod.leave_at,
        pulling=pod.node is not None and pod.started_at is None,
        end_reason=pod.end_reason,
        fact=pod.fact,
    )


def _phase(pod: Pod) -> PodPhase:
    if pod.ended_at is not None:
        return "succeeded" if pod.exit_code == 0 else "failed"
    return "running" if pod.started_at is not None else "pending"
