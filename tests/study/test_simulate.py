"""The verb: reports, comparisons, verdicts, and what it says when it is asked for what cannot be."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import fedsched
from fedsched.cli import main
from fedsched.study.invariants.step import Step

DEMO = Path(fedsched.__file__).parent / "sim" / "scenarios" / "demo"
SWF = "; Version: 2.2\n" + "\n".join(
    f"{n} {60 * n} -1 1800 {4 if n % 3 else 8} -1 -1 {4 if n % 3 else 8} -1 -1 1 {n % 4} 1 -1 -1 -1 -1 -1"
    for n in range(1, 41)
)


def run(*words: str) -> int:
    """The verb's exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["simulate", *words])
    code = ended.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture
def log(tmp_path: Path) -> tuple[Path, Path]:
    """Forty jobs, one a minute, and three nodes of 8 cores: more work than room."""
    trace, nodes = tmp_path / "small.swf", tmp_path / "nodes.machines"
    trace.write_text(SWF + "\n", encoding="utf-8")
    nodes.write_text(f"0 alpha 3 8 1 {32 * 1024 * 1024}\n", encoding="utf-8")
    return trace, nodes


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """The demo's folder, to be changed; cut to its first two hours."""
    folder = tmp_path / "mine"
    shutil.copytree(DEMO, folder)
    told = (folder / "scenario.toml").read_text(encoding="utf-8")
    (folder / "scenario.toml").write_text(told.replace('until_s = "3h"', 'until_s = "90m"'), encoding="utf-8")
    return folder


def test_a_log_is_run_reported_and_can_be_run_again(
    log: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, nodes = log
    words = ("--trace", str(trace), "--members", str(nodes), "--parts", "3", "--until", "3h", "--cycle", "1m")
    code = run(*words, "--report", str(tmp_path / "out"), "-o", "json")
    told = json.loads(capsys.readouterr().out)
    (result,) = told["runs"]
    assert (code, told["kind"], told["version"]) == (0, "simulation", 1)
    assert result["numbers"]["jobs"] == 40
    assert result["numbers"]["contended_cycles"] > 0.1
    assert (tmp_path / "out" / "index.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads((tmp_path / "out" / "result.json").read_bytes())["runs"][0]["numbers"] == result["numbers"]
    again = result["about"]["command"].split()
    assert again[:2] == ["fedsched", "simulate"]
    run(*again[2:], "-o", "json")
    repeated = json.loads(capsys.readouterr().out)["runs"][0]
    assert {**repeated["about"], "seconds": 0} == {**result["about"], "seconds": 0}
    assert repeated["numbers"] == result["numbers"]


def test_policies_that_differ_are_put_side_by_side(log: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """One of them lies beside the log and starts one startd in ten minutes."""
    trace, nodes = log
    (trace.parent / "policies").mkdir()
    slow = 'name = "slow"\n[ramp]\nfirst = 1\nramp_interval_s = "10m"\nmax_starts = 1\n'
    (trace.parent / "policies" / "slow.toml").write_text(slow, encoding="utf-8")
    words = ("--trace", str(trace), "--members", str(nodes), "--until", "2h")
    assert run(*words, "--compare", "fair-share", "slow") == 0
    cells = [re.split(r" {2,}", row) for row in capsys.readouterr().out.splitlines()]
    rows = {row[0]: row[1:] for row in cells}
    assert rows["NUMBER"] == ["fair-share", "slow", "CHANGE"]
    before, after, change = rows["jobs done"]
    assert int(before) > int(after)
    assert change.startswith("-")


def test_a_run_that_misses_its_ranges_ends_with_one_and_says_which_and_what(
    scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scenario / "expect.toml").write_text(
        "[contended]\ncontended_cycles = { least = 0.01 }\n[results]\ncost = { most = -1 }\n", encoding="utf-8"
    )
    assert run(str(scenario)) == 1
    text = capsys.readouterr().out
    assert "not as expected" in text
    assert "results.cost: expected at most -1, came to" in text
    assert "contended.contended_cycles" not in text


def test_ranges_are_of_the_whole_run_and_not_asked_of_a_shorter_one(scenario: Path) -> None:
    (scenario / "expect.toml").write_text("[contended]\ncontended_cycles = { least = 0.99 }\n", encoding="utf-8")
    assert run(str(scenario), "--until", "10m", "-q") == 0


def test_told_to_stop_it_reports_what_was_seen(tmp_path: Path) -> None:
    """Ctrl-C: exit 3, with the report of the part that ran."""
    code = "import sys; from fedsched.cli import main; print('up', file=sys.stderr, flush=True); main(sys.argv[1:])"
    words = [sys.executable, "-c", code, "simulate", "demo", "--until", "24h", "-o", "json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "up\n"
        _until_it_runs(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    (result,) = json.loads(out)["runs"]
    assert result["about"]["stopped"].startswith("Stopped by hand after")
    assert 0 < result["numbers"]["simulated_s"] < 86_400


def _until_it_runs(pid: int) -> None:
    """Until its journal is open, which is when the run has begun."""
    files, until = Path(f"/proc/{pid}/fd"), time.monotonic() + 60
    while not any("fedsched.db" in _target(file) for file in files.iterdir()):
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.5)


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:
        return ""


def test_a_broken_rule_ends_the_run_with_the_command_that_shows_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing_may_start(step: Step) -> Iterator[str]:
        """MA1: a rule that nobody can keep."""
        yield from (f"{held.placement.id} stands" for held in step.plan.held[:1])

    monkeypatch.setattr("fedsched.study.invariants.checker.STEPS", (nothing_may_start,))
    assert run("demo", "--until", "90m", "--policy", "fair-share") == 1
    text = " ".join(capsys.readouterr().err.split())
    assert "a rule was broken under policy fair-share: MA1 nothing may start" in text
    assert "fedsched simulate demo --policy fair-share --seed 1 --until 90m" in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "nothing to simulate"),
        (("demo", "--trace", "x.swf"), 2, "policies follow --compare"),
        (("--trace", "x.swf"), 2, "on which members?"),
        (("demo", "fair-share"), 2, "policies follow --compare"),
        (("demo", "--load", "2"), 2, "are for logs"),
        (("demo", "--until", "9d"), 2, "the scenario ends after 24 h"),
        (("demo", "--until", "soon"), 2, "--until"),
        (("demo", "--policy", "fare-share"), 2, 'no policy "fare-share"'),
        (("demmo",), 2, 'no such scenario; did you mean "demo"?'),
        (("--trace", "none.swf", "--members", "nowhere"), 2, "nowhere: no such folder"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_reason(
    words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == code
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_broken_log_is_refused_with_file_and_line(log: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    trace, nodes = log
    line = SWF.count("\n") + 2
    trace.write_text(SWF + "\n41 zero -1 10\n", encoding="utf-8")
    words = ("--trace", str(trace), "--members", str(nodes), "--until", "2h")
    assert run(*words) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"small.swf:{line}: expected 18 columns, not 4" in said
    assert "--skip-damaged" in said
    assert run(*words, "--skip-damaged") == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "1 left out: damaged" in said
    assert f"the first damaged: {trace}:{line}: expected 18 columns, not 4" in said
    trace.write_text("; nothing\n", encoding="utf-8")
    assert run("--trace", str(trace), "--members", str(nodes)) == 2
    assert "small.swf" in capsys.readouterr().err
