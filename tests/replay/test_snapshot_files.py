"""A snapshot file gives back what was put in, to the last bit, and whatever else it holds is refused with a place."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import pytest

from fedsched.matchmaker.model import DeletePod, Memory, Policy, PrincipalTerms
from fedsched.replay import Saved, SnapshotError, encode, read, replay, write
from fedsched.replay.deciding import plan_bytes
from fedsched.replay.file import decode
from tests.replay.worlds import story


@pytest.fixture(scope="module")
def saved() -> Saved:
    return story("a-borrower-is-evicted")


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.json.zst"])
def test_a_file_gives_back_the_cycle_and_replays_byte_for_byte(saved: Saved, tmp_path: Path, name: str) -> None:
    write(saved, tmp_path / name)
    back = read(tmp_path / name)
    assert back == saved
    assert plan_bytes(back.recorded.plan) == plan_bytes(saved.recorded.plan)
    assert replay(back.recorded, back.policy).exact
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [name]
    write(back, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == encode(saved)


def test_numbers_that_json_has_no_word_for_come_back(saved: Saved) -> None:
    odd = (math.inf, -math.inf, 0.1 + 0.2, 5.0, -0.0, 5e-324, 1e300, 123456789.123456789)
    terms = tuple(PrincipalTerms(f"{n}", factor=value) for n, value in enumerate(odd))
    policy = Policy(principals=(*terms, PrincipalTerms("nan", ceiling=math.nan)))
    document = encode(msgspec.structs.replace(saved, policy=policy))
    assert json.loads(document)["policy"]["principals"][0]["factor"] == {"$float": "inf"}
    back = decode(document, "x").policy.principals
    assert [repr(one.factor) for one in back[:-1]] == [repr(value) for value in odd]
    assert math.isnan(back[-1].ceiling)


def test_it_is_json_that_any_program_reads_and_its_lines_can_be_compared(saved: Saved) -> None:
    document = encode(saved)
    assert json.loads(document)["recorded"]["plan"]["cycle"] == saved.recorded.plan.cycle
    other = msgspec.structs.replace(
        saved,
        recorded=msgspec.structs.replace(
            saved.recorded, snapshot=msgspec.structs.replace(saved.recorded.snapshot, epoch=7)
        ),
    )
    one, two = document.splitlines(), encode(other).splitlines()
    assert sum(a != b for a, b in zip(one, two, strict=True)) == 1


def broken(saved: Saved, kind: str) -> tuple[bytes, str]:
    """A document with one fault, and what must be said of it."""
    document = encode(saved)
    cut = document[: document.index(b'"user"', 20_000) + 3]
    lines = document.split(b"\n")
    number = next(n for n, line in enumerate(lines) if b'"max_classes"' in line)
    lines[number] = lines[number].replace(b": ", b": oops ")
    faults = {
        "truncated": (cut, rf"x\.json:{len(cut.splitlines())}:\d+: .*truncated"),
        "misspelt": (b"\n".join(lines), rf"x\.json:{number + 1}:\d+: .*invalid character"),
        "wrong type": (
            document.replace(b'"cycle": 31', b'"cycle": "31"').replace(b'"cycle":31', b'"cycle":"31"'),
            r"x\.json: recorded\..*cycle: expected `int`, got `str`",
        ),
        "missing": (b'{"format": 1, "version": "", "recorded": {}}', r"x\.json: .*missing required field"),
        "newer": (document.replace(b'"format": 1', b'"format": 2', 1), r"x\.json: format 2 is newer than 1.*0\.1\.0"),
        "no format": (document.replace(b'"format": 1', b'"format": "1"', 1), r"x\.json: it is no snapshot"),
        "another document": (b'{"kind": "queue", "version": 1}', r"x\.json: it is no snapshot"),
        "a list": (b"[1, 2]", r"x\.json: it is no snapshot"),
        "empty": (b"", r"x\.json:1:1: .*truncated"),
        "binary": (b"\xff\xfe\x00", r"x\.json:1:1: "),
        "deep": (b'{"format":1,"recorded":' + b"[" * 100_000, r"x\.json:"),
    }
    return faults[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("truncated", "misspelt", "wrong type", "missing", "newer", "no format"),
        *("another document", "a list", "empty", "binary", "deep"),
    ],
)
def test_what_is_no_snapshot_is_refused_with_file_place_and_cause(saved: Saved, tmp_path: Path, kind: str) -> None:
    body, said = broken(saved, kind)
    path = tmp_path / "x.json"
    path.write_bytes(body)
    with pytest.raises(SnapshotError, match=said):
        read(path)


@pytest.mark.parametrize("name", ["x.json.gz", "x.json.zst"])
def test_a_torn_archive_is_refused(saved: Saved, tmp_path: Path, name: str) -> None:
    write(saved, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for body in (whole[: len(whole) // 2], b"no archive", whole[:40] + b"\0\0\0\0" + whole[44:]):
        (tmp_path / name).write_bytes(body)
        with pytest.raises(SnapshotError, match=r"x\.json"):
            read(tmp_path / name)


def test_a_plan_that_was_changed_by_hand_is_not_exact_and_the_place_is_named(saved: Saved) -> None:
    plan = saved.recorded.plan
    for other in (
        msgspec.structs.replace(plan, held=plan.held[1:]),
        msgspec.structs.replace(plan, memory=msgspec.structs.replace(plan.memory, serial=99)),
        msgspec.structs.replace(plan, memory=Memory()),
    ):
        made = replay(msgspec.structs.replace(saved.recorded, plan=other), saved.policy)
        assert not made.exact
        assert made.found


def test_a_change_that_was_issued_and_would_not_be_asked_for_now_is_not_exact(saved: Saved) -> None:
    """The plan alone does not tell it: what is done comes from comparing."""
    stray = DeletePod("m1", "1-1", "fs-1-1-abc", "uid-of-nobody")
    made = replay(msgspec.structs.replace(saved.recorded, issued=(*saved.recorded.issued, stray)), saved.policy)
    assert (made.exact, made.unasked, made.found) == (False, (stray,), ())
