"""Every answer of the API and of `-o json`, as frozen types; what makes them lives in `answers/`."""

from fedsched.client.documents.clusters import ClusterLine, Clusters
from fedsched.client.documents.cycles import Cycle
from fedsched.client.documents.document import VERSION, Document, Failed, Of, Source, head
from fedsched.client.documents.events import EventLine, Events, LogLine, Logs, LogsAsk
from fedsched.client.documents.explained import (
    ClusterExplained,
    Counterfactuals,
    DecisionExplained,
    Explained,
    GroupExplained,
    History,
    JobState,
    Tried,
    TurnLine,
)
from fedsched.client.documents.overview import Eviction, Moment, NoticeLine, Overview
from fedsched.client.documents.queue import JobLine, JobsAsk, Queue, QueueAsk, QueuedJobs, QueueLine, ScheddLine
from fedsched.client.documents.shares import Share, Shares
from fedsched.client.documents.spikes import Budget, Spikes

__all__ = [
    "VERSION",
    "Budget",
    "ClusterExplained",
    "ClusterLine",
    "Clusters",
    "Counterfactuals",
    "Cycle",
    "DecisionExplained",
    "Document",
    "EventLine",
    "Events",
    "Eviction",
    "Explained",
    "Failed",
    "GroupExplained",
    "History",
    "JobLine",
    "JobState",
    "JobsAsk",
    "LogLine",
    "Logs",
    "LogsAsk",
    "Moment",
    "NoticeLine",
    "Of",
    "Overview",
    "Queue",
    "QueueAsk",
    "QueueLine",
    "QueuedJobs",
    "ScheddLine",
    "Share",
    "Shares",
    "Source",
    "Spikes",
    "Tried",
    "TurnLine",
    "head",
]
