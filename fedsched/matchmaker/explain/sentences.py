"""One reason as words: a clause, an action, a sentence with its age; which reason to tell is not decided here."""

from __future__ import annotations

import re

import msgspec

from fedsched.matchmaker.explain.links import behind, rest
from fedsched.matchmaker.explain.sayings import SAYINGS, VARIANTS, Saying
from fedsched.matchmaker.explain.sayings_of_jobs import OF_JOBS
from fedsched.matchmaker.model import Plan
from fedsched.matchmaker.reasons import Reason

_NAMES = {"cpu_milli": "cores", "memory_mib": "memory", "disk_mib": "disk", "gpus": "GPUs", "jobs": "Job objects"}
_OF = {"memory_mib": " of memory", "disk_mib": " of disk", "memory": " of memory", "disk": " of disk"}
_BARE = frozenset({"cpu_milli", "memory_mib", "disk_mib", "gpus", "pods", "jobs"})
_FIELD = re.compile(r"\{(\w+)\}")
_SECONDS = re.compile(r"\b(\d{3,9}) s\b")
_MAX_FIELD = 300
"""Characters of one field in a sentence; a job's clause may be 64 KiB long."""


def clause(reason: Reason, plan: Plan | None = None, *, among: int = 0, jobs: bool = False) -> str:
    """What is so, without capital and full stop: "no node of m1/big has room now: 8 cores needed on one node".

    A place that rests is told with the failure for which it does, whole where `plan` remembers it. among: of so many
    members this one is the nearest, which is said where there are others. jobs: of users' Jobs, which need no startd.
    """
    failure = behind(reason, plan)
    if failure is None:
        return _fill(_saying(reason, jobs=jobs).clause, reason, among)
    return f"{_fill(_saying(failure, jobs=jobs).clause, failure, among)} ({times(clean(rest(reason)))})"


def action(reason: Reason, *, jobs: bool = False) -> str:
    """What to do next, as an imperative without full stop."""
    told = behind(reason) or reason
    return _fill(_saying(told, jobs=jobs).action, told, 0)


def sentence(reason: Reason, at: float, fresh_s: float = 10.0, plan: Plan | None = None, *, jobs: bool = False) -> str:
    """The clause with the source and, when its numbers are older than `fresh_s` at the time `at`, their age."""
    notes = [f"source: {clean(reason.source)}"] if reason.source else []
    if reason.at is not None and at - reason.at > fresh_s:
        notes.append(f"{age(at - reason.at)} old")
    return capital(clause(reason, plan, jobs=jobs)) + (f" ({', '.join(notes)})" if notes else "") + "."


def age(seconds: float) -> str:
    """A duration for a person, at most two units: "8 s", "3 min", "2 h 5 min", "4 d 3 h"; below zero counts as zero."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest_min = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest_min} min" if rest_min else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def place(reason: Reason) -> str:
    """Where the reason speaks of: "m1/big", "m1", or "any member" when it names none."""
    if reason.member and reason.node_group:
        return f"{clean(reason.member)}/{clean(reason.node_group)}"
    return clean(reason.member) or "any member"


def located(reason: Reason | None, member: str, node_group: str) -> Reason | None:
    """The same of a placement there: what is said of a placement need not say where it is."""
    if reason is None or reason.member:
        return reason
    return msgspec.structs.replace(reason, member=member, node_group=node_group)


def numbers(reason: Reason) -> tuple[str, str]:
    """(needed, there) as shown to a person: long times in minutes and hours, unless that would hide a difference."""
    need, have = clean(reason.need), clean(reason.have)
    short = times(need), times(have)
    return (need, have) if need != have and short[0] == short[1] else short


def clean(text: str) -> str:
    """One printable line: jobs, servers and people wrote these words, and a terminal obeys control characters."""
    text = text[: 4 * _MAX_FIELD]
    plain = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(plain.split())
    return line if len(line) <= _MAX_FIELD else line[: _MAX_FIELD - 1] + "…"


def capital(text: str) -> str:
    """With its first letter in upper case."""
    return text[:1].upper() + text[1:]


def _saying(reason: Reason, *, jobs: bool) -> Saying:
    special = VARIANTS.get((reason.cause, reason.what.partition(" of ")[0]))
    of_jobs = OF_JOBS.get(reason.cause) if jobs else None
    return special or of_jobs or SAYINGS[reason.cause]


def _fill(template: str, reason: Reason, among: int) -> str:
    need, have = numbers(reason)
    near = f" (the nearest of {among} members)" if among > 1 and reason.member else ""
    site = (clean(reason.member) or "any member") + near
    fields = {
        "what": _what(reason.what),
        "need": need,
        "have": have,
        "where": place(reason) + near,
        "site": site,
        "who": f"member {site}" if reason.member else "every member",
        "of": _OF.get(reason.what, ""),
        "member": clean(reason.member) or "NAME",
        "what_or_pattern": clean(reason.what) or "PATTERN",
        "member_or_all": clean(reason.member) or "--all",
    }

    head, *parts = (part.strip() for part in template.split(" | "))
    told = [part for part in parts if all(fields[name] for name in _FIELD.findall(part) if name != "of")]
    return _FIELD.sub(lambda found: fields[found[1]], head + (": " + ", ".join(told) if told else ""))


def _what(what: str) -> str:
    """What a reason is about: a resource's plain name, and nothing for one that the numbers' units tell."""
    if what in _BARE:
        return ""
    name, of, whose = what.partition(" of ")
    return clean(_NAMES.get(name, name) + of + whose)


def times(text: str) -> str:
    """The text with long times in minutes and hours: "tries again in 510 s" is "… in 8 min"."""
    return _SECONDS.sub(lambda found: age(float(found[1])), text)
