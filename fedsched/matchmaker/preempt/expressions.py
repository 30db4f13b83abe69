"""A policy's preemption.requirements and preemption.rank over (MY: a victim's slot, TARGET: the preempting job), PR6.

The attributes are those that HTCondor's negotiator adds for PREEMPTION_REQUIREMENTS and PREEMPTION_RANK (manual, "The
condor_negotiator's configuration" and "Machine ClassAd attributes"), with core-equivalents where it counts slots.
"""

from __future__ import annotations

from collections.abc import Mapping

from fedsched.matchmaker import classad
from fedsched.matchmaker.match import Place, job_ad, slot_ad
from fedsched.matchmaker.model import Claim, DemandClass, Preemption, Principal, ShareLine
from fedsched.matchmaker.preempt.candidates import Candidate
from fedsched.matchmaker.share import path_of

NO_GROUP = "<none>"
"""The name that HTCondor gives to the group of those who have none."""


class Expressions:
    """Both expressions, evaluated once per (class, startd); `broken` says why the gate refused one, "" for neither."""

    def __init__(
        self, terms: Preemption, lines: Mapping[str, ShareLine], places: Mapping[tuple[str, str], Place], at: float
    ) -> None:
        self._lines = lines
        self._places = places
        self._at = at
        self._jobs: dict[tuple[str, int], classad.Ad | None] = {}
        self._slots: dict[str, list[classad.Ad]] = {}
        self._allowed: dict[tuple[str, int, str], bool] = {}
        self._ranked: dict[tuple[str, int, str], float] = {}
        self.broken = ""
        self._requirements = self._parsed("requirements", terms.requirements)
        self._rank = self._parsed("rank", terms.rank)

    @property
    def used(self) -> bool:
        """Whether the policy has one at all."""
        return self._requirements is not None or self._rank is not None

    @property
    def requires(self) -> bool:
        """Whether the requirements can be in anybody's way."""
        return self._requirements is not None

    @property
    def ranks(self) -> bool:
        """Whether the policy orders victims."""
        return self._rank is not None

    def _parsed(self, name: str, text: str) -> classad.Expression | None:
        try:
            return classad.parse(text) if text else None
        except classad.Refused as no:
            self.broken = f"{name}: {no}"
            return None

    def allow(self, demand: DemandClass, priority: int, victim: Candidate) -> bool:
        """Whether the requirements are true of every claim on it; an unclaimed startd preempts nobody's job."""
        if self._requirements is None:
            return True
        key = (demand.key, priority, victim.id)
        if key not in self._allowed:
            values = self._on_claims(self._requirements, demand, priority, victim)
            self._allowed[key] = all(isinstance(v, bool | int | float) and bool(v) for v in values)
        return self._allowed[key]

    def rank(self, demand: DemandClass, priority: int, victim: Candidate) -> float:
        """The lowest rank of a claim on it; 0 where there is none or it is no number. Higher is a better victim."""
        if self._rank is None:
            return 0.0
        key = (demand.key, priority, victim.id)
        if key not in self._ranked:
            values = self._on_claims(self._rank, demand, priority, victim)
            numbers = (float(v) if isinstance(v, bool | int | float) else 0.0 for v in values)
            self._ranked[key] = min(numbers, default=0.0)
        return self._ranked[key]

    def _on_claims(
        self, expression: classad.Expression, demand: DemandClass, priority: int, victim: Candidate
    ) -> list[classad.Value]:
        job = self._job(demand, priority)
        return [None if job is None else classad.evaluate(expression, slot, job) for slot in self._claimed(victim)]

    def _job(self, demand: DemandClass, priority: int) -> classad.Ad | None:
        """The preempting job; None where its own attributes are refused, and then nobody is evicted for it."""
        key = (demand.key, priority)
        if key not in self._jobs:
            ad = dict(job_ad(demand)) | {"JobPrio": str(priority), "JobStatus": "1"}
            ad |= self._who("Submitter", demand.principal)
            self._jobs[key] = _ad(ad, self._at)
        return self._jobs[key]

    def _claimed(self, victim: Candidate) -> list[classad.Ad]:
        """One slot ad per claim."""
        if victim.id not in self._slots:
            found = [_ad(self._slot(victim, claim), self._at) for claim in victim.claims]
            self._slots[victim.id] = [ad if ad is not None else classad.Ad(()) for ad in found]
        return self._slots[victim.id]

    def _slot(self, victim: Candidate, claim: Claim) -> dict[str, str]:
        placement = victim.stand.held.placement
        place = self._places.get((placement.member, placement.node_group))
        ad = dict(slot_ad(place, placement.size)) if place else {}
        amount, since = claim.amount, int(claim.since)
        ad |= {"State": '"Claimed"', "Activity": '"Busy"', "PartitionableSlot": "false", "DynamicSlot": "true"}
        ad |= {"Cpus": str(claim.cpu_milli // 1000), "EnteredCurrentState": str(since), "JobStart": str(since)}
        if amount.memory_mib:
            ad |= {"Memory": str(amount.memory_mib), "Disk": str(amount.disk_mib * 1024), "GPUs": str(amount.gpus)}
        ad["TotalJobRunTime"] = str(max(0, int(self._at) - since))
        ad |= {"JobId": classad.quote(claim.job), "JobPrio": str(claim.priority)}
        ad |= {"RemoteOwner": classad.quote(claim.principal.user), "RemoteUser": classad.quote(claim.principal.user)}
        ad |= {"AccountingGroup": classad.quote(str(claim.principal)), "FedschedPlacement": classad.quote(placement.id)}
        return ad | self._who("Remote", claim.principal)

    def _who(self, side: str, who: Principal) -> dict[str, str]:
        """What the negotiator adds about a submitter and its group; side: "Remote" or "Submitter"."""
        line = self._lines.get(path_of(who), ShareLine(path_of(who)))
        ad = {
            f"{side}UserPrio": repr(max(0.5, line.usage) * line.factor),
            f"{side}UserResourcesInUse": repr(line.held / 1000),
            f"{side}Group": classad.quote(who.group or NO_GROUP),
        }
        group = self._lines.get(who.group) if who.group else None
        if group is not None:
            ad |= {f"{side}GroupResourcesInUse": repr(group.held / 1000), f"{side}GroupQuota": repr(group.floor / 1000)}
        return ad


def _ad(attributes: dict[str, str], at: float) -> classad.Ad | None:
    try:
        return classad.Ad(sorted(attributes.items()), at)
    except classad.Refused:
        return None
