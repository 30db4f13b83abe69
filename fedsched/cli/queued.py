"""Kubernetes Jobs of queues as rows of `q --jobs`, as of the last cycle; schedds' jobs are listed beside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedsched.client.documents import JobLine, QueueAsk, QueuedJobs

STATES = {"idle": "waiting", "running": "running"}


def queued_jobs(config: Path | None, server: str, ask: QueueAsk, after: str) -> QueuedJobs:
    """The page of them that `ask` wants, behind `after`. Failure where neither a daemon nor a journal answers."""
    from fedsched.cli.source import source
    from fedsched.client.documents import JobsAsk

    asked = JobsAsk(ask.user, ask.group, STATES.get(ask.state, ""), after=after, limit=ask.limit or 100)
    with source(config, server) as found:
        answer = found.answers.jobs(asked)
        found.code(answer)
        return answer


def row(answer: QueuedJobs, one: JobLine) -> tuple[str, ...]:
    """One Job, in the columns of schedds' jobs."""
    from fedsched.matchmaker.explain import age
    from fedsched.matchmaker.resources import describe

    times = f" x {one.pods}" if one.pods > 1 else ""
    return (
        one.job,
        one.queue,
        one.state,
        age(answer.now - one.since) if one.since else "",
        str(one.principal),
        f"{describe(one.request)}{times}",
        one.class_key,
        " ".join(text for text in (one.member, _why(one)) if text),
    )


def _why(one: JobLine) -> str:
    """One word why it stands so, where its state does not say it, and where or what in a few more."""
    word = one.word if one.word != one.state else ""
    return ": ".join(text for text in (word, one.where) if text)
