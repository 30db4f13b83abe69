"""A Kubernetes Job asked for by its names, and told at every stage: one sentence, what to do, nine links (E1, E2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from fedsched.answers import Answerer
from fedsched.answers.announced import announced
from fedsched.client import NoAnswer
from fedsched.client.documents import Explained, JobsAsk, QueueAsk
from fedsched.matchmaker.model import JobCondition, JobStatus, MemberMemory, Order, Plan, Room, Snapshot, Turn
from fedsched.matchmaker.model.terms import JobTerms
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from tests.answers.jobs import after, answers, copy_of, cycle, decided, job, queue, shape, takes, view
from tests.matchmaker.builders import T0, group, member, pod, res

FULL = group(rooms=(Room(res(0, 0, 0, pods=5), 10),))
LAST = "for hep/bob@b by PR2 at m1, 2 core-h of work lost"
SPELLINGS = (
    *("default/fit", "hub:default/fit", "uid-default-fit", "job/fit", "jobs.batch/fit", "job.v1.batch/fit", "fit"),
)


def told(snap: Snapshot, name: str = "hub:default/fit", plan: Plan | None = None) -> Explained:
    return answers(view(snap, plan)).explain(name)


def verdicts(said: Explained) -> dict[str, str]:
    return {link.name: link.verdict for link in said.explanation.chain}


def over(type_: str, reason: str = "", message: str = "") -> JobStatus:
    return JobStatus(started_at=T0 - 90, conditions=(JobCondition(type_, "True", reason, message, T0 - 30),))


def placed() -> tuple[Snapshot, Plan]:
    snap = cycle(queue(job()))
    plan = decided(snap)
    assert [held.placement.job for held in plan.held] == ["default/fit"]
    return snap, plan


def running(**more: Any) -> tuple[Snapshot, Plan]:
    snap, plan = placed()
    snap = after(snap, plan, copy_of(plan, pod("fs-x-1", started_at=T0 + 5, **more)))
    return snap, decided(snap)


# --- names


@pytest.mark.parametrize(
    "spelt",
    ["default/fit", "hub:default/fit", "uid-default-fit", "job/fit", "jobs.batch/fit", "job.v1.batch/fit", "fit"],
)
def test_a_job_is_found_by_each_of_its_spellings(spelt: str) -> None:
    said = told(cycle(queue(job(), job("other")), members=(member("m1", FULL),)), spelt)
    assert (said.job, said.uid, said.state) == ("hub:default/fit", "uid-default-fit", "idle")


def test_a_name_that_several_jobs_have_is_answered_with_all_of_them() -> None:
    queues = (
        queue(job(), job(namespace="cms")),
        queue(job(uid="there", class_key="of-local"), name="local", demand=shape(key="of-local")),
    )
    snap = cycle(*queues)
    for spelt, named in (("job/fit", 3), ("fit", 3), ("default/fit", 2)):
        with pytest.raises(NoAnswer) as failed:
            told(snap, spelt)
        assert failed.value.what == "ambiguous"
        assert failed.value.text.count("/fit") - spelt.count("/fit") == named
    assert told(snap, "local:default/fit").uid == "there"


def test_of_jobs_that_are_over_and_one_that_is_not_the_latter_is_asked_for() -> None:
    done = job(namespace="old", state="over", status=over("Complete"))
    assert told(cycle(queue(job(), done)), "job/fit").job == "hub:default/fit"


def test_a_name_that_nothing_has_is_unknown() -> None:
    with pytest.raises(NoAnswer) as failed:
        told(cycle(queue(job())), "default/none")
    assert failed.value.what == "unknown"
    assert "fedsched events default/none" in failed.value.hint


def test_a_job_that_its_queue_has_no_more_is_told_by_the_copy_that_is_left() -> None:
    snap, plan = running()
    empty = msgspec.structs.replace(snap.observation, schedds=(queue(),))
    snap = msgspec.structs.replace(snap, observation=empty)
    said = told(snap, "default/fit", plan)
    assert (said.state, said.uid) == ("deleting", "uid-default-fit")
    assert "is not in its queue any more; its copy at m1 is removed" in said.explanation.sentence


# --- waiting


def test_a_job_that_waits_is_told_by_its_class_under_its_own_name_with_the_link_that_holds() -> None:
    said = told(cycle(queue(job(), job("other")), members=(member("m1", FULL),)))
    assert said.explanation.sentence.startswith("All 2 idle jobs like hub:default/fit wait because ")
    assert said.demand is not None
    assert (said.demand.idle, said.demand.running) == (2, 0)
    found = verdicts(said)
    assert found["node"] == "holds"
    assert found["startd"] == "not used"
    assert len(found) == 9


@pytest.mark.parametrize(
    ("file", "wanted", "cause", "link", "says"),
    [
        (JobTerms(namespaces=("reana",)), {}, Cause.NAMESPACE_REFUSED, "member", "default"),
        (JobTerms(), {"objects": (("ConfigMap", "c"),)}, Cause.OBJECT_MISSING, "member", "ConfigMap/c"),
        (
            JobTerms(),
            {"grants": ("hostNetwork spec.template.spec.hostNetwork",)},
            Cause.FIELD_REFUSED,
            "member",
            "spec.template.spec.hostNetwork",
        ),
        (JobTerms(), {"pods": 100_000, "gang": True}, Cause.TOO_MANY_PODS, "node", "100000"),
    ],
)
def test_what_keeps_only_jobs_away_is_told_with_its_link_and_number(
    file: JobTerms, wanted: dict[str, Any], cause: Cause, link: str, says: str
) -> None:
    snap = cycle(queue(job(), demand=shape(shape=wanted)), terms=(takes("m1", jobs=file),))
    said = told(snap)
    assert said.explanation.word == str(cause)
    assert verdicts(said)[link] == "holds"
    assert says in said.explanation.sentence


def test_a_member_that_takes_no_jobs_is_told_which_form_to_allow() -> None:
    snap = cycle(queue(job()), terms=(takes("m1"),))
    snap = msgspec.structs.replace(snap, terms=(msgspec.structs.replace(takes("m1"), forms=("startd-job",)),))
    said = told(snap)
    assert said.explanation.word == "form-refused"
    assert "llow `job` under `forms` in clusters/m1.toml" in said.explanation.next


def test_no_sentence_of_a_job_speaks_of_startds() -> None:
    full = told(cycle(queue(job()), members=(member("m1", FULL),)))
    for said in (full, told(*running()[:1]), told(placed()[0])):
        texts = [said.explanation.sentence, said.explanation.next, *said.explanation.details]
        texts += [link.text for link in said.explanation.chain if link.name != "startd"]
        assert not [text for text in texts if "startd" in text]


# --- with a copy


def test_a_job_that_runs_is_told_where_and_since_when() -> None:
    said = told(*running()[:1])
    assert (said.state, said.explanation.word, said.since) == ("running", "running", T0 + 5)
    assert "has run for 55 s in pod fs-x-1 at m1/g on node n1" in said.explanation.sentence
    assert verdicts(said) == {name: "not used" if name == "startd" else "ok" for name in verdicts(said)}
    assert said.placement
    assert "fedsched logs hub:default/fit" in said.explanation.next


def test_a_copy_whose_pod_waits_is_told_with_what_keeps_it() -> None:
    snap, plan = placed()
    kept = pod("fs-x-1", "pending", started_at=None, created_at=T0 + 10, problem="ErrImagePull: not found")
    snap = after(snap, plan, copy_of(plan, kept), seconds=20)
    said = told(snap)
    assert said.state == "starting"
    assert "ErrImagePull: not found" in said.explanation.sentence
    assert verdicts(said)["pod"] == "holds"
    assert verdicts(said)["claim"] == "not reached"


def test_a_job_that_makes_room_is_told_for_whom_by_which_rule_and_what_is_lost() -> None:
    """PR8."""
    snap, plan = running()
    why = Reason(Cause.PREEMPTED, "hep/bob@b k2", "PR2", "3.0 core-hours")
    held = tuple(msgspec.structs.replace(one, wanted="vacate", why=why) for one in plan.held)
    said = told(snap, plan=msgspec.structs.replace(plan, held=held))
    assert (said.state, said.explanation.word) == ("leaving", "preempted")
    for text in ("hep/bob@b", "PR2", "3.0 core-hours", "waits again"):
        assert text in said.explanation.sentence
    assert "placed where there is room" in said.explanation.next


def test_a_copy_that_had_to_go_is_remembered_while_the_job_waits_again() -> None:
    last = JobCondition(
        "fedsched.io/Preempted", "True", "Preempted", "for hep/bob@b by PR2 at m1, 2 core-h of work lost"
    )
    snap = cycle(queue(job(status=JobStatus(conditions=(last,)))), members=(member("m1", FULL),))
    assert any(LAST in text for text in told(snap).explanation.details)


def silent(snap: Snapshot, plan: Plan) -> tuple[Snapshot, Plan]:
    lost = MemberMemory(state="lost", silent_for_s=1200.0)
    memory = msgspec.structs.replace(plan.memory, members={"m1": lost})
    return snap, msgspec.structs.replace(plan, memory=memory)


def test_a_job_whose_member_is_lost_is_told_until_when_its_copy_may_still_run() -> None:
    """FA4: nothing else is placed for it before."""
    snap, plan = silent(*running())
    said = told(snap, plan=plan)
    assert (said.state, said.explanation.word) == ("unseen", "copy-may-run")
    sentence = said.explanation.sentence
    assert "m1 is lost and has not answered for 20 min" in sentence
    assert "may still run" in sentence
    lives = plan.held[0].placement.lifetime_s
    assert plan.held[0].job_started_at == T0 + 1
    sure = datetime.fromtimestamp(T0 + 1 + 2 * lives + 120, UTC)
    assert f"at {sure:%H:%M} UTC" in sentence
    assert "in 2 d" in sentence
    assert verdicts(said)["member"] == "holds"


def test_a_job_that_says_never_rerun_is_told_so_and_one_whose_start_was_not_seen_as_well() -> None:
    snap, plan = silent(*running())
    one = plan.held[0]
    never = msgspec.structs.replace(one, placement=msgspec.structs.replace(one.placement, rerun="never"))
    assert (
        "fedsched.io/rerun: never" in told(snap, plan=msgspec.structs.replace(plan, held=(never,))).explanation.sentence
    )
    unseen = msgspec.structs.replace(one, job_started_at=None)
    said = told(snap, plan=msgspec.structs.replace(plan, held=(unseen,)))
    assert "its start was never seen" in said.explanation.sentence


def test_a_copy_that_vanished_is_never_said_to_be_run_again_and_what_to_do_is_told() -> None:
    snap, plan = running()
    lost = msgspec.structs.replace(plan.held[0], failure=Reason(Cause.VANISHED, "fs-1"))
    said = told(snap, plan=msgspec.structs.replace(plan, held=(lost,)))
    assert (said.state, said.explanation.word) == ("unseen", "vanished")
    assert "not run again" in said.explanation.sentence
    assert "create the Job again under another name" in said.explanation.next


# --- what its owner or a person did, and its end


@pytest.mark.parametrize(
    ("changed", "state", "word", "says", "link"),
    [
        ({"state": "suspended"}, "suspended", "suspended", "spec.suspend", "job"),
        ({"state": "refused", "problem": "spec.template.spec.x: unknown"}, "refused", "refused", "spec.x: unkn", "job"),
        ({"state": "deleting"}, "deleting", "deleting", "being deleted", "job"),
        ({"state": "foreign"}, "foreign", "foreign", "another controller", "job"),
        ({"state": "over", "status": over("Complete")}, "finished", "complete", "complete", None),
        (
            {"state": "over", "status": over("Failed", "BackoffLimitExceeded", "too many")},
            "finished",
            "BackoffLimitExceeded",
            "failed 30 s ago (BackoffLimitExceeded): too many",
            None,
        ),
        (
            {"state": "over", "status": over("Failed", "UnknownFinished", "its copy at m2 is gone")},
            "finished",
            "UnknownFinished",
            "its copy at m2 is gone",
            None,
        ),
    ],
)
def test_each_state_of_a_job_is_one_sentence_with_the_link_that_holds(
    changed: dict[str, Any], state: str, word: str, says: str, link: str | None
) -> None:
    said = told(cycle(queue(job(**changed))))
    assert (said.state, said.explanation.word) == (state, word)
    assert says.replace("spec.x", "spec.template.spec.x").partition(": unkn")[0] in said.explanation.sentence
    assert [name for name, verdict in verdicts(said).items() if verdict == "holds"] == ([link] if link else [])
    assert said.explanation.next


@pytest.mark.parametrize(("kind", "state"), [("hold", "held"), ("cancel", "cancelled")])
def test_an_order_for_a_job_is_told_with_who_gave_it_and_why(kind: Any, state: str) -> None:
    order = Order(kind, "uid-default-fit", "wrong input", "carol", T0 - 60)
    snap = msgspec.structs.replace(cycle(queue(job())), orders=(order,))
    said = told(snap)
    assert said.state == state
    assert f"{state} 60 s ago by carol: wrong input" in said.explanation.sentence
    assert verdicts(said)["job"] == "holds"


def test_a_job_that_ended_is_told_with_its_exit_code_while_its_copy_is_there() -> None:
    snap, plan = placed()
    ended = pod("fs-x-1", "failed", started_at=T0 + 5, ended_at=T0 + 20, exit_code=7, end_reason="Error")
    status = over("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    snap = after(snap, plan, copy_of(plan, ended, status=status, finished="failed"))
    said = told(snap)
    assert (said.state, said.explanation.word) == ("finished", "BackoffLimitExceeded")
    assert "with exit code 7" in said.explanation.sentence
    assert "Pod fs-x-1 on node n1".replace("node ", "") in " ".join(said.explanation.details)


# --- lists


def test_jobs_are_listed_with_member_and_one_word_and_paged_by_name() -> None:
    snap, plan = running()
    more = queue(job(), job("held"), job("new"), job("zzz", state="over", status=over("Complete")))
    snap = msgspec.structs.replace(snap, observation=msgspec.structs.replace(snap.observation, schedds=(more,)))
    order = Order("hold", "uid-default-held", "not now", "carol", T0)
    asked = answers(view(snap, plan, (order,)))
    listed = asked.jobs(JobsAsk())
    assert [(one.job, one.state, one.member, one.where) for one in listed.jobs] == [
        ("default/fit", "running", "m1", "n1"),
        ("default/held", "held", "", "not now"),
        ("default/new", "waiting", "", ""),
    ]
    assert (listed.total, listed.after) == (3, "")
    page = asked.jobs(JobsAsk(limit=1))
    assert (page.total, page.after) == (3, "hub:default/fit")
    assert [one.job for one in asked.jobs(JobsAsk(limit=1, after=page.after)).jobs] == ["default/held"]
    assert [one.word for one in asked.jobs(JobsAsk(state="over")).jobs] == ["complete"]
    assert [one.job for one in asked.jobs(JobsAsk(state="running")).jobs] == ["default/fit"]
    assert asked.jobs(JobsAsk(user="bob")).total == 0


def test_the_classes_of_a_queue_are_counted_by_the_jobs_that_wait() -> None:
    snap, plan = running()
    more = queue(job(), job("a"), job("b"))
    snap = msgspec.structs.replace(snap, observation=msgspec.structs.replace(snap.observation, schedds=(more,)))
    listed = answers(view(snap, decided(snap))).queue(QueueAsk())
    [line] = listed.classes
    assert (line.demand.schedd, line.demand.idle, line.demand.running) == ("hub", 2, 1)
    assert line.demand.examples == ("default/a", "default/b")
    assert [(one.kind, one.jobs) for one in listed.schedds] == [("jobs", 3)]
    assert plan.cycle


def test_a_member_is_told_with_its_copies_beside_its_startds() -> None:
    snap, _ = running()
    asked = answers(view(snap))
    assert "0 startds of ours and 1 copy of Jobs" in asked.explain_cluster("m1").explanation.sentence
    (line,) = asked.clusters().members
    assert line.copies == {"starting": 0, "running": 1, "leaving": 0}
    assert not any(line.ours.values())


def test_no_pools_collector_is_told_of_jobs_of_queues() -> None:
    assert announced(view(cycle(queue(job()), members=(member("m1", FULL),)))) == ()


def test_the_changes_of_a_jobs_reason_and_its_story_are_asked_for_by_its_name() -> None:
    snap, plan = running()
    why = Reason(Cause.SUPPLY_ON_ITS_WAY, "startds", "2", "1")
    turn = Turn("fits00000000", 1, T0, 2, 1, Verdict.NOT_NOW, why)
    shown = view(snap, plan)
    asked = Answerer(shown, lambda: T0 + 64, turns=lambda _key, _since: (turn,))
    (line,) = asked.history("default/fit", 0.0).turns
    assert "copies of it are on their way" in line.text.lower()
    story = asked.events("default/fit").events
    assert {"placed", "written"} & {one.kind for one in story}
    assert not [one.text for one in story if "lack a startd" in one.text]
