"""A demand class for a person: one word, one sentence with one action, each member's blocker; not single reasons."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.explain.near import near_miss
from fedsched.matchmaker.explain.sentences import action, age, clause, sentence
from fedsched.matchmaker.model import ClassReport, DemandClass, MemberVerdict, Observation
from fedsched.matchmaker.reasons import VERDICT_ORDER, Cause, Reason, Verdict


class MemberLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one member says to a class. text: one sentence; action: "" where the verdict is "now"."""

    member: str
    verdict: Verdict
    text: str
    action: str = ""
    node_group: str = ""
    reason: Reason | None = None


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a class stands as it does. headline: one sentence with one action. details: on the class and its ages."""

    headline: str
    key: str
    word: str
    details: tuple[str, ...] = ()
    members: tuple[MemberLine, ...] = ()


def word(report: ClassReport | None) -> str:
    """One word for a table's last column: the cause of the unmet rest, else how all of it is provided for."""
    if report is None:
        return "unplanned"
    if report.unmet:
        return str(report.why.cause) if report.why else "unexplained"
    return "served" if report.idle else "idle-none"


def explain(demand: DemandClass, report: ClassReport | None, observation: Observation, fresh_s: float) -> Explanation:
    """Everything about one class of the recorded cycle; ages older than `fresh_s` seconds are told."""
    lines = () if report is None else tuple(_member_line(v, observation.at, fresh_s) for v in _in_order(report))
    return Explanation(
        headline=headline(demand, report),
        key=demand.key,
        word=word(report),
        details=tuple(_details(demand, report, observation, fresh_s)),
        members=lines,
    )


def headline(demand: DemandClass, report: ClassReport | None) -> str:
    """One sentence with one action."""
    who = f"{demand.examples[0]}@{demand.schedd}" if demand.examples else f"class {demand.key}"
    if report is None:
        return f"Jobs like {who} were seen but not planned for yet; wait for the next cycle."
    if not report.unmet:
        return f"{_provided(report, who)}; nothing to do."
    how_many = f"{report.unmet} of {report.idle} idle jobs like {who}"
    verb = {Verdict.NEVER: "can never run", Verdict.CORDONED: "may not run"}.get(report.verdict, "wait")
    if report.why is None:
        return (
            f"{how_many} {verb} and no reason was recorded, which is a bug; please report cycle and class {demand.key}."
        )
    more = f" ({len(report.also)} more in the way: see below)" if report.also else ""
    return f"{how_many} {verb} because {clause(report.why)}{more}; {action(report.why)}."


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
    if verdict.blocker is None:
        text = "It has room now." if verdict.verdict is Verdict.NOW else "No reason was recorded, which is a bug."
        return MemberLine(verdict.member, verdict.verdict, text, node_group=verdict.node_group)
    return MemberLine(
        verdict.member,
        verdict.verdict,
        sentence(verdict.blocker, at, fresh_s),
        action(verdict.blocker),
        verdict.node_group or verdict.blocker.node_group,
        verdict.blocker,
    )
