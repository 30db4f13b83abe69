"""How `explain cluster`, `group`, `decision` and `--since` are shown; jobs have a page of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fedsched.cli import output
from fedsched.cli.output import Column

if TYPE_CHECKING:
    from fedsched.client.documents import ClusterExplained, DecisionExplained, Document, GroupExplained, History
    from fedsched.matchmaker.model import Candidate, HeldBack

VERDICTS = {"now": "good", "not now": "warn", "not while cordoned": "warn", "never": "bad"}
HELD_BACK = (
    Column("VERDICT", tone=lambda cell: VERDICTS.get(cell, "")),
    Column("JOBS", right=True),
    Column("CLASSES", right=True),
    Column("CAUSE"),
    Column("EXAMPLE", rank=2),
    Column("WHY", least=40),
)
CANDIDATES = (Column("PLACE"), Column("RANK", right=True), Column("CHOSEN"), Column("HELD BACK BY", least=20))
TURNS = (
    Column("WHEN"),
    Column("AGO", right=True),
    Column("CYCLE", rank=1, right=True),
    Column("IDLE", right=True),
    Column("UNMET", right=True),
    Column("VERDICT", rank=2, tone=lambda cell: VERDICTS.get(cell, "")),
    Column("REASON", least=40),
)


def cluster(answer: ClusterExplained) -> None:
    """A member: what would fit there and is held back, by cause and count."""
    one = answer.explanation
    _head(one.sentence, one.next)
    _held_back(one.held_back)
    for text in answer.cluster.attention:
        output.wrapped(f"! {text}")
    _cycle(answer)


def group(answer: GroupExplained) -> None:
    """A group or principal: what keeps it from more, where it is, the tree around it."""
    from fedsched.cli.share import COLUMNS, rows

    one = answer.explanation
    _head(one.sentence, one.next)
    _held_back(one.waiting)
    if answer.shares:
        output.table(COLUMNS, rows(answer.shares))
        output.line()
    output.labelled("where", tuple(f"{startds} on {member}" for member, startds in one.where), 9)
    output.labelled("details", one.details, 9)
    _cycle(answer)


def decision(answer: DecisionExplained) -> None:
    """A placement: every place that was open to it with its rank, and why it ended."""
    one = answer.explanation
    _head(one.sentence, one.next)
    if one.candidates:
        rows = [_candidate(place, chosen=number == one.chosen) for number, place in enumerate(one.candidates)]
        output.table(CANDIDATES, rows)
        output.line()
    facts = [f"{one.placement} for {one.principal}, class {one.class_key}, {one.phase}"]
    facts += [f"gave way to {one.preemptor} by {one.rule}"] if one.preemptor else []
    facts += [f"{one.lost} of work at stake"] if one.lost else []
    output.labelled("startd", facts, 9)
    output.labelled("details", one.details, 9)
    _cycle(answer)


def history(answer: History) -> None:
    """Every change of reason, oldest first."""
    from datetime import UTC, datetime

    from fedsched.matchmaker.explain import age

    changes = max(0, len(answer.turns) - 1)
    who = f"{answer.job} (class {answer.key})" if answer.job else f"class {answer.key}"
    times = "once" if changes == 1 else f"{changes} times"
    output.wrapped(f"The reason of {who} changed {times} in the last {age(answer.now - answer.since)}.")
    output.line()
    rows = [
        (
            datetime.fromtimestamp(turn.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
            age(answer.now - turn.at),
            str(turn.cycle),
            str(turn.idle),
            str(turn.unmet),
            str(turn.verdict),
            f"{turn.word}: {turn.text}",
        )
        for turn in answer.turns
    ]
    if rows:
        output.table(TURNS, rows)
        output.line()
    _cycle(answer)


def _head(sentence: str, what_next: str) -> None:
    output.wrapped(sentence)
    output.wrapped(f"Next: {what_next}")
    output.line()


def _held_back(ones: Sequence[HeldBack]) -> None:
    rows = [(str(one.verdict), str(one.jobs), str(one.classes), one.cause, one.example, one.text) for one in ones]
    if rows:
        output.table(HELD_BACK, rows)
        output.line()


def _candidate(place: Candidate, *, chosen: bool) -> tuple[str, ...]:
    return f"{place.member}/{place.node_group}", f"{place.rank:g}", "chosen" if chosen else "", place.blocker or "-"


def _cycle(answer: Document) -> None:
    from fedsched.matchmaker.explain import age

    output.line(f"cycle {answer.cycle}, {age(answer.age_s)} ago")
