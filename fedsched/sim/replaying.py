"""A log, members and a policy become a scenario without a folder: `simulate --trace`; nothing runs here."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from fedsched.config import ConfigError, Files, Problem, load_members, load_policy
from fedsched.config.settings import Cadence, Federation, MemberFile
from fedsched.sim.expect import Expected
from fedsched.sim.folder import Loaded
from fedsched.sim.members import sim_members
from fedsched.sim.nodes_list import listed_members
from fedsched.sim.scenario import Scenario, SimMember
from fedsched.sim.workload.fitting import rooms
from fedsched.sim.workload.terms import Trace
from fedsched.sim.workload.trace import NOBODYS, replay

BEGINS = 1_800_000_000.0
"""A Friday at eight in the morning, UTC: a log's own dates say nothing that a decision reads."""
DAY_S = 86_400.0
MOST_MEMBERS = 1000


class On(NamedTuple):
    """Where a log is replayed. members: a folder of members' files with [simulated], or a list of nodes.

    split: how many members a list of nodes is dealt to. policy: its name; looked for in `policies`, then among those
    shipped. cycle_s: seconds between cycles.
    """

    members: Path
    policy: str = "fair-share"
    policies: Path = Path("policies")
    split: int = 1
    cycle_s: float = 60.0


def load_trace(trace: Trace, on: On) -> Loaded:
    """The scenario. Its end is a day after the last job has come. Raises ConfigError with file and line."""
    policy = load_policy(on.policy, on.policies)
    federation = msgspec.structs.replace(
        NOBODYS, clusters=on.members, policies=on.policies, policy=on.policy, cadence=Cadence(cycle_s=on.cycle_s)
    )
    files, members = _members(on, federation)
    replayed = replay(trace.file, trace, rooms(members), federation)
    ends_s = replayed.jobs[-1].at + DAY_S
    return Loaded(
        name=trace.file.name.partition(".")[0],
        title=f"{trace.file.name} on {len(members)} members",
        folder=trace.file.parent,
        files=Files(federation, files, policy),
        scenario=Scenario(members, jobs=replayed.jobs, pool=federation.pools[0].name, begins=BEGINS),
        expect=Expected({}),
        seed=1,
        until_s=ends_s,
        ends_s=ends_s,
        tallies=((trace.file.name, replayed.tally.plain()),),
    )


def _members(on: On, federation: Federation) -> tuple[tuple[MemberFile, ...], tuple[SimMember, ...]]:
    if on.members.is_dir():
        files = load_members(federation)
        return files, sim_members(files, on.members)
    if not 1 <= on.split <= MOST_MEMBERS:
        raise ConfigError((Problem(on.members, 0, "", f"expected 1 to {MOST_MEMBERS} members, not {on.split}"),))
    return (), listed_members(on.members, on.split)
