"""What comes next: a world in memory made from a recorded moment and driven forward by the real loop."""

from fedsched.forecast.ahead import Course, forward
from fedsched.forecast.lengths import Lengths, learn
from fedsched.forecast.outlook import ClassOutlook, Outlook, PrincipalOutlook

__all__ = ["ClassOutlook", "Course", "Lengths", "Outlook", "PrincipalOutlook", "forward", "learn"]
