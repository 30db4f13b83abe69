"""Users' Kubernetes Jobs: placed once, never with two copies, told how they stand (FA3, FA4, FA7)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.matchmaker.model import (
    CreateObject,
    DeleteObject,
    Held,
    JobCondition,
    JobShape,
    JobStatus,
    JobTerms,
    Memory,
    NodeGroup,
    ObjectView,
    Order,
    Outcome,
    Plan,
    Principal,
    Quota,
    Room,
    Taint,
    TellJob,
    Toleration,
)
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, group, member, pod, res, terms
from tests.matchmaker.queued import copied, copy_of, decide, kind, queue, queued, running, world

ENDED = JobStatus(
    succeeded=1,
    started_at=T0 - 30,
    completed_at=T0 - 3,
    conditions=(
        JobCondition("SuccessCriteriaMet", "True", at=T0 - 3),
        JobCondition("Complete", "True", at=T0 - 3),
    ),
)


def created(changes: tuple[object, ...]) -> list[str]:
    return [c.placement.job for c in changes if isinstance(c, CreateObject)]


def told(changes: tuple[object, ...], job: str = "lab/a") -> JobStatus | None:
    return next((c.status for c in changes if isinstance(c, TellJob) and c.job == job), None)


def removed(changes: tuple[object, ...]) -> list[str]:
    return [c.placement_id for c in changes if isinstance(c, DeleteObject)]


def why(plan: Plan) -> Cause | None:
    return plan.classes[0].why.cause if plan.classes and plan.classes[0].why else None


def test_a_waiting_job_is_placed_as_its_own_copy_and_told_where_once_that_has_begun() -> None:
    plan, changes = decide(world(queued()))
    assert created(changes) == ["lab/a"]
    made = plan.held[0].placement
    assert (made.form, made.job_uid, made.schedd, made.member) == ("job", "uid-of-a", "hub", "m1")
    assert told(changes) is None
    mine = copied()
    status = told(decide(world(queued(), mine=(mine,), objects=(running(mine),)))[1])
    assert status is not None
    assert status.condition("fedsched.io/Placed") == JobCondition(
        "fedsched.io/Placed", "True", "Placed", "at m1, g", at=T0
    )


def test_in_a_crowd_nothing_is_told_of_a_copy_that_began_lately_but_its_end() -> None:
    def statuses(*began: float, over: bool = False, status: JobStatus | None = None) -> dict[float, JobStatus]:
        names = {f"j{number}": at for number, at in enumerate(began)}
        mine = tuple(
            copied(name, f"1-{name}", job_started_at=at, of={"created_at": at - 1}) for name, at in names.items()
        )
        ended = {"finished": "complete", "status": ENDED} if over else {}
        objects = tuple(copy_of(one, pod(f"fs-{one.placement.id}-x"), **ended) for one in mine)
        plan, changes = decide(
            world(*(queued(name, status=status or JobStatus()) for name in names), mine=mine, objects=objects)
        )
        assert len(plan.held) == len(began)
        of_jobs = [change for change in changes if isinstance(change, TellJob)]
        assert len({change.job for change in of_jobs}) == len(of_jobs)
        return {names[change.job.partition("/")[2]]: change.status for change in of_jobs}

    few, crowd = (T0 - 4 - 0.01 * number for number in range(20)), [T0 - 4 - 0.01 * number for number in range(21)]
    assert len(statuses(*few)) == 20, "few are told at once"
    assert statuses(*crowd) == {}
    assert list(statuses(*crowd, T0 - 29, T0 - 31)) == [T0 - 31], "as long as more come, those that last"
    assert len(statuses(*(at - 2 for at in crowd), T0 - 29)) == 22, "and all when no more come"
    assert {one.over for one in statuses(*crowd, over=True).values()} == {True}
    waits = JobStatus(conditions=(JobCondition("fedsched.io/Placed", "False", "NoRoom"),))
    assert len(statuses(*crowd, status=waits)) == 21, "who was told that it waits is told that it does not"


def test_a_job_is_told_that_it_waits_after_some_seconds_and_at_once_by_whom_it_is_held() -> None:
    nowhere = (member("m1", group(nodes=0, rooms=())),)
    fresh = queued(created_at=T0 - 3)
    assert told(decide(world(fresh, members=nowhere))[1]) is None
    late = told(decide(world(queued(created_at=T0 - 11), members=nowhere))[1])
    assert late is not None
    assert late.condition("fedsched.io/Placed") is not None
    held_by = (Order("hold", "uid-of-a", "wait", by="ann", at=T0),)
    assert told(decide(world(fresh, members=nowhere, orders=held_by))[1]) is not None


def test_each_job_of_a_class_is_placed_once_and_the_important_and_old_ones_first() -> None:
    few = member("m1", group(nodes=1, free=res(2, 32, 100, pods=100)))
    jobs = (queued("young", created_at=T0 - 1), queued("old"), queued("urgent", created_at=T0 - 2, priority=9))
    _, changes = decide(world(*jobs, members=(few,)))
    assert created(changes) == ["lab/urgent", "lab/old"]


def test_a_job_takes_room_that_is_as_large_as_it_behind_a_place_that_is_full() -> None:
    """Its pod needs nothing beside it, as a startd's does."""
    fits = kind().request
    full, exact = (
        group("g0", rooms=(Room(msgspec.structs.replace(fits, pods=0), 1),)),
        group("g1", rooms=(Room(fits, 1),)),
    )
    plan, changes = decide(world(queued(), members=(member("m1", full, exact),)))
    assert created(changes) == ["lab/a"], plan.classes
    assert plan.held[0].placement.node_group == "g1"


def test_a_job_with_a_copy_is_not_placed_again_whatever_is_known_of_the_copy() -> None:
    for mine in (copied(), copied(phase="starting", claims=0), copied(phase="intended", written_at=None, claims=0)):
        _, changes = decide(world(queued(), mine=(mine,)))
        assert created(changes) in ([], ["lab/a"] if mine.phase == "intended" else [])
        assert sum(isinstance(c, CreateObject) and c.placement.id != mine.placement.id for c in changes) == 0


@pytest.mark.parametrize("state", ["suspended", "deleting", "over", "refused", "foreign"])
def test_only_a_job_that_wants_to_run_is_placed(state: str) -> None:
    _, changes = decide(world(queued(state=state)))
    assert created(changes) == []


def test_its_status_is_the_copys_with_where_it_is_and_written_once() -> None:
    mine = copied()
    _, changes = decide(world(queued(), mine=(mine,), objects=(running(mine),)))
    status = told(changes)
    assert status is not None
    assert (status.active, status.ready, status.started_at) == (1, 1, T0 - 30)
    _, changes = decide(world(queued(status=status), mine=(mine,), objects=(running(mine),)))
    assert told(changes) is None


def test_a_copy_that_ended_is_told_first_and_cleared_some_time_after_its_queue_shows_the_end() -> None:
    mine = copied()
    over = copy_of(mine, pod(phase="succeeded"), finished="complete", status=ENDED)
    plan, changes = decide(world(queued(), mine=(mine,), objects=(over,)))
    assert removed(changes) == []
    status = told(changes)
    assert status is not None
    assert status.over
    later = world(queued(state="over", status=status), mine=plan.held, objects=(over,))
    plan, changes = decide(later)
    assert removed(changes) == []
    at = T0 + 30
    memory = Memory(cycle=4, at=T0, since=T0 - 1000, held=plan.held)
    seen = (queue(queued(state="over", status=status), seen_at=at),)
    _, changes = decide(world(members=(member(at=at),), memory=memory, schedds=seen, objects=(over,), at=at))
    assert removed(changes) == ["1-1"]


def test_what_ended_is_cleared_at_once_where_a_quota_has_few_jobs_left() -> None:
    mine = copied(phase="gone", ended=ENDED, since=T0 - 1)
    over = copy_of(mine, pod(phase="succeeded"), finished="complete", status=ENDED)
    for left, gone in ((99, ["1-1"]), (100, [])):
        tight = member("m1", quotas=(Quota("q", Resources(), frozenset(), jobs_left=left),))
        shown = queued(state="over", status=ENDED)
        _, changes = decide(world(shown, mine=(mine,), objects=(over,), members=(tight,)))
        assert removed(changes) == gone


def test_an_end_that_was_seen_is_told_even_when_the_copy_vanishes_before() -> None:
    mine = copied(ended=ENDED, phase="gone")
    plan, changes = decide(world(queued(), mine=(mine,)))
    status = told(changes)
    assert status is not None
    assert status.condition("Complete") is not None
    plan, changes = decide(world(queued(state="over", status=status), mine=plan.held))
    assert plan.held == ()
    assert changes == ()


def test_a_copy_that_vanished_unseen_is_unknown_finished_and_not_run_again() -> None:
    plan, changes = decide(world(queued(), mine=(copied(),)))
    status = told(changes)
    assert status is not None
    failed = status.condition("Failed")
    assert failed is not None
    assert failed.reason == "UnknownFinished"
    assert created(changes) == []
    untold, changes = decide(world(queued(), mine=plan.held, at=T0 + 1))
    assert created(changes) == []
    assert untold.held
    plan, changes = decide(world(queued(state="over", status=status), mine=plan.held))
    assert created(changes) == []
    assert plan.held == ()


@pytest.mark.parametrize(("written_s", "over"), [(10, False), (50, False), (90, True)])
@pytest.mark.parametrize("wanted", ["run", "withdraw"])
def test_a_copy_that_was_written_and_not_yet_seen_is_not_gone_for_a_while(
    written_s: float, *, over: bool, wanted: Any
) -> None:
    """A busy member's stream lags behind its answers: its Job neither fails nor has a second copy meanwhile."""
    fresh = copied(phase="intended", job_started_at=None, claims=0, written_at=T0 - written_s, wanted=wanted)
    plan, changes = decide(world(queued(), mine=(fresh,)))
    status = told(changes)
    if wanted == "run":
        assert (status is not None and status.over) == over
    else:
        assert created(changes) == [], "its room is first given to whom it was promised"
        _, changes = decide(world(queued(), mine=plan.held, at=T0 + 1))
        assert bool(created(changes)) == over
    assert over or [held.placement.id for held in plan.held] == ["1-1"]


def on_lost(mine: Held, *jobs: object, at: float = T0, silent_s: float = 2000.0) -> tuple[Plan, tuple[object, ...]]:
    """m1 was last heard of `silent_s` ago, m2 answers."""
    gone = member("m1", at=at - silent_s)
    gone = msgspec.structs.replace(gone, contact="timeout", contact_at=at)
    from fedsched.matchmaker.model import MemberMemory  # noqa: PLC0415 - only here

    lost = MemberMemory("lost", since=at - 900, good_at=at - silent_s, silent_for_s=silent_s, contact_seen=at)
    well = MemberMemory(good_at=at, contact_seen=at)
    third = member("m3", at=at)
    memory = Memory(cycle=3, at=at - 5, since=T0 - 9000, held=(mine,), members={"m1": lost, "m2": well, "m3": well})
    members = (gone, member("m2", at=at), third)
    seen = queue(*jobs, seen_at=at)  # type: ignore[arg-type]  # QueuedJobs
    last = running(mine, status=JobStatus(active=1, started_at=mine.job_started_at))
    return decide(world(members=members, memory=memory, schedds=(seen,), at=at, objects=(last,)))


def test_a_lost_members_job_is_placed_elsewhere_only_after_its_deadlines_have_surely_ended_it() -> None:
    mine = copied(job_started_at=T0 - 1300)
    plan, changes = on_lost(mine, queued())
    assert created(changes) == []
    assert [held.placement.id for held in plan.held] == ["1-1"]
    plan, changes = on_lost(mine, queued(), at=T0 + 2 * 600 + 120)
    assert created(changes) == ["lab/a"]
    assert plan.held[0].placement.member != "m1"


def test_a_copy_whose_start_was_never_seen_and_one_that_says_never_are_never_placed_elsewhere() -> None:
    for mine in (copied(job_started_at=None), copied(of={"rerun": "never"})):
        _, changes = on_lost(mine, queued(), at=T0 + 10**6)
        assert created(changes) == []


def test_a_copy_at_a_member_whose_file_is_gone_may_still_run_until_its_deadlines_are_over() -> None:
    mine = copied()
    elsewhere = {"members": (member("m2"),)}
    plan, changes = decide(world(queued(), mine=(mine,), **elsewhere))
    assert created(changes) == []
    over_at = T0 - 40 + 2 * 600 + 120
    memory = Memory(cycle=3, at=over_at - 5, since=T0 - 1000, held=plan.held)
    seen = (queue(queued(), seen_at=over_at),)
    late = world(members=(member("m2", at=over_at),), memory=memory, schedds=seen, at=over_at)
    assert created(decide(late)[1]) == ["lab/a"]


def test_a_post_without_an_answer_counts_as_a_copy_until_a_newer_view_lacks_it() -> None:
    mine = copied(phase="intended", written_at=None, claims=0, job_started_at=None)
    cancelled = (Order("hold", "uid-of-a", "wait", at=T0),)
    plan, changes = decide(world(queued(), mine=(mine,), orders=cancelled))
    assert plan.held[0].phase == "intended" or plan.held[0].wanted == "vacate"
    assert created(changes) == []
    plan, changes = decide(world(queued(), mine=plan.held))
    assert plan.held[0].phase == "gone"
    assert created(changes) == []
    later = T0 + 61
    fresh = world(mine=plan.held, members=(member(at=later),), schedds=(queue(queued(), seen_at=later),), at=later)
    _, changes = decide(fresh)
    assert created(changes) == ["lab/a"]


def test_a_refused_post_made_no_copy_and_the_job_may_go_elsewhere() -> None:
    mine = copied(phase="intended", written_at=None, claims=0, job_started_at=None)
    said = Outcome(CreateObject("m1", mine.placement), "refused", T0, what="quota")
    plan, _ = decide(world(queued(), mine=(mine,), outcomes=(said,)))
    plan, _ = decide(world(queued(), mine=plan.held, at=T0 + 1))
    assert [held.placement.id for held in plan.held if held.placement.id == "1-1"] == []


@pytest.mark.parametrize("kind_of_order", ["hold", "cancel"])
def test_what_a_person_stops_leaves_its_member_and_says_so(kind_of_order: str) -> None:
    mine = copied()
    orders = (Order(kind_of_order, "uid-of-a", "the wrong input", by="ann", at=T0),)  # type: ignore[arg-type]  # parametrized
    _, changes = decide(world(queued(), mine=(mine,), objects=(running(mine),), orders=orders))
    assert removed(changes) == ["1-1"]
    _, changes = decide(world(queued(), orders=orders))
    assert created(changes) == []
    status = told(changes)
    assert status is not None
    assert "the wrong input" in str(status.conditions)
    assert status.over == (kind_of_order == "cancel")


def test_a_job_that_its_owner_deletes_or_suspends_leaves_its_member() -> None:
    mine = copied()
    _, changes = decide(world(mine=(mine,), objects=(running(mine),)))
    assert removed(changes) == ["1-1"]
    _, changes = decide(world(queued(state="suspended"), mine=(mine,), objects=(running(mine),)))
    assert removed(changes) == ["1-1"]
    status = told(decide(world(queued(state="suspended")))[1])
    assert status is not None
    suspended = status.condition("Suspended")
    assert suspended is not None
    assert (suspended.status, status.started_at) == ("True", None)


def test_a_queue_that_was_not_read_since_deletes_nothing() -> None:
    mine = copied()
    stale = queue(seen_at=T0 - 60)
    _, changes = decide(world(mine=(mine,), objects=(running(mine),), schedds=(stale,)))
    assert removed(changes) == []
    _, changes = decide(world(mine=(mine,), objects=(running(mine),), schedds=()))
    assert removed(changes) == []


def unknown(**more: object) -> ObjectView:
    return running(copied(id_="0-9", of={"created_at": T0 - 90}), **more)


def test_a_copy_that_comes_back_from_a_backup_is_removed_at_once_and_reported() -> None:
    for jobs in ((queued(state="over", status=ENDED),), (), (queued(),)):
        plan, changes = decide(world(*jobs, objects=(unknown(),)))
        assert "0-9" in removed(changes)
        assert "revived" in {notice.kind for notice in plan.notices}


def test_a_memory_that_is_younger_than_a_copy_adopts_it() -> None:
    young = Memory(cycle=0)
    plan, changes = decide(world(queued(), objects=(unknown(),), memory=young))
    assert [held.placement.id for held in plan.held] == ["0-9"]
    assert created(changes) == removed(changes) == []


def test_of_two_adopted_copies_the_older_one_goes() -> None:
    old, new = copied(id_="0-9", of={"created_at": T0 - 90}), copied(id_="1-2", of={"created_at": T0 - 20})
    seen = (running(old, uid="u1"), running(new, uid="u2"))
    _, changes = decide(world(queued(), objects=seen, memory=Memory(cycle=0)))
    assert removed(changes) == ["0-9"]


def test_a_new_journal_places_no_older_job_before_every_member_was_seen() -> None:
    never = member("m2", at=T0 - 500)
    begun = Memory(cycle=1, at=T0 - 5, since=T0 - 20)
    plan, changes = decide(world(queued(), members=(member(), never), memory=begun))
    assert created(changes) == []
    assert why(plan) is Cause.REBUILDING
    fresh = queued("b", created_at=T0 - 1)
    _, changes = decide(world(fresh, members=(member(), never), memory=begun))
    assert created(changes) == ["lab/b"]


def test_all_pods_of_a_gang_have_room_at_once_or_nothing_is_placed() -> None:
    three = member("m1", group(nodes=3, free=res(2, 32, 100, pods=100)))
    for pods, fits in ((6, True), (7, False)):
        seen = queue(queued(), classes=(kind(shape=JobShape(namespace="lab", pods=pods, gang=True)),))
        plan, changes = decide(world(members=(three,), schedds=(seen,)))
        assert bool(created(changes)) == fits
    assert why(plan) is Cause.TOO_MANY_PODS


def test_pods_of_one_job_are_counted_one_by_one_against_others() -> None:
    three = member("m1", group(nodes=3, free=res(2, 32, 100, pods=100)))
    two = (kind(shape=JobShape(pods=4, gang=True)), kind("c2", shape=JobShape(pods=3, gang=True)))
    seen = queue(queued(), queued("b", class_key="c2"), classes=two)
    plan, changes = decide(world(members=(three,), schedds=(seen,)))
    assert created(changes) == ["lab/a"]
    left = next(report for report in plan.classes if report.key == "c2")
    assert left.why is not None
    assert (left.why.cause, left.why.what, left.why.have) == (Cause.NO_ROOM, "pods at once", "2")


def test_a_job_without_a_gang_begins_with_as_many_pods_as_fit_and_has_a_right_to() -> None:
    three = member("m1", group(nodes=3, free=res(2, 32, 100, pods=100)))
    seen = queue(queued(), classes=(kind(pods=100),))
    plan, changes = decide(world(members=(three,), schedds=(seen,)))
    assert created(changes) == ["lab/a"]
    assert (plan.held[0].placement.pods, plan.held[0].nodes) == (6, 6)
    bob = Principal("chem", "bob@b")
    rivals = (kind(pods=100), kind("c2", pods=100, principal=bob))
    seen = queue(queued(), queued("b", class_key="c2", principal=bob), classes=rivals)
    plan, changes = decide(world(members=(three,), schedds=(seen,)))
    assert sorted(held.nodes for held in plan.held) == [3, 3], "what others wait for is not taken in one turn"


def never(snap_terms: JobTerms, shape: JobShape, **of_member: object) -> Reason:
    """Why such a Job can never run at a member with such terms."""
    where = member("m1", of_member.pop("group", group()), **of_member)  # type: ignore[arg-type]  # a NodeGroup
    rules = (terms("m1", forms=("job",), jobs=snap_terms, images=("good/*",)),)
    plan, changes = decide(
        world(members=(where,), terms=rules, schedds=(queue(queued(), classes=(kind(shape=shape),)),))
    )
    assert created(changes) == []
    report = plan.classes[0]
    assert report.verdict is Verdict.NEVER
    assert report.why is not None
    return report.why


def test_what_a_member_lacks_or_does_not_allow_is_named() -> None:
    fair = JobShape(namespace="lab")
    claim = (("PersistentVolumeClaim", "data"),)
    some = msgspec.structs.replace
    assert never(JobTerms(namespaces=("other",)), fair).cause is Cause.NAMESPACE_REFUSED
    assert never(JobTerms(), some(fair, images=("bad/one",))).cause is Cause.IMAGE_REFUSED
    missing = never(JobTerms(objects=("PersistentVolumeClaim/*",)), some(fair, objects=claim))
    assert (missing.cause, missing.what, missing.have) == (
        Cause.OBJECT_MISSING,
        "PersistentVolumeClaim/data",
        "missing",
    )
    assert never(JobTerms(), some(fair, objects=claim), objects=claim).need == "allowed"
    path = "spec.template.spec.hostNetwork"
    refused = never(JobTerms(grants=("privileged",)), some(fair, grants=(f"hostNetwork {path}",)))
    assert (refused.cause, refused.what) == (Cause.FIELD_REFUSED, path)


def test_a_taint_needs_the_jobs_toleration_and_the_members_leave() -> None:
    taint = Taint("gpu", "yes", "NoSchedule")
    tainted: NodeGroup = group(taints=(taint,), barred=(taint,))
    mine = (Toleration("gpu", "Exists", "", ""),)
    assert never(JobTerms(), JobShape(namespace="lab", tolerations=mine), group=tainted).cause is Cause.TAINTED
    assert never(JobTerms(tolerations=("gpu",)), JobShape(namespace="lab"), group=tainted).cause is Cause.TAINTED
    rules = (terms("m1", forms=("job",), jobs=JobTerms(tolerations=("gpu",))),)
    shape = JobShape(namespace="lab", tolerations=mine)
    seen = queue(queued(), classes=(kind(shape=shape),))
    _, changes = decide(world(members=(member("m1", tainted),), terms=rules, schedds=(seen,)))
    assert created(changes) == ["lab/a"]


def test_node_labels_are_what_a_jobs_requirements_read() -> None:
    asks = kind(requirements='TARGET.NodeLabels["a.b/c"] =?= "x"')
    for labels, fits in (((("a.b/c", "x"),), True), ((("a.b/c", "y"),), False), ((), False)):
        where = member("m1", group(labels=labels))
        plan, changes = decide(world(members=(where,), schedds=(queue(queued(), classes=(asks,)),)))
        assert bool(created(changes)) == fits
    assert why(plan) is Cause.REQUIREMENTS


def test_a_gang_of_which_not_all_pods_start_goes_as_a_whole() -> None:
    mine = copied(of={"pods": 2, "gang": True}, pod_started_at=T0 - 40)
    waits = pod("fs-1-1-y", "pending", node="", started_at=None, created_at=T0 - 2000)
    partly = copy_of(mine, pod("fs-1-1-x"), waits)
    _, changes = decide(world(queued(), mine=(mine,), objects=(partly,)))
    assert removed(changes) == ["1-1"]
    loose = copied(of={"pods": 2}, pod_started_at=T0 - 40)
    _, changes = decide(world(queued(), mine=(loose,), objects=(copy_of(loose, pod("fs-1-1-x"), waits),)))
    assert removed(changes) == []


def test_a_job_that_ends_badly_is_its_owners_business_and_closes_no_place() -> None:
    mine = copied()
    failed = msgspec.structs.replace(
        ENDED, succeeded=0, failed=1, conditions=(JobCondition("Failed", "True", "BackoffLimitExceeded"),)
    )
    over = copy_of(mine, pod(phase="failed", exit_code=7), finished="failed", status=failed)
    plan, changes = decide(world(queued(), mine=(mine,), objects=(over,)))
    status = told(changes)
    assert status is not None
    told_ = status.condition("Failed")
    assert told_ is not None
    assert told_.message.endswith("fs-1-1-abc: exit code 7"), "a Job's own conditions never tell exit codes"
    assert all(not pair.failures for pair in plan.memory.pairs.values())


def test_a_running_job_is_charged_to_its_owner_from_its_pods_begin() -> None:
    mine = copied()
    plan, _ = decide(world(queued(), mine=(mine,), objects=(running(mine),)))
    entry = plan.memory.ledger["physics/alice@b"]
    assert entry.claims
    line = next(one for one in plan.shares if one.path == "physics/alice@b")
    assert line.held == 1000


def test_a_preempted_jobs_owner_reads_by_whom_and_counters_never_go_back() -> None:
    why_ = Reason(Cause.PREEMPTED, what="chem.bob c9", need="PR2", have="5 core-seconds", member="m1")
    mine = copied(wanted="vacate", why=why_)
    shown = JobStatus(succeeded=2, failed=3, completed_indexes="0-1", started_at=T0 - 90)
    seen = running(mine, status=JobStatus(active=1, succeeded=1, failed=1, completed_indexes="0", started_at=T0 - 30))
    _, changes = decide(world(queued(status=shown), mine=(mine,), objects=(seen,)))
    assert removed(changes) == ["1-1"]
    status = told(changes)
    assert status is not None
    assert (status.succeeded, status.failed, status.completed_indexes) == (2, 3, "0-1")
    assert status.started_at == T0 - 90
    preempted = status.condition("fedsched.io/Preempted")
    assert preempted is not None
    assert "chem.bob" in preempted.message
    waits = told(decide(world(queued(status=status), members=(member("m1", group(nodes=0, rooms=())),)))[1])
    assert waits is not None
    assert waits.condition("fedsched.io/Preempted") == preempted


def test_a_job_that_began_and_ended_between_two_looks_is_charged_whole() -> None:
    mine = copied(phase="starting", claims=0, pod_started_at=None, job_started_at=None)
    ran = pod("fs-1-1-x", "succeeded", started_at=T0 - 4, ended_at=T0 - 1)
    over = copy_of(mine, ran, finished="complete", status=ENDED)
    plan, _ = decide(world(queued(), mine=(mine,), objects=(over,)))
    entry = plan.memory.ledger["physics/alice@b"]
    assert entry.core_s == pytest.approx(3.0)
    again, _ = decide(world(queued(), memory=msgspec.structs.replace(plan.memory, at=T0), objects=(over,), at=T0 + 5))
    assert again.memory.ledger["physics/alice@b"].core_s == pytest.approx(3.0)


def refused_then(**more: Any) -> list[str]:
    """Copies that are still remembered after a POST was refused, and one cycle later."""
    mine = copied(phase="intended", written_at=None, claims=0, job_started_at=None, **more)
    said = Outcome(CreateObject("m1", mine.placement), "refused", T0, what="quota")
    plan, _ = decide(world(queued(), mine=(mine,), outcomes=(said,)))
    plan, _ = decide(world(queued(), mine=plan.held, at=T0 + 1))
    return [held.placement.id for held in plan.held if held.placement.id == "1-1"]


def test_a_refusal_proves_nothing_of_an_earlier_post_that_was_not_answered() -> None:
    assert refused_then() == []
    mine = copied(phase="intended", written_at=None, claims=0, job_started_at=None)
    lost = Outcome(CreateObject("m1", mine.placement), "retry", T0, what="timed out")
    plan, _ = decide(world(queued(), mine=(mine,), outcomes=(lost,)))
    assert plan.held[0].unanswered
    assert refused_then(unanswered=True) == ["1-1"]
    assert refused_then(of={"epoch": 0}) == ["1-1"], "we were started again and know nothing of the first"
    aside = msgspec.structs.replace(lost, elsewhere=True)
    plan, _ = decide(world(queued(), mine=(mine,), outcomes=(aside,)))
    assert not plan.held[0].unanswered


def test_what_one_user_writes_into_a_job_closes_the_member_for_his_class_alone() -> None:
    plan, memory = None, Memory(cycle=3, at=T0 - 5, since=T0 - 1000)
    for turn in range(12):
        at = T0 + turn
        members, seen = (member(at=at),), queue(queued(), seen_at=at)
        outcomes = tuple(
            Outcome(CreateObject("m1", held.placement), "refused", at, what="422 spec.template")
            for held in memory.held
            if held.phase == "intended"
        )
        plan, _ = decide(world(members=members, memory=memory, schedds=(seen,), at=at, outcomes=outcomes))
        memory = plan.memory
    assert plan is not None
    assert why(plan) is Cause.FAILING_FAST
    assert plan.memory.members["m1"].refusals == ()
    other = queue(queued("b", class_key="c2"), classes=(kind("c2"),), seen_at=T0 + 12)
    _, changes = decide(world(members=(member(at=T0 + 12),), memory=memory, schedds=(other,), at=T0 + 12))
    assert created(changes) == ["lab/b"]


def test_the_room_of_an_evicted_job_goes_to_whom_it_was_made_for_and_not_to_itself_again() -> None:
    one = member("m1", group(nodes=1, free=res(1, 2, 1)))
    hep = Principal("hep", "ann@b")
    mine = copied(wanted="vacate", yields_to="c2", yields_at=T0 - 5, yields_with="1-1", yields_room=res())
    kinds = (kind(), kind("c2", principal=hep))
    both = (queued(priority=9), queued("b", class_key="c2", principal=hep, created_at=T0 - 1))
    _, changes = decide(world(members=(one,), mine=(mine,), schedds=(queue(*both, classes=kinds),)))
    assert created(changes) == ["lab/b"]
