"""Reasons as sentences for people; what lives here reads plans and decides nothing."""

from fedsched.matchmaker.explain.chain import passed, stopped
from fedsched.matchmaker.explain.classes import explain, few_words, headline, told, word
from fedsched.matchmaker.explain.cluster import explain_cluster
from fedsched.matchmaker.explain.decision import Past, explain_decision, explain_past
from fedsched.matchmaker.explain.group import explain_group
from fedsched.matchmaker.explain.having import having
from fedsched.matchmaker.explain.links import HOLDS, LINKS, holding
from fedsched.matchmaker.explain.near import near_miss, why_there
from fedsched.matchmaker.explain.running import Running, running
from fedsched.matchmaker.explain.sentences import action, age, clause, clean, place, sentence
from fedsched.matchmaker.explain.turns import stand, turned

__all__ = [
    "HOLDS",
    "LINKS",
    "Past",
    "Running",
    "action",
    "age",
    "clause",
    "clean",
    "explain",
    "explain_cluster",
    "explain_decision",
    "explain_group",
    "explain_past",
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
