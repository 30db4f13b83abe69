"""What `simulate` is asked to run: a scenario's folder or a log becomes a setting and policies; nothing runs here."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fedsched.cli.durations import seconds
from fedsched.cli.output import Exit, Failure
from fedsched.config import ConfigError, load_members, load_policy
from fedsched.matchmaker.model import Policy, PoolTerms
from fedsched.sim.expect import Expected, judge
from fedsched.sim.folder import Loaded, load_scenario, shipped
from fedsched.sim.members import sim_members
from fedsched.sim.nodes_list import listed_members
from fedsched.sim.scenario import Scenario, SimMember
from fedsched.sim.workload.dealing import communities
from fedsched.sim.workload.fitting import rooms
from fedsched.sim.workload.logged import Tally
from fedsched.sim.workload.terms import Trace
from fedsched.sim.workload.trace import NOBODYS, Replayed, format_of, replay
from fedsched.study.compare import Setting
from fedsched.study.invariants import Checker
from fedsched.study.report.verdict import Verdict
from fedsched.study.result import Result

LOG_CYCLE_S = 60.0
LOG_LASTS_S = 86_400.0
COMMUNITIES = 4
"""Users of a log that names no groups are dealt to so many."""
PLAIN = "fair-share"


class Wish(msgspec.Struct, frozen=True):
    """The command line, as it was typed."""

    scenario: str
    trace: Path | None
    members: Path | None
    parts: int
    policy: str
    compare: tuple[str, ...]
    seed: int | None
    since: str
    load: float
    until: str
    cycle: str
    checked: bool
    skip_damaged: bool = False


class Staged(msgspec.Struct, frozen=True):
    """What is run. expect: what the first policy's run must come to; None where nobody said anything.

    remarks: what became of a log's entries, for people.
    """

    setting: Setting
    policies: tuple[Policy, ...]
    expect: Expected | None = None
    remarks: tuple[str, ...] = ()

    def verdict(self, results: Sequence[Result]) -> Verdict:
        """Whether the run came to what expect.toml says; only a whole run of the scenario's own policy is judged."""
        if self.expect is None or results[0].about.stopped:
            return Verdict()
        ranges = len(self.expect.contended) + len(self.expect.results)
        missed = judge(self.expect, results[0].numbers)
        return Verdict(ranges, tuple(f"expect.toml: {one}" for one in missed))


def stage(wish: Wish) -> Staged:
    """The setting and the policies. Failure for options that do not go together, ConfigError for files."""
    if bool(wish.scenario) == (wish.trace is not None):
        known = ", ".join(shipped())
        text = "a scenario and a log together" if wish.scenario else "nothing to simulate"
        raise Failure(
            Exit.USAGE, f"{text}: name a scenario ({known}, or a folder), or a log with --trace FILE --members DIR"
        )
    return _of_log(wish, wish.trace) if wish.trace is not None else _of_folder(wish)


def _of_folder(wish: Wish) -> Staged:
    if wish.members is not None or wish.since or wish.load != 1.0 or wish.parts != 1:
        text = "--members, --parts, --from and --load are for logs (--trace); a scenario's folder says all that itself"
        raise Failure(Exit.USAGE, text)
    loaded = load_scenario(wish.scenario, wish.seed)
    until_s = _seconds("--until", wish.until, "36h") or loaded.until_s
    if until_s > loaded.ends_s:
        text = f"--until {wish.until}: the scenario ends after {loaded.ends_s / 3600:g} h (ends_s in scenario.toml)"
        raise Failure(Exit.USAGE, text)
    policies = _policies(wish, loaded.folder / "policies", loaded.policy)
    setting = Setting(
        name=loaded.name,
        title=loaded.title,
        scenario=loaded.scenario,
        seed=loaded.seed,
        cycle_s=_seconds("--cycle", wish.cycle, "60s") or loaded.files.federation.cadence.cycle_s,
        until_s=until_s,
        pools=tuple(PoolTerms(pool.name, pool.negotiator) for pool in loaded.files.federation.pools),
        guard=Checker if wish.checked else None,
        command=lambda policy: _command(wish, policy, loaded.seed),
    )
    return Staged(setting, policies, _expected(wish, loaded, policies))


def _expected(wish: Wish, loaded: Loaded, policies: tuple[Policy, ...]) -> Expected | None:
    """expect.toml, as far as it speaks of such a run: ranges are of the scenario's own length, cadence and policy.

    That it is contended must be so in any whole run.
    """
    if wish.until or wish.cycle:
        return None
    if policies[0] != loaded.policy:
        return msgspec.structs.replace(loaded.expect, results={})
    return loaded.expect


def _of_log(wish: Wish, trace: Path) -> Staged:
    if wish.members is None:
        raise Failure(Exit.USAGE, f"{trace}: on which members? Name their files with --members DIR")
    members = _members(wish.members, wish.parts)
    from_s = _seconds("--from", wish.since, "10d") or 0.0
    until_s = _seconds("--until", wish.until, "36h") or LOG_LASTS_S
    groups = () if format_of(trace) == "history" else communities(COMMUNITIES)
    told = Trace(
        file=trace,
        format=format_of(trace),
        from_s=from_s,
        until_s=from_s + until_s * wish.load,
        load=wish.load,
        groups=groups,
        ignore_requirements=True,
        damaged="leave-out" if wish.skip_damaged else "refuse",
    )
    replayed = _replayed(told, members)
    name = trace.name.partition(".")[0]
    days = f"{until_s / 86_400:.3g} days from day {from_s / 86_400:.3g} on"
    seed = 1 if wish.seed is None else wish.seed
    setting = Setting(
        name=name,
        title=f"{name}: {days}, {len(members)} members, {len(replayed.jobs):,} jobs",
        scenario=Scenario(members=members, jobs=replayed.jobs),
        seed=seed,
        cycle_s=_seconds("--cycle", wish.cycle, "60s") or LOG_CYCLE_S,
        until_s=until_s,
        guard=Checker if wish.checked else None,
        command=lambda policy: _command(wish, policy, seed),
    )
    return Staged(setting, _policies(wish, trace.parent / "policies", None), remarks=_remarks(trace, replayed.tally))


def _replayed(trace: Trace, members: tuple[SimMember, ...]) -> Replayed:
    """The log's jobs. Failure with the first damaged line, and what can be done about it."""
    try:
        return replay(trace.file, trace, rooms(members))
    except ConfigError as error:
        hint = "" if trace.damaged == "leave-out" else "leave out what is damaged, and count it: --skip-damaged"
        raise Failure(Exit.USAGE, str(error), hint) from None


def _remarks(file: Path, tally: Tally) -> tuple[str, ...]:
    read = f"{file.name}: " + ", ".join(f"{count:,} {what}" for what, count in tally.plain().items() if count)
    return (read, f"  the first damaged: {tally.damage}") if tally.damage else (read,)


def _members(place: Path, parts: int) -> tuple[SimMember, ...]:
    if place.is_dir():
        federation = msgspec.structs.replace(NOBODYS, clusters=place)
        return sim_members(load_members(federation), place)
    if not place.is_file():
        raise Failure(Exit.USAGE, f"--members {place}: no such folder or list of nodes")
    return listed_members(place, parts)


def _policies(wish: Wish, own: Path, usual: Policy | None) -> tuple[Policy, ...]:
    """What --policy and --compare name, each once, in their order; else the scenario's own."""
    first = load_policy(wish.policy, own) if wish.policy else usual
    if first is None and not wish.compare:
        first = load_policy(PLAIN, own)
    named = [load_policy(name, own) for name in wish.compare]
    found = [first] if first is not None and (wish.policy or not named) else []
    return tuple({policy.name: policy for policy in [*found, *named]}.values())


def _seconds(option: str, text: str, example: str) -> float | None:
    return seconds(option, text, example) if text else None


def _command(wish: Wish, policy: Policy, seed: int) -> str:
    """The command line that gives one run again."""
    options: list[tuple[str, object]] = [
        ("--trace", wish.trace),
        ("--members", wish.members),
        ("--parts", wish.parts if wish.parts != 1 else None),
        ("--policy", policy.name),
        ("--seed", seed),
        ("--from", wish.since),
        ("--load", wish.load if wish.load != 1.0 else None),
        ("--until", wish.until),
        ("--cycle", wish.cycle),
    ]
    words = [str(word) for option, value in options if value not in {None, ""} for word in (option, value)]
    words += ["--skip-damaged"] if wish.skip_damaged else []
    return shlex.join(["fedsched", "simulate", *([wish.scenario] if wish.scenario else []), *words])
