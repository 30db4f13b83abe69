"""ClassAd expressions on all ads at once, in numpy: the same answers as `classad` gives one by one (MA4)."""

from fedsched.matchmaker.columns.matching import Asked, Cache, numbers, verdicts
from fedsched.matchmaker.columns.meetings import UNKNOWN, Meetings, Misses, misses

__all__ = ["UNKNOWN", "Asked", "Cache", "Meetings", "Misses", "misses", "numbers", "verdicts"]
