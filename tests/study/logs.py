"""The study of real logs: `python -m tests.study.logs FOLDER`; the NASA and MetaCentrum logs over 1, 3 and 5 members.

FOLDER holds nasa_ipsc_1993.swf.gz, metacentrum_wagap_2013.swf.gz and metacentrum_wagap_2013.machines. Every run has
invariants on and must be contended; the command ends with 1 when one was not. docs/simulate.md shows what it prints.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from fedsched.cli import output
from fedsched.cli.output import Column
from fedsched.config import load_policy
from fedsched.log import configure
from fedsched.matchmaker.model import MemberTerms
from fedsched.matchmaker.resources import Resources
from fedsched.sim.nodes_list import listed_members
from fedsched.sim.scenario import Scenario, SimMember, SimNodeGroup
from fedsched.sim.workload.dealing import communities
from fedsched.sim.workload.fitting import rooms
from fedsched.sim.workload.terms import Trace
from fedsched.sim.workload.trace import Replayed, replay
from fedsched.study.compare import Setting, play
from fedsched.study.invariants import Checker
from fedsched.study.report.page import page
from fedsched.study.report.tables import shown
from fedsched.study.result import Result

SHIPPED = Path(__file__).parents[2] / "policies"
POLICIES = ("fair-share", "conference-spike")
PARTS = (1, 3, 5)
HOUR = 3600
DAY = 24.0 * HOUR
CYCLE_S = 300.0
NUMBERS = (
    "jobs_done",
    "wait_p50_s",
    "wait_p95_s",
    "contended_cycles",
    "utilisation",
    "use_of_held",
    "fairness_error",
    "evictions",
    "eviction_core_hours",
    "placed",
)


class Log(NamedTuple):
    """One log: which part of it, how much faster it comes than it did, and the members that it is replayed on.

    lifetime_s: how long startds live, in the policies and at the members: as long as the jobs say that they may run.
    """

    name: str
    trace: Trace
    members: Callable[[Path, int], tuple[SimMember, ...]]
    until_s: float
    lifetime_s: int


def nasa_members(_folder: Path, parts: int) -> tuple[SimMember, ...]:
    """The machine's 128 processors as 16 nodes of 8 cores, dealt to so many members."""
    size = Resources(8_000, 32 * 1024, 200 * 1024, 0, 110)
    each, rest = divmod(16, parts)
    return tuple(
        SimMember(
            MemberTerms(f"m{place + 1}", mode="on", share="group"),
            (SimNodeGroup("ipsc", each + (place < rest), size),),
        )
        for place in range(parts)
    )


def metacentrum_members(folder: Path, parts: int) -> tuple[SimMember, ...]:
    """Its two clusters, 20 nodes of 80 cores and 48 of 12, each dealt evenly."""
    return listed_members(folder / "metacentrum_wagap_2013.machines", parts)


def logs(folder: Path) -> tuple[Log, ...]:
    """Both logs with the windows of the study."""
    return (
        Log(
            "NASA iPSC/860, 1993",
            Trace(
                file=folder / "nasa_ipsc_1993.swf.gz",
                format="swf",
                from_s=40 * DAY,
                until_s=42.5 * DAY,
                load=1.25,
                groups=communities(3),
                ignore_requirements=True,
                damaged="leave-out",
            ),
            nasa_members,
            2 * DAY,
            12 * HOUR,
        ),
        Log(
            "MetaCentrum wagap, 2013",
            Trace(
                file=folder / "metacentrum_wagap_2013.swf.gz",
                format="swf",
                from_s=70 * DAY,
                until_s=76 * DAY,
                load=6.0,
                groups=communities(4),
                memory="bytes-per-job",
                ignore_requirements=True,
                damaged="leave-out",
            ),
            metacentrum_members,
            DAY,
            14 * 24 * HOUR,
        ),
    )


def results(log: Log, folder: Path, until_s: float) -> Iterator[tuple[int, Replayed, Result]]:
    """Each run of one log: members, what was replayed, and what it came to."""
    for parts in PARTS:
        members = tuple(_living(member, log.lifetime_s) for member in log.members(folder, parts))
        replayed = replay(log.trace.file, log.trace, rooms(members))
        scenario = Scenario(members=members, jobs=replayed.jobs)
        title = f"{log.name} on {parts} {'member' if parts == 1 else 'members'}"
        setting = Setting(log.name, title, scenario, 1, CYCLE_S, min(until_s, log.until_s), guard=Checker)
        for name in POLICIES:
            policy = load_policy(name, SHIPPED)
            startds = msgspec.structs.replace(policy.startds, lifetime_s=log.lifetime_s)
            policy = msgspec.structs.replace(policy, startds=startds)
            yield parts, replayed, play(setting, policy, lambda _run: None)


def _living(member: SimMember, lifetime_s: int) -> SimMember:
    terms = msgspec.structs.replace(member.terms, max_lifetime_s=lifetime_s)
    return msgspec.structs.replace(member, terms=terms)


def study(log: Log, folder: Path, until_s: float, report: Path | None) -> bool:
    """Run one log, print its table, write its pages; whether every run was contended."""
    rows: list[tuple[str, ...]] = []
    found: list[Result] = []
    for parts, replayed, result in results(log, folder, until_s):
        if not found:
            told = ", ".join(f"{count:,} {what}" for what, count in replayed.tally.plain().items() if count)
            output.line(f"{log.name}: {told}")
        found.append(result)
        numbers = tuple(shown(name, result.numbers.get(name)) for name in NUMBERS)
        rows.append((str(parts), result.about.policy, *numbers, f"{result.about.seconds:.0f} s"))
    titles = tuple(name.removesuffix("_s").replace("_", " ").upper() for name in NUMBERS)
    right = tuple(Column(title, right=True) for title in (*titles, "TOOK"))
    columns = (Column("MEMBERS", right=True), Column("POLICY"), *right)
    output.table(columns, rows)
    output.line()
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        for place, parts in enumerate(PARTS):
            pair = found[place * len(POLICIES) : (place + 1) * len(POLICIES)]
            name = f"{log.name.split()[0].lower()}-{parts}.html"
            (report / name).write_text(page(pair), encoding="utf-8")
    return all(result.numbers["contended_cycles"] > 0 for result in found)


def main() -> int:
    """Both logs; 1 when a run was not contended."""
    parser = argparse.ArgumentParser(prog="python -m tests.study.logs", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the logs are")
    parser.add_argument("--hours", type=float, default=48.0, help="simulate at most so much of each window")
    parser.add_argument("--report", type=Path, help="write pages that compare the policies there")
    parser.add_argument("--only", default="", help="the log whose name begins so")
    wish = parser.parse_args()
    configure(level="error")
    chosen = [log for log in logs(wish.folder) if log.name.lower().startswith(wish.only.lower())]
    contended = [study(log, wish.folder, wish.hours * 3600, wish.report) for log in chosen]
    return 0 if all(contended) else 1


if __name__ == "__main__":
    sys.exit(main())
