"""The questions themselves, through HTCondor's bindings; runs only in a child process and decides nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from fedsched.condor import slots as slot_ads
from fedsched.condor.classes import demand_classes, first_id, reads
from fedsched.condor.principals import Origin
from fedsched.condor.questions import (
    AskDemand,
    AskSlots,
    Demand,
    FindSchedds,
    FoundSchedd,
    Invalidate,
    Removed,
    Schedds,
    Slots,
    Terms,
)
from fedsched.condor.rows import Row, largest
from fedsched.matchmaker import classad
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.model.names import ATTR_PLACEMENT, ATTR_POD

# htcondor2 registers functions with the ClassAd library: it must be imported first.
import htcondor2  # isort: skip
import classad2  # isort: skip

IDLE = "JobStatus == 1 && JobUniverse == 5"
"""Idle jobs of the vanilla universe, container and docker jobs included; not held, local, scheduler or grid ones."""
UNMADE = "ProcId is undefined && JobMaterializeLimit isnt undefined && JobUniverse == 5"
"""Cluster ads of factories: jobs that are announced and not materialised."""
SHORT = " && size(unparse(Requirements)) < 65536"
"""Guard for a queue whose answer ended a child: leaves out what no parser survives."""
ALWAYS = (
    *("JobStatus", "JobUniverse", "AccountingGroup", "AcctGroup", "AcctGroupUser", "User", "Owner"),
    *("RequestCpus", "RequestMemory", "RequestDisk", "RequestGPUs", "RequireGPUs", "JobPrio", "JobMaterializeLimit"),
    "ConcurrencyLimits",
    *("ContainerImage", "DockerImage", "SingularityImage", "Requirements", "Rank"),
)
"""Asked of every schedd. What the constraint names must be among them: else there are no rows, and no error."""
ROUNDS = 3
MOST_READ = 300
"""Most attributes beyond ALWAYS that one schedd can make us ask for."""
CLUSTERS_AT_ONCE = 400
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands for text that is not UTF-8: no expression, so the gate refuses what needs it."""

SCHEDD_ATTRIBUTES = [
    *("Name", "MyAddress", "CondorVersion", "AuthenticatedIdentity", "CollectorHost", "RecentDaemonCoreDutyCycle"),
    *("JobsUnmaterialized", "DaemonStartTime"),
]
COLLECTOR_ATTRIBUTES = ["MyAddress", "StatsLifetime", "StatsLastUpdateTime"]
SUBMITTER_ATTRIBUTES = ["Name", "ScheddName", "ScheddIpAddr", "CondorVersion", "AuthenticatedIdentity"]


class NoAnswerError(Exception):
    """A peer that does not answer as it should; says what to look at."""


def find(question: FindSchedds) -> Schedds:
    """Schedds by their own ads, and those that only have submitters' ads there."""
    unreadable = 0
    found: dict[tuple[str, str], FoundSchedd] = {}
    for kind, attributes in (("Schedd", SCHEDD_ATTRIBUTES), ("Submitter", SUBMITTER_ATTRIBUTES)):
        for ad in collector_query(question.collector, kind, "", attributes):
            try:
                one = _found(ad)
            except (ValueError, classad2.ClassAdException):
                unreadable += 1
                continue
            if one.name and one.address:
                found.setdefault((one.name, one.address), one)
    return Schedds(tuple(sorted(found.values(), key=lambda s: (s.name, s.address))), unreadable)


def _found(ad: Any) -> FoundSchedd:
    text = texts(ad)
    submitter = "ScheddName" in text
    return FoundSchedd(
        name=classad.unquote(text.get("ScheddName" if submitter else "Name", ""))[:256],
        address=classad.unquote(text.get("ScheddIpAddr" if submitter else "MyAddress", ""))[:2048],
        version=classad.unquote(text.get("CondorVersion", ""))[:256],
        identity=classad.unquote(text.get("AuthenticatedIdentity", ""))[:256],
        home=classad.unquote(text.get("CollectorHost", ""))[:256],
        busy=slot_ads.number(text, "RecentDaemonCoreDutyCycle") or 0.0,
        factories=(slot_ads.number(text, "JobsUnmaterialized") or 0) > 0,
        started_at=slot_ads.number(text, "DaemonStartTime") or 0.0,
    )


def demand(question: AskDemand) -> Demand:
    """The idle jobs of a schedd as classes; asked again where expressions read more than was asked for."""
    schedd = asked_of(question.schedd)
    rows, names = _grouped(schedd, question)
    factories = question.schedd.factories or any("JobMaterializeLimit" in row.attributes for row in rows)
    if factories:
        rows += _unmade(schedd, [*always(question.terms), *names])
    origin = Origin(question.schedd.name, question.schedd.identity, question.pool)
    classes = demand_classes(rows, origin, question.terms, time.time())
    submitted = _submitted(schedd, classes, question.submitted)
    note = "jobs with Requirements of 64 KiB or more are left out" if question.guarded else ""
    return Demand(_dated(classes, submitted), tuple(sorted(names)), submitted, note)


def _grouped(schedd: Any, question: AskDemand) -> tuple[list[Row], set[str]]:
    """Rows grouped by all that matters; the names beyond ALWAYS that had to be asked for."""
    first = always(question.terms)
    asked = {name.lower() for name in first}
    names = {name.lower() for name in question.reads} - asked
    constraint = IDLE + (SHORT if question.guarded else "")
    rows: list[Row] = []
    for _ in range(ROUNDS):
        rows = list(_rows(_schedd_query(schedd, constraint, [*first, *sorted(names)], htcondor2.QueryOpt.GroupBy)))
        judged = largest(rows, question.terms.max_classes)
        read = set[str]().union(*(reads(row.attributes, row.attributes) for row in judged))
        fresh = sorted(read - names - asked)[: max(0, MOST_READ - len(names))]
        if not fresh:
            break
        names.update(fresh)
        if all(name in keys for row in judged for keys in [{n.lower() for n in row.attributes}] for name in fresh):
            break
    return rows, names


def asked_of(found: FoundSchedd) -> Any:
    """The bindings' schedd for one that a collector lists."""
    location = classad2.ClassAd()
    location["MyAddress"], location["CondorVersion"] = found.address, found.version
    return htcondor2.Schedd(location)


def always(terms: Terms) -> list[str]:
    """Attributes that are asked of every job."""
    return [*ALWAYS, *terms.lengths, *(f"Request{name}" for name in terms.machine_resources)]


def _rows(ads: Iterable[Any]) -> Iterator[Row]:
    for ad in ads:
        text = texts(ad)
        jobs, ids = text.pop("JobCount", "0"), classad.unquote(text.pop("JobIds", '""'))
        text.pop("Id", None)
        yield Row(int(jobs), ids, text)


def _unmade(schedd: Any, names: list[str]) -> list[Row]:
    counts = ["ClusterId", "ProcId", "TotalSubmitProcs", "JobMaterializeNextProcId"]
    ads = _schedd_query(schedd, UNMADE, [*names, *counts], htcondor2.QueryOpt.IncludeClusterAd)
    rows = []
    for ad in ads:
        text = texts(ad)
        left = int((slot_ads.number(text, counts[2]) or 0) - (slot_ads.number(text, counts[3]) or 0))
        kept = {name: value for name, value in text.items() if name not in {*counts, "ServerTime"}}
        if left > 0:
            rows.append(Row(0, "", kept, left))
    return rows


def _submitted(schedd: Any, classes: Iterable[DemandClass], known: dict[int, float]) -> dict[int, float]:
    """When the lowest cluster of each class was submitted: its QDate never changes, so each is asked for once."""
    lowest = {first[0] for one in classes if (first := first_id(" ".join(one.examples)))}
    missing = sorted(lowest - known.keys())
    found = {cluster: known[cluster] for cluster in lowest & known.keys()}
    for start in range(0, len(missing), CLUSTERS_AT_ONCE):
        some = ",".join(str(cluster) for cluster in missing[start : start + CLUSTERS_AT_ONCE])
        names = ["JobStatus", "JobUniverse", "ClusterId", "QDate"]
        constraint = f"{IDLE} && member(ClusterId, {{{some}}})"
        for ad in _schedd_query(schedd, constraint, names, htcondor2.QueryOpt.GroupBy):
            text = texts(ad)
            cluster, at = int(text.get("ClusterId", "0")), slot_ads.number(text, "QDate")
            if at is not None:
                found[cluster] = min(at, found.get(cluster, at))
    return found


def _dated(classes: Iterable[DemandClass], submitted: dict[int, float]) -> tuple[DemandClass, ...]:
    dated = []
    for one in classes:
        first = first_id(" ".join(one.examples))
        at = submitted.get(first[0], 0.0) if first else 0.0
        dated.append(msgspec.structs.replace(one, oldest_at=at))
    return tuple(dated)


def slots(question: AskSlots) -> Slots:
    """Our startds there, with claims charged to principals; the identities of schedds come from the same collector."""
    ours = f"{ATTR_PLACEMENT} isnt undefined"
    ads = [texts(ad) for ad in collector_query(question.collector, "Startd", ours, [])]
    views = slot_ads.slot_views(ads, question, _senders(question.collector))
    return Slots(views, _started_at(question.collector))


def _senders(collector: str) -> slot_ads.Senders:
    """Schedds by name, and by the accounting names that they advertise: a fresh claim does not tell its schedd yet."""
    identities = {schedd.name: schedd.identity for schedd in find(FindSchedds(collector)).found}
    accounts: dict[str, str] = {}
    for ad in map(texts, collector_query(collector, "Submitter", "", ["Name", "ScheddName"])):
        account, schedd = classad.unquote(ad.get("Name", "")), classad.unquote(ad.get("ScheddName", ""))
        accounts[account] = min(schedd, accounts.get(account, schedd))
    return slot_ads.Senders(identities, accounts)


def _started_at(collector: str) -> float | None:
    """When the collector started: its ad has no start time, but how long it has been counting."""
    itself = [texts(ad) for ad in collector_query(collector, "Collector", "", COLLECTOR_ATTRIBUTES)]
    counted = [(slot_ads.number(ad, "StatsLastUpdateTime"), slot_ads.number(ad, "StatsLifetime")) for ad in itself]
    return max((until - life for until, life in counted if until is not None and life is not None), default=None)


def invalidate(question: Invalidate) -> Removed:
    """Removes ads and reads back: a collector that refuses says nothing."""
    where = f"{ATTR_PLACEMENT} == {classad.quote(question.placement_id)}"
    if question.pod:
        where += f" && {ATTR_POD} == {classad.quote(question.pod)}"
    # A startd has its slots' ads and, since HTCondor 23.9, one of its own; each kind is removed by its own name.
    both = f'({where}) && (MyType == "Machine" || MyType == "StartD")'
    before = len(collector_query(question.collector, "Any", both, ["Name"]))
    if not before:
        return Removed(0, 0)
    try:
        for kind in ("Machine", "StartD"):
            ad = classad2.ClassAd({"MyType": "Query", "TargetType": kind})
            ad["Requirements"] = classad2.ExprTree(where)
            htcondor2.Collector(question.collector).advertise([ad], "INVALIDATE_STARTD_ADS")
    except htcondor2.HTCondorException as error:
        raise NoAnswerError(f"{error}; the token of this pool needs ADVERTISE_STARTD there") from error
    return Removed(before, len(collector_query(question.collector, "Any", both, ["Name"])))


def texts(ad: Any) -> dict[str, str]:
    """An ad as (name, ClassAd text); names as the peer spells them."""
    return {name: _text(ad, name) for name in ad.keys()}  # noqa: SIM118 - iterating an ad decodes its values


def _text(ad: Any, name: str) -> str:
    try:
        return str(ad.lookup(name))
    except UnicodeDecodeError:
        return UNREADABLE


def collector_query(collector: str, kind: str, constraint: str, attributes: list[str]) -> list[Any]:
    """Ads of a kind; "" for no constraint, [] for all attributes. NoAnswerError where there is no answer."""
    try:
        kinds = getattr(htcondor2.AdType, kind)
        return list(htcondor2.Collector(collector).query(kinds, constraint or None, attributes))
    except (htcondor2.HTCondorException, classad2.ClassAdException) as error:
        hint = f"condor_status -pool {collector} -schedd"
        raise NoAnswerError(f"collector {collector}: {error} Is a collector there? Try: {hint}") from error


def _schedd_query(schedd: Any, constraint: str, attributes: list[str], how: Any) -> list[Any]:
    try:
        return list(schedd.query(constraint, attributes, opts=how))
    except (htcondor2.HTCondorException, classad2.ClassAdException) as error:
        raise NoAnswerError(f"{str(error).rstrip('= ')}: it is down, or does not let us READ its queue") from error
