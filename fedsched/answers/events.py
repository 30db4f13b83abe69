"""`events`: what happened to a job's startds, put together from memory, accounts, claims and members; oldest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from fedsched.answers.concerned import Concern, claims, concerned
from fedsched.answers.known import Known
from fedsched.answers.view import View
from fedsched.client.documents import EventLine, Events, Of, head
from fedsched.journal import Account
from fedsched.matchmaker.explain import age, sentence, why_there
from fedsched.matchmaker.model import Claim, Held, Turn
from fedsched.matchmaker.resources import describe

ELSEWHERE = (
    "Placements that are gone, and what Kubernetes says of pods, are told where the federation's files are: "
    "fedsched events JOB."
)
_GOING = {
    "leave": ("told-to-leave", "Takes no new work, finishes and goes"),
    "vacate": ("vacated", "Goes now"),
    "withdraw": ("withdrawn", "Is withdrawn before it ran"),
    "clear": ("cleared", "Is over, its object is removed"),
}


class Past(msgspec.Struct, frozen=True):
    """What the last cycle does not say any more. first, last: how placements stood when first and last recorded.

    turns: changes of reason of the classes that they are for. members: what Kubernetes says at each member.
    """

    first: tuple[Held, ...] = ()
    last: tuple[Held, ...] = ()
    turns: tuple[Turn, ...] = ()
    members: tuple[EventLine, ...] = ()


def events(known: Known, of: Of, job: str, past: Past | None = None, unread: Iterable[str] = ()) -> Events:
    """The story of what `job` means (see `concerned`). NoAnswer when that is nothing."""
    lines = told(known, concerned(known, job), past or Past())
    return Events(**head(of), job=job, events=lines, unread=tuple(unread))


def lately(view: View, of: Of, job: str, turns: Callable[[str, float], Iterable[Turn]] | None) -> Events:
    """The same by what one cycle and the turns know: of placements that it holds, without what members say."""
    known = Known(view.plan, view.observation)
    held = known.held()
    keys = {held[one.placement].placement.class_key for one in concerned(known, job) if one.placement in held}
    changes = tuple(turn for key in sorted(keys) for turn in turns(key, 0.0)) if turns is not None else ()
    return events(known, of, job, Past(turns=changes), (ELSEWHERE,))


def told(known: Known, about: Iterable[Concern], past: Past) -> tuple[EventLine, ...]:
    """All events about these placements, each once."""
    first = {held.placement.id: held for held in past.first}
    last = {held.placement.id: held for held in past.last} | known.held()
    accounts = {account.placement: account for account in known.accounts}
    of_jobs = {one.key for view in known.observation.schedds for one in view.classes if one.job is not None}
    found = [*(_turned(turn, jobs=turn.key in of_jobs) for turn in past.turns), *past.members]
    for one in about:
        held, account = last.get(one.placement), accounts.get(one.placement)
        begun = first.get(one.placement, held)
        if begun is not None:
            found.append(_placed(begun))
        if held is not None:
            found += _of_held(held)
        if account is not None:
            found += _of_account(account)
        found += _claims(known, one, account)
    return tuple(sorted(dict.fromkeys(found), key=lambda line: (line.at, line.member, line.about, line.kind)))


def _turned(turn: Turn, *, jobs: bool) -> EventLine:
    """jobs: of a class of users' Kubernetes Jobs, which need no startd."""
    lacking = "a place" if jobs else "a startd"
    where = turn.reason.member if turn.reason else ""
    if turn.reason is None:
        return EventLine(
            turn.at, where, f"class {turn.key}", "fedsched", "provided-for", f"No job of it lacks {lacking}."
        )
    short = f"{turn.unmet} of {turn.idle} idle jobs lack {lacking}. {sentence(turn.reason, turn.at, jobs=jobs)}"
    return EventLine(turn.at, where, f"class {turn.key}", "fedsched", str(turn.reason.cause), short)


def _placed(held: Held) -> EventLine:
    place = held.placement
    text = f"{place.form} of {describe(place.size)} for {place.principal} on {place.member}/{place.node_group}."
    if held.adopted:
        return _ours(held, place.created_at, "adopted", f"{text} It was there already and is adopted.")
    why = f" {sentence(held.why, place.created_at)}" if held.why is not None and held.wanted == "run" else ""
    return _ours(held, place.created_at, "placed", f"{text}{why} {why_there(held)}")


def _of_held(held: Held) -> Iterator[EventLine]:
    place, noted = held.placement, held.why
    if held.written_at is not None:
        yield _ours(held, held.written_at, "written", f"{place.member} has it as {place.object_name}.")
    if held.slot_seen_at is not None:
        waited = f" after {age(held.slot_seen_at - held.written_at)}" if held.written_at else ""
        yield _ours(held, held.slot_seen_at, "slot-seen", f"Its slot is in the collector of {place.pool}{waited}.")
    if held.wanted in _GOING and noted is not None:
        kind, text = _GOING[held.wanted]
        at = held.leave_ordered_at or held.yields_at or noted.at or held.since
        yield _ours(held, at, kind, f"{text}. {sentence(noted, at)}")
    if held.failure is not None:
        at = held.failure.at or held.since
        yield _ours(held, at, "failed", sentence(held.failure, at))


def _of_account(account: Account) -> Iterator[EventLine]:
    name = f"placement {account.placement}"
    for pod, times in sorted(account.pods.items()):
        where = f" on {times.node}" if times.node else ""
        if times.started_at is not None:
            text = f"Its container runs{where}."
            yield EventLine(times.started_at, account.member, f"Pod {pod}", "fedsched", "pod-started", text)
        if times.ended_at is not None:
            code = "" if times.exit_code is None else f" with exit code {times.exit_code}"
            text = f"Its container ended{code}{where}."
            yield EventLine(times.ended_at, account.member, f"Pod {pod}", "fedsched", "pod-ended", text)
    if account.ended_at is not None:
        used = sum(one.seconds for one in account.claimed.values())
        why = sentence(account.reason, account.ended_at) if account.reason else ""
        text = f"Nothing of it is left; it was claimed for {age(used)}. {why}".rstrip()
        yield EventLine(account.ended_at, account.member, name, "fedsched", "gone", text)


def _claims(known: Known, one: Concern, account: Account | None) -> Iterator[EventLine]:
    """Claims on it, of the job that was asked about where there is one."""
    now = {
        (claim.job, claim.schedd, round(claim.since))
        for slot, claim in claims(known.observation)
        if slot.placement_id == one.placement
    }
    listed: set[tuple[str, str, int]] = set()
    for stay in account.stays if account else ():
        if not _is_of(one, stay.job, stay.schedd):
            continue
        key = (stay.job, stay.schedd, round(stay.since))
        listed.add(key)
        who = _who(stay.job, stay.schedd, str(stay.principal))
        yield _claim(one, stay.since, "claimed", f"{who} claims {stay.cpu_milli / 1000:g} cores", stay.pod)
        if key not in now:
            yield _claim(
                one, stay.until, "released", f"{who} was last seen after {age(stay.until - stay.since)}", stay.pod
            )
    for slot, claim in claims(known.observation):
        fresh = (claim.job, claim.schedd, round(claim.since)) not in listed
        if slot.placement_id == one.placement and fresh and _is_of(one, claim.job, claim.schedd):
            yield _claim(
                one, claim.since, "claimed", f"{_said(claim)} claims {claim.cpu_milli / 1000:g} cores", slot.pod
            )


def _said(claim: Claim) -> str:
    return _who(claim.job, claim.schedd, str(claim.principal))


def _who(job: str, schedd: str, principal: str) -> str:
    name = f"{job}@{schedd}" if schedd else job
    return f"Job {name} of {principal}" if job else f"A job of {principal}"


def _is_of(one: Concern, job: str, schedd: str) -> bool:
    return not one.job or one.job == (f"{job}@{schedd}" if schedd else job)


def _claim(one: Concern, at: float, kind: str, text: str, pod: str) -> EventLine:
    return EventLine(at, one.member, f"Pod {pod}" if pod else f"placement {one.placement}", "condor", kind, f"{text}.")


def _ours(held: Held, at: float, kind: str, text: str) -> EventLine:
    return EventLine(at, held.placement.member, f"placement {held.placement.id}", "fedsched", kind, text)
