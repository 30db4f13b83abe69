"""How large a startd for a class would be at a place, and how many of its jobs it would hold; not whether it may be."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.match.places import Place
from fedsched.matchmaker.model import DemandClass, Form, MemberTerms, Placement, Policy
from fedsched.matchmaker.resources import Resources, how_many


def size_for(demand: DemandClass, place: Place, form: Form, policy: Policy) -> tuple[Resources, int]:
    """Size of one startd and the jobs it holds: exactly one job, packed up to the policy's size, or a node's worth."""
    if form == "job":
        return single(demand.request), 1
    if form == "startd-daemonset":
        units = per_node(demand.request, place)
    else:
        units = packed(demand, policy)
        units = units if units == 1 else min(units, _at_most(demand.request, place))
    return times(demand.request, max(1, units)), max(1, units)


def footprint(placement: Placement, terms: MemberTerms) -> Resources:
    """What one pod of a placement asks of its node: a startd's more than it offers, a Job's its request."""
    return placement.size if placement.form == "job" else placement.size + terms.pod_overhead


def packed(demand: DemandClass, policy: Policy) -> int:
    """Jobs that a startd of the class should hold, by the policy's size for packing and by how many there are."""
    if demand.job is not None:
        return 1
    wanted = policy.startds.pack_cpu_milli // max(1, demand.request.cpu_milli)
    return max(1, min(wanted, demand.idle))


def single(request: Resources) -> Resources:
    """One pod that has room for one job."""
    return times(request, 1)


def times(request: Resources, units: int) -> Resources:
    """One pod that has room for so many jobs."""
    return msgspec.structs.replace(request.times(units), pods=1)


def _at_most(request: Resources, place: Place) -> int:
    """How many jobs the roomiest node holds in one startd: packing never makes a startd too large for its node.

    Where no node has room for a single job now, what an empty one holds: that is what a new node is made for.
    """
    overhead, one = place.terms.pod_overhead, msgspec.structs.replace(request, pods=0)
    now = max((how_many(one, room.free - overhead) for room in place.group.rooms if room.free.pods >= 1), default=0)
    return now or how_many(one, place.group.allocatable - overhead)


def per_node(request: Resources, place: Place) -> int:
    """How many jobs of that request at least 95 % of the group's nodes have room for now (section 5)."""
    overhead, one = place.terms.pod_overhead, msgspec.structs.replace(request, pods=0)
    counts: list[int] = []
    for room in place.group.rooms:
        free = room.free - overhead
        units = min(1000, how_many(one, free)) if free.pods >= 1 else 0
        counts += [units] * room.nodes
    counts.sort()
    return counts[len(counts) // 20] if counts else 0
