"""Storms of partitions alone: members with running copies are cut off for lengths around the limits that matter."""

from __future__ import annotations

import random

import msgspec

from fedsched.matchmaker.model import Budgets, MemberTerms, Pending, Policy, Principal, Ramp, Silence, Startds
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import Scenario, SimMember, SimNodeGroup
from tests.faults.federations import PEOPLE, Federation
from tests.faults.jobs import FORMS, a_job
from tests.faults.mishaps import PATIENCE_S, Mishap

LIVES_S = (200, 300, 400)
"""How long a copy may live, by the policy."""
NEAR_S = (-25.0, -6.0, -1.0, 1.0, 6.0, 25.0)
"""A partition ends so long after a limit."""
IN_A_WRITE = 0.2
"""So many of the partitions begin while a copy is made."""
MARGIN_S = 35
"""Little more than the longest grace of a copy's pods: what is placed too early is found."""


def partition_storm(chance: random.Random) -> tuple[Federation, tuple[Mishap, ...]]:
    """Two or three members, some Jobs, two to four partitions of whoever runs a copy, and sometimes one thing more."""
    fed = _federation(chance)
    mishaps = _script(chance, fed)
    over_s = max(mishap.end for mishap in mishaps) + PATIENCE_S
    return msgspec.structs.replace(fed, storm_s=over_s), mishaps


def _federation(chance: random.Random) -> Federation:
    storm_s = float(chance.randrange(300, 600, 10))
    silent_s = chance.choice((20.0, 30.0))
    lives_s = chance.choice(LIVES_S)
    policy = Policy(
        name="partitions",
        ramp=Ramp(4, 10.0, 20),
        silence=Silence(silent_s / 2, silent_s, silent_s * 2, chance.choice((1, 2)), 40.0, 40.0, MARGIN_S),
        startds=Startds(lifetime_s=lives_s, retire_s=60, pending_s=90.0, keep_finished_s=10.0, intent_s=60.0),
        pending=Pending(least_s=60.0, most_s=200.0),
        backoff_s=30.0,
    )
    members = tuple(_member(chance, f"m{number}") for number in range(1, chance.choice((2, 3, 3)) + 1))
    who: tuple[Principal, ...] = PEOPLE[:3]
    jobs = [a_job(chance, number, storm_s * 0.5, who) for number in range(chance.randint(2, 4))]
    queued = tuple(sorted(jobs, key=lambda job: (job.at, job.id)))
    return Federation(Scenario(members, queued=queued), policy, storm_s, chance.choice((10.0, 15.0, 20.0)), 150.0)


def _member(chance: random.Random, name: str) -> SimMember:
    terms = MemberTerms(name, mode="on", image="worker", forms=FORMS, budgets=Budgets(10.0, 50, 10, 10))
    group = SimNodeGroup("g1", chance.randint(1, 3), Resources(8000, 32_768, 200_000, 0, 20))
    return SimMember(terms, (group,), chance.choice((2.0, 20.0)))


def _script(chance: random.Random, fed: Federation) -> tuple[Mishap, ...]:
    found = [_cut(chance, fed) for _ in range(chance.randint(2, 4))]
    more = chance.choice(("", "", "killed", "journal lost", "backup restored", "lost answers", "controller down"))
    if more:
        begin = round(chance.uniform(20.0, fed.storm_s - 60.0), 1)
        badness = float(chance.randint(1, 25)) if more in {"killed", "journal lost"} else 0.6
        target = chance.choice(fed.scenario.members).terms.name
        lasts_s = chance.choice((1.0, 60.0)) if more in {"killed", "journal lost"} else chance.choice((100.0, 300.0))
        found.append(Mishap(more, begin, begin + lasts_s, target, badness))
    return tuple(sorted(found, key=lambda m: (m.begin, m.kind, m.target)))


def _cut(chance: random.Random, fed: Federation) -> Mishap:
    """Whoever runs a copy then is cut off; one that nobody runs then falls on somebody."""
    policy = fed.policy
    lives_s = float(policy.startds.lifetime_s)
    limits = (policy.silence.silent_s, policy.silence.lost_s, lives_s, lives_s + MARGIN_S, 2 * lives_s + MARGIN_S)
    lasts_s = max(5.0, chance.choice(limits) + chance.choice(NEAR_S))
    begin = round(chance.uniform(20.0, fed.storm_s - 60.0), 1)
    kind = "cut off in a write" if chance.random() < IN_A_WRITE else "cut off"
    return Mishap(kind, begin, round(begin + lasts_s, 1), "", round(chance.random(), 2))
