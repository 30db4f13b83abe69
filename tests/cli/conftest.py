"""A federation in the middle of its spike, as the real loop recorded it, for verbs to look at."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fedsched.cli import main
from fedsched.journal import Holder, open_journal
from fedsched.matchmaker.model import MemberTerms
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import Scenario, SimMember, SimNodeGroup
from fedsched.study.run import SimRun
from tests.sim.spike import conference_spike, policy

STOPS_S = 19 * 60.0
FEDERATION = """id = "demo"
listen = "127.0.0.1:0"
journal = "sqlite:fedsched.db"

[[pool]]
name = "target"
collector = "127.0.0.1:9618"
"""
MEMBER = """name = "{name}"
namespace = "fedsched"
credential = "{name}.json"
mode = "on"
"""


class Said(NamedTuple):
    """What one command line answered."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Fedsched = Callable[..., Said]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A federation's folder, 19 simulated minutes into its spike: everything is full, many wait."""
    folder = tmp_path_factory.mktemp("recorded")
    run = SimRun(conference_spike(float(int(time.time() - STOPS_S))), policy(), folder)
    run.until(STOPS_S)
    run.close()
    (folder / "fedsched.toml").write_text(FEDERATION, encoding="utf-8")
    (folder / "clusters").mkdir()
    for name in ("alps", "campus", "coast"):
        (folder / "clusters" / f"{name}.toml").write_text(MEMBER.format(name=name), encoding="utf-8")
    return folder


@pytest.fixture
def federation(recorded: Path, tmp_path: Path) -> Path:
    """A copy of it, to give orders to."""
    return Path(shutil.copytree(recorded, tmp_path / "federation"))


@pytest.fixture
def fedsched(federation: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fedsched:
    """Runs one command line in this process, with FEDSCHED_CONFIG set; the last cycle looks a few seconds old.

    The daemon is this very process, and its API does not answer.
    """
    monkeypatch.setenv("FEDSCHED_CONFIG", str(federation / "fedsched.toml"))
    monkeypatch.delenv("FEDSCHED_SERVER", raising=False)
    journal = open_journal(f"sqlite:{federation / 'fedsched.db'}")
    last = journal.last_cycle()
    assert last is not None
    now = last.plan.at + 5.0
    journal.acquire_lease(Holder.mine(), 86_400.0, now)
    journal.close()
    monkeypatch.setattr("time.time", lambda: now)

    def run(*words: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        captured = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


LAPTOP = """id = "lap"
journal = "sqlite:fedsched.db"
listen = "127.0.0.1:0"

[[queue]]
name = "local"
kind = "journal"

[[queue.principal]]
groups = ["physics", "physics.*"]
"""


@pytest.fixture(scope="session")
def recorded_laptop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A federation without any pool, with one member that has room for eight Jobs of four cores, and no Job yet."""
    folder = tmp_path_factory.mktemp("laptop")
    terms = MemberTerms("m1", mode="on", forms=("job",))
    nodes = SimNodeGroup("g1", 4, Resources(8000, 32 * 1024, 100 * 1024, 0, 110))
    member = SimMember(terms, (nodes,))
    run = SimRun(Scenario(members=(member,), begins=time.time() - 60), policy(), folder)
    for _ in range(3):
        run.cycle()
    run.close()
    (folder / "fedsched.toml").write_text(LAPTOP, encoding="utf-8")
    (folder / "clusters").mkdir()
    return folder


@pytest.fixture
def laptop(recorded_laptop: Path, tmp_path: Path) -> Path:
    """A copy of its folder, to submit to."""
    return Path(shutil.copytree(recorded_laptop, tmp_path / "laptop"))


@pytest.fixture
def ann(laptop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fedsched:
    """Runs one command line as the account `ann`, five seconds after the laptop's last cycle."""
    journal = open_journal(f"sqlite:{laptop / 'fedsched.db'}")
    last = journal.last_cycle()
    journal.close()
    assert last is not None
    now = last.plan.at + 5.0
    monkeypatch.setattr("time.time", lambda: now)
    monkeypatch.setenv("FEDSCHED_CONFIG", str(laptop / "fedsched.toml"))
    monkeypatch.delenv("FEDSCHED_SERVER", raising=False)
    monkeypatch.setenv("SUDO_USER", "ann")

    def run(*words: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        captured = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run
