"""What `explain` says of a class: the first line is one sentence with one action, then each member."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker import explain
from fedsched.matchmaker.model import (
    Candidate,
    Claim,
    ClassReport,
    DemandClass,
    Held,
    JobLength,
    MemberVerdict,
    Memory,
    NearestMiss,
    Observation,
    Plan,
    PoolView,
    Principal,
    ScheddView,
    ShareLine,
)
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import held, placement, slot

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
        "10 of 30 idle jobs like 12.3@ce1 wait because no node of m1/big (the nearest of 4 members) has room now: "
        "8 cores needed on one node, the best has 2 cores; wait until running work ends, or join another member."
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
    assert "next cycle" in told.next
    assert told.word == "unplanned"


def test_the_reason_in_a_few_words_has_its_numbers_and_of_a_rest_the_failure() -> None:
    assert explain.few_words(report(10)) == "m1/big, 8 cores > 2 cores"
    assert explain.few_words(report(0)) == ""
    tries = "1 failure in a row, last: pending-too-long 16 s"
    rests = Reason(Cause.BACKING_OFF, "startds", "tries again in 510 s", tries, member="m1", node_group="std")
    assert explain.few_words(report(10, why=rests)) == "m1/std, pending-too-long, 1 failure, tries again in 8 min"


def test_a_class_of_which_nothing_is_idle_waits_for_nothing() -> None:
    told = explain.explain(demand(idle=0, running=7), None, seen(), 10.0)
    assert (told.sentence, told.next) == ("No job like 12.3@ce1 is idle; 7 jobs run.", "Nothing to do.")


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


def plan(*held: Held, shares: tuple[ShareLine, ...] = ()) -> Plan:
    return Plan(cycle=1, at=AT, held=held, classes=(), memory=Memory(), shares=shares)


def test_why_nobody_makes_room_is_told() -> None:
    """PR7, RE1."""
    young = Reason(Cause.PROTECTED, "startds", "600 s", "40 s to go", member="m1", node_group="big")
    told = explain.explain(demand(), msgspec.structs.replace(report(10), spared=young), seen(), 10.0)
    assert "and nobody makes room: those who must make room on m1/big" in told.sentence
    assert told.sentence.endswith("have only just begun: 40 s to go, 10 min protected.")
    assert told.next == "Wait, or lower `protect_s` of the policy's preemption."
    nobody = Reason(Cause.NO_VICTIMS, "startds", "1", "0", member="m1")
    told = explain.explain(demand(), msgspec.structs.replace(report(10), spared=nobody), seen(), 10.0)
    assert told.details[0].startswith("Nobody is evicted for them because nobody")
    coming = Reason(Cause.ROOM_ON_ITS_WAY, "room", "19", "4")
    told = explain.explain(demand(), msgspec.structs.replace(report(10), spared=coming), seen(), 10.0)
    assert told.sentence.endswith(", and room is being made for it: 4 of 19 jobs.")
    assert told.next == "Wait until those who yield have gone."


def test_who_waits_for_its_share_reads_who_has_more_than_its_right_and_how_many_wait_for_that() -> None:
    """PR2, E2: of the outermost group of which it is so."""
    lines = (
        ShareLine(""),
        ShareLine("hep", entitled=30_000, held=33_600, demand=90_000),
        ShareLine("hep/ann@site", "hep", 20_000, held=22_000, demand=80_000, rank=4),
        ShareLine("hep/bob@site", "hep", 10_000, held=9_000, demand=30_000, rank=3),
        ShareLine("bio/eve@site", "", 20_000, held=1_000, demand=30_000, rank=1),
        ShareLine("bio/fay@site", "", 20_000, held=1_000, demand=30_000, rank=2),
        ShareLine("bio/gil@site", "", 20_000, held=21_000, demand=30_000, rank=5),
        ShareLine("bio/hal@site", "", 20_000, held=19_000, demand=19_000, rank=6),
    )
    above = Reason(Cause.ABOVE_SHARE, "hep/ann@site", "20 core-equivalents", "22 core-equivalents")
    for spared in (above, None):
        one = msgspec.structs.replace(report(10), spared=spared)
        told = explain.explain(demand(), one, seen(), 10.0, plan(shares=lines))
        assert told.sentence.endswith(
            "and nobody makes room: hep holds 12% above its right while 2 others wait "
            "(entitled to 30, holds 33.6 core-equivalents)."
        )
        assert told.next.startswith("Wait for your turn (number 4 of 6 in line), or ")
        share = next(link for link in told.chain if link.name == "share")
        assert share.verdict == "waits"
    alone = msgspec.structs.replace(report(10), why=above)
    told = explain.explain(demand(), alone, seen(), 10.0, plan(shares=lines[:3]))
    assert "because hep/ann@site holds 10% above its right (entitled to 20, holds 22" in told.sentence
    assert "share" in {link.name for link in told.chain if link.verdict == "holds"}


def test_a_user_reads_what_it_holds_what_it_has_a_right_to_and_who_is_ahead() -> None:
    """Q11."""
    lines = (
        ShareLine(""),
        ShareLine("hep", entitled=60_000, floor=40_000, held=50_000),
        ShareLine(
            "hep/ann@site", "hep", 30_000, held=42_000, demand=70_000, usage=12.34, wasted=2500, factor=2, rank=3
        ),
        ShareLine("hep/bob@site", "hep", 30_000, held=8_000, demand=9_000, rank=1),
        ShareLine("/eve@site", "", 0, held=1_000, rank=2),
    )
    assert explain.having(demand(), plan(shares=lines), seen()).share == (
        (
            "Holds 42 core-equivalents, entitled to 30 (level 1.40); used lately 12.3, times factor 2; "
            "2.5 held for nothing."
        ),
        "Number 3 of 3 in line for the next startd; ahead: hep/bob@site (holds 8 of 30), /eve@site (holds 1 of 0).",
        "It has what it has a right to; more comes where others leave some.",
        "Group hep: holds 50 core-equivalents, entitled to 60, 40 of them a floor (level 0.83).",
    )
    assert explain.having(demand(), plan(), seen()).share == ()


def test_a_group_names_the_three_that_are_just_before_its_first_in_line_the_nearest_first() -> None:
    """Q11."""
    people = tuple(ShareLine(f"bio/u{n}@site", "", 20_000, held=n, demand=30_000, rank=n) for n in range(1, 6))
    mine = ShareLine("hep/ann@site", "hep", 20_000, held=1_000, demand=80_000, rank=6)
    told = explain.explain_group("hep", plan(shares=(*people, mine, ShareLine("hep", held=1_000))), seen())
    assert told.details[-1] == (
        "Its first in line, hep/ann@site, is number 6 of 6 in line for the next startd, just behind "
        "bio/u5@site (0 of 20), bio/u4@site (0 of 20), bio/u3@site (0 of 20)."
    )


def test_where_startds_of_a_class_are_and_why_there_is_told_by_place() -> None:
    """E5."""
    first = held(placement("1-1", class_key="k1", node_group="big"), candidates=(Candidate("m1", "big", 2.0),))
    second = held(placement("1-2", class_key="k1", node_group="big"))
    other = held(placement("1-3", class_key="k9"))
    assert explain.having(demand(), plan(second, first, other), seen()).startds == ("2 startds on m1/big.",)
    assert explain.having(demand(), plan(first, other), seen()).startds == (
        "1 startd on m1/big. For the newest: m1/big was the best place that was open to it (rank 2).",
    )


def test_the_owner_of_a_victim_and_whoever_claims_a_part_of_it_read_for_whom_and_by_which_rule() -> None:
    """PR8."""
    why = Reason(Cause.PREEMPTED, "hep.bob@site k2", "PR2", "3.0 core-hours", member="m1", node_group="g")
    own = placement(principal=Principal("hep", "ann@site"))
    claimed = placement("1-2", principal=Principal("hep", "zoe@site"))
    foreign = placement("1-3", principal=Principal("hep", "zoe@site"))
    leaving = [held(place, wanted="leave", why=why, yields_to="k2") for place in (own, claimed, foreign)]
    theirs = slot(claimed, claims=(Claim(Principal("hep", "ann@site"), 1000, AT - 50),))
    observed = msgspec.structs.replace(seen(), pools=(PoolView("a", slots=(theirs,)),))
    told = explain.having(demand(), plan(*leaving), observed)
    assert [text.split()[0] for text in told.going] == ["fs-1-1", "fs-1-2"]
    assert told.going[0] == (
        "fs-1-1 on m1/g takes no new job and goes when it is empty, at the latest 30 min after its order. "
        "It makes room on m1/g for who has the better right: hep.bob@site k2, by rule PR2, 3.0 core-hours of work "
        "at stake."
    )
    assert told.coming == ()
    bobs = explain.having(demand(key="k2", principal=Principal("hep", "bob@site")), plan(*leaving), observed)
    assert len(bobs.coming) == 3
    assert bobs.coming[0].startswith("fs-1-1 of hep.ann@site on m1/g takes no new job and goes when it is empty, ")


def test_what_is_more_than_four_lines_is_counted() -> None:
    many = [held(placement(f"1-{n}", class_key="k1", node_group=f"g{n}")) for n in range(6)]
    told = explain.having(demand(), plan(*many), seen()).startds
    assert len(told) == 5
    assert told[-1] == "And 2 more places."


def test_a_job_that_runs_is_told_where_and_whether_its_startd_must_go() -> None:
    """PR8: the victim's owner hears for whom and by which rule, while the job still runs."""
    place = placement()
    theirs = slot(place, "fs-1-1-abc", claims=(Claim(Principal("hep", "ann@site"), 1000, AT - 480, "12.4", "ce1"),))
    observed = msgspec.structs.replace(seen(), pools=(PoolView("a", slots=(theirs,)),))
    why = Reason(Cause.PREEMPTED, "hep.bob@site k2", "PR2", "3.0 core-hours", member="m1", node_group="g")
    told = explain.running("12.4", "", plan(held(place)), observed)
    assert told is not None
    assert told.headline == "12.4@ce1 has run for 8 min on fs-1-1-abc of m1/g; nothing to do."
    told = explain.running("12.4", "ce1", plan(held(place, wanted="leave", why=why)), observed)
    assert told is not None
    assert told.headline == (
        "12.4@ce1 has run for 8 min on fs-1-1-abc of m1/g, which takes no new job and goes when it is empty, at the "
        "latest 30 min after its order because it makes room on m1/g for who has the better right: hep.bob@site k2, by "
        "rule PR2, 3.0 core-hours of work at stake; nothing to do, jobs that do not finish there are idle again at "
        "their schedd."
    )
    assert explain.running("12.4", "ce2", plan(), observed) is None
    assert explain.running("12.5", "", plan(), observed) is None


def test_the_first_line_says_when_more_is_in_the_way() -> None:
    """RE2."""
    line = explain.headline(demand(), msgspec.structs.replace(report(10), also=(CORDON,)))
    assert "the best has 2 cores (1 more in the way: see below); wait until" in line
