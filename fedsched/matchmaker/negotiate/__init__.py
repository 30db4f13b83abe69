"""The decision: one snapshot and a policy in, one plan out. The numbered recipe is in `recipe`; its steps beside it."""

from fedsched.matchmaker.negotiate.recipe import Kept, fares, negotiate, negotiated

__all__ = ["Kept", "fares", "negotiate", "negotiated"]
