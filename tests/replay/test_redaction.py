"""A redacted snapshot names nobody, and is still the same cycle: what is decided differs in names alone."""

from __future__ import annotations

import random

import msgspec
import pytest

from fedsched.journal import Recorded
from fedsched.matchmaker.model import (
    CreateObject,
    GroupSeen,
    NegotiatorView,
    NodeRoom,
    Notice,
    Order,
    Outcome,
    Policy,
    PoolView,
    Principal,
    PrincipalTerms,
    SitePod,
    Snapshot,
    SubmitterSeen,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from fedsched.replay import FORMAT, Saved, differences, encode, redact, replay
from fedsched.replay.deciding import plan_bytes
from fedsched.replay.pseudonyms import Found, Pseudonyms
from tests.matchmaker import builders
from tests.matchmaker.builders import T0, demand, group, member, placement, schedd, slot, terms
from tests.replay.worlds import STORIES, story

SECRETS = (
    *("annemarie", "evelyn", "Fitzgerald", "svc-cms", "uni-hamburg.de", "physics.example", "ce-grid-07", "login3"),
    *("worker-rack9", "10.20.30.40", "2001:db8:0:0:0:0:0:7", "api.k8s.uni-hamburg.de", "jupyter-fitzgerald"),
    *("registry.desy.de", "/home/annemarie", "CN=Anne Marie Exemplary", "his laptop was stolen", "oconnor"),
    "am4711",
)
"""Names as they stand in the snapshot below, in all the places in which one can stand."""


def full_of_names() -> Saved:
    """People, hosts and addresses in fields, maps, expressions, patterns, errors, notes and reasons."""
    ce, node, image = "ce-grid-07.uni-hamburg.de", "worker-rack9.physics.example", "registry.desy.de/a/b@sha256:0"
    anne, eve = Principal("physics", "annemarie@uni-hamburg.de"), Principal("", "evelyn@physics.example")
    liam = Principal("physics", "oconnor@uni-hamburg.de")
    wants = (
        'TARGET.Machine =!= "worker-rack9.physics.example" && '
        '(Owner == "annemarie" || AcctUser == "svc-cms@uni-hamburg.de")'
    )
    attributes = (
        ("AcctUser", '"annemarie@uni-hamburg.de"'),
        ("Iwd", '"/home/annemarie/thesis"'),
        ("Owner", '"annemarie"'),
        ("x509userproxysubject", '"/DC=de/CN=Anne Marie Exemplary 4711"'),
    )
    classes = (
        demand("c1", 3, principal=anne, requirements=wants, attributes=attributes, schedd=ce, user="am4711@ce"),
        demand("c2", 2, principal=eve, schedd="login3", image=image),
        demand("c3", 2, principal=liam, schedd="login3", requirements="false"),
    )
    views = (
        msgspec.structs.replace(
            schedd(classes[0], name=ce),
            address="<10.20.30.40:9618?addrs=10.20.30.40-9618&alias=ce-grid-07.uni-hamburg.de>",
            identity="condor@ce-grid-07.uni-hamburg.de",
            error="DAEMON: failed to connect to <10.20.30.40:9618>, then [2001:db8:0:0:0:0:0:7]:9618",
        ),
        schedd(*classes[1:], name="login3"),
    )
    site = SitePod("jupyter/jupyter-fitzgerald", Resources(1000, 1024, 0, 0, 1), T0 - 300, (node,))
    here = member(
        "m1",
        group("g"),
        node_rooms=(NodeRoom(node, "g", Resources(500, 500)),),
        site_pods=(site,),
        contact_error="GET https://api.k8s.uni-hamburg.de:6443/api: timeout",
        facts=("nodes of worker-rack9.physics.example cannot be read by annemarie",),
    )
    place = placement("1-1", principal=anne, class_key="c1", schedd=ce)
    pod = builders.pod("fs-1-1-abc", node=node, problem="")
    stands = slot(place, claims=(), name="slot1@fs-1-1-abc")
    snapshot = builders.snapshot(
        schedds=views,
        members=(here,),
        objects=(builders.thing(place, pod),),
        pools=(
            PoolView(
                "a",
                seen_at=T0,
                slots=(stands,),
                negotiator=NegotiatorView(
                    T0,
                    groups=(GroupSeen("physics", 10.0, accept_surplus=True),),
                    submitters=(SubmitterSeen("physics.svc-cms@uni-hamburg.de", 100.0),),
                ),
            ),
        ),
    )
    memory = msgspec.structs.replace(snapshot.memory, held=(builders.held(place),), pairs={"m1/g/": builders.SEEN})
    snapshot = msgspec.structs.replace(
        snapshot,
        memory=memory,
        orders=(
            Order("deny", "physics.oconnor@*", "his laptop was stolen, says Fitzgerald", by="evelyn", at=T0 - 9),
            Order("cordon", "m9", "his laptop was stolen", by="annemarie"),
        ),
        outcomes=(Outcome(CreateObject("m1", place), "refused", T0 - 4, what="user annemarie@uni-hamburg.de may not"),),
        terms=(terms("m1", principals=("*@uni-hamburg.de", "evelyn@*"), images=("registry.desy.de/*",)),),
    )
    policy = Policy(principals=(PrincipalTerms("physics.annemarie@uni-hamburg.de", factor=2.0),))
    once = negotiate(snapshot, policy)
    snapshot = msgspec.structs.replace(snapshot, memory=once.memory, outcomes=())
    plan = negotiate(snapshot, policy)
    plan = msgspec.structs.replace(plan, notices=(*plan.notices, Notice("x", "evelyn's node worker-rack9 is gone")))
    return Saved(FORMAT, "", policy, Recorded(snapshot, plan, issued=(CreateObject("m1", place),)))


def test_no_name_is_left_anywhere_in_the_file() -> None:
    saved = full_of_names()
    before = encode(saved).decode().lower()
    there = [name for name in SECRETS if name.lower() in before]
    assert len(there) >= len(SECRETS) - 1, set(SECRETS) - set(there)
    after = encode(redact(saved).saved).decode().lower()
    assert [name for name in SECRETS if name.lower() in after] == []
    for kept in ('"m1"', '"physics"', "target.machine", "sha256:0"):
        assert kept in after, f"{kept} is no name"


def test_the_redacted_cycle_is_decided_anew_and_replays_exactly() -> None:
    redacted, changed = redact(full_of_names())
    assert redacted.redacted
    assert replay(redacted.recorded, redacted.policy).exact
    assert [type(one).__name__ for one in changed] == ["NoticeDiffers"], "the notice that nobody decided"
    assert redact(redacted) == (redacted, ()), "once is enough"


@pytest.mark.parametrize("name", STORIES)
def test_a_recorded_cycle_is_the_same_but_for_names(name: str) -> None:
    saved = story(name)
    redacted, changed = redact(saved)
    assert changed == ()
    text = encode(redacted).decode()
    for secret in ("annemarie", "evelyn", "physics.example", "biology.example", "registry.lab", "ap1"):
        assert secret not in text
    mine, theirs = saved.recorded.plan, redacted.recorded.plan
    assert [h.placement.id for h in mine.held] == [h.placement.id for h in theirs.held]
    assert [(r.idle, r.unmet) for r in mine.classes] == [(r.idle, r.unmet) for r in theirs.classes]
    assert plan_bytes(mine) != plan_bytes(theirs)
    assert differences(mine, theirs)


def test_pseudonyms_sort_as_the_names_do() -> None:
    chance = random.Random(4)  # noqa: S311 - the same names each time, no secret
    users = ["ann", "ann.b", "ann-b", "anna", "bob", "Zoe", "x", *(f"u{n}" for n in range(120))]
    names = [f"{user}@{domain}" for user in users for domain in ("a.org", "b.org", "b.a.org")]
    hosts = ["n1", "n10", "n2", "ce.a.org", "ce1.b.org", "ce-1.b.org", *(f"h{n}" for n in range(1200))]
    found = Found()
    for name in names:
        found.person(name)
    for host in hosts:
        found.host(host)
    made = Pseudonyms(found)
    chance.shuffle(names)
    assert sorted(names, key=made.user) == sorted(names)
    assert sorted(hosts, key=made.host) == sorted(hosts)
    assert len({made.user(name) for name in names}) == len(names)
    assert made.text(f"see {names[0]} on ce1.b.org") == f"see {made.user(names[0])} on {made.host('ce1.b.org')}"


def test_words_that_are_no_names_stay_although_somebody_is_called_so() -> None:
    found = Found()
    found.words |= {"job", "gpu"}
    for person in ("job@a.org", "me@a.org", "will@a.org"):
        found.person(person)
    made = Pseudonyms(found)
    assert made.text("the job needs me") == "the job needs me"
    assert "will" not in made.text("ask will, or WILL@A.ORG")
    assert made.text("job@a.org") == made.user("job@a.org") != "job@a.org"


def test_what_looks_into_a_name_may_be_decided_otherwise_and_that_is_told() -> None:
    wants = 'regexp("^annemarie", Owner)'
    named = (("Owner", '"annemariefrances"'),)
    asked = demand("c1", 1, requirements=wants, attributes=named, principal=Principal("", "annemarie@b.org"))
    snapshot: Snapshot = builders.snapshot(schedds=(schedd(asked),))
    snapshot = msgspec.structs.replace(
        snapshot, memory=msgspec.structs.replace(snapshot.memory, pairs={"m1/g/": builders.SEEN})
    )
    plan = negotiate(snapshot, Policy())
    assert plan.classes[0].placed == 1
    redacted, changed = redact(Saved(FORMAT, "", Policy(), Recorded(snapshot, plan)))
    assert changed
    assert replay(redacted.recorded, redacted.policy).exact
