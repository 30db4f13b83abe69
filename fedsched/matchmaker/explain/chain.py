"""The nine links from a job to its claim, each with its verdict and numbers; which link a cause holds stands beside."""

from __future__ import annotations

from fedsched.matchmaker.explain.case import Case
from fedsched.matchmaker.explain.facts import fact
from fedsched.matchmaker.explain.facts_of_jobs import copies
from fedsched.matchmaker.explain.held_back import count_startds
from fedsched.matchmaker.explain.links import LATE, LINKS, holding
from fedsched.matchmaker.explain.right import above_its_right, who_is_above
from fedsched.matchmaker.explain.sentences import capital, clause, clean
from fedsched.matchmaker.model import ChainLink, LinkName, LinkVerdict
from fedsched.matchmaker.reasons import Cause, Reason

_STAGES: dict[LinkName, tuple[str, ...]] = {
    "pod": ("written", "pending"),
    "startd": ("joining",),
    "claim": ("unclaimed",),
}


def chain(case: Case) -> tuple[ChainLink, ...]:
    """All nine, in order. Where jobs are unmet exactly one holds: that of the dominant reason."""
    if case.report is None:
        return _unplanned(case)
    if case.why is None:
        return tuple(fact(case, name) for name in LINKS)
    holds = _holding(case, case.why)
    besides = {_holding(case, reason): reason for reason in reversed(case.report.also)}
    if case.spared is not None and case.spared.cause is Cause.ABOVE_SHARE:
        besides.setdefault("share", case.spared)
    links, reached = [], True
    for name in LINKS:
        if name == holds:
            links.append(_told(case, name, case.why, "holds"))
            reached = False
        elif name in besides:
            links.append(_told(case, name, besides[name], "waits"))
        elif (reached and name not in LATE) or (case.jobs and name == "startd"):
            links.append(fact(case, name))
        else:
            links.append(ChainLink(name, "ok" if reached else "not reached", _others(case, name)))
    return tuple(links)


def _holding(case: Case, reason: Reason) -> LinkName:
    """Of users' Jobs, which have no startd, what would hold it holds the pod."""
    name = holding(reason, case.plan)
    return "pod" if name == "startd" and case.jobs else name


def stopped(name: LinkName, text: str, source: str, at: float | None) -> tuple[ChainLink, ...]:
    """A chain of which only the link that holds is known."""
    here = LINKS.index(name)
    return tuple(
        ChainLink(one, "holds", text, source=source, at=at)
        if one == name
        else ChainLink(one, "ok" if index < here else "not reached")
        for index, one in enumerate(LINKS)
    )


def passed(texts: dict[LinkName, str], source: str, at: float | None) -> tuple[ChainLink, ...]:
    """A chain that a job has behind it, with what is to be said of some links."""
    return tuple(ChainLink(name, "ok", texts.get(name, ""), source=source, at=at) for name in LINKS)


def _unplanned(case: Case) -> tuple[ChainLink, ...]:
    text = "It was not planned for yet."
    second = ChainLink("demand class", "waits", text, source="the next cycle", at=case.seen.at)
    return (fact(case, "job"), second, *(ChainLink(name, "not reached") for name in LINKS[2:]))


def _told(case: Case, name: LinkName, reason: Reason, verdict: LinkVerdict) -> ChainLink:
    """The link with what holds it; where the reason has no source or time, those of the link's own fact."""
    own = fact(case, name)
    text, need, have = _numbers(case, reason)
    if verdict == "waits":
        text = f"{'Nobody makes room for it' if reason is case.spared else 'this must change, too'}: {text}"
    return ChainLink(
        name,
        verdict,
        capital(text),
        need=need,
        have=have,
        source=clean(reason.source) or own.source,
        at=reason.at if reason.at is not None else own.at,
        reason=reason,
    )


def _numbers(case: Case, reason: Reason) -> tuple[str, str, str]:
    """(sentence, needed, there); of a share those of the group for which it is so."""
    above = who_is_above(reason.what, case.plan) if reason.cause is Cause.ABOVE_SHARE and case.plan else None
    if above is None or case.plan is None:
        return f"{clause(reason, case.plan, jobs=case.jobs)}.", clean(reason.need), clean(reason.have)
    need, have = (f"{amount / 1000:.4g} core-equivalents" for amount in (above.entitled, above.held))
    return f"{above_its_right(reason.what, case.plan)}.", f"entitled to {need}", f"holds {have}"


def _others(case: Case, name: LinkName) -> str:
    """What of the class is at a late link although the rest is held: its other jobs."""
    many = len(case.in_stages(*_STAGES.get(name, ())))
    if not many:
        return ""
    what = copies(many) if case.jobs else count_startds(many)
    return f"{what} for other jobs of the class {'is' if many == 1 else 'are'} here."
