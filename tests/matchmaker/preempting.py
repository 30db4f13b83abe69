"""Builders for tests of preemption: shares by hand, startds on nodes, wishes; everything else from builders."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import (
    Claim,
    DemandClass,
    MemberMemory,
    MemberTerms,
    MemberView,
    NodeGroup,
    NodeRoom,
    PairMemory,
    Policy,
    Preemption,
    Principal,
    Room,
    ShareLine,
)
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt import Evictions, Rules, Wish, make_room
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share import Sizes, path_of
from tests.matchmaker.builders import T0, demand, held, placement, pod, res, slot, thing

OLD = T0 - 7_200
"""When the claims of an ordinary startd began: long ago."""
STEADY: dict[str, Any] = {"mode": "fair", "way": "vacate", "protect_s": 600.0, "wait_s": 300.0}
"""Terms that tests count on, whatever a policy's defaults become."""
PLAIN = Resources(1_000_000)
"""A reference in which only cores count, so that a core is a core-equivalent."""


def who(path: str) -> Principal:
    group, _, user = path.partition("/")
    return Principal(group, user)


def line(path: str, held: float, entitled: float, floor: float = 0, **more: Any) -> ShareLine:
    """A line of the tree, in core-equivalents."""
    parent = path.partition("/")[0] if "/" in path else path.rpartition(".")[0]
    return ShareLine(path, parent, int(entitled * 1000), int(floor * 1000), int(held * 1000), **more)


class Shares(msgspec.Struct, frozen=True):
    """Shares by hand: what preemption reads of them."""

    lines: dict[str, ShareLine]
    sizes: Sizes


def shares(*lines: ShareLine) -> Shares:
    return Shares({one.path: one for one in lines}, Sizes(PLAIN, ["cpu_milli"]))


def startd(name: str, owner: str, node: str = "n1", cores: int = 4, **more: Any) -> Standing:
    """A startd of `owner`, claimed by it since OLD unless `claims` say otherwise."""
    member = more.pop("member", "m1")
    since, priority = more.pop("since", OLD), more.pop("priority", 0)
    claims = more.pop("claims", (Claim(who(owner), cores * 1000, since, "7.0", "schedd-b", priority=priority),))
    place = placement(
        name,
        member,
        principal=who(owner),
        class_key=f"of-{owner}",
        size=res(cores, cores),
        created_at=more.pop("created_at", since),
        priority=priority,
    )
    phase = more.pop("phase", "claimed" if claims else "unclaimed")
    its_pod = pod(f"fs-{name}-x", node=node, deleting=more.pop("deleting", False))
    its_slot = slot(place, its_pod.name, claims=claims, unclaimed_since=None if claims else T0 - 60)
    one = held(place, phase, claims=len(claims), **more)
    return Standing(one, thing(place, its_pod), (its_slot,) if phase != "starting" else ())


def place_of(name: str = "m1", *rooms: tuple[str, Resources], **more: Any) -> Place:
    """A member with one group of nodes on which ours stand, each with what is free there besides."""
    terms = msgspec.structs.replace(
        MemberTerms(name, mode="on", pod_overhead=Resources()), **{k: more.pop(k) for k in list(more) if k in _TERMS}
    )
    group = more.pop("group", "g")
    nodes = tuple(NodeRoom(node, group, free) for node, free in rooms)
    bars = tuple(Room(free, 1) for _, free in rooms)
    seen = NodeGroup(group, res(64, 256, 100, pods=110), len(rooms), len(rooms), 0, more.pop("bars", bars))
    view = MemberView(name, "ok", T0, "", T0, node_groups=(seen,), node_rooms=nodes, anchor_uid=f"anchor-{name}")
    view = msgspec.structs.replace(view, **more)
    return Place(terms, view, seen, MemberMemory(), PairMemory(attributes=(("Arch", '"X86_64"'),)))


_TERMS = {"budgets", "leave_free", "ceiling", "ceiling_names", "mode", "trial", "pod_overhead"}


def wish(key: str, owner: str, places: tuple[Place, ...], cores: int = 4, **more: Any) -> Wish:
    """A class of `owner` that found no room in those places."""
    unmet = more.pop("unmet", 1)
    starts = more.pop("starts", unmet)
    request = more.pop("request", res(cores, cores))
    asked = demand(key, unmet, request, **({"principal": who(owner)} | more))
    return Wish(asked, tuple(Option(p, "startd-job", request, 1, (0.0, 0.0)) for p in places), unmet, starts)


def rules(places: tuple[Place, ...], evictions: dict[str, tuple[float, ...]] | None = None, **terms: Any) -> Rules:
    policy = Policy(preemption=Preemption(**(STEADY | terms)))
    return Rules(policy, places, evictions or {}, T0)


def full(places: tuple[Place, ...] = ()) -> tuple[Place, ...]:
    """One member whose only node is full, unless others are given."""
    return places or (place_of("m1", ("n1", Resources(pods=50))),)


def asked(
    wishes: tuple[Wish, ...], standing: tuple[Standing, ...], shared: Shares, judged: Rules | None = None
) -> Evictions:
    return make_room(wishes, standing, shared, judged or rules(tuple({o.place for w in wishes for o in w.options})))


def key_of(principal: DemandClass) -> str:
    return path_of(principal.principal)
