"""The tables of policies/NAME.toml: every key with the bounds that its type alone does not tell."""

from __future__ import annotations

from functools import partial

from fedsched.config.derive import keys_of, table_of
from fedsched.config.federation import NAME
from fedsched.config.gate import EXPRESSION
from fedsched.config.kinds import Duration, Hours, ListOf, Number, Pairs, Text
from fedsched.config.tables import Table
from fedsched.matchmaker.model import Policy, Ramp, Silence, Startds
from fedsched.matchmaker.model.shares import ConcurrencyLimit, Group, Preemption, PrincipalTerms, Reservation, Sharing
from fedsched.matchmaker.model.spikes import Breaking, Pending, SurgeTerms, Tier, Window

_COUNT = Number(least=1, whole=True)
_PART = Number(most=1)
_POSITIVE = Number(least=0.001)
_SPAN = Duration(least=1)
_WINDOW = Duration(least=60)
_PATH = Text(
    pattern=r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,15}",
    wanted='the dotted path of a group, such as "physics.hep"',
)
_GLOB = Text(pattern=r"\S{1,253}", wanted="a pattern without spaces")
_WORD = Text(pattern=r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", wanted="the name of a concurrency limit")


class Limits(Pairs, frozen=True):
    """name = units, read as ConcurrencyLimits by name."""

    def read(self, value: object) -> tuple[ConcurrencyLimit, ...]:
        """The limits."""
        return tuple(ConcurrencyLimit(name, units) for name, units in super().read(value))


RAMP = table_of(Ramp, kinds={"first": _COUNT, "max_starts": _COUNT, "ramp_interval_s": Duration(least=0.1)})
SILENCE = table_of(Silence, kinds={"good_reads": _COUNT})
STARTDS = table_of(Startds, kinds={"lifetime_s": Duration(whole=True, least=60)})
SHARING = table_of(
    Sharing,
    kinds={
        "half_life_s": _SPAN,
        "slot_weight": EXPRESSION,
        "low_use": _PART,
        "low_use_factor": Number(least=1),
    },
)
GROUP = table_of(
    Group,
    kinds={
        "path": _PATH,
        "weight": Number(),
        "quota_fraction": _PART,
        "lend": _PART,
        "budget_window_s": _WINDOW,
    },
    title="path",
)
PRINCIPAL = table_of(PrincipalTerms, kinds={"pattern": _GLOB, "factor": _POSITIVE}, many=True)
RESERVATION = table_of(Reservation, kinds={"group": _PATH, "quota_fraction": _PART}, many=True)
PREEMPTION = table_of(Preemption, kinds={"requirements": EXPRESSION, "rank": EXPRESSION})
WINDOW = table_of(Window, kinds={"hours": Hours()}, many=True)
TIER = table_of(
    Tier,
    rename={"windows": "window"},
    kinds={
        "name": NAME,
        "members": ListOf(_GLOB),
        "where": EXPRESSION,
        "budget_window_s": _WINDOW,
        "windows": WINDOW,
    },
    many=True,
)
BREAKER = table_of(Breaking, kinds={"failures": _COUNT, "open_s": _SPAN})
PENDING = table_of(Pending, kinds={"times": Number(least=1)})
POLICY = Table(
    keys_of(
        Policy,
        rename={"groups": "group", "principals": "principal", "reservations": "reservation", "tiers": "tier"},
        kinds={
            "name": NAME,
            "rank": EXPRESSION,
            "ramp": RAMP,
            "silence": SILENCE,
            "startds": STARTDS,
            "sharing": SHARING,
            "groups": GROUP,
            "principals": PRINCIPAL,
            "limits": Limits(Number(whole=True), key=_WORD),
            "reservations": RESERVATION,
            "preemption": PREEMPTION,
            "surge": table_of(SurgeTerms),
            "tiers": TIER,
            "breaker": BREAKER,
            "pending": PENDING,
            "max_classes": _COUNT,
            "backoff_failures": _COUNT,
        },
    ),
    partial(Policy, name=""),  # a file that does not say it has the name of its file
)
