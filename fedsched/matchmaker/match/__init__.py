"""Who can run where, ever: one class against one node group (MA1, MA3, MA6), without regard to room.

Room, ramps and budgets are the business of filling.
"""

from fedsched.matchmaker.match.ads import (
    Pairs,
    Texts,
    closure,
    formulas,
    job_ad,
    job_texts,
    lasting,
    project,
    sized,
    slot_ad,
    slot_pairs,
)
from fedsched.matchmaker.match.cordons import denied, held_back
from fedsched.matchmaker.match.matching import Alike, Matching, Side, Site, Sizes
from fedsched.matchmaker.match.never import Known, Meeting, false_of, nevers, unsatisfied
from fedsched.matchmaker.match.pairs import NOW, false_clauses, judge, number
from fedsched.matchmaker.match.places import JOBS, Place, Shape, form_for, pair_key
from fedsched.matchmaker.match.sizes import footprint, packed, per_node, single, size_for
from fedsched.matchmaker.match.terms import barred_by_limits, lacks, refused_by_terms

__all__ = [
    "JOBS",
    "NOW",
    "Alike",
    "Known",
    "Matching",
    "Meeting",
    "Pairs",
    "Place",
    "Shape",
    "Side",
    "Site",
    "Sizes",
    "Texts",
    "barred_by_limits",
    "closure",
    "denied",
    "false_clauses",
    "false_of",
    "footprint",
    "form_for",
    "formulas",
    "held_back",
    "job_ad",
    "job_texts",
    "judge",
    "lacks",
    "lasting",
    "nevers",
    "number",
    "packed",
    "pair_key",
    "per_node",
    "project",
    "refused_by_terms",
    "single",
    "size_for",
    "sized",
    "slot_ad",
    "slot_pairs",
    "unsatisfied",
]
