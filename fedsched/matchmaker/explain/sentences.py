"""One reason as words: a clause, an action, a sentence with its age; which reason to tell is not decided here."""

from __future__ import annotations

import re

from fedsched.matchmaker.explain.sayings import SAYINGS
from fedsched.matchmaker.reasons import Reason

_OF = {"memory_mib": " of memory", "disk_mib": " of disk", "memory": " of memory", "disk": " of disk"}
_BARE = frozenset({"cpu_milli", "memory_mib", "disk_mib", "gpus", "pods"})
_FIELD = re.compile(r"\{(\w+)\}")
_MAX_FIELD = 300
"""Characters of one field in a sentence; a job's clause may be 64 KiB long."""


def clause(reason: Reason) -> str:
    """What is so, without capital and full stop: "no node of m1/big has room now: 8 cores needed on one node"."""
    return _fill(SAYINGS[reason.cause].clause, reason)


def action(reason: Reason) -> str:
    """What to do next, as an imperative without full stop."""
    return _fill(SAYINGS[reason.cause].action, reason)


def sentence(reason: Reason, at: float, fresh_s: float = 10.0) -> str:
    """The clause with the source and, when its numbers are older than `fresh_s` at the time `at`, their age."""
    notes = [f"source: {_clean(reason.source)}"] if reason.source else []
    if reason.at is not None and at - reason.at > fresh_s:
        notes.append(f"{age(at - reason.at)} old")
    return _capital(clause(reason)) + (f" ({', '.join(notes)})" if notes else "") + "."


def age(seconds: float) -> str:
    """A duration for a person, at most two units: "8 s", "3 min", "2 h 5 min", "4 d 3 h"; below zero counts as zero."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def place(reason: Reason) -> str:
    """Where the reason speaks of: "m1/big", "m1", or "any member" when it names none."""
    if reason.member and reason.node_group:
        return f"{_clean(reason.member)}/{_clean(reason.node_group)}"
    return _clean(reason.member) or "any member"


def _fill(template: str, reason: Reason) -> str:
    fields = {
        "what": "" if reason.what in _BARE else _clean(reason.what),
        "need": _clean(reason.need),
        "have": _clean(reason.have),
        "where": place(reason),
        "who": f"member {place(reason)}" if reason.member else "every member",
        "of": _OF.get(reason.what, ""),
        "member": _clean(reason.member) or "NAME",
        "what_or_pattern": _clean(reason.what) or "PATTERN",
        "member_or_all": _clean(reason.member) or "--all",
    }

    head, *parts = (part.strip() for part in template.split(" | "))
    told = [part for part in parts if all(fields[name] for name in _FIELD.findall(part) if name != "of")]
    return _FIELD.sub(lambda found: fields[found[1]], head + (": " + ", ".join(told) if told else ""))


def _clean(text: str) -> str:
    """One printable line: jobs, servers and people wrote these words, and a terminal obeys control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MAX_FIELD else line[: _MAX_FIELD - 1] + "…"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
