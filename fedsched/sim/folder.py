"""Scenario folders: a federation's files, scenario.toml and expect.toml become one scenario; nothing runs here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec

from fedsched.config import ConfigError, Files, Problem, load
from fedsched.config.problems import did_you_mean
from fedsched.config.settings import Federation
from fedsched.config.tables import Reading, read_file
from fedsched.matchmaker.model import Policy
from fedsched.matchmaker.resources import Resources
from fedsched.sim.expect import Expected
from fedsched.sim.members import sim_members, window
from fedsched.sim.scenario import Scenario, SimJob, SimMember, TraceJob
from fedsched.sim.tables import EXPECT, SCENARIO, ScenarioFile
from fedsched.sim.workload.fitting import rooms
from fedsched.sim.workload.generators import GENERATORS
from fedsched.sim.workload.jobs import TooManyError, generated, submitted
from fedsched.sim.workload.queued import queued_jobs
from fedsched.sim.workload.trace import replay

T = TypeVar("T")
Tallies: TypeAlias = tuple[tuple[str, dict[str, int]], ...]
SHIPPED = Path(__file__).parent / "scenarios"


class Loaded(msgspec.Struct, frozen=True):
    """A scenario, read. seed: what it was drawn with. until_s, ends_s: see ScenarioFile; never None here.

    tallies: file of each log that it replays -> what became of its entries, in numbers by name.
    """

    name: str
    title: str
    folder: Path
    files: Files
    scenario: Scenario
    expect: Expected
    seed: int
    until_s: float
    ends_s: float
    tallies: Tallies = ()

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
    jobs, tallies = _jobs(*read, Given(drawn, rooms(members), files.federation))
    return Loaded(
        name=folder.resolve().name,
        title=said.title,
        folder=folder,
        files=files,
        scenario=_scenario(said, members, (jobs, queued_jobs(said.workload.queued, drawn)), files.federation),
        expect=expect,
        seed=drawn,
        until_s=said.ends_s if said.until_s is None else said.until_s,
        ends_s=said.ends_s,
        tallies=tallies,
    )


Work: TypeAlias = tuple[tuple[TraceJob, ...], tuple[SimJob, ...]]


def _scenario(said: ScenarioFile, members: tuple[SimMember, ...], work: Work, federation: Federation) -> Scenario:
    jobs, queued = work
    return Scenario(
        members=members,
        jobs=jobs,
        queued=queued,
        pool=federation.pools[0].name if federation.pools else "",
        negotiator_s=said.negotiator_s,
        poll_s=said.poll_s,
        lease_s=said.lease_s,
        ad_s=said.ad_s,
        silent_schedds=tuple((one.schedd, window(one)) for one in said.silent),
        silent_queues=tuple((one.schedd, window(one)) for one in said.silent),
        gone_schedds=tuple((one.schedd, window(one)) for one in said.gone),
        silent_hub=tuple(window(one) for one in said.silent_hub),
        begins=said.begins_at,
    )


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
    for name in ("silent", "gone", "silent_hub"):
        for place, one in enumerate(getattr(said, name)):
            if one.end_s <= one.begin_s:
                reading.wrong((name, place, "end_s"), "expected later than begin_s")
    for kind in (*GENERATORS, "queued"):
        for place, source in enumerate(getattr(said.workload, kind)):
            if not source.users:
                reading.wrong(("workload", kind, place, "users"), "expected at least one user")
    reading.finish()
    return reading, said


class Given(NamedTuple):
    """What jobs are made for: a seed, what nodes hold, a federation's settings."""

    seed: int
    rooms: tuple[Resources, ...]
    federation: Federation


def _jobs(reading: Reading, said: ScenarioFile, given: Given) -> tuple[tuple[TraceJob, ...], Tallies]:
    jobs, tallies = _generated(reading, said, given.seed), []
    for trace in said.workload.trace:
        replayed = replay(reading.file.parent / trace.file, trace, given.rooms, given.federation)
        jobs = submitted(jobs, replayed.jobs)
        tallies.append((str(trace.file), replayed.tally.plain()))
    if not jobs and not said.workload.queued:
        reading.wrong(("workload",), "has no job at all")
    schedds = sorted({job.schedd for job in jobs} | {source.queue for source in said.workload.queued})
    for name in ("silent", "gone"):
        for place, one in enumerate(getattr(said, name)):
            if one.schedd not in schedds:
                reading.wrong((name, place, "schedd"), f"nobody submits there{did_you_mean(one.schedd, schedds)}")
    reading.finish()
    return jobs, tuple(tallies)


def _generated(reading: Reading, said: ScenarioFile, seed: int) -> tuple[TraceJob, ...]:
    try:
        return generated(said.workload, seed, said.begins_at)
    except TooManyError as error:
        reading.wrong(("workload", error.kind, error.place), str(error))
        reading.finish()
        raise
