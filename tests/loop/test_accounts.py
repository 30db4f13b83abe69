"""The site's invoice: claimed seconds per principal, pods with node and times, one line per placement that is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.journal import Account, PlacementFiles, SqliteJournal
from fedsched.loop import Loop
from fedsched.loop.accounts import Accounts
from fedsched.loop.stays import MOST_STAYS
from fedsched.matchmaker.model import (
    Claim,
    Held,
    Memory,
    ObjectView,
    Observation,
    Plan,
    PodView,
    PoolView,
    Principal,
    SlotView,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from tests.loop.shelf import START, Shelf, Wishes, placement

ADA = Principal("physics", "ada@example")
BOB = Principal("", "bob@example")


def claim(who: Principal, since: float, cores: int = 1, job: str = "1.0") -> Claim:
    return Claim(who, cores * 1000, START + since, job, "s")


def seen(at: float, *claims: Claim, ended: float | None = None, gone: bool = False) -> Observation:
    """One startd "a" of m1 on node n7 with these claims, `at` seconds after the start."""
    pod = PodView("pod", "u", "1", "running", "n7", started_at=START, ended_at=ended)
    thing = ObjectView("fs-a", "Job", "u", "1", "m1", "a", 1, "d", START, pods=(pod,))
    size = Resources(cpu_milli=8000)
    slot = SlotView("slot1", "a", "a", "m1", "all", "pod", size, size, START + at, claims)
    pool = PoolView("a", seen_at=START + at, slots=() if gone else (slot,))
    return Observation(START + at, pools=(pool,), objects=() if gone else (thing,))


def planned(at: float, *, gone: bool = False) -> Plan:
    held = () if gone else (Held(placement("a"), "claimed", START, written_at=START),)
    return Plan(1, START + at, held, (), Memory(held=held))


def run(*steps: tuple[float, tuple[Claim, ...]]) -> Account:
    """The account after these cycles and the placement's end."""
    accounts = Accounts()
    for at, claims in steps:
        accounts.update(seen(at, *claims), planned(at))
    ended = accounts.update(seen(steps[-1][0] + 10, gone=True), planned(steps[-1][0] + 10, gone=True)).ended
    assert len(accounts) == 0
    return ended[0]


def test_seconds_and_core_seconds_are_counted_per_principal() -> None:
    both = (claim(ADA, 0, cores=4), claim(BOB, 50, job="2.0"))
    account = run((10, both[:1]), (60, both), (100, both))
    assert account.claimed["physics.ada@example"].seconds == 100
    assert account.claimed["physics.ada@example"].core_seconds == 400
    assert account.claimed["bob@example"].core_seconds == 50


def test_it_says_who_ran_on_which_node_when() -> None:
    account = run((10, (claim(ADA, 3),)), (20, (claim(ADA, 3),)), (30, ()))
    (stay,) = account.stays
    assert (stay.node, stay.job, stay.since, stay.until) == ("n7", "1.0", START + 3, START + 20)
    assert account.pods["pod"].node == "n7"
    assert account.pods["pod"].ended_at == account.ended_at == START + 40


def test_a_victim_s_line_says_who_took_its_room_although_the_plan_forgets_it_with_the_object() -> None:
    why = Reason(Cause.PREEMPTED, "owner.bob@c 1a2b", "PR7", "12 core-seconds")
    accounts = Accounts()
    accounts.update(seen(10, claim(ADA, 0)), planned(10))
    told = planned(20).held[0]
    told = msgspec.structs.replace(told, wanted="vacate", why=why)
    accounts.update(seen(20, claim(ADA, 0)), msgspec.structs.replace(planned(20), held=(told,)))
    (account,) = accounts.update(seen(30, gone=True), planned(30, gone=True)).ended
    assert (account.why, account.reason) == ("preempted", why)
    again = msgspec.json.decode(msgspec.json.encode(account), type=Account)
    assert again.reason == why


def test_a_claim_whose_slot_tells_its_job_later_is_counted_once() -> None:
    account = run((5, (claim(ADA, 0, job=""),)), (20, (claim(ADA, 0),)))
    (stay,) = account.stays
    assert (stay.job, account.claimed[str(ADA)].seconds) == ("1.0", 20)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_how_time_is_cut_into_cycles_changes_nothing(gaps: list[int]) -> None:
    whole = (claim(ADA, 0),)
    moments = [float(sum(gaps[: n + 1])) for n in range(len(gaps))]
    account = run(*((at, whole) for at in moments))
    assert account.claimed[str(ADA)].seconds == pytest.approx(moments[-1])


def test_a_startd_that_changes_hands_too_often_is_still_counted_whole() -> None:
    accounts = Accounts()
    for n in range(MOST_STAYS + 50):
        at = 10.0 * (n + 1)
        accounts.update(seen(at, claim(ADA, at - 10, job=f"{n}.0")), planned(at))
    end = 10.0 * (MOST_STAYS + 51)
    (account,) = accounts.update(seen(end, gone=True), planned(end, gone=True)).ended
    assert account.claimed[str(ADA)].seconds == pytest.approx(10.0 * (MOST_STAYS + 50))
    assert (len(account.stays), account.left_out) == (MOST_STAYS, 50)


def test_a_restart_goes_on_counting_where_the_last_written_account_stood() -> None:
    whole = (claim(ADA, 0),)
    accounts = Accounts()
    accounts.update(seen(10, *whole), planned(10))
    again = Accounts(accounts.update(seen(90, *whole), planned(90)).accounts)
    changed = again.update(seen(400, *whole), planned(400)).accounts
    assert changed[0].claimed[str(ADA)].seconds == 400


def test_a_claim_that_only_goes_on_is_not_written_at_every_cycle() -> None:
    whole = (claim(ADA, 0),)
    accounts = Accounts()
    written = sum(bool(accounts.update(seen(at, *whole), planned(at)).accounts) for at in range(10, 610, 10))
    assert written == 10, "at first, then every 60 s"


def test_a_placement_whose_member_is_silent_is_not_ended() -> None:
    accounts = Accounts()
    accounts.update(seen(10, claim(ADA, 0)), planned(10))
    assert not accounts.update(seen(20, gone=True), planned(20)).ended


def ended_account(name: str, at: float) -> Account:
    p = placement(name)
    return Account(name, p.member, p.node_group, p.form, p.principal, p.pool, p.size, p.created_at, ended_at=at)


def read(folder: Path) -> list[str]:
    files = sorted(folder.glob("*.jsonl"))
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [json.loads(line)["placement"] for line in lines if line.endswith("}")]


def test_a_line_is_written_once_even_when_the_journal_still_holds_it_after_a_crash(tmp_path: Path) -> None:
    PlacementFiles(tmp_path).append([ended_account("a", START)])
    PlacementFiles(tmp_path).append([ended_account("a", START), ended_account("b", START + 86_400)])
    assert read(tmp_path) == ["a", "b"]
    assert len(list(tmp_path.glob("placements-*.jsonl"))) == 2
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_a_line_that_a_crash_tore_spoils_neither_itself_nor_the_next(tmp_path: Path) -> None:
    PlacementFiles(tmp_path).append([ended_account("a", START)])
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:40])
    PlacementFiles(tmp_path).append([ended_account("b", START)])
    assert read(tmp_path) == ["a", "b"]


def test_the_loop_writes_the_line_when_the_placement_is_gone(
    tmp_path: Path, inline: Callable[..., tuple[Loop, object]], journal: SqliteJournal
) -> None:
    wishes = Wishes({"a": "m1"})
    files = PlacementFiles(tmp_path / "records")
    loop, _ = inline(Shelf(tmp_path / "w"), wishes.mind(), records=files)
    loop.cycle()
    loop.cycle()
    assert [account.placement for account in journal.accounts()] == ["a"]
    wishes.ids.clear()
    loop.cycle()
    assert read(tmp_path / "records") == []
    loop.cycle()
    assert read(tmp_path / "records") == ["a"]
    assert journal.accounts() == journal.ended_accounts() == ()
