"""Where a class could run, in which form, with startds of which size, best first (MA5); not whether there is room."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.match import Place, cordoned, form_for, may_probe, never, rank
from fedsched.matchmaker.model import DemandClass, Form, Order, Policy
from fedsched.matchmaker.resources import Resources


class Choosing(msgspec.Struct, frozen=True):
    """What choosing reads besides classes and places: policy, people's orders, the snapshot's time."""

    policy: Policy
    orders: tuple[Order, ...]
    at: float


class Option(msgspec.Struct, frozen=True):
    """A place where a class could run, with the size of a startd for it and its rank."""

    place: Place
    form: Form
    size: Resources
    units: int
    rank: tuple[float, float]


def options(demand: DemandClass, places: tuple[Place, ...], rules: Choosing) -> list[Option]:
    """Places where the class could run and nobody holds it back, best rank first (MA5), then by name."""
    found = []
    for place in places:
        form = form_for(place)
        if form is None or cordoned(demand, place, rules.orders):
            continue
        size, units = size_for(demand, place, form, rules.policy)
        reason = never(demand, place, size, rules.at)
        if reason is not None and not may_probe(reason, demand, place, size):
            continue
        found.append(Option(place, form, size, units, _rank(demand, place, size, rules)))
    return sorted(found, key=_preference)


def _preference(option: Option) -> tuple[float, float, bool, str, str]:
    """Rank first (MA5); where it ties, no GPU node for what needs none; then names, never the order of observation."""
    place = option.place
    wasted = place.group.allocatable.gpus > 0 and option.size.gpus == 0
    return -option.rank[0], -option.rank[1], wasted, place.terms.name, place.group.name


def size_for(demand: DemandClass, place: Place, form: Form, policy: Policy) -> tuple[Resources, int]:
    """Size of one startd and the jobs it holds: exactly one job, packed up to the policy's size, or a node's worth."""
    one = msgspec.structs.replace(demand.request, pods=0)
    if form == "startd-daemonset":
        units = max(1, per_node(demand.request, place))
    else:
        wanted = policy.startds.pack_cpu_milli // max(1, one.cpu_milli)
        units = max(1, min(wanted, demand.idle))
    return msgspec.structs.replace(one.times(units), pods=1), units


def per_node(request: Resources, place: Place) -> int:
    """How many jobs of that request at least 95 % of the group's nodes have room for now (section 5)."""
    overhead = place.terms.pod_overhead
    counts: list[int] = []
    for room in place.group.rooms:
        free = room.free - overhead
        units = 0
        while units < 1000 and _fits_times(request, units + 1, free):
            units += 1
        counts += [units] * room.nodes
    counts.sort()
    return counts[len(counts) // 20] if counts else 0


def _fits_times(request: Resources, units: int, free: Resources) -> bool:
    one = msgspec.structs.replace(request, pods=0)
    need = msgspec.structs.replace(one.times(units), pods=1)
    return all(amount <= free.get(name) for name, amount in need.items())


def _rank(demand: DemandClass, place: Place, size: Resources, rules: Choosing) -> tuple[float, float]:
    """The policy's rank, then the class's own where that ties (MA5)."""
    policy = rank(rules.policy.rank, demand, place, size, rules.at)
    return policy, rank(demand.rank, demand, place, size, rules.at)
