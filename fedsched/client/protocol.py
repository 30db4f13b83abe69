"""What can be asked of a federation, wherever the answers come from: a daemon's API or the journal of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from fedsched.client.documents import (
    ClusterExplained,
    Clusters,
    DecisionExplained,
    Events,
    Explained,
    GroupExplained,
    History,
    JobsAsk,
    Overview,
    Queue,
    QueueAsk,
    QueuedJobs,
    Shares,
    Spikes,
    Tried,
)

NoAnswerWord = Literal["unknown", "ambiguous", "bad-question", "refused", "no-cycle", "unreachable", "busy"]


class NoAnswer(Exception):  # noqa: N818 - a person asked for something that is not there; no defect
    """A question without an answer. what: which kind. text: object and cause. hint: the next command, "" for none."""

    def __init__(self, what: NoAnswerWord, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.what = what
        self.text = text
        self.hint = hint


class Answers(Protocol):
    """Questions about the last cycle. Every method raises NoAnswer; none changes anything."""

    def queue(self, ask: QueueAsk) -> Queue:
        """Demand classes, a page of them."""
        ...

    def jobs(self, ask: JobsAsk) -> QueuedJobs:
        """Kubernetes Jobs of queues, a page of them."""
        ...

    def shares(self, of: str = "") -> Shares:
        """All groups and principals, or those that `of` names (a path, a user, or a glob), with all above them."""
        ...

    def clusters(self, name: str = "") -> Clusters:
        """All members, or one."""
        ...

    def spikes(self, name: str = "") -> Spikes:
        """All spikes that are remembered, or one."""
        ...

    def overview(self) -> Overview:
        """Totals now and lately."""
        ...

    def explain(self, job: str) -> Explained:
        """A job (CLUSTER.PROC, CLUSTER.PROC@SCHEDD, SCHEDD#CLUSTER.PROC, or NAMESPACE/NAME of a queue) or a class."""
        ...

    def explain_cluster(self, name: str) -> ClusterExplained:
        """A member: what would fit there and is held back."""
        ...

    def explain_group(self, path: str) -> GroupExplained:
        """A group or principal."""
        ...

    def explain_decision(self, placement: str) -> DecisionExplained:
        """A placement, by its id or its object's name."""
        ...

    def history(self, job: str, since: float) -> History:
        """Changes of a class's reason since then, epoch seconds."""
        ...

    def events(self, job: str) -> Events:
        """What happened to the startds of a job, class or placement that are held now, oldest first."""
        ...

    def counterfactuals(self, job: str) -> Iterator[Tried]:
        """What would help a class, one by one as each is proven or refuted; the first tells how many there are."""
        ...
