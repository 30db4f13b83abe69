"""Startd pods of a test, and jobs of its own in the shared guest pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.condor.worker_pod import WorkerPod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.laboratory import Laboratory
    from tests.laboratory.pool import Pool

SLEEP = """\
executable = /bin/sleep
transfer_executable = false
arguments = {seconds}
request_cpus = {cpus}
request_memory = 64
request_disk = 1024
{more}
queue {count}
"""


DONE = ("ExitCode", "NumJobStarts", "ProcId", "LastRemoteHost", "JobStartDate", "CompletionDate")


class Guest:
    """A user's view of the guest pool: submits sleeping jobs and looks at them."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.clusters: list[int] = []

    def submit(self, user: str = "alice", *, seconds: int = 2, cpus: int = 1, count: int = 1, more: str = "") -> int:
        """Jobs that sleep; the cluster's number."""
        return self.submit_text(user, SLEEP.format(seconds=seconds, cpus=cpus, count=count, more=more))

    def submit_text(self, user: str, text: str) -> int:
        """Any submit description; the cluster's number."""
        self.clusters.append(self.pool.submit(user, text))
        return self.clusters[-1]

    def in_state(self, cluster: int, state: int) -> int:
        """How many jobs of the cluster are idle (1) or running (2)."""
        return len(self.pool.jobs(f"ClusterId == {cluster} && JobStatus == {state}", ["ClusterId"]))

    def done(self, cluster: int) -> list[dict[str, Any]]:
        """The jobs of the cluster that have left the queue."""
        return self.pool.history(f"ClusterId == {cluster}", list(DONE))

    def wait_running(self, cluster: int, count: int = 1) -> None:
        """Waits until so many run."""
        self.pool.wait(f"{count} running of {cluster}", lambda: self.in_state(cluster, 2) == count, 120)

    def wait_done(self, cluster: int, count: int = 1) -> list[dict[str, Any]]:
        """Waits until so many have left the queue."""
        self.pool.wait(f"{count} done of {cluster}", lambda: len(self.done(cluster)) == count, 120)
        return self.done(cluster)

    def clean(self) -> None:
        """Removes what is left."""
        for cluster in self.clusters:
            self.pool.try_run("condor_rm", str(cluster))
        self.pool.wait("an empty queue", lambda: not self.pool.jobs("true", ["ClusterId"]), 60)


@pytest.fixture
def guest(guest_pool: Pool) -> Iterator[Guest]:
    """The guest pool, without jobs before and after."""
    made = Guest(guest_pool)
    yield made
    made.clean()


@pytest.fixture
def worker(lab: Laboratory, target_pool: Pool) -> Iterator[Callable[..., WorkerPod]]:
    """Starts startd pods that join the target pool and end with the test."""
    made: list[WorkerPod] = []

    def start(settings: Mapping[str, str] | None = None, **options: Any) -> WorkerPod:
        made.append(WorkerPod(lab.session, options.pop("pool", target_pool), settings, **options))
        return made[-1]

    yield start
    for pod in made:
        pod.stop()
