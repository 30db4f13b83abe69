"""Single jobs asked of real schedds (E1): one by its own ad with its class, and all of them in pages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from fedsched.condor.job_ads import JobAds, JobsAsked, find_job, jobs
from fedsched.condor.processes import QueryFailed
from tests.condor.pools import by_name, federation, idle, job, polling, settings, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fedsched.condor.questions import JobLine
    from fedsched.config.settings import Federation
    from fedsched.matchmaker.model import DemandClass, FoundJob
    from tests.condor.worker_pod import WorkerPod
    from tests.laboratory import Laboratory
    from tests.laboratory.pool import Pool

pytestmark = pytest.mark.condor
MANY = 10_000


@pytest.fixture(scope="module")
def hub(lab: Laboratory) -> Iterator[Pool]:
    """A target pool without startds."""
    pool = lab.pool("hu", daemons=("COLLECTOR",), rights_for="fedsched@pool-hu")
    yield pool
    pool.stop()


@pytest.fixture(scope="module")
def guests(lab: Laboratory, hub: Pool) -> Iterator[tuple[Pool, Pool]]:
    """Two guests of it; the second one's queue is full of jobs."""
    pools = lab.pool("j1", daemons=("COLLECTOR", "SCHEDD"), flock_to=hub), lab.pool("j2", flock_to=hub)
    pools[1].submit("alice", job(MANY - 100, request_memory=300))
    pools[1].submit("bob", job(100, request_memory=600, hold="true"))
    until("both schedds", lambda: len(hub.ads("Scheduler")) == 2, 60)
    yield pools
    for pool in pools:
        pool.stop()


@pytest.fixture(autouse=True)
def empty_queue(guests: tuple[Pool, Pool]) -> Iterator[None]:
    """The first guest's queue is empty after each test."""
    yield
    guests[0].wait("an answer of condor_rm", lambda: guests[0].try_run("condor_rm", "-all") is not None)


@pytest.fixture
def asked(hub: Pool, tmp_path: Path) -> Federation:
    """The federation over the hub."""
    return federation(settings(hub, tmp_path))


def name_of(hub: Pool, guest: Pool) -> str:
    (one,) = [ad["Name"] for ad in hub.ads("Scheduler") if ad["MyAddress"].startswith(f"<{guest.host}:")]
    return str(one)


def found(asked: Federation, number: str, schedd: str = "") -> FoundJob:
    one = find_job(asked, number, schedd)
    assert one is not None
    return one


def placed(line: JobLine) -> tuple[str, int, int]:
    cluster, proc = line.job.split(".")
    return line.schedd, int(cluster), int(proc)


def in_state(asked: Federation, number: str, schedd: str, state: str) -> FoundJob:
    """The job once it is in that state."""

    def look() -> list[FoundJob]:
        one = find_job(asked, number, schedd)
        return [one] if one is not None and one.state == state else []

    return until(f"{number} {state}", look, 120)[0]


def class_of(asked: Federation, schedd: str, jobs: int) -> DemandClass:
    """The class of so many idle jobs, as the poll for demand has it."""
    with polling(asked) as poller:
        until("the demand", lambda: schedd in by_name(poller) and idle(by_name(poller)[schedd]) >= jobs)
        (one,) = [one for one in by_name(poller)[schedd].classes if one.idle == jobs]
        return one


def test_the_sixth_job_of_a_class_has_the_key_that_the_poll_for_demand_gives(
    hub: Pool, guests: tuple[Pool, Pool], asked: Federation
) -> None:
    more: dict[str, Any] = {
        "request_memory": "ifThenElse(MemoryUsage =!= undefined, MemoryUsage, 1000)",
        "requirements": "TARGET.Site =?= Wanted",
        "plus_Wanted": 'strcat(Half, "x")',
        "plus_Half": '"north"',
        "accounting_group": "group_atlas.ml",
        "allowed_job_duration": 4000,
        "concurrency_limits": "matlab",
    }
    number = guests[0].submit("alice", job(7, **more))
    name = name_of(hub, guests[0])
    one = class_of(asked, name, 7)
    assert f"{number}.5" not in one.examples
    sixth = found(asked, f"{number}.5", name)
    assert (sixth.job, sixth.schedd, sixth.state, sixth.class_key) == (f"{number}.5", name, "idle", one.key)
    assert sixth.principal == one.principal
    assert sixth.since is not None
    assert abs(time.time() - sixth.since) < 120


def test_a_held_job_has_its_class_and_why_it_is_held_as_one_line(
    hub: Pool, guests: tuple[Pool, Pool], asked: Federation
) -> None:
    number = guests[0].submit("alice", job(3, request_memory=700))
    name = name_of(hub, guests[0])
    one = class_of(asked, name, 3)
    guests[0].run("condor_hold", "-reason", "too much memory", f"{number}.2")
    held = found(asked, f"{number}.2", name)
    assert (held.state, held.class_key) == ("held", one.key)
    assert held.detail.startswith("too much memory")
    guests[0].run("condor_qedit", f"{number}.2", "HoldReason", 'strcat("a", "b")')
    assert found(asked, f"{number}.2", name).detail == ""
    guests[0].run("condor_qedit", f"{number}.2", "HoldReason", f'"said \\"no\\" \x1b[31m{"x" * 2000}"')
    hostile = found(asked, f"{number}.2", name).detail
    assert hostile.startswith('said "no" [31mxxx')
    assert len(hostile) == 400


def test_a_removed_job_is_told_from_the_history_and_one_that_never_was_is_not_there(
    hub: Pool, guests: tuple[Pool, Pool], asked: Federation
) -> None:
    number = guests[0].submit("alice", job(2))
    guests[0].run("condor_rm", f"{number}.1")
    name = name_of(hub, guests[0])
    gone = in_state(asked, f"{number}.1", name, "finished")
    assert "condor_rm" in gone.detail
    assert gone.class_key
    assert find_job(asked, f"{number}.7", name) is None
    assert find_job(asked, "999999.0", name) is None


def test_a_running_job_names_its_slot_and_keeps_its_class(
    guest_pool: Pool, worker: Callable[..., WorkerPod], target_pool: Pool, tmp_path: Path
) -> None:
    made = federation(settings(target_pool, tmp_path))
    until("the schedd", lambda: target_pool.ads("Scheduler"), 60)
    name = name_of(target_pool, guest_pool)
    number = guest_pool.submit("alice", job(1, request_memory=64))
    idling = found(made, f"{number}.0", name)
    assert idling.state == "idle"
    worker({"FEDSCHED_USER": "alice@pool-b"})
    try:
        runs = in_state(made, f"{number}.0", name, "running")
        assert runs.class_key == idling.class_key
        assert "@" in runs.detail
    finally:
        guest_pool.run("condor_rm", str(number))


def test_a_job_that_a_factory_has_not_made_yet_is_known(
    hub: Pool, guests: tuple[Pool, Pool], asked: Federation
) -> None:
    number = guests[0].submit("alice", job(50, max_materialize=3))
    name = name_of(hub, guests[0])
    until("its first jobs", lambda: len(guests[0].jobs(f"ClusterId == {number}", ["ProcId"])) == 3)
    made, later = found(asked, f"{number}.1", name), found(asked, f"{number}.40", name)
    assert later.class_key == made.class_key
    assert (made.detail, later.detail) == ("", "its factory has not made it yet")
    assert find_job(asked, f"{number}.50", name) is None


def test_the_same_number_at_two_schedds_is_nobodys_until_one_is_named(
    hub: Pool, guests: tuple[Pool, Pool], asked: Federation
) -> None:
    number = guests[0].submit("alice", job(1))
    others = [guests[1].submit("alice", job(1))]
    while others[-1] < number:
        others.append(guests[1].submit("alice", job(1)))
    try:
        with pytest.raises(ValueError, match=f"several schedds: {number}.0@"):
            find_job(asked, f"{number}.0")
    finally:
        guests[1].run("condor_rm", *map(str, others))
    until("the end of these", lambda: not guests[1].jobs("ClusterId > 2", ["ProcId"]))
    assert found(asked, f"{number}.0", name_of(hub, guests[0])).schedd == name_of(hub, guests[0])


def test_nobodys_job_is_not_called_missing_while_a_schedd_is_silent(
    hub: Pool, guests: tuple[Pool, Pool], tmp_path: Path
) -> None:
    asked = federation(settings(hub, tmp_path), query_limit_s=2)
    name = name_of(hub, guests[0])
    guests[0].pause_daemon("SCHEDD")
    try:
        with pytest.raises(QueryFailed, match=name):
            find_job(asked, "999999.0")
        page = jobs(asked, JobsAsked(limit=10))
        assert [one.name for one in page.silent] == [name]
        assert len(page.jobs) == 10
        assert page.total == MANY
    finally:
        guests[0].resume_daemon("SCHEDD")


@pytest.mark.parametrize("number", ["", "1.", ".1", "1.2.3", "1 || true", "-1.0", "4711.3@x", "9" * 40, "1\n"])
def test_what_is_no_number_is_not_asked(asked: Federation, number: str) -> None:
    with pytest.raises(ValueError, match="no job's number"):
        find_job(asked, number)


def test_ten_thousand_jobs_of_two_schedds_come_in_pages_each_job_once_in_order(
    hub: Pool, guests: tuple[Pool, Pool], asked: Federation
) -> None:
    guests[0].submit("alice", job(30))
    names = sorted((name_of(hub, guests[0]), name_of(hub, guests[1])))
    seen: list[tuple[str, int, int]] = []
    with JobAds(asked) as ads:
        page = ads.page(JobsAsked(limit=1000))
        assert (page.total, dict(page.schedds)) == (
            MANY + 30,
            {name_of(hub, guests[0]): 30, name_of(hub, guests[1]): MANY},
        )
        while True:
            assert len(page.jobs) <= 1000
            seen += [placed(line) for line in page.jobs]
            if not page.after:
                break
            page = ads.page(JobsAsked(limit=1000, after=page.after))
    assert len(seen) == len(set(seen)) == MANY + 30
    assert seen == sorted(seen)
    assert sorted({name for name, _, _ in seen}) == names


def test_a_page_has_only_what_was_asked_for_and_counts_all_of_it(
    hub: Pool, guests: tuple[Pool, Pool], asked: Federation
) -> None:
    grouped = guests[0].submit("alice", job(4, accounting_group="group_atlas.ml"))
    with JobAds(asked) as ads:
        held = ads.page(JobsAsked(states=("held",), limit=30))
        assert (held.total, len(held.jobs)) == (100, 30)
        assert {line.state for line in held.jobs} == {"held"}
        bobs = ads.page(JobsAsked(user="bob", limit=500))
        assert (bobs.total, len(bobs.jobs), bobs.after) == (100, 100, "")
        assert {line.principal.user for line in bobs.jobs} == {"bob@pool-j2"}
        group = ads.page(JobsAsked(group="group_atlas"))
        assert [line.job for line in group.jobs] == [f"{grouped}.{proc}" for proc in range(4)]
        assert {line.principal.group for line in group.jobs} == {"group_atlas.ml"}
        one = ads.page(JobsAsked(schedds=(name_of(hub, guests[0]), "nowhere")))
        assert (one.total, [silent.name for silent in one.silent]) == (4, ["nowhere"])
        assert not ads.page(JobsAsked(user="nobody")).total


@pytest.mark.parametrize(
    ("asking", "match"),
    [
        (JobsAsked(limit=0), "1 to 1000"),
        (JobsAsked(limit=100_000), "1 to 1000"),
        (JobsAsked(after="x"), "no place"),
        (JobsAsked(after="s#1 || true.0"), "no place"),
    ],
)
def test_a_page_that_cannot_be_is_refused(asked: Federation, asking: JobsAsked, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        jobs(asked, asking)
