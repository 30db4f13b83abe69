"""The gate to the ClassAd language (MA4): what it refuses, and that what it lets through means what HTCondor means."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker import classad
from fedsched.matchmaker.classad import Ad, Refused
from fedsched.matchmaker.classad.gate import ALLOWED

# The library itself, as the judge: htcondor2 first.
import htcondor2  # isort: skip  # noqa: F401
import classad2  # isort: skip

REAL = (
    '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && (TARGET.Disk >= RequestDisk) && '
    "(TARGET.Memory >= RequestMemory) && (countMatches(MY.RequireGPUs,TARGET.AvailableGPUs) >= RequestGPUs) && "
    '(versionGE(split(TARGET.CondorVersion)[1],"25.12.0") || (TARGET.HasFileTransfer))'
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 65_537, "64 KiB"),
        ("1" + " + 1" * 2_001, "terms"),
        ("!" * 2_001 + "true", "terms"),
        ("(" * 101 + "1" + ")" * 101, "deeper"),
        ("{" * 101 + "1" + "}" * 101, "deeper"),
        ("random() < 0.5", "random"),
        ('userHome("root") == "/root"', "userhome"),
        ('eval("1+1")', "eval"),
        ("absTime()", "abstime"),
        ("formatTime()", "formattime"),
        ('replaceAll("a", "aaaaaaaa", x)', "replaceall"),
        ("'time'() > 5", "quotes"),
        ("time(1)", "argument"),
        ("evalInEachContext(countMatches(a, b), c)", "inside another"),
        ("countMatches(x, {countMatches(x, y)})", "inside another"),
        ("true; Evil = 1", "outside a record"),
        ("true ] ; [ Evil = 1", "brackets"),
        ("Evil = 1", "outside a record"),
        ("(true", "not closed"),
        ("(true]", "do not match"),
        ('"open', "open string"),
        ("a # b", "unexpected"),
        ("tr\0ue", "zero byte"),
        ("size(MY) > 5", "an ad as a value"),
        ("(MY).Secret", "an ad as a value"),
        ('TARGET["Memory"] > 5', "an ad as a value"),
        ("x == 'é'", "ASCII"),
        ("(((" * 4000, "too many terms"),
        ("unresolved(x)", "unresolved"),
        ("", "empty"),
        ("/* nothing */ // at all", "empty"),
    ],
)
def test_what_could_harm_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        classad.check(text)
    assert len(str(refused.value)) < 200


def test_no_refusal_repeats_the_expression() -> None:
    with pytest.raises(Refused) as refused:
        classad.check('secretword & "open')
    assert "secretword" not in str(refused.value)


def test_limits_stand_before_the_parser_and_cost_linear_time() -> None:
    began = time.process_time()
    for text in (
        "(" * 10_000_000,
        "a&&" * 10_000_000,
        '"' + "\\" * 10_000_000,
        "/*" + "*" * 10_000_000,
        "'" * 9_999_999,
    ):
        with pytest.raises(Refused):
            classad.check(text)
    for text in ("/*" + "*" * 60_000, "/" * 60_000, '"' + "\\" * 60_001, "'\\" * 30_000, "a." * 30_000):
        with pytest.raises(Refused):
            classad.check(text)
    assert time.process_time() - began < 2.0


def test_brackets_and_words_inside_strings_and_comments_do_not_count() -> None:
    classad.check('x == "((((((random();" && /* random() [[[ */ true // ]')
    assert classad.references('x == "y z" // w') == {"x"}


def test_real_requirements_pass_and_what_they_read_is_told() -> None:
    assert classad.references(REAL) == {
        *("TARGET.Arch", "TARGET.OpSys", "TARGET.Disk", "RequestDisk", "TARGET.Memory", "RequestMemory"),
        *("MY.RequireGPUs", "TARGET.AvailableGPUs", "RequestGPUs", "TARGET.CondorVersion", "TARGET.HasFileTransfer"),
    }


@pytest.mark.parametrize("hidden", ["'MY'.Secret", "MY . Secret", "my.Secret", "parent.Secret", ".Secret"])
def test_an_attribute_is_seen_as_read_however_it_is_spelt(hidden: str) -> None:
    names = {name.rpartition(".")[2] for name in classad.references(f"{hidden} == 1")}
    assert "Secret" in names


def test_time_is_the_snapshots() -> None:
    job = Ad([("Requirements", "time() == 1000 && CurrentTime == 1000 && TARGET.Until > time()")])
    slot = Ad([("Requirements", "true"), ("Until", "time() + 1")])
    assert classad.symmetric(job, slot, 1000.9)
    assert not classad.symmetric(job, slot, 1001.0)


def test_asking_for_the_time_is_seen_as_reading_it() -> None:
    assert "currenttime" in classad.attributes_read(Ad([("Requirements", "TARGET.Until > time()")]), Ad([]))
    early, late = (
        classad.matches(Ad([("Requirements", "time() > 5")]), Ad([("Requirements", "true")]), t) for t in (5, 6)
    )
    assert (early, late) == (False, True)


@pytest.mark.parametrize("unknown", ["undefined", "error", '"true"', "{true}", "TARGET.NoSuch", "1/0", "0"])
def test_undefined_and_error_are_not_a_match_on_either_side(unknown: str) -> None:
    good, odd = Ad([("Requirements", "true")]), Ad([("Requirements", unknown)])
    assert classad.symmetric(good, Ad([("Requirements", "true")]), 0)
    assert not classad.symmetric(good, odd, 0)
    assert not classad.symmetric(odd, good, 0)
    assert not classad.symmetric(good, Ad([]), 0)


def test_attributes_that_double_each_other_are_refused() -> None:
    pairs = [("a0", '"' + "x" * 100 + '"'), *((f"a{i}", f"strcat(a{i - 1}, a{i - 1})") for i in range(1, 40))]
    with pytest.raises(Refused, match="stands for more"):
        Ad(pairs)
    Ad(pairs[:8])


def test_a_cycle_of_attributes_ends() -> None:
    job = Ad([("a", "b + 1"), ("b", "a + 1"), ("Requirements", "a > 1")])
    assert classad.evaluate(classad.parse("a"), job) is None
    assert not classad.symmetric(job, Ad([("Requirements", "true")]), 0)


def test_contexts_may_not_hide_in_another_attribute() -> None:
    with pytest.raises(Refused, match="context"):
        Ad([("Requirements", "countMatches(Inner, TARGET.L) > 0"), ("Inner", "evalInEachContext(x, TARGET.L)")])


def test_an_expression_as_large_as_the_gate_allows_is_answered() -> None:
    job = Ad([("Requirements", " && ".join(["true"] * 1_000))])
    assert classad.symmetric(job, Ad([("Requirements", "true")]), 0) in {True, False}
    with pytest.raises(Refused, match="not a ClassAd"):
        classad.parse("!" * 2_000 + "true")  # the library's own limit
    assert classad.evaluate(classad.parse("(" * 99 + "1" + ")" * 99), job) == 1


def test_bytes_that_are_no_text_are_no_crash() -> None:
    odd = Ad([("Foo", '"caf\\351"'), ("Requirements", 'TARGET.X == "\\377"')])
    assert classad.evaluate(classad.parse("Foo"), odd) in {None, "caf\udce9"}
    assert classad.unquote('"caf\\351"') in {"", "caf\udce9"}
    assert classad.first_false_clause('TARGET.X == "\\377"', odd, Ad([("X", '"\\376"')])) is not None


def test_the_first_clause_that_is_not_true_is_named_with_both_sides() -> None:
    job = Ad([("RequestMemory", "4 * 1024"), ("Requirements", "true")])
    slot = Ad([("Memory", "2048"), ("Arch", '"X86_64"')])
    text = '((TARGET.Arch == "X86_64") && (TARGET.Memory >= RequestMemory)) && TARGET.HasSIF'
    clause = classad.first_false_clause(text, job, slot)
    assert clause == ("TARGET.Memory >= RequestMemory", "RequestMemory = 4096", "Memory = 2048")
    missing = classad.first_false_clause("TARGET.HasSIF", job, slot)
    assert missing == ("TARGET.HasSIF", "HasSIF = true", "HasSIF = undefined")
    assert classad.first_false_clause('TARGET.Arch == "X86_64"', job, slot) is None


def test_what_binds_less_than_and_stays_one_clause() -> None:
    assert classad.conjuncts("a && b || c") == ("a && b || c",)
    assert classad.conjuncts("a && (b || c) && (d && (e))") == ("a", "b || c", "d", "e")
    assert classad.conjuncts("a ? b && c : d") == ("a ? b && c : d",)


def test_numbers_are_finite_or_nothing() -> None:
    job = Ad([("MemoryUsage", "undefined"), ("ImageSize", "2048")])
    text = "ifThenElse(MemoryUsage isnt undefined, MemoryUsage, (ImageSize + 1023) / 1024)"
    assert classad.evaluate_number(classad.parse(text), job) == 2
    assert classad.evaluate_number(classad.parse('real("NaN")'), job) is None
    assert classad.evaluate_number(classad.parse('real("INF")'), job) is None
    assert classad.evaluate_number(classad.parse('"5"'), job) is None
    assert classad.evaluate_number(classad.parse("true"), job) == 1


def test_the_documented_functions_are_those_that_are_let_through() -> None:
    page = (Path(__file__).parents[2] / "docs" / "matching.md").read_text()
    listed = page.split("<!-- functions -->")[1].split("<!-- end -->")[0]
    assert set(re.findall("`([a-z_]+)`", listed)) == ALLOWED


_ATOMS = st.sampled_from(
    [
        "1",
        "2.5",
        "true",
        "false",
        "undefined",
        "error",
        '"x"',
        '"X"',
        "a",
        "MY.b",
        "TARGET.c",
        "TARGET.d",
        "nosuch",
        "-3",
    ]
)
_LOGIC = ("&&", "||", "==", "!=", "<", ">=", "=?=", "=!=", "is", "isnt")
_OPERATORS = st.sampled_from([*_LOGIC, "+", "-", "*", "/", "%", "<<", "&", "|", "^", ">>>"])


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, _OPERATORS, inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, _OPERATORS, inner).map(" ".join),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]}) ? {p[1]} : ({p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}) ?: ({p[1]})"),
        inner.map(lambda p: f"!({p})"),
        inner.map(lambda p: f"isUndefined({p}) /* why; */"),
        st.tuples(inner, inner).map(lambda p: f"ifThenElse({p[0]}, {p[1]}, [x = {p[1]}; y = x].y)"),
        st.tuples(inner, inner).map(lambda p: f"member({p[0]}, {{{p[0]}, {p[1]}}})"),
    )


@given(st.recursive(_ATOMS, _wider, max_leaves=12))
def test_what_passes_means_what_the_library_means(text: str) -> None:
    mine, theirs = {"a": "2", "b": '"x"', "Requirements": text}, {"c": "1.5", "d": "false", "Requirements": "a =!= 7"}
    job, slot = classad2.ClassAd(), classad2.ClassAd()
    for ad, pairs in ((job, mine), (slot, theirs)):
        for name, value in pairs.items():
            ad[name] = classad2.ExprTree(value)
    assert classad.symmetric(Ad(mine.items()), Ad(theirs.items()), 0) == job.symmetricMatch(slot)
    clause = classad.first_false_clause(text, Ad(mine.items()), Ad(theirs.items()))
    value = classad2.ExprTree(text).eval(job, slot)
    true = isinstance(value, bool | int | float) and not isinstance(value, classad2.Value) and bool(value)
    assert (clause is None) == true


@given(st.text(max_size=400))
def test_any_text_is_answered_or_refused(text: str) -> None:
    try:
        expression = classad.parse(text)
    except Refused:
        return
    classad.evaluate(expression, Ad([]))
    classad.conjuncts(text)
