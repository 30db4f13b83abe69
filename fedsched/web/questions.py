"""The table of questions over HTTP: address, parameters, what answers it; the answers are made in `answers/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec

from fedsched.answers import narrow, queued
from fedsched.answers.queue import narrowed
from fedsched.client import Answers
from fedsched.client.documents import (
    ClusterExplained,
    Clusters,
    DecisionExplained,
    Document,
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
)


class Nothing(msgspec.Struct, frozen=True):
    """No parameters."""


class SharesAsk(msgspec.Struct, frozen=True):
    """Whose: of names a path, a user or a glob; "" for all."""

    of: str = ""


class Named(msgspec.Struct, frozen=True):
    """A member or a spike by its name."""

    name: str


class JobAsk(msgspec.Struct, frozen=True):
    """A job (CLUSTER.PROC, CLUSTER.PROC@SCHEDD, SCHEDD#CLUSTER.PROC), a Kubernetes Job, or a class's key.

    A Kubernetes Job is NAMESPACE/NAME, QUEUE:NAMESPACE/NAME, its uid, or job/NAME where only one is called so.
    """

    job: str


class PathAsk(msgspec.Struct, frozen=True):
    """A group or principal by its path."""

    path: str


class PlacementAsk(msgspec.Struct, frozen=True):
    """A placement, by its id or its object's name."""

    id: str


class HistoryAsk(msgspec.Struct, frozen=True):
    """A job or class, since a time in epoch seconds."""

    job: str
    since: Annotated[float, msgspec.Meta(ge=0, le=1e12)] = 0.0


class Blind(NamedTuple):
    """How somebody is answered who may not see all names: a filter must not tell him what it looked at.

    ask: asks for everything; of that, under pseudonyms, narrow shows what he asked for. Raises NoAnswer.
    """

    ask: Any
    narrow: Callable[[Any, Any], Document]


class Question(NamedTuple):
    """One address. path: below /api/v1, with parameters in braces. name: as the client calls it.

    asks: parameters, of path and query alike. answer: what is sent back. live: asks a schedd or a member while somebody
    waits, so that it may take seconds.
    """

    path: str
    name: str
    text: str
    asks: type[msgspec.Struct]
    answer: type[Document]
    ask: Callable[[Answers, Any], Document]
    blind: Blind | None = None
    live: bool = False


QUESTIONS = (
    Question(
        "/queue",
        "queue",
        "Demand classes with the reason of each, most unmet first.",
        QueueAsk,
        Queue,
        lambda answers, asked: answers.queue(asked),
        blind=Blind(QueueAsk(), narrowed),
    ),
    Question(
        "/jobs",
        "jobs",
        "Kubernetes Jobs of queues, each with a word why it stands so.",
        JobsAsk,
        QueuedJobs,
        lambda answers, asked: answers.jobs(asked),
        blind=Blind(JobsAsk(state="all", limit=0), queued.narrowed),
    ),
    Question(
        "/shares",
        "shares",
        "Groups and principals: what each has a right to, holds and waits for.",
        SharesAsk,
        Shares,
        lambda answers, asked: answers.shares(asked.of),
        blind=Blind(SharesAsk(), lambda all_of, asked: narrow.shares(all_of, asked.of)),
    ),
    Question(
        "/clusters",
        "clusters",
        "All members as they stand.",
        Nothing,
        Clusters,
        lambda answers, _: answers.clusters(),
    ),
    Question(
        "/clusters/{name}",
        "cluster",
        "One member.",
        Named,
        Clusters,
        lambda answers, asked: answers.clusters(asked.name),
    ),
    Question(
        "/spikes",
        "spikes",
        "Load spikes that are remembered, with tiers and budgets.",
        Nothing,
        Spikes,
        lambda answers, _: answers.spikes(),
    ),
    Question(
        "/spikes/{name}",
        "spike",
        "One spike with its bill.",
        Named,
        Spikes,
        lambda answers, asked: answers.spikes(asked.name),
    ),
    Question(
        "/overview",
        "overview",
        "Totals now and lately, evictions, notices.",
        Nothing,
        Overview,
        lambda answers, _: answers.overview(),
    ),
    Question(
        "/explain/{job:path}",
        "explain",
        "Why a job, or a class, stands as it does.",
        JobAsk,
        Explained,
        lambda answers, asked: answers.explain(asked.job),
        live=True,
    ),
    Question(
        "/explain-cluster/{name}",
        "explain_cluster",
        "Why a member is as full or as empty as it is.",
        Named,
        ClusterExplained,
        lambda answers, asked: answers.explain_cluster(asked.name),
    ),
    Question(
        "/explain-group/{path:path}",
        "explain_group",
        "Why a group or principal holds what it holds.",
        PathAsk,
        GroupExplained,
        lambda answers, asked: answers.explain_group(asked.path),
    ),
    Question(
        "/explain-decision/{id}",
        "explain_decision",
        "Why a placement is where it is, and why it went.",
        PlacementAsk,
        DecisionExplained,
        lambda answers, asked: answers.explain_decision(asked.id),
    ),
    Question(
        "/history/{job:path}",
        "history",
        "Every change of a class's reason since a time.",
        HistoryAsk,
        History,
        lambda answers, asked: answers.history(asked.job, asked.since),
        live=True,
    ),
    Question(
        "/events/{job:path}",
        "events",
        "What happened to the startds of a job, class or placement that are held now, oldest first.",
        JobAsk,
        Events,
        lambda answers, asked: answers.events(asked.job),
        live=True,
    ),
)
