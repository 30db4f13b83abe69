"""Single jobs of one schedd, through HTCondor's bindings; runs only in a child process and decides nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, TypeAlias, get_args

import msgspec

from fedsched.condor import slots as slot_ads
from fedsched.condor.classes import demand_classes, reads
from fedsched.condor.principals import Origin, principal
from fedsched.condor.questions import AskJobs, JobLine, JobLines, JobWord, Terms
from fedsched.condor.rows import Row
from fedsched.matchmaker import classad
from fedsched.matchmaker.model import DemandClass, Principal

# htcondor2 is imported before classad2, as query.py says.
from fedsched.condor.query import MOST_READ, ROUNDS, UNMADE, NoAnswerError, always, asked_of, texts  # isort: skip
import htcondor2  # isort: skip
import classad2  # isort: skip

WORDS: tuple[JobWord, ...] = get_args(JobWord)
VANILLA = "JobUniverse == 5"
STATE = (
    *("ClusterId", "ProcId", "EnteredCurrentStatus", "QDate", "RemoteHost", "LastRemoteHost"),
    *("HoldReason", "RemoveReason", "CompletionDate"),
)
OWN = frozenset({*STATE, "JobStatus", "ServerTime"})
"""What differs between jobs of a class; their expressions hardly ever read it."""
OWN_LOWER = frozenset(name.lower() for name in OWN)
OWNERS = ("AccountingGroup", "AcctGroup", "AcctGroupUser", "User", "Owner")
NO_END = ((1 << 31) - 1, (1 << 31) - 1)
AT_ONCE = 2000
"""Most job ids that are looked at together: twice as many as the largest page, so that half of them fill one."""
MOST_OWNERS = 200
"""Most owners of jobs that one question names to the schedd."""
PAST_S = 7 * 86_400
"""So far back a job that left the queue is looked for, in seconds."""
LONGEST_NAME = 4096
LONGEST_DETAIL = 400

Shape: TypeAlias = tuple[tuple[str, str], ...]
Shapes: TypeAlias = dict[Shape, DemandClass]


def jobs(question: AskJobs) -> JobLines:
    """One job, or a page of them in the order of their ids."""
    schedd = asked_of(question.schedd)
    if question.number:
        return _one(schedd, question)
    chosen, total = _chosen(schedd, question)
    if not total or not question.limit:
        return JobLines((), total)
    ids, more = _first(schedd, chosen, question.after, question.limit)
    if not ids:
        return JobLines((), total)
    found = _ads(schedd, f"{chosen} && {_above(question.after)} && {_upto(ids[-1])}", question.terms)
    shapes: Shapes = {}
    lines = sorted((_line(ad, question, shapes) for ad in found), key=lambda line: _id(line.job))
    return JobLines(tuple(lines[: question.limit]), total, more)


def _one(schedd: Any, question: AskJobs) -> JobLines:
    cluster, proc = _id(question.number)
    if question.past:
        return _past(schedd, question, cluster, proc)
    if proc < 0:
        ids = _query(schedd, f"ClusterId == {cluster}", ["ClusterId", "ProcId"], AT_ONCE)
        proc = min((int(text.get("ProcId", "0")) for text in map(texts, ids)), default=0)
    found = _ads(schedd, f"ClusterId == {cluster} && ProcId == {proc}", question.terms)
    lines = [_line(ad, question) for ad in found[:1]] or _unmade(schedd, question, cluster, proc)
    return JobLines(tuple(lines), len(lines))


def _unmade(schedd: Any, question: AskJobs, cluster: int, proc: int) -> list[JobLine]:
    """A job that its factory has announced and not made yet, as the first of those will be."""
    where, counts = f"ClusterId == {cluster} && {UNMADE}", ("TotalSubmitProcs", "JobMaterializeNextProcId")
    names = [*always(question.terms), *STATE, *counts]
    with _answering():
        ads = list(map(texts, schedd.query(where, names, opts=htcondor2.QueryOpt.IncludeClusterAd)))
    for ad in ads:
        total, made = (slot_ads.number(ad, name) or 0 for name in counts)
        if made <= proc < total:
            line = _line({**ad, "ProcId": str(proc), "JobStatus": "1"}, question)
            return [msgspec.structs.replace(line, detail="its factory has not made it yet")]
    return []


def _past(schedd: Any, question: AskJobs, cluster: int, proc: int) -> JobLines:
    """From the schedd's history, newest first, not further back than some days: reading it is work for its machine."""
    where = f"ClusterId == {cluster}" + (f" && ProcId == {proc}" if proc >= 0 else "")
    until = f"EnteredCurrentStatus < {int(time.time() - PAST_S)}"
    with _answering():
        ads = list(map(texts, schedd.history(where, [], 1, until)))
    lines = [msgspec.structs.replace(_line(ad, question), past=True) for ad in ads[:1]]
    return JobLines(tuple(lines), len(lines))


def _id(number: str) -> tuple[int, int]:
    """(cluster, proc); proc is -1 where only a cluster is named."""
    cluster, _, proc = number.partition(".")
    return int(cluster), int(proc) if proc else -1


def _chosen(schedd: Any, question: AskJobs) -> tuple[str, int]:
    """The constraint that all that is wanted fits, and how many jobs that are."""
    states = [number for number, word in enumerate(WORDS, 1) if not question.states or word in question.states]
    wanted = f"{VANILLA} && member(JobStatus, {{{', '.join(map(str, states))}}})"
    names = ["JobStatus", "JobUniverse", *OWNERS]
    with _answering():
        groups = [texts(ad) for ad in schedd.query(wanted, names, opts=htcondor2.QueryOpt.GroupBy)]
    fits = [group for group in groups if _fits(_principal(group, question), question)]
    total = sum(int(group.get("JobCount", "0")) for group in fits)
    if len(fits) == len(groups):
        return wanted, total
    clauses = sorted({_clause(group) for group in fits})
    if len(clauses) > MOST_OWNERS:
        raise NoAnswerError(f"the jobs of more than {MOST_OWNERS} users fit: name fewer of them, or all")
    return f"{wanted} && ({' || '.join(clauses) or 'false'})", total


def _principal(text: dict[str, str], question: AskJobs) -> Principal:
    named = {name: _plain(text.get(name, "")) for name in OWNERS}
    user = named["User"] or named["Owner"]
    group, name = named["AcctGroup"], named["AcctGroupUser"] or named["Owner"]
    account = named["AccountingGroup"] or (f"{group}.{name}" if group and name else "")
    return principal(account, user, _origin(question), question.terms.principals)


def _origin(question: AskJobs) -> Origin:
    return Origin(question.schedd.name, question.schedd.identity, question.pool)


def _plain(text: str) -> str:
    return classad.unquote(text) if text and len(text) < LONGEST_NAME else ""


def _fits(who: Principal, question: AskJobs) -> bool:
    name, path = who.user, who.group
    return (fnmatchcase(name, question.user) or fnmatchcase(name.partition("@")[0], question.user)) and (
        fnmatchcase(path, question.group) or fnmatchcase(path, f"{question.group}.*")
    )


def _clause(group: dict[str, str]) -> str:
    """True of the jobs of this group and of no others; their texts are as the schedd gave them."""
    return "(" + " && ".join(f"{name} =?= ({group.get(name, 'undefined')})" for name in OWNERS) + ")"


def _first(schedd: Any, chosen: str, after: tuple[int, int], limit: int) -> tuple[list[tuple[int, int]], bool]:
    """The lowest ids above `after`, and whether there are more than these.

    A schedd gives jobs in no order: of too many the lower half is asked for again, until all of a range are here.
    """
    upper = NO_END
    while True:
        ads = _query(schedd, f"{chosen} && {_above(after)} && {_upto(upper)}", ["ClusterId", "ProcId"], AT_ONCE + 1)
        ids = sorted((int(ad["ClusterId"]), int(ad["ProcId"])) for ad in ads)
        if len(ids) <= AT_ONCE:
            return ids[:limit], len(ids) > limit or upper != NO_END
        upper = ids[AT_ONCE // 2]


def _above(job: tuple[int, int]) -> str:
    return f"(ClusterId > {job[0]} || ClusterId == {job[0]} && ProcId > {job[1]})"


def _upto(job: tuple[int, int]) -> str:
    return f"(ClusterId < {job[0]} || ClusterId == {job[0]} && ProcId <= {job[1]})"


def _ads(schedd: Any, constraint: str, terms: Terms) -> list[dict[str, str]]:
    """Jobs with what their states, requests and expressions read, as a poll for demand has them."""
    names = list(dict.fromkeys([*always(terms), *STATE]))
    asked = {name.lower() for name in names}
    found: list[dict[str, str]] = []
    for _ in range(ROUNDS):
        found = [texts(ad) for ad in _query(schedd, constraint, names, -1)]
        alike = {_shape(ad): ad for ad in found}.values()
        fresh = sorted(set[str]().union(*(reads(ad, ad) for ad in alike)) - asked)[:MOST_READ]
        if not fresh:
            break
        names += fresh
        asked.update(fresh)
    return found


def _shape(ad: dict[str, str]) -> Shape:
    """All of a job but what tells it from its like."""
    return tuple(sorted((name, text) for name, text in ad.items() if name not in OWN))


def _line(ad: dict[str, str], question: AskJobs, shapes: Shapes | None = None) -> JobLine:
    one = _class(ad, question, {} if shapes is None else shapes)
    number = int(slot_ads.number(ad, "JobStatus") or 0)
    state = WORDS[number - 1] if 1 <= number <= len(WORDS) else "idle"
    return JobLine(
        job=f"{ad.get('ClusterId', '0')}.{ad.get('ProcId', '0')}",
        schedd=question.schedd.name,
        state=state,
        principal=one.principal,
        request=one.request,
        class_key=one.key if ad.get("JobUniverse") == "5" else "",
        since=slot_ads.number(ad, "EnteredCurrentStatus") or 0.0,
        submitted=slot_ads.number(ad, "QDate") or 0.0,
        host=_shown(ad, "RemoteHost") if state in {"running", "transferring", "suspended"} else "",
        detail=_shown(ad, {"held": "HoldReason", "removed": "RemoveReason"}.get(state, "")),
    )


def _class(ad: dict[str, str], question: AskJobs, shapes: Shapes) -> DemandClass:
    """The class that a job belongs to or, where it is not idle, belonged to while it was; shapes: of other jobs."""
    shape = _shape(ad)
    if shape in shapes:
        return shapes[shape]
    one = _own_class(ad, question)
    if not reads(ad, ad) & OWN_LOWER:
        shapes[shape] = one
    return one


def _own_class(ad: dict[str, str], question: AskJobs) -> DemandClass:
    idle = {**ad, "JobStatus": "1"}
    row = Row(1, f"{ad.get('ClusterId', '0')}.{ad.get('ProcId', '0')}", idle)
    (one,) = demand_classes([row], _origin(question), question.terms, time.time())
    return one


def _shown(ad: dict[str, str], name: str) -> str:
    """A text as one printable line: jobs and their users wrote it."""
    text = classad.unquote(ad.get(name, '""'))
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_DETAIL else line[: LONGEST_DETAIL - 1] + "…"


def _query(schedd: Any, constraint: str, attributes: Iterable[str], limit: int) -> list[Any]:
    with _answering():
        return list(schedd.query(constraint, list(attributes), limit=limit))


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (htcondor2.HTCondorException, classad2.ClassAdException) as error:
        silent = f"{str(error).rstrip('= ')}: it is down, or does not let us READ its queue"
        raise NoAnswerError(silent) from error
