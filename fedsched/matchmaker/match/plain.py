"""One pair judged alone, from whole ads: for callers that have no table of the round yet."""

from __future__ import annotations

from fedsched.matchmaker.match.ads import job_ad, job_texts, lasting, sized, slot_ad
from fedsched.matchmaker.match.never import Meeting, nevers, rests_on_unknown
from fedsched.matchmaker.match.places import Place
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources


def never(demand: DemandClass, place: Place, size: Resources, at: float) -> Reason | None:
    """Why the class could never run there, None when it could (MA1)."""
    return next(nevers(demand, place, size, Meeting(job_ad(demand), slot_ad(place, size), at)), None)


def may_probe(reason: Reason, demand: DemandClass, place: Place, size: Resources) -> bool:
    """Whether a refusal rests on attributes that only a real slot can tell (MA6): then one probe finds out."""
    if reason.cause is not Cause.REQUIREMENTS or place.pair.attributes:
        return False
    ads = Meeting(job_ad(demand), slot_ad(place, size), place.view.seen_at or 0.0)
    return rests_on_unknown(demand.requirements, job_texts(demand), {**lasting(place), **sized(size)}, ads)
