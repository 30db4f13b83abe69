"""`plan` shows what a cycle changes, says whether, and changes nothing itself."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from fedsched.cli.moment import Kept, Moment, taken
from fedsched.cli.plan import show
from fedsched.cli.planned import planned
from fedsched.config import Files
from fedsched.config.settings import Federation, PoolSettings
from fedsched.journal import Recorded, open_journal
from fedsched.loop import Decision
from fedsched.loop.lanes import key_of
from fedsched.matchmaker.model import (
    CreateObject,
    DeleteObject,
    DeletePod,
    InvalidateAds,
    OrderLeave,
    Plan,
    Policy,
    Principal,
    SetSubmitter,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.replay import Saved, write
from tests.cli.conftest import Fedsched
from tests.matchmaker.builders import T0, demand, held, placement, schedd, snapshot

PENDING = 6


def last_cycle(federation: Path) -> tuple[Recorded, Policy]:
    journal = open_journal(f"sqlite:{federation / 'fedsched.db'}")
    try:
        cycle = journal.last_cycle()
        assert cycle is not None
        policy = journal.policy(cycle.policy)
        assert policy is not None
        return cycle, policy
    finally:
        journal.close()


def cycle_with_changes(federation: Path) -> Recorded:
    """The newest recorded cycle that started something."""
    journal = open_journal(f"sqlite:{federation / 'fedsched.db'}")
    try:
        for number, _ in reversed(journal.cycles()):
            found = journal.cycle(number)
            if found is not None and any(isinstance(change, CreateObject) for change in found.issued):
                return found
    finally:
        journal.close()
    raise AssertionError("no cycle started anything")


@pytest.fixture
def saved(federation: Path, tmp_path: Path) -> Path:
    """A snapshot file of a cycle with changes."""
    cycle, policy = cycle_with_changes(federation), last_cycle(federation)[1]
    file = tmp_path / "moment.json.zst"
    write(Saved(1, "0", policy, cycle), file)
    return file


def test_the_plan_of_a_saved_moment_is_what_its_cycle_issued(fedsched: Fedsched, federation: Path, saved: Path) -> None:
    said = fedsched("plan", "--snapshot", str(saved), "-o", "json")
    assert said.code == 0, said.err
    issued = cycle_with_changes(federation).issued
    wanted = Counter((c.member, c.placement.node_group) for c in issued if isinstance(c, CreateObject))
    told: Counter[tuple[str, str]] = Counter()
    for one in said.json()["created"]:
        told[one["member"], one["node_group"]] += one["count"]
    assert told == wanted
    assert len(said.json()["changes"]) == len(issued)
    assert sum(counts.get("create", 0) for counts in said.json()["counts"].values()) == sum(wanted.values())


def test_a_detailed_exit_code_tells_whether_something_would_change(fedsched: Fedsched, saved: Path) -> None:
    assert fedsched("plan", "--snapshot", str(saved), "--detailed-exitcode").code == PENDING
    assert fedsched("plan", "--snapshot", str(saved)).code == 0
    quiet = fedsched("plan", "--recorded", "--detailed-exitcode")
    assert quiet.code == 0
    assert "Nothing would change." in quiet.out
    assert "wait because" in quiet.out


def test_an_old_moment_ends_with_4_whatever_would_change(fedsched: Fedsched, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 3600
    monkeypatch.setattr("time.time", lambda: later)
    said = fedsched("plan", "--recorded", "--detailed-exitcode")
    assert said.code == 4
    assert "60 min old" in said.err


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("{}", "it is no snapshot"),
        ('{"format": 99, "recorded": {}}', "newer"),
        ("nonsense", "1:"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_moment_is_a_usage_error_that_names_it(
    fedsched: Fedsched, tmp_path: Path, content: str | None, cause: str
) -> None:
    file = tmp_path / "x.json"
    if content is not None:
        file.write_text(content)
    said = fedsched("plan", "--snapshot", str(file))
    assert said.code == 2
    assert str(file) in said.err
    assert cause in said.err
    assert "next: " in said.err


def test_two_moments_at_once_are_a_usage_error(fedsched: Fedsched, tmp_path: Path) -> None:
    assert fedsched("plan", "--snapshot", str(tmp_path / "x"), "--recorded").code == 2


def test_a_live_plan_says_who_was_not_seen_and_writes_nothing(fedsched: Fedsched, federation: Path) -> None:
    files = [file for file in federation.rglob("*") if file.is_file() and "fedsched.db" not in file.name]
    before = {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    cycles = last_cycle(federation)[0].plan.cycle
    said = fedsched("plan", "-o", "json", "--detailed-exitcode")
    assert said.code == 3, said.err
    unseen = " ".join(said.json()["unseen"])
    assert "member alps" in unseen
    assert "pool target" in unseen
    assert {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files} == before
    assert last_cycle(federation)[0].plan.cycle == cycles


def test_a_plan_without_a_journal_makes_none(fedsched: Fedsched, federation: Path) -> None:
    for file in federation.glob("fedsched.db*"):
        file.unlink()
    assert fedsched("plan").code == 3
    assert not list(federation.glob("fedsched.db*"))


def test_every_kind_of_change_is_told_with_its_reason_and_whom_it_serves(capsys: pytest.CaptureFixture[str]) -> None:
    taker = demand("taker", principal=Principal("biology", "eve@b"))
    evicted = Reason(Cause.PREEMPTED, "biology.eve@b", "PR2", "3 core-hours", at=T0)
    ones = {
        "1-1": held(placement("1-1"), "claimed", wanted="leave", why=evicted, claims=2, yields_to="taker"),
        "1-2": held(placement("1-2"), "claimed", wanted="leave", why=evicted, claims=1, yields_to="taker"),
        "1-3": held(placement("1-3"), "starting", wanted="withdraw", why=Reason(Cause.DEMAND_GONE, at=T0)),
        "1-4": held(placement("1-4"), "gone", wanted="clear", why=Reason(Cause.FINISHED, at=T0)),
        "1-5": held(placement("1-5"), "claimed", wanted="vacate", why=Reason(Cause.OWNER, "pod-x", at=T0)),
    }
    changes = (
        OrderLeave("m1", "1-1", "pod-1", "u", T0),
        OrderLeave("m1", "1-2", "pod-2", "u", T0),
        DeletePod("m1", "1-3", "pod-3", "u", "7"),
        DeleteObject("m1", "1-4", "fs-1-4", "Job", "u"),
        DeletePod("m1", "1-5", "pod-5", "u", grace_s=30),
        InvalidateAds("a", "0-9", "ghost", "m1"),
        SetSubmitter("a", "biology.eve@b", factor=2.0),
        CreateObject("m2", placement("1-6", "m2", probe=True, price_per_hour=0.25)),
    )
    seen = snapshot(schedds=(schedd(taker),))
    plan = msgspec.structs.replace(Plan(1, T0, (), (), seen.memory), held=tuple(ones.values()))
    rows = planned(Decision(plan, changes), seen.observation)
    assert rows.per_member()["m1"] == {"delete": 1, "forget-ads": 1, "leave": 2, "vacate": 1, "withdraw": 1}
    show(Moment(seen, Policy(), "test"), rows)
    told = capsys.readouterr().out
    assert "+ m2/g: 1 x 1 core" in told
    assert "(probe; 0.25 per hour each)." in told
    assert "~ m1/g: leave pod-1, pod-2 of physics.alice@b, 3 jobs run there, its room goes to biology.eve@b." in told
    assert "~ m1/g: withdraw pod-3" in told
    assert "- m1/g: delete fs-1-4" in told
    assert "~ m1/g: vacate pod-5" in told
    assert "- m1: forget-ads ghost. Its pod is gone" in told
    assert "~ tell-negotiator biology.eve@b at pool a. The policy says factor 2." in told


def test_beside_a_daemon_its_epoch_and_its_reads_count_and_without_one_those_of_the_next() -> None:
    seen = snapshot(schedds=(schedd(demand(), reads=1),)).observation
    files = Files(Federation("lab", (PoolSettings("a", "127.0.0.1:9618"),)), (), Policy())
    kept = Kept(epoch=7, served=True, reads=(("schedd-b", 41),))
    beside = taken(seen, files, kept)
    assert (beside.epoch, beside.observation.schedds[0].reads) == (7, 42)
    alone = taken(seen, files, msgspec.structs.replace(kept, served=False))
    assert alone.epoch == int(T0) + 1
    assert alone.observation.schedds[0].reads == 1


def test_what_a_daemon_is_trying_already_is_no_change_any_more() -> None:
    moment = Moment(snapshot(), Policy(), "test")
    (change,) = moment.decided().changes
    assert msgspec.structs.replace(moment, trying=frozenset({key_of(change)})).decided().changes == ()
