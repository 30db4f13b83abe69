"""Reasons as sentences for people; what lives here reads plans and decides nothing."""

from fedsched.matchmaker.explain.classes import Explanation, MemberLine, explain, headline, word
from fedsched.matchmaker.explain.having import Having, having
from fedsched.matchmaker.explain.near import near_miss, why_there
from fedsched.matchmaker.explain.running import Running, running
from fedsched.matchmaker.explain.sentences import action, age, clause, place, sentence

__all__ = [
    "Explanation",
    "Having",
    "MemberLine",
    "Running",
    "action",
    "age",
    "clause",
    "explain",
    "having",
    "headline",
    "near_miss",
    "place",
    "running",
    "sentence",
    "why_there",
    "word",
]
