"""PR1, PR4: what preemption says of a class's options in columns it says of each by itself."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker import fill, preempt
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.negotiate import making_room, negotiate
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt import Evictions, Picked, Rules, Wish
from fedsched.matchmaker.preempt.fullness import Fullness
from fedsched.matchmaker.preempt.ground import Ground
from fedsched.matchmaker.preempt.turn import _most_pods, _single
from fedsched.matchmaker.preempt.wishes import Shares
from fedsched.matchmaker.preempt.yard import Places
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from tests.properties.test_booked_alike import roomy


def same(one: Places, other: Places) -> None:
    """Both say the same of where which option is, and what is needed there."""
    assert list(one.options) == list(other.options)
    assert one.limited == other.limited
    assert one.alike == other.alike
    for name in ("numbers", "first", "need", "roomy"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1_000_000))
def test_any_part_of_a_class_s_options_is_judged_as_each_of_them(number: int) -> None:
    chance = random.Random(number)  # noqa: S311 - the same parts each time, no secret

    def judged(wishes: Iterable[Wish], standing: Iterable[Standing], _: Shares, rules: Rules) -> Evictions:
        wishes, standing = tuple(wishes), tuple(standing)
        ground, full = Ground(rules.places, standing, rules.at), Fullness(rules, standing)
        for wish in wishes:
            assert isinstance(wish.options, Picked)
            options, kinds = wish.options._options, wish.options._kinds
            some = np.flatnonzero([chance.random() < 0.7 for _ in options])
            picked, plain = Picked(options, kinds, some), tuple(options[at] for at in some.tolist())
            assert tuple(picked) == plain
            blockers = full.blockers(picked)
            assert blockers == [full._blocker(option) for option in plain]
            words = [full._in_words(option) for option in plain]  # which of the words for room does not matter
            assert [it in preempt.ROOM or it for it in blockers] == [it in preempt.ROOM or it for it in words]
            assert tuple(_single(picked)) == _single(plain)
            assert _most_pods(picked) == _most_pods(plain)
            wanted = np.array([chance.random() < 0.5 for _ in plain], np.bool_)
            assert list(picked.part(wanted)) == [one for one, its in zip(plain, wanted, strict=True) if its]
            if plain:
                same(Places.of(picked, ground), Places.of(plain, ground))
            event(f"{Cause.NO_ROOM in blockers}, {None in blockers}, {len({*blockers}) > 2}")
        return Evictions({}, {}, {})

    snapshot, policy = roomy(number)
    sets = ("g1",) if number % 2 else ()  # one startd on each node of these
    terms = tuple(msgspec.structs.replace(one, daemonset_groups=sets) for one in snapshot.terms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preempt, "make_room", judged)
        negotiate(msgspec.structs.replace(snapshot, terms=terms), policy)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1_000_000))
def test_a_wish_holds_the_options_that_are_found_one_by_one(number: int) -> None:
    """Also where a bound keeps the class from startds for several jobs, or for one, and not from the others."""
    bound = number % 3
    plain, wanted = fill.Round.apart_from_room, making_room._wanted

    def apart(self: fill.Round, demand: DemandClass, option: Option) -> Iterator[Reason]:
        yield from plain(self, demand, option)
        if (option.units == 1) == (bound == 1) and bound:
            yield Reason(Cause.RAMP, "a bound")

    def both(*ask: object) -> Sequence[Option]:
        found = wanted(*ask)  # type: ignore[arg-type]  # as it is called
        assert tuple(found) == tuple(making_room._full(*ask))  # type: ignore[arg-type]  # as above
        event(f"{bound}: {bool(found)}")
        return found

    snapshot, policy = roomy(number)
    policy = msgspec.structs.replace(policy, startds=msgspec.structs.replace(policy.startds, pack_cpu_milli=4000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fill.Round, "apart_from_room", apart)
        patch.setattr(making_room, "_wanted", both)
        plan = negotiate(snapshot, policy)
        negotiate(msgspec.structs.replace(snapshot, memory=plan.memory), policy)
