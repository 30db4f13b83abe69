"""Reads a submit file in a child process that may be killed: what a stranger's file costs is bounded."""

from __future__ import annotations

from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import Answer, JobCommands, ReadJobs, ReadSubmit, SubmitJobs, Submitted
from fedsched.config.settings import PoolSettings

LIMIT_S = 10.0
_NOBODY = PoolSettings("none", "127.0.0.1:9618")


def read_submit(question: ReadSubmit) -> Submitted:
    """The file's classes. QueryFailed with one line for what is no submit file, or cannot be read in time."""
    answer = _asked(question)
    if not isinstance(answer, Submitted):
        raise QueryFailed("an answer to another question")
    return answer


def read_jobs(question: ReadJobs) -> tuple[JobCommands, ...]:
    """The file's jobs, one by one. Raises QueryFailed, as above."""
    answer = _asked(question)
    if not isinstance(answer, SubmitJobs):
        raise QueryFailed("an answer to another question")
    return answer.jobs


def _asked(question: ReadSubmit | ReadJobs) -> Answer:
    children = Children(_NOBODY, LIMIT_S)
    try:
        return children.ask(question)
    except QueryFailed as failed:
        if str(failed).startswith("no answer"):
            raise QueryFailed(f"not read within {LIMIT_S:g} s: does a macro of it stand for itself?") from None
        raise
    finally:
        children.close()
