"""Why one Job of a queue stands as it does, in one sentence with one action and the chain; its class is told beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from fedsched.matchmaker.explain.case import Case
from fedsched.matchmaker.explain.chain import stopped
from fedsched.matchmaker.explain.facts import fact
from fedsched.matchmaker.explain.facts_of_jobs import WITHOUT_STARTD
from fedsched.matchmaker.explain.links import LINKS
from fedsched.matchmaker.explain.sentences import action, age, capital, clause, clean, located
from fedsched.matchmaker.explain.standing_of_jobs import StandingJob, end_of, end_word, preempted
from fedsched.matchmaker.model import ChainLink, Explanation, Held, LinkName, Observation, Plan, PodView
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile import surely_ended_at

_NOTHING = "Nothing to do."
_MOST_PODS = 8


class _Scene(NamedTuple):
    """What is told of. case: its class in the cycle, None where the cycle has none."""

    one: StandingJob
    plan: Plan
    seen: Observation
    case: Case | None

    @property
    def name(self) -> str:
        return spelled(self.one)

    @property
    def held(self) -> Held:
        """Its copy, where the state says that it has one."""
        assert self.one.copy is not None  # noqa: S101 - the states that are told with it are those of a copy
        return self.one.copy

    @property
    def place(self) -> str:
        at = self.held.placement
        return f"{clean(at.member)}/{clean(at.node_group)}"


def explain_queued(one: StandingJob, plan: Plan, seen: Observation, case: Case | None) -> Explanation:
    """A Job that does not merely wait: for one that does, its class says all."""
    scene = _Scene(one, plan, seen, case)
    said, what_next, link = _SAID[one.state](scene)
    source = f"queue {clean(one.queue.name)}"
    chain = stopped(link, said, source, one.queue.seen_at) if link == "job" else _chain(scene, link, said)
    return Explanation(
        key=one.job.class_key,
        word=one.word,
        sentence=said,
        next=what_next,
        chain=chain,
        details=tuple(details(one, seen.at)),
    )


def spelled(one: StandingJob) -> str:
    """Its name as it may be asked for."""
    return f"{clean(one.queue.name)}:{clean(one.job.id)}"


def details(one: StandingJob, at: float) -> Iterator[str]:
    """What else is known of it: its pods with their ends, retries, a copy that had to go."""
    status = one.copy.ended if one.copy is not None and one.copy.ended is not None else one.job.status
    if status.succeeded or status.failed:
        yield f"Pods so far: {status.succeeded} succeeded, {status.failed} failed."
    if one.thing is not None:
        pods = sorted(one.thing.pods, key=lambda pod: pod.created_at)
        seen = "As last seen: " if one.state == "unseen" else ""
        yield from (f"{seen}{_pod(pod, at)}" for pod in pods[-_MOST_PODS:])
    if (why := preempted(one.job)) and one.state != "leaving":
        yield f"A copy of it had to go: {clean(why)}."
    if one.copy is not None and one.copy.placement.gang:
        yield f"Its {one.copy.placement.pods} pods run together in one member, or not at all."
    yield f"It is in the queue for {age(at - one.job.created_at)}; its uid there is {clean(one.job.uid)}."


def _pod(pod: PodView, at: float) -> str:
    where = f" on {clean(pod.node)}" if pod.node else ""
    name = f"Pod {clean(pod.name)}{where}"
    if pod.phase in {"succeeded", "failed"} or pod.exit_code is not None:
        why = f", {clean(pod.end_reason)}" if pod.end_reason else ""
        code = f"exit code {pod.exit_code}" if pod.exit_code is not None else "without an exit code"
        return f"{name} ended with {code}{why}."
    if pod.phase == "running" and pod.started_at is not None:
        return f"{name} runs for {age(at - pod.started_at)}."
    return f"{name} is {pod.phase}" + (f": {clean(pod.problem)}." if pod.problem else ".")


# --- what is said, by state: (sentence, what to do, the link that holds, None where it is past all)

_Said = tuple[str, str, LinkName | None]


def _waiting(scene: _Scene) -> _Said:
    """Its class is not in the cycle."""
    return f"{scene.name} waits, but its class was not in the last cycle.", "Wait for the next cycle.", "demand class"


def _starting(scene: _Scene) -> _Said:
    held = scene.held
    since = age(scene.seen.at - held.placement.created_at)
    problem = clean(scene.one.problem)
    text = f"{scene.name} was placed on {scene.place} {since} ago and its pod is on the way"
    if not problem:
        return f"{text}.", "Nothing to do: it starts in a moment.", "pod"
    help_ = f"look at it there, or wait: it is placed elsewhere when it stays so; fedsched events {scene.name}"
    return f"{text}, but {problem}.", f"{capital(help_)}.", "pod"


def _running(scene: _Scene) -> _Said:
    pods = [pod for pod in scene.one.pods if pod.phase == "running"]
    since = scene.held.claimed_at or scene.held.since
    where = f"in pod {clean(pods[0].name)}" if len(pods) == 1 else f"in {len(pods) or scene.held.claims} pods"
    node = f" on node {clean(pods[0].node)}" if len(pods) == 1 and pods[0].node else ""
    text = f"{scene.name} has run for {age(scene.seen.at - since)} {where} at {scene.place}{node}"
    return f"{text}.", f"Nothing to do; its output: fedsched logs {scene.name}.", None


def _leaving(scene: _Scene) -> _Said:
    held = scene.held
    at = held.placement
    why = located(held.failure or held.why, at.member, at.node_group)
    text = f"the copy of {scene.name} at {scene.place} is removed"
    if why is None:
        return f"{capital(text)}.", "Wait until it is gone: the Job is then placed again, if it shall run.", "pod"
    again = "" if why.cause is Cause.WITHDRAWN else " and the Job waits again"
    return (
        f"{capital(text)}{again}: {clause(why, scene.plan, jobs=True)}.",
        f"{capital(action(why, jobs=True))}.",
        "pod",
    )


def _unseen(scene: _Scene) -> _Said:
    held = scene.held
    if held.failure is not None and held.failure.cause is Cause.VANISHED:
        return _vanished(scene.name, held.placement.member)
    member = scene.plan.memory.members.get(held.placement.member)
    state = member.state if member is not None else "unreachable"
    silent = f" for {age(member.silent_for_s)}" if member is not None and member.silent_for_s else ""
    text = (
        f"the copy of {scene.name} at {scene.place} may still run: {clean(held.placement.member)} is {state} and has "
        f"not answered{silent}; {_until(scene)}"
    )
    return f"{capital(text)}.", f"Check the network to {clean(held.placement.member)}: `fedsched clusters`.", "member"


def _until(scene: _Scene) -> str:
    """Until when nothing else is placed for it, and why."""
    held = scene.held
    if held.placement.rerun == "never":
        return "the Job says that it is never run again (fedsched.io/rerun: never), so nothing is placed until it does"
    view = next((one for one in scene.seen.members if one.name == held.placement.member), None)
    sure_at = surely_ended_at(held, view)
    if sure_at is None:
        return "its start was never seen, so nothing is placed for the Job until the member answers"
    hours, minutes = divmod(int(sure_at) // 60 % 1440, 60)
    left = f"in {age(sure_at - scene.seen.at)}" if sure_at > scene.seen.at else "which is past"
    return f"another copy is placed when its own deadline has surely ended it: {left}, at {hours:02}:{minutes:02} UTC"


def _vanished(name: str, member: str) -> _Said:
    text = f"{name} had a copy at {clean(member)} that is gone, and nobody saw how it ended: it is not run again"
    return f"{text}.", _LOOK, None


_LOOK = "Look whether its results are there; if not, create the Job again under another name."


def _held(scene: _Scene) -> _Said:
    return (*_ordered(scene, "held"), "job")


def _cancelled(scene: _Scene) -> _Said:
    order = scene.one.order
    said, _ = _ordered(scene, "cancelled")
    why = "Nothing to do: it ends as Failed, reason Cancelled" if order is not None else "Nothing to do"
    return said, f"{why}.", "job"


def _ordered(scene: _Scene, how: str) -> tuple[str, str]:
    order = scene.one.order
    by, why = (clean(order.by) or "somebody", clean(order.reason)) if order is not None else ("somebody", "")
    since = f" {age(scene.seen.at - order.at)} ago" if order is not None and order.at else ""
    text = f"{scene.name} was {how}{since} by {by}" + (f": {why}" if why else "")
    return f"{text}{_still(scene)}.", f"Let it run: fedsched release {scene.name}."


def _still(scene: _Scene) -> str:
    """That its copy is still there."""
    return f"; its copy at {scene.place} is removed first" if scene.one.copy is not None else ""


def _suspended(scene: _Scene) -> _Said:
    next_ = "Set `suspend: false` in the Job's spec where it was made."
    return f"{scene.name} is suspended by its owner (spec.suspend){_still(scene)}.", next_, "job"


def _refused(scene: _Scene) -> _Said:
    problem = clean(scene.one.job.problem) or "nobody said at which field"
    next_ = "Change that field and create the Job again: fedsched submit --dry-run FILE tells all that is in the way."
    return f"{scene.name} is refused: {problem}.", next_, "job"


def _deleting(scene: _Scene) -> _Said:
    return f"{scene.name} is being deleted in its queue{_still(scene)}.", _NOTHING, "job"


def _foreign(scene: _Scene) -> _Said:
    text = f"{scene.name} carries our label, but another controller runs it, so that fedsched leaves it alone"
    next_ = "Create it anew where the hub's admission policy sets spec.managedBy: `fedsched hub join` installs that."
    return f"{text}.", next_, "job"


def _finished(scene: _Scene) -> _Said:
    one = scene.one
    end = end_of(one)
    status = one.copy.ended if one.copy is not None and one.copy.ended is not None else one.job.status
    at = status.completed_at or (end.at if end is not None else None)
    when = f" {age(scene.seen.at - at)} ago" if at else ""
    if end is None or end.type == "Complete":
        return f"{scene.name} is complete{f', it ended{when}' if when else ''}{_code(one)}.", _NOTHING, None
    if end.reason == "UnknownFinished":
        return f"{scene.name} counts as failed{when}, as {clean(end.message) or end_word(one)}.", _LOOK, None
    why = f": {clean(end.message)}" if end.message else ""
    said = f"{scene.name} failed{when} ({clean(end.reason) or 'no reason'}){_code(one)}{why}"
    return f"{said.rstrip('.')}.", _AFTER.get(end.reason, f"Read what it wrote: fedsched logs {scene.name}."), None


_AFTER = {
    "Refused": "Change that field and create the Job again: fedsched submit --dry-run FILE tells all in the way.",
    "Cancelled": _NOTHING,
    "DeadlineExceeded": "Give it a longer activeDeadlineSeconds, or a member with a longer `max_lifetime`, and create "
    "it again.",
}


def _code(one: StandingJob) -> str:
    """The exit code of the pod that ended last, while its copy is still seen."""
    over = [pod for pod in one.pods if pod.exit_code is not None]
    last = max(over, key=lambda pod: pod.ended_at or 0.0, default=None)
    if last is None:
        return ""
    why = f", {clean(last.end_reason)}" if last.end_reason and last.end_reason not in {"Completed", "Error"} else ""
    return f" with exit code {last.exit_code}{why}"


_SAID: dict[str, Callable[[_Scene], _Said]] = {
    "waiting": _waiting,
    "starting": _starting,
    "running": _running,
    "leaving": _leaving,
    "unseen": _unseen,
    "held": _held,
    "cancelled": _cancelled,
    "suspended": _suspended,
    "refused": _refused,
    "deleting": _deleting,
    "foreign": _foreign,
    "finished": _finished,
}


# --- the chain of one that has a copy, or had one


def _chain(scene: _Scene, holds: LinkName | None, said: str) -> tuple[ChainLink, ...]:
    """Links up to the one that holds are passed, with what is known of its copy."""
    last = LINKS.index(holds) if holds is not None else len(LINKS)
    return tuple(_link(scene, name, index - last, said) for index, name in enumerate(LINKS))


def _link(scene: _Scene, name: LinkName, beyond: int, said: str) -> ChainLink:
    """beyond: how far behind the link that holds, below zero before it."""
    if name == "startd":
        return ChainLink(name, "not used", WITHOUT_STARTD)
    source, at = _source(scene)
    if beyond == 0:
        verdict = "waits" if scene.one.state == "starting" and not scene.one.problem else "holds"
        return ChainLink(name, verdict, said, source=source, at=at)  # type: ignore[arg-type]  # both are verdicts
    if beyond > 0:
        return ChainLink(name, "not reached")
    if name in {"demand class", "share"} and scene.case is not None:
        return fact(scene.case, name)
    return ChainLink(name, "ok", _text(scene, name), source=source, at=at)


def _text(scene: _Scene, name: LinkName) -> str:
    one = scene.one
    if name == "job":
        return f"It is in queue {clean(one.queue.name)}."
    if one.copy is None:
        return ""
    nodes = sorted({pod.node for pod in one.pods if pod.node})
    texts = {
        "member": f"Its copy {one.copy.placement.object_name} is at {clean(one.copy.placement.member)}.",
        "node": f"It has {_nodes(nodes)} of {scene.place}.",
        "pod": _pods(one),
        "claim": _claimed(scene),
    }
    return texts.get(name, "")


def _nodes(nodes: list[str]) -> str:
    if not nodes:
        return "room on a node"
    return f"node {clean(nodes[0])}" if len(nodes) == 1 else f"{len(nodes)} nodes"


def _pods(one: StandingJob) -> str:
    if one.thing is None:
        return ""
    running = sum(pod.phase == "running" for pod in one.thing.pods)
    return f"{running} of its {len(one.thing.pods)} pods run{'s' if running == 1 else ''}."


def _claimed(scene: _Scene) -> str:
    if scene.one.state != "running":
        return ""
    return f"Running for {age(scene.seen.at - (scene.held.claimed_at or scene.held.since))}."


def _source(scene: _Scene) -> tuple[str, float | None]:
    copy = scene.one.copy
    if copy is None:
        return f"queue {clean(scene.one.queue.name)}", scene.one.queue.seen_at
    view = next((one for one in scene.seen.members if one.name == copy.placement.member), None)
    return f"member {clean(copy.placement.member)}", view.seen_at if view is not None else None
