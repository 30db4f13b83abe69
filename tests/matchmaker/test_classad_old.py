"""Old ClassAd syntax means here what it means to the library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker import classad
from fedsched.matchmaker.classad import Ad, Refused
from fedsched.matchmaker.classad.old import from_old, old_ad

# The library itself, as the judge: htcondor2 first.
import htcondor2  # isort: skip  # noqa: F401
import classad2  # isort: skip

JOB = r"""
# a job as condor_q -long prints it
Owner = "alice"
Iwd = "C:\home\alice"
Args = "say \"hi\" to \\server"
Ends = "C:\"
RequestMemory = ifThenElse(MemoryUsage =!= undefined,MemoryUsage,2048)
Requirements = (TARGET.Arch == "X86_64") && regexp("^n[0-9]+\.site$",TARGET.Machine) && (TARGET.Memory >= RequestMemory)

owner = "bob"
"""


def test_an_ad_of_the_old_syntax_means_what_the_library_reads() -> None:
    theirs = classad2.parseOne(JOB, classad2.ParserType.Old)
    mine = Ad(old_ad(JOB))
    for name in ("Owner", "Iwd", "Args", "Ends", "RequestMemory"):
        assert classad.evaluate(classad.parse(mine.text(name) or ""), mine) == theirs.eval(name), name
    slot = {"Arch": '"X86_64"', "Machine": '"n12.site"', "Memory": "4096", "Requirements": 'TARGET.Owner == "bob"'}
    other = classad2.ClassAd({name: classad2.ExprTree(text) for name, text in slot.items()})
    assert classad.matches(mine, Ad(slot.items()), 0)
    assert theirs.symmetricMatch(other)
    assert not classad.matches(mine, Ad(dict(slot, Machine='"n12xsite"').items()), 0)


_PIECES = st.sampled_from(["a", "b", "\\", " ", '\\"', "n", "1"])


@given(st.lists(_PIECES, max_size=12).map("".join), st.sampled_from(["", " ", " && true", ' == "x"', ' == "\\"']))
def test_every_string_of_the_old_syntax_is_the_librarys(body: str, rest: str) -> None:
    line = f'A = "{body}"{rest}'
    try:
        theirs = classad2.parseOne(line + "\n", classad2.ParserType.Old)
        expected = str(theirs.lookup("A"))
    except (classad2.ClassAdException, KeyError, AttributeError):
        return
    try:
        ((_, text),) = old_ad(line)
        mine = str(classad.parse(text).tree)
    except Refused:
        return  # the library stops at the end of the first expression and forgets the rest of the line
    assert mine == expected


def test_a_new_expression_without_backslashes_stays_as_it_is() -> None:
    text = '(TARGET.Arch == "X86_64") && stringListMember(TARGET.Site, "a,b") // why'
    assert from_old(text) == text


@pytest.mark.parametrize(
    ("ad", "why"),
    [
        ("Requirements", "Name = expression"),
        ("A == 1", "Name = expression"),
        ("A = 1\n" * 2 + "\n".join(f"B{n} = 1" for n in range(5_001)), "attributes"),
        ("A = " + "x" * 70_000, "64 KiB"),
        ("#" * (4 << 20) + "\n", "4 MiB"),
    ],
)
def test_what_is_no_ad_or_too_much_is_refused(ad: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        old_ad(ad)
