"""`submit` into a hub cluster: Jobs made there with a person's own credentials, all judged before one is made."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fedsched.cli import output
from fedsched.cli.member_access import access, refusals
from fedsched.cli.output import Exit, Failure

if TYPE_CHECKING:
    from fedsched.cli.submitted import Ready
    from fedsched.kube.jobs.in_hub import InHub
    from fedsched.kube.join.caller import Caller
    from fedsched.kube.kubeconfig import Access
    from fedsched.matchmaker.model import JobStatus

LOOK_S = 2.0
PATIENCE_S = 60.0
"""So long a hub may be silent while its Jobs are waited for."""


class Cluster(NamedTuple):
    """The options that lead to a hub; see the shared ones of `join`."""

    kubeconfig: Path | None = None
    context: str = ""


def reached(queue: str, cluster: Cluster) -> Access:
    """The context of the kubeconfig. Failure where it is none that can be used."""
    from fedsched.kube.kubeconfig import Allowances

    with refusals(queue):
        return access(queue, cluster.kubeconfig, cluster.context, Allowances())


def into_hub(queue: str, found: Access, some: Sequence[Ready]) -> tuple[Caller, tuple[InHub, ...]]:
    """Make all of them. Failure (refused) where the hub refuses one: then none is made, but for a race."""
    from fedsched.kube.jobs.in_hub import NotMadeError, check, make
    from fedsched.kube.join.caller import Connection

    made: list[InHub] = []
    with refusals(queue):
        caller = Connection(found)
        manifests = [_manifest(queue, one) for one in some]
        try:
            for manifest in manifests:
                check(caller, manifest)
            for manifest in manifests:
                made.append(make(caller, manifest))  # noqa: PERF401 - what was made is told when the next one is not
        except NotMadeError as error:
            for job in made:
                output.line(f"{queue}:{job.namespace}/{job.name}")
            code = Exit.PARTIAL if made else Exit.REFUSED
            done = f"{len(made)} of {len(some)} were made" if made else "nothing was submitted"
            raise Failure(code, f"{queue}: {error}", f"{done}; {error.way_out}") from None
    return caller, tuple(made)


class InHubQueue:
    """See submit_wait.Place: Jobs of a hub, as the hub shows them."""

    def __init__(self, caller: Caller, queue: str, jobs: Sequence[InHub]) -> None:
        self.look_s = LOOK_S
        self._caller = caller
        self._queue = queue
        self._jobs = jobs
        self._found: dict[str, JobStatus | None] = {}
        self._heard = time.monotonic()

    def statuses(self, seldom: bool) -> Mapping[str, JobStatus | None]:
        """See Place. Failure (unreachable) when the hub is silent for too long."""
        del seldom
        from fedsched.kube.jobs.in_hub import standing
        from fedsched.kube.join.refusal import JoinError

        try:
            there = standing(self._caller, self._queue, self._jobs)
        except JoinError as error:
            if not error.unreachable or time.monotonic() - self._heard > PATIENCE_S:
                with refusals(self._queue):
                    raise
            return self._found or {self._spelled(job): job.status for job in self._jobs}
        self._heard = time.monotonic()
        self._found = {self._spelled(job): there[job.uid].status if job.uid in there else None for job in self._jobs}
        return self._found

    def problem(self) -> str:
        """See Place: whether a daemon runs is nothing that a hub's user can see."""
        return ""

    def _spelled(self, job: InHub) -> str:
        return f"{self._queue}:{job.namespace}/{job.name}"


def _manifest(queue: str, one: Ready) -> dict[str, Any]:
    """As the person wrote it, with the label; the hub gives it a uid, and its own controller leaves it alone."""
    import json

    from fedsched.matchmaker.model.names import LABEL_QUEUE

    manifest: dict[str, Any] = json.loads(one.new.manifest)
    metadata = manifest["metadata"]
    metadata.pop("uid", None)
    metadata["labels"] = {**metadata.get("labels", {}), LABEL_QUEUE: queue}
    if one.new.held:
        manifest["spec"]["suspend"] = True
    return manifest
