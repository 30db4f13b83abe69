"""Demand of real pools (D1, D2, D7, FA9): exact, grouped, once per schedd; one schedd costs only its own age."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fedsched.condor.demand import DemandPoller
from fedsched.matchmaker.model import Principal
from tests.condor.pools import by_name, federation, idle, job, polling, settings, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fedsched.matchmaker.model import ScheddView
    from tests.laboratory import Laboratory
    from tests.laboratory.pool import Pool

pytestmark = pytest.mark.condor
QUIET = "NEGOTIATOR_INTERVAL = 5\n"
SCHEDD_ONLY = ("COLLECTOR", "SCHEDD")


@pytest.fixture(scope="module")
def hub(lab: Laboratory) -> Iterator[Pool]:
    """A target pool without any startd: its guests' jobs stay idle."""
    pool = lab.pool("hub", daemons=("COLLECTOR", "NEGOTIATOR"), rights_for="fedsched@pool-hub", config=QUIET)
    yield pool
    pool.stop()


@pytest.fixture(scope="module")
def guests(lab: Laboratory, hub: Pool) -> Iterator[tuple[Pool, Pool, Pool]]:
    """Three pools whose schedds flock to the hub."""
    names = ("g1", "g2", "g3")
    pools = [lab.pool(name, daemons=SCHEDD_ONLY, flock_to=hub) for name in names]
    yield pools[0], pools[1], pools[2]
    for pool in pools:
        pool.stop()


@pytest.fixture(autouse=True)
def empty_queues(guests: tuple[Pool, Pool, Pool]) -> Iterator[None]:
    """Every test begins and ends with empty queues and running schedds."""
    yield
    for pool in guests:
        _clear(pool)


def _clear(pool: Pool) -> None:
    pool.wait("an answer of condor_rm", lambda: pool.try_run("condor_rm", "-all") is not None)


def named(views: tuple[ScheddView, ...] | list[ScheddView], pool: Pool) -> ScheddView:
    (one,) = [view for view in views if view.identity == f"schedd-{pool.name}@pool-hub"]
    return one


def seen_with(poller: DemandPoller, pool: Pool, jobs: int, timeout_s: float = 60.0) -> ScheddView:
    """The view of a guest's schedd once it has that many idle jobs."""

    def look() -> list[ScheddView]:
        views = [view for view in poller.latest() if view.identity == f"schedd-{pool.name}@pool-hub"]
        return [view for view in views if idle(view) == jobs]

    return until(f"{jobs} idle jobs at {pool.name}", look, timeout_s)[0]


def test_500_jobs_of_40_shapes_at_two_schedds_while_a_third_stops(
    hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path
) -> None:
    one, two, three = guests
    wanted: dict[str, dict[int, int]] = {one.name: {}, two.name: {}}
    for shape in range(40):
        pool, count = (one, two)[shape % 2], 3 + shape // 2
        pool.submit("alice", job(count, request_memory=300 + shape * 256))
        wanted[pool.name][512 + shape * 256] = count
    three.submit("bob", job(7))
    assert sum(sum(counts.values()) for counts in wanted.values()) == 500
    with polling(federation(settings(hub, tmp_path), query_limit_s=15)) as poller:
        last = seen_with(poller, three, 7)
        for pool in (one, two):
            view = seen_with(poller, pool, sum(wanted[pool.name].values()))
            assert {one.request.memory_mib: one.idle for one in view.classes} == wanted[pool.name]
        three.stop_daemon("SCHEDD")
        until("an error of the stopped schedd", lambda: named(poller.latest(), three).error)
        stopped = named(poller.latest(), three)
        two.submit("bob", job(3))
        seen_with(poller, two, 3 + sum(wanted[two.name].values()))
        reads = {pool.name: named(poller.latest(), pool).reads for pool in (one, two)}
        until("more answers", lambda: all(named(poller.latest(), p).reads > reads[p.name] + 2 for p in (one, two)))
        still = named(poller.latest(), three)
        assert (still.classes, still.seen_at, still.reads) == (last.classes, stopped.seen_at, stopped.reads)
        assert not named(poller.latest(), one).error
        three.start_daemon("SCHEDD")
        until("the schedd again", lambda: not named(poller.latest(), three).error, 90)
        assert idle(named(poller.latest(), three)) == 7


def test_a_schedd_that_hangs_delays_nobody(hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path) -> None:
    one, two, _ = guests
    one.submit("alice", job(2))
    with polling(federation(settings(hub, tmp_path), query_limit_s=3, queries_at_once=2)) as poller:
        seen_with(poller, one, 2)
        one.pause_daemon("SCHEDD")
        try:
            until("the limit", lambda: "no answer within 3 s" in named(poller.latest(), one).error)
            two.submit("bob", job(4))
            began, before = time.monotonic(), named(poller.latest(), two).reads
            seen_with(poller, two, 4, timeout_s=15)
            until("ten answers", lambda: named(poller.latest(), two).reads >= before + 6, 15)
            assert time.monotonic() - began < 15
            assert idle(named(poller.latest(), one)) == 2
        finally:
            one.resume_daemon("SCHEDD")
        until("the schedd again", lambda: not named(poller.latest(), one).error, 60)


def test_a_submitted_job_is_seen_within_a_poll_and_wakes_the_cycle(
    hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path
) -> None:
    woken: list[float] = []
    with polling(federation(settings(hub, tmp_path)), lambda: woken.append(time.monotonic())) as poller:
        until("the guests", lambda: len(poller.latest()) == 3 and all(view.reads for view in poller.latest()))
        waits = []
        for count in range(1, 6):
            already = len(woken)
            guests[0].submit("alice", job(1))
            submitted = time.monotonic()
            seen_with(poller, guests[0], count)
            waits.append(time.monotonic() - submitted)
            until("the cycle woken", lambda already=already: len(woken) > already)  # type: ignore[misc]  # of this turn
        assert sorted(waits)[2] < 1.5


def test_held_running_and_foreign_universes_are_no_demand(
    hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path
) -> None:
    pool = guests[0]
    pool.submit("alice", job(3))
    pool.submit("alice", job(4, hold="true"))
    pool.submit("bob", job(1, universe="scheduler"))
    pool.submit("bob", job(1, universe="local"))
    pool.submit("bob", job(2, universe="container", container_image="/cvmfs/x.sif"))
    with polling(federation(settings(hub, tmp_path))) as poller:
        view = seen_with(poller, pool, 5)
        assert {(one.image, one.idle) for one in view.classes} == {("", 3), ("/cvmfs/x.sif", 2)}


def test_requests_lengths_groups_priorities_and_ages_are_told(
    hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path
) -> None:
    pool = guests[0]
    began = time.time()
    grown = "ifThenElse(MemoryUsage =!= undefined, MemoryUsage, 1000)"
    more = {
        "request_cpus": 4,
        "request_memory": grown,
        "accounting_group": "group_atlas.ml",
        "allowed_job_duration": 4000,
    }
    first = pool.submit("alice", job(2, priority=5, **more))
    pool.submit("alice", job(3, priority=-2, **more))
    pool.submit("bob", job(1, accounting_group="group_cms"))
    with polling(federation(settings(hub, tmp_path))) as poller:
        view = seen_with(poller, pool, 6)
    big, small = sorted(view.classes, key=lambda one: -one.idle)
    assert big.principal == Principal("group_atlas.ml", "alice@pool-g1")
    assert small.principal == Principal(f"guest.{view.name}", "bob@pool-g1")
    assert (big.request.cpu_milli, big.request.memory_mib, big.request.disk_mib) == (4000, 1024, 1024)
    assert any("RequestMemory is an expression: 1000 MiB now" in text for text in big.floors)
    assert (big.length.seconds, big.length.source) == (7200, "AllowedJobDuration")
    assert (small.length.seconds, small.length.source) == (3600, "assumed")
    assert big.priorities == ((5, 2), (-2, 3))
    assert big.examples[0] == f"{first}.0"
    assert began - 2 <= big.oldest_at <= time.time() + 2
    assert big.pool == "hub"


def test_a_factorys_unmade_jobs_are_announced_and_not_idle(
    hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path
) -> None:
    guests[0].submit("alice", job(50, max_materialize=3, request_memory=100, plus_MaxWallTimeMins=10))
    with polling(federation(settings(hub, tmp_path))) as poller:
        view = seen_with(poller, guests[0], 3)
        until("announced jobs", lambda: sum(one.announced for one in named(poller.latest(), guests[0]).classes) == 47)
        (one,) = named(poller.latest(), guests[0]).classes
    assert (one.idle, one.announced, len(view.classes)) == (3, 47, 1)


def test_an_attribute_that_only_requirements_know_separates_classes(
    hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path
) -> None:
    for site in ("north", "south"):
        guests[0].submit(
            "alice",
            job(2, requirements="TARGET.Site =?= Wanted", plus_Wanted='strcat(Half, "x")', plus_Half=f'"{site}"'),
        )
    with polling(federation(settings(hub, tmp_path))) as poller:
        view = seen_with(poller, guests[0], 4)
    assert {dict(one.attributes)["half"] for one in view.classes} == {'"north"', '"south"'}
    assert all(dict(one.attributes)["wanted"] == 'strcat(Half,"x")' for one in view.classes)


def test_hostile_jobs_keep_their_counts_and_spoil_nobodys(
    hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path
) -> None:
    pool = guests[0]
    huge = " || ".join(f'TARGET.Name == "node{n:06d}.example.org"' for n in range(25_000))
    assert len(huge) > 1 << 20
    pool.submit("alice", job(2, requirements=huge))
    pool.submit("alice", job(3, requirements="random(10) < 5"))
    pool.submit("alice", job(4, requirements="TARGET.X =!= Blob", plus_Blob='"' + "x" * 1_000_000 + '"'))
    odd = pool.home("alice") / "odd.sub"
    text = job(5, requirements='TARGET.Y == "@" && TARGET.Z == Foo', plus_Foo='"caf@"')
    odd.write_bytes(text.encode().replace(b"@", b"\xe9\xff"))
    pool.run("/bin/sh", "-c", f"cd {odd.parent} && exec condor_submit -terse {odd}", user="alice")
    pool.submit("bob", job(6))
    with polling(federation(settings(hub, tmp_path))) as poller:
        view = seen_with(poller, pool, 20)
    assert view.error == ""
    gates = {one.gate: one.idle for one in view.classes if one.gate}
    assert gates == {
        "requirements: longer than 64 KiB": 2,
        "requirements: function random() is not allowed": 3,
        "blob: longer than 64 KiB": 4,
    }
    assert sorted(one.idle for one in view.classes if not one.gate) == [5, 6]
    assert sum(len(repr(one)) for one in view.classes) < 20_000


def test_a_schedd_that_is_at_home_in_one_pool_and_flocks_to_another_counts_once(
    hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path
) -> None:
    home = guests[0]
    home.submit("alice", job(5))
    both = federation(settings(hub, tmp_path), settings(home, tmp_path))
    with polling(both) as poller:

        def owners() -> list[tuple[str, str, int]]:
            counted = [view for view in poller.latest() if view.classes]
            return [(view.pool, view.classes[0].pool, idle(view)) for view in counted]

        # its home may be looked at later than the pool that it flocks to
        until("five jobs in its home, and nowhere else", lambda: owners() == [(home.name, home.name, 5)], 60)


def test_one_look_asks_every_schedd_once(hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path) -> None:
    for number, pool in enumerate(guests, 1):
        pool.submit("alice", job(number))
    poller = DemandPoller(federation(settings(hub, tmp_path)), 1000)
    try:
        hub.wait("guests in the collector", lambda: len(hub.ads("Scheduler")) == 3)
        views = poller.poll_once()
    finally:
        poller.stop()
    assert sorted(idle(view) for view in views) == [1, 2, 3]
    assert {view.reads for view in views} == {1}
    assert by_name(poller).keys() == {view.name for view in views}


def test_a_busy_queue_of_one_shape_stays_one_class_with_its_exact_count(
    hub: Pool, guests: tuple[Pool, Pool, Pool], tmp_path: Path
) -> None:
    for _ in range(4):
        guests[1].submit("carol", job(2_500))
    with polling(federation(settings(hub, tmp_path))) as poller:
        view = seen_with(poller, guests[1], 10_000)
    (one,) = view.classes
    assert one.idle == 10_000
    assert sum(jobs for _, jobs in one.priorities) == 10_000


def test_a_restarted_collector_loses_no_schedd(fresh_pool: Callable[..., Pool], tmp_path: Path) -> None:
    target = fresh_pool("t", daemons=("COLLECTOR",), rights_for="fedsched@pool-t")
    guest = fresh_pool("u", daemons=SCHEDD_ONLY, flock_to=target)
    guest.submit("alice", job(3))
    with polling(federation(settings(target, tmp_path))) as poller:
        until("three jobs", lambda: [idle(view) for view in poller.latest()] == [3])
        guest.configure("SCHEDD_INTERVAL = 3600\nFLOCK_TO =\n")
        target.kill_daemon("COLLECTOR")
        until("an error of the collector, or an empty one", lambda: poller.errors() or not target.ads("Scheduler"))
        guest.submit("alice", job(2))
        until("five jobs, asked at the known address", lambda: [idle(view) for view in poller.latest()] == [5])
