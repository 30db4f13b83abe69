"""What is counted from cycle to cycle since the daemon's start; written by the loop's thread, read by any."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from fedsched.journal import Recorded
from fedsched.loop import Summary
from fedsched.matchmaker.model import Held, Memory, Spike
from fedsched.matchmaker.reasons import Cause
from fedsched.web.metrics.families import PHASE_BUCKETS_S
from fedsched.web.metrics.samples import Bars, Names, Samples

RULES = {Cause.OWNER: "OW2", Cause.ORDERED: "order"}
Count = tuple[str, str, str]
"""(metric, the other label, member)"""


class Tally:
    """Counts. A cycle is compared with the memory that it began with, so that a new daemon counts nothing twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_member: dict[Count, float] = {}
        self._plain: dict[tuple[str, str], float] = {}
        self._bars: dict[str, Bars] = {}
        self._last: Summary | None = None

    def see(self, recorded: Recorded) -> None:
        """A cycle is durable."""
        new = [*_ends(recorded), *_unclaimed(recorded), *_bills(recorded)]
        joined = {terms.name for terms in recorded.snapshot.terms}
        with self._lock:
            for count, value in new:
                self._by_member[count] = self._by_member.get(count, 0.0) + value
            # A member that left takes its series with it.
            self._by_member = {count: value for count, value in self._by_member.items() if count[2] in joined}

    def cycled(self, summary: Summary) -> None:
        """A cycle is over."""
        parts = {**summary.parts, "total": summary.total_s}
        with self._lock:
            self._last = summary
            self._add("cycles", "", 1)
            for kind, count in summary.issued.items():
                self._add("changes_issued", kind, count)
            for result, count in summary.results.items():
                self._add("changes", result, count)
            for part, seconds in parts.items():
                self._bars.setdefault(part, Bars(PHASE_BUCKETS_S)).note(seconds)

    def into(self, samples: Samples, members: Names) -> None:
        """All counts so far, and the newest cycle's durations."""
        with self._lock:
            for (name, label, member), value in self._by_member.items():
                samples.add(name, value, *_labels(name, label, members(member)))
            for (name, label), value in self._plain.items():
                samples.add(name, value, *((label,) if label else ()))
            for part, bars in self._bars.items():
                samples.bars["fedsched_cycle_seconds", (part,)] = bars.copy()
            if self._last is not None:
                _newest(self._last, samples)

    def _add(self, name: str, label: str, value: float) -> None:
        self._plain[name, label] = self._plain.get((name, label), 0.0) + value


def _newest(summary: Summary, samples: Samples) -> None:
    for part, seconds in {**summary.parts, "total": summary.total_s}.items():
        samples.add("cycle_last_seconds", seconds, part)
    samples.add("changes_in_flight", summary.in_flight)
    for kind in ("member", "pool", "schedd"):
        samples.add("blind", sum(one.startswith(f"{kind} ") for one in summary.blind), kind)


def _labels(name: str, label: str, member: str) -> tuple[str, ...]:
    """Labels in the order of the metric's family."""
    if name == "unclaimed_core_seconds":
        return (member,)
    return (member, label) if name == "spike_unclaimed_seconds" else (label, member)


def _ends(recorded: Recorded) -> Iterator[tuple[Count, float]]:
    """Evictions and failures that the cycle before did not know."""
    before = {held.placement.id: held for held in recorded.snapshot.memory.held}
    for held in recorded.plan.held:
        known = before.get(held.placement.id)
        for name, which in _JUDGED.items():
            label = which(held)
            if label and (known is None or not which(known)):
                yield (name, label, held.placement.member), float(held.nodes)


def _rule(held: Held) -> str:
    """The rule by which it must go for somebody else; "" where it need not."""
    if held.wanted in {"run", "clear"} or held.why is None:
        return ""
    if held.why.cause is Cause.PREEMPTED:
        return held.why.need if held.why.need.startswith("PR") and len(held.why.need) <= 4 else "PR"
    return RULES.get(held.why.cause, "")


def _failure(held: Held) -> str:
    return str(held.failure.cause) if held.failure else ""


_JUDGED: dict[str, Callable[[Held], str]] = {"evictions": _rule, "placement_failures": _failure}


def _unclaimed(recorded: Recorded) -> Iterator[tuple[Count, float]]:
    """Core-seconds of startds of which nothing is claimed, since the cycle before."""
    at, before = recorded.plan.at, recorded.snapshot.memory.at
    for held in recorded.plan.held:
        if held.phase == "unclaimed" and before > 0:
            seconds = max(0.0, at - max(before, held.since))
            cores = held.placement.size.cpu_milli / 1000 * held.nodes
            yield ("unclaimed_core_seconds", "", held.placement.member), seconds * cores


def _bills(recorded: Recorded) -> Iterator[tuple[Count, float]]:
    """What spikes' bills grew by."""
    before = {spike.id: _bill(spike) for spike in _spikes(recorded.snapshot.memory)}
    for spike in _spikes(recorded.plan.memory):
        known = before.get(spike.id, {})
        for (member, cause), seconds in _bill(spike).items():
            if (grown := seconds - known.get((member, cause), 0.0)) > 0:
                yield ("spike_unclaimed_seconds", cause, member), grown


def _spikes(memory: Memory) -> tuple[Spike, ...]:
    return memory.surge.spikes


def _bill(spike: Spike) -> dict[tuple[str, str], float]:
    return {(member, cause): seconds for member, cause, seconds in spike.unclaimed_s}
