"""A running daemon tells its pool's collector why jobs wait (E3), and takes it back when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fedsched.condor.questions import MY_TYPE
from tests.condor.pools import job, until
from tests.federation.harness import Federation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.condor.conftest import Guest
    from tests.laboratory.pool import Pool

pytestmark = pytest.mark.condor


@pytest.fixture
def hub(tmp_path: Path, target_pool: Pool) -> Iterator[Callable[..., Federation]]:
    """Makes a federation without any member, whose jobs therefore wait; its daemon ends with the test."""
    made: list[Federation] = []

    def make(**more: str) -> Federation:
        one = Federation(tmp_path / "hub", target_pool)
        text = one.settings.replace("[[pool]]\n", f"{more.get('top', '')}[[pool]]\n{more.get('pool', '')}", 1)
        (one.folder / "fedsched.toml").write_text(text + more.get("end", ""))
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()
        print(one.log()[-3000:])


def told(pool: Pool) -> list[dict[str, Any]]:
    """The ads in the collector."""
    return pool.ads("Any", f'MyType == "{MY_TYPE}" && Federation == "lab"')


def test_a_waiting_class_is_told_while_the_daemon_runs_in_the_words_of_explain(
    hub: Callable[..., Federation], target_pool: Pool, guest: Guest
) -> None:
    one = hub(end='[web]\nurl = "https://hub.example.org/"\n')
    one.start()
    cluster = guest.submit_text("alice", job(7, request_memory=1000, accounting_group="group_atlas"))
    (ad,) = until("the ad", lambda: told(target_pool), 60)
    (line,) = one.json("q")["classes"]
    assert (ad["Idle"], ad["Unmet"], ad["User"], ad["AccountingGroup"]) == (7, 7, "alice@pool-b", "group_atlas")
    assert (ad["Class"], ad["Reason"], ad["Schedd"]) == (line["demand"]["key"], line["word"], line["demand"]["schedd"])
    assert f"{cluster}.0" in ad["Sentence"]
    assert ad["Next"].endswith(".")
    assert ad["Address"] == "https://hub.example.org/"
    guest.pool.run("condor_rm", f"{cluster}.0", f"{cluster}.1")
    until("the lower count", lambda: [ad["Idle"] for ad in told(target_pool)] == [5], 60)
    guest.pool.run("condor_rm", str(cluster))
    until("its end", lambda: not told(target_pool), 60)
    guest.submit_text("alice", job(2))
    until("another", lambda: told(target_pool), 60)
    assert one.stop() == 0
    assert not told(target_pool)


def test_names_that_are_not_for_everybody_are_not_in_ads(
    hub: Callable[..., Federation], target_pool: Pool, guest: Guest
) -> None:
    one = hub(end='[web]\nnames = "none"\n')
    one.start()
    guest.submit_text("alice", job(7, accounting_group="group_atlas"))
    (ad,) = until("the ad", lambda: told(target_pool), 60)
    assert (ad.get("User"), ad["AccountingGroup"]) == (None, "group_atlas")
    assert "alice" not in str(ad)


@pytest.mark.parametrize(("settings", "arguments"), [("announce = false\n", ()), ("", ("--dispatch=none",))])
def test_nothing_is_told_by_who_shall_not_or_only_plans(
    hub: Callable[..., Federation], target_pool: Pool, guest: Guest, settings: str, arguments: tuple[str, ...]
) -> None:
    one = hub(pool=settings)
    one.start(*arguments)
    guest.submit_text("alice", job(1))
    until("a cycle with the class", lambda: one.json("q")["classes"], 60)
    cycle = one.json("q")["cycle"]
    until("two more cycles", lambda: one.json("q")["cycle"] > cycle + 2, 60)
    assert not told(target_pool)
    assert "classes-not-announced" not in one.log()


def test_a_right_that_is_missing_is_told_where_operators_look(
    hub: Callable[..., Federation], target_pool: Pool, guest: Guest
) -> None:
    one = hub()
    one.write_token("fedsched", target_pool.token("fedsched@pool-a", ["READ", "ADVERTISE_STARTD"]))
    one.start()
    guest.submit_text("alice", job(1))

    def attention() -> list[str]:
        return [text for text in one.json("clusters")["attention"] if "DAEMON" in text]

    (text,) = until("the hint", attention, 60)
    assert "announce = false" in text
    assert one.log().count("classes-not-announced") == 1
    assert not told(target_pool)
