"""Puts the invariants between a loop and its simulated world: each write and each cycle is judged when it is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from fedsched.journal import Journal, JournalError, Recorded
from fedsched.loop import World as LoopWorld
from fedsched.matchmaker.model import Change, CreateObject, DeleteObject, MemberTerms, Observation, Outcome, Policy
from fedsched.matchmaker.surge.ramp import ALL
from fedsched.sim.world import SimWorld
from fedsched.study.invariants import truth
from fedsched.study.invariants.copies import COPIES, WRITING_COPIES
from fedsched.study.invariants.growth import GROWTH
from fedsched.study.invariants.members import MEMBERS, YIELDING
from fedsched.study.invariants.owner import OWNER
from fedsched.study.invariants.past import Journaled, World
from fedsched.study.invariants.rights import RIGHTS
from fedsched.study.invariants.room import ROOM
from fedsched.study.invariants.standing import STANDING
from fedsched.study.invariants.step import REACHED, Step, Write
from fedsched.study.invariants.telling import TELLING
from fedsched.study.invariants.writing import WRITING

StepRule = Callable[[Step], Iterable[str]]
WriteRule = Callable[[Write], Iterable[str]]
STEPS: tuple[StepRule, ...] = (*MEMBERS, *STANDING, *ROOM, *RIGHTS, *GROWTH, *TELLING, *OWNER, *COPIES)
WRITES: tuple[WriteRule, ...] = (*WRITING, *WRITING_COPIES)


class Broken(AssertionError):  # noqa: N818 - a finding, which the caller reports
    """A safety property that did not hold; the message names property, rule, and what was seen."""


class Checker(LoopWorld):
    """A World that passes everything on and judges it, for one process with one journal.

    Give it to the loop as its world, and `told` as one of the loop's options. `past` is shared by processes of one
    federation. counted: how often each property was looked at with something to judge, by name.
    """

    def __init__(self, world: SimWorld, journal: Journal, policy: Policy, terms: Iterable[MemberTerms]) -> None:
        self.world = world
        self.journal = journal
        self.policy = policy
        self.terms = {one.name: one for one in terms}
        self.past = World()
        self.before = Journaled()
        self.found: list[str] = []
        self.writes: Counter[str] = Counter()
        self.epoch = 0
        self._stopped = False

    # -- the world, as the loop sees it

    def observe(self, at: float) -> Observation:
        """See World."""
        return self.world.observe(at)

    def wait(self, timeout_s: float) -> bool:
        """See World."""
        return self.world.wait(timeout_s)

    def claim(self, member: str, epoch: int) -> int:
        """See World; remembers under which epoch this process writes, and whether it met a higher one (FA5)."""
        self.epoch = epoch
        if self._stopped:
            self.found.append(f"FA5 who met a higher epoch tries nothing more: {member} was claimed for {epoch}")
        standing = self.world.claim(member, epoch)
        self._stopped = self._stopped or standing > epoch
        return standing

    def act(self, change: Change) -> Outcome:
        """See World; judges the write. What is broken is told after the cycle: a loop takes no exception from here."""
        target = truth.target(self.world, change)
        intended = self._is_intended(change)
        outcome = self.world.act(change)
        self.before.answers += 1
        self._remember(change, outcome, target)
        write = Write(
            change,
            outcome,
            self.epoch,
            self.world.now(),
            target,
            intended,
            self._stopped,
            self.world,
            self.past,
            frozenset(self.before.known),
        )
        self._judge((rule.__name__, rule.__doc__, rule(write)) for rule in WRITES)
        self._stopped = self._stopped or outcome.result == "fenced"
        if outcome.result == "done" and write.member:
            self.past.highest[write.member] = max(self.past.highest.get(write.member, 0), self.epoch)
        self.writes[f"{type(change).__name__} {outcome.result}"] += 1
        return outcome

    # -- cycles

    def told(self, recorded: Recorded) -> None:
        """Judge one cycle; Broken when something does not hold, in it or in what was written before."""
        self.before.intended = None
        self._listen(recorded)
        self._look(recorded)
        step = Step(recorded, self.world, self.policy, self.terms, self.past, self.before)
        self._count(step)
        self._judge((rule.__name__, rule.__doc__, rule(step)) for rule in STEPS)
        self._hear(recorded)
        self.before.answers = 0
        self.past.at = self.world.now()
        self.past.strangers = truth.strangers(self.world)
        self.verify()

    def verify(self) -> None:
        """Raise Broken for all that was found since the last time."""
        if self.found:
            found, self.found = self.found, []
            raise Broken("\n".join(found))

    def restarted(self) -> None:
        """A new process goes on with the same journal: what it saw itself begins anew."""
        self._stopped = False
        self.before.answers = 0
        self.before.intended = None
        self.before.looking_since = 0.0

    def removed(self, member: str) -> None:
        """The member was installed again: fences and objects are gone, and none of that was ours."""
        self.past.highest.pop(member, None)

    def restored(self, member: str, revived: Iterable[str]) -> None:
        """The member's data are those of an older backup: its fence too, and objects that had ended stand again."""
        self.past.highest.pop(member, None)
        self.past.revived.update((uid, 0) for uid in revived)

    def planted(self, uid: str, what: str) -> None:
        """Somebody else has put an object with our labels there."""
        self.past.made[uid] = what

    # -- inside

    def _judge(self, rules: Iterable[tuple[str, str | None, Iterable[str]]]) -> None:
        for name, doc, sentences in rules:
            for sentence in sentences:
                rule = (doc or "").partition(":")[0]
                told = f"cycle {self.world.monotonic():.0f} s"
                self.found.append(f"{rule} {name.replace('_', ' ')}: {sentence} ({told})")

    def _is_intended(self, change: Change) -> bool:
        """Whether the journal holds it as open; read once a cycle, and again where that does not tell."""
        known = self.before.intended
        if known is not None and change in known:
            return True
        try:
            self.before.intended = frozenset(intent.change for intent in self.journal.open_intents())
        except JournalError:
            return False
        return change in self.before.intended

    def _remember(self, change: Change, outcome: Outcome, target: truth.Target | None) -> None:
        """Which object this write has made, whatever answer came back."""
        if not isinstance(change, CreateObject) or target is not None or outcome.result == "fenced":
            return
        member = self.world.members.get(change.member)
        thing = member.api.things.get(change.placement.object_name) if member else None
        if thing is not None and thing.ours:
            self.past.made[thing.uid] = thing.placement.id
            if thing.copy is not None:
                self.past.copies.setdefault(thing.placement.job_uid, {})[thing.uid] = thing.copy
                self.past.disputed |= set() if self.past.rival_at is None else {thing.placement.job_uid}

    def _listen(self, recorded: Recorded) -> None:
        """Who answered, as this process saw it, and since when it has looked without a pause."""
        at, before = recorded.plan.at, self.before
        if not before.looking_since or at < before.at or at - before.at > self.policy.silence.silent_s / 2:
            before.looking_since = at
        if at < before.at:
            before.evictions.clear()  # our clock was set back: its minutes cannot be compared
        before.at = at
        for view in recorded.observation.members:
            fresh = view.contact_at > before.contact.get(view.name, 0.0)
            before.contact[view.name] = max(view.contact_at, before.contact.get(view.name, 0.0))
            if fresh and view.contact in REACHED:
                before.heard_at[view.name] = at

    def _look(self, recorded: Recorded) -> None:
        """Objects that were to go by now, and how often this journal has seen those that came back."""
        seen = {thing.uid for thing in recorded.observation.objects}
        self.past.deleted |= {change.uid for change in recorded.issued if isinstance(change, DeleteObject)}
        self.past.deleted |= {held.uid for held in recorded.plan.held if held.wanted not in {"run", "leave"}}
        for uid in seen & self.past.revived.keys():
            self.past.revived[uid] += 1

    def _hear(self, recorded: Recorded) -> None:
        """Objects that this journal knows from now on; each cycle is judged by what was known before it.

        Of one that it only ever saw on its way out it does not know whose order that was: an older journal did.
        """
        seen = {thing.uid for thing in recorded.observation.objects if not thing.deleting}
        told = {outcome.uid for outcome in recorded.snapshot.outcomes if outcome.uid}
        self.before.known |= seen | told | {held.uid for held in recorded.plan.held if held.uid}

    def _count(self, step: Step) -> None:
        """Starts by interval, evictions by member."""
        ramps = step.plan.memory.ramps
        promised = {held.yields_to for held in step.known.values() if held.yields_to}
        for held in step.new:
            if held.placement.class_key in promised or held.placement.form == "job":
                continue  # counted when its room was asked for; a Job is not placed ahead of demand
            for key in (held.placement.class_key, ALL):
                if key in ramps:
                    where = (key, ramps[key].until)
                    step.before.started[where] = step.before.started.get(where, 0) + 1
        for held in step.plan.held:
            then = step.known.get(held.placement.id)
            evicted = held.why is not None and held.why.cause in YIELDING and held.wanted in {"leave", "vacate"}
            if evicted and then is not None and then.wanted == "run":
                step.before.evictions.setdefault(held.placement.member, []).append(step.at)


__all__ = ["STEPS", "WRITES", "Broken", "Checker"]
