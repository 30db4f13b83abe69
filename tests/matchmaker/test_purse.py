"""SU4: tiers open in order, in their hours, after their dwell; budgets are never passed, and say what is missing."""

from __future__ import annotations

import calendar

import msgspec
import pytest

from fedsched.matchmaker.match import Place, slot_ad
from fedsched.matchmaker.model import (
    Form,
    Group,
    JobLength,
    MemberMemory,
    Memory,
    PairMemory,
    Policy,
    Spending,
    Startds,
    Tier,
    TierState,
    Window,
)
from fedsched.matchmaker.purse import END_S, Purse, price
from fedsched.matchmaker.purse.windows import open_for_s
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, demand, group, held, member, placement, pod, res, terms, thing

FULL = Reason(Cause.NO_ROOM)
DAY = 86_400.0
HOUR = 3_600.0
LIFE = Startds(lifetime_s=7200, idle_s=150)


class Offer(msgspec.Struct, frozen=True):
    """A place with the size of a startd there."""

    place: Place
    size: Resources = Resources(4000, 8192, 1024, pods=1)
    form: Form = "startd-job"
    pods: int = 1


def place(name: str, core_hour: float = 0.0, **more: object) -> Place:
    view = member(name, group(**more))  # type: ignore[arg-type]  # tests pass literals
    return Place(terms(name, price_per_core_hour=core_hour), view, view.node_groups[0], MemberMemory(), PairMemory())


CAMPUS, GRID, CLOUD = place("campus"), place("grid-1"), place("cloud-1", 0.05)
TIERS = (
    Tier("rented", 20, ("cloud-*",), dwell_s=300.0),
    Tier("friends", 10, ("grid-*",), dwell_s=60.0),
)
TIERED = Policy(tiers=TIERS, startds=LIFE)
JOBS = demand(length=JobLength(300, "MaxWallTimeMins"))
"""A startd for these lives for 600 s at least: the job, and twice what it may stay unclaimed."""


def purse(policy: Policy, memory: Memory | None = None, *stands: Standing, at: float = T0) -> Purse:
    return Purse(policy, memory or Memory(at=at - 5), stands, (CAMPUS, GRID, CLOUD), at)


def cause(reason: Reason | None) -> Cause | None:
    return reason.cause if reason else None


def after(policy: Policy, wanting: set[str], memory: Memory, at: float, used: Offer | None = None) -> Memory:
    """Memory after one round at that time."""
    one = purse(policy, memory, at=at)
    if used is not None:
        one.take(JOBS, used, 600)
    spending, tiers = one.settle(wanting)
    return msgspec.structs.replace(memory, at=at, spending=spending, tiers=tiers)


def test_places_of_no_tier_come_first_and_tiers_in_their_order() -> None:
    one = purse(TIERED)
    assert [one.order(Offer(p)) for p in (CAMPUS, GRID, CLOUD)] == [-1, 0, 1]
    assert one.blocker(JOBS, Offer(CAMPUS)) is None


def test_a_tier_takes_a_place_by_its_globs_and_by_what_is_true_of_its_predicted_slot() -> None:
    dear = Tier("dear", 1, where="FedschedPricePerCoreHour > 0.01")
    one = purse(Policy(tiers=(dear, Tier("rest", 2, ("grid-*",), where="Cpus >= 8"))))
    assert [one.order(Offer(p)) for p in (CAMPUS, GRID, CLOUD)] == [-1, 1, 0]
    broken = purse(Policy(tiers=(Tier("broken", 1, where="NoSuchAttribute"), Tier("rest", 2))))
    assert [one.order(Offer(p)) for one in (broken,) for p in (CAMPUS, GRID, CLOUD)] == [1, 1, 1]


def test_tiers_without_dwell_only_order_what_goes_where() -> None:
    one = purse(Policy(tiers=tuple(msgspec.structs.replace(tier, dwell_s=0.0) for tier in TIERS)))
    assert [cause(one.blocker(JOBS, Offer(p))) for p in (GRID, CLOUD)] == [None, None]


def test_a_tier_opens_after_its_dwell_of_unmet_demand_and_tells_how_long_that_is() -> None:
    memory = Memory(at=T0 - 5)
    for at in (T0, T0 + 30, T0 + 55):
        memory = after(TIERED, {"friends"}, memory, at)
    reason = purse(TIERED, memory, at=T0 + 59).blocker(JOBS, Offer(GRID))
    assert reason is not None
    assert (reason.cause, reason.member, reason.need) == (Cause.TIER_CLOSED, "grid-1", "60 s")
    assert reason.have == "the tiers before it are full for 59 s"
    assert purse(TIERED, memory, at=T0 + 60).blocker(JOBS, Offer(GRID)) is None
    assert cause(purse(TIERED, memory, at=T0 + 60).blocker(JOBS, Offer(CLOUD))) is Cause.TIER_CLOSED


def test_the_dwell_begins_anew_when_lower_tiers_had_room_in_between() -> None:
    memory = Memory(at=T0 - 5)
    for at, wanted in ((T0, {"friends"}), (T0 + 40, set[str]()), (T0 + 45, {"friends"}), (T0 + 70, {"friends"})):
        memory = after(TIERED, wanted, memory, at)
    assert cause(purse(TIERED, memory, at=T0 + 100).blocker(JOBS, Offer(GRID))) is Cause.TIER_CLOSED
    assert purse(TIERED, memory, at=T0 + 105).blocker(JOBS, Offer(GRID)) is None


def test_nobody_knows_what_was_full_while_we_slept() -> None:
    memory = after(TIERED, {"friends"}, Memory(at=T0 - 5), T0)
    assert cause(purse(TIERED, memory, at=T0 + 3600).blocker(JOBS, Offer(GRID))) is Cause.TIER_CLOSED


def test_an_open_tier_stays_open_while_it_is_used_and_closes_after_a_dwell_of_rest() -> None:
    state = TierState(open=True, since=T0 - 500, wanted_at=T0, at=T0)
    memory = Memory(at=T0, tiers={"friends": state})
    for at in (T0 + 50, T0 + 100, T0 + 150):
        memory = after(TIERED, set(), memory, at, used=Offer(GRID))
    assert purse(TIERED, memory, at=T0 + 205).blocker(JOBS, Offer(GRID)) is None
    rested = after(TIERED, set(), memory, T0 + 200)
    assert rested.tiers["friends"].open
    rested = after(TIERED, set(), rested, T0 + 211)
    assert not rested.tiers["friends"].open
    assert cause(purse(TIERED, rested, at=T0 + 212).blocker(JOBS, Offer(GRID))) is Cause.TIER_CLOSED


def test_a_class_wants_the_tiers_up_to_the_first_that_is_not_full_for_it() -> None:
    one = purse(TIERED)
    closed, probing = Reason(Cause.TIER_CLOSED), Reason(Cause.PROBING)
    spent, window = Reason(Cause.BUDGET_SPENT), Reason(Cause.TIER_WINDOW)
    campus, grid, cloud = Offer(CAMPUS), Offer(GRID), Offer(CLOUD)
    assert one.wanting([(campus, FULL), (grid, closed), (cloud, closed)]) == {"friends"}
    assert one.wanting([(campus, FULL), (grid, FULL), (cloud, closed)]) == {"friends", "rented"}
    assert one.wanting([(campus, FULL), (grid, window), (cloud, closed)]) == {"friends", "rented"}
    assert one.wanting([(campus, FULL), (grid, spent), (cloud, spent)]) == {"friends", "rented"}
    assert one.wanting([(campus, probing), (grid, closed)]) == set()
    assert one.wanting([(campus, None), (grid, closed)]) == set()
    assert one.wanting([(cloud, closed)]) == {"rented"}


def at(day: int, hour: float) -> float:
    """Epoch seconds of an hour of a day of March 2027, UTC."""
    return calendar.timegm((2027, 3, day, 0, 0, 0)) + hour * HOUR


@pytest.mark.parametrize(
    ("hours", "hour", "left_h"),
    [
        ((8, 18), 7.99, 0.0),
        ((8, 18), 8.0, 10.0),
        ((8, 18), 17.5, 0.5),
        ((8, 18), 18.0, 0.0),
        ((20, 6), 19.99, 0.0),
        ((20, 6), 20.0, 10.0),
        ((20, 6), 23.5, 6.5),
        ((20, 6), 0.0, 6.0),
        ((20, 6), 5.5, 0.5),
        ((20, 6), 6.0, 0.0),
        ((0, 24), 12.0, float("inf")),
        ((8, 8), 3.0, float("inf")),
        ((0, 1), 0.25, 0.75),
        ((23, 24), 23.5, 0.5),
    ],
)
def test_hours_of_the_day_are_utc_and_may_go_over_midnight(hours: tuple[int, int], hour: float, left_h: float) -> None:
    assert open_for_s((Window(hours=hours),), at(9, hour)) == pytest.approx(left_h * HOUR)


def test_dates_bound_a_window_and_the_longest_of_the_open_ones_counts() -> None:
    march = Window(at(10, 0), at(12, 0))
    assert [open_for_s((march,), at(d, 0)) for d in (9, 10, 11, 12)] == [0.0, 2 * DAY, DAY, 0.0]
    both = (march, Window(hours=(8, 18)))
    assert open_for_s(both, at(11, 20)) == 4 * HOUR
    assert open_for_s(both, at(9, 9)) == 9 * HOUR
    assert open_for_s((Window(at(11, 22), at(12, 3), (20, 6)),), at(11, 23)) == 4 * HOUR
    assert open_for_s((), at(1, 0)) == float("inf")


def test_a_startd_does_not_outlive_the_window_that_it_was_started_in() -> None:
    night = Policy(tiers=(Tier("night", 1, ("grid-*",), windows=(Window(hours=(20, 6)),)),), startds=LIFE)
    assert purse(night, at=at(9, 21)).lifetime_s(JOBS, Offer(GRID), 7200) == 7200
    assert purse(night, at=at(9, 5)).lifetime_s(JOBS, Offer(GRID), 7200) == 3600
    assert purse(night, at=at(9, 5)).blocker(JOBS, Offer(GRID)) is None
    late = purse(night, at=at(9, 5.9)).blocker(JOBS, Offer(GRID))
    assert late is not None
    assert (late.cause, late.need, late.have) == (Cause.TIER_WINDOW, "600 s", "open for 360 s more")
    noon = purse(night, at=at(9, 12)).blocker(JOBS, Offer(GRID))
    assert noon is not None
    assert noon.have == "outside its windows"


def test_a_price_is_per_core_hour_of_the_pods_cores_and_a_groups_own_price_counts_first() -> None:
    assert price(Offer(CLOUD)) == pytest.approx(0.2)
    own = place("x", 0.05)
    own = msgspec.structs.replace(own, terms=terms("x", price_per_core_hour=0.05, group_prices=(("g", 1.0),)))
    assert price(Offer(own)) == pytest.approx(4.0)
    assert dict(slot_ad(own, Offer(own).size))["FedschedPricePerCoreHour"] == "1.0"
    assert price(Offer(CLOUD, form="startd-daemonset")) == pytest.approx(0.2 * 10)
    heavy = msgspec.structs.replace(CLOUD, terms=terms("x", price_per_core_hour=1.0, pod_overhead=res(0.5, 0)))
    assert price(Offer(heavy)) == pytest.approx(4.5)


CREDIT = Policy(tiers=(Tier("rented", 1, ("cloud-*",), budget=1.0, budget_window_s=DAY),), startds=LIFE)
"""One unit of currency a day; a startd of four cores costs 0.2 an hour."""
LATE = at(9, 20)


def test_whole_lives_are_paid_for_before_anything_starts_and_the_last_startd_lives_shorter() -> None:
    one, cloud, lives = purse(CREDIT, at=LATE), Offer(CLOUD), []
    while one.blocker(JOBS, cloud) is None:
        lives.append(one.lifetime_s(JOBS, cloud, 7200))
        assert one.take(JOBS, cloud, lives[-1]).tier == "rented"
    # 1.0 / 0.2 = 18,000 s of running: two whole lives of 7200 s and their ends leave 3480 s, less its own end
    assert lives == [7200, 7200, 18_000 - 2 * (7200 + END_S) - END_S]
    reason = one.blocker(JOBS, cloud)
    assert reason is not None
    assert (reason.cause, reason.what) == (Cause.BUDGET_SPENT, "tier/rented")
    assert reason.need == "0.04 for 660 s"
    assert reason.have == "0.00 of 1 left, its window ends in 14400 s"


def test_no_startd_is_bought_that_would_live_shorter_than_its_job_and_twice_its_idle_time() -> None:
    def known(spent: float) -> Memory:
        return Memory(at=LATE - 5, spending={"tier/rented": Spending(at(9, 0), spent, LATE - 5)})

    just = 1 - 0.2 * (600 + END_S) / HOUR
    enough = purse(CREDIT, known(just - 1e-9), at=LATE)
    assert enough.blocker(JOBS, Offer(CLOUD)) is None
    assert enough.lifetime_s(JOBS, Offer(CLOUD), 7200) == 600
    assert cause(purse(CREDIT, known(just + 0.0001), at=LATE).blocker(JOBS, Offer(CLOUD))) is Cause.BUDGET_SPENT
    longer = demand(length=JobLength(400, "MaxWallTimeMins"))
    assert cause(purse(CREDIT, known(just - 1e-9), at=LATE).blocker(longer, Offer(CLOUD))) is Cause.BUDGET_SPENT


def test_what_costs_nothing_is_never_held_back_by_a_budget() -> None:
    free = Policy(tiers=(Tier("all", 1, budget=0.01),), startds=LIFE)
    assert purse(free).blocker(JOBS, Offer(GRID)) is None
    assert purse(free).lifetime_s(JOBS, Offer(GRID), 7200) == 7200
    assert cause(purse(free).blocker(JOBS, Offer(CLOUD))) is Cause.BUDGET_SPENT


def test_a_groups_budget_and_those_of_all_groups_above_it_pay_together() -> None:
    groups = (Group("physics", budget=0.1, budget_window_s=DAY), Group("physics.hep", budget=9.0, budget_window_s=DAY))
    policy = Policy(groups=groups, startds=LIFE)
    hep = msgspec.structs.replace(JOBS, principal=msgspec.structs.replace(JOBS.principal, group="physics.hep"))
    other = msgspec.structs.replace(JOBS, principal=msgspec.structs.replace(JOBS.principal, group="chem"))
    one = purse(policy, at=LATE)
    one.take(hep, Offer(CLOUD), one.lifetime_s(hep, Offer(CLOUD), 7200))
    reason = one.blocker(hep, Offer(CLOUD))
    assert reason is not None
    assert reason.what == "group/physics"
    assert one.blocker(other, Offer(CLOUD)) is None


def bought(id_: str, written: float, began: float | None) -> Standing:
    """A startd of the rented tier, two hours of life."""
    what = placement(id_, "cloud-1", price_per_hour=0.2, tier="rented", lifetime_s=7200, created_at=written)
    one = held(what, written_at=written, pod_started_at=began)
    pods = (pod(f"fs-{id_}-x", created_at=written, started_at=began),)
    return Standing(one, thing(what, *pods))


def test_what_runs_is_paid_as_it_runs_and_the_rest_of_its_life_stays_bound() -> None:
    stands = bought("1-1", LATE - 1800, LATE - 1700)
    one = purse(CREDIT, None, stands, at=LATE)
    spending, _ = one.settle(())
    assert spending["tier/rented"].spent == pytest.approx(0.2 * 1700 / HOUR)
    bound = 0.2 * (7200 - 1800 + END_S) / HOUR
    left_s = (1.0 - 0.2 * 1700 / HOUR - bound) / 0.2 * HOUR - END_S
    assert one.lifetime_s(JOBS, Offer(CLOUD), 100_000) == int(left_s)


def test_a_startd_that_ends_early_gives_back_what_it_did_not_use_and_is_paid_once() -> None:
    stands = bought("1-1", LATE - 1800, LATE - 1700)
    memory = Memory(at=LATE, held=(stands.held,), spending=purse(CREDIT, None, stands, at=LATE).settle(())[0])
    ended = pod("fs-1-1-x", "succeeded", created_at=LATE - 1800, started_at=LATE - 1700, ended_at=LATE + 20)
    over = Standing(msgspec.structs.replace(stands.held, phase="gone", since=LATE + 30), thing(None, ended))
    for moment in (LATE + 30, LATE + 60):
        one = purse(CREDIT, memory, over, at=moment)
        memory = msgspec.structs.replace(memory, at=moment, held=(over.held,), spending=one.settle(())[0])
        assert memory.spending["tier/rented"].spent == pytest.approx(0.2 * 1720 / HOUR)
    gone = purse(CREDIT, memory, at=LATE + 90)
    assert gone.settle(())[0]["tier/rented"].spent == pytest.approx(0.2 * 1720 / HOUR)
    assert gone.settle(())[0]["tier/rented"].paid == ()
    assert gone.lifetime_s(JOBS, Offer(CLOUD), 100_000) == int(18_000 - 1720 - END_S)


def test_a_new_window_starts_with_nothing_spent_and_with_what_still_runs() -> None:
    stands = bought("1-1", at(9, 23.5), at(9, 23.5))
    memory = Memory(
        at=at(9, 23.9), spending={"tier/rented": Spending(at(9, 0), 0.9, at(9, 23.9), (("1-1", at(9, 23.9)),))}
    )
    one = purse(CREDIT, memory, stands, at=at(10, 0.25))
    spending, _ = one.settle(())
    assert spending["tier/rented"].window_at == at(10, 0)
    assert spending["tier/rented"].spent == pytest.approx(0.2 * 0.25)


def test_a_placement_that_waits_for_its_pod_binds_its_whole_life() -> None:
    what = placement("1-1", "cloud-1", price_per_hour=0.2, tier="rented", lifetime_s=7200, created_at=LATE - 600)
    one = purse(CREDIT, None, Standing(held(what, "intended", written_at=None)), at=LATE)
    assert one.settle(())[0]["tier/rented"].spent == 0
    assert one.lifetime_s(JOBS, Offer(CLOUD), 100_000) == int(18_000 - 7200 - 2 * END_S)
