"""What comes next: a world in memory made from a recorded moment and driven forward by the real loop."""

from fedsched.forecast.ahead import Course, forward
from fedsched.forecast.calibration import Calibration, Record
from fedsched.forecast.chore import Foresight
from fedsched.forecast.estimate import BUDGET_S, Asked, Effort, Estimate, estimates, hopeless, samples
from fedsched.forecast.evidence import known_lengths
from fedsched.forecast.keeping import Watching, foretell
from fedsched.forecast.lengths import Lengths, begun_at, learn
from fedsched.forecast.outlook import ClassOutlook, Outlook, PrincipalOutlook
from fedsched.forecast.queued import as_counted, waiting
from fedsched.forecast.sayings import record_said, said

__all__ = [
    "BUDGET_S",
    "Asked",
    "Calibration",
    "ClassOutlook",
    "Course",
    "Effort",
    "Estimate",
    "Foresight",
    "Lengths",
    "Outlook",
    "PrincipalOutlook",
    "Record",
    "Watching",
    "as_counted",
    "begun_at",
    "estimates",
    "foretell",
    "forward",
    "hopeless",
    "known_lengths",
    "learn",
    "record_said",
    "said",
    "samples",
    "waiting",
]
