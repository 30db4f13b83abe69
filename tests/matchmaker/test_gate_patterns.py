"""Patterns of regular expressions at the gate (MA4): what could hold the matcher for ever never reaches it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker import classad
from fedsched.matchmaker.classad import Ad, Refused
from fedsched.matchmaker.classad.patterns import LONGEST_SUBJECT, MAX_SUBJECT, cost

# The library itself, as the judge: htcondor2 first.
import htcondor2  # isort: skip  # noqa: F401
import classad2  # isort: skip

USUAL = [
    *("^T2_", ".*foo.*", "foo", r"^node[0-9]+\.site\.org$", "(foo|bar)", "^(host1|host2|node)$", "(T2_US_.*|T1_.*)"),
    *(r"^(?!bad).*$", "|".join(f"host{n:03d}" for n in range(60)), r"[^.]+\.cern\.ch$", "(?i)^gpu", "A100|H100|V100"),
    *(r".*\.(edu|org|com)$", "^slot[0-9]+@.*", "^x86_64(_v[234])?$", "el[789]", r"[0-9]+\.[0-9]+\.[0-9]+", ""),
]


@pytest.mark.parametrize("pattern", USUAL)
def test_patterns_that_job_ads_use_pass(pattern: str) -> None:
    cost(pattern)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+$", "repeats a repetition"),
        ("(a|aa)+$", "repeats a repetition or alternatives"),
        ("((a{1,9}){1,9}){1,9}$", "repeats a repetition"),
        ("(?:(?:x?)y)*z", "repeats a repetition"),
        ("a.*a.*b", "several repetitions"),
        (".*a.*a.*b", "several repetitions"),
        ("[a-z]+x[a-z]+y", "several repetitions"),
        ("(x|a.*a.*b)", "several repetitions"),
        ("a?" * 20 + "a" * 20, "ways"),
        ("(a|ab|b)" * 12 + "x", "ways"),
        ("x{1,60000}", "count"),
        ("(?R)?a", "repeats nothing"),
        (r"(a)\1", "not let through"),
        (r"(?P<n>a)\g{n}", "not let through"),
        ("(*LIMIT_MATCH=4000000000)a", "not let through"),
        ("(?{die})", "repeats nothing"),
        (r"\Qa+\E", "not let through"),
        ("a**", "repeats nothing"),
        ("(a", "brackets"),
        ("a)", "brackets"),
        ("x" * 513, "512 characters"),
    ],
)
def test_patterns_that_can_take_very_long_are_refused(pattern: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        cost(pattern)
    quoted = classad.quote(pattern)
    for call in (f"regexp({quoted}, x)", f'stringListRegexpMember({quoted}, "a,b")', f"regexpMember({quoted}, {{x}})"):
        with pytest.raises(Refused):
            classad.check(f"TARGET.Y && {call}")


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("regexp(MY.Pattern, x)", "not a literal"),
        ('regexp(strcat("a", "+"), x)', "not a literal"),
        ('regexp("a" "+", x)', "not a literal"),
        ('regexp("a", x, "x")', "options"),
        ('regexp("a", x, MY.Options)', "options"),
        ('regexp("a")', "needs"),
        ('regexp("a", string(regexp("b", x)))', "inside another"),
        ('regexpMember("a.*b", {x})', "more than one pass"),
        ('RegExp("(a+)+", x)', "repeats"),
        ('stringList_regexpMember("(a+)+", x)', "repeats"),
    ],
)
def test_a_pattern_is_a_literal_that_can_be_judged(call: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        classad.check(call)


def test_a_text_too_long_for_its_pattern_is_an_error_whichever_ad_it_is_in() -> None:
    job = Ad([("Requirements", 'regexp("a.*b", TARGET.Text)'), ("Text", f'"{"a" * 4096}"')])
    short, long = (Ad([("Requirements", "true"), ("Text", f'"{"a" * n}b"')]) for n in (MAX_SUBJECT - 1, MAX_SUBJECT))
    assert classad.matches(job, short, 0)
    assert not classad.matches(job, long, 0)
    assert classad.evaluate(classad.parse('regexp("^a", Text)'), job) is True
    huge = Ad([("Text", f'"{"a" * (LONGEST_SUBJECT + 1)}"')])
    assert classad.evaluate(classad.parse('iserror(regexp("^a", Text))'), huge) is True


@pytest.mark.parametrize(
    "text", ['"node12.site"', '"x"', "undefined", "error", "5", "true", '{"node1"}', "[a = 1]", '"a,node7"']
)
@pytest.mark.parametrize("call", ["regexp", "regexpMember", "stringListRegexpMember", "stringList_regexpMember"])
def test_the_guard_changes_no_answer(call: str, text: str) -> None:
    for pattern in ("^node[0-9]+", "NODE", "x"):
        for more in ("", ', "i"') if "ist" not in call else ("", ', ","', ', ",", "i"'):
            plain = f'{call}("{pattern}", {text}{more})'
            ours = classad.parse(plain).tree.eval(classad2.ClassAd())
            assert str(ours) == str(classad2.ExprTree(plain).eval(classad2.ClassAd())), plain


_ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\.", "ab", "^", "$", "|", "(", ")", "(?:", r"\b"])
_REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,20}", "{3,}", "*?", "++"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_ATOMS, _REPEATS), min_size=1, max_size=9))
def test_whatever_passes_is_answered_within_its_bound(parts: list[tuple[str, str]]) -> None:
    """The texts are those that make backtracking worst: all alike, with and without what the pattern ends with."""
    pattern = "".join(atom + repeat for atom, repeat in parts)
    try:
        bound = cost(pattern)
    except Refused:
        return
    tree = classad2.ExprTree(f"regexp({classad.quote(pattern)}, Text)")
    for unit in ("a", "ab", "b", ".", "a."):
        ad = classad2.ClassAd()
        ad["Text"] = (unit * bound.subject)[: bound.subject - 1] + "c"
        began = time.process_time()
        tree.eval(ad)
        assert time.process_time() - began < 0.5, pattern
