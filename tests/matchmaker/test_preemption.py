"""One principal for another: who yields, for whom, how, and what is said of it (PR1-PR8)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.matchmaker.model import Budgets, Claim, Quota, SitePod
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt import Evictions, evict, promised
from fedsched.matchmaker.preempt.ground import Ground
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import UNBOUNDED, Resources
from tests.matchmaker.builders import T0, res
from tests.matchmaker.preempting import asked, full, line, place_of, rules, shares, startd, who, wish

HALVES = shares(line("/a@x", 0, 8), line("/b@x", 16, 8))
"""Two principals without groups: b holds everything, each has a right to half."""
OWNED = shares(line("owner", 0, 8, 8), line("owner/o@x", 0, 8), line("guest", 16, 8), line("guest/g@x", 16, 8))
"""A group below its floor, and one that borrowed."""


def fours(owner: str = "/b@x", count: int = 4, **more: Any) -> tuple[Standing, ...]:
    """Startds of four cores on one node."""
    return tuple(startd(f"1-{i}", owner, **more) for i in range(count))


def gone(found: Evictions) -> list[str]:
    return sorted(found.victims)


def told(stand: Standing, **more: Any) -> Standing:
    """The same startd with other wishes."""
    return Standing(msgspec.structs.replace(stand.held, **more), stand.object, stand.slots)


def carried_out(standing: tuple[Standing, ...], found: Evictions) -> tuple[Standing, ...]:
    """The next cycle's look: the order to go is written, the pods are still there."""
    return tuple(
        Standing(evict(s.held, found.victims[s.held.placement.id], T0), s.object, s.slots)
        if s.held.placement.id in found.victims
        else s
        for s in standing
    )


# --- PR2: who is below its entitlement takes from who is above


def test_who_is_below_takes_from_who_is_above_one_startd_per_job_until_the_levels_meet() -> None:
    """PR2: four jobs are wanted; after two evictions both hold what they have a right to."""
    found = asked((wish("c1", "/a@x", full(), unmet=4),), fours(), HALVES)
    assert len(found.victims) == 2
    assert found.evictions["m1"] == (T0, T0)


def test_a_startd_that_counts_to_nobody_goes_though_nobody_holds_more_than_its_right() -> None:
    """PR2: of memory alone, where only cores count."""
    within = shares(line("/a@x", 0, 8), line("/b@x", 8, 8))
    idle = startd("1-0", "/b@x", cores=0, claims=())
    idle = told(idle, placement=msgspec.structs.replace(idle.held.placement, size=res(0, 16)))
    place = place_of("m1", ("n1", Resources(4000, pods=50)))
    found = asked((wish("c1", "/a@x", (place,), request=res(1, 8)),), (idle, startd("1-1", "/b@x")), within)
    assert gone(found) == ["1-0"]


def test_who_has_its_share_makes_nobody_yield_and_is_told_so() -> None:
    even = shares(line("/a@x", 8, 8), line("/b@x", 16, 8))
    found = asked((wish("c1", "/a@x", full()),), fours(), even)
    assert found.victims == {}
    assert found.refused["c1"].cause is Cause.ABOVE_SHARE
    assert (found.refused["c1"].need, found.refused["c1"].have) == ("8 core-equivalents", "8 core-equivalents")


def test_nobody_yields_who_does_not_hold_more_than_its_share() -> None:
    poor = shares(line("/a@x", 0, 8), line("/b@x", 8, 8), line("/c@x", 16, 4))
    found = asked((wish("c1", "/a@x", full()),), fours("/b@x"), poor)
    assert found.victims == {}
    assert found.refused["c1"].cause is Cause.NO_VICTIMS


def test_an_exchange_that_would_turn_the_levels_round_is_not_made() -> None:
    """PR2: 6 and 10 of 8 each; four cores would make it 10 and 6."""
    close = shares(line("/a@x", 6, 8), line("/b@x", 10, 8))
    assert asked((wish("c1", "/a@x", full()),), fours(), close).victims == {}


def test_a_branch_that_has_its_share_does_not_take_from_another_though_its_member_is_below() -> None:
    """PR2: at the point where the tree divides, the branches must stand as the principals do."""
    tree = shares(line("p", 12, 8), line("p/a@x", 0, 4), line("p/z@x", 12, 4), line("q", 12, 8), line("q/b@x", 12, 8))
    assert asked((wish("c1", "p/a@x", full()),), fours("q/b@x"), tree).victims == {}
    assert len(asked((wish("c1", "p/a@x", full()),), fours("p/z@x"), tree).victims) == 1


def test_reclaiming_lets_nobody_take_a_fair_share_from_others() -> None:
    """`mode = reclaim` knows floors only."""
    found = asked((wish("c1", "/a@x", full()),), fours(), HALVES, rules(full(), mode="reclaim"))
    assert found.victims == {}
    assert found.refused == {}


def test_never_means_never() -> None:
    found = asked((wish("c1", "owner/o@x", full()),), fours("guest/g@x"), OWNED, rules(full(), mode="never"))
    assert found.victims == {}


# --- PR7: an owner takes its floor back


def test_an_owner_below_its_floor_takes_back_what_a_borrower_holds_up_to_the_floor() -> None:
    terms = rules(full(), mode="reclaim")
    found = asked((wish("c1", "owner/o@x", full(), unmet=9),), fours("guest/g@x"), OWNED, terms)
    assert len(found.victims) == 2
    assert {v.why.need for v in found.victims.values()} == {"PR7"}


def test_reclaiming_never_takes_an_owner_above_its_floor() -> None:
    """PR7: a floor of eight cores and jobs of three: two of them, and not the third."""
    terms = rules(full(), mode="reclaim")
    found = asked((wish("c1", "owner/o@x", full(), cores=3, unmet=9),), fours("guest/g@x"), OWNED, terms)
    assert len(found.victims) == 2


def test_a_floor_is_not_broken_to_fill_another() -> None:
    both = shares(line("owner", 0, 8, 8), line("owner/o@x", 0, 8), line("guest", 16, 16, 14), line("guest/g@x", 16, 16))
    terms = rules(full(), mode="reclaim")
    assert asked((wish("c1", "owner/o@x", full()),), fours("guest/g@x"), both, terms).victims == {}


def test_a_floor_inside_the_yielding_branch_is_kept_too() -> None:
    """PR7: the branch has borrowed, but not the group in it whose startd it would be."""
    tree = shares(
        line("owner", 0, 8, 8),
        line("owner/o@x", 0, 8),
        line("guest", 16, 8),
        line("guest.calm", 8, 8, 8),
        line("guest.calm/g@x", 8, 8),
        line("guest/loud@x", 8, 0),
    )
    terms = rules(full(), mode="reclaim")
    assert asked((wish("c1", "owner/o@x", full()),), fours("guest.calm/g@x"), tree, terms).victims == {}
    assert asked((wish("c1", "owner/o@x", full()),), fours("guest/loud@x"), tree, terms).victims


def test_an_owner_reclaims_on_any_member_where_its_job_could_run() -> None:
    """PR7: the borrower is on the second member; what is on the first belongs to another owner."""
    two = (place_of("m1", ("n1", Resources(pods=9))), place_of("m2", ("n2", Resources(pods=9))))
    tree = shares(*OWNED.lines.values(), line("else", 8, 8, 8), line("else/e@x", 8, 8))
    standing = (startd("1-1", "else/e@x"), startd("1-2", "guest/g@x", "n2", member="m2"))
    found = asked((wish("c1", "owner/o@x", two),), standing, tree, rules(two, mode="reclaim"))
    assert gone(found) == ["1-2"]


def test_a_principal_with_a_floor_of_its_own_reclaims_within_its_group() -> None:
    tree = shares(line("g", 16, 16), line("g/a@x", 0, 8, 4), line("g/b@x", 16, 8))
    found = asked((wish("c1", "g/a@x", full(), unmet=4),), fours("g/b@x"), tree, rules(full(), mode="reclaim"))
    assert len(found.victims) == 1


def test_who_yielded_is_not_left_below_the_one_that_it_yielded_to() -> None:
    """PR2: a takes from b, then from c; one more from c would put a above b, which would take its room back."""
    tree = shares(line("/a@x", 0, 6), line("/b@x", 8, 6), line("/c@x", 30, 6))
    standing = (startd("1-1", "/b@x", since=T0 - 700), startd("1-2", "/c@x"), startd("1-3", "/c@x"))
    found = asked((wish("c1", "/a@x", full(), unmet=3),), standing, tree)
    assert gone(found) == ["1-1"]


def test_what_was_placed_in_this_cycle_counts_before_anybody_must_yield() -> None:
    """PR2: the shares were looked at before; eight cores were found since."""
    new = tuple(
        startd(f"2-{i}", "/a@x", claims=(), phase="intended", created_at=T0, member="m2", node="") for i in range(2)
    )
    found = asked((wish("c1", "/a@x", full()),), (*fours(), *new), HALVES)
    assert found.victims == {}
    assert found.refused["c1"].cause is Cause.ABOVE_SHARE


# --- PR1, PR3: room first, and one member for one job


def test_room_that_is_there_makes_nobody_yield() -> None:
    places = (place_of("m1", ("n1", res(4, 8, 9, pods=9))),)
    assert asked((wish("c1", "/a@x", places),), fours(), HALVES).victims == {}


def test_room_that_comes_free_by_itself_is_waited_for() -> None:
    """PR1: a startd that is going makes the room that the job needs."""
    standing = fours()
    going = told(standing[3], wanted="vacate", why=Reason(Cause.EXPIRED, at=T0 - 5))
    found = asked((wish("c1", "/a@x", full()),), (*standing[:3], going), HALVES)
    assert found.victims == {}
    assert found.refused["c1"].cause is Cause.ROOM_ON_ITS_WAY


def test_room_that_is_made_for_the_members_own_pods_is_not_ours() -> None:
    """OW2: what the owner takes is not waited for by anybody else."""
    standing = fours()
    owners = told(standing[3], wanted="vacate", why=Reason(Cause.OWNER, at=T0 - 5))
    found = asked((wish("c1", "/a@x", full()),), (*standing[:3], owners), HALVES)
    assert len(found.victims) == 1


def test_a_node_that_the_members_own_pod_waits_for_is_not_emptied_for_anybody_else() -> None:
    waiting = SitePod("site-1", Resources(16_000, 16_384), T0 - 20, ("n1",), groups=("g",))
    places = (place_of("m1", ("n1", Resources(pods=9)), site_pods=(waiting,)),)
    assert asked((wish("c1", "/a@x", places),), fours(), HALVES).victims == {}


def test_one_member_evicts_for_one_job_and_no_second_one_while_that_is_under_way() -> None:
    """PR3: cycle after cycle, until what was evicted is gone."""
    two = (place_of("m1", ("n1", Resources(pods=9))), place_of("m2", ("n2", Resources(pods=9))))
    standing = (startd("1-1", "/b@x"), startd("1-2", "/b@x", "n2", member="m2"))
    asks = (wish("c1", "/a@x", two),)
    first = asked(asks, standing, HALVES)
    assert len(first.victims) == 1
    again = asked(asks, carried_out(standing, first), HALVES)
    assert again.victims == {}
    assert again.refused["c1"].cause is Cause.ROOM_ON_ITS_WAY


def test_an_eviction_that_hangs_is_waited_for_so_long_and_no_longer() -> None:
    """PR3: after wait_s another startd may be asked."""
    standing = fours(count=2)
    why = Reason(Cause.PREEMPTED, at=T0 - 301)
    stuck = told(standing[0], wanted="vacate", why=why, yields_to="c1", yields_at=T0 - 301)
    found = asked((wish("c1", "/a@x", full()),), (stuck, standing[1]), HALVES)
    assert gone(found) == ["1-1"]


def test_what_an_eviction_frees_beyond_one_job_serves_the_next() -> None:
    """PR1: a startd of eight cores makes room for two jobs of four; nobody else goes."""
    standing = (startd("1-1", "/b@x", cores=8), startd("1-2", "/b@x", cores=8))
    found = asked((wish("c1", "/a@x", full(), unmet=2),), standing, HALVES)
    assert len(found.victims) == 1


def test_room_is_promised_to_the_class_that_it_was_made_for() -> None:
    standing = fours()
    found = asked((wish("c1", "/a@x", full(), unmet=2),), standing, HALVES)
    assert promised(carried_out(standing, found), 300.0, T0 + 5) == {"c1": 2}
    assert promised(carried_out(standing, found), 300.0, T0 + 301) == {}


def test_room_that_was_promised_to_one_class_is_no_room_for_another() -> None:
    """PR3: c2 is further below and would take what was made for c1, which then would evict once more."""
    three = shares(line("/a@x", 0, 8), line("/b@x", 16, 8), line("/c@x", 0, 9))
    standing = fours()
    first = asked((wish("c1", "/a@x", full()),), standing, three)
    both = (wish("c1", "/a@x", full()), wish("c2", "/c@x", full(), oldest_at=1.0))
    second = asked(both, carried_out(standing, first), three)
    assert {v.yields_to for v in second.victims.values()} == {"c2"}


def test_room_stays_promised_though_the_device_that_goes_with_it_is_gone_since() -> None:
    """PR3: the owner took the board, or its plugin lost it, while the startd that yields still leaves."""
    board = (("example.com/board", 1),)
    here = full((place_of("m1", ("n1", Resources(pods=50, other=board))),))
    asks = (wish("c1", "/a@x", here, request=msgspec.structs.replace(res(4, 4), other=board)),)
    standing = fours()
    first = asked(asks, standing, HALVES)
    assert len(first.victims) == 1
    gone = msgspec.structs.replace(asks[0], options=wish("c1", "/a@x", full(), request=asks[0].demand.request).options)
    second = asked((gone,), carried_out(standing, first), HALVES)
    assert second.victims == {}
    assert second.refused["c1"].cause is Cause.ROOM_ON_ITS_WAY


def test_amounts_as_large_as_others_like_to_write_end_no_cycle() -> None:
    """What pods of the owner ask for, and what a record at a member says of a startd, is theirs to write (OW2)."""
    huge = msgspec.structs.replace(res(1, 1), memory_mib=UNBOUNDED)
    waiting = tuple(SitePod(f"ns/p{n}", huge, T0 - 1, groups=("g",), nodes=("n1",)) for n in range(5))
    owned = place_of("m1", ("n1", Resources(pods=50)), site_pods=waiting)
    assert asked((wish("c1", "/a@x", full((owned,))),), fours(), HALVES).victims == {}
    first, *others = fours()
    said = msgspec.structs.replace(first.held.placement, size=msgspec.structs.replace(res(4, 4), memory_mib=2**80))
    swollen = Standing(msgspec.structs.replace(first.held, placement=said), first.object, first.slots)
    assert asked((wish("c1", "/a@x", full()),), (swollen, *others), HALVES).victims


# --- PR4: whole startds, cheapest first, none too young


def test_a_startd_counts_only_if_everybody_on_it_must_yield() -> None:
    claims = (Claim(who("/b@x"), 2000, T0 - 7200), Claim(who("/c@x"), 2000, T0 - 7200))
    three = shares(line("/a@x", 0, 8), line("/b@x", 12, 8), line("/c@x", 4, 8))
    found = asked((wish("c1", "/a@x", full()),), (startd("1-1", "/b@x", claims=claims),), three)
    assert found.victims == {}


def test_unclaimed_goes_before_claimed_and_less_work_before_more() -> None:
    standing = (
        startd("1-1", "/b@x", since=T0 - 9000),
        startd("1-2", "/b@x", since=T0 - 700),
        startd("1-3", "/b@x", claims=()),
        startd("1-4", "/b@x", since=T0 - 8000),
    )
    assert gone(asked((wish("c1", "/a@x", full()),), standing, HALVES)) == ["1-3"]
    assert gone(asked((wish("c1", "/a@x", full(), unmet=2),), standing, HALVES)) == ["1-2", "1-3"]


def test_of_two_that_lose_nothing_the_younger_goes() -> None:
    standing = (startd("1-1", "/b@x", claims=(), since=T0 - 9000), startd("1-2", "/b@x", claims=(), since=T0 - 8000))
    assert gone(asked((wish("c1", "/a@x", full()),), standing, HALVES)) == ["1-2"]


def test_none_goes_who_could_be_spared() -> None:
    """PR4: two small unclaimed ones do not help beside the large one that is needed anyhow."""
    standing = (
        startd("1-1", "/b@x", cores=1, claims=()),
        startd("1-2", "/b@x", cores=1, claims=()),
        startd("1-3", "/b@x", cores=4),
    )
    assert gone(asked((wish("c1", "/a@x", full()),), standing, HALVES)) == ["1-3"]


def test_of_several_that_go_together_none_can_be_spared() -> None:
    """PR4: one of the two small ones is enough beside the larger one."""
    standing = (
        startd("1-1", "/b@x", cores=1, claims=()),
        startd("1-2", "/b@x", cores=1, claims=()),
        startd("1-3", "/b@x", cores=3),
    )
    found = gone(asked((wish("c1", "/a@x", full()),), standing, HALVES))
    assert len(found) == 2
    assert "1-3" in found


def test_room_on_one_member_spares_those_on_another() -> None:
    """PR1: the class could run on m1 now; the full m2 is not emptied for it."""
    two = (place_of("m1", ("n1", res(4, 8, 9, pods=9))), place_of("m2", ("n2", Resources(pods=9))))
    standing = (startd("1-1", "/b@x"), startd("1-2", "/b@x", "n2", member="m2"))
    assert asked((wish("c1", "/a@x", two),), standing, HALVES).victims == {}


def test_what_is_free_on_the_node_counts() -> None:
    places = (place_of("m1", ("n1", Resources(2000, 4096, 9999, pods=9))),)
    standing = (startd("1-1", "/b@x", cores=2), startd("1-2", "/b@x", cores=4, since=T0 - 9000))
    assert gone(asked((wish("c1", "/a@x", places),), standing, HALVES)) == ["1-1"]


def test_victims_on_two_nodes_make_no_room_on_one() -> None:
    """MA2: the job needs one node."""
    places = (place_of("m1", ("n1", Resources(pods=9)), ("n2", Resources(pods=9))),)
    standing = (startd("1-1", "/b@x", cores=2), startd("1-2", "/b@x", "n2", cores=2))
    assert asked((wish("c1", "/a@x", places),), standing, HALVES).victims == {}


def test_on_a_member_the_cheapest_node_is_emptied() -> None:
    places = (place_of("m1", ("n1", Resources(pods=9)), ("n2", Resources(pods=9))),)
    standing = (startd("1-1", "/b@x", since=T0 - 9000), startd("1-2", "/b@x", "n2", since=T0 - 700))
    assert gone(asked((wish("c1", "/a@x", places),), standing, HALVES)) == ["1-2"]


def test_a_startd_that_was_only_just_claimed_is_protected_and_that_is_said() -> None:
    found = asked((wish("c1", "/a@x", full()),), fours(since=T0 - 599), HALVES)
    assert found.victims == {}
    reason = found.refused["c1"]
    assert (reason.cause, reason.need, reason.have, reason.member) == (Cause.PROTECTED, "600 s", "1 s to go", "m1")
    assert asked((wish("c1", "/a@x", full()),), fours(since=T0 - 600), HALVES).victims


def test_a_startd_that_may_finish_its_job_needs_no_protection() -> None:
    """PR4, PR5: nothing is lost by taking no new job."""
    leaving = rules(full(), way="leave")
    found = asked((wish("c1", "/a@x", full()),), fours(since=T0 - 1), HALVES, leaving)
    assert {victim.wanted for victim in found.victims.values()} == {"leave"}


def test_an_unclaimed_startd_keeps_its_first_refusal_and_no_more() -> None:
    young, old = fours(claims=(), created_at=T0 - 299), fours(claims=(), created_at=T0 - 300)
    assert asked((wish("c1", "/a@x", full()),), young, HALVES).refused["c1"].cause is Cause.PROTECTED
    assert asked((wish("c1", "/a@x", full()),), old, HALVES).victims


def test_a_daemonset_is_no_victim() -> None:
    """It cannot give up one node for good; it is decided per node group."""
    one = startd("1-1", "/b@x")
    daemons = told(one, placement=msgspec.structs.replace(one.held.placement, form="startd-daemonset"))
    assert asked((wish("c1", "/a@x", full()),), (daemons,), HALVES).victims == {}


def test_a_full_quota_is_emptied_wherever_the_cheapest_startd_stands() -> None:
    """S4: the nodes have room; the namespace's quota is what the borrower filled."""
    quota = Quota("compute", Resources(), frozenset({"cpu_milli"}))
    roomy = res(32, 64, 90, pods=50)
    places = (place_of("m1", ("n1", roomy), ("n2", roomy), quotas=(quota,)),)
    standing = (startd("1-1", "/b@x", since=T0 - 9000), startd("1-2", "/b@x", "n2", since=T0 - 700))
    assert gone(asked((wish("c1", "/a@x", places),), standing, HALVES)) == ["1-2"]


@pytest.mark.parametrize(
    "limit",
    [
        {"mode": "trial", "trial": 2},
        {"ceiling": Resources(8000), "ceiling_names": frozenset({"cpu_milli"})},
        {"leave_free": (("*", Resources(8000)),)},
    ],
)
def test_other_limits_of_the_member_are_made_room_under_as_well(limit: dict[str, Any]) -> None:
    """OW3: trial(n), the ceiling, and what stays free."""
    places = (place_of("m1", ("n1", res(4, 64, 90, pods=50)), ("n2", res(4, 64, 90, pods=50)), **limit),)
    standing = (startd("1-1", "/b@x", since=T0 - 9000), startd("1-2", "/b@x", "n2", since=T0 - 700))
    assert gone(asked((wish("c1", "/a@x", places),), standing, HALVES)) == ["1-2"]


# --- PR5: how they go, and how many


def test_the_policy_says_whether_they_leave_or_are_vacated() -> None:
    for way in ("leave", "vacate"):
        found = asked((wish("c1", "/a@x", full()),), fours(), HALVES, rules(full(), way=way))
        assert [v.wanted for v in found.victims.values()] == [way]


def test_a_member_sees_so_many_evictions_a_minute_and_no_more() -> None:
    """PR5: one was made half a minute ago, two are allowed."""
    places = (place_of("m1", ("n1", Resources(pods=9)), budgets=Budgets(evictions_per_min=2)),)
    terms = rules(places, {"m1": (T0 - 61, T0 - 30)})
    found = asked((wish("c1", "/a@x", places, unmet=2),), fours(), HALVES, terms)
    assert len(found.victims) == 1
    assert found.evictions["m1"] == (T0 - 30, T0)


def test_none_of_two_goes_where_only_one_eviction_is_left_in_the_minute() -> None:
    """PR5: both together would make room."""
    places = (place_of("m1", ("n1", Resources(pods=9)), budgets=Budgets(evictions_per_min=1)),)
    found = asked((wish("c1", "/a@x", places, 8),), fours(), HALVES, rules(places))
    assert not found.victims
    reason = found.refused["c1"]
    assert (reason.cause, reason.have) == (Cause.EVICTION_RATE, "2 needed, 1 left")


def test_when_the_evictions_of_the_minute_are_used_up_that_is_said() -> None:
    places = (place_of("m1", ("n1", Resources(pods=9)), budgets=Budgets(evictions_per_min=1)),)
    found = asked((wish("c1", "/a@x", places),), fours(), HALVES, rules(places, {"m1": (T0 - 1,)}))
    reason = found.refused["c1"]
    assert (reason.cause, reason.need, reason.have) == (Cause.EVICTION_RATE, "1 a minute", "1 needed, 0 left")


def test_a_class_evicts_for_no_more_startds_than_its_ramp_and_trust_allow() -> None:
    assert len(asked((wish("c1", "/a@x", full(), unmet=2, starts=1),), fours(), HALVES).victims) == 1


# --- PR6: within one principal, and a policy's own expressions


def test_a_higher_priority_takes_from_a_lower_one_of_the_same_principal_if_the_policy_says_so() -> None:
    even = shares(line("/a@x", 16, 16))
    better = wish("c1", "/a@x", full(), priorities=((10, 1),))
    assert asked((better,), fours("/a@x"), even).victims == {}
    found = asked((better,), fours("/a@x"), even, rules(full(), by_priority=True))
    assert [v.why.need for v in found.victims.values()] == ["PR6"]


def test_an_equal_priority_takes_nothing() -> None:
    even = shares(line("/a@x", 16, 16))
    same = wish("c1", "/a@x", full(), priorities=((10, 1),))
    standing = fours("/a@x", priority=10)
    assert asked((same,), standing, even, rules(full(), by_priority=True)).victims == {}


def test_priority_counts_nothing_between_principals() -> None:
    full_share = shares(line("/a@x", 16, 16), line("/b@x", 16, 8))
    high = wish("c1", "/a@x", full(), priorities=((10, 1),))
    assert asked((high,), fours("/b@x"), full_share, rules(full(), by_priority=True)).victims == {}


def test_only_jobs_that_nothing_serves_yet_lend_their_priority() -> None:
    """Of three idle jobs the best two are served; the third has priority 0."""
    even = shares(line("/a@x", 16, 16))
    rest = wish("c1", "/a@x", full(), priorities=((10, 2), (0, 1)))
    rest = msgspec.structs.replace(rest, demand=msgspec.structs.replace(rest.demand, idle=3))
    assert asked((rest,), fours("/a@x"), even, rules(full(), by_priority=True)).victims == {}


@pytest.mark.parametrize(
    ("requirements", "goes"),
    [
        ("RemoteUserPrio > TARGET.SubmitterUserPrio * 1.2", True),
        ("RemoteUserPrio > TARGET.SubmitterUserPrio * 2.1", False),
        ("MY.TotalJobRunTime > 3600", True),
        ("(time() - EnteredCurrentState) > 7201", False),
        ("RemoteUserResourcesInUse == 16 && TARGET.SubmitterUserResourcesInUse == 0", True),
        ('RemoteGroup == "<none>" && SubmitterGroup == RemoteGroup', True),
        ("NoSuchAttribute > 1", False),
        ('TARGET.RequestCpus == 4 && MY.FedschedMember == "m1"', True),
    ],
)
def test_preemption_requirements_are_read_as_htcondor_reads_them(requirements: str, goes: bool) -> None:  # noqa: FBT001 - a table
    """PR6: MY is the victim's slot, TARGET the job; UNDEFINED evicts nobody."""
    known = shares(line("/a@x", 0, 8, usage=10, factor=1), line("/b@x", 16, 8, usage=10, factor=2))
    found = asked((wish("c1", "/a@x", full()),), fours(), known, rules(full(), requirements=requirements))
    assert bool(found.victims) is goes
    if not goes:
        assert found.refused["c1"].what == "preemption.requirements"


def test_groups_quotas_are_readable_in_preemption_requirements() -> None:
    """As HTCondor's manual advises for pools with groups."""
    text = "(SubmitterGroupResourcesInUse < SubmitterGroupQuota) && (RemoteGroupResourcesInUse > RemoteGroupQuota)"
    found = asked((wish("c1", "owner/o@x", full()),), fours("guest/g@x"), OWNED, rules(full(), requirements=text))
    assert found.victims


def test_preemption_rank_chooses_among_those_who_are_claimed() -> None:
    standing = (startd("1-1", "/b@x", since=T0 - 9000), startd("1-2", "/b@x", since=T0 - 700))
    found = asked((wish("c1", "/a@x", full()),), standing, HALVES, rules(full(), rank="TotalJobRunTime"))
    assert gone(found) == ["1-1"]
    with_idle = (*standing, startd("1-3", "/b@x", claims=()))
    assert gone(asked((wish("c1", "/a@x", full()),), with_idle, HALVES, rules(full(), rank="TotalJobRunTime"))) == [
        "1-3"
    ]


@pytest.mark.parametrize("which", ["requirements", "rank"])
def test_an_expression_that_the_gate_refuses_evicts_nobody_and_is_named(which: str) -> None:
    found = asked((wish("c1", "/a@x", full()),), fours(), HALVES, rules(full(), None, **{which: "random() > 0"}))
    assert found.victims == {}
    assert found.refused["c1"].have.startswith(f"{which}: ")


# --- PR8, and the order of turns


def test_the_victims_record_names_preemptor_rule_and_work_lost() -> None:
    """PR8: four cores for two hours."""
    found = asked((wish("c1", "/a@x", full()),), fours(count=1), HALVES)
    why = found.victims["1-0"].why
    assert (why.cause, why.what, why.need, why.have) == (Cause.PREEMPTED, "a@x c1", "PR2", "8.0 core-hours")
    assert (why.member, why.node_group, why.at) == ("m1", "g", T0)


def test_who_is_furthest_below_is_served_first() -> None:
    """FS6: there is one to take from, and two who ask."""
    three = shares(line("/a@x", 4, 8), line("/b@x", 24, 8), line("/c@x", 1, 8))
    asks = (wish("c1", "/a@x", full()), wish("c2", "/c@x", full()))
    found = asked(asks, fours(count=1), three)
    assert [v.yields_to for v in found.victims.values()] == ["c2"]


def test_an_owner_below_its_floor_comes_before_who_is_only_below_its_share() -> None:
    tree = shares(
        line("g", 24, 8), line("g/b@x", 24, 8), line("/c@x", 0, 8), line("o", 6, 10, 10), line("o/o@x", 6, 10)
    )
    asks = (wish("c1", "/c@x", full()), wish("c2", "o/o@x", full()))
    found = asked(asks, fours("g/b@x", count=1), tree)
    assert [v.yields_to for v in found.victims.values()] == ["c2"]


# --- Users' Jobs beside startds


def test_a_job_needs_no_room_for_what_a_startd_of_its_size_needs_beside() -> None:
    """MA2: whoever of the two is asked about first."""
    place = place_of("m1", ("n1", Resources(pods=9)), pod_overhead=res(0, 1, 0, 0, 0))
    bare = msgspec.structs.replace(
        place, terms=msgspec.structs.replace(place.terms, pod_overhead=Resources()), jobs=True
    )
    both = (Option(place, "startd-job", res(4, 4), 1, (0.0, 0.0)), Option(bare, "job", res(4, 4), 1, (0.0, 0.0)))
    for asked_for in (both, both[::-1]):
        ground = Ground((place,), (), T0)
        needs = {one.form: ground.need(one, "n1")["node", "m1", "n1", "memory_mib"] for one in asked_for}
        assert needs == {"startd-job": 5120, "job": 4096}


def test_what_a_startd_gives_back_beside_its_size_counts_where_jobs_see_the_same_nodes_too() -> None:
    """MA2: a user's Job needs nothing beside, in the very same place."""
    place = place_of("m1", ("n1", Resources(pods=9)), pod_overhead=res(0, 1, 0, 0, 0))
    bare = msgspec.structs.replace(
        place, terms=msgspec.structs.replace(place.terms, pod_overhead=Resources()), jobs=True
    )
    found = asked((wish("c1", "/a@x", (place,)),), fours(count=1), HALVES, rules((place, bare)))
    assert gone(found) == ["1-0"]


def test_what_is_left_under_a_ceiling_counts_beside_what_comes_back() -> None:
    """OW3: of ten cores eight are held; two more, and two that come back, are the four that are wanted."""
    startds = (startd("1-0", "/b@x", cores=2), startd("1-1", "/b@x", cores=6))
    place = place_of(
        "m1", ("n1", Resources(9000, 99_999, 99_999, 0, 9)), ceiling=res(10), ceiling_names=frozenset({"cpu_milli"})
    )
    found = asked((wish("c1", "/a@x", (place,)),), startds, HALVES)
    assert gone(found) == ["1-0"]


def test_what_stays_free_in_one_group_comes_back_from_there_only() -> None:
    """OW3: of two alike in two groups."""
    places = tuple(
        place_of("m1", ("n1", Resources(pods=9)), group=group, leave_free=(("g", res(1)),)) for group in "gh"
    )
    there = tuple(startd(f"1-{n}", "/b@x", f"n{n}") for n in range(2))
    moved = told(there[1], placement=msgspec.structs.replace(there[1].held.placement, node_group="h"))
    for standing in ((there[0], moved), (moved, there[0])):
        ground = Ground(places, standing, T0)
        kept = [any(key[0] == "kept" for key in ground.gain(stand)) for stand in standing]
        assert kept == [stand is there[0] for stand in standing]
