"""Puts ads of waiting classes into a collector and takes them away, through HTCondor's bindings; only in a child."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.condor.questions import MY_TYPE, Announce, Announced, PublishedAd
from fedsched.matchmaker import classad

# htcondor2 is imported before classad2, as query.py says.
from fedsched.condor.query import NoAnswerError, texts  # isort: skip
import htcondor2  # isort: skip
import classad2  # isort: skip

NAMES_AT_ONCE = 500
"""Most Names in the constraint of one removal."""


def announce(question: Announce) -> Announced:
    """Removes first, then puts. NoAnswerError when the collector does not answer at all."""
    here = f"Federation == {classad.quote(question.federation)}"
    before = _names(question, here) if question.whole else None
    gone = set(question.drop)
    if before is not None:
        gone |= before - {ad.name for ad in question.put}
    removals = [f"{here} && member(Name, {{{names}}})" for names in _in_parts(sorted(gone))]
    if question.ending:
        removals.append(f"{here} && Sender == {classad.quote(question.sender)}")
    collector = htcondor2.Collector(question.collector)
    try:
        if removals:
            collector.advertise([_removal(where) for where in removals], "INVALIDATE_ADS_GENERIC")
        if question.put:
            collector.advertise([_ad(one, question) for one in question.put], "UPDATE_AD_GENERIC")
    except htcondor2.HTCondorException:
        # The bindings say no more than that it failed: one that answers a question refuses, the others are not there.
        _names(question, here)
        return Announced(None, refused=True)
    return Announced(None if before is None else len(before))


def _names(question: Announce, here: str) -> set[str]:
    """Names of this federation's ads in the collector."""
    where = f'MyType == "{MY_TYPE}" && {here}'
    try:
        # Not AdType.Generic: without a type of its own, which the bindings cannot name, a collector finds none.
        ads = htcondor2.Collector(question.collector).query(htcondor2.AdType.Any, where, ["Name"])
    except (htcondor2.HTCondorException, classad2.ClassAdException) as error:
        raise NoAnswerError(f"collector {question.collector}: {error}") from error
    return {classad.unquote(texts(ad).get("Name", '""')) for ad in ads}


def _in_parts(names: list[str]) -> Iterator[str]:
    for start in range(0, len(names), NAMES_AT_ONCE):
        yield ", ".join(classad.quote(name) for name in names[start : start + NAMES_AT_ONCE])


def _removal(where: str) -> classad2.ClassAd:
    ad = classad2.ClassAd({"MyType": "Query", "TargetType": MY_TYPE})
    ad["Requirements"] = classad2.ExprTree(where)
    return ad


def _ad(one: PublishedAd, question: Announce) -> classad2.ClassAd:
    ad = classad2.ClassAd(
        {"MyType": MY_TYPE, "Name": one.name, "Federation": question.federation, "Sender": question.sender}
    )
    for name, value in one.values.items():
        ad[name] = value
    ad["AgeSeconds"] = classad2.ExprTree("time() - ObservedAt")
    return ad
