"""One cycle: observe, decide, write down at once, carry out; what decides is passed in."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from fedsched import __version__
from fedsched.journal import Commit, Done, Intent, Journal, PlacementFiles, Recorded, RunFiles, digest
from fedsched.journal.crashpoints import checkpoint
from fedsched.log import log
from fedsched.loop.accounts import Accounts
from fedsched.loop.lanes import InlineLanes, Lanes, Result, ThreadLanes, key_of
from fedsched.loop.world import Clock, Fenced, World
from fedsched.matchmaker.explain import stand, turned
from fedsched.matchmaker.model import (
    Change,
    MemberTerms,
    Memory,
    Observation,
    Outcome,
    Plan,
    Policy,
    PoolTerms,
    Snapshot,
)

WAIT_FOR_OUTCOMES_S = 0.05
"""A cycle waits no longer for what it has dispatched; later outcomes come in with the next cycle."""
PARTS = ("observe", "decide", "commit", "act")

_LOG = log("loop")


class Mind(msgspec.Struct, frozen=True):
    """What decides: the matchmaker's two functions, the policy, the members' terms, and the pools'."""

    negotiate: Callable[[Snapshot, Policy], Plan]
    changes: Callable[[Observation, Plan], tuple[Change, ...]]
    policy: Policy
    terms: tuple[MemberTerms, ...]
    pools: tuple[PoolTerms, ...] = ()


class Decision(NamedTuple):
    """What one snapshot came to: the plan, and the changes that bring the world there."""

    plan: Plan
    changes: tuple[Change, ...]


def decide(mind: Mind, snapshot: Snapshot) -> Decision:
    """The part of a cycle between seeing and doing; pure, and the same for every world (plan, what-if, replay)."""
    plan = mind.negotiate(snapshot, mind.policy)
    return Decision(plan, mind.changes(snapshot.observation, plan))


class Options(msgspec.Struct, frozen=True):
    """How a loop runs. dispatch: False records plans and carries nothing out. inline: act in the caller's thread.

    told: called with each cycle once it is durable, in the loop's thread; for views and reports, not for deciding.
    quiet: cycles and changes are no events, as nothing of them happens (a run forward).
    """

    dispatch: bool = True
    inline: bool = False
    records: PlacementFiles | None = None
    runs: RunFiles | None = None
    told: tuple[Callable[[Recorded], None], ...] = ()
    quiet: bool = False


class Summary(msgspec.Struct, frozen=True):
    """What one cycle came to; the log's event and the health page are made from it. Durations in seconds."""

    cycle: int
    at: float
    decide_s: float
    total_s: float
    classes: int
    idle: int
    unmet: int
    phases: dict[str, int]
    issued: dict[str, int]
    results: dict[str, int]
    in_flight: int
    blind: tuple[str, ...]
    """Members, pools and schedds whose last answer was none."""
    parts: dict[str, float] = {}
    """What took how long: observe, decide, commit, act."""

    @property
    def partial(self) -> bool:
        """Whether something was not seen or not carried out."""
        return bool(self.blind or self.in_flight or set(self.results) - {"done", "gone"})


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        time.sleep(seconds)


class Loop:
    """Cycles over one world with one journal, whose lease this process holds. For one thread."""

    def __init__(self, world: World, journal: Journal, mind: Mind, clock: Clock, options: Options) -> None:
        """The journal's epoch must have been raised for this process before."""
        self._world = world
        self._journal = journal
        self._clock = clock
        self._options = options
        self._epoch = journal.epoch()
        self._memory: Memory = journal.memory()
        self._accounts = Accounts(journal.accounts())
        self._reasons = {turn.key: turn for turn in journal.standing_turns()}
        self._in_flight: dict[str, Intent] = {}
        self._results: Counter[str] = Counter()
        kind = InlineLanes if options.inline else ThreadLanes
        self._lanes: Lanes = kind(world, clock, self._epoch)
        self.mind = mind

    @property
    def mind(self) -> Mind:
        """What decides; replaced when files were read again, between two cycles."""
        return self._mind

    @mind.setter
    def mind(self, mind: Mind) -> None:
        self._mind = mind
        self._digests = digest(mind.policy), tuple((terms.name, digest(terms)) for terms in mind.terms)
        self._lanes.set_pace({terms.name: terms.budgets.requests_per_s for terms in mind.terms})

    def cycle(self) -> Summary:
        """One cycle. Raises Fenced when another fedsched took over, JournalError when nothing can be written down."""
        began = self._clock.monotonic()
        self._results.clear()
        self._collect(0.0, 0)
        snapshot = self._snapshot()
        moments = [began, self._clock.monotonic()]
        plan, wanted = decide(self._mind, snapshot)
        moments.append(self._clock.monotonic())
        plan = plan if self._options.dispatch else shadow(plan, self._memory)
        intents = self._intents(plan, wanted)
        self._commit(snapshot, plan, (intents, wanted), moments[-1] - moments[-2])
        moments.append(self._clock.monotonic())
        self._dispatch(intents)
        moments.append(self._clock.monotonic())
        summary = self._summary(snapshot.observation, plan, intents, moments)
        if not self._options.quiet:
            _LOG.info("cycle", **msgspec.to_builtins(summary))
            for notice in plan.notices:
                _LOG.info("notice", cycle=plan.cycle, **msgspec.to_builtins(notice))
        return summary

    def stop(self, timeout_s: float) -> None:
        """End the lanes; what ended within `timeout_s` seconds is still written down."""
        self._lanes.stop(timeout_s)
        self._collect(0.0, 0)

    def _snapshot(self) -> Snapshot:
        observation = self._world.observe(self._clock.now())
        for member in observation.members:
            if member.fence_epoch > self._epoch:
                raise Fenced(_fenced(member.name, self._epoch, member.fence_epoch))
        outcomes = self._journal.outcomes_since_last()
        mind, orders = self._mind, self._journal.orders()
        return Snapshot(observation, self._memory, mind.terms, orders, outcomes, self._epoch, mind.pools)

    def _intents(self, plan: Plan, wanted: tuple[Change, ...]) -> tuple[Intent, ...]:
        """New intents: wanted, not in flight, and their lane not in a pause. What waits unwanted is taken back."""
        by_key = {key_of(change): change for change in wanted}
        self._lanes.take_back(frozenset(by_key))
        if not self._options.dispatch:
            return ()
        new = [c for key, c in by_key.items() if key not in self._in_flight and self._lanes.is_open(c)]
        return tuple(
            Intent(f"{self._epoch}-{plan.cycle}-{number}", plan.cycle, self._epoch, plan.at, change)
            for number, change in enumerate(new)
        )

    def _commit(
        self, snapshot: Snapshot, plan: Plan, todo: tuple[tuple[Intent, ...], tuple[Change, ...]], decide_s: float
    ) -> None:
        intents, wanted = todo
        recorded = Recorded(
            snapshot=snapshot,
            plan=plan,
            issued=tuple(i.change for i in intents) if self._options.dispatch else wanted,
            seconds=decide_s,
            dispatch=self._options.dispatch,
            version=__version__,
            policy=self._digests[0],
            members=self._digests[1],
        )
        counted = self._accounts.update(snapshot.observation, plan, snapshot.terms)
        if self._options.runs is None:
            counted = counted._replace(runs=())
        turns = turned(self._reasons, plan)
        checkpoint("commit-before")
        self._journal.commit_cycle(Commit(recorded, self._mind.policy, intents, turns=turns, **counted._asdict()))
        checkpoint("commit-after")
        self._memory = plan.memory
        self._reasons = stand(self._reasons, turns)
        self._write_records()
        self._write_runs()
        for told in self._options.told:
            told(recorded)

    def _write_records(self) -> None:
        if self._options.records is None or not (ended := self._journal.ended_accounts()):
            return
        try:
            written = self._options.records.append(ended)
        except OSError as error:
            # They stay in the journal; the next cycle tries again.
            _LOG.error("records", error=str(error), waiting=len(ended))
            return
        checkpoint("records-written")
        self._journal.forget_ended(written)

    def _write_runs(self) -> None:
        if self._options.runs is None or not (over := self._journal.ended_runs()):
            return
        try:
            written = self._options.runs.append(over)
        except OSError as error:
            # The same.
            _LOG.error("records", error=str(error), waiting=len(over))
            return
        checkpoint("runs-written")
        self._journal.forget_runs(written)

    def _dispatch(self, intents: tuple[Intent, ...]) -> None:
        self._in_flight |= {key_of(intent.change): intent for intent in intents}
        if self._options.inline:
            # One at a time, each written down before the next is tried.
            for intent in intents:
                self._lanes.submit((intent,))
                self._collect(0.0, 1)
            return
        self._lanes.submit(intents)
        if intents:
            self._collect(WAIT_FOR_OUTCOMES_S, len(intents))

    def _collect(self, wait_s: float, expected: int) -> None:
        results = self._lanes.results(wait_s, expected)
        if not results:
            return
        self._journal.done(tuple(Done(r.intent.id, r.outcome) for r in results))
        checkpoint("done-after")
        for result in results:
            self._in_flight.pop(key_of(result.intent.change), None)
            self._tell(result)
        self._refuse_when_fenced([r.outcome for r in results if r.outcome])

    def _tell(self, result: Result) -> None:
        outcome = result.outcome
        if outcome is None:
            return
        self._results[outcome.result] += 1
        if self._options.quiet:
            return
        told: dict[str, Any] = {"what": outcome.what} if outcome.what else {}
        level = _LOG.info if outcome.result in {"done", "gone"} else _LOG.warning
        level(
            "change",
            **_words(outcome.change),
            intent=result.intent.id,
            result=outcome.result,
            seconds=round(result.seconds, 3),
            **told,
        )

    def _refuse_when_fenced(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.result == "fenced":
                raise Fenced(f"{_fenced(outcome.change.member, self._epoch, None)} ({outcome.what})")

    def _summary(
        self, observation: Observation, plan: Plan, intents: tuple[Intent, ...], moments: Sequence[float]
    ) -> Summary:
        """`moments`: when each part began, and the end of the last one."""
        parts = {part: round(end - begin, 4) for part, (begin, end) in zip(PARTS, pairwise(moments), strict=True)}
        return Summary(
            cycle=plan.cycle,
            at=plan.at,
            decide_s=parts["decide"],
            total_s=round(moments[-1] - moments[0], 4),
            classes=len(plan.classes),
            idle=sum(report.idle for report in plan.classes),
            unmet=sum(report.unmet for report in plan.classes),
            phases=dict(Counter(held.phase for held in plan.held)),
            issued=dict(Counter(_words(intent.change)["kind"] for intent in intents)),
            results=dict(self._results),
            in_flight=len(self._in_flight),
            blind=_blind(observation),
            parts=parts,
        )


def _blind(observation: Observation) -> tuple[str, ...]:
    members = [f"member {m.name}" for m in observation.members if m.contact != "ok"]
    pools = [f"pool {p.name}" for p in observation.pools if p.error or p.seen_at is None]
    schedds = [f"schedd {s.name}" for s in observation.schedds if s.error]
    return (*members, *pools, *schedds)


def _words(change: Change) -> dict[str, str]:
    """A change for the log: kind, member, placement, and what it is done to."""
    fields = msgspec.to_builtins(change)
    placement = fields["placement"]["id"] if "placement" in fields else fields.get("placement_id", "")
    words = {"kind": fields["type"], "member": fields.get("member", ""), "placement": placement}
    return words | {name: fields[name] for name in ("pod", "name", "pool", "queue", "job") if fields.get(name)}


def _fenced(member: str, ours: int, theirs: int | None) -> str:
    higher = f"epoch {theirs}" if theirs else "a higher epoch"
    return (
        f"member {member} has seen {higher}, ours is {ours}: another fedsched of this federation took over; "
        "this one stops. Find the other one, stop one of them, then start again: fedsched serve"
    )


def shadow(plan: Plan, before: Memory) -> Plan:
    """The plan, but remembering nothing that was only meant: with --dispatch=none no placement comes to be."""
    known = {held.placement.id for held in before.held}
    real = tuple(h for h in plan.memory.held if h.placement.id in known or h.written_at is not None)
    memory = msgspec.structs.replace(
        plan.memory, held=real, serial=before.serial, ramps=before.ramps, trust=before.trust
    )
    return msgspec.structs.replace(plan, memory=memory)
