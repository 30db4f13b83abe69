"""Classes that wait as ads in a real collector (E3): anybody asks condor_status; they change, and they vanish."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fedsched.condor import announce as announcing
from fedsched.condor.announce import Announcer
from fedsched.condor.flock import flock_config
from fedsched.condor.questions import MY_TYPE
from fedsched.config.settings import PoolSettings, Web
from fedsched.matchmaker.model import ClassNotice
from tests.condor.pools import federation, settings, until
from tests.laboratory import LaboratoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.laboratory import Laboratory
    from tests.laboratory.pool import Pool

pytestmark = pytest.mark.condor
ONLY = f'MyType == "{MY_TYPE}"'
OWN_RIGHTS = ["READ", "ADVERTISE_STARTD", "DAEMON"]


@pytest.fixture(scope="module")
def hub(lab: Laboratory) -> Iterator[Pool]:
    """A pool whose collector takes fedsched's ads."""
    pool = lab.pool("cm", daemons=("COLLECTOR",), rights_for="fedsched@pool-cm")
    yield pool
    pool.stop()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sendings follow each other at once, and an end waits until its ads are gone, on a busy machine as well."""
    monkeypatch.setattr(announcing, "END_S", 20.0)
    monkeypatch.setattr(announcing, "PAUSE_S", 0.0)
    monkeypatch.setattr(announcing, "SILENT_PAUSE_S", 0.2)


def may(pool: Pool, folder: Path, rights: list[str] = OWN_RIGHTS) -> PoolSettings:
    """Settings with a token of these rights."""
    made = settings(pool, folder)
    assert made.token_file is not None
    made.token_file.write_text(pool.token(f"fedsched@{pool.trust_domain}", authz=rights))
    return made


@pytest.fixture
def announcer(hub: Pool, tmp_path: Path) -> Iterator[Announcer]:
    """At work for the pool `cm`; its ads are gone afterwards."""
    made = made_for(may(hub, tmp_path))
    yield made
    made.stop()
    assert not told(hub)


def made_for(pool: PoolSettings, **more: Any) -> Announcer:
    made = Announcer(msgspec.structs.replace(federation(pool), **more), pool)
    made.start()
    return made


def notice(key: str = "af02", **more: Any) -> ClassNotice:
    plain = ClassNotice(
        pool="cm",
        key=key,
        schedd="ce1.example.org",
        group="physics.cms",
        user="ann@example.org",
        idle=40,
        unmet=12,
        word="no-room",
        sentence="12 of 40 idle jobs like 4711.0@ce1.example.org wait because no node of alps/big has room now.",
        next="Wait, or ask for less.",
        request="8 cores",
        examples=("4711.0", "4711.1"),
        oldest_at=1_700_000_000.0,
        cycle=7,
        at=1_700_000_100.0,
    )
    return msgspec.structs.replace(plain, **more)


def again(made: Announcer, pool: Pool) -> dict[str, dict[str, Any]]:
    """What is there once the next cycle has told the same."""
    made.announce((notice(),))
    return told(pool)


def denied(pool: Pool) -> int:
    """How often its collector refused a generic ad."""
    lines = (pool.folder / "log/CollectorLog").read_text(errors="replace").splitlines()
    return sum("did not include this command (58 UPDATE_AD_GENERIC)" in line for line in lines)


def told(pool: Pool) -> dict[str, dict[str, Any]]:
    """The ads there, by Name."""
    return {ad["Name"]: ad for ad in pool.ads("Any", ONLY)}


def test_one_ad_per_class_answers_condor_status_of_somebody_who_may_only_read(hub: Pool, announcer: Announcer) -> None:
    announcer.announce((notice(), notice("bb03", unmet=3), notice("cc04", pool="another")))
    until("both ads", lambda: set(told(hub)) == {"af02@test", "bb03@test"})
    token = hub.home("alice") / "tokens"
    hub.run("mkdir", "-p", str(token), user="alice")
    text = hub.token("alice@pool-cm", authz=["READ"])
    hub.run("/bin/sh", "-c", f"umask 077; cat > {token}/cm", user="alice", text=text)
    seen = hub.run(
        "env",
        f"_CONDOR_SEC_TOKEN_DIRECTORY={token}",
        "_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS=IDTOKENS",
        *("condor_status", "-subsystem", MY_TYPE, "-constraint", 'User == "ann@example.org" && Unmet > 10'),
        *("-af:h", "Schedd", "Idle", "Unmet", "Reason", "Sentence", "Next", "Address", "AgeSeconds > 60"),
        user="alice",
    )
    for part in ("ce1.example.org", "40", "12", "no-room", notice().sentence, notice().next, "127.0.0.1:9680", "true"):
        assert part in seen
    assert len(seen.strip().splitlines()) == 2


def test_an_ad_changes_with_its_class_and_goes_with_it(hub: Pool, announcer: Announcer) -> None:
    announcer.announce((notice(), notice("bb03")))
    until("both ads", lambda: len(told(hub)) == 2)
    announcer.announce((notice(unmet=2, sentence="2 of 40 idle jobs wait."),))
    until("the change", lambda: told(hub).get("af02@test", {}).get("Sentence") == "2 of 40 idle jobs wait.")
    until("the other's end", lambda: set(told(hub)) == {"af02@test"})
    announcer.announce(())
    until("an empty collector", lambda: not told(hub))


def test_what_only_its_moment_tells_from_the_last_ad_is_not_sent_again(hub: Pool, announcer: Announcer) -> None:
    announcer.announce((notice(),))
    until("the ad", lambda: told(hub))
    announcer.announce((notice(at=1_700_000_200.0, cycle=8), notice("bb03")))
    until("the other ad", lambda: len(told(hub)) == 2)
    assert told(hub)["af02@test"]["Cycle"] == 7


def test_a_collector_that_restarted_has_the_ads_back(
    hub: Pool, announcer: Announcer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "REFRESH_S", 1.0)
    announcer.announce((notice(),))
    until("the ad", lambda: told(hub))
    hub.restart_daemon("COLLECTOR")
    until("the ad again", lambda: again(announcer, hub), 60)


def test_what_a_killed_daemon_left_behind_goes_with_the_first_word_of_the_next(hub: Pool, tmp_path: Path) -> None:
    killed = made_for(may(hub, tmp_path))
    killed.announce((notice("dead"), notice()))
    until("its ads", lambda: len(told(hub)) == 2)
    later = made_for(may(hub, tmp_path))
    try:
        later.announce((notice(),))
        until("only its own", lambda: set(told(hub)) == {"af02@test"})
        before = told(hub)["af02@test"]["Sender"]
        killed.stop()  # it ends only now, as one that was fenced does: what is the other's stays
        assert told(hub)["af02@test"]["Sender"] == before
    finally:
        later.stop()
    assert not told(hub)


def test_another_federations_ads_are_nobodys_to_take_away(hub: Pool, announcer: Announcer, tmp_path: Path) -> None:
    other = made_for(may(hub, tmp_path), id="other")
    try:
        other.announce((notice(),))
        until("its ad", lambda: "af02@other" in told(hub))
        announcer.announce((notice("bb03"),))
        until("ours", lambda: set(told(hub)) == {"af02@other", "bb03@test"})
        announcer.announce(())
        until("ours gone", lambda: set(told(hub)) == {"af02@other"})
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("hostile", "kept"),
    [
        ('he said "no" \\ and left \\', 'he said "no" \\ and left \\'),
        ("two\nlines\r\nand\ttabs\x00\x1b[31m", "two lines and tabs [31m"),
        ('"; MyType = "Machine', '"; MyType = "Machine'),
        ("naïve 8 · 2 GiB ⚠", "naïve 8 · 2 GiB ⚠"),
        ("half \udc80 a character", "half a character"),
        ("$(RELEASE_DIR) %s ${x}", "$(RELEASE_DIR) %s ${x}"),
    ],
)
def test_hostile_words_arrive_as_words(hub: Pool, announcer: Announcer, hostile: str, kept: str) -> None:
    announcer.announce((notice(sentence=hostile, user=hostile, schedd=hostile),))
    ads = until("the ad", lambda: told(hub))
    assert list(ads) == ["af02@test"]
    assert (ads["af02@test"]["Sentence"], ads["af02@test"]["User"], ads["af02@test"]["Schedd"]) == (kept, kept, kept)


def test_endless_words_are_cut(hub: Pool, announcer: Announcer) -> None:
    announcer.announce((notice(sentence="x" * 100_000, next="y" * 100_000, user="z" * 100_000),))
    ad = until("the ad", lambda: told(hub))["af02@test"]
    assert len(ad["Sentence"]) + len(ad["Next"]) + len(ad["User"]) == 1000 + 600 + 300
    assert ad["Sentence"].endswith("…")


def test_of_too_many_classes_those_with_the_most_unmet_jobs_are_told_and_the_rest_is_counted(
    hub: Pool, announcer: Announcer
) -> None:
    announcer.announce(tuple(notice(f"k{number}", unmet=number, idle=5000) for number in range(3000)))
    until("all ads", lambda: len(told(hub)) == 2001, 60)
    ads = told(hub)
    assert min(ad["Unmet"] for ad in ads.values() if "Unmet" in ad) == 1000
    assert ads["left-out@test"]["FedschedLeftOut"] == 1000


def test_a_collector_that_refuses_is_told_of_once_with_the_way_out(
    hub: Pool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    woken: list[int] = []
    pool = may(hub, tmp_path, ["READ", "ADVERTISE_STARTD"])
    before = denied(hub)
    made = Announcer(federation(pool), pool, lambda: woken.append(1))
    made.start()
    try:
        made.announce((notice(),))
        until("a problem", lambda: made.problem)
        assert "DAEMON" in made.problem
        assert "COLLECTOR.ALLOW_DAEMON" in made.problem
        assert "announce = false" in made.problem
        assert pool.token_file is not None
        assert pool.token_file.read_text() not in made.problem
        cycles, end = count(), time.monotonic() + 1

        def over() -> bool:
            made.announce((notice(unmet=next(cycles)),))
            return time.monotonic() > end

        until("a second of cycles", over)
        assert len(woken) == 1
    finally:
        made.stop()
    assert capsys.readouterr().out.count("classes-not-announced") == 1
    assert denied(hub) - before == 1
    assert not told(hub)


def test_a_right_that_came_later_is_used(hub: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "REFUSED_PAUSE_S", 0.2)
    pool = may(hub, tmp_path, ["READ"])
    made = made_for(pool)
    try:
        made.announce((notice(),))
        until("a problem", lambda: made.problem)
        may(hub, tmp_path)
        until("the ad", lambda: again(made, hub))
        until("no problem", lambda: not made.problem)
    finally:
        made.stop()


def test_a_collector_that_hangs_delays_neither_the_caller_nor_the_end(
    fresh_pool: Callable[..., Pool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "END_S", 1.5)
    pool = fresh_pool("slow", daemons=("COLLECTOR",), rights_for="fedsched@pool-slow")
    made = made_for(may(pool, tmp_path))
    made.announce((notice(pool="slow"),))
    until("the ad", lambda: told(pool))
    pool.pause_daemon("COLLECTOR")
    try:
        began = time.monotonic()
        made.announce(())
        assert time.monotonic() - began < 1
        made.stop()
        assert time.monotonic() - began < announcing.END_S + 5
    finally:
        pool.resume_daemon("COLLECTOR")


def test_a_pool_set_up_by_the_printed_texts_takes_these_ads_and_lets_fedsched_be_nothing_else(
    fresh_pool: Callable[..., Pool], tmp_path: Path
) -> None:
    texts = flock_config(PoolSettings("z", "unknown:9618"), [])
    pool = fresh_pool("z", daemons=("COLLECTOR",), config=texts.target)
    command = next(line for line in texts.target_commands if "fedsched@" in line)
    made = settings(pool, tmp_path)
    assert made.token_file is not None
    made.token_file.write_text(pool.run("/bin/sh", "-c", command.partition(">")[0]))
    announcer = made_for(made)
    try:
        announcer.announce((notice(pool="z"),))
        until("the ad", lambda: told(pool))
        folder = pool.folder / "home/alice/t"
        pool.run("/bin/sh", "-c", f"umask 077; mkdir {folder}; cat > {folder}/z", text=made.token_file.read_text())

        def advertise(kind: str, mine: str) -> None:
            pool.run(
                *("env", f"_CONDOR_SEC_TOKEN_DIRECTORY={folder}", f"_CONDOR_SEC_TOKEN_SYSTEM_DIRECTORY={folder}"),
                *("_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS=IDTOKENS", "condor_advertise", kind),
                text=f'MyType = "{mine}"\nName = "{kind}"\nMyAddress = "<10.1.1.1:1>"\n',
            )

        advertise("UPDATE_AD_GENERIC", "Control")
        for kind, mine in (("SCHEDD", "Scheduler"), ("MASTER", "DaemonMaster"), ("NEGOTIATOR", "Negotiator")):
            with pytest.raises(LaboratoryError):
                advertise(f"UPDATE_{kind}_AD", mine)
        assert [ad["Name"] for ad in pool.ads("Any", 'MyAddress == "<10.1.1.1:1>"')] == ["UPDATE_AD_GENERIC"]
    finally:
        announcer.stop()


def test_a_pool_that_shall_not_be_told_is_not_asked(hub: Pool, tmp_path: Path) -> None:
    made = made_for(msgspec.structs.replace(may(hub, tmp_path), announce=False), web=Web())
    made.announce((notice(),))
    made.stop()
    assert not made.problem
    assert not told(hub)
