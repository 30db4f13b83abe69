"""Recorded cycles are differences to the one before: small, bounded, and whatever is kept can be read."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fedsched.journal import Commit, Holder, JournalError, Limits, Recorded, SqliteJournal, digest
from fedsched.journal.archive import GROUP
from fedsched.journal.deltas import DeltaError, pack, unpack
from fedsched.matchmaker.model import ClassReport, Memory, Observation, Plan, Policy, Snapshot
from fedsched.matchmaker.reasons import Cause, Reason, Verdict

ROOT = Path(__file__).parents[2]
AT = 1_700_000_000.0


def recorded(number: int, at: float | None = None, policy: str = "p", classes: int = 60) -> Recorded:
    """A cycle like its neighbours but for its numbers; what it says is as hard to compress as digests are."""
    chance = random.Random(5)  # noqa: S311 - the same each time, no secret
    reasons = [Reason(Cause.NO_ROOM, chance.randbytes(20).hex(), str(number), at=AT + number) for _ in range(classes)]
    reports = tuple(ClassReport(f"k{n}", 3, 0, 1, 2, Verdict.NOT_NOW, why) for n, why in enumerate(reasons))
    at = AT + number if at is None else at
    plan = Plan(number, at, (), reports, Memory(cycle=number, at=at))
    return Recorded(Snapshot(Observation(at), Memory(), ()), plan, policy=policy)


def write(journal: SqliteJournal, *cycles: Recorded) -> None:
    for cycle in cycles:
        journal.commit_cycle(Commit(cycle, Policy(name=cycle.policy)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fedsched.db"


def opened(path: Path, limits: Limits | None = None) -> SqliteJournal:
    journal = SqliteJournal(path, limits)
    journal.acquire_lease(Holder.mine(), 3600, AT)
    return journal


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with closing(opened(path)) as made:
        yield made


def all_readable(journal: SqliteJournal) -> list[int]:
    """The numbers of all cycles that are kept, each read by itself and in one pass."""
    numbers = [number for number, _ in journal.cycles()]
    single = [journal.cycle(number) for number in numbers]
    assert [one.plan.cycle for one in single if one] == numbers
    assert list(journal.history(0, 2**40)) == single
    return numbers


def test_a_difference_gives_back_what_was_packed_and_nothing_else_before_it_does() -> None:
    before, body = os.urandom(50_000), os.urandom(100)
    body += before[:40_000] + body + before[40_000:]
    packed = pack(body, before)
    assert len(packed) < 400
    assert packed == pack(body, before)
    assert unpack(packed, before) == body
    for wrong in (b"", before[1:], bytes(50_000)):
        with pytest.raises(DeltaError):
            unpack(packed, wrong)
    for broken in (b"", packed[:-1], packed[:50] + b"\0" + packed[51:], b"no frame at all"):
        with pytest.raises(DeltaError):
            unpack(broken, before)


def test_a_late_part_of_a_large_cycle_finds_its_like_too() -> None:
    before = os.urandom(6_000_000)
    assert len(pack(before[:3_000_000] + b"new" + before[3_000_000:], before)) < 20_000


def test_a_frame_that_claims_gigabytes_is_not_unpacked() -> None:
    frame = b"\x28\xb5\x2f\xfd\xe0" + (2**33).to_bytes(8, "little") + b"\x01\x00\x00"
    with pytest.raises(DeltaError, match="claims"):
        unpack(frame)


def test_a_cycle_like_the_one_before_takes_a_fraction_and_comes_back_whole(journal: SqliteJournal, path: Path) -> None:
    cycles = [recorded(number) for number in range(1, 3 * GROUP)]
    write(journal, *cycles)
    sizes = [row[0] for row in journal._all("SELECT size FROM cycles ORDER BY number")]
    assert max(sizes[1:GROUP]) < sizes[0] / 4
    assert [number for number, size in enumerate(sizes) if size > sizes[0] / 2] == [0, GROUP, 2 * GROUP]
    with closing(SqliteJournal(path)) as other:
        assert list(other.history(1, 999)) == cycles
        assert [other.cycle(number) for number in (57, 1, GROUP + 1)] == [cycles[56], cycles[0], cycles[GROUP]]
        assert list(other.history(18, 23)) == cycles[17:23]
        assert other.last_cycle() == cycles[-1]
        assert list(other.history(900, 999)) == []


def test_what_is_kept_is_within_bytes_and_can_be_read_whatever_was_dropped(path: Path) -> None:
    limit = 15_000
    with closing(opened(path, Limits(size=limit))) as journal:
        seen = set()
        for number in range(1, 150):
            write(journal, recorded(number))
            size = journal._all("SELECT sum(length(body)) FROM bodies")[0][0]
            assert size <= limit
            if number % 7 == 0:
                kept = all_readable(journal)
                assert kept == list(range(kept[0], number + 1))
                seen.add(len(kept))
        assert kept[0] > 20, "whole groups were dropped"
        assert max(seen) > 30, "differences are what lets so many be kept"


def test_cycles_that_are_too_old_go_group_by_group_and_the_newest_group_stays(path: Path) -> None:
    with closing(opened(path, Limits(age_s=400))) as journal:
        write(journal, *(recorded(number, AT + 10 * number) for number in range(1, 101)))
        journal.sweep(AT + 1000)
        kept = journal.cycles()
        assert kept[-1][0] == 100
        assert AT + 1000 - 400 * 9 / 8 <= kept[0][1] <= AT + 1000 - 400
        all_readable(journal)
        journal.sweep(AT + 9000)
        assert journal.cycles()[-1][0] == 100
        write(journal, recorded(101, AT + 9000))
        all_readable(journal)


def test_policies_are_kept_as_long_as_a_cycle_names_them(path: Path) -> None:
    with closing(opened(path, Limits(size=25_000))) as journal:
        write(journal, *(recorded(number, policy="old") for number in range(1, 4)))
        write(journal, *(recorded(number, policy="new") for number in range(4, 8)))
        assert (journal.policy("old"), journal.policy("new")) == (Policy(name="old"), Policy(name="new"))
        for number in range(8, 200):
            write(journal, recorded(number, policy="new"))
            named = {cycle.policy for cycle in journal.history(0, number)} if number % 20 == 0 else {"new"}
            assert (journal.policy("old") is not None) >= ("old" in named)
        assert journal.policy("old") is None
        assert journal.policy("new") == Policy(name="new")


def test_another_writer_in_between_begins_a_group_of_its_own(path: Path) -> None:
    first, second = opened(path), SqliteJournal(path)
    write(first, recorded(1), recorded(2))
    first.release_lease()
    second.acquire_lease(Holder.mine(), 3600, AT)
    write(second, recorded(3), recorded(4))
    second.release_lease()
    first.acquire_lease(Holder.mine(), 3600, AT)
    write(first, recorded(5), recorded(6))
    assert all_readable(first) == [1, 2, 3, 4, 5, 6]
    first.close()
    second.close()


def test_a_number_that_comes_again_replaces_what_followed_it(journal: SqliteJournal) -> None:
    write(journal, *(recorded(number) for number in range(1, 6)), recorded(3, policy="other"), recorded(4))
    assert all_readable(journal) == [1, 2, 3, 4]
    again = journal.cycle(3)
    assert again is not None
    assert again.policy == "other"


def test_a_broken_record_is_an_error_that_says_so_and_others_can_be_read(journal: SqliteJournal, path: Path) -> None:
    write(journal, *(recorded(number) for number in range(1, GROUP + 3)))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE bodies SET body = substr(body, 1, length(body) - 9) WHERE number = 5")
    for broken in (5, 6):
        with pytest.raises(JournalError, match=r"fedsched\.db: a record is not readable .* move the file away"):
            journal.cycle(broken)
    for sound in (4, GROUP + 1):
        found = journal.cycle(sound)
        assert found is not None
        assert found.plan.cycle == sound


WRITING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from fedsched.journal import Limits, crashpoints
from tests.journal.test_archive import opened, recorded, write
journal = opened(Path(sys.argv[1]), Limits(size=15_000))
begin = (journal.cycles() or ((0, 0),))[-1][0]
crashpoints.arm(sys.argv[3] or None)
for number in range(begin + 1, begin + 10_000):
    write(journal, recorded(number))
"""


@pytest.mark.parametrize("passes", [1, 2, GROUP, GROUP + 1, 47])
def test_a_process_that_dies_before_any_commit_leaves_a_chain_that_can_be_read_and_goes_on(
    path: Path, passes: int
) -> None:
    for _ in range(2):
        arguments = [sys.executable, "-c", WRITING, str(path), str(ROOT), f"journal-commit:{passes}"]
        died = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert died.returncode == -9, died.stderr
        with closing(SqliteJournal(path)) as journal:
            kept = all_readable(journal)
            assert journal.memory().cycle == (kept[-1] if kept else 0)


def test_a_reader_beside_a_writer_that_drops_is_never_in_its_way(path: Path) -> None:
    SqliteJournal(path).close()
    arguments = [sys.executable, "-c", WRITING, str(path), str(ROOT), ""]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        try:
            with closing(SqliteJournal(path)) as reader:
                seen: set[int] = set()
                while len(seen) < 120 and child.poll() is None:
                    numbers = [number for number, _ in reader.cycles()]
                    found = [reader.cycle(number) for number in numbers[:3]]
                    last = reader.last_cycle()
                    passed = [one.plan.cycle for one in reader.history(0, 2**40)]
                    assert passed == sorted(passed)
                    seen |= {*passed, *(one.plan.cycle for one in (*found, last) if one)}
                assert child.poll() is None, child.stderr and child.stderr.read()
        finally:
            child.kill()
    assert len(seen) >= 120


def test_equal_policies_are_named_alike() -> None:
    assert digest(Policy(name="a")) == digest(Policy(name="a")) != digest(Policy(name="b"))
