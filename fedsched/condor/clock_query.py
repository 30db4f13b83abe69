"""Which time a collector and its schedds have, without asking any of them for it; runs only in a child process.

No command tells the time of a collector. But a constraint is evaluated there: ads come back, or none, by its own clock.
"""

from __future__ import annotations

import math
import time

from fedsched.condor import slots as slot_ads
from fedsched.condor.query import collector_query, texts
from fedsched.condor.questions import AskClocks, Clocks
from fedsched.matchmaker import classad

STEPS_S = (5, 60, 600, 3600, 86_400)
"""How far off a clock is, is found in these steps. Times in ads are whole seconds: less than the first is agreement."""


def clocks(question: AskClocks) -> Clocks:
    """The collector's clock, and those of schedds by what each last wrote into its ad and when that arrived."""
    ahead_s = _ahead(question.collector)
    schedds = []
    for ad in map(texts, collector_query(question.collector, "Schedd", "", ["Name", "MyCurrentTime", "LastHeardFrom"])):
        told, arrived = slot_ads.number(ad, "MyCurrentTime"), slot_ads.number(ad, "LastHeardFrom")
        if told is not None and arrived is not None:
            schedds.append((classad.unquote(ad.get("Name", ""))[:256], told - arrived + ahead_s))
    itself = [texts(ad) for ad in collector_query(question.collector, "Collector", "", ["CondorVersion"])]
    versions = [classad.unquote(ad.get("CondorVersion", ""))[:256] for ad in itself]
    return Clocks(ahead_s, tuple(sorted(schedds)), next((one for one in versions if one), ""))


def _ahead(collector: str) -> float:
    """The largest step by which the collector's clock surely differs from ours; below zero where it is behind."""
    if not _is_past(collector, math.floor(time.time()) - STEPS_S[0]):
        now = math.floor(time.time())
        return -float(max(step for step in STEPS_S if step == STEPS_S[0] or not _is_past(collector, now - step)))
    if not _is_past(collector, math.ceil(time.time()) + STEPS_S[0]):
        return 0.0
    now = math.ceil(time.time())
    return float(max(step for step in STEPS_S if step == STEPS_S[0] or _is_past(collector, now + step)))


def _is_past(collector: str, at: int) -> bool:
    """Whether the collector's clock has reached a time, epoch seconds."""
    return bool(collector_query(collector, "Collector", f"time() >= {at}", ["Name"]))
