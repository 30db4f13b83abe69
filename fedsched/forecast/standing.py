"""What of ours stands in a recorded moment, put into a simulated world: objects, pods, startds, and jobs on them."""

from __future__ import annotations

import random
from collections.abc import Mapping

import msgspec

from fedsched.forecast.copies import When, go_on, stand, watch
from fedsched.forecast.demand import Waiting
from fedsched.forecast.moment import CORDONED, nodes, request_of
from fedsched.matchmaker.model import MemberTerms, MemberView, ObjectView, Placement, PodView, SlotView, Snapshot
from fedsched.matchmaker.resources import Resources
from fedsched.sim.apiserver import ApiServer, Thing
from fedsched.sim.copies import Copy
from fedsched.sim.nodes import Cluster, Pod
from fedsched.sim.pool import Pool, Run, Startd
from fedsched.sim.racks import Node
from fedsched.sim.scenario import SimJob

DELETED_S = 5.0
"""How long a pod that is being deleted is still there, in seconds."""


def settle_members(apis: Mapping[str, ApiServer], works: Mapping[str, SimJob], snapshot: Snapshot, seed: int) -> None:
    """Nodes, the site's own waiting pods, and every object of ours with its pods. works: behind users' Jobs, by uid."""
    views = {view.name: view for view in snapshot.observation.members}
    terms = {one.name: one for one in snapshot.terms}
    for name, api in apis.items():
        api.cluster.nodes = nodes(views[name])
        _add_site_pods(api.cluster, views[name])
    for thing in snapshot.observation.objects:
        if thing.member not in apis or thing.placement is None:
            continue
        chance = random.Random(f"{seed}/{thing.name}")  # noqa: S311 - repeatable luck, no secret
        when = (snapshot.at, chance)
        if thing.placement.form == "job":
            copy = stand(thing, thing.placement, works[thing.placement.job_uid], when)
            _add_object(apis[thing.member], thing, terms[thing.member], when, copy)
        elif not thing.deleting:
            _add_object(apis[thing.member], thing, terms[thing.member], when)


def settle_slots(pool: Pool, apis: Mapping[str, ApiServer], schedds: Mapping[str, Waiting], snapshot: Snapshot) -> None:
    """Startds whose ads are seen and whose pods live, with the jobs that they run."""
    found = {
        (name, pod.name): (pod, api.cluster)
        for name, api in apis.items()
        for pod in api.cluster.pods.values()
        if pod.placement is not None and pod.running
    }
    for view in snapshot.observation.pools:
        for slot in view.slots:
            if (slot.member, slot.pod) in found:
                pod, cluster = found[slot.member, slot.pod]
                _add_startd(pool, (pod, cluster), slot, schedds)


def _add_site_pods(cluster: Cluster, view: MemberView) -> None:
    for waiting in view.site_pods:
        for group in waiting.groups[:1]:
            request = msgspec.structs.replace(waiting.request, pods=1)
            cluster.add(waiting.name, group, request, waiting.since)


def _add_object(api: ApiServer, seen: ObjectView, terms: MemberTerms, when: When, copy: Copy | None = None) -> None:
    """An object with its pods. copy: how it goes on as the copy of a user's Job."""
    if seen.placement is None:
        return
    thing = Thing(seen.name, seen.kind, seen.uid, seen.placement, seen.created_at, parked=seen.parked, copy=copy)
    api.things[seen.name] = thing
    thing.pods = copy.pods if copy is not None else thing.pods
    by_name = {node.name: node for node in api.cluster.nodes}
    if seen.finished == "failed" and copy is None:
        thing.failed = seen.finished_reason or "BackoffLimitExceeded"
    for view in seen.pods:
        pod = _pod(view, seen.placement, terms)
        _set_on_node(pod, view, by_name.get(view.node), when, api.cluster)
        pod.pinned = pod.node if seen.kind == "DaemonSet" else None
        thing.pods.append(pod)
        if copy is not None:
            go_on(pod, copy)
        api.cluster.put(pod)
        if copy is None and pod.ended_at is not None:
            api.cluster.gone[pod.uid] = pod
    if copy is not None:
        watch(api.controller, seen.name, copy, when[0])


def _set_on_node(pod: Pod, view: PodView, node: Node | None, when: When, cluster: Cluster) -> None:
    """Where it is and what comes next there: its start, or its end when it is being deleted."""
    at, chance = when
    if view.node:
        # A node that is not told of (no rights, or gone): the pod's room is nobody else's.
        pod.node = node or Node(view.node, CORDONED + pod.group, Resources())
        image = pod.placement.image if pod.placement is not None else ""
        if pod.started_at is None and pod.ended_at is None:
            takes_s = cluster.spec.boot_s + cluster.spec.pull_s * chance.uniform(0.8, 1.2)
            pod.starts_at = max(at, (view.scheduled_at or view.created_at) + takes_s)
        pod.node.images.setdefault(image, pod.starts_at or at)
    if view.deleting:
        pod.delete_at = at + DELETED_S


def _pod(view: PodView, placement: Placement, terms: MemberTerms) -> Pod:
    pod = Pod(view.name, view.uid, placement.node_group, request_of(placement, terms), view.created_at, placement)
    pod.version = int(view.resource_version) if view.resource_version.isdecimal() else 1
    pod.scheduled_at, pod.started_at, pod.ended_at = view.scheduled_at, view.started_at, view.ended_at
    pod.exit_code, pod.end_reason, pod.problem = view.exit_code, view.end_reason, view.problem
    pod.leave_at = view.leave_ordered_at
    return pod


def _add_startd(pool: Pool, where: tuple[Pod, Cluster], slot: SlotView, schedds: Mapping[str, Waiting]) -> None:
    pod, cluster = where
    placement = pod.placement
    group = next((g for g in cluster.spec.groups if g.name == slot.node_group), None)
    if placement is None or group is None:
        return
    startd = Startd(pod, placement, cluster, group, slot.started_at or pod.created_at, slot.unclaimed_since)
    pool.put(startd)
    for claim in slot.claims:
        schedd = schedds.get(claim.schedd) or schedds.get(placement.schedd)
        if schedd is None:
            continue
        job = schedd.claimed(claim, placement, slot.seen_at)
        held = claim.amount if claim.amount.cpu_milli else msgspec.structs.replace(job.queue.batch.request, pods=0)
        startd.take(Run(job, schedd, claim.since, held))
