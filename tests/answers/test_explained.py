"""Why, as documents: of a job in whatever state, a class, a member, a group, a placement that stands or is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedsched.answers import Answerer, Beyond, View, gone_in
from fedsched.client import NoAnswer
from fedsched.journal import Account, Recorded, open_journal
from fedsched.journal.records import PlacementFiles, Used
from fedsched.matchmaker.model import (
    Candidate,
    Claim,
    FoundJob,
    Group,
    MemberTerms,
    Order,
    Plan,
    Policy,
    Principal,
    Ramp,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources
from tests.golden.chained import FULL, WIDE, above_its_share, moment, one, wants
from tests.matchmaker.builders import (
    T0,
    demand,
    held,
    member,
    placement,
    pod,
    res,
    schedd,
    slot,
    snapshot,
    terms,
    thing,
)

NOW = T0 + 4
NOBODY = Beyond()
HELD = FoundJob("77.0", "schedd-b", "held", "", "memory usage exceeded request_memory", T0 - 296)


def view(snap: Snapshot, plan: Plan) -> View:
    return View(Recorded(snap, plan), snap.orders, 10.0, "journal", "fed")


def answers(situation: tuple[Snapshot, Policy], beyond: Beyond = NOBODY) -> Answerer:
    snap, policy = situation
    return Answerer(view(snap, negotiate(snap, policy)), lambda: NOW, beyond=beyond)


def running() -> tuple[Snapshot, Policy]:
    place = placement(size=res(4, 8))
    claim = Claim(Principal("physics", "alice@b"), 4000, T0 - 300, "1.7", "schedd-b")
    taken = slot(place, claims=(claim,), unclaimed_since=None, free=Resources())
    return one("claimed", pod(), slots=(taken,), demand=wants(3), held={"slot_seen_at": T0 - 400, "claims": 1})


def refused(answerer: Answerer, ask: str, what: str) -> NoAnswer:
    method, name = ask.split(" ", 1)
    with pytest.raises(NoAnswer) as failed:
        getattr(answerer, method)(name)
    assert failed.value.what == what
    assert failed.value.hint
    return failed.value


# --- jobs and classes


@pytest.mark.parametrize("spelt", ["1.0", "1.0@schedd-b", "schedd-b#1.0"])
def test_an_idle_job_is_its_class_told_by_its_own_name_in_each_spelling(spelt: str) -> None:
    said = answers(moment(members=(member("m1", FULL),))).explain(spelt)
    assert (said.job, said.state, said.cycle, said.age_s) == ("1.0@schedd-b", "idle", 1, 4.0)
    assert said.explanation.sentence.startswith("All 10 idle jobs like 1.0@schedd-b wait because ")
    assert len(said.explanation.chain) == 9
    assert said.report is not None
    assert said.report.members
    assert [share.path for share in said.shares] == ["physics/alice@b", ""]


def test_another_job_of_the_cluster_is_told_by_its_own_name() -> None:
    said = answers(moment()).explain("1.41")
    assert (said.job, said.state) == ("1.41@schedd-b", "idle")
    assert "1.41@schedd-b" in said.explanation.sentence


def test_a_class_is_named_by_its_key_or_the_beginning_of_it() -> None:
    for spelt in ("abcdef123456", "abcd"):
        said = answers(moment(wants(key="abcdef123456"))).explain(spelt)
        assert (said.job, said.state, said.explanation.key) == ("", "class", "abcdef123456")


def test_a_running_job_has_passed_all_nine_links() -> None:
    said = answers(running()).explain("1.7")
    assert (said.job, said.state, said.placement) == ("1.7@schedd-b", "running", "1-1")
    assert said.since == T0 - 300
    assert [link.verdict for link in said.explanation.chain] == ["ok"] * 9
    assert said.explanation.sentence == "1.7@schedd-b has run for 5 min on fs-1-1-abc of m1/g."
    assert said.explanation.next == "Nothing to do."
    assert said.demand is not None


@pytest.mark.parametrize(
    ("found", "sentence", "holds"),
    [
        (
            HELD,
            "77.0@schedd-b has been held for 5 min: memory usage exceeded request_memory.",
            ["job"],
        ),
        (
            FoundJob("77.0", "schedd-b", "elsewhere", "", "slot1@wn7.site", T0 - 596),
            "77.0@schedd-b has run for 10 min on slot1@wn7.site, which is no startd of fedsched.",
            [],
        ),
        (
            FoundJob("77.0", "schedd-b", "finished", "", "exit code 0"),
            "77.0@schedd-b is not in the queue any more: exit code 0.",
            [],
        ),
        (
            FoundJob("77.0", "schedd-b", "idle", "zzz", "", T0),
            "77.0@schedd-b has been idle for 4 s, but its class was not in the last cycle.",
            ["demand class"],
        ),
    ],
)
def test_a_job_that_the_cycle_does_not_know_is_told_as_its_schedd_has_it(
    found: FoundJob, sentence: str, holds: list[str]
) -> None:
    said = answers(moment(), Beyond(find=lambda _number, _schedd: found)).explain("77.0")
    assert said.explanation.sentence == sentence
    assert said.state == found.state
    assert [link.name for link in said.explanation.chain if link.verdict == "holds"] == holds
    assert said.explanation.next


def test_a_job_that_its_schedd_puts_into_a_known_class_is_told_by_that_class() -> None:
    asked = FoundJob("77.0", "schedd-b", "idle", "c1")
    said = answers(moment(members=(member("m1", FULL),)), Beyond(find=lambda _n, _s: asked)).explain("77.0")
    assert (said.job, said.state, said.explanation.key) == ("77.0@schedd-b", "idle", "c1")
    assert said.explanation.chain[5].verdict == "holds"


def test_nobody_is_asked_for_a_job_that_the_cycle_knows_nor_for_what_is_no_number() -> None:
    """The answer must be there at once."""

    def never(number: str, schedd: str) -> FoundJob | None:
        raise AssertionError((number, schedd))

    beyond = Beyond(find=never)
    assert answers(moment(), beyond).explain("1.0").state == "idle"
    assert answers(running(), beyond).explain("1.7").state == "running"
    assert answers(moment(wants(key="abcdef123456")), beyond).explain("abcdef123456").state == "class"


def test_hostile_words_of_a_schedd_stay_on_one_line() -> None:
    evil = msgspec.structs.replace(HELD, detail="\x1b[2J\r\nAll is well" + "x" * 9000)
    said = answers(moment(), Beyond(find=lambda _n, _s: evil)).explain("77.0")
    assert said.explanation.sentence.isprintable()
    assert len(said.explanation.sentence) < 500


@pytest.mark.parametrize(
    ("name", "what"),
    [("99.0", "unknown"), ("1.0@nowhere", "unknown"), ("x" * 400, "bad-question"), ("1\x1b.0", "bad-question")],
)
def test_what_is_no_job_has_no_answer_and_says_where_to_look(name: str, what: str) -> None:
    error = refused(answers(moment()), f"explain {name}", what)
    assert len(error.text) < 400
    assert error.text.isprintable()


def test_a_name_that_means_several_classes_names_them() -> None:
    twins = (wants(key="aaaa1111"), wants(key="aaaa2222", principal=Principal("physics", "bob@b"), examples=("2.0",)))
    snap, policy = moment()
    seen = msgspec.structs.replace(snap.observation, schedds=(schedd(*twins),))
    error = refused(answers((msgspec.structs.replace(snap, observation=seen), policy)), "explain aaaa", "ambiguous")
    assert "aaaa1111" in error.text
    assert "aaaa2222" in error.text


def test_a_job_that_began_on_a_startd_of_ours_after_the_cycle_looked_is_known_by_its_slot() -> None:
    ran = FoundJob("77.0", "schedd-b", "running", "c1", "slot1_1@fs-1-1-abc", T0)
    waiting = one("unclaimed", pod(), slots=(slot(),), held={"slot_seen_at": T0 - 20})
    said = answers(waiting, Beyond(find=lambda _n, _s: ran)).explain("77.0")
    assert (said.state, said.placement) == ("running", "1-1")
    assert [link.verdict for link in said.explanation.chain] == ["ok"] * 9
    far = msgspec.structs.replace(ran, detail="slot1_1@wn7.site")
    assert answers(waiting, Beyond(find=lambda _n, _s: far)).explain("77.0").state == "elsewhere"


@pytest.mark.parametrize("what", ["busy", "unreachable"])
def test_where_its_schedd_cannot_be_asked_a_job_is_taken_for_its_cluster_and_that_is_said(what: Any) -> None:
    def silent(number: str, schedd: str) -> FoundJob | None:
        raise NoAnswer(what, f"{schedd or 'nobody'} answered for {number}", "ask again")

    answerer = answers(moment(), Beyond(find=silent))
    said = answerer.explain("1.41")
    assert said.explanation.details[0] == (
        "Its schedd could not be asked: nobody answered for 1.41. "
        "It is taken to be of this class because other jobs of its cluster are."
    )
    refused(answerer, "explain 99.0", what)


def test_a_number_that_several_schedds_have_must_be_named_with_one() -> None:
    def twice(number: str, _schedd: str) -> FoundJob | None:
        raise NoAnswer("ambiguous", f"{number} is a job of several schedds", "name one")

    refused(answers(moment(), Beyond(find=twice)), "explain 1.41", "ambiguous")


# --- members


def test_a_member_tells_what_would_fit_there_by_cause_the_most_first() -> None:
    """E4."""
    many, few = wants(200), demand("c2", 5, res(4, 8), principal=Principal("bio", "eve@b"), examples=("2.0",))
    huge = demand("c3", 7, res(64, 8), examples=("3.0",))
    snap = snapshot(schedds=(schedd(many, few, huge),), members=(member("m1", FULL),))
    snap = msgspec.structs.replace(snap, terms=(terms(principals=("physics.*",)),), memory=moment()[0].memory)
    said = answers((snap, WIDE)).explain_cluster("m1").explanation
    assert [(one.cause, one.jobs, one.classes) for one in said.held_back] == [
        ("fragmented", 200, 1),
        ("principal-refused", 5, 1),
    ]
    assert said.held_back[1].verdict is Verdict.NEVER
    assert (said.fits, said.never) == (0, 7)
    assert said.sentence.startswith(
        "m1 has 0 startds of ours, and 205 idle jobs would fit there, but are held back: most of them, 200, wait "
        "because what is free on m1/g is scattered: 4 cores needed on one node, the best has 2 cores"
    )
    assert said.next.startswith("Wait until work on one of these nodes ends")


def test_jobs_that_fit_there_at_once_are_counted_with_what_keeps_their_class() -> None:
    slow = Policy(ramp=Ramp(first=2, ramp_interval_s=30, max_starts=1000))
    said = answers(moment(policy=slow)).explain_cluster("m1").explanation
    assert said.fits == 8
    assert [one.cause for one in said.held_back] == ["trust"]
    assert ", 8 of them at once" in said.sentence


def test_a_cordoned_member_says_so_and_an_unknown_one_names_those_that_are_known() -> None:
    answerer = answers(moment(orders=(Order("cordon", "m1", "broken fan", "eve", T0 - 60),)))
    assert "member m1 is cordoned: broken fan" in answerer.explain_cluster("m1").explanation.sentence
    refused(answerer, "explain_cluster m9", "unknown")
    refused(answerer, "explain_cluster ", "unknown")


def test_a_member_for_which_nothing_waits_says_so() -> None:
    said = answers(moment(wants(3))).explain_cluster("m1").explanation
    assert said.sentence == "m1 has 3 startds of ours, and no job waits for it."
    assert said.next == "Nothing to do."


# --- groups


def test_a_group_tells_its_right_what_its_jobs_wait_for_where_its_startds_are_and_who_is_ahead() -> None:
    answerer = answers(above_its_share())
    said = answerer.explain_group("alice").explanation
    assert said.path == "physics/alice@b"
    assert said.sentence.startswith("physics/alice@b holds 4.98 times its right while 2 others wait (16 of 3.2 core-")
    assert [(one.cause, one.jobs) for one in said.waiting] == [("no-room", 10)]
    assert said.where == (("m1", 4),)
    assert "just behind physics/" in said.details[-1]
    group = answerer.explain_group("physics")
    assert [(one.cause, one.jobs) for one in group.explanation.waiting] == [("no-room", 30)]
    assert {share.path for share in group.shares} >= {"", "physics", "physics/alice@b", "physics/bob@b"}


def test_a_user_of_several_groups_must_be_named_in_full() -> None:
    twice = wants(key="c2", principal=Principal("bio", "alice@b"))
    groups = msgspec.structs.replace(WIDE, groups=(Group("physics"), Group("bio")))
    snap, _ = moment()
    seen = msgspec.structs.replace(snap.observation, schedds=(schedd(wants(), twice),))
    answerer = answers((msgspec.structs.replace(snap, observation=seen), groups))
    error = refused(answerer, "explain_group alice", "ambiguous")
    assert "bio/alice@b" in error.text
    assert answerer.explain_group("bio/alice@b").explanation.path == "bio/alice@b"
    refused(answerer, "explain_group nobody", "unknown")
    refused(answerer, "explain_group ", "unknown")


# --- placements


def stands(**more: Any) -> Answerer:
    place = placement(size=res(4, 8))
    tried = (Candidate("m0", "g", 2.0, "no-room"), Candidate("m1", "g", 1.0), Candidate("m2", "g", 0.5))
    snap, _ = moment(objects=(thing(place, pod()),))
    one_ = held(place, candidates=tried, **more)
    plan = Plan(cycle=3, at=T0, held=(one_,), classes=(), memory=snap.memory)
    return Answerer(view(snap, plan), lambda: NOW)


@pytest.mark.parametrize("name", ["1-1", "fs-1-1"])
def test_a_placement_says_why_there_with_all_places_that_were_open_to_it(name: str) -> None:
    """E5."""
    said = stands().explain_decision(name).explanation
    assert said.sentence == (
        "fs-1-1 was placed on m1/g (rank 1), as 1 better place was held back; its startd has been unclaimed for 40 s."
    )
    assert (said.chosen, [one.blocker for one in said.candidates]) == (1, ["no-room", "", ""])
    assert said.details[1].startswith(
        "m1/g was the best place that was open to it (rank 1); better but held back: m0/g"
    )


def test_a_place_that_was_open_to_several_sizes_is_told_once() -> None:
    held_back = (Candidate("m1", "g", 2.0, "no-room"), Candidate("m0", "g", 2.0, "ramp"))
    tried = (*held_back, Candidate("m1", "g", 2.0), Candidate("m2", "g", 1.0), Candidate("m2", "g", 1.0))
    place = placement(size=res(4, 8))
    snap, _ = moment()
    plan = Plan(cycle=3, at=T0, held=(held(place, candidates=tried),), classes=(), memory=snap.memory)
    said = Answerer(view(snap, plan), lambda: NOW).explain_decision("1-1").explanation
    assert said.chosen == 2
    assert "as 1 better place was held back" in said.sentence
    assert said.details[1].endswith("better but held back: m0/g (ramp); next were m2/g (rank 1).")


def test_what_is_said_of_a_placement_is_said_of_where_it_is() -> None:
    why = Reason(Cause.IDLE, need="180 s", have="188 s")
    said = stands(wanted="leave", why=why).explain_decision("1-1").explanation
    assert "because nobody claimed it on m1/g: for 188 s, 180 s allowed" in said.sentence


def test_a_victim_says_for_whom_by_which_rule_and_what_work_is_at_stake() -> None:
    """PR8."""
    why = Reason(Cause.PREEMPTED, "hep.bob@site k2", "PR2", "3.0 core-hours", member="m1", node_group="g")
    said = stands(wanted="leave", why=why, phase="leaving").explain_decision("1-1").explanation
    assert (said.preemptor, said.rule, said.lost) == ("hep.bob@site k2", "PR2", "3.0 core-hours")
    assert "takes no new job and goes when it is empty" in said.sentence
    assert said.why == why


def test_a_placement_for_the_owner_names_the_pod_that_needs_the_node() -> None:
    why = Reason(Cause.OWNER, "their-pod", have="waiting 40 s", member="m1")
    said = stands(wanted="vacate", why=why).explain_decision("1-1").explanation
    assert (said.preemptor, said.rule) == ("pod their-pod of the member's own", "OW2")


def test_one_that_failed_says_what_kubernetes_said() -> None:
    pull = Reason(Cause.IMAGE_PULL, "fs-1-1-abc", have="ErrImagePull: not found", member="m1", node_group="g")
    said = stands(failure=pull, wanted="clear").explain_decision("1-1").explanation
    assert "it failed because member m1 cannot pull the image: ErrImagePull: not found" in said.sentence


def account(**more: Any) -> Account:
    why = Reason(Cause.PREEMPTED, "hep.bob@site k2", "PR2", "3.0 core-hours", member="m1", node_group="g")
    fields: dict[str, Any] = {
        "placement": "1-9",
        "member": "m1",
        "node_group": "g",
        "form": "startd-job",
        "principal": Principal("physics", "alice@b"),
        "pool": "a",
        "size": res(4, 8),
        "created_at": T0 - 4000,
        "claimed": {"physics.alice@b": Used(3000.0, 12_000.0)},
        "ended_at": T0 - 596,
        "why": "preempted",
        "reason": why,
        "class_key": "c1",
        "candidates": (Candidate("m1", "g", 1.5),),
    }
    return Account(**{**fields, **more})


def test_a_placement_that_is_gone_is_told_from_its_account() -> None:
    gone = Answerer(stands()._view, lambda: NOW, beyond=Beyond(gone=lambda _id: account()))
    said = gone.explain_decision("fs-1-9").explanation
    assert said.sentence.startswith(
        "fs-1-9 was placed on m1/g, which ranked best (1.5); it went 10 min ago because it makes room on m1/g"
    )
    assert (said.phase, said.preemptor, said.rule, said.lost) == ("gone", "hep.bob@site k2", "PR2", "3.0 core-hours")
    assert "Claims of physics.alice@b on it: 50 min in all." in said.details


def test_accounts_are_found_in_the_journal_or_in_the_records_of_their_day(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    open_journal(url).close()
    PlacementFiles(tmp_path / "records").append([account(), account(placement="1-8", ended_at=T0 - 200_000)])
    with (tmp_path / "records" / "placements-2099-01-01.jsonl").open("w") as torn:
        torn.write('{"placement":"1-9","member":"m')
    find = gone_in(url, tmp_path / "records")
    for name in ("1-9", "1-8"):
        found = find(name)
        assert found is not None
        assert (found.placement, found.candidates, found.class_key) == (name, (Candidate("m1", "g", 1.5),), "c1")
    assert find("1-7") is None
    assert find("../../etc/passwd") is None


def test_an_unknown_placement_says_where_names_are(tmp_path: Path) -> None:
    refused(stands(), "explain_decision 9-9", "unknown")
    unreadable = Beyond(gone=gone_in(f"sqlite:///{tmp_path / 'none.sqlite'}", tmp_path))
    refused(answers(moment(), unreadable), "explain_decision 9-9", "busy")


def test_a_class_among_a_thousand_at_a_hundred_members_is_explained_with_all_of_them() -> None:
    members = tuple(member(f"m{n:03}", FULL) for n in range(100))
    classes = tuple(wants(100, key=f"k{n:05}", examples=(f"{n}.0",)) for n in range(1000))
    snap = snapshot(schedds=(schedd(*classes),), members=members)
    snap = msgspec.structs.replace(snap, terms=tuple(MemberTerms(one.name, mode="on") for one in members))
    answerer = answers((snap, WIDE))
    said = answerer.explain("999.0")
    assert said.explanation.key == "k00999"
    assert len(said.explanation.members) == 100
