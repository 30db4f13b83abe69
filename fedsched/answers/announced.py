"""What a pool's collector is told of each class with idle jobs: the sentences of `explain`, a value per class."""

from __future__ import annotations

import re
from collections.abc import Callable

from fedsched.answers.view import Pair, View
from fedsched.matchmaker.explain import told, word
from fedsched.matchmaker.model import ClassNotice
from fedsched.matchmaker.resources import describe

SOMEBODY = "(somebody)"
SEE_BELOW = ": see below"
"""What a sentence of `explain` says of more that stands there, and not in an ad."""
_USER = re.compile(r"[\w.+=-]+@[\w.-]*\w")
_JOB = re.compile(r"[0-9]+\.[0-9]+@")


def announced(view: View, *, names: bool = True) -> tuple[ClassNotice, ...]:
    """Every class of a pool with idle jobs, most unmet first. names: False where users' names are not for everybody.

    Kubernetes Jobs are of no pool: no collector is told of them.
    """
    shown = _as_it_is if names else _without_users
    return tuple(_notice(pair, view, shown, names=names) for pair in view.pairs if pair[0].idle and pair[0].job is None)


def _notice(pair: Pair, view: View, shown: Callable[[str], str], *, names: bool) -> ClassNotice:
    demand, report = pair
    sentence, what_next = told(demand, report)
    return ClassNotice(
        pool=demand.pool,
        key=demand.key,
        schedd=demand.schedd,
        group=demand.principal.group,
        user=(demand.user or demand.principal.user) if names else "",
        idle=demand.idle,
        unmet=report.unmet if report else demand.idle,
        word=word(report),
        sentence=shown(sentence.replace(SEE_BELOW, "")),
        next=shown(what_next),
        request=describe(demand.request),
        examples=demand.examples,
        oldest_at=demand.oldest_at,
        cycle=view.plan.cycle,
        at=view.plan.at,
    )


def _as_it_is(text: str) -> str:
    return text


def _without_users(text: str) -> str:
    """The text without what looks like a user's name; jobs, which are spelt alike, stay."""
    return _USER.sub(lambda found: found[0] if _JOB.match(found[0]) else SOMEBODY, text)
