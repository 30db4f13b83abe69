"""What was read of startds that stand as they stood is not read again, and no plan is another one for it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings

from fedsched.matchmaker.model import (
    Plan,
    Policy,
    Snapshot,
)
from fedsched.matchmaker.negotiate import Kept, negotiate, negotiated
from fedsched.matchmaker.reconcile import reconcile
from fedsched.matchmaker.share import pages as share_pages
from tests.bench.round import Size, changed, federation, policy
from tests.bench.standing import at_work, remembered
from tests.matchmaker.at_jobs import (
    EVERY_S,
    OTHERS,
    Looks,
    at_job,
    heard_again,
    many,
    several,
)
from tests.matchmaker.builders import T0
from tests.matchmaker.startds_seen import (
    BOB,
    CHANGES,
    CLAIM,
    look,
    of_object,
    of_slot,
)
from tests.matchmaker.test_looks import POLICY
from tests.sameness import digest


def followed(looks: Looks, rules: Policy = POLICY, change: Callable[[Snapshot], Snapshot] = lambda seen: seen) -> None:
    """Every look makes the plan of one that was told nothing. change: of the last but one."""
    kept, memory = Kept(), None
    for number, startds_ in enumerate(looks):
        seen = look(startds_, T0 + number * EVERY_S, memory)
        seen = change(seen) if number == len(looks) - 2 else seen
        plan, kept = negotiated(seen, rules, kept)
        assert digest(plan) == digest(negotiate(seen, rules))
        memory = plan.memory


@settings(max_examples=150, deadline=None)
@given(several())
def test_looks_that_follow_each_other_make_the_plans_of_looks_that_are_told_nothing(looks: Looks) -> None:
    followed(looks)


@pytest.mark.parametrize("what", CHANGES)
def test_one_that_says_something_else_is_read_anew(what: str) -> None:
    """Twice the same, so that it is passed over; then it says something else, and then once more what it said."""
    first = many()
    other = [CHANGES[what](one) if number % 3 == 0 else one for number, one in enumerate(first)]
    followed([first, first, first, other, other, first, first])


def quiet(seen: Snapshot, rules: Policy, kept: Kept) -> frozenset[str]:
    """Who is passed over."""
    return reconcile(seen, rules.startds, rules.pending, kept.again).quiet


@pytest.mark.parametrize("again", [False, True])
def test_startds_that_stand_as_they_stood_are_passed_over(again: bool) -> None:  # noqa: FBT001 - a parameter
    """Also where their ads came anew, as they do in every look of a simulation."""
    kept, memory, now = Kept(), None, many()
    for number in range(4):
        at = T0 + number * EVERY_S
        now = [heard_again(one, at) for one in now] if again else now
        seen = look(now, at, memory)
        passed = quiet(seen, POLICY, kept)
        plan, kept = negotiated(seen, POLICY, kept)
        memory = plan.memory
        assert len(passed) == (11 if number else 0)
    assert len(kept.calm or {}) == 4


@pytest.mark.parametrize("what", OTHERS)
def test_startds_that_are_passed_over_are_asked_where_something_else_changed(what: str) -> None:
    first = many()
    followed([first] * 5, change=OTHERS[what])


def test_what_is_gone_counts_no_more() -> None:
    followed([many(), many(), many(), many()[1:], many()[2:], many()])
    first = many()
    followed([first, first, first, first[1:], first[2:], first])


def test_a_copy_of_an_object_is_swept_in_every_look() -> None:
    """It has its name, a pod and a slot, and no record of its own."""
    first = many()
    copies = [of_object(placement=None)(one) if number < 2 else one for number, one in enumerate(first)]
    followed([first, copies, copies, copies, first])
    followed([copies, copies, copies, first, first])


def test_an_ad_of_no_pod_is_removed_in_every_look() -> None:
    first = many()
    strays = [of_slot(pod="stray")(one) if number < 2 else one for number, one in enumerate(first)]
    followed([strays] * 4)


def test_a_placement_that_memory_has_twice_is_passed_over_nowhere() -> None:
    def twice(seen: Snapshot) -> Snapshot:
        known = seen.memory.held
        return msgspec.structs.replace(seen, memory=msgspec.structs.replace(seen.memory, held=(*known, known[0])))

    followed([many()] * 5, change=twice)


SMALL = Size(jobs=2_000, classes=40, nodes=1_000, startds=300)


def a_day(rules: Policy, change: Callable[[Snapshot], Snapshot] = changed) -> tuple[list[Plan], list[Kept]]:
    """Some rounds of a federation at work, each as if nothing had been kept."""
    seen, kept = at_work(federation(SMALL), SMALL.startds, full=False), Kept()
    plans, all_kept = [], []
    for _ in range(4):
        plan, kept = negotiated(seen, rules, kept)
        assert digest(plan) == digest(negotiate(seen, rules))
        seen = change(remembered(seen, plan.memory, 60.0))
        plans.append(plan)
        all_kept.append(kept)
    return plans, all_kept


def test_rounds_of_a_federation_at_work() -> None:
    _, kept = a_day(policy())
    pages = [one.pages for one in kept if one.pages is not None]
    same = [name for name, line in pages[-1].lines.items() if pages[-2].lines.get(name) is line]
    assert len(same) >= 250


def test_sizes_that_nobody_holds_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_pages, "MOST_SIZES", 1)
    _, kept = a_day(policy())
    assert kept[-1].pages is not None
    assert kept[-1].pages.sizes.keys() == {one for line in kept[-1].pages.lines.values() for one in line.amounts}


def test_what_is_kept_of_startds_holds_no_round_that_is_over() -> None:
    seen, kept, held_ = at_work(federation(SMALL), SMALL.startds, full=False), Kept(), []
    for _ in range(4):
        plan, kept = negotiated(seen, policy(), kept)
        held_.append(weakref.ref(kept.pages))
        seen = remembered(seen, plan.memory, 60.0)
    gc.collect()
    assert [pages() is not None for pages in held_] == [False, False, False, True]


def test_one_round_may_be_decided_twice_with_what_was_kept() -> None:
    """What is kept is a value: deciding changes nothing in it."""
    first = look(many())
    plan, kept = negotiated(first, POLICY, Kept())
    second = look(many(), T0 + EVERY_S, plan.memory)
    third = look(many()[1:], T0 + EVERY_S, plan.memory)
    plans = [digest(negotiated(seen, POLICY, kept)[0]) for seen in (second, third, second)]
    assert plans == [digest(negotiate(seen, POLICY)) for seen in (second, third, second)]


def test_claims_of_others_are_on_their_pages() -> None:
    """A startd made for one that another claims, and a claim that goes from one to the other."""
    mine = at_job(1)
    theirs = of_slot(claims=(msgspec.structs.replace(CLAIM, principal=BOB), CLAIM))(mine)
    followed([[mine, at_job(2, BOB)], *[[theirs, at_job(2, BOB)]] * 3, [mine], [mine], [theirs]])
