"""A demand class for a person: one word, one sentence with one action, each member's blocker; not single reasons."""

from __future__ import annotations

from fedsched.matchmaker.explain.near import near_miss
from fedsched.matchmaker.explain.sentences import action, age, clause, place, sentence
from fedsched.matchmaker.model import ClassReport, DemandClass, Explanation, MemberLine, MemberVerdict, Observation
from fedsched.matchmaker.reasons import VERDICT_ORDER, Cause, Reason, Verdict


def word(report: ClassReport | None) -> str:
    """One word for a table's last column: the cause of the unmet rest, else how all of it is provided for."""
    if report is None:
        return "unplanned"
    if report.unmet:
        return str(report.why.cause) if report.why else "unexplained"
    return "served" if report.idle else "idle-none"


def few_words(report: ClassReport | None) -> str:
    """The reason of the unmet rest in a few words, with its numbers: "no-room m1/big 8 cores > 2 cores"."""
    if report is None or not report.unmet or report.why is None:
        return ""
    why = report.why
    where = place(why) if why.member else ""
    numbers = " > ".join(text for text in (why.need, why.have) if text)
    return " ".join(text for text in (where, why.what, numbers) if text)


def explain(demand: DemandClass, report: ClassReport | None, observation: Observation, fresh_s: float) -> Explanation:
    """Everything about one class of the recorded cycle; ages older than `fresh_s` seconds are told."""
    lines = () if report is None else tuple(_member_line(v, observation.at, fresh_s) for v in _in_order(report))
    said, what_next = told(demand, report)
    return Explanation(
        key=demand.key,
        word=word(report),
        sentence=said,
        next=what_next,
        members=lines,
        details=tuple(_details(demand, report, observation, fresh_s)),
    )


def headline(demand: DemandClass, report: ClassReport | None) -> str:
    """One sentence with one action, for one line."""
    said, what_next = told(demand, report)
    return f"{said[:-1]}; {what_next[:1].lower()}{what_next[1:]}"


def told(demand: DemandClass, report: ClassReport | None) -> tuple[str, str]:
    """(one sentence with what holds and its number, one sentence with what to do)."""
    who = f"{demand.examples[0]}@{demand.schedd}" if demand.examples else f"class {demand.key}"
    if report is None:
        return f"Jobs like {who} were seen but not planned for yet.", "Wait for the next cycle."
    if not report.unmet:
        return f"{_provided(report, who)}.", "Nothing to do."
    how_many = f"{report.unmet} of {report.idle} idle jobs like {who}"
    verb = {Verdict.NEVER: "can never run", Verdict.CORDONED: "may not run"}.get(report.verdict, "wait")
    if report.why is None:
        return (
            f"{how_many} {verb} and no reason was recorded, which is a bug.",
            f"Please report cycle and class {demand.key}.",
        )
    more = f" ({len(report.also)} more in the way: see below)" if report.also else ""
    what_next = action(report.why)
    return f"{how_many} {verb} because {clause(report.why)}{more}.", f"{what_next[:1].upper()}{what_next[1:]}."


def _provided(report: ClassReport, who: str) -> str:
    if not report.idle:
        return f"No job like {who} is idle"
    parts = [f"{report.served} by startds that are starting or unclaimed"] if report.served else []
    parts += [f"{report.placed} placed in this cycle"] if report.placed else []
    return f"All {report.idle} idle jobs like {who} are provided for ({', '.join(parts) or 'no numbers'})"


def _details(demand: DemandClass, report: ClassReport | None, seen: Observation, fresh_s: float) -> list[str]:
    told = []
    if report is not None and report.unmet and report.why is not None:
        told += [f"{count} jobs: {sentence(why, seen.at, fresh_s)}" for count, why in report.parts if why != report.why]
    if report is not None and report.unmet:
        told += [f"And besides: {sentence(reason, seen.at, fresh_s)}" for reason in report.also]
        told += [_spared(report.spared)] if report.spared else []
        told += [near_miss(miss) for miss in report.near]
    if demand.oldest_at:
        told.append(f"The oldest has waited {age(seen.at - demand.oldest_at)}.")
    told.append(f"Length: {age(demand.length.seconds)} ({demand.length.source}).")
    if demand.announced:
        told.append(f"{demand.announced} more are announced by a job factory and do not exist yet.")
    if demand.lumped:
        told.append(f"{demand.lumped} classes above the limit of classes per schedd are folded into this one.")
    told += list(demand.floors)
    told += [f"The expression gate refused it: {demand.gate}."] if demand.gate else []
    for view in seen.schedds:
        if view.name == demand.schedd and view.seen_at is not None and seen.at - view.seen_at > fresh_s:
            told.append(f"The schedd was last heard {age(seen.at - view.seen_at)} before this cycle.")
    return told


def _spared(reason: Reason) -> str:
    """Why nobody, or nobody more, makes room for the rest."""
    if reason.cause is Cause.ROOM_ON_ITS_WAY:
        return f"{clause(reason).capitalize()}."
    return f"Nobody is evicted for them because {clause(reason)}."


def _in_order(report: ClassReport) -> list[MemberVerdict]:
    return sorted(report.members, key=lambda v: (-VERDICT_ORDER[v.verdict], v.member))


def _member_line(verdict: MemberVerdict, at: float, fresh_s: float) -> MemberLine:
    why = verdict.blocker
    if why is None:
        text = "It has room now." if verdict.verdict is Verdict.NOW else "No reason was recorded, which is a bug."
        return MemberLine(verdict.member, verdict.verdict, text, node_group=verdict.node_group)
    return MemberLine(
        member=verdict.member,
        verdict=verdict.verdict,
        text=sentence(why, at, fresh_s),
        action=action(why),
        node_group=verdict.node_group or why.node_group,
        need=why.need,
        have=why.have,
        seen_at=why.at,
        reason=why,
    )
