"""Which clause is not true, what it wants and what is there (E1), in the order in which the library evaluates."""

from __future__ import annotations

import pytest

from fedsched.matchmaker import classad
from fedsched.matchmaker.classad import Ad, Clause

JOB = Ad([("RequestMemory", "4 * 1024"), ("Sites", '"a,b"'), ("Requirements", "true")])
SLOT = Ad([("Memory", "2048"), ("Arch", '"aarch64"'), ("Site", '"c"'), ("Cpus", "8")])


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("TARGET.Memory >= RequestMemory", ("TARGET.Memory >= RequestMemory", "RequestMemory = 4096", "Memory = 2048")),
        ("TARGET.Memory >= 4096", ("TARGET.Memory >= 4096", "Memory >= 4096", "Memory = 2048")),
        ("4096 <= TARGET.Memory", ("4096 <= TARGET.Memory", "Memory >= 4096", "Memory = 2048")),
        ('TARGET.Arch =?= "X86_64"', ('TARGET.Arch =?= "X86_64"', 'Arch =?= "X86_64"', "Arch = aarch64")),
        ('TARGET.Arch != "AARCH64"', ('TARGET.Arch != "AARCH64"', 'Arch != "AARCH64"', "Arch = aarch64")),
        ("TARGET.Site is undefined", ("TARGET.Site is undefined", "Site is undefined", "Site = c")),
        (
            'member(TARGET.Site, {"a", "b"})',
            ('member(TARGET.Site, { "a", "b" })', 'member(Site, { "a", "b" })', "Site = c"),
        ),
        (
            "stringListMember(TARGET.Site, Sites)",
            ("stringListMember(TARGET.Site, Sites)", "Sites = a,b", "Site = c"),
        ),
        ("!TARGET.HasSIF", ("!TARGET.HasSIF", "!HasSIF", "HasSIF = undefined")),
        ("TARGET.HasSIF", ("TARGET.HasSIF", "HasSIF = true", "HasSIF = undefined")),
        ("true && ((TARGET.Cpus > 4 && (TARGET.HasSIF)))", ("TARGET.HasSIF", "HasSIF = true", "HasSIF = undefined")),
        (
            'TARGET.Cpus > 16 || TARGET.Arch == "X86_64"',
            (
                'TARGET.Cpus > 16 || TARGET.Arch == "X86_64"',
                'Cpus > 16 || Arch == "X86_64"',
                "Cpus = 8, Arch = aarch64",
            ),
        ),
    ],
)
def test_a_clause_says_what_it_wants_and_what_is_there(text: str, clause: tuple[str, str, str]) -> None:
    assert classad.first_false_clause(text, JOB, SLOT) == clause


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        # the arm that counts, and all in it that is not true
        ("ifThenElse(TARGET.Cpus > 4, TARGET.Memory > 4000 && TARGET.HasSIF, false)", ["Memory > 4000", "HasSIF"]),
        ("ifThenElse(TARGET.Cpus > 16, true, TARGET.Memory > 4000)", ["Memory > 4000"]),
        ("TARGET.Cpus > 4 ? TARGET.Memory > 4000 : TARGET.HasSIF", ["Memory > 4000"]),
        ("TARGET.Cpus > 16 ? true : TARGET.Cpus > 4 ? (TARGET.HasSIF) : true", ["HasSIF"]),
        ("TARGET.Cpus > 4 ? TARGET.Cpus > 16 ? true : TARGET.HasSIF : true", ["HasSIF"]),
        # a condition that is neither true nor false is the blocker itself
        ("ifThenElse(TARGET.HasSIF, true, true)", ["HasSIF"]),
        ("TARGET.Arch > 5 ? true : true", ["Arch > 5"]),
        # order, and every conjunct
        ("TARGET.HasSIF && TARGET.Memory > 4000 && TARGET.Cpus > 4", ["HasSIF", "Memory > 4000"]),
        ("TARGET.Memory > 4000 && TARGET.HasSIF && TARGET.Cpus > 16", ["Memory > 4000", "HasSIF", "Cpus > 16"]),
        ("TARGET.Cpus > 4 && TARGET.Memory > 1000", []),
        # what is no question of one arm stays whole
        ("(TARGET.HasSIF ?: false) && TARGET.Cpus > 16", ["HasSIF ?: false", "Cpus > 16"]),
        ("!ifThenElse(TARGET.Cpus > 4, true, false)", ["!ifThenElse(Cpus > 4, true, false)"]),
    ],
)
def test_clauses_come_in_the_order_of_evaluation_through_the_arm_that_counts(text: str, clauses: list[str]) -> None:
    found = [clause.text.replace("TARGET.", "") for clause in classad.false_clauses(text, JOB, SLOT)]
    assert found == clauses
    first = classad.first_false_clause(text, JOB, SLOT)
    assert (first.text.replace("TARGET.", "") if first else None) == (clauses[0] if clauses else None)


def test_a_very_long_clause_is_shown_short_and_costs_little() -> None:
    text = " || ".join(f'TARGET.Machine == "n{n}"' for n in range(600))
    clause = classad.first_false_clause(text, JOB, SLOT)
    assert clause is not None
    assert len("".join(clause)) < 500
    many = " || ".join(f"TARGET.A{n}" for n in range(300))
    shown = classad.first_false_clause(many, JOB, SLOT)
    assert isinstance(shown, Clause)
    assert shown.has.count("=") == 8
