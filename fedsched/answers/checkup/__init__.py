"""`doctor`: judges of a live system, one function per property; who looked, and how, is not known here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from fedsched.answers.checkup.look import Fault, Judged, Look, Own
from fedsched.answers.checkup.members import MEMBERS
from fedsched.answers.checkup.placements import PASSING, PLACEMENTS
from fedsched.answers.checkup.running import RUNNING
from fedsched.answers.checkup.shares import SHARES
from fedsched.client.documents.checkup import Finding, State

Judge = Callable[[Look], Judged | None]
_RULE = re.compile(r"[A-Z]{2}\d+(, [A-Z]{2}\d+)*")
JUDGES: tuple[Judge, ...] = (*PLACEMENTS, *MEMBERS, *SHARES, *RUNNING)


def judged(look: Look) -> tuple[Finding, ...]:
    """Every property that can be judged by this look."""
    return tuple(finding for judge in JUDGES for finding in _findings(judge, look))


def may_pass(finding: Finding) -> bool:
    """Whether a running daemon is about to mend it: it counts only where it is still so a little later."""
    return finding.state == "broken" and finding.name in {_name(judge) for judge in PASSING}


def _findings(judge: Judge, look: Look) -> Iterator[Finding]:
    said = judge(look)
    if said is None:
        return
    rule = (judge.__doc__ or "").partition(":")[0]
    rule = rule if _RULE.fullmatch(rule) else ""
    for fault in said.faults:
        state: State = "broken" if fault.broken else "unproven"
        yield Finding(_name(judge), rule, state, fault.text, fault.about, fault.fix)
    if not said.faults:
        yield Finding(_name(judge), rule, "ok", said.evidence)


def _name(judge: Judge) -> str:
    return judge.__name__.replace("_", " ")


__all__ = ["JUDGES", "Fault", "Judge", "Judged", "Look", "Own", "judged", "may_pass"]
