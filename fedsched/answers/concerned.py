"""Which placements a name means: a job, class, placement or user; those that are gone are known by accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

import msgspec

from fedsched.answers.known import Known
from fedsched.answers.known_jobs import job_uids, known_jobs
from fedsched.answers.naming import split
from fedsched.client import NoAnswer
from fedsched.journal import Account
from fedsched.matchmaker.model import Claim, Held, Observation, Principal, SlotView, object_name

_JOB = re.compile(r"(?P<cluster>\d{1,12})(\.(?P<proc>\d{1,9}))?", re.ASCII)
LEAST_OF_A_KEY = 4
"""Digits of a class's key that may stand for the whole."""


class Concern(msgspec.Struct, frozen=True):
    """A placement that the question is about. gone: nothing of it stands any more.

    job: it was found by this job ("cluster.proc@schedd"), "" for all that it served. pods: names that are known.
    of_job: the copy of a user's Kubernetes Job. only: the one pod that was asked for, "" for all.
    """

    placement: str
    member: str
    principal: Principal
    created_at: float
    ended_at: float | None = None
    job: str = ""
    pods: tuple[str, ...] = ()
    gone: bool = False
    of_job: bool = False
    only: str = ""

    @property
    def object_name(self) -> str:
        """The name of its Job or DaemonSet."""
        return object_name(self.placement)

    def has_pod(self, pod: str) -> bool:
        """Whether a pod of this name is one of its."""
        if self.only:
            return pod == self.only
        # Pods of an indexed Job have their index before what is drawn by lot.
        return pod in self.pods or re.fullmatch(rf"{re.escape(self.object_name)}(-\d+)?-[a-z0-9]{{5}}", pod) is not None


def concerned(known: Known, name: str = "", user: str = "") -> tuple[Concern, ...]:
    """What `name` or `user` means, oldest first. NoAnswer when that is nothing, or more than one job."""
    if bool(name) == bool(user):
        raise NoAnswer("bad-question", "a job, class or placement is wanted, or a user", "fedsched logs --user ann")
    found = _of_user(known, user) if user else _of_name(known, name)
    if not found:
        raise NoAnswer(
            "unknown",
            _nothing(known, user or name),
            f"fedsched explain {name}" if name else "fedsched share",
        )
    return tuple(sorted(found.values(), key=lambda one: (one.created_at, one.placement)))


def _nothing(known: Known, name: str) -> str:
    if job_uids(known, name) is not None:
        return f"{name} has no copy at any member yet, and had none that the records know"
    return f"no startd of ours served or serves {name}, as far as the last cycle and the records know"


def _of_name(known: Known, name: str) -> dict[str, Concern]:
    id_ = name.removeprefix("fs-")
    everything = tuple(_everything(known))
    copied = {one.placement: one.uid for one in known_jobs(known) if one.placement}
    found = {one.placement: one for one in everything if one.placement == id_}
    found = found or {one.placement: msgspec.structs.replace(one, only=name) for one in everything if one.has_pod(name)}
    if found:
        return found
    uids = job_uids(known, name)
    if uids is not None:
        return {one.placement: one for one in everything if copied.get(one.placement) in uids}
    job, schedd = split(name)
    if _JOB.fullmatch(job):
        found = _of_job(known, job, schedd)
        if found:
            return found
    keys = _classes(known, job, schedd, name)
    return {c.placement: c for c in _held(known, lambda held: held.placement.class_key in keys)} if keys else {}


def _classes(known: Known, job: str, schedd: str, name: str) -> frozenset[str]:
    """Keys of the class that is named, or that a waiting job belongs to."""
    classes = [c for view in known.observation.schedds for c in view.classes if schedd in {"", c.schedd}]
    keys = {held.placement.class_key for held in known.plan.held} | {c.key for c in classes}
    by_name = {key for key in keys if key == name}
    by_name = by_name or {key for key in keys if len(name) >= LEAST_OF_A_KEY and key.startswith(name)}
    by_job = {c.key for c in classes if job in c.examples}
    found = by_name or by_job
    if len(found) > 1:
        raise NoAnswer("ambiguous", f"{name} may be any of {', '.join(sorted(found)[:5])}", "name one in full")
    return frozenset(found)


def _of_job(known: Known, job: str, schedd: str) -> dict[str, Concern]:
    """Placements on which a job, or any job of a cluster, runs or ran."""
    found: dict[str, Concern] = {}
    whose: set[str] = set()
    there = {one.placement: one for one in _everything(known)}
    for id_, said, at_schedd in _runs(known):
        if (said == job or said.startswith(f"{job}.")) and schedd in {"", at_schedd}:
            whose.add(at_schedd)
            concern = there.get(id_)
            if concern is not None:
                found.setdefault(id_, msgspec.structs.replace(concern, job=f"{said}@{at_schedd}".rstrip("@")))
    if len(whose - {""}) > 1:
        names = ", ".join(f"{job}@{one}" for one in sorted(whose - {""})[:5])
        raise NoAnswer("ambiguous", f"{job} is a job of several schedds: {names}", "name one of them")
    return found


def _runs(known: Known) -> Iterator[tuple[str, str, str]]:
    """(placement, job, schedd) of every run that is known, present and past."""
    for slot, claim in claims(known.observation):
        yield slot.placement_id, claim.job, claim.schedd
    for account in known.accounts:
        yield from ((account.placement, stay.job, stay.schedd) for stay in account.stays)


def claims(seen: Observation) -> Iterator[tuple[SlotView, Claim]]:
    """Who runs on startds of ours now."""
    for pool in seen.pools:
        for slot in pool.slots:
            yield from ((slot, claim) for claim in slot.claims)


def _of_user(known: Known, user: str) -> dict[str, Concern]:
    """Placements that were made for a user or claimed by one: "ann", "ann@b", or a glob over group.user@domain."""

    def is_meant(who: Principal) -> bool:
        return any(fnmatchcase(text, user) for text in (who.user, who.user.partition("@")[0], str(who)))

    served = {slot.placement_id for slot, claim in claims(known.observation) if is_meant(claim.principal)}
    served |= {a.placement for a in known.accounts if any(is_meant(stay.principal) for stay in a.stays)}
    return {c.placement: c for c in _everything(known) if c.placement in served or is_meant(c.principal)}


def _everything(known: Known) -> Iterator[Concern]:
    held = known.held()
    for account in known.accounts:
        if account.placement not in held:
            yield _of_account(account)
    yield from _held(known, lambda _: True)


def _held(known: Known, wanted: Callable[[Held], bool]) -> Iterator[Concern]:
    accounts = {account.placement: account for account in known.accounts}
    pods: dict[str, set[str]] = {}
    for thing in known.observation.objects:
        pods.setdefault(thing.placement_id, set()).update(pod.name for pod in thing.pods)
    for held in filter(wanted, known.plan.held):
        place = held.placement
        account = accounts.get(place.id)
        names = pods.get(place.id, set()) | set(account.pods if account else ())
        yield Concern(
            place.id,
            place.member,
            place.principal,
            place.created_at,
            pods=tuple(sorted(names)),
            of_job=place.form == "job",
        )


def _of_account(one: Account) -> Concern:
    pods = tuple(sorted(one.pods))
    gone, of_job = one.ended_at is not None, one.form == "job"
    return Concern(
        one.placement, one.member, one.principal, one.created_at, one.ended_at, "", pods, gone=gone, of_job=of_job
    )


def by_member(found: Iterable[Concern]) -> dict[str, list[Concern]]:
    """The same, by the member where it stands."""
    members: dict[str, list[Concern]] = {}
    for one in found:
        members.setdefault(one.member, []).append(one)
    return members
