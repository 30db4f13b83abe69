"""Scenario folders: a federation's files, scenario.toml and expect.toml become one scenario; nothing runs here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from fedsched.config import ConfigError, Files, Problem, load
from fedsched.config.problems import did_you_mean
from fedsched.config.tables import Reading, read_file
from fedsched.matchmaker.model import Policy
from fedsched.sim.expect import Expected
from fedsched.sim.members import sim_members
from fedsched.sim.scenario import Scenario, TraceJob, Window
from fedsched.sim.tables import EXPECT, SCENARIO, ScenarioFile
from fedsched.sim.workload.generators import GENERATORS
from fedsched.sim.workload.jobs import TooManyError, generated

T = TypeVar("T")
SHIPPED = Path(__file__).parent / "scenarios"


class Loaded(msgspec.Struct, frozen=True):
    """A scenario folder, read. seed: what it was drawn with. until_s, ends_s: see ScenarioFile; never None here."""

    name: str
    title: str
    folder: Path
    files: Files
    scenario: Scenario
    expect: Expected
    seed: int
    until_s: float
    ends_s: float

    @property
    def policy(self) -> Policy:
        """The policy that fedsched.toml names."""
        return self.files.policy


def shipped() -> tuple[str, ...]:
    """Names of the scenarios that come with fedsched."""
    return tuple(sorted(file.parent.name for file in SHIPPED.glob("*/scenario.toml")))


def find(scenario: str | Path) -> Path:
    """The folder of a shipped scenario by its name, or of one's own by its path. Raises ConfigError."""
    given = Path(scenario)
    if (given / "scenario.toml").is_file():
        return given
    if given.name == str(scenario) and given.name in shipped():
        return SHIPPED / given.name
    if given.is_dir():
        raise ConfigError((Problem(given / "scenario.toml", 0, "", "is missing; a folder of a scenario has one"),))
    raise ConfigError((Problem(given, 0, "", f"no such scenario{did_you_mean(str(scenario), list(shipped()))}"),))


def load_scenario(scenario: str | Path, seed: int | None = None) -> Loaded:
    """A shipped scenario by its name, or one's own by its folder; `seed` instead of the file's own.

    Raises ConfigError with the problems of all its files together.
    """
    folder = find(scenario)
    problems: list[Problem] = []

    def attempt(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except ConfigError as error:
            problems.extend(error.problems)
            return None

    files = attempt(lambda: load(folder / "fedsched.toml"))
    expect = attempt(lambda: _expected(folder / "expect.toml"))
    read = attempt(lambda: _read(folder / "scenario.toml"))
    members = attempt(lambda: sim_members(files.members, files.federation.clusters)) if files else None
    if files is None or expect is None or read is None or members is None:
        raise ConfigError(tuple(problems))
    said = read[1]
    drawn = said.seed if seed is None else seed
    whole = Scenario(
        members=members,
        jobs=_jobs(*read, drawn),
        pool=files.federation.pools[0].name,
        negotiator_s=said.negotiator_s,
        poll_s=said.poll_s,
        lease_s=said.lease_s,
        silent_schedds=tuple((one.schedd, Window(one.begin_s, one.end_s)) for one in said.silent),
        begins=said.begins_at,
    )
    until_s = said.ends_s if said.until_s is None else said.until_s
    name = folder.resolve().name
    return Loaded(name, said.title, folder, files, whole, expect, drawn, until_s, said.ends_s)


def _expected(file: Path) -> Expected:
    reading, expected = read_file(file, EXPECT)
    if not expected.contended:
        text = "is empty; a scenario in which nobody waits for room shows nothing: say what must be contended"
        reading.wrong(("contended",), text)
    reading.finish()
    return expected  # type: ignore[no-any-return]  # a table builds what it is made for


def _read(file: Path) -> tuple[Reading, ScenarioFile]:
    reading, said = read_file(file, SCENARIO)
    if said.until_s is not None and said.until_s > said.ends_s:
        reading.wrong(("until_s",), f"is after the end (ends_s = {said.ends_s:g} s)")
    for place, one in enumerate(said.silent):
        if one.end_s <= one.begin_s:
            reading.wrong(("silent", place, "end_s"), "expected later than begin_s")
    for kind in GENERATORS:
        for place, source in enumerate(getattr(said.workload, kind)):
            if not source.users:
                reading.wrong(("workload", kind, place, "users"), "expected at least one user")
    reading.finish()
    return reading, said


def _jobs(reading: Reading, said: ScenarioFile, seed: int) -> tuple[TraceJob, ...]:
    jobs: tuple[TraceJob, ...] = ()
    try:
        jobs = generated(said.workload, seed, said.begins_at)
    except TooManyError as error:
        reading.wrong(("workload", error.kind, error.place), str(error))
    else:
        if not jobs:
            reading.wrong(("workload",), "has no job at all")
        schedds = sorted({job.schedd for job in jobs})
        for place, one in enumerate(said.silent):
            if one.schedd not in schedds:
                reading.wrong(("silent", place, "schedd"), f"nobody submits there{did_you_mean(one.schedd, schedds)}")
    reading.finish()
    return jobs
