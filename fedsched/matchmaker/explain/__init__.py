"""Reasons as sentences for people; what lives here reads plans and decides nothing.

Each part is loaded when it is asked for: most verbs only want to say how old something is.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# These two at once: each has the name of its module, which would else stand in its place.
from fedsched.matchmaker.explain.having import having
from fedsched.matchmaker.explain.running import Running, running

if TYPE_CHECKING:
    from fedsched.matchmaker.explain.chain import passed, stopped
    from fedsched.matchmaker.explain.classes import explain, few_words, headline, told, word
    from fedsched.matchmaker.explain.cluster import explain_cluster
    from fedsched.matchmaker.explain.decision import Past, explain_decision, explain_past
    from fedsched.matchmaker.explain.group import explain_group
    from fedsched.matchmaker.explain.links import HOLDS, LINKS, holding
    from fedsched.matchmaker.explain.near import near_miss, why_there
    from fedsched.matchmaker.explain.queued import details, explain_queued
    from fedsched.matchmaker.explain.sentences import action, age, clause, clean, place, sentence
    from fedsched.matchmaker.explain.standing_of_jobs import Copies, QueuedState, StandingJob
    from fedsched.matchmaker.explain.turns import stand, turned

_WHERE = {
    "Copies": "standing_of_jobs",
    "QueuedState": "standing_of_jobs",
    "StandingJob": "standing_of_jobs",
    "details": "queued",
    "explain_queued": "queued",
    "HOLDS": "links",
    "LINKS": "links",
    "Past": "decision",
    "action": "sentences",
    "age": "sentences",
    "clause": "sentences",
    "clean": "sentences",
    "explain": "classes",
    "explain_cluster": "cluster",
    "explain_decision": "decision",
    "explain_group": "group",
    "explain_past": "decision",
    "few_words": "classes",
    "headline": "classes",
    "holding": "links",
    "near_miss": "near",
    "passed": "chain",
    "place": "sentences",
    "sentence": "sentences",
    "stand": "turns",
    "stopped": "chain",
    "told": "classes",
    "turned": "turns",
    "why_there": "near",
    "word": "classes",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


__all__ = [
    "HOLDS",
    "LINKS",
    "Copies",
    "Past",
    "QueuedState",
    "Running",
    "StandingJob",
    "action",
    "age",
    "clause",
    "clean",
    "details",
    "explain",
    "explain_cluster",
    "explain_decision",
    "explain_group",
    "explain_past",
    "explain_queued",
    "few_words",
    "having",
    "headline",
    "holding",
    "near_miss",
    "passed",
    "place",
    "running",
    "sentence",
    "stand",
    "stopped",
    "told",
    "turned",
    "why_there",
    "word",
]
