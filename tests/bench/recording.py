"""Bytes and milliseconds of a recorded cycle: as the difference that the journal keeps, and whole as zlib has it."""

from __future__ import annotations

import random
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from fedsched.journal import Recorded
from fedsched.journal.archive import GROUP
from fedsched.journal.bodies import Chained, Written, encode, read
from fedsched.journal.deltas import pack, unpack
from fedsched.log import configure
from fedsched.matchmaker.model import DemandClass, Policy, SlotView, Snapshot
from fedsched.matchmaker.negotiate import negotiate
from fedsched.study.run import SimRun
from tests.bench.match import GROUPS, round_of
from tests.bench.standing import at_work, remembered
from tests.sim.spike import conference_spike, policy

TITLE = "Recorded cycles"
CYCLE_S = 5.0
NOTE = (
    "Raw: all of a cycle written out. Whole: that with zlib, level 1. Kept: what stands in it twice or in the cycle "
    "before once, then zstandard with the bytes of the cycle before as its dictionary, one whole cycle in "
    f"{GROUP}, which is counted in. Read: all up to the middle of a group, which is what one cycle costs on average. "
    "Milliseconds are CPU time, from the cycle to its bytes and back. In the large federation a tenth of the classes "
    "change and a fifth of the slots report between two cycles, which are five seconds apart."
)


def run(*, quick: bool) -> str:
    """The section's text."""
    configure(level="error")
    sizes = (100, 5, 50, 100) if quick else (1000, 20, 200, 1000)
    rows = [
        _row("demo, from the onset of its spike on", _demo(20 if quick else 200)),
        _row(f"{sizes[0]:,} classes, {sizes[1]} members, {sizes[3]:,} startds", _large(*sizes, 4 if quick else GROUP)),
    ]
    head = "| federation | raw kB | whole kB | kept kB | ratio | whole ms | kept ms | read ms |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *rows, "", NOTE])


def _row(what: str, cycles: Sequence[Recorded]) -> str:
    raw = [encode(cycle) for cycle in cycles]
    whole, whole_ms = _timed(lambda: (zlib.compress(encode(cycle), 1) for cycle in cycles), len(cycles))
    follows = [now.snapshot.memory == before.plan.memory for before, now in pairwise(cycles)]
    kept, kept_ms = _timed(lambda: _differences(cycles, follows), len(cycles))
    _, read_ms = _timed(lambda: _read(kept[: GROUP // 2]), 1)
    sums = [sum(map(len, these)) / len(cycles) / 1000 for these in (raw, whole, kept)]
    numbers = [f"{value:,.1f}" for value in (*sums, sums[1] / sums[2], whole_ms, kept_ms, read_ms)]
    return f"| {what} | {' | '.join(numbers)} |"


def _timed(made: Callable[[], Iterable[bytes]], count: int) -> tuple[list[bytes], float]:
    """What is made, and the milliseconds of one of so many."""
    began = time.process_time()
    found = list(made())
    return found, (time.process_time() - began) / count * 1000


def _differences(cycles: Sequence[Recorded], follows: Sequence[bool]) -> Iterator[bytes]:
    """As the journal keeps them. follows: of all but the first whether they begin with what the one before left."""
    left, before = b"", b""
    for number, cycle in enumerate(cycles):
        alone = number % GROUP == 0
        written = Written(cycle, left if number and follows[number - 1] else None)
        body = written.body(alone=alone)
        yield pack(body, b"" if alone else before)
        left, before = written.memory, body


def _read(kept: Sequence[bytes]) -> Iterator[bytes]:
    """All bodies of the beginning of a group, the last one's cycle read as well."""
    before, body = b"", b""
    for number, packed in enumerate(kept):
        before, body = body, unpack(packed, body if number else b"")
        yield body
    read(Chained(body, before))


def _demo(count: int) -> list[Recorded]:
    with tempfile.TemporaryDirectory(prefix="fedsched-bench-") as folder:
        made = SimRun(conference_spike(), policy(), Path(folder), 1)
        made.until(3600.0)
        numbers = [number for number, _ in made.journal.cycles()][60 : 60 + count]
        found = list(made.journal.history(numbers[0], numbers[-1]))
        made.close()
    return found


def _large(classes: int, members: int, groups: int, standing: int, count: int) -> list[Recorded]:
    snapshot = at_work(round_of(classes, members, groups), standing, full=False)
    chance, found = random.Random(3), []  # noqa: S311 - the same history each time, no secret
    for _ in range(count):
        plan = negotiate(snapshot, Policy(groups=GROUPS))
        found.append(Recorded(snapshot, plan, policy="bench"))
        snapshot = _moved_on(remembered(snapshot, plan.memory, CYCLE_S), chance)
    return found


def _moved_on(snapshot: Snapshot, chance: random.Random) -> Snapshot:
    seen = snapshot.observation
    schedds = tuple(
        msgspec.structs.replace(view, classes=tuple(_other(demand, chance) for demand in view.classes))
        for view in seen.schedds
    )
    pools = tuple(
        msgspec.structs.replace(pool, slots=tuple(_heard(slot, snapshot.at, chance) for slot in pool.slots))
        for pool in seen.pools
    )
    return msgspec.structs.replace(snapshot, observation=msgspec.structs.replace(seen, schedds=schedds, pools=pools))


def _other(demand: DemandClass, chance: random.Random) -> DemandClass:
    if chance.random() > 0.1:
        return demand
    idle = max(1, demand.idle + chance.randint(-3, 3))
    examples = (f"{chance.randint(1, 10**6)}.0",)
    return msgspec.structs.replace(demand, idle=idle, priorities=((0, idle),), examples=examples)


def _heard(slot: SlotView, at: float, chance: random.Random) -> SlotView:
    return msgspec.structs.replace(slot, seen_at=at - chance.uniform(0, 5)) if chance.random() < 0.2 else slot
