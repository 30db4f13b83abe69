"""`explain --since`: every change of a class's reason as it was kept; what is so now is explained beside."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from math import isfinite

from fedsched.answers.concerned import LEAST_OF_A_KEY, split
from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import History, Of, TurnLine, head
from fedsched.journal import JournalError, open_journal
from fedsched.matchmaker.explain import sentence
from fedsched.matchmaker.model import DemandClass, Turn
from fedsched.matchmaker.reasons import Verdict

Fits = Callable[[DemandClass], bool]
Turns = Callable[[str, float], tuple[Turn, ...]]
"""The turns of a class (its key) since a time (epoch seconds), and the last one before; raises JournalError."""


def turns_in(journal: str) -> Turns:
    """Reads them from the journal of that URL, by a connection of its own for each question: for any thread."""
    return partial(_read, journal)


def history(view: View, of: Of, asked: tuple[str, float], turns: Turns | None) -> History:
    """`asked`: a job or class, since when. NoAnswer when neither the last cycle nor what is kept knows it."""
    name, since = asked
    if not isfinite(since):
        raise NoAnswer("bad-question", f"since {since}: epoch seconds are expected")
    if turns is None:
        raise NoAnswer("refused", "no changes of reasons are kept here", "fedsched serve")
    key, job = _key(view, name)
    try:
        found = turns(key, since)
    except JournalError as error:
        raise NoAnswer("busy", str(error), "ask again soon") from None
    if not found and key not in view.reports:
        raise NoAnswer(
            "unknown",
            f"neither the last cycle nor what is kept of earlier ones knows a job or class {name}",
            "find its class: fedsched q; a class that is gone is asked for by its whole key",
        )
    return History(**head(of), key=key, job=job, since=since, turns=tuple(_line(turn, view.fresh_s) for turn in found))


def _key(view: View, name: str) -> tuple[str, str]:
    """(the class's key, the job as it was named): a class that is gone is known by its whole key alone."""
    if name in view.reports:
        return name, ""
    job, schedd = split(name)
    classes = [demand for demand, _ in view.pairs if schedd in {"", demand.schedd}]
    for fits in (_by_job(job), _by_cluster(job), _by_key(name)):
        found = [demand.key for demand in classes if fits(demand)]
        if len(found) > 1:
            raise NoAnswer("ambiguous", f"{name} may be any of {', '.join(sorted(found)[:5])}", "name one in full")
        if found:
            return found[0], "" if found[0].startswith(name) else name
    return name, ""


def _by_job(job: str) -> Fits:
    return lambda demand: job in demand.examples


def _by_cluster(job: str) -> Fits:
    cluster = job.partition(".")[0]
    return lambda demand: any(one.partition(".")[0] == cluster for one in demand.examples)


def _by_key(name: str) -> Fits:
    return lambda demand: len(name) >= LEAST_OF_A_KEY and demand.key.startswith(name)


def _read(journal: str, key: str, since: float) -> tuple[Turn, ...]:
    with closing(open_journal(journal, reading=True)) as reader:
        return reader.turns(key, since)


def _line(turn: Turn, fresh_s: float) -> TurnLine:
    word = str(turn.reason.cause) if turn.reason else "served"
    return TurnLine(turn.at, turn.cycle, word, _text(turn, fresh_s), turn.idle, turn.unmet, turn.verdict)


def _text(turn: Turn, fresh_s: float) -> str:
    if turn.reason is not None:
        never = "can never run" if turn.verdict is Verdict.NEVER else "wait"
        return f"{turn.unmet} of {turn.idle} idle jobs {never}. {sentence(turn.reason, turn.at, fresh_s)}"
    if turn.idle:
        return f"All {turn.idle} idle jobs are provided for."
    return "No job of it is idle any more."
