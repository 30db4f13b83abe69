"""Answers from one view: the same for a daemon's API and for the journal; each answer is made in a module beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fedsched.answers import clusters as _clusters
from fedsched.answers import events as _events
from fedsched.answers import explained as _explained
from fedsched.answers import history as _history
from fedsched.answers import overview as _overview
from fedsched.answers import queue as _queue
from fedsched.answers import queued as _queued
from fedsched.answers import shares as _shares
from fedsched.answers import spikes as _spikes
from fedsched.answers.chronicle import Chronicle
from fedsched.answers.proving import Run
from fedsched.answers.view import View
from fedsched.client import NoAnswer
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

if TYPE_CHECKING:
    from fedsched.answers.job_logs import JobLogs


class Answerer:
    """Answers about one cycle. now: the present, epoch seconds. chronicle: what was before it, None for nothing.

    turns: reads changes of reasons, in the thread that asks; None where none are kept. beyond: who knows of jobs and
    placements that the cycle does not; asked in the thread that asks, and may take seconds.
    """

    def __init__(
        self,
        view: View,
        now: Callable[[], float],
        chronicle: Chronicle | None = None,
        turns: _history.Turns | None = None,
        beyond: _explained.Beyond = _explained.NOBODY,
    ) -> None:
        self._view = view
        self._now = now
        self._chronicle = chronicle
        self._turns = turns
        self._beyond = beyond

    def queue(self, ask: QueueAsk) -> Queue:
        """See Answers."""
        return _queue.queue(self._view, self._view.of(self._now()), ask)

    def jobs(self, ask: JobsAsk) -> QueuedJobs:
        """See Answers."""
        return _queued.jobs(self._view, self._view.of(self._now()), ask)

    def shares(self, of: str = "") -> Shares:
        """See Answers."""
        return _shares.shares(self._view, self._view.of(self._now()), of)

    def clusters(self, name: str = "") -> Clusters:
        """See Answers."""
        return _clusters.clusters(self._view, self._view.of(self._now()), name)

    def spikes(self, name: str = "") -> Spikes:
        """See Answers."""
        return _spikes.spikes(self._view, self._view.of(self._now()), name)

    def overview(self) -> Overview:
        """See Answers."""
        return _overview.overview(self._view, self._view.of(self._now()), self._chronicle)

    def explain(self, job: str) -> Explained:
        """See Answers."""
        return _explained.explained(self._view, self._view.of(self._now()), job, self._beyond.find)

    def explain_cluster(self, name: str) -> ClusterExplained:
        """See Answers."""
        return _explained.cluster(self._view, self._view.of(self._now()), name)

    def explain_group(self, path: str) -> GroupExplained:
        """See Answers."""
        return _explained.group(self._view, self._view.of(self._now()), path)

    def explain_decision(self, placement: str) -> DecisionExplained:
        """See Answers."""
        return _explained.decision(self._view, self._view.of(self._now()), placement, self._beyond.gone)

    @property
    def logs(self) -> JobLogs | None:
        """Who reads what jobs' pods wrote; None where nobody does."""
        return self._beyond.logs

    def class_of(self, job: str) -> str:
        """The key of the class that a job (or a class itself) is counted in. NoAnswer where it is in none."""
        told = self.explain(job)
        if told.demand is None:
            raise NoAnswer(
                "unknown", f"{job} waits for nothing: it is {told.state}", "fedsched explain says more of it"
            )
        return told.demand.key

    def proving(self, key: str) -> Run:
        """Begins to prove what would help a class, by its key; to be iterated or stopped. NoAnswer (busy, refused)."""
        if self._beyond.prove is None:
            raise NoAnswer("refused", "nothing is proven here", "fedsched explain, where the journal is")
        return self._beyond.prove(self._view, key)

    def counterfactuals(self, job: str) -> Iterator[Tried]:
        """See Answers."""
        run = self.proving(self.class_of(job))
        try:
            yield from run
        finally:
            run.stop()

    def history(self, job: str, since: float) -> History:
        """See Answers."""
        of, find = self._view.of(self._now()), self._beyond.find
        return _history.history(self._view, of, (job, since), self._turns, find)

    def events(self, job: str) -> Events:
        """See Answers."""
        return _events.lately(self._view, self._view.of(self._now()), job, self._turns)
