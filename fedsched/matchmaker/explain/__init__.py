"""Reasons as sentences for people; what lives here reads plans and decides nothing."""

from fedsched.matchmaker.explain.classes import explain, few_words, headline, told, word
from fedsched.matchmaker.explain.having import having
from fedsched.matchmaker.explain.near import near_miss, why_there
from fedsched.matchmaker.explain.running import Running, running
from fedsched.matchmaker.explain.sentences import action, age, clause, place, sentence
from fedsched.matchmaker.explain.turns import stand, turned

__all__ = [
    "Running",
    "action",
    "age",
    "clause",
    "explain",
    "few_words",
    "having",
    "headline",
    "near_miss",
    "place",
    "running",
    "sentence",
    "stand",
    "told",
    "turned",
    "why_there",
    "word",
]
