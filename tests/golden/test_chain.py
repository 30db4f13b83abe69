"""The chain from a job to its claim: exactly one link holds what is unmet, and it is that of the dominant reason."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from fedsched.matchmaker import explain
from fedsched.matchmaker.model import ChainLink, Explanation, Memory, Observation, Plan, Quota
from fedsched.matchmaker.reasons import Cause, Reason
from tests.golden.chained import FULL, PULL, Situation, decided, moment, situations
from tests.golden.test_explanations import demand, report, seen
from tests.golden.test_reasons import full
from tests.matchmaker.builders import held, member, placement, res

GOLDEN = Path(__file__).parent / "chains.txt"
SITUATIONS = situations()


def told(situation: Situation, key: str = "c1") -> Explanation:
    snap, plan = decided(situation)
    classes = {d.key: d for view in snap.observation.schedds for d in view.classes}
    reports = {one.key: one for one in plan.classes}
    return explain.explain(classes[key], reports.get(key), snap.observation, 10.0, plan)


def shown(link: ChainLink, at: float) -> str:
    age = "" if link.at is None else f", {explain.age(at - link.at)} old"
    numbers = f" [needs {link.need or '-'}; has {link.have or '-'}; {link.source or '-'}{age}]"
    return f"  {link.name:<16}{link.verdict:<12}{link.text}{numbers if link.text or link.have else ''}".rstrip()


def page() -> str:
    lines = []
    for name, situation in SITUATIONS.items():
        one = told(situation)
        lines += [f"{name}", f"  {one.sentence}", f"  Next: {one.next}"]
        lines += [shown(link, situation[0].at) for link in one.chain]
        lines += [f"  - {detail}" for detail in one.details]
        lines.append("")
    return "\n".join(lines)


def test_the_chains_are_those_that_people_have_read_and_approved() -> None:
    """After a deliberate change: FEDSCHED_GOLDEN=write, then read the difference."""
    if os.environ.get("FEDSCHED_GOLDEN") == "write":
        GOLDEN.write_text(page(), encoding="utf-8")
    assert page() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_unmet_is_held_by_one_link_and_what_is_not_by_none_that_was_decided(name: str) -> None:
    _, plan = decided(SITUATIONS[name])
    one = told(SITUATIONS[name])
    why = next((each for each in plan.classes if each.key == "c1"), None)
    assert [link.name for link in one.chain] == list(explain.LINKS)
    holds = [link for link in one.chain if link.verdict == "holds"]
    if why is not None and why.unmet:
        assert len(holds) == 1
        assert holds[0].text
        assert holds[0].reason is not None
        assert holds[0].at is not None
    else:
        assert {link.name for link in holds} <= {"pod", "startd", "claim"}


def test_every_cause_holds_a_link() -> None:
    assert set(explain.HOLDS) == set(Cause)
    assert set(explain.HOLDS.values()) == set(explain.LINKS)


@pytest.mark.parametrize("cause", list(Cause))
def test_the_dominant_reason_holds_its_link_alone_whichever_cause_it_has(cause: Cause) -> None:
    """Earlier links are passed, later ones not reached."""
    for why in (full(cause), Reason(cause)):
        one = msgspec.structs.replace(report(10), why=why)
        plan = Plan(cycle=1, at=seen().at, held=(), classes=(one,), memory=Memory())
        for links in (
            explain.explain(demand(), one, seen(), 10.0).chain,
            explain.explain(demand(), one, seen(), 10.0, plan).chain,
        ):
            names = [link.name for link in links if link.verdict == "holds"]
            assert names == [explain.holding(why)]
            index = explain.LINKS.index(names[0])
            assert not {link.verdict for link in links[:index]} & {"not reached", "holds", "waits"}
            assert {link.verdict for link in links[index + 1 :]} <= {"not reached"}


def test_what_must_change_besides_waits_at_its_own_link() -> None:
    """RE2: the set is told whole."""
    ramp = Reason(Cause.RAMP, "starts", "30", "4 per interval", source="policy ramp")
    links = explain.explain(demand(), msgspec.structs.replace(report(10), also=(ramp,)), seen(), 10.0).chain
    found = {link.name: link for link in links}
    assert found["demand class"].verdict == "waits"
    assert found["demand class"].text.startswith("This must change, too: startds are added step by step")
    assert found["node"].verdict == "holds"


def test_a_place_that_rests_holds_where_its_startds_failed() -> None:
    """X8, E1: whoever reads it sees what failed, not that somebody rests."""
    rests = full(Cause.FAILING_FAST)
    assert explain.holding(rests) == "startd"
    assert explain.holding(full(Cause.BACKING_OFF)) == "pod"
    assert (
        explain.holding(msgspec.structs.replace(rests, have="3 failures in a row, last: pending-too-long 960 s"))
        == "pod"
    )
    assert explain.holding(msgspec.structs.replace(rests, have="3 failures")) == "startd"


def test_the_failure_for_which_a_place_rests_is_told_whole_as_kubernetes_said_it() -> None:
    one = told(SITUATIONS["the image could not be pulled three times"])
    assert PULL.have in one.sentence
    assert "check the image's name" in one.next.lower()


def test_a_startd_that_failed_or_must_go_is_not_on_its_way() -> None:
    place = placement("1-1", class_key="k1")
    served = msgspec.structs.replace(report(0), placed=0, served=30)
    for lost in (held(place, "starting", failure=PULL), held(place, "leaving", wanted="leave"), held(place, "gone")):
        plan = Plan(cycle=1, at=seen().at, held=(lost,), classes=(served,), memory=Memory())
        links = explain.explain(demand(), served, seen(), 10.0, plan).chain
        assert {link.verdict for link in links if link.name in {"pod", "startd", "claim"}} == {"not reached"}


@pytest.mark.parametrize(
    ("limits", "jobs_left", "need", "have"),
    [
        ({"cpu_milli"}, None, "4 cores", "40 cores left"),
        ({"cpu_milli", "pods"}, None, "1 pod", "3 pods left"),
        ({"cpu_milli", "pods", "jobs"}, 1, "1 Job", "1 Job left"),
        ({"gpus", "cpu_milli"}, None, "4 cores", "40 cores left"),
    ],
)
def test_of_a_quota_what_is_scarcest_for_the_job_is_told(
    limits: set[str], jobs_left: int | None, need: str, have: str
) -> None:
    quota = Quota("compute", res(40, 800, 800, pods=3), frozenset(limits), jobs_left)
    full_nodes = moment(members=(member("m1", FULL, quotas=(quota,)),))
    link = next(link for link in told(full_nodes).chain if link.name == "namespace quota")
    assert (link.verdict, link.need, link.have, link.source) == ("ok", need, have, "ResourceQuota compute")


def test_a_class_that_was_not_planned_for_waits_for_the_next_cycle() -> None:
    links = explain.explain(demand(), None, seen(), 10.0).chain
    assert [link.verdict for link in links[:3]] == ["ok", "waits", "not reached"]


def test_hostile_words_of_jobs_and_servers_stay_printable_in_every_link() -> None:
    snap, _ = moment()
    evil = "\x1b[2J\r\nheld" + "x" * 5000
    odd = demand(schedd=evil, examples=(evil,))
    why = Reason(Cause.NO_ROOM, evil, evil, evil, member=evil, node_group=evil, source=evil)
    one = explain.explain(odd, msgspec.structs.replace(report(10), why=why), Observation(snap.at), 10.0)
    for link in one.chain:
        for text in (link.text, link.need, link.have, link.source):
            assert text.isprintable()
            assert len(text) < 2000
    assert one.sentence.isprintable()
