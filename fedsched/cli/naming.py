"""Which class of the last cycle a job's name means; how a job is spelt is known here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedsched.cli.output import Exit, Failure

if TYPE_CHECKING:
    from fedsched.cli.recorded import Recorded
    from fedsched.matchmaker.model import DemandClass


def find(recorded: Recorded, job: str) -> DemandClass:
    """The class that a job belongs to. Failure (refused) when it is not known or not unique; candidates are named."""
    cluster_proc, schedd = split(job)
    pool = [demand for demand, _ in recorded.classes() if not schedd or demand.schedd == schedd]
    for fits in (
        lambda d: d.key == job,
        lambda d: cluster_proc in d.examples,
        lambda d: any(e.partition(".")[0] == cluster_proc.partition(".")[0] for e in d.examples),
        lambda d: len(job) >= 4 and d.key.startswith(job),
    ):
        found = [demand for demand in pool if fits(demand)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{demand.key} ({demand.schedd}, {demand.principal})" for demand in found[:5])
            raise Failure(
                Exit.REFUSED, f"{job} could be in any of these classes: {names}", "name one: fedsched explain CLASS"
            )
    if schedd and not any(view.name == schedd for view in recorded.observation.schedds):
        names = ", ".join(sorted(view.name for view in recorded.observation.schedds)) or "none"
        raise Failure(
            Exit.REFUSED, f"no schedd {schedd} is known; known: {names}", "check FLOCK_TO there: fedsched flock-config"
        )
    raise Failure(
        Exit.REFUSED,
        f"no job {job} is in the last cycle: it runs elsewhere, is held, is done, came later, or is not among the five "
        "of its class that are kept by name",
        "look at `condor_q -better-analyze` there, or find its class with `fedsched q`",
    )


def split(job: str) -> tuple[str, str]:
    """("4711.3", "ce1") from both spellings; the schedd is "" when none is named."""
    if "#" in job:
        schedd, _, rest = job.rpartition("#")
        return rest, schedd
    cluster_proc, _, schedd = job.partition("@")
    return cluster_proc, schedd
