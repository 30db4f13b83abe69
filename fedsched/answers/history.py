"""`explain --since`: every change of a class's reason as it was kept; what is so now is explained beside."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from math import isfinite

from fedsched.answers.explained import Find, explained
from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import History, Of, TurnLine, head
from fedsched.journal import JournalError, open_journal
from fedsched.matchmaker.explain import sentence
from fedsched.matchmaker.model import Turn
from fedsched.matchmaker.reasons import Verdict

Turns = Callable[[str, float], tuple[Turn, ...]]
"""The turns of a class (its key) since a time (epoch seconds), and the last one before; raises JournalError."""


def turns_in(journal: str) -> Turns:
    """Reads them from the journal of that URL, by a connection of its own for each question: for any thread."""
    return partial(_read, journal)


def history(view: View, of: Of, asked: tuple[str, float], turns: Turns | None, find: Find | None = None) -> History:
    """`asked`: a job or class, since when (epoch seconds). find: asks schedds for a job that the cycle does not know.

    NoAnswer where neither the last cycle nor its schedd nor what is kept knows it.
    """
    name, since = asked
    if not isfinite(since):
        raise NoAnswer("bad-question", f"since {since}: epoch seconds are expected")
    if turns is None:
        raise NoAnswer("refused", "no changes of reasons are kept here", "fedsched serve")
    of_jobs = False
    try:
        key, job, of_jobs = _meant(view, of, name, find)
    except NoAnswer as error:
        # A class that is gone is known by its whole key alone.
        found = _asked(turns, name, since) if error.what == "unknown" else ()
        if not found:
            raise
        key, job = name, ""
    else:
        found = _asked(turns, key, since)
    return History(
        **head(of),
        key=key,
        job=job,
        since=since,
        turns=tuple(_line(turn, view.fresh_s, jobs=of_jobs) for turn in found),
    )


def _meant(view: View, of: Of, name: str, find: Find | None) -> tuple[str, str, bool]:
    """(the class's key, the job as it was named, "" for a class, whether it is a class of Kubernetes Jobs)."""
    said = explained(view, of, name, find)
    if not said.explanation.key:
        raise NoAnswer(
            "unknown",
            f"{name} is {said.state}, and no class of it is known: why it waited is kept by class",
            f"fedsched explain {name}; a class that is gone is asked for by its whole key",
        )
    of_jobs = bool(said.uid) or (said.demand is not None and said.demand.job is not None)
    return said.explanation.key, name if said.job else "", of_jobs


def _asked(turns: Turns, key: str, since: float) -> tuple[Turn, ...]:
    try:
        return turns(key, since)
    except JournalError as error:
        raise NoAnswer("busy", str(error), "ask again soon") from None


def _read(journal: str, key: str, since: float) -> tuple[Turn, ...]:
    with closing(open_journal(journal, reading=True)) as reader:
        return reader.turns(key, since)


def _line(turn: Turn, fresh_s: float, *, jobs: bool) -> TurnLine:
    word = str(turn.reason.cause) if turn.reason else "served"
    return TurnLine(turn.at, turn.cycle, word, _text(turn, fresh_s, jobs=jobs), turn.idle, turn.unmet, turn.verdict)


def _text(turn: Turn, fresh_s: float, *, jobs: bool) -> str:
    if turn.reason is not None:
        never = "can never run" if turn.verdict is Verdict.NEVER else "wait"
        return f"{turn.unmet} of {turn.idle} idle jobs {never}. {sentence(turn.reason, turn.at, fresh_s, jobs=jobs)}"
    if turn.idle:
        return f"All {turn.idle} idle jobs are provided for."
    return "No job of it is idle any more."
