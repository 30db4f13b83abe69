"""Which class of a cycle a job's name means; how a job is spelt is known here and nowhere else."""

from __future__ import annotations

import re

from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.matchmaker.model import DemandClass

LONGEST = 300
"""Characters that a job's name may have."""
LEAST_OF_KEY = 4
"""So many first characters of a class's key may stand for it."""
NAMED = 5
"""So many classes are named where several could be meant."""
_NUMBER = re.compile(r"\d+(\.\d+)?")


def find(view: View, job: str) -> DemandClass:
    """The class that a job belongs to, by its key, one of its examples, their cluster, or the beginning of its key.

    NoAnswer: bad-question for what cannot be a name, unknown, or ambiguous with the classes that could be meant.
    """
    number, schedd = split(job)
    pool = [demand for demand, _ in view.pairs if not schedd or demand.schedd == schedd]
    cluster = number.partition(".")[0]
    for fits in (
        lambda d: d.key == job,
        lambda d: number in d.examples,
        lambda d: any(e.partition(".")[0] == cluster for e in d.examples),
        lambda d: len(job) >= LEAST_OF_KEY and d.key.startswith(job),
    ):
        found = [demand for demand in pool if fits(demand)]
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(job, found)
    raise _unknown(view, number, schedd)


def split(job: str) -> tuple[str, str]:
    """("4711.3", "ce1") from both spellings; the schedd is "" when none is named. NoAnswer (bad-question)."""
    if not job or len(job) > LONGEST or not job.isprintable():
        text = f"{job[:40]!r} cannot be a job's name: at most {LONGEST} printable characters"
        raise NoAnswer("bad-question", text, "fedsched explain CLUSTER.PROC@SCHEDD")
    if "#" in job:
        schedd, _, rest = job.rpartition("#")
        return rest, schedd
    number, _, schedd = job.partition("@")
    return number, schedd


def is_number(number: str) -> bool:
    """Whether this is a job's number, CLUSTER.PROC or CLUSTER, which a schedd can be asked for."""
    return _NUMBER.fullmatch(number) is not None


def named_in(view: View, number: str, schedd: str) -> DemandClass | None:
    """The class that keeps the job by name; None where none does, or those of several schedds."""
    found = [d for d, _ in view.pairs if number in d.examples and schedd in {"", d.schedd}]
    return found[0] if len(found) == 1 else None


def _ambiguous(job: str, found: list[DemandClass]) -> NoAnswer:
    names = ", ".join(f"{demand.key} ({demand.schedd}, {demand.principal})" for demand in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return NoAnswer(
        "ambiguous", f"{job} could be in any of these classes: {names}{more}", "name one: fedsched explain CLASS"
    )


def _unknown(view: View, number: str, schedd: str) -> NoAnswer:
    if "/" in number:
        return _no_job(view, number)
    known = sorted(one.name for one in view.observation.schedds)
    if schedd and schedd not in known:
        names = ", ".join(known[:NAMED]) or "none"
        return NoAnswer(
            "unknown", f"no schedd {schedd} is known; known: {names}", "check FLOCK_TO there: fedsched flock-config"
        )
    return NoAnswer(
        "unknown",
        f"no job {number} is in the last cycle: it runs elsewhere, is held, is done, came later, or is not among the "
        "five of its class that are kept by name",
        "look at `condor_q -better-analyze` there, or find its class with `fedsched q`",
    )


def _no_job(view: View, name: str) -> NoAnswer:
    """Of a Kubernetes Job: which queues there are, and who knows of one that is gone."""
    queues = [one.name for one in view.observation.schedds if one.kind == "jobs"]
    where = f"queue {', '.join(queues[:NAMED])}" if queues else "any queue, as there is none yet"
    text = f"no Job {name} is in {where} as of the last cycle: it was deleted, came later, or is called otherwise"
    return NoAnswer("unknown", text, f"fedsched q --jobs; what became of one that is gone: fedsched events {name}")
