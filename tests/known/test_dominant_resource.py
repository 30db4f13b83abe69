"""Dominant resource fairness' published example (Ghodsi et al., NSDI 2011, section 4.1), by the sizes of FS2."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from fedsched.matchmaker.model import Budgets, PairMemory, Policy, Principal, Ramp
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources, fits
from fedsched.matchmaker.share.sizes import Sizes
from tests.matchmaker.builders import T0, demand, group, member, res, schedd, snapshot, terms

GIB = 1024
TOTAL = Resources(cpu_milli=9000, memory_mib=18 * GIB)
SIZES = Sizes(TOTAL, ("cpu_milli", "memory_mib"))
TASKS = {"A": Resources(1000, 4 * GIB), "B": Resources(3000, 1 * GIB)}


def fill(total: Resources, tasks: dict[str, Resources], sizes: Sizes) -> dict[str, int]:
    """FS6 one at a time, equal rights: who holds least takes the next unit, until nothing fits."""
    got, held, room = dict.fromkeys(tasks, 0), dict.fromkeys(tasks, 0), total
    while True:
        able = [who for who in tasks if fits(tasks[who], room)]
        if not able:
            return got
        who = min(able, key=lambda one: (held[one], one))
        room -= tasks[who]
        held[who] += sizes.of(tasks[who])
        got[who] += 1


def test_nine_cores_and_eighteen_gigabytes_are_three_tasks_for_a_and_two_for_b() -> None:
    """A's tasks are <1 CPU, 4 GB>, B's <3 CPU, 1 GB>: both end with a dominant share of two thirds."""
    got = fill(TOTAL, TASKS, SIZES)
    assert got == {"A": 3, "B": 2}
    shares = {who: SIZES.of(TASKS[who]) * count / 9000 for who, count in got.items()}
    assert shares == {"A": pytest.approx(2 / 3), "B": pytest.approx(2 / 3)}


def test_a_whole_round_gives_the_same() -> None:
    """The same two principals and the same nine cores through `negotiate`, sizes from what is lent."""
    node = group("g", 1, Resources(9000, 18 * GIB, 500 * GIB, pods=100))
    snap = snapshot(
        members=(member("m1", node),),
        schedds=(
            schedd(
                demand("a", 100, res(1, 4), principal=Principal("", "A")),
                demand("b", 100, res(3, 1), principal=Principal("", "B")),
            ),
        ),
    )
    seen = PairMemory(attributes=(("Arch", '"X86_64"'),), seen_at=T0)
    lender = terms("m1", pod_overhead=Resources(), budgets=Budgets(objects_in_flight=100))
    snap = msgspec.structs.replace(
        snap, terms=(lender,), memory=msgspec.structs.replace(snap.memory, pairs={"m1/g/": seen})
    )
    plan = negotiate(snap, Policy(ramp=Ramp(first=100, max_starts=100)))
    assert Counter(held.placement.principal.user for held in plan.held) == {"A": 3, "B": 2}


def test_a_task_weighs_its_dominant_share_of_the_reference_cores() -> None:
    """A: memory, 4/18 of nine cores = 2; B: processor, 3 of nine cores = 3."""
    assert SIZES.of(TASKS["A"]) == 2000
    assert SIZES.of(TASKS["B"]) == 3000
