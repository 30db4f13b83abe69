"""Random members: what is seen of each, and what its file says; who asks them for room is drawn beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from fedsched.matchmaker.model import (
    Budgets,
    ContainerLimits,
    MemberTerms,
    MemberView,
    NodeGroup,
    Quota,
    Room,
    SitePod,
    Taint,
)
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import (
    T0,
    group,
    member,
    terms,
)
from tests.reasons.luck import Luck


def some_member(luck: Luck, name: str) -> tuple[MemberView, MemberTerms]:
    """A member with its file. Usually nothing is wrong with it."""
    groups = tuple(some_group(luck, f"g{number}") for number in range(luck.one((6, 1), (2, 2), (0.3, 0))))
    view = member(name)
    view = msgspec.structs.replace(view, node_groups=groups)
    file = terms(name, image="startd", attributes=(("FedschedRegion", f'"{luck.choice(("eu", "us"))}"'),))
    for chance, change in VIEWS:
        if luck.now_and_then(chance):
            view = msgspec.structs.replace(view, **change(luck, groups))
    for chance, change in FILES:
        if luck.now_and_then(chance):
            file = msgspec.structs.replace(file, **change(luck, groups))
    return view, file


def some_group(luck: Luck, name: str) -> NodeGroup:
    """Some nodes alike, each with something free."""
    cores, gib = luck.choice(((4, 16), (8, 32), (16, 64)))
    gpus = luck.one((5, 0), (1, 2))
    whole = Resources(cores * 1000, gib * 1024, 200 * 1024, gpus, 20)
    nodes = luck.randint(1, 3)
    bars: dict[Resources, int] = {}
    for _ in range(nodes):
        free = Resources(
            luck.choice((0, 1, 2, cores // 2, cores)) * 1000,
            luck.choice((0, 2, gib // 2, gib)) * 1024,
            luck.choice((200, 200, 200, 1)) * 1024,
            luck.choice((0, gpus)),
            luck.choice((20, 20, 20, 0)),
        )
        bars[free] = bars.get(free, 0) + 1
    attributes = (("GPUs_DeviceName", luck.choice(('"A100"', '"T4"'))),) if gpus else ()
    made = group(name, nodes, whole, rooms=tuple(sorted(Room(free, count) for free, count in bars.items())))
    more: dict[str, Any] = {"attributes": attributes}
    if luck.now_and_then(0.05):
        more["cordoned"] = nodes
    if luck.now_and_then(0.25):
        more["can_grow_to"] = nodes + luck.randint(1, 2)
    if luck.now_and_then(0.1):
        more["taints"] = (Taint("site", "yes", "NoSchedule"),)
        more["barred"] = luck.choice((more["taints"], ()))
    return msgspec.structs.replace(made, **more)


def _quotas(luck: Luck, _groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    name, left = luck.choice(
        (
            ("cpu_milli", Resources(cpu_milli=luck.choice((0, 1000, 3000, 6000)))),
            ("memory_mib", Resources(memory_mib=luck.choice((0, 1024, 6000, 20000)))),
            ("pods", Resources(pods=luck.choice((0, 1)))),
            ("gpus", Resources(gpus=luck.choice((0, 1)))),
        )
    )
    jobs = luck.one((4, None), (1, 0), (1, 1))
    return {"quotas": (Quota("compute", left, frozenset({name}), jobs),)}


def _limits(luck: Luck, _groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    most = Resources(cpu_milli=luck.choice((1000, 3000)), memory_mib=luck.choice((4096, 10_000)))
    named = luck.choice((frozenset({"cpu_milli"}), frozenset({"cpu_milli", "memory_mib"})))
    return {"limits": (ContainerLimits("caps", most, named, Resources(), frozenset()),)}


def _site_pods(luck: Luck, groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    """A pod of the site's own that waits for room."""
    names = tuple(group.name for group in groups[:1])
    waits = SitePod(
        "site-1", Resources(luck.choice((1000, 4000)), 2048, 0, 0, 1), T0 - luck.choice((5, 400)), (), groups=names
    )
    return {"site_pods": (waits,)}


VIEWS: Sequence[tuple[float, Any]] = (
    (0.15, _quotas),
    (0.06, _limits),
    (0.04, lambda luck, _: {"seen_at": luck.choice((T0 - 300, T0 - 61, None))}),
    (0.03, lambda _luck, _: {"anchor_uid": ""}),
    (0.03, lambda _luck, _: {"contact": "unauthorized"}),
    (0.05, lambda _luck, _: {"contact": "timeout", "seen_at": T0 - 900}),
    (0.05, _site_pods),
)


def _ceiling(luck: Luck, _groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    return luck.choice(
        (
            {"ceiling": Resources(cpu_milli=luck.choice((0, 2000, 5000))), "ceiling_names": frozenset({"cpu_milli"})},
            {"ceiling": Resources(memory_mib=luck.choice((1024, 5000))), "ceiling_names": frozenset({"memory_mib"})},
            {"ceiling": Resources(2000, 5000), "ceiling_names": frozenset({"cpu_milli", "memory_mib"})},
        )
    )


def _leave_free(luck: Luck, groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    kept = Resources(luck.choice((0, 4000, 12_000)), luck.choice((0, 8192)))
    return {"leave_free": ((luck.choice((*(group.name for group in groups), "*")), kept),)}


FILES: Sequence[tuple[float, Any]] = (
    (0.1, lambda luck, _: {"mode": "trial", "trial": luck.randint(0, 2)}),
    (0.04, lambda _luck, _: {"mode": "observe"}),
    (0.1, _ceiling),
    (0.1, _leave_free),
    (0.05, lambda luck, _: {"budgets": Budgets(objects_in_flight=luck.choice((0, 1)))}),
    (0.03, lambda _luck, _: {"budgets": Budgets(pods_pulling=0)}),
    (0.04, lambda luck, _: {"principals": (luck.choice(("physics.*", "biology.*")),)}),
    (0.05, lambda _luck, _: {"images": ("lab/*",)}),
    (0.04, lambda _luck, _: {"pools": ("z",)}),
    (0.03, lambda _luck, _: {"forms": ()}),
    (
        0.03,
        lambda _luck, groups: {
            "forms": ("startd-daemonset", "startd-job"),
            "daemonset_groups": tuple(g.name for g in groups),
        },
    ),
    (0.06, lambda _luck, _: {"requirements": "TARGET.RequestCpus < 4"}),
    (0.08, lambda luck, _: {"max_lifetime_s": luck.choice((3600, 7200))}),
    (0.3, lambda luck, _: {"price_per_core_hour": luck.choice((0.1, 1.0))}),
)
