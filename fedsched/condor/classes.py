"""Rows of a grouped queue become demand classes: alike jobs merged, keys digested, the many lumped (MA7)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

import msgspec

from fedsched.condor.lengths import job_length
from fedsched.condor.limits import concurrency
from fedsched.condor.principals import LONGEST, Origin, names_its_group, principal, unnameable
from fedsched.condor.questions import Terms
from fedsched.condor.requests import JobNumbers, asked
from fedsched.condor.rows import Row, few, readable
from fedsched.matchmaker import classad
from fedsched.matchmaker.classad.crowd import EXAMPLES, FLOORS, REFUSED_TEXT, added, bounded, gated, nobodys
from fedsched.matchmaker.model import DemandClass

IMAGES = ("ContainerImage", "DockerImage", "SingularityImage")
SIZES = frozenset({"requestcpus", "requestmemory", "requestdisk", "requestgpus"})
"""Attributes that a class states by its rounded request."""
MOST_PRIORITY = (1 << 31) - 1

_JOB_ID = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")


def demand_classes(rows: Iterable[Row], origin: Origin, terms: Terms, at: float) -> tuple[DemandClass, ...]:
    """The classes of one schedd, sorted by key; counts are exact. at: epoch seconds that `time()` means.

    Of very many rows only the largest are looked at one by one.
    """
    merged: dict[str, DemandClass] = {}
    for row in readable(few(rows, terms.max_classes, tuple(terms.machine_resources))):
        one = _class_of(row, origin, terms, at)
        merged[one.key] = _merge(merged[one.key], one) if one.key in merged else one
    return bounded(list(merged.values()), terms.max_classes)


def reads(attributes: Mapping[str, str], roots: Iterable[str], leaves: frozenset[str] = frozenset()) -> set[str]:
    """Names (lower case) of the job's attributes that the roots read, and those that these read; missing ones too.

    leaves: attributes whose own expressions are not followed.
    """
    texts = {name.lower(): text for name, text in attributes.items()}
    found: set[str] = set()
    queue = [root.lower() for root in roots]
    while queue:
        name = queue.pop()
        text = texts.get(name)
        if text is None or name in leaves:
            continue
        fresh = _own_references(text) - found
        found |= fresh
        queue += fresh
    return found


def first_id(ids: str) -> tuple[int, int] | None:
    """The lowest job id in a list of them."""
    return min((_numbers(job) for job in _JOB_ID.findall(ids)), default=None)


def _own_references(text: str) -> set[str]:
    try:
        return {name.removeprefix("MY.").lower() for name in classad.references(text) if not name.startswith("TARGET.")}
    except classad.Refused:
        return set()


def _class_of(row: Row, origin: Origin, terms: Terms, at: float) -> DemandClass:
    job = JobNumbers(row.attributes, at)
    what = asked(job, terms.machine_resources)
    user = _string(job, "User") or _string(job, "Owner")
    account = _string(job, "AccountingGroup") or _account(job)
    requirements, rank = job.text("Requirements") or "", job.text("Rank") or ""
    attributes = _attributes(row.attributes)
    who = principal(account, user, origin, terms.principals)
    unnamed = unnameable(user, who.group)
    gate = row.gate or gated(requirements, rank, attributes) or unnamed
    whole = hashlib.sha256(f"{requirements}\0{rank}\0{attributes}{unnamed}".encode("utf-8", "replace")).hexdigest()
    if gate:
        requirements, rank, attributes = requirements[:REFUSED_TEXT], "", ()
    numbers = {name: job.number(name) for name in terms.lengths}
    one = DemandClass(
        key="",
        pool=origin.pool,
        schedd=origin.schedd,
        principal=who,
        request=what.request,
        length=job_length(numbers, terms.lengths, terms.assumed_length_s),
        idle=row.jobs,
        requirements=requirements,
        rank=rank if rank != "0.0" else "",
        attributes=attributes,
        image=next((image for name in IMAGES if (image := _string(job, name))), ""),
        priorities=((_priority(job), row.jobs),) if row.jobs else (),
        examples=tuple(_JOB_ID.findall(row.ids)[:EXAMPLES]),
        announced=row.announced,
        floors=tuple(sorted((*what.floors, *_cut(user)))),
        concurrency=concurrency(_string(job, "ConcurrencyLimits")),
        lumped=row.rows if row.rows > 1 else 0,
        gate=gate,
        ungrouped=not names_its_group(account, user, origin, terms.principals),
        user="" if unnamed or user == who.user else user,
    )
    if row.owners > 1:
        return nobodys(one)
    return msgspec.structs.replace(one, key=_key(one, whole))


def _cut(user: str) -> tuple[str, ...]:
    """Names that long are not told apart any more."""
    return (f"User is longer than {LONGEST} characters: cut",) if len(user) > LONGEST else ()


def _priority(job: JobNumbers) -> int:
    """JobPrio, of which any 32 bits are believed."""
    return int(max(-MOST_PRIORITY, min(MOST_PRIORITY, job.number("JobPrio") or 0)))


def _attributes(attributes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What Requirements and Rank read of the job beyond its size; in lower case, as schedds spell them as asked."""
    wanted = reads(attributes, ("Requirements", "Rank"), SIZES) - SIZES - {"requirements", "rank"}
    return tuple(sorted((name.lower(), text) for name, text in attributes.items() if name.lower() in wanted))


def _key(one: DemandClass, whole: str) -> str:
    """Users of one principal are classes of their own: a startd admits one of them, as all its jobs have one uid.

    In a class of several, startds made for one would count as supply for the next, and two who wait would be packed
    into a pod that takes only one at a time.
    """
    parts: tuple[object, ...] = (one.schedd, one.principal, one.request, one.length, one.image, whole)
    if one.concurrency:
        parts += (one.concurrency,)
    if one.user:
        parts += (one.user,)
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()[:20]


def _merge(one: DemandClass, more: DemandClass) -> DemandClass:
    ids = sorted({*one.examples, *more.examples}, key=_numbers)
    return msgspec.structs.replace(
        one,
        idle=one.idle + more.idle,
        announced=one.announced + more.announced,
        priorities=added((one.priorities, more.priorities)),
        examples=tuple(ids[:EXAMPLES]),
        lumped=one.lumped + more.lumped,
        floors=tuple(sorted({*one.floors, *more.floors}))[:FLOORS],
        ungrouped=one.ungrouped or more.ungrouped,
    )


def _account(job: JobNumbers) -> str:
    group, user = _string(job, "AcctGroup"), _string(job, "AcctGroupUser") or _string(job, "Owner")
    return f"{group}.{user}" if group and user else ""


def _string(job: JobNumbers, name: str) -> str:
    """A plain string of the job; "" for everything else: who is charged is no expression."""
    text = job.text(name)
    return classad.unquote(text) if text is not None and len(text) < 4096 else ""


def _numbers(job_id: str) -> tuple[int, int]:
    cluster, _, proc = job_id.partition(".")
    return int(cluster), int(proc)
