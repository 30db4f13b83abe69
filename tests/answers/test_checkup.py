"""Each property that `doctor` proves is seen to fail on a state in which it does not hold (N6)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.answers.checkup import JUDGES, Look, Own, judged, may_pass
from fedsched.client.documents.checkup import Finding
from fedsched.kube.site import QuotaLine, Seen, Site
from fedsched.matchmaker.model import (
    ConcurrencyLimit,
    Drift,
    Group,
    Memory,
    Observation,
    Policy,
    PoolView,
    PrincipalTerms,
    ShareLine,
    Spending,
    Tier,
)
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, demand, held, placement, schedd, slot, terms

MINE = placement("1-1", "m1", concurrency=(("MATLAB", 3),), tier="cloud")
STANDS = Seen("Job", "fs-1-1", "m1", "1-1", T0 - 50)
POLICY = Policy(
    groups=(Group("physics", limit=Resources(cpu_milli=4000), limit_names=frozenset({"cpu_milli"})),),
    principals=(PrincipalTerms("physics.*", ceiling=5.0),),
    limits=(ConcurrencyLimit("matlab", 5),),
    tiers=(Tier("cloud", budget=10.0),),
)
SHARE = ShareLine("physics/alice@b", "physics", held=4000)
OWN = Own(
    versions=(("fedsched", "1.0"),),
    web=(("127.0.0.1:9680", ""),),
    tokens=(("token of pool a", T0 + 86_400, ""),),
    free=(("/var", 10**10),),
    journal=(10**6, 10**9),
)


def site(name: str = "m1", **more: Any) -> Site:
    """A member where all is well; m1 has the one placement."""
    here = name == "m1"
    base = Site(
        name,
        T0,
        version="v1.33.1",
        objects=(STANDS,) if here else (),
        pods=frozenset({"fs-1-1-abc"}) if here else frozenset(),
        anchor_uid=f"anchor-{name}",
        fence_epoch=7,
        quotas=(QuotaLine("q", "pods", 500, 1, 1),) if here else (),
        asked=38,
        expires_at=T0 + 5 * 86_400,
    )
    return msgspec.structs.replace(base, **more)


def look(**more: Any) -> Look:
    """A healthy federation of two members, one startd and a daemon; override by keyword."""
    seen = Observation(
        T0,
        schedds=more.pop("schedds", (schedd(demand()),)),
        pools=more.pop("pools", (PoolView("a", seen_at=T0, slots=more.pop("slots", (slot(MINE),))),)),
    )
    memory = Memory(cycle=9, held=more.pop("held", (held(MINE),)), spending={"tier/cloud": Spending(spent=4.0)})
    memory = msgspec.structs.replace(memory, **more.pop("memory", {}))
    fields: dict[str, Any] = {
        "at": T0,
        "seen": seen,
        "memory": memory,
        "policy": POLICY,
        "terms": (terms("m1"), terms("m2")),
        "epoch": 7,
        "holder": "process 1 on hub",
        "cycle_at": T0 - 3,
        "version": "1.0",
        "shares": (SHARE,),
        "sites": (site(), site("m2")),
        "own": OWN,
    }
    return Look(**(fields | more))


def of(found: tuple[Finding, ...], name: str) -> list[Finding]:
    return [one for one in found if one.name == name]


def test_a_healthy_federation_holds_every_property_with_evidence() -> None:
    found = judged(look())
    assert [one for one in found if one.state != "ok"] == []
    assert len(found) == len(JUDGES)
    assert all(one.evidence for one in found)


COPY = msgspec.structs.replace(STANDS, name="fs-1-1-b")
OLD = msgspec.structs.replace(held(MINE), written_at=T0 - 500)
BROKEN: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "no placement stands twice": [
        ("placement 1-1 stands 2 times", {"sites": (site(objects=(STANDS, COPY)), site("m2"))}),
        ("stands at m2 and says that it belongs to m1", {"sites": (site(), site("m2", objects=(STANDS,)))}),
    ],
    "no object is an orphan": [("fs-1-1 at m1", {"held": ()})],
    "no placement lost its object": [
        ("is not there", {"held": (OLD,), "sites": (site(objects=()), site("m2"))}),
        (
            "not written",
            {
                "held": (held(placement("1-1", created_at=T0 - 900), "intended", written_at=None),),
                "sites": (site(objects=()), site("m2")),
            },
        ),
    ],
    "no ad is a ghost": [
        ("which has no such pod", {"slots": (slot(MINE, "fs-1-1-gone", started_at=T0 - 100),)}),
        ("at m9", {"slots": (slot(placement("1-9", "m9")),)}),
    ],
    "every member answers": [("refuses our credential", {"sites": (site(error="HTTP 401", contact="unauthorized"),)})],
    "no fence is above our epoch": [
        ("m2 has seen epoch 8, the journal's is 7", {"sites": (site(), site("m2", fence_epoch=8))})
    ],
    "the anchor stands and owns all": [
        ("m2 has no anchor", {"sites": (site(), site("m2", anchor_uid=""))}),
        ("do not hang on its anchor", {"sites": (site(objects=(msgspec.structs.replace(STANDS, owned=False),)),)}),
    ],
    "quotas count what is ours": [
        (
            "q at m1 counts 1 pods, our pods there ask for 2",
            {"sites": (site(quotas=(QuotaLine("q", "pods", 500, 1, 2),)),)},
        ),
    ],
    "we have every right that we need": [
        ("without delete pods at m1", {"sites": (site(lacking=(("pods go", "delete pods", False),)),)}),
    ],
    "clocks agree": [
        ("the clock of m1 is -9.0 s", {"sites": (site(clock_skew_s=-9.0),)}),
        ("the clock of collector a is +60.0 s", {"own": msgspec.structs.replace(OWN, skews=(("collector a", 60.0),))}),
        ("the clock of schedd b is -5.0 s", {"own": msgspec.structs.replace(OWN, skews=(("schedd b", -5.0),))}),
        ("collector a tells times", {"slots": (slot(MINE, seen_at=T0 + 60),)}),
        ("schedd schedd-b tells times", {"schedds": (schedd(demand(oldest_at=T0 + 60)),)}),
    ],
    "members speak a version that we know": [("m1 is v1.26.0", {"sites": (site(version="v1.26.0"),)})],
    "credentials last": [
        ("credential of m1 ended", {"sites": (site(expires_at=T0 - 60),)}),
        ("ends in", {"sites": (site(expires_at=T0 + 60),)}),
        ("not a token", {"own": msgspec.structs.replace(OWN, tokens=(("token of pool a", None, "not a token"),))}),
    ],
    "ceilings and trials are kept": [
        (
            "its ceiling is",
            {"terms": (terms("m1", ceiling=Resources(cpu_milli=500), ceiling_names=frozenset({"cpu_milli"})),)},
        ),
        ("m1 is in mode observe", {"terms": (terms("m1", mode="observe"),)}),
        ("m1 is in mode trial", {"terms": (terms("m1", mode="trial", trial=0),)}),
    ],
    "groups keep their limits": [
        (
            "group physics holds 5 cores, its limit is 4 cores",
            {"held": tuple(held(placement(f"1-{n}")) for n in range(5))},
        ),
    ],
    "principals keep their ceilings": [
        ("holds 7 core-equivalents, its ceiling is 5", {"shares": (msgspec.structs.replace(SHARE, held=7000),)}),
    ],
    "concurrency limits are kept": [
        (
            "6 units of matlab are in use, there are 5",
            {"held": (held(MINE), held(msgspec.structs.replace(MINE, id="1-2")))},
        ),
    ],
    "budgets are kept": [
        ("tier/cloud has spent 11.00 of 10.00", {"memory": {"spending": {"tier/cloud": Spending(spent=11.0)}}})
    ],
    "one daemon decides": [("holds the lease, but cycle 9 is", {"cycle_at": T0 - 600})],
    "negotiators agree with the policy": [
        ("the policy wants 2", {"memory": {"drift": (Drift("a", "factor of alice", "2", "1"),)}})
    ],
    "nothing is frozen": [("frozen for", {"memory": {"frozen_since": T0 - 50}})],
    "disks have room": [
        ("/var has 1 MiB free", {"own": msgspec.structs.replace(OWN, free=(("/var", 2**20),))}),
        ("the journal has", {"own": msgspec.structs.replace(OWN, journal=(3 * 10**9, 10**9))}),
    ],
    "addresses answer": [("no answer", {"own": msgspec.structs.replace(OWN, web=(("127.0.0.1:9680", "no answer"),))})],
}
UNPROVEN: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "every member answers": [("m2: timeout", {"sites": (site(), site("m2", error="timeout", contact="timeout"))})],
    "no placement lost its object": [
        ("nobody has looked since", {"held": (OLD,), "sites": (site(objects=()),), "cycle_at": T0 - 900, "holder": ""}),
    ],
    "we have every right that we need": [
        ("without get pods/log at m1", {"sites": (site(lacking=(("logs", "get pods/log", True),)),)}),
    ],
    "members speak a version that we know": [("m1 calls itself ''", {"sites": (site(version=""),)})],
    "one daemon decides": [("no daemon runs", {"holder": ""}), ("no cycle is recorded", {"cycle_at": None})],
    "one version decides and looks": [("decided by fedsched 0.9, this is 1.0", {"version": "0.9"})],
    "schedds and pools answer in time": [
        ("collector a answered 10 min ago", {"pools": (PoolView("a", seen_at=T0 - 600),)}),
        ("collector a never answered: no route", {"pools": (PoolView("a", error="no route"),)}),
        ("schedd schedd-b answered", {"schedds": (schedd(demand(), seen_at=T0 - 600),)}),
    ],
}


@pytest.mark.parametrize(
    ("name", "text", "state", "change"),
    [
        pytest.param(name, text, state, change, id=f"{name}: {text}")
        for table, state in ((BROKEN, "broken"), (UNPROVEN, "unproven"))
        for name, cases in table.items()
        for text, change in cases
    ],
)
def test_what_does_not_hold_is_found_with_its_numbers_and_a_way_out(
    name: str, text: str, state: str, change: dict[str, Any]
) -> None:
    found = of(judged(look(**change)), name)
    faults = [one for one in found if one.state == state and text in one.evidence]
    assert faults, found
    assert all(one.fix for one in faults)
    assert not [one for one in found if one.state == "ok"]


def test_every_property_is_seen_to_fail() -> None:
    names = {judge.__name__.replace("_", " ") for judge in JUDGES}
    assert names == BROKEN.keys() | UNPROVEN.keys()


def test_what_a_running_daemon_has_just_made_or_is_removing_is_no_fault() -> None:
    going = msgspec.structs.replace(STANDS, deleting=True)
    fresh = held(MINE, written_at=T0 - 5)
    for change in (
        {"held": (), "before": frozenset({"1-1"})},
        {"held": (), "sites": (site(objects=(going,)), site("m2"))},
        {"held": (fresh,), "sites": (site(objects=()), site("m2"))},
        {"slots": (slot(MINE, "fs-1-1-young", started_at=T0 - 5),)},
    ):
        assert [one for one in judged(look(**change)) if one.state != "ok"] == [], change


def test_silence_of_a_member_proves_nothing_of_what_stands_there() -> None:
    found = judged(look(held=(OLD,), sites=(site(error="timeout", contact="timeout"), site("m2"))))
    assert {one.name for one in found if one.state != "ok"} == {"every member answers"}


def test_of_one_member_alone_the_slots_of_others_are_no_ghosts() -> None:
    found = judged(look(sites=(site("m2"),)))
    assert [one for one in found if one.state == "broken"] == []


def test_without_a_live_look_only_what_the_journal_knows_is_judged() -> None:
    found = judged(look(sites=(), live=False, own=None))
    assert {one.name for one in found} >= {"groups keep their limits", "one daemon decides"}
    assert not of(found, "no placement stands twice")
    assert not of(found, "addresses answer")


def test_only_what_a_daemon_mends_by_itself_is_looked_at_twice() -> None:
    orphan = of(judged(look(held=())), "no object is an orphan")
    fence = of(judged(look(epoch=1)), "no fence is above our epoch")
    assert may_pass(orphan[0])
    assert not may_pass(fence[0])


def test_a_thousand_faults_of_one_kind_are_counted_and_not_listed() -> None:
    many = tuple(Seen("Job", f"fs-9-{n}", "m1", f"9-{n}", T0 - 50) for n in range(1000))
    found = of(judged(look(sites=(site(objects=(STANDS, *many)), site("m2")))), "no object is an orphan")
    assert len(found) == 21
    assert "980 more" in found[-1].evidence
