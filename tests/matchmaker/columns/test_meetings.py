"""MA1, MA4: what is found out of many jobs and sizes at once is what one by one says, and hardly less."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

from fedsched.matchmaker import classad
from fedsched.matchmaker.columns import Meetings, misses
from fedsched.matchmaker.columns.ads import Pairs
from fedsched.matchmaker.match import pairs
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.options import foreseen
from tests.bench.round import Size, federation, policy
from tests.matchmaker import classad_ads
from tests.matchmaker.columns.expressions import ad
from tests.sameness import digest

AT = 1_000_000.0
SIZES: tuple[Pairs, ...] = (
    (("Cpus", "1"), ("Memory", "512"), ("Disk", "1024"), ("GPUs", "0")),
    (("Cpus", "8"), ("Memory", "16384"), ("Disk", "90000000"), ("GPUs", "1")),
)


Count = tuple[int, int]
"""How many clauses are not true, and the first of the job's; -1 where it is not known or none is."""


def counted(jobs: list[Pairs], slots: list[Pairs], shapes: tuple[Pairs, ...]) -> tuple[list[Count], list[Count]]:
    """By columns, and by the library asked of each pair; -1 where it refuses an ad."""
    who = list(product(range(len(jobs)), range(len(slots)), range(len(shapes))))
    at_once = misses(jobs, slots, shapes, Meetings(*np.array(who).T), AT)
    one_by_one = []
    for job, slot, shape in who:
        whole = {name.lower(): (name, text) for name, text in (*slots[slot], *shapes[shape])}
        one_by_one.append(_of_one(jobs[job], tuple(whole.values())))
    return list(zip(at_once.clauses.tolist(), at_once.first.tolist(), strict=True)), one_by_one


def _of_one(job: Pairs, slot: Pairs) -> Count:
    told = pairs.judge.__wrapped__(job, slot, AT)
    if told.ok or told.refused:
        return -1 if told.refused else 0, -1
    asks, wants = ({name.lower(): text for name, text in side}.get("requirements", "") for side in (job, slot))
    own = [clause.whole for clause in pairs.false_clauses(asks, job, slot, AT)] if asks else ["no Requirements"]
    theirs = not wants or bool(pairs.false_clauses(wants, slot, job, AT))
    first = classad.conjuncts(asks).index(own[0]) if asks and own else -1
    return len(own) + theirs, first


def told(jobs: list[Pairs], slots: list[Pairs], shapes: tuple[Pairs, ...]) -> tuple[list[bool], list[bool]]:
    """What is certain, and what the library says of each pair; where clauses are counted, they are as many."""
    at_once, one_by_one = counted(jobs, slots, shapes)
    wrong = [pair for pair in zip(at_once, one_by_one, strict=True) if pair[0][0] >= 0 and pair[0] != pair[1]]
    assert not wrong, wrong[:10]
    return [count == 0 for count, _ in at_once], [count == 0 for count, _ in one_by_one]


def test_of_ads_as_sites_have_them_nearly_all_that_match_are_certain_and_no_other() -> None:
    chance = random.Random(3)  # noqa: S311 - ads, not secrets
    jobs = [tuple(classad_ads.job(chance).items()) for _ in range(60)]
    slots = [tuple(classad_ads.slot(chance).items()) for _ in range(40)]
    certain, matching = told(jobs, slots, SIZES)
    assert not [row for row, sure in enumerate(certain) if sure and not matching[row]]
    assert sum(certain) > 0.95 * sum(matching) > 100


def test_of_ads_as_sites_have_them_nearly_all_clauses_are_counted() -> None:
    chance = random.Random(4)  # noqa: S311 - ads, not secrets
    jobs = [tuple(classad_ads.job(chance).items()) for _ in range(60)]
    slots = [tuple(classad_ads.slot(chance).items()) for _ in range(40)]
    at_once, one_by_one = counted(jobs, slots, SIZES)
    assert sum(count > 0 for count, _ in at_once) > 0.8 * sum(count > 0 for count, _ in one_by_one) > 100
    assert max(at_once)[0] > 1
    assert len({first for _, first in at_once}) > 2


@pytest.mark.parametrize(
    ("asks", "count"),
    [
        ("TARGET.Odd == 1 && TARGET.Odd == 2 && TARGET.Odd == 7", (3, 0)),
        ("TARGET.Odd == 7 && TARGET.Odd > 6 && TARGET.Odd == 2", (2, 2)),
        ("(TARGET.Odd == 1 && TARGET.Missing > 3) && Odd", (4, 0)),
        ("TARGET.Odd == 7 && error", (2, 1)),
        ("TARGET.Odd == 7", (1, -1)),  # the slot's own
        ("false", (-1, -1)),
        ("5 && TARGET.Odd == 1", (-1, -1)),
    ],
)
def test_clauses_are_counted_as_a_person_is_told_them(asks: str, count: Count) -> None:
    """Those that are not true of the slot, which wants more than any job asks for. A number is left to the library."""
    slot: Pairs = (("Odd", "7"), ("Requirements", "TARGET.RequestCpus > 1000"))
    job: Pairs = (("Odd", "1 > 2"), ("RequestCpus", "1"), ("Requirements", asks))
    at_once, _ = counted([job], [slot], SIZES[:1])
    assert at_once == [count]


def test_of_random_ads_what_is_certain_is_a_match() -> None:
    sure = matched = 0
    for seed in range(60):
        chance = random.Random(seed)  # noqa: S311 - ads, not secrets
        jobs = [ad(chance) for _ in range(6)]
        jobs += [tuple((name, str(chance.randint(0, 9)) if text.isdigit() else text) for name, text in jobs[0])]
        certain, matching = told(jobs, [ad(chance) for _ in range(8)], ((), SIZES[1])[seed % 2 :][:1])
        assert all(match for certainly, match in zip(certain, matching, strict=True) if certainly), seed
        sure, matched = sure + sum(certain), matched + sum(matching)
    assert sure > 0.8 * matched > 40


@pytest.mark.parametrize("reads", ["Memory >= MY.Odd", "TARGET.Memory >= MY.Odd", "Odd > 3 && Memory > 0"])
def test_values_that_differ_from_job_to_job_stay_with_their_jobs(reads: str) -> None:
    bars = ("Requirements", "TARGET.Odd =?= undefined || TARGET.Odd < 9000")
    slots: list[Pairs] = [(bars,), (bars, ("Odd", "7"))]
    jobs: list[Pairs] = [(("Odd", str(odd)), ("Requirements", reads)) for odd in (1, 600, 9000, 20_000)]
    certain, matching = told([*jobs, (("Requirements", reads),)], slots, SIZES)
    assert certain == matching
    assert any(matching)
    assert not all(matching)


def test_what_the_gate_refuses_matches_nothing() -> None:
    refused = ("Odd", "random(3)")
    plain, yes = ("Odd", "1"), ("Requirements", "true")
    certain, matching = told([(plain, yes), (refused, yes)], [(plain, yes), (refused, yes)], SIZES[:1])
    assert certain == matching == [True, False, False, False]
    asks = ("Requirements", "TARGET.Odd == 5")
    assert counted([(plain, asks)], [(plain, yes), (refused, yes)], SIZES[:1]) == (
        [(1, 0), (-1, -1)],
        [(1, 0), (-1, -1)],
    )


def test_a_round_that_foresees_what_is_asked_makes_the_same_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = federation(Size(jobs=4_000, classes=40, nodes=1_000))

    def planned() -> tuple[str, int]:
        pairs.judge.cache_clear()
        plan = negotiate(snapshot, policy())
        return digest(plan), pairs.judge.cache_info().misses

    foreseeing, few = planned()
    monkeypatch.setattr(foreseen, "FEW", float("inf"))
    one_by_one, many = planned()
    assert foreseeing == one_by_one
    assert many > 4 * few
