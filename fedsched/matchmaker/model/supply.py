"""Supply: what a member has, by node group, with the age of each fact. Says nothing of what we placed there."""

from __future__ import annotations

from typing import Literal

import msgspec

from fedsched.matchmaker.resources import Resources

Contact = Literal["ok", "timeout", "refused", "unauthorized", "forbidden", "error", "never"]


class Room(msgspec.Struct, frozen=True, gc=False, order=True):
    """One bar of a histogram: `nodes` schedulable nodes that have exactly `free`."""

    free: Resources
    nodes: int


class Taint(msgspec.Struct, frozen=True, gc=False, order=True):
    """A taint that all nodes of a group carry."""

    key: str
    value: str
    effect: str


class NodeGroup(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Nodes of one member that are alike in shape, labels that matter and taints.

    allocatable: of one empty node, the smallest of the group. selector: node labels that pick exactly this group.
    rooms: free room of the ready, uncordoned nodes, as a histogram, all pods counted, `leave_free` not taken off.
    attributes: (name, ClassAd text) facts for the predicted slot ad, documented in docs/matching.md, sorted.
    gpu_resource: the extended resource that `gpus` counts here ("nvidia.com/gpu"), "" for none.
    can_grow_to: nodes that an autoscaler could still bring it to; 0 where nothing grows. grow_s: how long that takes.
    images: images that most of its nodes hold already, of those that the member's file names. template: no node of it
    exists yet; what one would be is declared or known from its autoscaler (S9).
    barred: those of its taints that the member's file does not tolerate: no pod of ours can go there.
    declared: stands in the member file (visibility = namespace): rooms are a guess, quota is the truth.
    """

    name: str
    allocatable: Resources
    nodes: int
    ready: int
    cordoned: int
    rooms: tuple[Room, ...]
    selector: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[Taint, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    gpu_resource: str = ""
    can_grow_to: int = 0
    grow_s: int = 0
    declared: bool = False
    images: tuple[str, ...] = ()
    template: bool = False
    barred: tuple[Taint, ...] = ()


class NodeRoom(msgspec.Struct, frozen=True, gc=False):
    """One node on which something of ours runs: what is free there now besides (for OW2 and drains)."""

    node: str
    node_group: str
    free: Resources
    cordoned: bool = False
    ready: bool = True


class Quota(msgspec.Struct, frozen=True, gc=False):
    """One ResourceQuota of our namespace: what it still allows, only for the resources in `limits`.

    left: hard minus used. Names in `limits` are those of Resources plus "jobs" (count/jobs.batch); jobs_left for that.
    """

    name: str
    left: Resources
    limits: frozenset[str]
    jobs_left: int | None = None


class ContainerLimits(msgspec.Struct, frozen=True):
    """A LimitRange of our namespace for containers; a missing bound is absent from its `…_names`."""

    name: str
    maximum: Resources
    maximum_names: frozenset[str]
    minimum: Resources
    minimum_names: frozenset[str]


class SitePod(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A pod of the member's own that cannot be scheduled (OW2): what it asks and where it could go.

    since: epoch seconds since it is unschedulable. nodes: names of nodes of ours-bearing rooms that its selector,
    affinity and tolerations allow. groups: names of node groups with at least one such node, ours there or not.
    """

    name: str
    request: Resources
    since: float
    nodes: tuple[str, ...]
    priority: int = 0
    groups: tuple[str, ...] = ()


class MemberView(msgspec.Struct, frozen=True):
    """A member as last seen.

    contact: how the last attempt to reach it went. contact_at: when that attempt was. seen_at: epoch seconds of the
    last capacity that is complete (None before the first). contact_error: one line, no secret.
    fence_epoch: highest epoch found in its fence or on any object with our labels. anchor_uid: "" when it is missing.
    priority_classes: (name, value) of those that we may use, lowest first; None when we may not read them.
    clock_skew_s: its Date header minus our clock.
    facts: what could not be read and which feature is off therefore, one sentence each.
    objects: (kind, name) of what users' Jobs may name in our namespace and that is there, sorted.
    """

    name: str
    contact: Contact = "never"
    contact_at: float = 0.0
    contact_error: str = ""
    seen_at: float | None = None
    version: str = ""
    node_groups: tuple[NodeGroup, ...] = ()
    node_rooms: tuple[NodeRoom, ...] = ()
    quotas: tuple[Quota, ...] = ()
    limits: tuple[ContainerLimits, ...] = ()
    priority_classes: tuple[tuple[str, int], ...] | None = None
    storage_classes: tuple[str, ...] = ()
    csi_drivers: tuple[str, ...] = ()
    site_pods: tuple[SitePod, ...] = ()
    fence_epoch: int = 0
    anchor_uid: str = ""
    clock_skew_s: float = 0.0
    credential_expires_at: float | None = None
    facts: tuple[str, ...] = ()
    objects: tuple[tuple[str, str], ...] = ()
