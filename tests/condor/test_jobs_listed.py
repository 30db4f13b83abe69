"""`q --jobs` over a real pool: what a person sees of single jobs, page by page, and who did not answer (E1)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fedsched.cli import main
from tests.condor.pools import settings

if TYPE_CHECKING:
    from tests.condor.conftest import Guest
    from tests.laboratory.pool import Pool

pytestmark = pytest.mark.condor
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(target_pool: Pool, guest_pool: Pool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `q --jobs` in a federation over the target pool; neither daemon nor journal are needed."""
    target_pool.wait(f"the schedd of {guest_pool.name}", lambda: target_pool.ads("Scheduler"))
    pool = settings(target_pool, tmp_path)
    config = tmp_path / "fedsched.toml"
    silent = '[[pool]]\nname = "gone"\ncollector = "127.0.0.1:9"\n'
    known = f'[[pool]]\nname = "{pool.name}"\ncollector = "{pool.collector}"\ntoken_file = "{pool.token_file}"\n'

    def call(*words: str, with_silent: bool = False) -> tuple[int, str, str]:
        config.write_text(f'id = "test"\n{known}{silent if with_silent else ""}', encoding="utf-8")
        with pytest.raises(SystemExit) as ended:
            main(["q", "--jobs", "--config", str(config), *words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_jobs_come_in_pages_that_say_how_to_go_on(run: Run, guest: Guest) -> None:
    cluster = guest.submit("alice", count=5, seconds=1)
    held = guest.submit("bob", more="hold = true")
    code, out, _ = run("--limit", "3")
    assert code == 0
    rows = out.splitlines()
    assert rows[0].split()[:3] == ["JOB", "SOURCE", "STATE"]
    assert [row.split()[0] for row in rows[1:4]] == [f"{cluster}.{proc}" for proc in range(3)]
    assert "3 of 6 jobs at " in out
    after = re.search(r"--after (\S+)$", out, re.MULTILINE)
    assert after, out
    code, out, _ = run("--after", after[1])
    assert code == 0
    assert [row.split()[0] for row in out.splitlines()[1:4]] == [f"{cluster}.3", f"{cluster}.4", f"{held}.0"]
    assert "--after" not in out
    assert re.search(rf"^{held}\.0 .* held .*submitted on hold", out, re.MULTILINE)
    code, out, _ = run("-u", "alice", "--idle", "-o", "json")
    told = json.loads(out)
    assert (code, told["kind"], told["total"], told["after"]) == (0, "jobs", 5, "")
    assert {one["state"] for one in told["jobs"]} == {"idle"}
    assert len({one["class_key"] for one in told["jobs"]}) == 1


def test_a_pool_that_is_silent_is_named_and_the_rest_is_partial(run: Run, guest: Guest) -> None:
    guest.submit("alice")
    code, out, _ = run(with_silent=True)
    assert code == 3
    assert "pool gone did not answer: " in out
    assert "1 of 1 jobs" in out


def test_what_is_no_place_in_the_list_is_refused(run: Run) -> None:
    code, out, err = run("--after", "nonsense")
    assert (code, out) == (2, "")
    assert "no place in a list of jobs" in err
    assert "next: begin with the first page" in err
