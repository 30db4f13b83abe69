"""The demo as somebody meets it: headless to its end, in the middle, on terminals of any size, interrupted."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from fedsched.cli import main
from fedsched.cli.demo.drawing import BLOCKS, PLAIN, Ink
from fedsched.cli.demo.screen import Screen
from fedsched.cli.demo.story import Story
from fedsched.journal import Recorded, SqliteJournal
from fedsched.study.losses import Loss
from tests.cli.conftest import Said

COMMUNITIES = {"physics", "biology", "climate", "learning"}
MEMBERS = {"campus", "research", "cloud", "national", "facility"}
DEMO = (sys.executable, "-m", "fedsched", "demo")


class Ended(NamedTuple):
    """A demo that ran to its end, and the processor's seconds that it took: those of a clock are the machine's load."""

    folder: Path
    said: Said
    seconds: float


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """`demo --headless --until end`."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    began = _spent()
    words = (*DEMO, "--headless", "--until", "end", "--keep", str(folder))
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=300)
    return Ended(folder, Said(done.returncode, done.stdout, done.stderr), _spent() - began)


@pytest.fixture(scope="module")
def cycles(ended: Ended) -> list[Recorded]:
    """What it recorded in its first two hours, and its last cycle."""
    journal = SqliteJournal(ended.folder / "fedsched.db")
    numbers = [number for number, _ in journal.cycles()]
    found = [journal.cycle(number) for number in (*numbers[:122], numbers[-1])]
    journal.close()
    return [one for one in found if one is not None]


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> Said:
    """One command line in this process."""
    with pytest.raises(SystemExit) as over:
        main(list(words))
    captured = capsys.readouterr()
    return Said(over.value.code if isinstance(over.value.code, int) else 0, captured.out, captured.err)


def test_headless_it_ends_by_itself_within_a_minute_with_nothing_left_behind(ended: Ended) -> None:
    assert ended.said.code == 0, ended.said.err
    assert ended.said.err == ""
    assert ended.seconds < 60
    assert "The demo is over" in ended.said.out
    assert "nothing: no object, no pod, no ad" in ended.said.out


def test_headless_it_tells_its_progress_now_and_then(ended: Ended) -> None:
    progress = [line for line in ended.said.out.splitlines() if "jobs wait   cores:" in line]
    assert len(progress) >= 15
    assert progress[0].split()[0] == "0:00"
    assert "dashboard" not in ended.said.out, "nobody could look at it so fast"


def test_its_end_is_the_bill_of_the_spike_evictions_waits_and_the_way_to_a_real_cluster(ended: Ended) -> None:
    said = ended.said.out
    for title in ("peak", "ramp", "first claim", "startds", "never claimed", "cost", "time to zero"):
        assert title in said
    assert "not there yet" not in said
    assert "core-hours lost" in said
    for group in COMMUNITIES - {"biology"}:
        assert any(line.split()[:1] == [group] and "95 %" in line for line in said.splitlines()), group
    for command in ("fedsched flock-config", "fedsched join m1", "fedsched serve --once --dispatch=none"):
        assert command in said


def test_the_first_hour_is_calm_and_then_the_conference_begins(cycles: list[Recorded]) -> None:
    began = cycles[0].plan.at
    idle = {int(r.plan.at - began) // 60: sum(report.idle for report in r.plan.classes) for r in cycles}
    assert max(idle[minute] for minute in range(60)) < 100
    assert max(idle[minute] for minute in range(60, 120)) > 300
    (spike,) = [spike for spike in cycles[-1].plan.memory.surge.spikes if spike.began_at - began > 3500][:1]
    assert spike.began_at - began < 4500
    assert spike.zero_at is not None


def test_all_its_members_and_communities_have_a_part(cycles: list[Recorded]) -> None:
    members = {held.placement.member for recorded in cycles for held in recorded.plan.held if held.claimed_at}
    assert members == MEMBERS
    groups = {line.path for line in cycles[-1].plan.shares}
    assert groups >= COMMUNITIES


def test_it_leaves_a_federation_that_read_verbs_understand(ended: Ended, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(ended.folder / "fedsched.toml")
    for verb in ("q", "spikes", "clusters"):
        said = run(verb, "--config", config, capsys=capsys)
        assert (said.code, said.err) == (0, "")
    assert run("check", "--config", config, capsys=capsys).code == 0
    journal = SqliteJournal(ended.folder / "fedsched.db")
    assert journal.lease() is None
    assert journal.open_intents() == ()
    journal.close()
    assert sorted((ended.folder / "records").glob("placements-*.jsonl"))


def report(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    said = run("demo", "-o", "json", "--until", "75m", *words, capsys=capsys)
    assert said.code == 0
    answer = json.loads(said.out)
    assert (answer["version"], answer["kind"]) == (1, "demo")
    found: dict[str, Any] = answer["report"]
    return found


def test_equal_seeds_give_equal_reports_and_others_do_not(
    ended: Ended, cycles: list[Recorded], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del ended
    first = report(capsys, "--keep", str(tmp_path / "one"))
    again, other = report(capsys), report(capsys, "--seed", "7")
    assert first == again
    assert first != other
    assert (first["over"], first["simulated_s"]) == (False, 75 * 60)
    assert other["seed"] == 7
    journal = SqliteJournal(tmp_path / "one" / "fedsched.db")
    last = journal.last_cycle()
    journal.close()
    assert last is not None
    assert last.plan == cycles[last.plan.cycle - 1].plan, "where it is stopped changes nothing before that"


@pytest.mark.parametrize(
    ("words", "code", "names"),
    [
        (("--until", "soon"), 2, "--until"),
        (("--until", "0s"), 2, "--until"),
        (("--speed", "0"), 2, "--speed"),
        (("--speed", "-60"), 2, "--speed"),
        (("--speed", "nan"), 2, "--speed"),
        (("--speed", "inf"), 2, "--speed"),
        (("--seed", "one"), 2, "--seed"),
    ],
)
def test_wrong_words_are_named_and_nothing_begins(
    words: tuple[str, ...], code: int, names: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run("demo", "--headless", *words, "--keep", str(tmp_path / "kept"), capsys=capsys)
    assert said.code == code
    assert names in said.err
    assert not (tmp_path / "kept").exists()


def test_it_keeps_nothing_over_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept").mkdir()
    precious = tmp_path / "kept" / "precious"
    precious.write_text("x", encoding="utf-8")
    for place, why in ((tmp_path / "kept", "not empty"), (precious, "is a file"), (precious / "in", "")):
        said = run("demo", "--headless", "--keep", str(place), capsys=capsys)
        assert said.code == 1
        assert why in said.err
        assert "--keep" in said.err
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["precious"]


# -- the view


class Pace:
    """A clock that stands."""

    def __init__(self) -> None:
        self.speed = 60.0
        self.at = 5400.0

    def monotonic(self) -> float:
        return self.at


def story(cycles: list[Recorded], minutes: int) -> Story:
    told = Story()
    for recorded in cycles[: minutes + 1]:
        told.see(recorded)
    return told


def drawn(told: Story, width: int, height: int, ink: Ink = BLOCKS) -> list[str]:
    screen = Screen(told, Pace(), {"preempted": Loss(3, 1.5)})
    screen.folder, screen.window_s = "/tmp/demo/fedsched.toml", 10_800.0
    screen.opened("http://127.0.0.1:54321/")
    screen._ink = ink
    lines = screen.lines(width, height)
    assert all(len(line) <= width for line in lines)
    return [line.plain for line in lines]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50), (100, 30), (250, 70)])
@pytest.mark.parametrize("ink", [BLOCKS, PLAIN], ids=["blocks", "plain"])
def test_the_view_fills_the_screen_and_names_everybody(cycles: list[Recorded], size: tuple[int, int], ink: Ink) -> None:
    lines = drawn(story(cycles, 90), *size, ink)
    text = "\n".join(lines)
    assert len(lines) == size[1]
    for name in (*COMMUNITIES, *MEMBERS):
        assert name in text
    for part in (
        "SPIKE s1",
        "DEMAND",
        "SUPPLY",
        "RIGHT TO",
        "WHY",
        "EVICTIONS",
        "1:30 of 3:00 h",
        "bill",
        "http://127.0.0.1:54321/",
    ):
        assert part in text
    assert "3 preempted; 1.5 core-hours" in text
    assert text.isascii() or ink is BLOCKS


@pytest.mark.parametrize("size", [(40, 10), (20, 3), (1, 1), (60, 200), (400, 12)])
def test_no_size_breaks_the_view(cycles: list[Recorded], size: tuple[int, int]) -> None:
    for minutes in (0, 30, 90, len(cycles)):
        assert len(drawn(story(cycles, minutes), *size)) <= size[1]
    assert len(drawn(Story(), *size)) == 1


def test_the_view_says_how_the_spike_stands(cycles: list[Recorded]) -> None:
    assert "calm" in drawn(story(cycles, 30), 120, 40)[1]
    assert "SPIKE" in drawn(story(cycles, 90), 120, 40)[1]
    assert "nothing left" in drawn(story(cycles, len(cycles)), 120, 40)[1]


def test_who_waits_is_told_with_the_reason(cycles: list[Recorded]) -> None:
    told = story(cycles, 90)
    assert told.last is not None
    lines = drawn(told, 200, 50)
    wanting = [r for r in told.last.plan.classes if r.unmet]
    assert wanting
    rows = [line for line in lines if f" {max(r.unmet for r in wanting)}  " in line]
    assert rows


def test_it_says_so_when_it_is_slower_than_it_was_asked_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    real, pace = [100.0], Pace()
    monkeypatch.setattr("time.monotonic", lambda: real[0])
    screen = Screen(Story(), pace, {})
    said = []
    for step in (120.0, 120.0, 20.0, 20.0):
        said.append(screen._speed())
        real[0] += 2.0
        pace.at += step
    assert said[:3] == ["speed 60x"] * 3
    assert screen._speed() == "speed 60x (10x now)"


# -- interrupted


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo that has shown its first lines."""
    words = (*DEMO, "--speed", "300", "--keep", str(tmp_path / "kept"))
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_while_it_runs_read_verbs_work_and_an_interrupt_ends_it_with_the_report(
    running: subprocess.Popen[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert running.stdout is not None
    seen = ""
    while "0:10 h" not in seen:
        line = running.stdout.readline()
        assert line, "it ended by itself"
        seen += line
    assert seen.startswith("  dashboard: http://127.0.0.1:")
    address = seen.split()[1]
    assert httpx.get(address, trust_env=False).headers["content-type"].startswith("text/html")
    config = str(tmp_path / "kept" / "fedsched.toml")
    assert run("clusters", "--config", config, capsys=capsys).code == 0
    said = run("q", "--config", config, "-o", "json", capsys=capsys)
    assert said.code == 0
    assert json.loads(said.out)["cycle"] >= 1
    second = subprocess.run((*DEMO, "--headless", "--keep", str(tmp_path / "kept")), check=False, capture_output=True)
    assert second.returncode == 1
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (0, "")
    assert "Stopped before the end" in out
    assert "fedsched join m1" in out
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)


def test_on_a_terminal_the_view_has_a_screen_of_its_own_and_leaves_the_report() -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", "LANG": "C.UTF-8"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        (*DEMO, "--speed", "1200"), stdout=follower, stderr=follower, stdin=follower, env=environment
    )
    os.close(follower)
    text, interrupted, end = "", False, time.monotonic() + 120
    try:
        while time.monotonic() < end:
            if not select.select([leader], [], [], 1.0)[0]:
                continue
            try:
                text += os.read(leader, 65_536).decode("utf-8", "replace")
            except OSError:
                break
            if re.search(r"cycle \d\d", text) and not interrupted:
                process.send_signal(signal.SIGINT)
                interrupted = True
        assert process.wait(60) == 0
    finally:
        process.kill()
        os.close(leader)
    view, _, after = text.partition("\x1b[?1049l")
    assert "\x1b[?1049h" in view
    assert "COMMUNITY" in view
    assert "\x1b[?25h" in text, "the cursor is back"
    assert "Stopped before the end" in after
    assert "COMMUNITY" not in after
