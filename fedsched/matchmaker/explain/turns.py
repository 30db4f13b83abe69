"""When the reason of a class changed: what one cycle says against what was last so; keeping it is the journal's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fedsched.matchmaker.model import ClassReport, Plan, Turn
from fedsched.matchmaker.reasons import Reason, Verdict


def turned(standing: Mapping[str, Turn], plan: Plan) -> tuple[Turn, ...]:
    """The changes of this cycle, by key. standing: the last turn of each class whose reason still stood, by key.

    A class that was never short has none; one that is gone, or whose last job is provided for, has one more without a
    reason. Numbers alone (need, have, age, counts) are no change.
    """
    found = [turn for report in plan.classes if (turn := _of(standing.get(report.key), report, plan)) is not None]
    seen = {report.key for report in plan.classes}
    found += [_over(key, plan) for key in standing if key not in seen]
    return tuple(sorted(found, key=lambda turn: turn.key))


def stand(standing: Mapping[str, Turn], turns: Iterable[Turn]) -> dict[str, Turn]:
    """What stands after these turns: classes with a reason only, so that it never holds more than there are."""
    after = {**standing, **{turn.key: turn for turn in turns}}
    return {key: turn for key, turn in after.items() if turn.reason is not None}


def _of(before: Turn | None, report: ClassReport, plan: Plan) -> Turn | None:
    reason = report.why if report.unmet else None
    if reason is None:
        return None if before is None else _turn(report, plan, None)
    same = before is not None and (before.verdict, *_about(before.reason)) == (report.verdict, *_about(reason))
    return None if same else _turn(report, plan, reason)


def _about(reason: Reason | None) -> tuple[str, ...]:
    """What must differ for a change: not its numbers, which differ in every cycle."""
    return (reason.cause, reason.member, reason.node_group, reason.what) if reason else ()


def _turn(report: ClassReport, plan: Plan, reason: Reason | None) -> Turn:
    verdict = report.verdict if reason else Verdict.NOW
    return Turn(report.key, plan.cycle, plan.at, report.idle, report.unmet, verdict, reason)


def _over(key: str, plan: Plan) -> Turn:
    return Turn(key, plan.cycle, plan.at, 0, 0, Verdict.NOW)
