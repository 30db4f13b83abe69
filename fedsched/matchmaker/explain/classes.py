"""A demand class for a person: one word, one sentence with one action, each member's blocker; not single reasons."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.explain.case import Case
from fedsched.matchmaker.explain.chain import chain
from fedsched.matchmaker.explain.links import behind, rest
from fedsched.matchmaker.explain.near import near_miss
from fedsched.matchmaker.explain.right import above_its_right, in_line
from fedsched.matchmaker.explain.sentences import action, age, capital, clause, clean, numbers, place, sentence, times
from fedsched.matchmaker.model import (
    ClassReport,
    DemandClass,
    Explanation,
    MemberLine,
    MemberVerdict,
    Observation,
    Plan,
)
from fedsched.matchmaker.reasons import VERDICT_ORDER, Cause, Reason, Verdict

_NOBODY = frozenset({Cause.ABOVE_SHARE, Cause.PROTECTED, Cause.EVICTION_RATE})
_DECISIVE = _NOBODY | {Cause.ROOM_ON_ITS_WAY}
"""Where nobody, or nobody more, makes room for these causes, they say what is to be waited for."""


def word(report: ClassReport | None) -> str:
    """One word for a table's last column: the cause of the unmet rest, else how all of it is provided for."""
    if report is None:
        return "unplanned"
    if report.unmet:
        return str(report.why.cause) if report.why else "unexplained"
    return "served" if report.idle else "idle-none"


def few_words(report: ClassReport | None) -> str:
    """The reason of the unmet rest in a few words, with its numbers: "m1/big, memory 96 GiB > 64 GiB"."""
    if report is None or not report.unmet or report.why is None:
        return ""
    why = report.why
    where = place(why) if why.member else ""
    failure = behind(why)
    if failure is not None:
        return ", ".join(text for text in (where, str(failure.cause), times(rest(why))) if text)
    shown = " > ".join(text for text in numbers(why) if text)
    what = _SHORT.get(why.what, clean(why.what))
    about = " ".join(text for text in (what if len(what) <= _FEW else f"{what[: _FEW - 1]}…", shown) if text)
    return ", ".join(text for text in (where, about) if text)


_SHORT = {"cpu_milli": "", "memory_mib": "memory", "disk_mib": "disk", "gpus": ""}
"""What is counted, where the unit does not tell."""
_FEW = 60
"""Characters that a few words have at most for what they are about: a job's clause may be 64 KiB long."""


def explain(
    demand: DemandClass, report: ClassReport | None, observation: Observation, fresh_s: float, plan: Plan | None = None
) -> Explanation:
    """Everything about one class of the recorded cycle; ages older than `fresh_s` seconds are told.

    plan: what else the cycle decided; without it nothing is known of shares and startds.
    """
    case = Case(demand, report, observation, plan)
    lines = () if report is None else tuple(_member_line(v, case, fresh_s) for v in _in_order(report))
    said, what_next = _told(case)
    return Explanation(
        key=demand.key,
        word=word(case.report),
        sentence=said,
        next=what_next,
        chain=chain(case),
        members=lines,
        details=tuple(_details(case, fresh_s)),
    )


def headline(demand: DemandClass, report: ClassReport | None) -> str:
    """One sentence with one action, for one line."""
    said, what_next = told(demand, report)
    return f"{said[:-1]}; {what_next[:1].lower()}{what_next[1:]}"


def told(demand: DemandClass, report: ClassReport | None) -> tuple[str, str]:
    """(one sentence with what holds and its number, one sentence with what to do)."""
    return _told(Case(demand, report, Observation(0.0)))


def _told(case: Case) -> tuple[str, str]:
    demand, report = case.demand, case.report
    who = f"like {_example(demand)}" if demand.examples else f"of class {demand.key}"
    if report is None:
        return f"Jobs {who} were seen but not planned for yet.", "Wait for the next cycle."
    if not report.unmet:
        return _provided(case, report, who)
    how_many = _how_many(report, who)
    verb = {Verdict.NEVER: "can never run", Verdict.CORDONED: "may not run"}.get(
        report.verdict, "waits" if report.idle == 1 else "wait"
    )
    if case.why is None:
        return (
            f"{how_many} {verb} and no reason was recorded, which is a bug.",
            f"Please report cycle and class {demand.key}.",
        )
    more = f" ({len(report.also)} more in the way: see below)" if report.also else ""
    first = f"{how_many} {verb} because {_because(case, case.why)}{more}"
    spared = case.spared
    if spared is None or spared.cause not in _DECISIVE:
        return f"{first}.", f"{capital(_next(case, case.why))}."
    nobody = "nobody makes room: " if spared.cause in _NOBODY else ""
    return f"{first}, and {nobody}{_because(case, spared)}.", f"{capital(_next(case, spared))}."


def _example(demand: DemandClass) -> str:
    """One of its jobs, as it may be asked for."""
    job, where = clean(demand.examples[0]), clean(demand.schedd)
    return f"{job}@{where}" if demand.job is None else f"{where}:{job}"


def _how_many(report: ClassReport, who: str) -> str:
    if report.idle == 1:
        return f"The idle job {who.removeprefix('like ')}"
    if report.unmet == report.idle:
        return f"All {report.idle:,} idle jobs {who}"
    return f"{report.unmet:,} of {report.idle:,} idle jobs {who}"


def _because(case: Case, why: Reason) -> str:
    """The clause with its number; of who is above its right with how many wait for that."""
    if why.cause is Cause.ABOVE_SHARE and case.plan is not None:
        return above_its_right(why.what, case.plan) or clause(why)
    members = len(case.report.members) if case.report is not None else 0
    return clause(why, case.plan, among=members, jobs=case.jobs)


def _next(case: Case, why: Reason) -> str:
    """What to do; where the next step or a place in line is known, with it."""
    plan, do = case.plan, action(why, jobs=case.jobs)
    if plan is None:
        return do
    if why.cause is Cause.ABOVE_SHARE:
        standing = in_line(why.what, plan)
        return do.replace("for your turn", f"for your turn ({standing})", 1) if standing else do
    ramp = plan.memory.ramps.get(case.demand.key) if why.cause is Cause.RAMP else None
    if ramp is not None and ramp.until > case.seen.at:
        return do.replace("for the next step", f"for the next step (in {age(ramp.until - case.seen.at)})", 1)
    return do


def _provided(case: Case, report: ClassReport, who: str) -> tuple[str, str]:
    """Nothing is unmet: by what it is provided for, and what keeps that."""
    if not report.idle:
        runs = f"; {_jobs(case.demand.running)}" if case.demand.running else ""
        return f"No job {who} is idle{runs}.", "Nothing to do."
    by = "copies that are starting" if case.jobs else "startds that are starting or unclaimed"
    parts = [f"{report.served:,} by {by}"] if report.served else []
    parts += [f"{report.placed:,} placed in this cycle"] if report.placed else []
    jobs = _how_many(msgspec.structs.replace(report, unmet=report.idle), who)
    verb = "is" if report.idle == 1 else "are"
    said = f"{jobs} {verb} provided for ({', '.join(parts) or 'no numbers'})"
    if case.trouble is not None:
        trouble = case.trouble
        return f"{said}, but {clause(trouble, jobs=case.jobs)}.", f"{capital(action(trouble, jobs=case.jobs))}."
    held = next((link for link in chain(case) if link.verdict in {"holds", "waits"}), None)
    if held is None or not held.text:
        return f"{said}.", "Nothing to do."
    if held.verdict == "waits":
        return f"{said}.", f"Nothing to do: {held.text[:1].lower()}{held.text[1:]}"
    return (
        f"{said}: {held.text[:1].lower()}{held.text[1:]}",
        "Wait for the negotiation; read the negotiator's log if it lasts.",
    )


def _details(case: Case, fresh_s: float) -> list[str]:
    demand, report, seen = case.demand, case.report, case.seen
    told = []
    if report is not None and report.unmet and report.why is not None:
        told += [_part(case, part, fresh_s) for part in report.parts if part[1] != report.why]
    if report is not None and report.unmet:
        told += [f"And besides: {sentence(reason, seen.at, fresh_s, jobs=case.jobs)}" for reason in report.also]
        told += [_spared(case, case.spared)] if case.spared and case.spared.cause not in _DECISIVE else []
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
            source = "queue" if case.jobs else "schedd"
            told.append(f"The {source} was last heard {age(seen.at - view.seen_at)} before this cycle.")
    return told


def _jobs(running: int) -> str:
    return "1 job runs" if running == 1 else f"{running:,} jobs run"


def _part(case: Case, part: tuple[int, Reason], fresh_s: float) -> str:
    """What becomes of some of the jobs while the rest is held."""
    many, why = part
    jobs, is_ = ("1 job", "is") if many == 1 else (f"{many:,} jobs", "are")
    if why.cause in {Cause.DEMAND, Cause.PROBE}:
        return f"{jobs} {is_} placed for in this cycle."
    if why.cause is Cause.SUPPLY_ON_ITS_WAY:
        by = "copies that are starting" if case.jobs else "startds that are starting or unclaimed"
        return f"{jobs} {is_} provided for by {by}."
    return f"{jobs}: {sentence(why, case.seen.at, fresh_s, jobs=case.jobs)}"


def _spared(case: Case, reason: Reason) -> str:
    """Why nobody, or nobody more, makes room for the rest."""
    if reason.cause is Cause.ROOM_ON_ITS_WAY:
        return f"{clause(reason).capitalize()}."
    return f"Nobody is evicted for them because {_because(case, reason)}."


def _in_order(report: ClassReport) -> list[MemberVerdict]:
    return sorted(report.members, key=lambda v: (-VERDICT_ORDER[v.verdict], v.member))


def _member_line(verdict: MemberVerdict, case: Case, fresh_s: float) -> MemberLine:
    why = verdict.blocker
    if why is None:
        text = "It has room now." if verdict.verdict is Verdict.NOW else "No reason was recorded, which is a bug."
        return MemberLine(verdict.member, verdict.verdict, text, node_group=verdict.node_group)
    return MemberLine(
        member=verdict.member,
        verdict=verdict.verdict,
        text=sentence(why, case.seen.at, fresh_s, case.plan, jobs=case.jobs),
        action=action(why, jobs=case.jobs),
        node_group=verdict.node_group or why.node_group,
        need=clean(why.need),
        have=clean(why.have),
        seen_at=why.at,
        reason=why,
    )
