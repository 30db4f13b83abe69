"""RE1 and RE2 of one state, by doing it: all that is named is lifted, and each part of it; counterfactuals are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, islice

import msgspec

from fedsched.matchmaker.explain.counterfactuals import counterfactuals
from fedsched.matchmaker.model import ClassReport, Plan
from fedsched.matchmaker.negotiate import fares, negotiate
from fedsched.matchmaker.reasons import VERDICT_ORDER, Cause, Reason, Verdict
from tests.reasons.applied import applied, weaker
from tests.reasons.case import Case
from tests.reasons.remedies import lifted
from tests.reasons.states import State, state

Standing = tuple[int, int]
"""Which of MA3's answers a class has, and for how many jobs startds begin: larger is better."""
ROOM = frozenset({Cause.NO_ROOM, Cause.FRAGMENTED, Cause.LEAVE_FREE, Cause.GROWTH_ASKED})
UNHEARD = frozenset({Cause.MEMBER_SILENT, Cause.MEMBER_LOST, Cause.CREDENTIAL, Cause.STALE})
MOST_PARTS = 14
"""So many parts of a set are tried; all of them for sets of up to three."""


@dataclass
class Found:
    """What one state came to. named, tested: by cause. broken: sentences, none where all holds.

    apart: classes of which nothing follows, as others who are before any class may take what was lifted.
    """

    seed: int
    waiting: int = 0
    apart: int = 0
    named: Counter[str] = field(default_factory=Counter)
    tested: Counter[str] = field(default_factory=Counter)
    sets: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    proven: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def __add__(self, more: Found) -> Found:
        """Both together."""
        return Found(
            self.seed,
            self.waiting + more.waiting,
            self.apart + more.apart,
            self.named + more.named,
            self.tested + more.tested,
            self.sets + more.sets,
            self.kinds + more.kinds,
            self.proven + more.proven,
            [*self.broken, *more.broken],
        )


def several(seeds: Iterable[int]) -> Found:
    """Many states; what is broken begins with its seed."""
    found = Found(0)
    for seed in seeds:
        one = judged(seed)
        one.broken = [f"state {seed}: {said}" for said in one.broken]
        found += one
    return found


def judged(seed: int) -> Found:
    """The state of that seed, with everything that is told of it tried."""
    return of_state(state(seed), seed)


def of_state(given: State, seed: int) -> Found:
    """The same for a state that is there already."""
    found = Found(seed)
    plan = negotiate(*given)
    for report in plan.classes:
        if not report.unmet:
            continue
        found.waiting += 1
        found.broken += _unexplained(report)
        if report.why is None:
            continue
        named = (report.why, *report.also)
        found.named.update(str(reason.cause) for reason in named)
        found.sets[len(named)] += 1
        broken = [f"{report.key}: {said}" for said in _minimal(given, plan, report)]
        if broken and _others_come_first(given, plan, named):
            found.apart += 1
            continue
        found.broken += broken
        found.tested.update(str(reason.cause) for reason in named)
    waiting = [report for report in plan.classes if report.unmet]
    if waiting:
        chosen = waiting[seed % len(waiting)]
        found.broken += [f"{chosen.key}: {said}" for said in _helpful(given, chosen, found)]
    return found


def _others_come_first(given: State, plan: Plan, named: Sequence[Reason]) -> bool:
    """Whether somebody who is before any class may take what was lifted, so that nothing follows from a failure.

    For room: a pod of the site's own, and startds of ours whose nodes are not written anywhere: what waits for a node,
    what was placed in this very cycle; a DaemonSet, which is as large as its nodes have room; and who was just told to
    yield, whose class asks anew. Of a lost member: what it still runs counts again when it is back.
    """
    snap = given.snapshot
    bound = {one.placement_id for one in snap.observation.objects if one.pods and all(pod.node for pod in one.pods)}
    unbound = {(one.placement.member, one.placement.node_group) for one in plan.held if one.placement.id not in bound}
    waits = {one.name for one in snap.observation.members if one.site_pods}
    waits |= {one.name for one in snap.terms if one.daemonset_groups}
    stands = {one.placement.member for one in snap.memory.held}
    yields = any(one.yields_to for one in plan.held)
    for reason in named:
        taken = yields or _where(reason) in unbound or reason.member in waits or reason.what == "node group"
        if reason.cause in ROOM and taken:
            return True
        if reason.cause is Cause.MEMBER_LOST and reason.member in stands:
            return True
    return False


def _where(reason: Reason) -> tuple[str, str]:
    return reason.member, reason.node_group


def _unexplained(report: ClassReport) -> Iterator[str]:
    """RE1."""
    if report.why is None or not report.why.cause or "nothing that is known" in report.why.what:
        yield f"{report.key}: {report.unmet} jobs wait without a reason"
    elif report.why.verdict is not report.verdict:
        yield f"{report.key}: {report.verdict} because of {report.why}"
    if sum(count for count, _ in report.parts) != report.idle:
        yield f"{report.key}: parts do not sum to {report.idle}: {report.parts}"


def standing(given: State, key: str) -> Standing:
    """How a class stands."""
    return _standing(next(report for report in negotiate(*given).classes if report.key == key))


def _standing(report: ClassReport) -> Standing:
    """That a startd on its way counts again, because its member is back, is no answer and no start."""
    waits = report.unmet or report.placed
    return VERDICT_ORDER[report.verdict if waits else Verdict.NOT_NOW], report.placed


def _minimal(given: State, plan: Plan, report: ClassReport) -> Iterator[str]:
    """RE2: all that is named together changes the verdict, and no part of it does."""
    case, named = Case(given, report.key), (report.why, *report.also)
    reasons = [reason for reason in named if reason is not None]
    now = _standing(report)
    if reasons[0].cause is Cause.FROZEN:
        if any(one.why and one.why.cause is Cause.FROZEN for one in negotiate(*_lifted(case, reasons).state).classes):
            yield "members answer again, and nothing is decided still"
        return
    if not (
        _better(case, reasons, now)
        or _better_alone(case, reasons, plan)
        or _better_with_all_of_it(case, plan)
        or _served(case, reasons, report)
    ):
        yield f"all that is named is lifted and nothing changes: {_words(reasons)}"
    for part in _parts(reasons):
        if _better(case, part, now) and _better_alone(case, part, plan):
            yield f"a part is enough: {_words(part)} of {_words(reasons)}"


def _parts(reasons: list[Reason]) -> Iterator[list[Reason]]:
    """Proper parts, not empty, the largest first."""
    facts: dict[object, list[Reason]] = {}
    for reason in reasons:
        facts.setdefault(_fact(reason), []).append(reason)
    sizes = range(len(facts) - 1, 0, -1)
    parts = (part for size in sizes for part in combinations(facts.values(), size))
    for part in islice(parts, MOST_PARTS):
        yield list(chain.from_iterable(part))


def _fact(reason: Reason) -> object:
    """What is lifted as one: a group that takes what others leave has no quota to reach, of any resource.

    A member that answers is heard, and was seen once.
    """
    if reason.cause is Cause.REBUILDING or (reason.cause in UNHEARD and reason.what != "anchor"):
        return "answers", reason.what if reason.cause is Cause.REBUILDING else reason.member
    return reason.what.rpartition(" of ")[2] if reason.cause is Cause.GROUP_QUOTA else reason


def _lifted(case: Case, reasons: list[Reason]) -> Case:
    for reason in reasons:
        case = lifted(case, reason)
    return case


def _better(case: Case, reasons: list[Reason], now: Standing) -> bool:
    return standing(_lifted(case, reasons).state, case.key) > now


def _served(case: Case, reasons: list[Reason], report: ClassReport) -> bool:
    """Whether startds that were given up count again: nothing more has to start then."""
    then = negotiate(*_lifted(case, reasons).state).classes
    return next(one for one in then if one.key == case.key).served > report.served


def _better_alone(case: Case, reasons: list[Reason], plan: Plan) -> bool:
    """The same where nobody else waits: what is freed goes to whose turn it is, and others move to better places."""
    alone = Case(_without_others(case.state, case.key, plan), case.key)
    return _better(alone, reasons, standing(alone.state, case.key))


def _better_with_all_of_it(case: Case, plan: Plan) -> bool:
    """The same with all that is named there: what others started since counts against what all may start together."""
    alone = Case(_without_others(case.state, case.key, plan), case.key)
    report = next(one for one in negotiate(*alone.state).classes if one.key == case.key)
    reasons = [reason for reason in (report.why, *report.also) if reason is not None]
    return _better(alone, reasons, _standing(report))


def _without_others(given: State, key: str, plan: Plan) -> State:
    """What others got stands, as it was placed just now, and they ask for nothing more."""
    at = given.snapshot.at
    seen = given.snapshot.observation
    served = {report.key: report.idle - report.unmet for report in plan.classes}
    copied = {one.placement.job_uid for one in plan.held}
    views = tuple(
        msgspec.structs.replace(
            view,
            jobs=tuple(job for job in view.jobs if job.class_key == key or job.uid in copied),
            classes=tuple(
                one
                if one.key == key
                else msgspec.structs.replace(
                    one, idle=served.get(one.key, 0), priorities=((0, served.get(one.key, 0)),)
                )
                for one in view.classes
            ),
        )
        for view in seen.schedds
    )
    past = given.snapshot.memory
    memory = msgspec.structs.replace(
        plan.memory,
        at=at,
        members=past.members,
        reference=past.reference,
        reference_at=past.reference_at,
        reference_since=past.reference_since,
    )
    snap = msgspec.structs.replace(
        given.snapshot, observation=msgspec.structs.replace(seen, schedds=views), memory=memory
    )
    return State(snap, given.policy)


def _helpful(given: State, report: ClassReport, found: Found) -> Iterator[str]:
    """Every counterfactual is made by other code and decided by the whole recipe; one step less is made, too."""
    now = _standing(report)
    same = fares(*given, report.key)
    if same is None or (same.verdict, same.placed, same.unmet) != (report.verdict, report.placed, report.unmet):
        yield f"it fares otherwise when it is asked about alone: {same} instead of {report}"
    for progress in counterfactuals(*given, report):
        if progress.found is None:
            continue
        one = progress.found
        found.kinds[one.what] += 1
        then = standing(applied(given, report.key, one.steps), report.key)
        if then <= now or then[1] - now[1] != one.starts:
            yield f"{one.text!r} is not so: {now} becomes {then}, {one.starts} were promised"
        for less in weaker(one.steps):
            found.proven[one.what] += 1
            if standing(applied(given, report.key, less), report.key) >= max(then, (now[0], now[1] + 1)):
                yield f"{one.text!r} is more than needed: {less} does as well"


def _words(reasons: list[Reason]) -> str:
    return " + ".join(
        f"{one.cause}[{one.member}/{one.node_group} {one.what} {one.need}>{one.have} {one.source}]" for one in reasons
    )
