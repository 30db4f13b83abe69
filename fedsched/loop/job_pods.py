"""The pods of a user's Job from look to look, as its account counts them: each pod that ran is one run, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fedsched.journal import Account
from fedsched.journal.records import PodTimes, Stay, Used
from fedsched.matchmaker.model import ObjectView, PodView

MOST_PODS = 2000
"""Pods listed in one account; of those that are gone from their member the oldest make room for new ones."""
FINISHED, FAILED = "finished", "failed"
OVER = frozenset({"succeeded", "failed"})


class PodRun(NamedTuple):
    """A pod that is over: what it held and for how long, with which exit code it ended, and why."""

    stay: Stay
    exit_code: int | None
    cause: str


def look(account: Account, thing: ObjectView, at: float) -> tuple[bool, list[PodRun]]:
    """(whether anything is new, runs that are over). at: when its member was seen, epoch seconds."""
    changed, runs = False, []
    there = {pod.name: pod for pod in thing.pods}
    for pod in thing.pods:
        changed = _noted(account, pod) or changed
        times = account.pods[pod.name]
        over = pod.phase in OVER
        if times.over or times.started_at is None:
            continue
        if over or pod.phase == "running":
            _count(account, times, (pod.ended_at or at) if over else at)
        if over:
            runs.append(_run(account, pod.name, times))
    # A pod that is gone ran as long as it was seen.
    gone = [name for name in account.pods if name not in there]
    runs += [_run(account, name, times) for name in gone if _runs(times := account.pods[name])]
    for name in gone[: max(0, len(account.pods) - MOST_PODS)]:
        del account.pods[name]
        account.left_out += 1
    return changed or bool(runs), runs


def end(account: Account) -> Iterator[PodRun]:
    """Those that were not over yet: their placement is gone, and they count as they were last seen."""
    for name, times in account.pods.items():
        if _runs(times):
            times.ended_at = times.until
            yield _run(account, name, times)


def _runs(times: PodTimes) -> bool:
    return times.started_at is not None and not times.over


def _noted(account: Account, pod: PodView) -> bool:
    """Whether it says something new. Containers that are started again do not begin a new run."""
    times = account.pods.setdefault(pod.name, PodTimes())
    before = (times.node, times.started_at, times.ended_at, times.exit_code)
    if not times.over:
        times.node = pod.node or times.node
        times.started_at = times.started_at if times.started_at is not None else pod.started_at
        times.ended_at = pod.ended_at
        times.exit_code = pod.exit_code if pod.phase in OVER else None
        times.why = pod.end_reason if pod.phase in OVER else ""
    return before != (times.node, times.started_at, times.ended_at, times.exit_code)


def _count(account: Account, times: PodTimes, until: float) -> None:
    """Add what it ran since it was last counted; a node that tells an earlier end takes some of it back."""
    begun = times.started_at or 0.0
    before = begun if times.until is None else times.until
    times.until = max(begun, until)
    used = account.claimed.setdefault(str(account.principal), Used())
    seconds = times.until - before
    used.seconds += seconds
    used.core_seconds += seconds * account.size.cpu_milli / 1000
    account.until = max(account.until, times.until)


def _run(account: Account, name: str, times: PodTimes) -> PodRun:
    begun = times.started_at or 0.0
    if times.until is None:
        _count(account, times, times.ended_at or begun)
    times.over = True
    size = account.size
    stay = Stay(
        account.principal,
        begun,
        times.until if times.until is not None else begun,
        size.cpu_milli,
        name,
        times.node,
        account.job,
        account.schedd,
        memory_mib=size.memory_mib,
        disk_mib=size.disk_mib,
        gpus=size.gpus,
    )
    return PodRun(stay, times.exit_code, _cause(account, times))


def _cause(account: Account, times: PodTimes) -> str:
    """Why it ended: well, because its copy had to go, or as Kubernetes says it."""
    if times.exit_code == 0:
        return FINISHED
    if account.why and account.why != FINISHED:
        return account.why
    ended = "" if times.why in {"Completed", "Error"} else times.why
    return ended or FAILED
