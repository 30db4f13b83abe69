"""What can go wrong, as values: a script of mishaps drawn from a seed; what they do is told by the weather."""

from __future__ import annotations

import random

import msgspec

from tests.faults.federations import Federation

PATIENCE_S = 120.0
"""What is to fall on a copy of a Job waits so long for one, in seconds."""
AT_MEMBERS = (
    "silent",
    "silent",
    "given up",
    "slow",
    "stale view",
    "late view",
    "unauthorized",
    "lost answers",
    "timeouts",
    "refused",
    "no image",
    "no join",
    "pods killed",
    "node lost",
    "installed again",
    "foreign names",
    "forged objects",
)
EVERYWHERE = ("all silent", "schedd gone", "collector silent", "clock step", "suspended")
KILLS = ("killed", "journal lost", "journal broken")
OURS = ("killed", "killed", *KILLS, "second fedsched")
PEOPLE = ("cordon", "drain", "pause", "deny")
KINDS = tuple(sorted({*AT_MEMBERS, *EVERYWHERE, *OURS, *PEOPLE} - {"given up"}))
"""All that can hit; who is given up was silent for long."""


class Mishap(msgspec.Struct, frozen=True):
    """One mishap: from `begin` to `end` seconds after the beginning, to whom, and how bad, as its kind measures."""

    kind: str
    begin: float
    end: float
    target: str = ""
    badness: float = 0.0

    def holds(self, at: float) -> bool:
        return self.begin <= at < self.end


def script(chance: random.Random, fed: Federation) -> tuple[Mishap, ...]:
    """Two to eight mishaps, all over when the storm is."""
    found = [_mishap(chance, fed) for _ in range(chance.randint(2, 8))]
    return tuple(sorted(found, key=lambda m: (m.begin, m.kind, m.target)))


def _mishap(chance: random.Random, fed: Federation) -> Mishap:
    kind = chance.choice((*AT_MEMBERS, *AT_MEMBERS, *EVERYWHERE, *EVERYWHERE, *OURS, *OURS, *OURS, *PEOPLE))
    silent_s = fed.policy.silence.silent_s
    begin = round(chance.uniform(10, fed.storm_s - 40), 1)
    lasts_s, badness = _lasts_s(kind, chance, fed), round(chance.uniform(0.2, 0.9), 2)
    if kind in {"slow", "stale view"}:
        badness = chance.choice((0.3, 0.8, 1.4)) * silent_s
    if kind == "clock step":
        badness = chance.choice((-40.0, -10.0, 10.0, 40.0))
    if kind in KILLS:
        badness = float(chance.randint(1, 25))  # so many crash points are passed before
    end = min(begin + lasts_s, fed.storm_s)
    return Mishap("silent" if kind == "given up" else kind, begin, end, _target(kind, chance, fed), badness)


def _lasts_s(kind: str, chance: random.Random, fed: Federation) -> float:
    silence = fed.policy.silence
    if kind == "given up":
        return silence.lost_s + chance.choice((20.0, 90.0))
    if kind in {"lost answers", "timeouts", "refused"}:
        return 240.0  # writes are rare: a short one would meet none
    if kind in KILLS:
        return chance.choice((1.0, 20.0, 120.0))
    return chance.choice((15.0, silence.silent_s, silence.silent_s * 1.7, 90.0))


def _target(kind: str, chance: random.Random, fed: Federation) -> str:
    if kind == "schedd gone":
        return chance.choice(fed.scenario.schedds)
    if kind == "pause":
        return "*"
    if kind == "deny":
        return chance.choice(("physics.*", "*guest@home", *fed.scenario.schedds))
    return chance.choice(fed.scenario.members).terms.name
