"""Looks at a federation for a checkup: members, pools, schedds, journal, this machine; it writes nothing anywhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fedsched.answers.checkup import Look, Own, judged, may_pass
from fedsched.cli.output import Exit, Failure
from fedsched.cli.source import present, simulated
from fedsched.client.documents.checkup import Finding
from fedsched.journal import Holder, Recorded, open_journal
from fedsched.matchmaker.model import Memory, Observation, ShareLine

if TYPE_CHECKING:
    from fedsched.config import Files
    from fedsched.config.settings import Federation, MemberFile, PoolSettings
    from fedsched.kube.site import Site

LOOK_S = 15.0
"""So long collectors and schedds have for their first answer."""
LONGEST_WAIT_S = 20.0
"""So long at most a daemon has to mend what may be passing."""
HEALTH_S = 5.0
AT_ONCE = 16
MIB = 2**20


class Told(msgspec.Struct, frozen=True):
    """What the journal says now."""

    memory: Memory = Memory()
    epoch: int = 0
    holder: str = ""
    cycle: Recorded | None = None


class Checked(msgspec.Struct, frozen=True):
    """What came out. reached: whether anybody at all answered."""

    findings: tuple[Finding, ...]
    cycle: Recorded | None
    requests: int = 0
    reached: bool = True


def live(files: Files, members: tuple[MemberFile, ...]) -> Checked:
    """Look at these members and all pools; again where a running daemon may be about to mend what was found."""
    look, sites = _look(files, members)
    found, told = judged(look), look.served
    passing = {(one.name, one.about) for one in found if may_pass(one)}
    requests = sum(site.requests for site in sites)
    if passing and told:
        time.sleep(min(LONGEST_WAIT_S, 2 * files.federation.cadence.cycle_s + 3))
        look, sites = _look(files, members)
        requests += sum(site.requests for site in sites)
        found = tuple(_lasting(judged(look), passing))
    reached = any(not site.error for site in sites) or any(pool.seen_at is not None for pool in look.seen.pools)
    return Checked(found, _told(files.federation).cycle, requests, reached)


def offline(files: Files) -> Checked:
    """Judge by the journal alone. Failure where it has no cycle."""
    told = _told(files.federation)
    if told.cycle is None:
        raise Failure(Exit.STALE, "no cycle is recorded yet", "start one: fedsched serve --once --dispatch=none")
    at = present(files.federation, told.cycle.plan.at)
    own = None if simulated(files.federation) else _own(files.federation, at, live=False)
    return Checked(judged(_of(files, told, told.cycle.observation, at, (), own)), told.cycle)


def _lasting(found: tuple[Finding, ...], before: set[tuple[str, str]]) -> Iterator[Finding]:
    """Of what may pass, only what was there at the first look already; a property without such faults holds."""
    kept = {one.name for one in found if not may_pass(one) or (one.name, one.about) in before}
    told: set[str] = set()
    for one in found:
        if not may_pass(one) or (one.name, one.about) in before:
            yield one
        elif one.name not in kept | told:
            told.add(one.name)
            yield Finding(one.name, one.rule, "ok", "the daemon is about to mend what was seen, or has done so")


def _look(files: Files, members: tuple[MemberFile, ...]) -> tuple[Look, tuple[Site, ...]]:
    from fedsched.kube import site

    settings, before = files.federation, _told(files.federation)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        looks: list[Future[Site]] = [
            pool.submit(site.look, member, settings.credentials, settings.id, time.time()) for member in members
        ]
        asked = [pool.submit(_clocks, one, settings.cadence.query_limit_s) for one in settings.pools]
        seen = _observed(settings)
        sites = tuple(one.result() for one in looks)
        clocks = [one.result() for one in asked]
    # Read last: memory is durable before anything is created, so whatever stands is known by now.
    told, at = _told(settings), time.time()
    own = _own(settings, at, live=True)
    own = msgspec.structs.replace(
        own,
        skews=tuple(skew for skews, _ in clocks for skew in skews),
        versions=(*own.versions, *(version for _, versions in clocks for version in versions)),
    )
    look = _of(files, told, seen, at, sites, own)
    look.before = frozenset(one.placement.id for one in before.memory.held)
    return look, sites


def _observed(settings: Federation) -> Observation:
    """Collectors and schedds once, as a starting daemon asks them; members are read elsewhere."""
    from fedsched.daemon.starting import first_look
    from fedsched.federation import live_world
    from fedsched.log import configure
    from fedsched.loop import Agenda, SystemClock

    configure(level="critical")
    world = live_world(settings, ())
    world.start()
    try:
        return first_look(world, SystemClock(), Agenda(), LOOK_S)
    finally:
        world.stop()


def _clocks(pool: PoolSettings, limit_s: float) -> tuple[list[tuple[str, float]], list[tuple[str, str]]]:
    """Clocks of a pool's collector and schedds, and its version; nothing where it does not answer: others say so."""
    from fedsched.condor.processes import Children, QueryFailed
    from fedsched.condor.questions import AskClocks, Clocks

    children = Children(pool, limit_s)
    try:
        told = children.ask(AskClocks(pool.collector))
    except QueryFailed:
        return [], []
    finally:
        children.close()
    if not isinstance(told, Clocks):
        return [], []
    skews = [(f"collector {pool.name}", told.ahead_s), *((f"schedd {name}", skew) for name, skew in told.schedds)]
    return skews, [(f"collector {pool.name}", told.version)] if told.version else []


def _of(files: Files, told: Told, seen: Observation, at: float, sites: tuple[Site, ...], own: Own | None) -> Look:
    cycle = told.cycle
    shares: tuple[ShareLine, ...] = cycle.plan.shares if cycle else ()
    return Look(
        at=at,
        seen=seen,
        memory=told.memory,
        policy=files.policy,
        terms=tuple(member.terms for member in files.members),
        epoch=told.epoch,
        holder=told.holder,
        cycle_at=cycle.plan.at if cycle else None,
        cycle_s=files.federation.cadence.cycle_s,
        version=cycle.version if cycle else "",
        shares=shares,
        sites=sites,
        live=bool(sites),
        own=own,
    )


def _told(settings: Federation) -> Told:
    if not Path(settings.journal.partition(":")[2]).is_file():
        return Told()
    journal = open_journal(settings.journal, reading=True)
    try:
        lease, cycle = journal.lease(), journal.last_cycle()
        served = lease is not None and lease.refuses(Holder.mine(), time.time())
        return Told(journal.memory(), journal.epoch(), str(lease.holder) if served and lease else "", cycle)
    finally:
        journal.close()


def _own(settings: Federation, at: float, *, live: bool) -> Own:
    place = Path(settings.journal.partition(":")[2])
    size = sum(path.stat().st_size for path in place.parent.glob(f"{place.name}*") if path.is_file())
    return Own(
        versions=tuple(_versions()),
        web=tuple((where, _health(where)) for where in _addresses(settings)) if live else (),
        tokens=tuple(token for pool in settings.pools for token in _tokens(pool, at)),
        free=tuple(_free(place.parent, settings.records)),
        journal=(size, settings.keep_mib * MIB),
    )


def _versions() -> Iterator[tuple[str, str]]:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    from fedsched import __version__
    from fedsched.journal.opening import SCHEMA

    yield "fedsched", __version__
    yield "journal schema", str(SCHEMA)
    for package in ("htcondor", "kubernetes"):
        try:
            yield package, of(package)
        except PackageNotFoundError:
            yield package, "missing"


def _free(*folders: Path) -> Iterator[tuple[str, int]]:
    for folder in dict.fromkeys(folders):
        there = next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))
        yield str(folder), shutil.disk_usage(there).free


def _tokens(pool: PoolSettings, at: float) -> Iterator[tuple[str, float | None, str]]:
    from fedsched.condor.tokens import parse_token

    for what, path in (("token", pool.token_file), ("startd token", pool.startd_token_file)):
        if path is None:
            continue
        name = f"{what} of pool {pool.name}"
        try:
            yield name, parse_token(path.read_text("ascii", "replace"), at).expires_at, ""
        except OSError as error:
            yield name, None, f"{path}: {error.strerror}"
        except ValueError as error:
            yield name, None, f"{path}: {error}"


def _addresses(settings: Federation) -> list[str]:
    return [settings.listen, *([f"unix:{settings.socket}"] if settings.socket else [])]


def _health(address: str) -> str:
    """What is wrong with the answer of /healthz there, "" for nothing."""
    import httpx

    path = address.removeprefix("unix:") if address.startswith("unix:") else None
    if path and not Path(path).exists():
        return "there is no such socket"
    base = "http://localhost" if path else f"http://{address}"
    transport = httpx.HTTPTransport(uds=path) if path else None
    try:
        with httpx.Client(transport=transport, timeout=HEALTH_S, trust_env=False) as client:
            answer = client.get(f"{base}/healthz")
    except httpx.HTTPError as error:
        return f"no answer ({str(error) or type(error).__name__})"
    return "" if answer.status_code == httpx.codes.OK else f"HTTP {answer.status_code}: {answer.text[:200]}"
