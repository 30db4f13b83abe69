"""The same work under a real negotiator and under fedsched's core: what either gives to whom; no assertion here.

A scenario is written once. The pool's configuration is made from its policy by fedsched itself, so that the texts that
an admin gets are tested as well; the snapshot has one node with as many cores as the pool's startd.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from fedsched.condor.negotiator_config import commands, configuration
from fedsched.matchmaker.model import (
    ConcurrencyLimit,
    Group,
    Policy,
    Principal,
    PrincipalTerms,
    Sharing,
)
from fedsched.matchmaker.resources import Resources

if TYPE_CHECKING:
    from tests.laboratory.pool import Pool

CORES = 42
MIB_PER_CORE = 1024
FOREVER_S = 1e9
"""Half-life: what a scenario sets as usage stays, whoever holds slots meanwhile."""

STARTD = f"""\
NUM_CPUS = {CORES}
MEMORY = {CORES * MIB_PER_CORE}
SLOT_TYPE_1 = 100%
NUM_SLOTS_TYPE_1 = 1
SLOT_TYPE_1_PARTITIONABLE = True
SLOT_WEIGHT = Cpus
# the negotiator itself deals out the parts of the machine, one by one: otherwise a schedd carves what is left over
CONSUMPTION_POLICY = True
CONSUMPTION_CPUS = quantize(TARGET.RequestCpus, {{1}})
CONSUMPTION_MEMORY = quantize(TARGET.RequestMemory, {{1}})
CONSUMPTION_DISK = quantize(TARGET.RequestDisk, {{1}})
CLAIM_PARTITIONABLE_LEFTOVERS = False
# nobody is evicted: what is asked is who gets what is free
START = True
PREEMPT = False
RANK = 0
PREEMPTION_REQUIREMENTS = False
NEGOTIATOR_CONSIDER_PREEMPTION = False
# long enough to stop the negotiator between two cycles, even on a busy machine
NEGOTIATOR_INTERVAL = 3
NEGOTIATOR_MIN_INTERVAL = 3
NEGOTIATOR_CYCLE_DELAY = 3
STARTER_UPDATE_INTERVAL = 3600
JOB_START_COUNT = 100
"""
CYCLE_BEGINS, CYCLE_ENDS = "Started Negotiation Cycle", "Finished Negotiation Cycle"
MATCHED = "Successfully matched with"
DAEMONS = ("COLLECTOR", "NEGOTIATOR", "SCHEDD", "STARTD")
HEAD = """\
executable = /bin/sleep
transfer_executable = false
arguments = 100000
request_disk = 1
"""
WORK = """\
accounting_group = {group}
accounting_group_user = {user}
request_cpus = {cpus}
request_memory = {memory}
priority = {priority}
requirements = {requirements}
{limit}
queue {jobs}
"""


@dataclass(frozen=True)
class Work:
    """Jobs of one user that are alike. limit: the concurrency limit that each takes one of; fits: False for never."""

    user: str
    jobs: int = 2 * CORES
    group: str = ""
    cpus: int = 1
    memory: int = 16
    priority: int = 0
    limit: str = ""
    fits: bool = True


@dataclass(frozen=True)
class Scenario:
    """One question to both. factors, floors, ceilings, usage (real priority, cores): by user.

    before: work that runs already when `work` arrives. more: configuration that fedsched would not print. differs: why
    the real negotiator decides otherwise by design, "" where it must agree; theirs: then what it gives at least and at
    most, ours: what we give.
    """

    name: str
    work: tuple[Work, ...]
    before: tuple[Work, ...] = ()
    groups: tuple[Group, ...] = ()
    factors: dict[str, float] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)
    ceilings: dict[str, float] = field(default_factory=dict)
    usage: dict[str, float] = field(default_factory=dict)
    limits: tuple[ConcurrencyLimit, ...] = ()
    more: str = ""
    differs: str = ""
    theirs: dict[str, tuple[int, int]] = field(default_factory=dict)
    ours: dict[str, int] = field(default_factory=dict)

    def unit(self, user: str) -> int:
        """Cores of one slot of a user: what either judge can give or keep as a whole."""
        return max(one.cpus for one in (*self.before, *self.work) if one.user == user)

    @property
    def tag(self) -> str:
        """Before every user and group, so that no scenario meets another's accounts."""
        return "".join(word[0] for word in self.name.split()) + f"{len(self.name)}_"

    def users(self) -> dict[str, str]:
        """Each user's group."""
        return {one.user: one.group for one in (*self.before, *self.work)}

    def submitter(self, user: str, domain: str) -> Principal:
        """A user as both judges account it."""
        group = self.users()[user]
        return Principal(f"{self.tag}{group}" if group else "", f"{self.tag}{user}@{domain}")

    def policy(self, domain: str) -> Policy:
        """The policy that both are told."""
        principals = tuple(
            PrincipalTerms(
                str(self.submitter(user, domain)),
                self.factors.get(user, 1.0),
                self.floors.get(user, 0.0),
                self.ceilings.get(user, 0.0),
            )
            for user in self.users()
        )
        groups = tuple(msgspec.structs.replace(g, path=self.tag + g.path) for g in self.groups)
        sharing = Sharing(half_life_s=FOREVER_S, slot_weight="Cpus")
        return Policy("against", sharing=sharing, groups=groups, principals=principals, limits=self.limits)


def static(path: str, cores: int, *, surplus: bool = False) -> Group:
    """A group with a quota in cores."""
    quota = Resources(cpu_milli=cores * 1000)
    return Group(path, quota=quota, quota_names=frozenset({"cpu_milli"}), accept_surplus=surplus)


def part(path: str, fraction: float, *, surplus: bool = True) -> Group:
    """A group with a quota as a part of its parent's."""
    return Group(path, quota_fraction=fraction, accept_surplus=surplus)


# --- the real one


def real(pool: Pool, scenario: Scenario) -> dict[str, int]:
    """Cores that each user's jobs got when the negotiator has nothing more to give."""
    policy = scenario.policy(pool.trust_domain)
    _configure(pool, policy, scenario.more)
    for command in commands(policy):
        pool.run(*command.split())
    for user, usage in scenario.usage.items():
        name = str(scenario.submitter(user, pool.trust_domain))
        pool.run("condor_userprio", "-setprio", name, f"{usage}")
    # what the scenario before left behind went while this one was prepared
    pool.wait("free slots", lambda: not pool.slots('State == "Claimed"') and not pool.jobs("true", ["ClusterId"]), 60)
    try:
        if scenario.before:
            _settle(pool, scenario, scenario.before)
        _settle(pool, scenario, scenario.work)
        return _count(pool, scenario)
    finally:
        pool.run("condor_rm", "-all")


def _configure(pool: Pool, policy: Policy, more: str) -> None:
    """The printed configuration, in force: groups are seen with the very quotas."""
    (pool.folder / "config.d/60-scenario").write_text(f"{configuration(policy)}{more}\n")
    pool.run("condor_reconfig", "-daemon", "negotiator")
    wanted = {group.path for group in policy.groups}

    def seen() -> bool:
        where = ("-negotiator", "-allusers", "-constraint", "IsAccountingGroup", "-af", "Name")
        names = (pool.try_run("condor_userprio", *where) or "").split()
        return {name for name in names if name != "<none>"} == wanted

    pool.wait("the scenario's groups", seen, 30)


PATIENCE = 4
"""So many cycles may give nothing while nothing is claimed: the first can still see what the scenario before held."""


def _settle(pool: Pool, scenario: Scenario, work: tuple[Work, ...]) -> None:
    """Submits all and lets cycles happen, one at a time, until nothing is left or one finds nothing to give.

    The negotiator is stopped in between: it must see everybody's jobs in its first cycle, and all claims of a cycle in
    the next. One that is faster than the claims forgets its matches and gives beyond a quota (seen: 32 of 24).
    """
    wanted = Counter({str(scenario.submitter(one.user, pool.trust_domain)): 0 for one in work})
    for one in work:
        wanted[str(scenario.submitter(one.user, pool.trust_domain))] += one.jobs
    pool.pause_daemon("NEGOTIATOR")
    try:
        in_order = sorted(work, key=lambda one: one.limit)
        pool.submit("alice", HEAD + "".join(_describe(scenario, one) for one in in_order))
        pool.wait("everybody's jobs in the collector", lambda: _advertised(pool) >= wanted, 60)
        empty = 0 if _cycle(pool) else 1
        while (claimed := _claimed(pool)) < CORES and empty < (1 if claimed else PATIENCE):
            empty = 0 if _cycle(pool) else empty + 1
    finally:
        pool.resume_daemon("NEGOTIATOR")


def _advertised(pool: Pool) -> Counter[str]:
    return Counter({ad["Name"]: ad.get("IdleJobs", 0) for ad in pool.ads("Submitter")})


def _cycle(pool: Pool) -> int:
    """One whole negotiation cycle, and the claims that come of it; how many matches it made."""
    file = pool.folder / "log/NegotiatorLog"
    before = file.stat().st_size

    def said() -> str:
        """What the log tells of the first cycle that began since: the end of one before it does not count."""
        with file.open(errors="replace") as log:
            log.seek(before)
            return log.read().partition(CYCLE_BEGINS)[2]

    pool.resume_daemon("NEGOTIATOR")
    try:
        pool.wait("a negotiation cycle", lambda: CYCLE_ENDS in said(), 60)
    finally:
        pool.pause_daemon("NEGOTIATOR")
    pool.wait("claims that are all at work", lambda: _at_work(pool), 60)
    return said().count(MATCHED)


def _claimed(pool: Pool) -> int:
    return sum(int(ad["Cpus"]) for ad in pool.slots('State == "Claimed"'))


def _at_work(pool: Pool) -> bool:
    slots = pool.slots('SlotType == "Dynamic"')
    busy = [ad for ad in slots if ad["State"] == "Claimed" and ad["Activity"] == "Busy"]
    return len(slots) == len(busy) == len(pool.jobs("JobStatus == 2", ["ClusterId"]))


def _describe(scenario: Scenario, work: Work) -> str:
    who = scenario.submitter(work.user, "")
    return WORK.format(
        group=who.group,
        user=who.user.rstrip("@"),
        cpus=work.cpus,
        memory=work.memory,
        priority=work.priority,
        requirements="True" if work.fits else "TARGET.NoSuchThing =?= 7",
        # a line of a submit file holds for all that follows: those without a limit come first
        limit=f"concurrency_limits = {work.limit}" if work.limit else "",
        jobs=work.jobs,
    )


def _count(pool: Pool, scenario: Scenario) -> dict[str, int]:
    names = {str(scenario.submitter(user, pool.trust_domain)): user for user in scenario.users()}
    got: Counter[str] = Counter(dict.fromkeys(scenario.users(), 0))
    for ad in pool.slots('State == "Claimed"'):
        got[names[ad.get("AccountingGroup") or ad["RemoteOwner"]]] += int(ad["Cpus"])
    return dict(got)
