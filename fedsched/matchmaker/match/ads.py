"""The two ads of a match as (name, text): the predicted slot (MA6) and the job; what neither side reads is left out.

Whether they match is judged elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

from fedsched.matchmaker.classad import Refused
from fedsched.matchmaker.classad.gate import reads
from fedsched.matchmaker.match.places import Place
from fedsched.matchmaker.model import DemandClass, NodeGroup
from fedsched.matchmaker.resources import Resources

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""(name, ClassAd text), sorted; a key for everything that depends on nothing else."""
Texts: TypeAlias = dict[str, tuple[str, str]]
"""Attributes by lower-case name: (name as written, ClassAd text)."""

BASE_SLOT: Pairs = (
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

_LITERAL = re.compile(r'\s*(?:[-+]?[0-9][0-9.eE+-]*|"[^"\\]*"|true|false|undefined)\s*', re.IGNORECASE)
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,314}[A-Za-z0-9])?")
_DEVICES, _DEVICE = "availablegpus", "gpus_"


def lasting(place: Place) -> Texts:
    """The slot's attributes that do not depend on its size: base, member, group, learnt, in that order of weight."""
    out: Texts = {}
    for source in (BASE_SLOT, place.terms.attributes, place.group.attributes, place.pair.attributes):
        out.update([(pair[0].lower(), pair) for pair in source])
    if place.jobs:
        out["nodelabels"] = ("NodeLabels", node_labels(place.group))
    price = repr(float(dict(place.terms.group_prices).get(place.group.name, place.terms.price_per_core_hour)))
    own = (
        ("FedschedPricePerCoreHour", price),
        ("FedschedMember", quoted(place.terms.name)),
        ("FedschedNodeGroup", quoted(place.group.name)),
        ("Requirements", place.terms.requirements or "true"),
    )
    out.update((name.lower(), (name, text)) for name, text in own)
    return out


def node_labels(group: NodeGroup) -> str:
    """The labels that all nodes of a group have, as a ClassAd record: for users' Jobs, which ask for labels."""
    labels = {**dict(group.labels), **dict(group.selector)}
    told = (f"'{key}' = {quoted(value)}; " for key, value in sorted(labels.items()) if _LABEL.fullmatch(key))
    return f"[ {''.join(told)}]"


def sized(size: Resources) -> Texts:
    """The slot's attributes that its size gives; AvailableGPUs apart, which tells of devices."""
    cores, memory = str(size.cpu_milli // 1000), str(size.memory_mib)
    disk, gpus = str(size.disk_mib * 1024), str(size.gpus)
    pairs = [("Cpus", cores), ("TotalCpus", cores), ("TotalSlotCpus", cores), ("Memory", memory)]
    pairs += [("TotalSlotMemory", memory), ("Disk", disk), ("TotalSlotDisk", disk)]
    pairs += [("GPUs", gpus), ("TotalSlotGPUs", gpus)]
    return {name.lower(): (name, text) for name, text in pairs}


def slot_pairs(kept: Iterable[tuple[str, str]], shape: Iterable[tuple[str, str]], gpus: int) -> Pairs:
    """A slot's ad from what lasts and what its size gives, with one record per device of it."""
    ad = {name.lower(): (name, text) for name, text in (*kept, *shape)}
    if gpus:
        told = sorted((name[len(_DEVICE) :], text) for key, (name, text) in ad.items() if key.startswith(_DEVICE))
        device = "".join(f"{name} = {text}; " for name, text in told)
        ad[_DEVICES] = ("AvailableGPUs", "{" + ", ".join([f"[ {device}]"] * gpus) + "}")
    return tuple(sorted(ad.values()))


def slot_ad(place: Place, size: Resources) -> Pairs:
    """The predicted slot ad of a startd of that size there (MA6), whole."""
    return slot_pairs(lasting(place).values(), sized(size).values(), size.gpus)


def job_texts(demand: DemandClass) -> Texts:
    """The class as a job: requests as rounded up, and what its expressions read."""
    ask = demand.request
    pairs = [("RequestCpus", str(ask.cpu_milli // 1000)), ("RequestMemory", str(ask.memory_mib))]
    pairs += [("RequestDisk", str(ask.disk_mib * 1024)), ("RequestGPUs", str(ask.gpus))]
    pairs += [("FedschedPrincipal", quoted(str(demand.principal))), ("User", quoted(demand.principal.user))]
    pairs += [*demand.attributes, ("Requirements", demand.requirements or "true")]
    return {name.lower(): (name, text) for name, text in pairs}


def job_ad(demand: DemandClass) -> Pairs:
    """The class as a job ad, whole."""
    return tuple(sorted(job_texts(demand).values()))


def formulas(texts: Texts) -> frozenset[tuple[str, str]]:
    """(lower-case name, text) of those attributes that are more than a literal: only they read others."""
    return frozenset([(key, text) for key, (_, text) in texts.items() if not _literal(text)])


@lru_cache(maxsize=1 << 12)
def _literal(text: str) -> bool:
    """Most slots say the same, and most of that is literals."""
    return _LITERAL.fullmatch(text) is not None


def closure(start: Iterable[str], *sides: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Every lower-case name that may be read of either side when `start` is: what a text names may stand in both.

    sides: the formulas of job and slot. Refused texts read nothing here; they are refused when the ad is made.
    """
    behind: dict[str, list[str]] = {}
    for key, text in (pair for side in sides for pair in side):
        behind.setdefault(key, []).append(text)
    seen: set[str] = set()
    queue = list(start)
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        if name == _DEVICES:
            queue += ["gpus", *(key for key in behind if key.startswith(_DEVICE))]
        for text in behind.get(name, ()):
            queue += _reads(text)
    return frozenset(seen)


def _reads(text: str) -> list[str]:
    try:
        return [name for name, _ in reads(text)]
    except Refused:
        return []


def project(texts: Mapping[str, tuple[str, str]], read: frozenset[str]) -> Pairs:
    """The part of a side that is read; with the devices, what is told of each."""
    if _DEVICES in read:
        read |= {key for key in texts if key.startswith(_DEVICE)}
    return tuple(sorted([texts[key] for key in read if key in texts]))


def quoted(text: str) -> str:
    """ClassAd text of a string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
