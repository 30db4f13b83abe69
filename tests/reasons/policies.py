"""Random policies: groups, growth, tiers, limits; who is bound by them is drawn beside."""

from __future__ import annotations

from typing import Any

from fedsched.matchmaker.model import (
    ConcurrencyLimit,
    Group,
    Policy,
    Preemption,
    PrincipalTerms,
    Ramp,
    Startds,
    SurgeTerms,
    Tier,
    Window,
)
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import (
    T0,
)
from tests.reasons.luck import Luck


def some_policy(luck: Luck) -> Policy:
    """Groups with quotas and limits, growth, tiers, evictions."""
    ramp = luck.one((4, Ramp(first=1000, max_starts=1000)), (2, Ramp(first=2)), (1, Ramp(first=1, max_starts=1)))
    changes: dict[str, Any] = {
        "ramp": ramp,
        "groups": some_groups(luck) if luck.now_and_then(0.6) else (),
        "preemption": Preemption(mode=luck.choice(("never", "fair")), protect_s=0.0),
        "startds": Startds(
            lifetime_s=luck.choice((7200, 43_200)), pack_cpu_milli=luck.one((4, 0), (1, 8000)), join_s=120.0
        ),
    }
    if luck.now_and_then(0.1):
        changes["principals"] = (PrincipalTerms("*", ceiling=luck.choice((0.5, 3.0))),)
    if luck.now_and_then(0.7):
        changes["limits"] = tuple(ConcurrencyLimit(name, luck.choice((0, 1, 4))) for name in ("licence", "tape"))
    if luck.now_and_then(0.2):
        changes["tiers"] = some_tiers(luck)
    if luck.now_and_then(0.2):
        changes["surge"] = SurgeTerms(max_leak=0)
    return Policy(**changes)


def some_groups(luck: Luck) -> tuple[Group, ...]:
    """A small tree of accounting groups."""
    cpu = frozenset({"cpu_milli"})
    kinds: tuple[dict[str, Any], ...] = (
        {"weight": luck.choice((1.0, 3.0))},
        {"quota": Resources(luck.choice((1000, 4000, 12_000))), "quota_names": cpu},
        {"quota": Resources(luck.choice((1000, 4000)), 4096), "quota_names": cpu | {"memory_mib"}},
        {"quota": Resources(luck.choice((1000, 4000))), "quota_names": cpu, "accept_surplus": True, "borrow": 1.0},
        {"quota": Resources(luck.choice((4000, 12_000))), "quota_names": cpu, "lend": 0.0, "accept_surplus": True},
        {"quota_fraction": luck.choice((0.1, 0.5)), "lend": luck.choice((0.0, 1.0))},
        {"limit": Resources(luck.choice((0, 2000)), 4096), "limit_names": luck.choice((cpu, cpu | {"memory_mib"}))},
        {"budget": luck.choice((0.5, 20.0))},
    )
    return tuple(Group(path, **luck.choice(kinds)) for path in ("biology", "physics", "physics.hep"))


def some_tiers(luck: Luck) -> tuple[Tier, ...]:
    """One tier before another."""
    night = (Window(hours=((int(T0 // 3600) + 5) % 24, (int(T0 // 3600) + 6) % 24)),)
    ends = (Window(ends_at=T0 + 1800),)
    first = Tier("own", 0, members=("alps",))
    second = Tier(
        "rented",
        1,
        budget=luck.choice((0.0, 0.2, 50.0)),
        dwell_s=luck.choice((0.0, 120.0)),
        windows=luck.choice(((), (), night, ends)),
    )
    return (first, second)
