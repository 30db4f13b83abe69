"""Spikes: supply (SU2), growth (SU3), trust (SU7), falling demand (SU5), begin, end and report (SU1, SU6).

Where placements go is filling's business.
"""

from fedsched.matchmaker.surge.busy import Groups, grouped
from fedsched.matchmaker.surge.drops import Demanded, demanded, leave_or_stay, want
from fedsched.matchmaker.surge.ramp import ALL, grow, ramps_after, together
from fedsched.matchmaker.surge.report import sentence
from fedsched.matchmaker.surge.spike import Facts, leaked, usable_unmet, watch
from fedsched.matchmaker.surge.supply import JUST_S, OPEN, Asked, asked, supply
from fedsched.matchmaker.surge.trust import learn_trust, trust_key, trust_limit

__all__ = [
    "ALL",
    "JUST_S",
    "OPEN",
    "Asked",
    "Demanded",
    "Facts",
    "Groups",
    "asked",
    "demanded",
    "grouped",
    "grow",
    "leaked",
    "learn_trust",
    "leave_or_stay",
    "ramps_after",
    "sentence",
    "supply",
    "together",
    "trust_key",
    "trust_limit",
    "usable_unmet",
    "want",
    "watch",
]
