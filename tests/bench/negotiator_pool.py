"""One cycle of a real condor_negotiator over slots that no startd stands behind; nothing of ours is measured here."""

from __future__ import annotations

import random
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from tests.laboratory.slotfeed import CONFIG, feed

if TYPE_CHECKING:
    from tests.laboratory import Laboratory
    from tests.laboratory.pool import Pool

Pairs = tuple[tuple[str, str], ...]
SITES = 20
SHAPES = ((8, 32), (16, 64), (32, 128), (64, 256), (64, 512), (128, 512))
"""Cores and GiB of a slot."""
LIMIT_S = 400
SETTINGS = """\
NEGOTIATOR_INTERVAL = 3600
NEGOTIATOR_DEBUG = D_ALWAYS D_SUB_SECOND
NUM_CPUS = 8
MEMORY = 32768
use feature:PartitionableSlot
"""
HERE = frozenset({"Name", "Machine", "MyAddress", "StartdIpAddr", "AddressV1"})
"""What tells one slot from another that is like it."""
SECRET = frozenset({"ClaimId", "Capability"})
BARRED = '&& (TARGET.FedschedMember == "nowhere")'


class Case(msgspec.Struct, frozen=True):
    """How many idle jobs of how many autoclusters ask for how many slots.

    interleaved: jobs of an autocluster do not follow each other in the queue. barred: no job matches any slot, and
    only the last clause says so.
    """

    slots: int
    autoclusters: int
    interleaved: bool = False
    barred: bool = False
    idle: int = 10_000


class Cycle(msgspec.Struct, frozen=True):
    """What one cycle did. wall, cpu: seconds of its match phase, after the ads were fetched and submitters sorted.

    pairs: how often an autocluster was held against a slot. cut: it ran into its time limit. fetch: seconds before.
    """

    wall: float
    cpu: float
    fetch: float
    matches: int
    pairs: int
    cut: bool


class Ads(msgspec.Struct, frozen=True):
    """The ads of a case: one job of each autocluster, and all slots; without what only the negotiator may read."""

    jobs: tuple[Pairs, ...]
    slots: tuple[Pairs, ...]
    idle: int


def cycle_of(lab: Laboratory, case: Case) -> tuple[Cycle, Ads]:
    """A pool of its own, so that nothing is left of another case; its negotiator is started when all is there."""
    with lab.part() as inner:
        pool = inner.pool("bench", daemons=("COLLECTOR", "NEGOTIATOR", "SCHEDD", "STARTD"), config=CONFIG + SETTINGS)
        slots = _fed(pool, case)
        jobs = _submitted(pool, case)
        log = pool.folder / "log/NegotiatorLog"
        log.write_text("")
        pool.start_daemon("NEGOTIATOR")
        pool.wait("cycle", lambda: "Finished Negotiation Cycle" in log.read_text(errors="replace"), LIMIT_S)
        told = pool.wait("figures", lambda: pool.ads("Negotiator", "LastNegotiationCycleNumIdleJobs0 > 0"))[0]
        cycle = read(log.read_text(errors="replace"), told)
        return cycle, Ads(jobs, slots, case.idle)


def _fed(pool: Pool, case: Case) -> tuple[Pairs, ...]:
    """Slots as a real startd of this pool describes its own, of other sizes and elsewhere."""
    mine = 'MyType == "Machine" && PartitionableSlot =?= true'
    said = pool.wait("slot", lambda: pool.run("condor_status", "-any", "-long", "-constraint", mine).strip())
    pool.stop_daemon("STARTD")
    pool.stop_daemon("NEGOTIATOR")
    example = dict(line.split(" = ", 1) for line in said.splitlines())
    chance = random.Random(8)  # noqa: S311 - the same slots each time, no secret
    slots = [_slot(example, number, pool.host, chance) for number in range(case.slots)]
    feed(pool.host, pool.port, slots)
    count = ("condor_status", "-any", "-constraint", "FedschedMember isnt undefined", "-af", "Name")
    pool.wait("slots", lambda: len(pool.run(*count).split()) == case.slots)
    return tuple(tuple(sorted(pair for pair in slot if pair[0] not in SECRET)) for slot in slots)


def _slot(example: dict[str, str], number: int, host: str, chance: random.Random) -> Pairs:
    cores, gib = chance.choice(SHAPES)
    site, address = f"m{number % SITES:02}", f"<{host}:2?noUDP&sock=s{number}>"
    claim = f'"{address}#{int(time.time())}#{number}#..."'
    own = {"Name": f'"slot1@n{number}.{site}"', "Machine": f'"n{number}.{site}"', "FedschedMember": f'"{site}"'}
    own |= dict.fromkeys(("Cpus", "TotalCpus", "TotalSlotCpus"), str(cores))
    own |= dict.fromkeys(("Memory", "TotalMemory", "TotalSlotMemory"), str(gib * 1024))
    own |= dict.fromkeys(("Disk", "TotalDisk", "TotalSlotDisk"), str(512 << 20))
    own |= dict.fromkeys(("MyAddress", "StartdIpAddr"), f'"{address}"')
    return tuple({**example, **own, "ClaimId": claim, "Capability": claim}.items())


def request(number: int) -> tuple[int, int, int]:
    """Cores, MiB of memory and GiB of disk that the jobs of an autocluster ask for; any slot has them."""
    return (1, 2, 4, 8)[number % 4], 256 * (1 + number // 4 % 64), 1 + number // 256


def _submitted(pool: Pool, case: Case) -> tuple[Pairs, ...]:
    each = case.idle // case.autoclusters
    numbers = [n % case.autoclusters if case.interleaved else n // each for n in range(case.idle)]
    rows = "\n".join(" ".join(map(str, request(number))) for number in numbers)
    description = (
        "executable = /bin/sleep\ntransfer_executable = false\nshould_transfer_files = YES\narguments = 600\n"
        "request_cpus = $(c)\nrequest_memory = $(m)\nrequest_disk = $(d)G\n"
    )
    if case.barred:
        description += f"requirements = {_requirements()}\n"
    pool.submit("alice", f"{description}queue c m d from (\n{rows}\n)\n")
    pool.wait("queue", lambda: pool.ads("Submitter", f"IdleJobs == {case.idle}"))
    first = f"ProcId < {case.autoclusters}" if case.interleaved else f"ProcId % {each} == 0"
    said = pool.run("condor_q", "-all", "-long", "-constraint", first).strip().split("\n\n")
    jobs = [tuple(sorted(tuple(line.split(" = ", 1)) for line in ad.splitlines())) for ad in said]
    if len(jobs) != case.autoclusters:
        raise AssertionError(f"{len(jobs)} jobs, not {case.autoclusters}")
    return tuple(jobs)  # type: ignore[arg-type]


def _requirements() -> str:
    """All that condor_submit would add, so that it adds nothing, and at last what no slot has."""
    return (
        '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && (TARGET.Disk >= RequestDisk) '
        f"&& (TARGET.Memory >= RequestMemory) && (TARGET.HasFileTransfer) {BARRED}"
    )


_STAMP = re.compile(r"(\d+/\d+/\d+ \d+:\d+:\d+\.\d+) (.*)")
_ASKED = re.compile(r"\s*Request \S+ autocluster (\d+) ")


def read(log: str, told: dict[str, object]) -> Cycle:
    """From the log when phases began and what was held against what, from the negotiator's own ad its CPU seconds."""
    stamps: dict[str, float] = {}
    left, matches, pairs, last = int(str(told["LastNegotiationCycleCandidateSlots0"])), 0, 0, ""
    for stamp, what in (found.groups() for found in map(_STAMP.match, log.splitlines()) if found):
        if what.startswith(("Phase", "----------")):
            stamps.setdefault(" ".join(what.split()[:2]), _seconds(stamp))
        asked = _ASKED.match(what)
        if asked and asked[1] != last:
            last, pairs = asked[1], pairs + left
        if "Successfully matched" in what:
            left, matches = left - 1, matches + 1
    return Cycle(
        wall=stamps["---------- Finished"] - stamps["Phase 4.1:"],
        cpu=float(str(told["LastNegotiationCyclePhase4CpuTime0"])),
        fetch=stamps["Phase 2:"] - stamps["Phase 1:"],
        matches=matches,
        pairs=pairs,
        cut=bool(told["LastNegotiationCycleSubmittersOutOfTime0"]),
    )


def _seconds(stamp: str) -> float:
    """Of use for differences only: the log does not say in which zone its times are."""
    return datetime.strptime(stamp, "%m/%d/%y %H:%M:%S.%f").replace(tzinfo=UTC).timestamp()
