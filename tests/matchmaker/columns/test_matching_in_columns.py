"""MA1, MA4, MA5: all pairs at once get the answers that they get one by one, whatever is kept from before."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fedsched.matchmaker.columns import Cache, matching, numbers, verdicts
from fedsched.matchmaker.columns.ads import Pairs, texts_of
from fedsched.matchmaker.columns.matching import Block
from fedsched.matchmaker.columns.syntax import Declined
from fedsched.matchmaker.columns.values import Strings
from fedsched.matchmaker.match import pairs
from tests.matchmaker import classad_ads
from tests.matchmaker.columns.expressions import ad, expression
from tests.matchmaker.hostile import EXPRESSIONS

AT = 1_000_000.0


def realistic(seed: int, jobs: int, slots: int) -> tuple[list[Pairs], list[Pairs]]:
    chance = random.Random(seed)  # noqa: S311 - ads, not secrets
    return [tuple(classad_ads.job(chance).items()) for _ in range(jobs)], [
        tuple(classad_ads.slot(chance).items()) for _ in range(slots)
    ]


def judged(jobs: list[Pairs], slots: list[Pairs], at: float = AT) -> list[list[bool]]:
    return [[pairs.judge.__wrapped__(job, slot, at).ok for slot in slots] for job in jobs]


def ranked(asked: list[tuple[str, Pairs]], slots: list[Pairs], at: float = AT) -> list[list[float]]:
    return [[pairs.number.__wrapped__(text, slot, job, at) for slot in slots] for text, job in asked]


def test_ads_as_sites_have_them_match_as_one_by_one() -> None:
    jobs, slots = realistic(1, 150, 120)
    told = verdicts(jobs, slots, AT)[0]
    assert told.tolist() == judged(jobs, slots)
    assert 0.05 < told.mean() < 0.5


@pytest.mark.parametrize("seed", range(40))
def test_random_ads_match_and_rank_as_one_by_one(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - ads, not secrets
    jobs, slots = [ad(chance) for _ in range(8)], [ad(chance) for _ in range(12)]
    asked = [(expression(chance, 3), job) for job in jobs]
    told, cache = verdicts(jobs, slots, AT)
    assert told.tolist() == judged(jobs, slots)
    assert numbers(asked, slots, AT, cache)[0].tolist() == ranked(asked, slots)


@pytest.mark.parametrize(
    "text", ["random(3) >= 0", "true && (1", "x" * 70_000, "", 'eval("true")', "MY", "true; a = 1"]
)
def test_an_ad_that_the_gate_refuses_matches_nothing_and_ranks_as_zero(text: str) -> None:
    good: Pairs = (("Requirements", "true"), ("Cpus", "3"))
    for bad in ((*good, ("Extra", text)), (("Requirements", text), ("Cpus", "3"))):
        jobs = slots = [good, bad]
        assert verdicts(jobs, slots, AT)[0].tolist() == judged(jobs, slots) == [[True, False], [False, False]]
        asked = [("Cpus", good), ("Cpus", bad), (text, good)]
        assert numbers(asked, slots, AT)[0].tolist() == ranked(asked, slots) == [[3.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


def test_attributes_that_double_with_every_step_are_refused_alike() -> None:
    grown = tuple((f"A{n}", f"A{n + 1} + A{n + 1}") for n in range(20))
    good: Pairs = (("Requirements", "true"),)
    long: Pairs = (("Requirements", "Big is TARGET.Big || true" + " || Big is 1" * 3), ("Big", f'"{"x" * 60_000}"'))
    ads: list[Pairs] = [good, (*good, *grown, ("A20", "1")), long, (*long[:1], ("Big", '"x"'))]
    told = verdicts(ads, ads, AT)[0].tolist()
    assert told == judged(ads, ads)
    assert {True, False} == {yes for row in told for yes in row}


@pytest.mark.parametrize("name", ["Self", "target", "my", "Parent", "toplevel", "a b", "1a"])
def test_an_attribute_with_a_name_that_means_something_else_is_read_as_the_library_reads_it(name: str) -> None:
    job: Pairs = (
        ("Requirements", f"MY.Cpus == 1 && TARGET.Cpus == 2 && (MY.{name} is undefined || true)"),
        ("Cpus", "1"),
    )
    slot: Pairs = (("Requirements", "TARGET.Cpus == 1"), ("Cpus", "2"))
    odd = [job, (*job, (name, "[Cpus = 7]"))], [slot, (*slot, (name, "5"))]
    assert verdicts(*odd, AT)[0].tolist() == judged(*odd)


def test_chains_too_deep_for_the_library_match_nothing_and_those_just_below_it_do() -> None:
    for length in (100, 149, 150, 151, 250, 396, 397, 398, 399, 400, 401, 500):
        chained = (("Requirements", " && ".join(["true"] * length)),)
        nested = (("Requirements", "A0"), *((f"A{n}", f"A{n + 1}") for n in range(length)), (f"A{length}", "true"))
        ads: list[Pairs] = [chained, nested, (("Requirements", "true"),), (("Requirements", "TARGET.A0"),)]
        assert verdicts(ads, ads, AT)[0].tolist() == judged(ads, ads), length


def test_attributes_in_a_circle_match_as_the_library_has_it() -> None:
    job: Pairs = (("Requirements", "A is undefined"), ("A", "B"), ("B", "A + 1"))
    slot: Pairs = (("Requirements", "TARGET.Requirements && C"), ("C", "TARGET.C"))
    both: list[Pairs] = [job, slot, (*job, ("C", "TARGET.C")), (("Requirements", "TARGET.Requirements"),)]
    assert verdicts(both, both, AT)[0].tolist() == judged(both, both)


@pytest.mark.parametrize(
    "text",
    [
        "TARGET.Cpus > 1 && TARGET.Name == MY.Name",
        "TARGET.Cpus > 1 && TARGET.Name != MY.Name",
        "TARGET.Name != MY.Name && TARGET.Cpus > 1",
        "TARGET.Name != MY.Name || TARGET.Cpus > 1",
        "TARGET.Cpus > 9 || size(TARGET.Name) == 2",
        "TARGET.Cpus > 1 ? TARGET.Name == MY.Name : false",
        "TARGET.Same && TARGET.Cpus > 1",
        "(TARGET.Cpus << TARGET.Cpus) > 0 && true",
    ],
)
def test_what_only_the_library_knows_of_a_row_is_asked_wherever_it_stands(text: str) -> None:
    names = ('"\u00e9"', '"x"', '"\u00c9"', "{1}", "[Cpus = 1]")
    slots: list[Pairs] = [
        (("Name", name), ("Cpus", cpus), ("Same", "Name == TARGET.Name"), ("Requirements", own))
        for name in names
        for cpus in ("1", "2", "64")
        for own in ("true", "MY.Cpus > 1 && TARGET.Name == Name", "Same")
    ]
    jobs: list[Pairs] = [(("Name", name), ("Requirements", text)) for name in names]
    assert verdicts(jobs, slots, AT)[0].tolist() == judged(jobs, slots)
    assert numbers([(text, job) for job in jobs], slots, AT)[0].tolist() == ranked([(text, job) for job in jobs], slots)


def test_the_same_name_twice_means_the_last() -> None:
    ad_: Pairs = (("Cpus", "1"), ("cpus", "2"), ("Requirements", "false"), ("requirements", "Cpus == 2"))
    assert verdicts([ad_], [ad_], AT)[0].tolist() == judged([ad_], [ad_]) == [[True]]


def test_nobody_and_nothing_match_nothing() -> None:
    job: Pairs = (("Requirements", "true"),)
    assert verdicts([], [], AT)[0].shape == (0, 0)
    assert verdicts([job, job], [], AT)[0].shape == (2, 0)
    assert verdicts([], [job], AT)[0].shape == (0, 1)
    assert not verdicts([()], [()], AT)[0].any()


def test_what_is_kept_changes_no_answer_while_slots_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_BLOCKS", 3)
    monkeypatch.setattr(matching, "MAX_KEPT", 20_000)
    jobs, slots = realistic(2, 40, 60)
    cache, chance = Cache(), random.Random(3)  # noqa: S311 - an order, no secret
    blocks = set()
    for at in (AT, AT, AT + 300_000, AT, AT + 5, AT, AT, AT):
        here = chance.sample(slots, 35)
        told, cache = verdicts(jobs, here, at, cache)
        assert told.tolist() == verdicts(jobs, here, at)[0].tolist() == judged(jobs, here, at)
        blocks.add(len(cache.blocks))
    assert max(blocks) == 3
    assert min(blocks) == 1


def test_a_list_of_slots_that_was_changed_in_place_is_read_again() -> None:
    """The same objects are known without being read; others at their places are not they."""
    jobs, slots = realistic(2, 20, 30)
    here = slots[:10]
    _, cache = verdicts(jobs, here, AT)
    for change in (here.reverse, lambda: here.append(slots[0]), lambda: here.extend(slots[10:])):
        change()
        told, cache = verdicts(jobs, here, AT, cache)
        assert told.tolist() == judged(jobs, here, AT)
    copies: list[Pairs] = [tuple((name, text) for name, text in slot) for slot in here]
    assert verdicts(jobs, copies, AT, cache)[0].tolist() == told.tolist()


def test_strings_are_ordered_and_alike_whenever_they_come() -> None:
    strings = Strings()
    for text in ("b", "A", "a", "", "B", "ab", "Ab"):
        codes = np.array([strings.code(one) for one in ("b", "A", text)])
        said = ["b", "A", text]
        assert (strings.alike(codes)[:, None] == strings.alike(codes)).tolist() == [
            [one.lower() == other.lower() for other in said] for one in said
        ]
        assert (strings.ranks(codes)[:, None] < strings.ranks(codes)).tolist() == [
            [one.lower() < other.lower() for other in said] for one in said
        ]
        assert strings.lengths(codes).tolist() == [len(one) for one in said]


def test_time_counts_from_one_moment_to_the_next() -> None:
    job: Pairs = (("Requirements", "time() < 1000 && TARGET.Late"),)
    slot: Pairs = (("Requirements", "true"), ("Late", "CurrentTime > 10"))
    cache = Cache()
    for at, yes in ((5.0, False), (11.9, True), (999.9, True), (1000.0, False), (11.0, True)):
        told, cache = verdicts([job], [slot], at, cache)
        assert told.tolist() == judged([job], [slot], at) == [[yes]]


def test_hostile_expressions_get_the_same_answers() -> None:
    ads = [(("Requirements", text), ("Cpus", "3"), *more) for text, more in EXPRESSIONS.values()]
    slot: Pairs = (("Requirements", "true"), ("Name", '"a"'))
    assert verdicts(ads, [slot], AT)[0].tolist() == judged(ads, [slot])


def test_requirements_of_real_pools_and_of_recorded_cycles_are_compiled() -> None:
    texts = {*filter(None, classad_ads.REQUIREMENTS), *classad_ads.STARTS, *recorded()}
    _, slots = realistic(4, 1, 200)
    block, kinds = Block(slots, Strings()), Counter[str]()
    chance = random.Random(4)  # noqa: S311 - ads, not secrets
    for text in texts:
        job = dict(classad_ads.job(chance), Requirements=text)
        try:
            block._binder(texts_of(tuple(job.items())), int(AT)).requirements("job")
            kinds["compiled"] += 1
        except Declined:
            kinds["left to the library"] += 1
    whole = [step.text for step in block._machine.steps.all if step.kind == "library"]
    print(f"\n{len(texts)} realistic Requirements: {dict(kinds)}; in them asked whole: {whole}")
    assert kinds["compiled"] == len(texts)
    assert len(whole) <= 1


def recorded() -> set[str]:
    """Requirements of the classes in the golden cycles."""
    found: set[str] = set()
    for file in (Path(__file__).parents[2] / "golden" / "cycles").glob("*.json"):
        waiting = [json.loads(file.read_text())]
        while waiting:
            one = waiting.pop()
            if isinstance(one, dict):
                text = one.get("requirements")
                found |= {text} if isinstance(text, str) and text else set()
                waiting += one.values()
            elif isinstance(one, list):
                waiting += one
    assert found
    return found


def test_every_row_has_its_own_answer() -> None:
    jobs, slots = realistic(6, 30, 30)
    told = verdicts(jobs + jobs, slots + slots[:3], AT)[0]
    assert (told[:30] == told[30:]).all()
    assert (told[:, 30:] == told[:, :3]).all()
    assert isinstance(told, np.ndarray)
