"""What `explain` says of a class: the first line is one sentence with one action, then each member."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker import explain
from fedsched.matchmaker.model import (
    Candidate,
    ClassReport,
    DemandClass,
    JobLength,
    MemberVerdict,
    NearestMiss,
    Observation,
    Principal,
    ScheddView,
)
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import held

AT = 10_000.0
FULL = Reason(Cause.NO_ROOM, "cpu_milli", "8 cores", "2 cores", member="m1", node_group="big", at=AT - 200)
SMALL = Reason(Cause.NODE_TOO_SMALL, "memory_mib", "96 GiB", "32 GiB", member="m2", node_group="small")
CORDON = Reason(Cause.CORDONED, "broken fan", member="m3")


def demand(**changes: object) -> DemandClass:
    fields: dict[str, object] = {
        "key": "k1",
        "pool": "a",
        "schedd": "ce1",
        "principal": Principal("hep", "ann@site"),
        "request": Resources(cpu_milli=8000, memory_mib=98_304, pods=1),
        "length": JobLength(3600, "assumed"),
        "idle": 30,
        "oldest_at": AT - 7500,
        "examples": ("12.3",),
    }
    return DemandClass(**{**fields, **changes})  # type: ignore[arg-type]  # a builder takes any field


def report(unmet: int, verdict: Verdict = Verdict.NOT_NOW, why: Reason | None = FULL) -> ClassReport:
    members = (
        MemberVerdict("m2", Verdict.NEVER, SMALL),
        MemberVerdict("m3", Verdict.CORDONED, CORDON),
        MemberVerdict("m1", Verdict.NOT_NOW, FULL),
        MemberVerdict("m0", Verdict.NOW, node_group="big"),
    )
    return ClassReport("k1", 30, 20 - 0, 30 - 20 - unmet, unmet, verdict, why if unmet else None, members=members)


def seen(age_s: float = 0.0) -> Observation:
    return Observation(at=AT, schedds=(ScheddView("ce1", "a", seen_at=AT - age_s),))


def test_the_first_line_is_one_sentence_with_one_action() -> None:
    line = explain.headline(demand(), report(10))
    assert line == (
        "10 of 30 idle jobs like 12.3@ce1 wait because no node of m1/big has room now: 8 cores needed on one node, "
        "the best has 2 cores; wait until running work ends, or join another member."
    )


def test_never_and_not_now_are_told_apart() -> None:
    assert "can never run" in explain.headline(demand(), report(10, Verdict.NEVER, SMALL))
    assert "may not run" in explain.headline(demand(), report(10, Verdict.CORDONED, CORDON))


def test_jobs_that_are_provided_for_need_no_action() -> None:
    line = explain.headline(demand(), report(0))
    assert line == (
        "All 30 idle jobs like 12.3@ce1 are provided for (20 by startds that are starting or unclaimed, "
        "10 placed in this cycle); nothing to do."
    )


def test_an_unexplained_job_is_called_a_bug() -> None:
    assert "bug" in explain.headline(demand(), report(10, why=None))
    assert explain.word(report(10, why=None)) == "unexplained"


def test_members_are_told_from_the_nearest_to_the_hopeless() -> None:
    told = explain.explain(demand(), report(10), seen(), 10.0)
    assert [line.member for line in told.members] == ["m0", "m1", "m3", "m2"]
    assert told.members[0].action == ""
    assert "(3 min old)" in told.members[1].text
    assert told.members[2].action == "run `fedsched uncordon m3` when that is over"


def test_a_class_without_a_report_says_wait_for_the_next_cycle() -> None:
    told = explain.explain(demand(), None, seen(), 10.0)
    assert "next cycle" in told.headline
    assert told.word == "unplanned"


def test_an_old_answer_of_the_schedd_shows_its_age() -> None:
    told = explain.explain(demand(), report(10), seen(300), 10.0)
    assert "The schedd was last heard 5 min before this cycle." in told.details
    assert not [d for d in explain.explain(demand(), report(10), seen(5), 10.0).details if "last heard" in d]


def test_what_was_folded_raised_announced_and_refused_is_said() -> None:
    odd = demand(lumped=7, announced=900, floors=("RequestMemory raised to 256 MiB.",), gate="2,001 operators")
    text = " ".join(explain.explain(odd, report(10), seen(), 10.0).details)
    for word in ("7 classes", "900 more", "RequestMemory raised", "2,001 operators", "2 h 5 min"):
        assert word in text


def test_all_that_must_change_and_what_would_do_are_told() -> None:
    """RE2, E9."""
    base = report(10, Verdict.NEVER, SMALL)
    near = (
        NearestMiss("memory_mib", "96 GiB", "62 GiB", 3, "A"),
        NearestMiss("requirements", 'TARGET.Arch == "arm"', "", 1, "B"),
    )
    told = explain.explain(demand(), msgspec.structs.replace(base, also=(FULL,), near=near), seen(), 10.0)
    assert "With 62 GiB of memory instead of 96 GiB 3 members would match, A among them." in told.details
    assert 'Without the clause TARGET.Arch == "arm" member B would match.' in told.details
    assert [line for line in told.details if line.startswith("And besides: No node of m1/big has room now")]


def test_a_placement_says_why_there() -> None:
    """E5."""
    tried = (Candidate("m0", "g", 2.0, "no-room"), Candidate("m1", "g", 1.0), Candidate("m2", "g", 0.5))
    assert explain.why_there(held(candidates=tried)) == (
        "m1/g was the best place that was open to it (rank 1); better but held back: m0/g (no-room); "
        "next were m2/g (rank 0.5)."
    )
    assert "not recorded" in explain.why_there(held())
