"""The moment that a verb decides on without doing anything: the live federation, the last cycle, or a saved one."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fedsched.cli import output
from fedsched.cli.options import config_file
from fedsched.cli.output import Exit, Failure
from fedsched.config.settings import Federation, MemberFile
from fedsched.journal import Account
from fedsched.loop import Decision, decide
from fedsched.loop.lanes import key_of
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import Memory, Observation, Order, Outcome, Policy, PoolTerms, Snapshot
from fedsched.matchmaker.negotiate import negotiate

if TYPE_CHECKING:
    from fedsched.config import Files
    from fedsched.journal import Journal
    from fedsched.loop import LiveWorld, Mind

LOOK_S = 30.0
"""So long the members, pools and schedds have for their first answer."""
JUDGES_S = 5.0
"""So long is waited for negotiators after that."""
TRIES = 5
"""So often is looked again when a daemon has ended a cycle meanwhile."""


class Kept(msgspec.Struct, frozen=True):
    """What a journal adds to a look.

    trying: keys of changes that a running daemon has begun and not ended. served: there is one. reads: how often it
    had been answered by each schedd, by name.
    """

    memory: Memory = Memory()
    epoch: int = 0
    orders: tuple[Order, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    trying: frozenset[str] = frozenset()
    served: bool = False
    accounts: tuple[Account, ...] = ()
    reads: tuple[tuple[str, int], ...] = ()


class Moment(msgspec.Struct, frozen=True):
    """A snapshot with the policy that decides on it.

    source: where it comes from, for people. taken_at: when, in epoch seconds. stale: several cycles should have
    followed by now. files: members' files, where they are read. settings: None for a file without a federation.
    trying: keys of changes that a daemon is at. accounts: of placements, from which lengths of jobs are learnt.
    """

    snapshot: Snapshot
    policy: Policy
    source: str
    stale: bool = False
    files: tuple[MemberFile, ...] = ()
    settings: Federation | None = None
    trying: frozenset[str] = frozenset()
    accounts: tuple[Account, ...] = ()

    def decided(self) -> Decision:
        """What the next cycle comes to, without what a daemon is already trying."""
        plan, wanted = decide(self.mind, self.snapshot)
        return Decision(plan, tuple(change for change in wanted if key_of(change) not in self.trying))

    def but(self, snapshot: Snapshot, policy: Policy | None = None) -> Moment:
        """The same moment with something changed in it."""
        return msgspec.structs.replace(self, snapshot=snapshot, policy=policy or self.policy)

    @property
    def mind(self) -> Mind:
        """What decides on it."""
        from fedsched.loop import Mind

        return Mind(negotiate, changes, self.policy, self.snapshot.terms, self.snapshot.pools)

    @property
    def fresh_s(self) -> float:
        """An age that needs no mention, in seconds."""
        return self.settings.cadence.cycle_s if self.settings else 10.0

    @property
    def exit_code(self) -> Exit:
        """4 when it is old, 3 when part of the federation was not seen, else 0."""
        if self.stale:
            return Exit.STALE
        return Exit.PARTIAL if unseen(self.snapshot.observation) else Exit.DONE


def unseen(seen: Observation) -> tuple[str, ...]:
    """Members, pools and schedds whose last answer was none, with the reason where one is known."""
    members = [(f"member {m.name}", m.contact_error or m.contact) for m in seen.members if m.contact != "ok"]
    pools = [(f"pool {p.name}", p.error) for p in seen.pools if p.error or p.seen_at is None]
    schedds = [(f"schedd {s.name}", s.error) for s in seen.schedds if s.error]
    return tuple(f"{who}: {why}" if why else who for who, why in (*members, *pools, *schedds))


def live(config: Path | None, wait_s: float = LOOK_S) -> Moment:
    """Look at everybody once, as a starting daemon does; nothing is written anywhere. Raises ConfigError."""
    from fedsched.config import load
    from fedsched.daemon.starting import first_look
    from fedsched.federation import live_world
    from fedsched.log import configure
    from fedsched.loop import Agenda, SystemClock

    configure(level="critical")
    files = load(config_file(config))
    world = live_world(files.federation, files.members)
    with output.said(f"looking at {len(files.members)} members and {len(files.federation.pools)} pools"):
        world.start()
        try:
            first_look(world, SystemClock(), Agenda(), wait_s)
            _other_judges(world)
            seen, kept = _together(world, files.federation)
        finally:
            _stopped(world)
    return Moment(
        taken(seen, files, kept),
        files.policy,
        "live",
        files=files.members,
        settings=files.federation,
        trying=kept.trying,
        accounts=kept.accounts,
    )


def _other_judges(world: LiveWorld) -> None:
    """A little time for the negotiators' answers: groups and factors that they have decide, too (FS8)."""
    until = time.monotonic() + JUDGES_S
    while time.monotonic() < until:
        judges = [pool.negotiator for pool in world.observe(time.time()).pools if not pool.error]
        if all(one is None or one.seen_at is not None or one.error for one in judges):
            return
        world.wait(0.1)


def _together(world: LiveWorld, settings: Federation) -> tuple[Observation, Kept]:
    """An observation and what the journal had then: no cycle of a running daemon lies between the two."""
    kept = read_journal(settings)
    for _ in range(TRIES):
        seen, before = world.observe(time.time()), kept
        kept = read_journal(settings)
        if kept.memory.cycle == before.memory.cycle:
            break
    return seen, before


def taken(seen: Observation, files: Files, kept: Kept) -> Snapshot:
    """What a cycle that began now would decide on. Without a daemon that serves, with the epoch that one would take."""
    epoch = kept.epoch
    # A daemon has asked each schedd more often than we have, and counts on it (SU7).
    more = {name: reads for name, reads in kept.reads if kept.served}
    schedds = tuple(msgspec.structs.replace(v, reads=v.reads + more.get(v.name, 0)) for v in seen.schedds)
    seen = msgspec.structs.replace(seen, schedds=schedds)
    if not kept.served:
        epoch = max([epoch, int(seen.at), *(member.fence_epoch for member in seen.members)]) + 1
    terms = tuple(member.terms for member in files.members)
    pools = tuple(PoolTerms(pool.name, pool.negotiator) for pool in files.federation.pools)
    return Snapshot(seen, kept.memory, terms, kept.orders, kept.outcomes, epoch, pools)


def recorded(config: Path | None) -> Moment:
    """The last cycle as it was decided. Failure when there is none; says so when it is stale."""
    from fedsched.answers.view import LEAST_STALE_S, STALE_CYCLES
    from fedsched.cli.options import federation
    from fedsched.config import load_policy
    from fedsched.journal import open_journal
    from fedsched.matchmaker.explain import age

    settings = federation(config)
    journal = open_journal(settings.journal)
    try:
        cycle, accounts = journal.last_cycle(), _accounts(journal)
        policy = journal.policy(cycle.policy) if cycle is not None else None
    finally:
        journal.close()
    if cycle is None:
        raise Failure(Exit.STALE, "no cycle is recorded yet", "start one: fedsched serve --once --dispatch=none")
    if policy is None:
        policy = load_policy(settings.policy, settings.policies)
    age_s = max(0.0, time.time() - cycle.plan.at)
    stale = age_s > max(LEAST_STALE_S, STALE_CYCLES * settings.cadence.cycle_s)
    if stale:
        output.note(f"The last cycle is {age(age_s)} old: is `fedsched serve` running? This is about that moment.")
    source = f"cycle {cycle.plan.cycle}"
    return Moment(cycle.snapshot, policy, source, stale=stale, settings=settings, accounts=accounts)


def saved(file: Path) -> Moment:
    """A moment that `fedsched snapshot` saved. Failure (usage) when the file is none, or of a newer format."""
    from fedsched.replay import SnapshotError, read

    try:
        found = read(file)
    except SnapshotError as error:
        raise Failure(Exit.USAGE, str(error), "save one: fedsched snapshot FILE") from None
    except OSError as error:
        raise Failure(Exit.USAGE, f"{file}: {error.strerror}", "name a file of `fedsched snapshot`") from None
    return Moment(found.recorded.snapshot, found.policy, f"{file}")


def read_journal(settings: Federation) -> Kept:
    """What the journal has for the next cycle; nothing where there is no journal yet, and none is made."""
    from fedsched.journal import Holder, open_journal

    if not Path(settings.journal.partition(":")[2]).is_file():
        return Kept()
    journal = open_journal(settings.journal)
    try:
        lease, at = journal.lease(), time.time()
        served = lease is not None and lease.refuses(Holder.mine(), at)
        cycle = journal.last_cycle()
        schedds = cycle.observation.schedds if cycle is not None else ()
        return Kept(
            journal.memory(),
            journal.epoch(),
            journal.orders(),
            journal.outcomes_since_last(),
            frozenset(key_of(intent.change) for intent in journal.open_intents()) if served else frozenset(),
            served,
            _accounts(journal),
            tuple((view.name, view.reads) for view in schedds),
        )
    finally:
        journal.close()


def _accounts(journal: Journal) -> tuple[Account, ...]:
    return (*journal.accounts(), *journal.ended_accounts())


def _stopped(world: LiveWorld) -> None:
    """End it, without waiting for a peer that hangs: its threads end with this process."""
    ending = threading.Thread(target=world.stop, daemon=True)
    ending.start()
    ending.join(3.0)
