"""The recipe: one snapshot and a policy in, one plan out. Each step's rules live in the module that it calls."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from fedsched.matchmaker import fill, jobs, share, surge
from fedsched.matchmaker.book import Book
from fedsched.matchmaker.bounds import Bounds
from fedsched.matchmaker.breaker import learn_breakers, resting
from fedsched.matchmaker.classad import crowd
from fedsched.matchmaker.health import Health, look
from fedsched.matchmaker.learn import learn_members, learn_pairs
from fedsched.matchmaker.model import ClassReport, Memory, Plan, Policy, QueuedJob, Snapshot
from fedsched.matchmaker.negotiate.asking import asks, classes_of, lost_members
from fedsched.matchmaker.negotiate.going import Needs, who_goes
from fedsched.matchmaker.negotiate.making_room import make_room
from fedsched.matchmaker.negotiate.places import places_of
from fedsched.matchmaker.negotiate.writing_up import Done, written_up
from fedsched.matchmaker.options import Choosing, Ground, Table
from fedsched.matchmaker.purse import Purse
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.reconcile import Again, Reconciled, Standing, reconcile


class Kept(NamedTuple):
    """What a round found out that the next need not find again; it only saves time. For one who decides, in order.

    ground: of places. again, pages, calm: of startds that stand as they stood: which these are, what they say of who
    holds how much, and which of them take no further job.
    """

    ground: Ground | None = None
    pages: share.Pages | None = None
    again: Again | None = None
    calm: surge.Groups | None = None


def negotiate(snapshot: Snapshot, policy: Policy) -> Plan:
    """Decide what should exist. Equal arguments give an equal plan; nothing outside them is read."""
    return negotiated(snapshot, policy, Kept())[0]


def negotiated(snapshot: Snapshot, policy: Policy, kept: Kept) -> tuple[Plan, Kept]:
    """The same plan, whatever is kept, and what to keep for the next round.

    1. Members' health, and whether it is ourselves who are cut off (FA1, FA2). Frozen: nothing moves.
    2. Memory meets observation: phases, failures, ghosts, orphans (FA7, FA8); which users' Jobs wait (FA4).
    3. Learn: slots seen, failures, refusals, start-up times, trust (MA6, X8, X9, S4, SU7).
    4. Shares: use ages, and lent capacity is divided down the tree of groups (FS1-FS5, FS8).
    5. What must go: finished, failed, expired, ordered, cordoned, the owner's pods, no longer wanted (OW2, PR5, SU5).
    6. What supply there is for each class (SU2), and how fast it may grow (SU3, SU7).
    7. Turns, lowest level first, until nothing fits (FS6): within bounds (FS1), open tiers and budgets (SU4).
    8. Room by eviction for those whose right it is and who found none (PR1-PR7).
    9. Spike, tiers and budgets are written up (SU1, SU4, SU6). Every job that is left has its reason (RE1), and
       users' Jobs are told how they stand.
    """
    begun = _begun(snapshot, policy, kept)  # 1-6
    turns = begun.turns
    if turns is None:
        return _frozen(begun), kept
    filled = fill.fill(begun.asked, turns)  # 7
    standing, reports, base = make_room(filled, turns, begun.standing, begun.base)  # 8
    snapshot, health, facts, shared = begun.snapshot, begun.health, begun.facts, turns.shared
    telling = jobs.Telling(
        jobs.known(snapshot), (*standing, *map(Standing, filled.new)), {report.key: report for report in reports}
    )
    done = Done(snapshot, policy, standing, facts.gone, filled, reports)
    base, drift, said = written_up(done, base, turns)  # 9
    plan = Plan(
        cycle=base.cycle,
        at=snapshot.at,
        held=base.held,
        classes=reports,
        memory=base,
        notices=(*health.notices, *facts.notices, *said),
        ghosts=facts.ghosts,
        sweep=facts.sweep,
        adopt=facts.adopt,
        shares=tuple(line for _, line in sorted(shared.lines.items())),
        drift=drift,
        drive=share.driven(policy, snapshot.observation.pools, snapshot.pools),
        tell=jobs.told(snapshot.observation, telling),
    )
    return plan, Kept(turns.table.ground, begun.pages, facts.again, begun.calm)


def fares(snapshot: Snapshot, policy: Policy, key: str) -> ClassReport | None:
    """How one class fares in the same decision: what `negotiate` places for it and answers of it, and nothing else.

    Steps 1 to 7 as far as they concern it. Its reasons are those of its last turn. None for a class that does not ask.
    """
    begun = _begun(snapshot, policy, Kept())
    if begun.turns is None:
        return next((report for report in _frozen(begun).classes if report.key == key), None)
    return fill.fill_for(begun.asked, begun.turns, key)


class _Begun(NamedTuple):
    """The recipe up to its turns; None for `turns` where we are frozen, and then `asked` and `standing` are empty."""

    snapshot: Snapshot
    health: Health
    facts: Reconciled
    base: Memory
    standing: tuple[Standing, ...] = ()
    asked: tuple[fill.Ask, ...] = ()
    turns: fill.Round | None = None
    pages: share.Pages | None = None
    calm: surge.Groups | None = None


def _begun(snapshot: Snapshot, policy: Policy, kept: Kept) -> _Begun:
    snapshot = _bounded(snapshot, policy)
    memory, at = snapshot.memory, snapshot.at
    health = look(
        snapshot.observation.members, memory.members, memory.frozen_since, (memory.at, at), policy.silence
    )  # 1
    facts = reconcile(snapshot, policy.startds, policy.pending, kept.again)  # 2
    base = _learn(snapshot, policy, health, facts)  # 3
    if health.frozen_since is not None:
        return _Begun(snapshot, health, facts, base)
    snapshot, facts, waits = _with_jobs(snapshot, facts, base)
    places = places_of(snapshot, base, policy.startds)
    table = Table(places, Choosing(policy, snapshot.orders, at), classes_of(snapshot), kept.ground)
    pages = share.Pages(kept.pages)
    there = share.There(facts.standing, facts.restless, facts.quiet, pages)
    shared = share.look(snapshot, policy, base, there, table.possible)  # 4
    base = shared.remembered(base)
    calm = surge.grouped(facts.again, facts.quiet, kept.calm or {}, kept.again or {})
    wanted = surge.asked(snapshot.observation.schedds, at, calm)
    standing, base = who_goes(snapshot, policy, facts, base, Needs(wanted, calm))  # 5
    asked = asks(snapshot, policy, standing, base, wanted)  # 6
    turns = _round(msgspec.structs.replace(snapshot, memory=base), policy, standing, table, shared)
    turns.jobs = waits
    return _Begun(snapshot, health, facts, base, standing, asked, turns, pages, calm)


def _with_jobs(
    snapshot: Snapshot, facts: Reconciled, base: Memory
) -> tuple[Snapshot, Reconciled, dict[str, deque[QueuedJob]]]:
    """Queues' classes counted by the Jobs that wait, copies as their owners want them, and the Jobs that wait."""
    said = jobs.known(snapshot)
    if not any(stand.held.placement.form == "job" for stand in facts.restless):
        waits = jobs.waiting(snapshot.observation, (), said)
        return (
            msgspec.structs.replace(snapshot, observation=jobs.counted(snapshot.observation, (), waits)),
            facts,
            waits,
        )
    views = {view.name: view for view in snapshot.observation.members}
    standing, told = jobs.let_go(facts.standing, said)
    standing, over = jobs.given_up(standing, said, views, lost_members(base))
    standing = jobs.follow(standing, said)
    waits = jobs.waiting(snapshot.observation, standing, said)
    seen = jobs.counted(snapshot.observation, standing, waits)
    restless = tuple(stand for stand in standing if stand.held.placement.id not in facts.quiet)
    facts = msgspec.structs.replace(facts, standing=standing, restless=restless, gone=(*facts.gone, *told, *over))
    return msgspec.structs.replace(snapshot, observation=seen), facts, waits


def _bounded(snapshot: Snapshot, policy: Policy) -> Snapshot:
    """No schedd is thought about longer than others, whatever it asks (MA7); orders come in their own order."""
    seen = snapshot.observation
    heard = crowd.heard(seen.schedds, policy.max_classes)
    orders = tuple(sorted(snapshot.orders, key=lambda order: (order.kind, order.target)))
    return msgspec.structs.replace(snapshot, observation=msgspec.structs.replace(seen, schedds=heard), orders=orders)


def _learn(snapshot: Snapshot, policy: Policy, health: Health, facts: Reconciled) -> Memory:
    """What one look teaches, remembered whatever is decided after."""
    memory, at = snapshot.memory, snapshot.at
    return msgspec.structs.replace(
        memory,
        cycle=memory.cycle + 1,
        at=at,
        since=memory.since if memory.cycle else at,
        frozen_since=health.frozen_since,
        members=learn_members(snapshot, facts.standing, health.members, facts.restless),
        pairs=learn_pairs(snapshot, facts.standing, policy),
        breakers=learn_breakers(memory, facts.standing, policy, at, facts.restless),
        trust=surge.learn_trust(memory, facts.fresh, facts.gone, at),
    )


def _round(
    snapshot: Snapshot, policy: Policy, standing: tuple[Standing, ...], table: Table, shared: share.Shared
) -> fill.Round:
    """Everything that this round may spend."""
    at, base, places = snapshot.at, snapshot.memory, tuple(site.place for site in table.sites())
    book = Book(places, standing, policy, at)
    return fill.Round(
        table=table,
        policy=policy,
        at=at,
        epoch=snapshot.epoch,
        serial=base.serial,
        shared=shared,
        book=book,
        purse=Purse(policy, base, standing, places, at),
        bounds=Bounds(shared, policy, standing, classes_of(snapshot)),
        breakers=dict(base.breakers),
        resting=resting(base.breakers),
        together=surge.together(base.ramps, policy.ramp, at),
        ends=fill.Ends(book),
        grows=any(place.group.can_grow_to > place.group.nodes for place in places),
    )


def _frozen(begun: _Begun) -> Plan:
    """Nothing moves, nothing expires; every waiting job is told that it is us (FA2)."""
    snapshot, health, facts, base = begun.snapshot, begun.health, begun.facts, begun.base
    held = tuple(s.held for s in facts.standing)
    why = Reason(Cause.FROZEN, "members that answer", "most", "few", at=health.frozen_since)
    reports = tuple(
        ClassReport(d.key, d.idle, 0, 0, d.idle, Verdict.NOT_NOW, why, ((d.idle, why),)) for d in classes_of(snapshot)
    )
    memory = msgspec.structs.replace(base, held=held)
    return Plan(base.cycle, snapshot.at, held, reports, memory, notices=(*health.notices, *facts.notices))
