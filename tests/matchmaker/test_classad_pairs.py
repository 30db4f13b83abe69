"""MA4: the same answer as the C++ ClassAd library's own symmetric match, on every pair."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker import classad
from fedsched.matchmaker.classad import Ad
from tests.matchmaker.classad_ads import REQUIREMENTS, Pairs, pairs

# The library itself, as the judge: htcondor2 first.
import htcondor2  # isort: skip  # noqa: F401
import classad2  # isort: skip

AT = 1_000_000.0
RECORDED = pairs(seed=4, count=2_000)
VERDICTS = "20814326da25f7d1"
"""Digest of the library's verdicts on RECORDED: what changes here changes for everybody."""

NEVER = {
    "TARGET.NoSuchThing && TARGET.Cpus < 0",
    "TARGET.Cpus < 0 && error",
    "error || TARGET.Cpus > 0",
    "!(TARGET.NoSuchThing == 5)",
    'TARGET.Arch =?= "x86_64"',
    "MY.Memory >= 4096",
}
"""Requirements that are true of no slot: UNDEFINED, ERROR, a name of the wrong case, an attribute of the wrong ad."""


def library(job: Pairs, slot: Pairs) -> bool:
    """The judge: no gate, no cache, the whole ads. time() is what the snapshot says."""
    ads = []
    for pairs_ in (job, slot):
        ad = classad2.ClassAd()
        for name, text in {**pairs_, "CurrentTime": str(int(AT))}.items():
            ad[name] = classad2.ExprTree(text.replace("time()", "CurrentTime"))
        ads.append(ad)
    return bool(ads[0].symmetricMatch(ads[1]))


def ours(job: Pairs, slot: Pairs) -> bool:
    return classad.matches(Ad(job.items()), Ad(slot.items()), AT)


def test_two_thousand_recorded_pairs_get_the_librarys_verdict() -> None:
    wrong = [(job, slot) for job, slot in RECORDED if ours(job, slot) != library(job, slot)]
    assert not wrong, wrong[0]


def test_the_recorded_verdicts_are_those_of_every_version_and_the_pairs_are_contended() -> None:
    verdicts = [library(job, slot) for job, slot in RECORDED]
    assert 200 < sum(verdicts) < 1_800
    by_text = {job.get("Requirements", "") for (job, _), yes in zip(RECORDED, verdicts, strict=True) if yes}
    never = set(filter(None, REQUIREMENTS)) - by_text
    assert never == NEVER
    assert hashlib.sha256(bytes(verdicts)).hexdigest().startswith(VERDICTS)


def test_the_clause_that_is_named_is_there_exactly_when_the_jobs_side_does_not_match() -> None:
    for job, slot in RECORDED[:800]:
        if "Requirements" not in job:
            continue
        mine, theirs = Ad(job.items(), AT), Ad(slot.items(), AT)
        clause = classad.first_false_clause(job["Requirements"], mine, theirs)
        open_ = dict(slot, Requirements="true")
        assert (clause is None) == library(job, open_), job["Requirements"]


def one_sided(job: Pairs, slot: Pairs) -> bool:
    return ours(job, dict(slot, Requirements="true"))


def undefined_is_true(job: Pairs, slot: Pairs) -> bool:
    text = job.get("Requirements", "true")
    return ours(dict(job, Requirements=f"({text}) isnt false"), slot)


def undefined_is_false_inside(job: Pairs, slot: Pairs) -> bool:
    text = job.get("Requirements", "true").replace("&&", "=?= true &&")
    return ours(dict(job, Requirements=text), slot)


def either_order(job: Pairs, slot: Pairs) -> bool:
    """Kleene's OR: an operand that is true counts although the one before it is ERROR."""
    text = job.get("Requirements", "true")
    turned = " || ".join(reversed(text.split(" || "))) if "(" not in text else text
    return ours(dict(job, Requirements=turned), slot) or ours(job, slot)


def strict_case(job: Pairs, slot: Pairs) -> bool:
    return ours(dict(job, Requirements=job.get("Requirements", "true").replace("==", "=?=")), slot)


def one_attribute_forgotten(job: Pairs, slot: Pairs) -> bool:
    names = classad.attributes_read(Ad(job.items()), Ad(slot.items())) - {"deeper"}
    return ours(job, {name: text for name, text in slot.items() if name.lower() in names})


def another_time(job: Pairs, slot: Pairs) -> bool:
    return classad.matches(Ad(job.items()), Ad(slot.items()), AT + 300_000)


@pytest.mark.parametrize(
    "mutant",
    [
        one_sided,
        undefined_is_true,
        undefined_is_false_inside,
        either_order,
        strict_case,
        one_attribute_forgotten,
        another_time,
    ],
)
def test_a_wrong_reading_of_the_language_would_be_seen(mutant: Callable[[Pairs, Pairs], bool]) -> None:
    assert any(mutant(job, slot) != library(job, slot) for job, slot in RECORDED)


def test_two_equal_ads_meet_as_two_ads() -> None:
    ad = {"Requirements": "[q = ifThenElse(c, TARGET.c, a); r = q].r", "c": "[q = isUndefined(!(a)); r = q].r"}
    assert ours(ad, ad) is library(ad, ad) is True


_NAMES = ("a", "b", "C", "d", "MY.a", "TARGET.a", "MY.c", "TARGET.C", "TARGET.d", "nosuch")
_ATOMS = st.sampled_from(
    [*_NAMES, "1", "2.5", "true", "false", "undefined", "error", '"x"', '"X"', "-3", "time()", 'regexp("^x", b, "i")']
)
_OPERATORS = st.sampled_from(["&&", "||", "==", "!=", "<", ">=", "=?=", "=!=", "+", "*", "is", "isnt"])


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, _OPERATORS, inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"ifThenElse({p[0]}, {p[1]}, {p[2]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"(({p[0]}) ? {p[1]} : {p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"(({p[0]}) ?: ({p[1]}))"),
        inner.map(lambda p: f"!({p})"),
        st.tuples(inner, inner).map(lambda p: f"member({p[0]}, {{{p[1]}, a}})"),
        inner.map(lambda p: f"[q = {p}; r = q].r"),
        inner.map(lambda p: f"isUndefined({p})"),
    )


_TEXT = st.recursive(_ATOMS, _wider, max_leaves=8)
_AD = st.fixed_dictionaries({"Requirements": _TEXT}, optional=dict.fromkeys("abcd", _TEXT))


@settings(max_examples=400, deadline=None)
@given(_AD, _AD, st.dictionaries(st.sampled_from(["Noise", "Other", "Zero"]), _ATOMS))
def test_whatever_two_ads_say_the_verdict_is_the_librarys(job: Pairs, slot: Pairs, noise: Pairs) -> None:
    """Attributes that no one reads are added: the memo leaves them out, and may leave out nothing else."""
    assert ours({**job, **noise}, slot) == library(job, slot)
    assert ours(job, {**slot, **noise}) == library(job, slot)
