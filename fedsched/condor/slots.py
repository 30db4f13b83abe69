"""Slot ads of our startds become SlotViews: each startd once, its claims by principal; text in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fedsched.condor.learnt import static_attributes
from fedsched.condor.principals import Origin, principal
from fedsched.condor.questions import AskSlots
from fedsched.matchmaker import classad
from fedsched.matchmaker.model import Claim, SlotView, names
from fedsched.matchmaker.resources import Resources

Ad = Mapping[str, str]
"""A slot ad as (name, ClassAd text), names as HTCondor spells them."""

CLAIMED = frozenset({"Claimed", "Preempting", "Matched"})
GOING = frozenset({"Retiring", "Vacating", "Killing"})
KIB_PER_MIB = 1024
MEASURED_S = 120.0
"""A job's use of its cores is believed so long after its start, in seconds; before, it may still fetch its files."""
TEACHERS = 3
"""Slots per node group, youngest first, whose attributes are passed on: they differ little, and there are thousands."""

_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?(E[+-][0-9]{1,2})?")
_STRING_LIST = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WORD_LIST = re.compile(r'"[^"]*"|[^{},"\s]+')


class Senders(NamedTuple):
    """Whose claims they can be. identities: schedd's name -> AuthenticatedIdentity. accounts: submitter -> schedd."""

    identities: Mapping[str, str]
    accounts: Mapping[str, str]


def slot_views(ads: Iterable[Ad], question: AskSlots, senders: Senders) -> tuple[SlotView, ...]:
    """One view per startd, sorted by name.

    The partitionable slot speaks for the startd. Its dynamic slots count as claims only while it lists them: ads of
    slots that are gone stay in a collector for a while.
    """
    whole: list[Ad] = []
    parts: dict[str, Ad] = {}
    for ad in ads:
        if string(ad, "SlotType") == "Dynamic":
            parts[string(ad, "Name")] = ad
        else:
            whole.append(ad)
    teachers = _teachers(whole)
    views = (_view(ad, _claims(ad, parts, question, senders), question, teachers) for ad in whole)
    return tuple(sorted(views, key=lambda view: view.name))


def number(ad: Ad, name: str) -> float | None:
    """A plain number or boolean; None for everything else: what a startd says is not evaluated."""
    text = ad.get(name, "")
    if text in {"true", "false"}:
        return float(text == "true")
    return float(text) if _NUMBER.fullmatch(text) else None


def string(ad: Ad, name: str) -> str:
    """A plain string, at most 512 characters; "" for everything else."""
    return classad.unquote(ad.get(name, ""))[:512]


def _view(ad: Ad, claims: tuple[Claim, ...], question: AskSlots, teachers: set[str]) -> SlotView:
    name = string(ad, "Name")
    retire_at, started_at = number(ad, names.ATTR_RETIRE_AT), number(ad, "DaemonStartTime") or 0.0
    probe = number(ad, names.ATTR_PROBE)
    since = max(number(ad, "EnteredCurrentState") or 0.0, number(ad, "NumDynamicSlotsTime") or 0.0, started_at)
    return SlotView(
        name=name,
        pool=question.pool,
        placement_id=string(ad, names.ATTR_PLACEMENT),
        member=string(ad, names.ATTR_MEMBER),
        node_group=string(ad, names.ATTR_NODE_GROUP),
        pod=string(ad, names.ATTR_POD),
        size=_amounts(ad, "TotalSlot", question.terms.machine_resources),
        free=_amounts(ad, "", question.terms.machine_resources) if string(ad, "SlotType") else Resources(),
        seen_at=number(ad, "LastHeardFrom") or 0.0,
        claims=claims,
        leaving=_leaving(ad, retire_at, question.at),
        unclaimed_since=None if claims else since,
        started_at=started_at,
        end_at=number(ad, names.ATTR_END_AT) or None,
        retire_at=retire_at or None,
        probe_ok=None if probe is None else bool(probe),
        attributes=static_attributes(ad) if name in teachers else (),
        jobs_started=int(number(ad, "JobStarts") or 0.0),
    )


def _claims(ad: Ad, parts: Mapping[str, Ad], question: AskSlots, senders: Senders) -> tuple[Claim, ...]:
    if string(ad, "SlotType") != "Partitionable":
        return (_claim(ad, question, senders),) if string(ad, "State") in CLAIMED else ()
    claims = []
    for index, child in enumerate(strings(ad, "ChildName")):
        part = parts.get(child) or _rolled_up(ad, index)
        if string(part, "State") in CLAIMED:
            claims.append(_claim(part, question, senders))
    return tuple(claims)


def _rolled_up(ad: Ad, index: int) -> Ad:
    """What the partitionable slot's own lists say of a dynamic slot whose ad is not there (yet)."""
    out = {}
    for name in ("State", "Cpus", "AccountingGroup", "RemoteOwner", "EnteredCurrentState"):
        words = _WORD_LIST.findall(ad.get(f"Child{name}", ""))
        if index < len(words):
            out[name] = words[index]
    return out


def _claim(ad: Ad, question: AskSlots, senders: Senders) -> Claim:
    account = string(ad, "AccountingGroup")
    schedd = string(ad, "RemoteScheddName") or string(ad, "GlobalJobId").partition("#")[0]
    schedd = schedd or senders.accounts.get(account) or "unknown"
    origin = Origin(schedd, senders.identities.get(schedd, ""), question.pool)
    owner = string(ad, "RemoteOwner") or string(ad, "RemoteUser")
    return Claim(
        principal=principal(account, owner, origin, question.terms.principals),
        cpu_milli=int((number(ad, "Cpus") or 0.0) * 1000),
        since=number(ad, "EnteredCurrentState") or 0.0,
        job=string(ad, "JobId"),
        schedd=schedd,
        priority=int(number(ad, "JobPrio") or 0.0),
        used_cpu_milli=_used(ad, question.at),
        amount=_amounts(ad, "", question.terms.machine_resources) if "Memory" in ad else Resources(),
    )


def _used(ad: Ad, at: float) -> int | None:
    """Thousandths of a core that the slot's job keeps busy, averaged over its life; None while nobody can tell.

    HTCondor spells the attribute in two ways, and it is 0 until the starter has looked for the first time.
    """
    usage = number(ad, "CPUsUsage") if "CPUsUsage" in ad else number(ad, "CpusUsage")
    began = number(ad, "JobStart")
    if usage is None or began is None or at - began < MEASURED_S:
        return None
    return int(max(0.0, usage) * 1000)


def strings(ad: Ad, name: str) -> list[str]:
    """The strings of a list of plain strings."""
    return _STRING_LIST.findall(ad.get(name, ""))


def _amounts(ad: Ad, prefix: str, machine_resources: Mapping[str, str]) -> Resources:
    def amount(name: str) -> int:
        return int(number(ad, f"{prefix}{name}") or 0.0)

    other = sorted((extended, amount(custom)) for custom, extended in machine_resources.items())
    return Resources(
        cpu_milli=int((number(ad, f"{prefix}Cpus") or 0.0) * 1000),
        memory_mib=amount("Memory"),
        disk_mib=amount("Disk") // KIB_PER_MIB,
        gpus=amount("GPUs"),
        other=tuple((name, count) for name, count in other if count),
    )


def _leaving(ad: Ad, retire_at: float | None, at: float) -> bool:
    """Takes no new work: our order, a drain, retirement, or a shutdown, which only its dynamic slots show."""
    if number(ad, names.ATTR_LEAVING) or number(ad, "Draining") or string(ad, "State") == "Drained":
        return True
    if retire_at and retire_at <= at:
        return True
    return bool(GOING & {string(ad, "Activity"), *strings(ad, "ChildActivity")})


def _teachers(whole: Iterable[Ad]) -> set[str]:
    """Names of the slots whose static attributes are passed on."""
    groups: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for ad in whole:
        where = (string(ad, names.ATTR_MEMBER), string(ad, names.ATTR_NODE_GROUP))
        groups.setdefault(where, []).append((number(ad, "DaemonStartTime") or 0.0, string(ad, "Name")))
    return {name for slots in groups.values() for _, name in sorted(slots, reverse=True)[:TEACHERS]}
