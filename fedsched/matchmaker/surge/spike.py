"""Spikes: when usable unmet demand begins and ends one (SU1), and which placements are counted in it (SU6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fedsched.matchmaker.model import ClassReport, Held, Memory, Notice, Spike, SurgeMemory, SurgeTerms
from fedsched.matchmaker.reasons import VERDICT_ORDER, Cause, Reason, Verdict
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.surge.report import Look, follow, sentence


class Facts(msgspec.Struct, frozen=True):
    """What one cycle came to. unmet: usable unmet demand in core-equivalents. gone: nothing is left of them."""

    unmet: float
    standing: tuple[Standing, ...] = ()
    gone: tuple[Held, ...] = ()
    new: tuple[Held, ...] = ()


USABLE = frozenset(verdict for verdict, order in VERDICT_ORDER.items() if order >= VERDICT_ORDER[Verdict.NOT_NOW])
"""Where jobs could run, were there room and leave."""


def usable_unmet(reports: Iterable[ClassReport], sizes: Mapping[str, int]) -> float:
    """Unmet jobs in core-equivalents of the classes that some member could run and nobody holds back (SU1).

    sizes: thousandths of a core-equivalent of one job, by class key.
    """
    return sum(r.unmet * sizes.get(r.key, 0) for r in reports if r.unmet and _usable(r)) / 1000


def _usable(report: ClassReport) -> bool:
    if not report.members:
        return report.verdict in USABLE
    return any(member.verdict in USABLE for member in report.members)


def watch(memory: Memory, facts: Facts, terms: SurgeTerms, at: float) -> tuple[SurgeMemory, tuple[Notice, ...]]:
    """Spikes after this cycle, and what an operator should hear. memory: as it was before the cycle.

    A spike begins with the moment from which demand stayed high, so what was started since then is counted in it.
    """
    known = memory.surge
    above = _since(known.above_since, at) if facts.unmet >= terms.on else None
    below = _since(known.below_since, at) if facts.unmet <= terms.off else None
    highest = max(facts.unmet, known.highest) if above is not None else 0.0
    now = msgspec.structs.replace(known, above_since=above, below_since=below, highest=highest)
    now = _began(_ended(now, terms, at), terms, at)
    joined = _joined(now, known, facts)
    before = {h.placement.id: h for h in memory.held} if now.spikes else {}
    look = Look(before, facts.standing, facts.gone, facts.new, memory.at, at)
    spikes = tuple(
        follow(_grown(spike, joined, facts.unmet) if spike.ended_at is None else spike, look, joined)
        for spike in now.spikes
    )
    now = msgspec.structs.replace(now, spikes=_kept(spikes, terms.keep_reports))
    return now, tuple(_told(known.spikes, spikes))


def leaked(surge: SurgeMemory, class_key: str, terms: SurgeTerms) -> Reason | None:
    """Why nothing more is started for a class in the present spike: others claimed too many of its startds (FS8)."""
    count = next((dict(s.leaks).get(class_key, 0) for s in surge.spikes if s.ended_at is None), 0)
    if count <= terms.max_leak:
        return None
    return Reason(Cause.LEAKED, "startds", f"at most {terms.max_leak}", f"{count} in this spike", source="policy surge")


def _since(before: float | None, at: float) -> float:
    return at if before is None else before


def _ended(surge: SurgeMemory, terms: SurgeTerms, at: float) -> SurgeMemory:
    """Ends the present spike when demand was low for long enough."""
    if surge.below_since is None or at - surge.below_since < terms.off_s:
        return surge
    spikes = tuple(msgspec.structs.replace(s, ended_at=at) if s.ended_at is None else s for s in surge.spikes)
    return msgspec.structs.replace(surge, spikes=spikes)


def _began(surge: SurgeMemory, terms: SurgeTerms, at: float) -> SurgeMemory:
    """Begins one when demand was high for long enough and none is there."""
    if surge.above_since is None or at - surge.above_since < terms.on_s:
        return surge
    if any(spike.ended_at is None for spike in surge.spikes):
        return surge
    spike = Spike(f"s{surge.serial + 1}", surge.above_since, peak=surge.highest)
    return msgspec.structs.replace(surge, spikes=(*surge.spikes, spike), serial=surge.serial + 1)


def _joined(now: SurgeMemory, before: SurgeMemory, facts: Facts) -> frozenset[str]:
    """Placements that are counted from now on: new ones, and with a spike's begin those made since demand is high."""
    spike = next((s for s in now.spikes if s.ended_at is None), None)
    if spike is None:
        return frozenset()
    found = {held.placement.id for held in facts.new}
    if all(s.id != spike.id for s in before.spikes):
        found |= {s.held.placement.id for s in facts.standing if s.held.placement.created_at >= spike.began_at}
    return frozenset(found)


def _grown(spike: Spike, joined: frozenset[str], unmet: float) -> Spike:
    ids = tuple(sorted({*spike.open_ids, *joined}))
    return msgspec.structs.replace(spike, peak=max(spike.peak, unmet), added=spike.added + len(joined), open_ids=ids)


def _kept(spikes: tuple[Spike, ...], keep: int) -> tuple[Spike, ...]:
    """All that are not over, and the last reports."""
    over = [spike.id for spike in spikes if spike.zero_at is not None]
    forgotten = set(over[: max(0, len(over) - keep)])
    return tuple(spike for spike in spikes if spike.id not in forgotten)


def _told(before: tuple[Spike, ...], after: tuple[Spike, ...]) -> Iterator[Notice]:
    """Begin, end and last report, each said once."""
    known = {spike.id: spike for spike in before}
    for spike in after:
        old = known.get(spike.id)
        if old is None:
            yield Notice("spike-began", f"spike {spike.id}: {spike.peak:.0f} core-equivalents of jobs wait")
        if spike.ended_at is not None and (old is None or old.ended_at is None):
            yield Notice(
                "spike-ended", f"spike {spike.id} is over; {len(spike.open_ids)} of its startds are there still"
            )
        if spike.zero_at is not None and (old is None or old.zero_at is None):
            yield Notice("spike-report", sentence(spike))
