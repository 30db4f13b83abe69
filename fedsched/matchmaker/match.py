"""Who can run where, ever: one class against one node group (MA1, MA3, MA6), without regard to room.

Room, ramps and budgets are the business of filling.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

from fedsched.matchmaker import classad
from fedsched.matchmaker.model import (
    ContainerLimits,
    DemandClass,
    Form,
    MemberMemory,
    MemberTerms,
    MemberView,
    NodeGroup,
    Order,
    PairMemory,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources, lacking, show

BASE_SLOT: tuple[tuple[str, str], ...] = (
    ("Arch", '"X86_64"'),
    ("OpSys", '"LINUX"'),
    ("HasFileTransfer", "true"),
    ("HasJICLocalConfig", "true"),
    ("HasVM", "false"),
    ("PartitionableSlot", "true"),
    ("State", '"Unclaimed"'),
    ("Activity", '"Idle"'),
    ("CondorVersion", '"$CondorVersion: 23.9.6 2024-08-01 $"'),
)
"""What a startd says anywhere, until a real slot was seen (MA6); facts of the group and the member come on top."""


class Place(msgspec.Struct, frozen=True):
    """A node group of a member with all that a decision about it may read."""

    terms: MemberTerms
    view: MemberView
    group: NodeGroup
    memory: MemberMemory
    pair: PairMemory

    def here(self, reason: Reason) -> Reason:
        """The same reason, about this place."""
        return msgspec.structs.replace(reason, member=self.terms.name, node_group=self.group.name)


def pair_key(member: str, group: str, image: str) -> str:
    """Key of what is known of startds of one image there."""
    return f"{member}/{group}/{image}"


def form_for(place: Place) -> Form | None:
    """The one form that this group takes: a DaemonSet where the member's file names the group, else startd Jobs."""
    if place.group.name in place.terms.daemonset_groups:
        return "startd-daemonset" if "startd-daemonset" in place.terms.forms else None
    return "startd-job" if "startd-job" in place.terms.forms else None


def slot_ad(place: Place, size: Resources) -> tuple[tuple[str, str], ...]:
    """The predicted slot ad of a startd of that size there (MA6), sorted: base, member, group, learnt, then shape."""
    ad = dict(BASE_SLOT)
    ad.update(place.terms.attributes)
    ad.update(place.group.attributes)
    ad.update(place.pair.attributes)
    cores = str(size.cpu_milli // 1000)
    ad |= {"Cpus": cores, "TotalCpus": cores, "TotalSlotCpus": cores}
    ad |= {"Memory": str(size.memory_mib), "Disk": str(size.disk_mib * 1024), "GPUs": str(size.gpus)}
    ad |= {"TotalSlotMemory": ad["Memory"], "TotalSlotDisk": ad["Disk"], "TotalSlotGPUs": ad["GPUs"]}
    ad["FedschedPricePerCoreHour"] = repr(float(place.terms.price_per_core_hour))
    ad |= {"FedschedMember": _quoted(place.terms.name), "FedschedNodeGroup": _quoted(place.group.name)}
    if size.gpus:
        device = "".join(f"{name} = {value}; " for name, value in sorted(_gpu(ad).items()))
        ad["AvailableGPUs"] = "{" + ", ".join([f"[ {device}]"] * size.gpus) + "}"
    ad["Requirements"] = place.terms.requirements or "true"
    return tuple(sorted(ad.items()))


def _gpu(ad: dict[str, str]) -> dict[str, str]:
    """A device's properties, as the GPUs_… attributes of the slot tell them."""
    return {name.removeprefix("GPUs_"): value for name, value in ad.items() if name.startswith("GPUs_")}


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def job_ad(demand: DemandClass) -> tuple[tuple[str, str], ...]:
    """The class as a job ad: requests as rounded up, and what its expressions read; sorted."""
    ask = demand.request
    ad = {"RequestCpus": str(ask.cpu_milli // 1000), "RequestMemory": str(ask.memory_mib)}
    ad |= {"RequestDisk": str(ask.disk_mib * 1024), "RequestGPUs": str(ask.gpus)}
    ad |= {"FedschedPrincipal": _quoted(str(demand.principal)), "User": _quoted(demand.principal.user)}
    ad.update(demand.attributes)
    ad["Requirements"] = demand.requirements or "true"
    return tuple(sorted(ad.items()))


def never(demand: DemandClass, place: Place, size: Resources, at: float) -> Reason | None:
    """Why the class could never run there, None when it could (MA1)."""
    if demand.gate:
        return place.here(Reason(Cause.EXPRESSION_REFUSED, what="Requirements", have=demand.gate))
    refused = _refused_by_terms(demand, place)
    if refused is not None:
        return refused
    short = lacking(size + place.terms.pod_overhead, place.group.allocatable)
    if short is not None:
        name, need, have = short
        at_least = show(name, need - place.terms.pod_overhead.get(name))
        source = f"the largest node of {place.group.name}, empty"
        return place.here(
            Reason(Cause.NODE_TOO_SMALL, name, at_least, show(name, have), source=source, at=place.view.seen_at)
        )
    barred = _barred_by_limits(size + place.terms.pod_overhead, place.view.limits)
    if barred is not None:
        return place.here(barred)
    return _requirements(demand, place, size, at)


def _refused_by_terms(demand: DemandClass, place: Place) -> Reason | None:
    terms = place.terms
    if form_for(place) is None or (terms.pools and demand.pool not in terms.pools):
        have = ", ".join(terms.forms) or "none"
        if terms.pools and demand.pool not in terms.pools:
            return place.here(
                Reason(Cause.FORM_REFUSED, "pool", demand.pool, ", ".join(terms.pools), source="the member's file")
            )
        return place.here(Reason(Cause.FORM_REFUSED, "form", "a startd", have, source="the member's file"))
    who = str(demand.principal)
    if terms.principals and not any(fnmatchcase(who, pattern) for pattern in terms.principals):
        return place.here(
            Reason(Cause.PRINCIPAL_REFUSED, "principal", who, ", ".join(terms.principals), source="the member's file")
        )
    if demand.image and terms.images and not any(fnmatchcase(demand.image, pattern) for pattern in terms.images):
        return place.here(
            Reason(Cause.IMAGE_REFUSED, "image", demand.image, ", ".join(terms.images), source="the member's file")
        )
    if demand.length.source != "assumed" and demand.length.seconds > terms.max_lifetime_s:
        have = f"{terms.max_lifetime_s} s"
        return place.here(
            Reason(Cause.TOO_LONG, demand.length.source, f"{demand.length.seconds} s", have, source="the member's file")
        )
    return None


def _barred_by_limits(size: Resources, limits: tuple[ContainerLimits, ...]) -> Reason | None:
    """A LimitRange of the namespace that would refuse the pod (S4)."""
    for limit in limits:
        for name, amount in size.items():
            if name in limit.maximum_names and amount > limit.maximum.get(name):
                have = show(name, limit.maximum.get(name))
                return Reason(
                    Cause.ADMISSION_REFUSED, name, show(name, amount), have, source=f"LimitRange {limit.name}"
                )
            if name in limit.minimum_names and amount < limit.minimum.get(name):
                need = f"at least {show(name, limit.minimum.get(name))}"
                return Reason(
                    Cause.ADMISSION_REFUSED, name, need, show(name, amount), source=f"LimitRange {limit.name}"
                )
    return None


def _requirements(demand: DemandClass, place: Place, size: Resources, at: float) -> Reason | None:
    """Both sides' Requirements on the predicted slot; UNDEFINED and ERROR are not a match (MA1)."""
    try:
        job, slot = _ad(job_ad(demand)), _ad(slot_ad(place, size))
        if classad.symmetric(job, slot, at):
            return None
        clause = classad.first_false_clause(demand.requirements, job, slot) if demand.requirements else None
    except classad.Refused as refused:
        return place.here(Reason(Cause.EXPRESSION_REFUSED, what="Requirements", have=str(refused)))
    source = "a slot seen there" if place.pair.attributes else "the predicted slot"
    if clause is None:
        have = "the member's own requirements are not true of it"
        source = "the member's file"
        return place.here(Reason(Cause.REQUIREMENTS, place.terms.requirements, "true", have, source=source))
    return place.here(Reason(Cause.REQUIREMENTS, *clause, source=source, at=place.pair.seen_at))


@lru_cache(maxsize=8192)
def _ad(pairs: tuple[tuple[str, str], ...]) -> classad.Ad:
    """One ad per distinct tuple of attributes: classes and slots repeat from cycle to cycle."""
    return classad.Ad(pairs)


def rank(expression: str, demand: DemandClass, place: Place, size: Resources, at: float) -> float:
    """A Rank expression of policy or class over the predicted slot ad (MA5); 0 where it is not a number."""
    if not expression:
        return 0.0
    try:
        slot, job = _ad(slot_ad(place, size)), _ad(job_ad(demand))
        slot.bind(at)
        return classad.evaluate_number(classad.parse(expression), job, slot) or 0.0
    except classad.Refused:
        return 0.0


def may_probe(reason: Reason, demand: DemandClass, place: Place, size: Resources) -> bool:
    """Whether a refusal rests on attributes that only a real slot can tell (MA6): then one probe finds out."""
    if reason.cause is not Cause.REQUIREMENTS or place.pair.attributes or not demand.requirements:
        return False
    known = {name.lower() for name, _ in (*slot_ad(place, size), *job_ad(demand))}
    asked = {name.rsplit(".", 1)[-1].lower() for name in classad.references(demand.requirements)}
    return bool(asked - known)


def cordoned(demand: DemandClass, place: Place, orders: tuple[Order, ...]) -> Reason | None:
    """A person or a setting holds it back (MA3 "not while cordoned"), None when nobody does."""
    if place.terms.mode == "observe":
        return place.here(Reason(Cause.OBSERVE_ONLY, "mode", "trial or on", "observe", source="the member's file"))
    for order in orders:
        cause = {"cordon": Cause.CORDONED, "drain": Cause.DRAINING, "pause": Cause.PAUSED}.get(order.kind)
        if cause is not None and order.target in {"*", place.terms.name}:
            return place.here(
                Reason(cause, order.kind, "", order.reason, source=order.by or "an operator", at=order.at)
            )
        if order.kind == "deny" and denied(order, demand):
            return place.here(
                Reason(Cause.DENIED, order.target, "", order.reason, source=order.by or "an operator", at=order.at)
            )
    if place.group.nodes and place.group.cordoned == place.group.nodes:
        return place.here(Reason(Cause.NODES_CORDONED, "nodes", "1", "0", at=place.view.seen_at))
    return None


def denied(order: Order, demand: DemandClass) -> bool:
    """Whether a deny order names this class's principal or schedd."""
    return fnmatchcase(str(demand.principal), order.target) or fnmatchcase(demand.schedd, order.target)
