"""What a decision would change, as rows for people and programs; it reads plans and carries nothing out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from fedsched.config.settings import MemberFile, Overrides
from fedsched.loop import Decision
from fedsched.matchmaker.explain import headline, sentence, why_there
from fedsched.matchmaker.model import (
    AdoptOwner,
    Change,
    ClassReport,
    CreateObject,
    DeleteObject,
    DeletePod,
    DemandClass,
    Form,
    Held,
    InvalidateAds,
    Observation,
    OrderLeave,
    ParkDaemonSet,
    Principal,
    SetSubmitter,
    TellJob,
)
from fedsched.matchmaker.reasons import Reason
from fedsched.matchmaker.resources import Resources, describe

Verb = Literal["leave", "vacate", "withdraw", "park", "adopt", "delete", "forget-ads", "tell-negotiator", "tell-job"]
SIGNS: dict[Verb, str] = {"delete": "-", "forget-ads": "-"}
"""The sign of a row; "~" for what is not here."""
MOST_NAMED = 5
"""So many Jobs of a row are named."""


class Created(msgspec.Struct, frozen=True, omit_defaults=True):
    """Startds, or copies of users' Jobs, alike that would be started.

    overrides: names of what the member's file adds to their pods (L7). idle: jobs of their class that wait. why: why
    the first of them goes there, one sentence. pods: of each, each of that size. jobs: of users' Jobs which,
    "namespace/name".
    """

    count: int
    member: str
    node_group: str
    form: Form
    size: Resources
    principal: Principal
    class_key: str
    schedd: str
    probe: bool = False
    growth: bool = False
    tier: str = ""
    price_per_hour: float = 0.0
    overrides: tuple[str, ...] = ()
    idle: int = 0
    why: str = ""
    pods: int = 1
    jobs: tuple[str, ...] = ()

    def text(self) -> str:
        """For a person."""
        marks = ["probe"] if self.probe else []
        marks += ["on a node that has to come"] if self.growth else []
        marks += [f"tier {self.tier}"] if self.tier else []
        marks += [f"{self.price_per_hour:g} per hour each"] if self.price_per_hour else []
        marks += ["DaemonSet"] if self.form == "startd-daemonset" else []
        marks += [f"overrides: {', '.join(self.overrides)}"] if self.overrides else []
        told = f" ({'; '.join(marks)})" if marks else ""
        if self.form == "job":
            return self._of_jobs(told)
        return (
            f"{self.member}/{self.node_group}: {self.count} x {describe(self.size)} "
            f"for {self.idle} idle jobs of {self.principal}, class {self.class_key}{told}. {self.why}"
        )

    def _of_jobs(self, told: str) -> str:
        """The same of copies of users' Jobs."""
        size = describe(self.size) if self.pods == 1 else f"{self.pods} pods of {describe(self.size)} each"
        names = ", ".join(f"{self.schedd}:{job}" for job in self.jobs[:MOST_NAMED])
        names += f" and {len(self.jobs) - MOST_NAMED} more" if len(self.jobs) > MOST_NAMED else ""
        what = "Job" if self.count == 1 else "Jobs"
        return (
            f"{self.member}/{self.node_group}: {self.count} {what} of {size}, {names}, "
            f"of {self.idle} that wait of {self.principal}, class {self.class_key}{told}. {self.why}"
        )


class Altered(msgspec.Struct, frozen=True, omit_defaults=True):
    """One startd or object that would be changed or removed. whose: for whom it was started, None where nobody knows.

    jobs: that run on it. yields_to: who gets its room, None where that was not the cause. why: one sentence.
    """

    verb: Verb
    name: str
    member: str
    node_group: str = ""
    whose: Principal | None = None
    jobs: int = 0
    yields_to: Principal | None = None
    reason: Reason | None = None
    why: str = ""

    @property
    def sign(self) -> str:
        """Of a diff."""
        return SIGNS.get(self.verb, "~")


class Unmet(msgspec.Struct, frozen=True, omit_defaults=True):
    """A class of which jobs stay without a startd, or Jobs without a place. text: one sentence with one action."""

    class_key: str
    schedd: str
    principal: Principal
    idle: int
    unmet: int
    text: str
    reason: Reason | None = None


class Planned(msgspec.Struct, frozen=True):
    """All that the next cycle would change, and what it would leave."""

    created: tuple[Created, ...]
    altered: tuple[Altered, ...]
    unmet: tuple[Unmet, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return not self.created and not self.altered

    def per_member(self) -> dict[str, dict[str, int]]:
        """How many of each verb at each member ("" for pools), by name."""
        counts: dict[str, Counter[str]] = {}
        for one in self.created:
            counts.setdefault(one.member, Counter())["create"] += one.count
        for other in self.altered:
            counts.setdefault(other.member, Counter())[other.verb] += 1
        return {member: dict(sorted(found.items())) for member, found in sorted(counts.items())}


def planned(decision: Decision, seen: Observation, files: Iterable[MemberFile] = (), fresh_s: float = 10.0) -> Planned:
    """The rows of a decision, sorted; files: of members, for their overrides; ages beyond fresh_s seconds are told."""
    held = {one.placement.id: one for one in decision.plan.held}
    whose = {demand.key: demand for view in seen.schedds for demand in view.classes}
    created: Counter[Created] = Counter()
    first: dict[Created, str] = {}
    jobs: dict[Created, list[str]] = {}
    altered: list[Altered] = []
    added = {file.name: overrides(file.overrides) for file in files}
    for change in decision.changes:
        if isinstance(change, CreateObject):
            one = _created(change, added)
            created[one] += 1
            first.setdefault(one, change.placement.id)
            jobs.setdefault(one, []).append(change.placement.job)
        else:
            altered.append(_altered(change, held.get(_placement(change)), whose, (seen.at, fresh_s)))
    return Planned(
        tuple(
            msgspec.structs.replace(
                one,
                count=count,
                idle=whose[one.class_key].idle if one.class_key in whose else 0,
                why=why_there(held[first[one]]) if first[one] in held else "",
                jobs=tuple(sorted(jobs[one])) if one.form == "job" else (),
            )
            for one, count in sorted(created.items(), key=lambda item: _order(item[0]))
        ),
        tuple(sorted(altered, key=lambda one: (one.member, one.node_group, one.verb, one.name))),
        tuple(_unmet(whose, decision.plan.classes)),
    )


def overrides(given: Overrides) -> tuple[str, ...]:
    """Names of what a member's file adds to our pods, beyond what stands there without it."""
    plain = Overrides()
    return tuple(name for name in Overrides.__struct_fields__ if getattr(given, name) != getattr(plain, name))


def _created(change: CreateObject, added: dict[str, tuple[str, ...]]) -> Created:
    one = change.placement
    return Created(
        1,
        one.member,
        one.node_group,
        one.form,
        one.size,
        one.principal,
        one.class_key,
        one.schedd,
        one.probe,
        one.growth,
        one.tier,
        one.price_per_hour,
        added.get(one.member, ()),
        pods=one.pods,
    )


def _order(one: Created) -> tuple[str, str, str, str, Resources]:
    return one.member, one.node_group, str(one.principal), one.class_key, one.size


def _altered(change: Change, held: Held | None, whose: dict[str, DemandClass], ages: tuple[float, float]) -> Altered:
    reason = held.why if held is not None else None
    taker = whose.get(held.yields_to) if held is not None else None
    return Altered(
        verb=verb_of(change),
        name=_name(change, held),
        member=change.member,
        node_group=held.placement.node_group if held is not None else "",
        whose=held.placement.principal if held is not None else None,
        jobs=held.claims if held is not None else 0,
        yields_to=taker.principal if taker is not None else None,
        reason=reason,
        why=sentence(reason, *ages) if reason is not None else _without_reason(change),
    )


def verb_of(change: Change) -> Verb:
    """What is done to what stands there already."""
    if isinstance(change, DeletePod):
        return "withdraw" if change.resource_version else "vacate"
    verbs: dict[type, Verb] = {
        OrderLeave: "leave",
        ParkDaemonSet: "park",
        AdoptOwner: "adopt",
        DeleteObject: "delete",
        InvalidateAds: "forget-ads",
        SetSubmitter: "tell-negotiator",
        TellJob: "tell-job",
    }
    return verbs[type(change)]


def _placement(change: Change) -> str:
    return getattr(change, "placement_id", "")


def _name(change: Change, held: Held | None) -> str:
    if isinstance(change, SetSubmitter):
        return f"{change.name} at pool {change.pool}"
    if isinstance(change, TellJob):
        return f"{change.queue}:{change.job}"
    if isinstance(change, InvalidateAds | OrderLeave | DeletePod):
        return change.pod or _placement(change)
    return held.placement.object_name if held is not None else str(getattr(change, "name", ""))


def _without_reason(change: Change) -> str:
    if isinstance(change, InvalidateAds):
        return "Its pod is gone and its ad is still in the collector."
    if isinstance(change, SetSubmitter):
        told = [f"factor {change.factor:g}"] if change.factor is not None else []
        told += [f"ceiling {change.ceiling:g}"] if change.ceiling is not None else []
        return f"The policy says {', '.join(told)}."
    if isinstance(change, TellJob):
        end = next((one.type for one in change.status.conditions if one.type in {"Complete", "Failed"}), "")
        return f"Its status says {end}." if end else "Its status says where it stands."
    if isinstance(change, AdoptOwner):
        return "It hangs on an anchor that is gone and gets the present one."
    if isinstance(change, DeleteObject):
        return "It carries our labels but no record of ours."
    return ""


def _unmet(whose: dict[str, DemandClass], reports: Iterable[ClassReport]) -> Iterator[Unmet]:
    for report in sorted(reports, key=lambda one: (-one.unmet, one.key)):
        demand = whose.get(report.key)
        if report.unmet and demand is not None:
            yield Unmet(
                report.key,
                demand.schedd,
                demand.principal,
                report.idle,
                report.unmet,
                headline(demand, report),
                report.why,
            )
