"""What cycles said one after the other: totals, evictions and notices lately; kept in memory, decides nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fedsched.client.documents import Eviction, Moment, NoticeLine
from fedsched.journal import Journal, Recorded
from fedsched.matchmaker.explain import sentence
from fedsched.matchmaker.model import Held, Policy, Sharing
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share import CE, Sizes

MOST_MOMENTS = 480
"""So many are shown; where there are twice as many, the older half loses every second one."""
MOST_EVICTIONS = 100
MOST_NOTICES = 100
MOST_RECALLED = 60
RECALL_S = 1.0
"""About so long a start may take to read cycles of before it."""
ROOM_MADE = frozenset({Cause.PREEMPTED, Cause.OWNER})
"""Causes for which a startd goes because somebody else needs its room."""
OWNERS_RULE = "OW2"


class Lately(NamedTuple):
    """What a chronicle knew at one time; never changes. policy: name of the last cycle's, "" where it is not known."""

    policy: str = ""
    moments: tuple[Moment, ...] = ()
    evictions: tuple[Eviction, ...] = ()
    notices: tuple[NoticeLine, ...] = ()


class Chronicle:
    """Told of each cycle by one thread; `lately` is read by any."""

    def __init__(self, policies: Callable[[str], Policy | None] | None = None) -> None:
        """`policies`: finds a policy by its digest, in the thread that tells; None where they are not known."""
        self.lately = Lately()
        self._policies = policies
        self._policy: Policy | None = None
        self._digest = ""
        self._moments: list[Moment] = []
        self._evictions: deque[Eviction] = deque(maxlen=MOST_EVICTIONS)
        self._notices: deque[NoticeLine] = deque(maxlen=MOST_NOTICES)
        self._going: frozenset[str] = frozenset()

    def see(self, recorded: Recorded) -> None:
        """Take note of one cycle; one that is not newer than the last is left out."""
        plan = recorded.plan
        if self._moments and plan.cycle <= self._moments[-1].cycle:
            return
        sharing = self._sharing(recorded.policy)
        self._moments = thinned([*self._moments, moment_of(recorded, sharing)], MOST_MOMENTS)
        going = {held.placement.id: held for held in plan.held if _makes_room(held)}
        self._evictions.extend(_eviction(going[one], plan.at) for one in sorted(going) if one not in self._going)
        self._going = frozenset(going)
        self._notices.extend(NoticeLine(plan.at, one.kind, one.text, one.member) for one in plan.notices)
        name = self._policy.name if self._policy else ""
        self.lately = Lately(
            name, tuple(self._moments), tuple(reversed(self._evictions)), tuple(reversed(self._notices))
        )

    def _sharing(self, digest: str) -> Sharing:
        """How core-equivalents are measured; as without a policy where it is not known."""
        if self._policies is not None and (self._policy is None or digest != self._digest):
            self._policy, self._digest = self._policies(digest), digest
        return self._policy.sharing if self._policy else Sharing()


def recalled(journal: Journal) -> Chronicle:
    """A chronicle that knows the newest cycles of a journal, as many as can be read in about `RECALL_S` seconds."""
    chronicle = Chronicle(journal.policy)
    numbers = [number for number, _ in journal.cycles()]
    if not numbers:
        return chronicle
    began = time.monotonic()
    last = journal.cycle(numbers[-1])
    many = int(min(MOST_RECALLED, RECALL_S / max(1e-3, time.monotonic() - began)))
    for recorded in journal.history(numbers[-many:][0], numbers[-1]) if many > 1 else filter(None, (last,)):
        chronicle.see(recorded)
    return chronicle


def thinned(moments: list[Moment], most: int) -> list[Moment]:
    """At most twice `most`: the newer half whole, of the older every second one, so that it still reaches back."""
    if len(moments) < 2 * most:
        return moments
    return moments[:most:2] + moments[most:]


def moment_of(recorded: Recorded, sharing: Sharing) -> Moment:
    """One cycle's totals in core-equivalents."""
    sizes = sizes_of(recorded, sharing)
    each = {demand.key: demand.request for view in recorded.observation.schedds for demand in view.classes}
    unmet = sum(sizes.of(each[one.key]) * one.unmet for one in recorded.plan.classes if one.unmet and one.key in each)
    starting, unclaimed, claimed, price = 0.0, 0.0, 0.0, 0.0
    for held in _standing(recorded):
        size = sizes.of(held.placement.size) * held.nodes
        taken = min(size, _taken(held, size))
        if held.phase in {"intended", "starting"}:
            starting += size
        else:
            claimed += taken
            unclaimed += size - taken
        price += held.placement.price_per_hour * held.nodes if held.pod_started_at is not None else 0.0
    return Moment(
        recorded.plan.at,
        recorded.plan.cycle,
        unmet=round(unmet / CE, 3),
        starting=round(starting / CE, 3),
        unclaimed=round(unclaimed / CE, 3),
        claimed=round(claimed / CE, 3),
        cost_per_hour=round(price, 4),
    )


def sizes_of(recorded: Recorded, sharing: Sharing) -> Sizes:
    """What measures requests in that cycle (FS2): by the policy's reference, else by the mean that it remembers."""
    if sharing.reference_names:
        return Sizes(sharing.reference, sharing.reference_names, sharing.slot_weight)
    amounts = dict(recorded.plan.memory.reference)
    fixed = {name: int(amounts.pop(name)) for name in Resources.__struct_fields__ if name in amounts}
    other = tuple(sorted((name, int(amount)) for name, amount in amounts.items()))
    reference = Resources(**fixed, other=other)
    return Sizes(reference, (name for name, _ in reference.items()), sharing.slot_weight)


def _taken(held: Held, size: int) -> float:
    """How much of a startd is claimed: the part of its cores that is, all of it where nobody counted cores."""
    cores = held.placement.size.cpu_milli * held.nodes
    if held.claimed_cpu_milli and cores:
        return size * min(1.0, held.claimed_cpu_milli / cores)
    return float(size) if held.phase == "claimed" else 0.0


def _standing(recorded: Recorded) -> Iterator[Held]:
    return (held for held in recorded.plan.held if held.phase != "gone")


def _makes_room(held: Held) -> bool:
    return held.wanted not in {"run", "clear"} and held.why is not None and held.why.cause in ROOM_MADE


def _eviction(held: Held, at: float) -> Eviction:
    placement, why = held.placement, held.why or Reason(Cause.PREEMPTED)
    ours = why.cause is Cause.PREEMPTED
    return Eviction(
        at=at,
        placement=placement.id,
        member=placement.member,
        principal=str(placement.principal),
        preemptor=why.what.rpartition(" ")[0] if ours else f"the owner of {placement.member}: {why.what}",
        rule=why.need if ours else OWNERS_RULE,
        lost=why.have if ours else "",
        text=sentence(why, at),
    )
