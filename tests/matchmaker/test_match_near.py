"""E9, RE2, E5: the nearest miss, minimal sets of blockers, the candidates of a placement."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import JobLength, NearestMiss, Order
from fedsched.matchmaker.options import Asked, candidates
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import demand, res
from tests.matchmaker.test_match_table import place, table


def with_nodes(name: str, gib: float = 64, cores: float = 32, gpus: int = 0) -> Place:
    """A member whose nodes have so much for jobs, after what a startd's pod keeps for itself."""
    free = res(cores, gib, 500, gpus, pods=100)
    return place(name, group={"free": free}, terms={"pod_overhead": Resources()})


def test_a_request_that_no_node_holds_is_told_with_what_would_do_and_where() -> None:
    """E9: needs 96 GiB, the largest node has 64 GiB in C; at 62 GiB three members match."""
    answers = table(with_nodes("A", 62.1), with_nodes("B", 62), with_nodes("C", 64), with_nodes("D", 8))
    greedy = demand(request=res(8, 96), requirements="TARGET.Memory >= RequestMemory")
    (why,) = answers.reasons(greedy, Asked(lambda _: ()))
    assert (why.cause, why.need, why.have, why.member) == (Cause.NODE_TOO_SMALL, "96 GiB", "64 GiB", "C")
    assert answers.near(greedy) == (
        NearestMiss("memory_mib", "96 GiB", "64 GiB", 1, "C"),
        NearestMiss("memory_mib", "96 GiB", "62 GiB", 3, "A"),
    )


def test_what_would_do_is_a_whole_step_and_fits_beside_what_the_pod_keeps_for_itself() -> None:
    """MA7: memory in 256 MiB, after pod_overhead (128 MiB)."""
    there = place("A", group={"free": res(32, 64, 500, pods=100)})
    assert table(there).near(demand(request=res(8, 96)))[0].have == "63.75 GiB"
    smaller = demand(request=msgspec.structs.replace(res(8), memory_mib=64 * 1024 - 256))
    assert [o.place.terms.name for o in table(there).options(smaller)] == ["A"]


def test_requirements_are_asked_again_at_the_smaller_value() -> None:
    answers = table(with_nodes("A", 64), with_nodes("B", 32))
    stubborn = demand(request=res(8, 96), requirements="RequestMemory > 40000")
    assert [(m.have, m.members) for m in answers.near(stubborn)] == [("64 GiB", 1)]
    assert answers.near(demand(request=res(8, 96), requirements="RequestMemory > 70000")) == ()


def test_each_request_that_is_short_alone_is_told_and_two_at_once_are_no_near_miss() -> None:
    answers = table(with_nodes("A", 64, 8), with_nodes("B", 8, 32))
    both = answers.near(demand(request=res(16, 32)))
    assert [(m.what, m.have, m.example) for m in both] == [
        ("cpu_milli", "8 cores", "A"),
        ("memory_mib", "8 GiB", "B"),
    ]
    assert table(with_nodes("A", 64, 8)).near(demand(request=res(16, 96))) == ()


def test_gpus_and_extended_resources_can_be_the_near_miss() -> None:
    answers = table(with_nodes("A", gpus=4))
    assert [(m.what, m.have) for m in answers.near(demand(request=res(8, 32, gpus=8)))] == [("gpus", "4 GPU")]
    board = msgspec.structs.replace(res(), other=(("xilinx.com/u280", 2),))
    have = msgspec.structs.replace(res(8, 32, 100, pods=9), other=(("xilinx.com/u280", 1),))
    found = table(place("A", group={"free": have})).near(demand(request=board))
    assert [(m.what, m.have) for m in found] == [("xilinx.com/u280", "1 xilinx.com/u280")]


def test_a_job_that_outlives_every_startd_is_told_what_length_would_do() -> None:
    answers = table(place("A", terms={"max_lifetime_s": 3600}), place("B", terms={"max_lifetime_s": 7200}))
    (near,) = answers.near(demand(length=JobLength(86_400, "AllowedJobDuration")))
    assert near == NearestMiss("length", "86400 s", "7200 s", 1, "B")


def test_the_clause_without_which_most_members_match_is_told() -> None:
    arm = place("arm", terms={"attributes": (("Arch", '"aarch64"'), ("Region", '"eu"'))}, learnt=False)
    plain = [place(f"m{i}", terms={"attributes": (("Region", '"us"'),)}) for i in range(3)]
    answers = table(arm, *plain)
    picky = demand(requirements='TARGET.Region == "eu" && (TARGET.Arch == "X86_64")')
    assert answers.near(picky) == (NearestMiss("requirements", 'TARGET.Region == "eu"', "", 3, "m0"),)


def test_what_can_run_somewhere_even_if_somebody_holds_it_back_has_no_near_miss() -> None:
    assert table(place()).near(demand()) == ()
    assert table(place(), orders=(Order("cordon", "m1", "fan"),)).near(demand()) == ()
    assert table(place()).near(demand(gate="too long")) == ()


FULL, QUOTA, RATE = Reason(Cause.NO_ROOM), Reason(Cause.QUOTA_FULL), Reason(Cause.BUDGET)


def test_where_one_change_suffices_one_is_named_although_a_better_place_needs_two() -> None:
    """RE2."""
    sets = {"a": (QUOTA, FULL), "b": (RATE,), "c": (FULL,)}
    answers = table(*(place(name) for name in sets))
    assert answers.reasons(demand(), Asked(lambda o: sets[o.place.terms.name])) == (RATE,)


def test_where_two_facts_block_together_both_are_named() -> None:
    """RE2."""
    answers = table(place("a"), place("b"))
    assert answers.reasons(demand(), Asked(lambda _: (QUOTA, FULL))) == (QUOTA, FULL)


def test_everything_that_holds_a_member_back_is_named_and_a_member_that_one_order_holds_comes_first() -> None:
    """RE2, MA3."""
    orders = (Order("cordon", "a", "fan"), Order("pause", "*", "holiday"))
    answers = table(place("a"), orders=orders)
    assert [r.cause for r in answers.reasons(demand(), Asked(lambda _: ()))] == [Cause.CORDONED, Cause.PAUSED]
    answers = table(place("a"), place("b"), orders=orders)
    assert [(r.cause, r.member) for r in answers.reasons(demand(), Asked(lambda _: ()))] == [(Cause.PAUSED, "b")]


def test_without_any_node_group_that_is_the_reason() -> None:
    assert [r.cause for r in table().reasons(demand(), Asked(lambda _: ()))] == [Cause.NO_NODE_GROUPS]


def told(blocked: tuple[str, ...], places: int = 8) -> list[tuple[str, str]]:
    found = table(*(place(f"m{i}") for i in range(places))).options(demand())

    def blocker(position: int) -> Cause | None:
        return FULL.cause if found[position].place.terms.name in blocked else None

    return [(c.member, c.blocker) for c in candidates(found, blocker)]


def test_a_placement_remembers_what_was_better_and_what_came_next() -> None:
    """E5: at most five, the chosen one among them."""
    assert told(("m0", "m2")) == [("m0", "no-room"), ("m1", ""), ("m2", "no-room"), ("m3", ""), ("m4", "")]
    seven = tuple(f"m{i}" for i in range(7))
    assert told(seven) == [("m0", "no-room"), ("m1", "no-room"), ("m2", "no-room"), ("m3", "no-room"), ("m7", "")]
    assert told((), 1) == [("m0", "")]
