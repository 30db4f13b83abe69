"""How a simulated member looks to its reader: node groups with histograms, the site's own pods, our objects."""

from __future__ import annotations

from collections import Counter

from fedsched.matchmaker.model import (
    MemberView,
    NodeGroup,
    NodeRoom,
    ObjectView,
    PodPhase,
    PodView,
    Quota,
    Room,
    SitePod,
)
from fedsched.matchmaker.resources import Resources
from fedsched.sim.apiserver import ApiServer, Thing
from fedsched.sim.nodes import Cluster, Node, Pod
from fedsched.sim.scenario import SimNodeGroup


def member_view(api: ApiServer, at: float) -> MemberView:
    """The member, answering now."""
    cluster = api.cluster
    live = [pod for pod in cluster.pods.values() if pod.ended_at is None]
    ours = [pod for pod in live if pod.placement is not None]
    with_ours = {pod.node.name: pod.node for pod in ours if pod.node is not None}
    return MemberView(
        name=cluster.spec.terms.name,
        contact="ok",
        contact_at=at,
        seen_at=at,
        version="v1.36.0",
        node_groups=tuple(_group(group, cluster) for group in cluster.spec.groups),
        node_rooms=tuple(NodeRoom(n.name, n.group, n.free) for _, n in sorted(with_ours.items())),
        quotas=_quota(cluster, len(ours)),
        priority_classes=(("fedsched-low", -10),),
        site_pods=tuple(_site_pod(p, with_ours) for p in live if p.placement is None and p.node is None),
        fence_epoch=api.fence,
        anchor_uid=f"{cluster.spec.terms.name}-anchor",
    )


def object_view(thing: Thing, member: str) -> ObjectView:
    """A Job or DaemonSet of ours with its pods."""
    return ObjectView(
        name=thing.name,
        kind=thing.kind,
        uid=thing.uid,
        resource_version=str(thing.version),
        member=member,
        placement_id=thing.placement.id,
        epoch=thing.placement.epoch,
        digest=f"digest-of-{thing.placement.id}",
        created_at=thing.created_at,
        placement=thing.placement,
        pods=tuple(_pod(pod) for pod in thing.pods),
        finished=thing.finished,
        parked=thing.parked,
        desired_pods=len(thing.pods),
    )


def _group(spec: SimNodeGroup, cluster: Cluster) -> NodeGroup:
    rooms = Counter(node.free.floor_zero() for node in cluster.nodes if node.group == spec.name)
    return NodeGroup(
        name=spec.name,
        allocatable=spec.size,
        nodes=spec.nodes,
        ready=spec.nodes,
        cordoned=0,
        rooms=tuple(Room(free, nodes) for free, nodes in sorted(rooms.items())),
        selector=(("pool", spec.name),),
        labels=(("pool", spec.name),),
        taints=spec.taints,
        attributes=spec.attributes,
        gpu_resource=spec.gpu_resource,
    )


def _quota(cluster: Cluster, held: int) -> tuple[Quota, ...]:
    if cluster.spec.max_pods is None:
        return ()
    return (Quota("fedsched", Resources(pods=cluster.spec.max_pods - held), frozenset({"pods"})),)


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
    )


def _phase(pod: Pod) -> PodPhase:
    if pod.ended_at is not None:
        return "succeeded" if pod.exit_code == 0 else "failed"
    return "running" if pod.started_at is not None else "pending"
