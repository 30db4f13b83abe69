"""The tests run in stages: each whole, none forgotten, one verdict, and a few failures get one more run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.federation.harness import eventually
from tests.stages.__main__ import stages_of
from tests.stages.stage import narrowed

ROOT = Path(__file__).parents[2]
CONFTEST = """\
def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("left out")
    terminalreporter.write_line("2 tests: kube: no openssl")
"""
MAIN = "from tests.stages.__main__ import main; sys.exit(main(sys.argv[1:]))"
ONCE = """\
from pathlib import Path
import pytest
@pytest.mark.parametrize("number", range({count}))
def test_misses_its_deadline(number):
    seen = Path("seen-{name}-" + str(number))
    known = seen.exists()
    seen.touch()
    assert known
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with tests in three folders of which one belongs to each stage."""
    for folder in ("sums", "kube", "federation"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / f"test_{folder}.py").write_text("def test_right():\n    pass\n")
    (tmp_path / "tests/conftest.py").write_text(CONFTEST)
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{MAIN}", *words]


def ran(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    quick = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    return subprocess.run(
        command(*words), cwd=project, env=quick, capture_output=True, text=True, check=False, timeout=240
    )


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Stage -> outcome, of the table at the end."""
    rows = done.stdout.partition("=== times:\n")[2].splitlines()
    return {row[:20].strip(): row[30:] for row in rows if not row.startswith("left out")}


def test_every_test_of_the_tree_belongs_to_one_stage_exactly() -> None:
    paths = [path for stage in stages_of([]) for path in stage.paths]
    files = {str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("test_*.py")}
    owners = {file: [path for path in paths if f"{file}/".startswith(f"{path}/")] for file in files}
    assert {len(found) for found in owners.values()} == {1}, owners


@pytest.mark.parametrize(
    ("chosen", "stays"),
    [
        ([], ["tests/kube", "tests/condor"]),
        (["tests"], ["tests/kube", "tests/condor"]),
        (["tests/kube/test_join.py::test_one"], ["tests/kube/test_join.py::test_one"]),
        (["tests/kubernetes"], []),
    ],
)
def test_a_stage_runs_what_is_chosen_of_its_own(chosen: list[str], stays: list[str]) -> None:
    assert narrowed(["tests/kube", "tests/condor"], chosen) == stays


def test_each_stage_is_shown_in_one_piece_with_its_time(project: Path) -> None:
    done = ran(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes(done) == {"units": "ok", "parts": "ok", "federation 1": "ok"}
    assert done.stdout.splitlines()[-1] == "left out of parts: 2 tests: kube: no openssl"
    for stage, folder in (("units", "sums"), ("parts", "kube"), ("federation 1", "federation")):
        whole = done.stdout.partition(f"=== {stage}, all of it:\n")[2].partition(f"=== {stage}: that was all")[0]
        assert f"tests/{folder}/test_{folder}.py ." in whole
        assert whole.count("test session starts") == 1
        assert f"=== {stage}: ok after " in done.stdout


def test_what_is_right_in_a_second_run_is_right_but_named(project: Path) -> None:
    for folder in ("kube", "federation"):
        file = project / "tests" / folder / f"test_{folder}.py"
        file.write_text(file.read_text() + ONCE.format(count=2, name=folder))
    done = ran(project, "--again", "10")
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes(done) == {
        "units": "ok",
        "parts": "FAILED",
        "federation 1": "FAILED",
        "parts again": "ok",
        "federation 1 again": "ok",
    }
    named = done.stdout.partition("=== failed once:\n")[2].splitlines()[:4]
    assert named == [
        f"tests/{folder}/test_{folder}.py::test_misses_its_deadline[{number}]"
        for folder in ("federation", "kube")
        for number in (0, 1)
    ]
    again = done.stdout.partition("=== parts again, all of it:\n")[2].partition("=== parts again: that was all")[0]
    assert "2 passed" in again, "only they run again"


def test_what_fails_twice_or_too_often_or_does_not_get_through_has_failed(project: Path) -> None:
    file = project / "tests/kube/test_kube.py"
    file.write_text("def test_wrong():\n    assert False\n")
    assert ran(project).returncode == 1
    twice = ran(project, "--again", "10")
    assert (twice.returncode, outcomes(twice)["parts again"]) == (1, "FAILED")
    file.write_text(ONCE.format(count=3, name="many"))
    many = ran(project, "--again", "2")
    assert many.returncode == 1
    assert "failed once" not in many.stdout
    file.write_text("import nothing_of_the_sort\n")
    broken = ran(project, "--again", "10")
    assert (broken.returncode, outcomes(broken)["parts"]) == (1, "FAILED (pytest ended with 2)")


def test_options_and_paths_reach_the_stages_that_they_concern(project: Path) -> None:
    one = ran(project, "-q", "tests/kube/test_kube.py::test_right")
    assert (one.returncode, outcomes(one)) == (0, {"parts": "ok"})
    assert "1 passed" in one.stdout
    assert outcomes(ran(project, "-k", "kube or sums")) == {
        "units": "ok",
        "parts": "ok",
        "federation 1": "nothing chosen",
    }
    assert ran(project, "-k", "nobody").returncode == 5
    assert ran(project, "tests/nobody").returncode == 5


WRONG = """\
import pytest
@pytest.fixture
def part():
    raise RuntimeError("no part of that name")
def test_wants_a_part(part):
    pass
def test_says_the_same():
    print("what a daemon said")
    said = ["the first line"] + ["a line like the other"] * 50
    assert "\\n".join([*said, "it waits"]) == "\\n".join([*said, "it runs"]), "look at it"
"""


def test_what_failed_and_why_is_said_in_a_few_lines_before_all_else_is_shown(project: Path) -> None:
    (project / "tests/kube/test_kube.py").write_text(WRONG)
    said = ran(project, CI="true").stdout.partition("all of it:\n")[0]
    why = said.partition("=== parts: FAILED after ")[2].splitlines()[1:]
    (broken, differs) = (next(n for n, line in enumerate(why) if word in line) for word in ("wants", "says"))
    assert why[broken].startswith("    tests.kube.test_kube::test_wants_a_part after ")
    assert why[broken + 1] == "        tests/kube/test_kube.py:4: RuntimeError"
    assert "no part of that name" in why[broken + 2]
    assert "        AssertionError: look at it" in why[differs:]
    assert {"        - it runs", "        + it waits"} <= set(why[differs:])
    assert "        what a daemon said" in why[differs:]
    assert len(why) < 90, "it is short"


LONG = """\
import time
from pathlib import Path
import pytest
@pytest.fixture
def part():
    Path("made").touch()
    yield
    Path("cleared").touch()
def test_waits(part):
    while True:
        time.sleep(0.05)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_it_waits_until_every_stage_has_cleared_up(project: Path, number: signal.Signals) -> None:
    (project / "tests/kube/test_kube.py").write_text(LONG)
    deaf = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command()]  # as a shell's background job
    with subprocess.Popen(deaf, cwd=project, stdout=subprocess.PIPE, start_new_session=True) as running:
        eventually("its test runs", (project / "made").exists, 60)
        running.send_signal(number)
        said, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert (project / "cleared").exists()
    assert b"=== parts: FAILED (pytest ended with 2)" in said
