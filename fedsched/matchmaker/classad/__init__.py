"""The only gate to the ClassAd language (MA4): limits and an allow-list, then the library's answers."""

from fedsched.matchmaker.classad.ads import Ad, check_together
from fedsched.matchmaker.classad.clauses import Clause, conjuncts, false_clauses, first_false_clause
from fedsched.matchmaker.classad.evaluate import (
    Expression,
    Value,
    evaluate,
    evaluate_number,
    parse,
    quote,
    symmetric,
    unquote,
)
from fedsched.matchmaker.classad.gate import Refused, check, references
from fedsched.matchmaker.classad.matching import attributes_read, matches, projected
from fedsched.matchmaker.classad.old import from_old, old_ad

__all__ = [
    "Ad",
    "Clause",
    "Expression",
    "Refused",
    "Value",
    "attributes_read",
    "check",
    "check_together",
    "conjuncts",
    "evaluate",
    "evaluate_number",
    "false_clauses",
    "first_false_clause",
    "from_old",
    "matches",
    "old_ad",
    "parse",
    "projected",
    "quote",
    "references",
    "symmetric",
    "unquote",
]
