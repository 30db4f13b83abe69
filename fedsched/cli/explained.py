"""How `explain JOB` is shown: sentence, chain, members, what it has; then what was proven to help, and when it starts.

Which reason is told is decided where the answer is made; here is only the order and the shape of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fedsched.cli import output
from fedsched.cli.output import Column, Exit, Format

if TYPE_CHECKING:
    from fedsched.cli.source import Source
    from fedsched.client.documents import Explained, Tried
    from fedsched.matchmaker.model import ChainLink, Counterfactual, MemberLine

CHAIN_TONES = {"ok": "good", "holds": "bad", "waits": "warn", "not reached": "faint", "unknown": "faint"}
MEMBER_TONES = {"now": "good", "not now": "warn", "not while cordoned": "warn", "never": "bad"}
RESOURCES = {"cpu_milli": "cores", "memory_mib": "memory", "disk_mib": "disk", "gpus": "GPUs"}
CHAIN = (
    Column("LINK"),
    Column("VERDICT", tone=lambda cell: CHAIN_TONES.get(cell, "")),
    Column("NEEDS", least=12),
    Column("HAS", least=12),
    Column("AGE", right=True),
    Column("WHAT", rank=1, least=24),
)
MEMBERS = (
    Column("CLUSTER", least=12),
    Column("VERDICT", tone=lambda cell: MEMBER_TONES.get(cell, "")),
    Column("FIRST BLOCKER", least=20),
    Column("NEEDS", least=10),
    Column("HAS", least=10),
    Column("AGE", right=True),
)


def told(found: Source, job: str, form: Format, *, counterfactuals: bool, estimate: bool) -> Exit:
    """Ask and show; what takes long follows what is known at once. Raises NoAnswer."""
    answer = found.answers.explain(job)
    code = found.code(answer)
    waits = answer.report is not None and answer.report.unmet > 0 and answer.state in {"idle", "class"}
    asked = job if waits and counterfactuals else ""
    if form is Format.JSON:
        _as_json(found, answer, asked, estimate=estimate and waits)
        return code
    show(answer)
    if asked:
        show_proven(_proven(found, asked))
    if estimate and waits:
        _show_estimate(found, answer)
    return code


def show(answer: Explained) -> None:
    """Everything that is known at once."""
    one = answer.explanation
    output.wrapped(one.sentence)
    output.wrapped(f"Next: {one.next}")
    if one.chain:
        output.line()
        output.table(CHAIN, [_link(link, answer.now) for link in one.chain])
    if one.members:
        output.line()
        output.table(MEMBERS, [_member(line, answer.now) for line in one.members])
    output.line()
    has = answer.having
    blocks = (one.details, has.share, has.startds, has.going, has.coming, (_cycle(answer),))
    jobs = answer.demand is not None and answer.demand.job is not None
    labels = ("details", "share", "copies" if jobs else "startds", "must go", "room from", "cycle")
    for label, texts in zip(labels, blocks, strict=True):
        output.labelled(label, texts, 9)
    sys.stdout.flush()


def show_proven(tried: Iterable[Tried]) -> None:
    """What would help, each as it is proven; how far it is on standard error."""
    first, last = True, None
    with output.Progress("proving what would help", 0.5) as progress:
        for last in tried:
            if last.found is not None:
                progress.gone()
                output.labelled("would do" if first else "", (_would(last.found),), 9)
                first = False
                sys.stdout.flush()
            progress(last.done, last.total)
    if first and last is not None and last.total:
        output.labelled("would do", (f"None of {last.total} single changes that were tried lets one more start.",), 9)


def age_of(at: float | None, now: float) -> str:
    """How old a number is, "-" for a rule or a setting, which has no age."""
    from fedsched.matchmaker.explain import age

    return "-" if at is None else age(now - at)


def _link(link: ChainLink, now: float) -> tuple[str, ...]:
    return link.name, link.verdict, link.need or "-", link.have or "-", age_of(link.at, now), link.text


def _member(line: MemberLine, now: float) -> tuple[str, ...]:
    return (
        line.member,
        str(line.verdict),
        _blocker(line),
        line.need or "-",
        line.have or "-",
        age_of(line.seen_at, now),
    )


def _blocker(line: MemberLine) -> str:
    """A few words for a table: which cause, of what, on which nodes."""
    why = line.reason
    if why is None:
        return line.text
    words = str(why.cause).replace("-", " ")
    what = f": {RESOURCES.get(why.what, why.what)}" if why.what else ""
    return f"{words}{what}" + (f" ({why.node_group})" if why.node_group else "")


def _would(one: Counterfactual) -> str:
    return f"{one.text[:1].upper()}{one.text[1:].rstrip('.')}."


def _cycle(answer: Explained) -> str:
    from fedsched.matchmaker.explain import age

    return f"{answer.cycle}, {age(answer.age_s)} ago"


def _proven(found: Source, job: str) -> Iterator[Tried]:
    """As they come; a person who has seen enough ends it, and what was shown stays."""
    from fedsched.client import NoAnswer

    try:
        yield from found.answers.counterfactuals(job)
    except KeyboardInterrupt:
        return
    except NoAnswer as error:
        output.note(f"What would help is not known: {error.text}")


def _show_estimate(found: Source, answer: Explained) -> None:
    from fedsched.cli.eta import starting

    if found.settings is not None:
        said, _ = starting(found.settings, answer.explanation.key, answer.job)
        output.labelled("starts", (said,) if said else (), 9)


def _as_json(found: Source, answer: Explained, asked: str, *, estimate: bool) -> None:
    """The document, with what was proven and what is expected once that is known."""
    import msgspec

    if asked:
        tried = list(_proven(found, asked))
        proven = tuple(one.found for one in tried if one.found is not None)
        answer = msgspec.structs.replace(answer, counterfactuals=proven, proven_of=tried[-1].total if tried else 0)
    more: dict[str, object] = {"starts": (), "record": None}
    if estimate and found.settings is not None:
        from fedsched.cli.eta import starting

        _, foreseen = starting(found.settings, answer.explanation.key, answer.job)
        if foreseen is not None:
            more = {"starts": foreseen.estimates, "record": foreseen.record}
    output.emit(answer, more)
