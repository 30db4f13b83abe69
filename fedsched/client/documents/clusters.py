"""The members as they stand: state, mode, room, what of ours is there, price, place, life of the credential."""

from __future__ import annotations

import msgspec

from fedsched.client.documents.document import Document
from fedsched.matchmaker.model import NodeGroup, Quota
from fedsched.matchmaker.resources import Resources


class ClusterLine(msgspec.Struct, frozen=True):
    """One member. seen_at: of its capacity. ours: startds by phase. pods: startds by node group.

    copies: of users' Kubernetes Jobs: starting, running, leaving. state: ready, slow, unreachable, lost, "never" before
    the first contact, or "credential" where it refuses ours. allocatable, free: sums over its node groups, for charts,
    never for decisions (MA2). lent: core-equivalents, smoothed. attention: sentences for whoever runs it.
    credential_expires_at: epoch seconds, None where it does not expire.
    """

    name: str
    state: str
    mode: str
    seen_at: float | None = None
    contact: str = ""
    contact_at: float = 0.0
    error: str = ""
    orders: tuple[str, ...] = ()
    ours: dict[str, int] = {}
    copies: dict[str, int] = {}
    held_cpu_milli: int = 0
    claimed_cpu_milli: int = 0
    nodes: int = 0
    allocatable: Resources = Resources()
    free: Resources = Resources()
    node_groups: tuple[NodeGroup, ...] = ()
    quotas: tuple[Quota, ...] = ()
    lent: float = 0.0
    price_per_core_hour: float = 0.0
    region: str = ""
    latitude: float | None = None
    longitude: float | None = None
    version: str = ""
    clock_skew_s: float = 0.0
    credential_expires_at: float | None = None
    attention: tuple[str, ...] = ()


class Clusters(Document, frozen=True, kw_only=True, tag="clusters"):
    """Members by name; attention: what somebody should hear of, of all that was asked for, a sentence each."""

    members: tuple[ClusterLine, ...] = ()
    attention: tuple[str, ...] = ()
    frozen_since: float | None = None
