"""Kubernetes Jobs in random federations: queues with owners who change their minds, and what goes wrong with copies."""

from __future__ import annotations

import random

import msgspec

from fedsched.matchmaker.model import Form, Principal, Rerun
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import SimJob, SimMember, Window
from tests.faults.federations import PEOPLE, Federation
from tests.faults.mishaps import PATIENCE_S, Mishap

AT_MEMBERS = (
    "cut off",
    "cut off in a write",
    "backup restored",
    "backup restored",
    "copies deleted",
    "copies vanish",
    "controller down",
    "lost answers",
)
AT_QUEUES = ("queue silent", "queue's lost answers")
ORDERS = ("hold", "cancel", "prio")
KINDS = tuple(sorted({*AT_MEMBERS, *AT_QUEUES, *ORDERS}))
QUEUES = ("hub", "local")
FORMS: tuple[Form, ...] = ("startd-job", "job")
RERUNS: tuple[Rerun, ...] = ("after-deadline", "after-deadline", "after-deadline", "never")


def with_jobs(fed: Federation, chance: random.Random) -> Federation:
    """The same federation, whose members take users' Jobs, with one or two queues of them."""
    queued = tuple(a_job(chance, number, fed.storm_s) for number in range(chance.randint(2, 7)))
    scenario = fed.scenario
    members = tuple(taking_jobs(member) for member in scenario.members)
    scenario = msgspec.structs.replace(scenario, members=members, queued=_by_time(queued))
    return msgspec.structs.replace(fed, scenario=scenario, storm_s=fed.storm_s + PATIENCE_S)


def taking_jobs(member: SimMember) -> SimMember:
    """The member, which takes them beside startds."""
    return msgspec.structs.replace(member, terms=msgspec.structs.replace(member.terms, forms=FORMS))


def a_job(
    chance: random.Random,
    number: int,
    storm_s: float,
    who: tuple[Principal, ...] = PEOPLE,
    queues: tuple[str, ...] = QUEUES,
) -> SimJob:
    """One Job: mostly a single pod; now and then several, a gang, pods that fail, an owner who changes his mind."""
    at, pods = round(chance.uniform(0.0, storm_s * 0.8), 1), chance.choice((1, 1, 1, 2, 3))
    cores, runs_s = chance.choice((1, 1, 2, 4)), float(chance.randrange(30, 300, 10))
    deleted_at = round(at + chance.uniform(5, storm_s), 1) if chance.random() < 0.12 else None
    return SimJob(
        id=f"{chance.choice(('reana', 'prefect'))}/step-{number}",
        at=at,
        queue=chance.choice(queues),
        principal=chance.choice(who),
        request=Resources(cores * 1000, cores * 1024, 1024, 0, 1),
        runs_s=runs_s,
        pods=pods,
        completions=pods * chance.choice((0, 0, 0, 2)),
        exits=chance.choice(((), (), (), (7,), (137, 1), (1,) * 9)),
        backoff_limit=chance.choice((0, 2, 6)),
        deadline_s=chance.choice((0, 0, 0, 0, int(runs_s * 0.7), int(runs_s * 3))),
        gang=pods > 1 and chance.random() < 0.5,
        rerun=chance.choice(RERUNS),
        priority=chance.choice((0, 0, 5)),
        suspended=_suspended(chance, at),
        deleted_at=deleted_at,
        lingers_s=chance.choice((0.0, 20.0)),
        edited_at=tuple(round(at + chance.uniform(0, 200), 1) for _ in range(chance.choice((0, 0, 1, 3)))),
    )


def _suspended(chance: random.Random, at: float) -> tuple[Window, ...]:
    if chance.random() >= 0.15:
        return ()
    begin = round(at + chance.choice((-5.0, chance.uniform(0, 150))), 1)
    return (Window(begin, round(begin + chance.uniform(10, 120), 1)),)


def _by_time(queued: tuple[SimJob, ...]) -> tuple[SimJob, ...]:
    return tuple(sorted(queued, key=lambda job: (job.at, job.id)))


def script(chance: random.Random, fed: Federation) -> tuple[Mishap, ...]:
    """One to three mishaps of Jobs, all over when the storm is."""
    return tuple(_mishap(chance, fed) for _ in range(chance.randint(1, 3)))


def _mishap(chance: random.Random, fed: Federation) -> Mishap:
    kind = chance.choice((*AT_MEMBERS, *AT_QUEUES, *ORDERS))
    begin = round(chance.uniform(20, fed.storm_s - PATIENCE_S - 40), 1)
    badness = round(chance.uniform(0.2, 0.9), 2)
    target = chance.choice(fed.scenario.members).terms.name
    if kind in AT_QUEUES:
        target = chance.choice(QUEUES)
    long = "lost answers" in kind or kind == "backup restored"
    lasts_s = chance.choice((150.0, 300.0)) if long else chance.choice((15.0, 45.0, 90.0))
    return Mishap(kind, begin, min(begin + lasts_s, fed.storm_s - PATIENCE_S), target, badness)
