"""The only gate to the ClassAd language (MA4): limits and an allow-list, then the library's answers."""

from fedsched.matchmaker.classad.ads import Ad
from fedsched.matchmaker.classad.clauses import Clause, conjuncts, first_false_clause
from fedsched.matchmaker.classad.evaluate import (
    Expression,
    Value,
    evaluate,
    evaluate_number,
    parse,
    quote,
    symmetric,
)
from fedsched.matchmaker.classad.gate import Refused, check, references

__all__ = [
    "Ad",
    "Clause",
    "Expression",
    "Refused",
    "Value",
    "check",
    "conjuncts",
    "evaluate",
    "evaluate_number",
    "first_false_clause",
    "parse",
    "quote",
    "references",
    "symmetric",
]
