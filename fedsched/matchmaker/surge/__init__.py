"""Spikes: supply (SU2), growth (SU3), trust (SU7), falling demand (SU5); where placements go is filling's business."""

from fedsched.matchmaker.surge.drops import Demanded, demanded, leave_or_stay, want
from fedsched.matchmaker.surge.ramp import grow
from fedsched.matchmaker.surge.supply import JUST_S, OPEN, Asked, asked, supply
from fedsched.matchmaker.surge.trust import learn_trust, trust_key, trust_limit

__all__ = [
    "JUST_S",
    "OPEN",
    "Asked",
    "Demanded",
    "asked",
    "demanded",
    "grow",
    "learn_trust",
    "leave_or_stay",
    "supply",
    "trust_key",
    "trust_limit",
    "want",
]
