"""Questions that one document answers, for every kind of connection that can ask; streams are the connection's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from fedsched.client import calls
from fedsched.client.documents import Document, JobsAsk, QueueAsk

if TYPE_CHECKING:
    from fedsched.client.calls import Call
    from fedsched.client.documents import (
        ClusterExplained,
        Clusters,
        DecisionExplained,
        Events,
        Explained,
        GroupExplained,
        History,
        Logs,
        LogsAsk,
        Overview,
        Queue,
        QueuedJobs,
        Shares,
        Spikes,
    )

D = TypeVar("D", bound=Document)


class Questions(ABC):
    """Every method raises NoAnswer."""

    @abstractmethod
    def ask(self, call: Call[D]) -> D:
        """The answer to one question."""

    def queue(self, ask: QueueAsk = QueueAsk()) -> Queue:  # noqa: B008 - frozen
        """Demand classes with the reason of each, most unmet first; `ask` says which, and which page."""
        return self.ask(calls.queue(ask))

    def jobs(self, ask: JobsAsk = JobsAsk()) -> QueuedJobs:  # noqa: B008 - frozen
        """Kubernetes Jobs of queues with a word why each stands so; `ask` says which, and which page."""
        return self.ask(calls.jobs(ask))

    def logs(self, ask: LogsAsk) -> Logs:
        """What the pods of a job wrote, from all members; `ask` says which part."""
        return self.ask(calls.logs(ask))

    def shares(self, of: str = "") -> Shares:
        """All groups and principals, or those that `of` names (a path, a user, or a glob), with all above them."""
        return self.ask(calls.shares(of))

    def clusters(self, name: str = "") -> Clusters:
        """All members as they stand, or one."""
        return self.ask(calls.clusters(name))

    def spikes(self, name: str = "") -> Spikes:
        """Spikes that are remembered, or one, with tiers and budgets."""
        return self.ask(calls.spikes(name))

    def overview(self) -> Overview:
        """Totals now and lately, evictions, notices."""
        return self.ask(calls.overview())

    def explain(self, job: str) -> Explained:
        """Why a job (CLUSTER.PROC@SCHEDD, or NAMESPACE/NAME of a queue) or a class stands as it does."""
        return self.ask(calls.explain(job))

    def explain_cluster(self, name: str) -> ClusterExplained:
        """What would fit at a member and is held back."""
        return self.ask(calls.explain_cluster(name))

    def explain_group(self, path: str) -> GroupExplained:
        """Why a group or principal holds what it holds."""
        return self.ask(calls.explain_group(path))

    def explain_decision(self, placement: str) -> DecisionExplained:
        """Why a placement (its id, or its object's name) is where it is, and why it went."""
        return self.ask(calls.explain_decision(placement))

    def history(self, job: str, since: float = 0.0) -> History:
        """Every change of a class's reason since then, epoch seconds."""
        return self.ask(calls.history(job, since))

    def events(self, job: str) -> Events:
        """What happened to the startds of a job, class or placement that are held now, oldest first."""
        return self.ask(calls.events(job))
