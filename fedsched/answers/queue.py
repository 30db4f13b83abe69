"""`q`: demand classes with the reason of each; which of them are asked for, and a page of these."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from weakref import WeakKeyDictionary

import msgspec

from fedsched.answers.view import Pair, View
from fedsched.client.documents import Of, Queue, QueueAsk, QueueLine, ScheddLine, head
from fedsched.matchmaker.explain import few_words, word

_MADE: WeakKeyDictionary[View, tuple[QueueLine, ...]] = WeakKeyDictionary()


def queue(view: View, of: Of, ask: QueueAsk) -> Queue:
    """The classes that `ask` wants."""
    schedds = tuple(
        ScheddLine(one.name, one.pool, one.seen_at, one.error, one.busy, one.kind, len(one.jobs))
        for one in view.observation.schedds
    )
    return narrowed(Queue(**head(of), classes=_lines(view), schedds=schedds), ask)


def narrowed(whole: Queue, ask: QueueAsk) -> Queue:
    """Of all classes the page that `ask` wants, with the sums of what matches."""
    found = [line for line in whole.classes if _wanted(line, ask)]
    last = ask.offset + ask.limit if ask.limit else None
    return msgspec.structs.replace(
        whole,
        classes=tuple(found[ask.offset : last]),
        total=len(found),
        idle=sum(line.demand.idle for line in found),
        unmet=sum(line.report.unmet for line in found if line.report),
        running=sum(line.demand.running for line in found),
        offset=ask.offset,
    )


def _lines(view: View) -> tuple[QueueLine, ...]:
    """All of a cycle, made once: dashboards ask for pages of them again and again."""
    found = _MADE.get(view)
    if found is None:
        found = _MADE[view] = tuple(map(_line, view.pairs))
    return found


def _line(pair: Pair) -> QueueLine:
    demand, report = pair
    slim = msgspec.structs.replace(report, members=()) if report else None
    # Where nothing is idle nothing is planned for: that is no gap in the plan.
    only_runs = report is None and not demand.idle
    return QueueLine("running" if only_runs else word(report), few_words(report), demand, slim)


def _wanted(line: QueueLine, ask: QueueAsk) -> bool:
    demand = line.demand
    name, path = demand.principal.user, demand.principal.group
    unmet = line.report.unmet if line.report else demand.idle
    return (
        (fnmatchcase(name, ask.user) or fnmatchcase(name.partition("@")[0], ask.user))
        and (fnmatchcase(path, ask.group) or fnmatchcase(path, f"{ask.group}.*"))
        and (ask.state != "idle" or unmet > 0)
        and (ask.state != "running" or demand.running > 0)
        and (not ask.search or any(ask.search.lower() in text.lower() for text in _texts(line)))
    )


def _texts(line: QueueLine) -> Iterator[str]:
    demand = line.demand
    yield from (demand.key, str(demand.principal), demand.schedd, line.word, line.reason, *demand.examples)
