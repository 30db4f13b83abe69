"""Members made from a list of nodes: a CSV file as the Alibaba traces have it, or `.machines` of the Alea simulator.

CSV: one node per line, columns sn, cpu_milli, memory_mib, gpu, model by the names of the header. `.machines`: id, name,
nodes, cores of each, speed, memory of each in KiB, parted by white space. Neither tells of disks: each has DISK_MIB.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from fedsched.config import ConfigError, Problem
from fedsched.config.simulated import MOST_NODES, PODS
from fedsched.matchmaker.classad import quote
from fedsched.matchmaker.model import MemberTerms
from fedsched.matchmaker.resources import Resources
from fedsched.sim.members import GPU
from fedsched.sim.scenario import SimMember, SimNodeGroup
from fedsched.sim.workload.logged import Line, lines
from fedsched.sim.workload.pods import table

DISK_MIB = 1024 * 1024
KIB_PER_MIB = 1024
LONGEST_S = 31 * 86_400
_COLUMNS = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
_MACHINE = 6


class _Kind(NamedTuple):
    name: str
    size: Resources
    model: str = ""


def listed_members(file: Path, count: int) -> tuple[SimMember, ...]:
    """`count` members, m1, m2 …, with the nodes of each kind dealt evenly. Raises ConfigError with file and line."""
    kinds: Counter[_Kind] = Counter()
    for kind, nodes in (_machines if ".machines" in file.suffixes else _csv)(lines(file)):
        kinds[kind] += nodes
        if kinds.total() > MOST_NODES:
            raise ConfigError((Problem(file, 0, "", f"more than {MOST_NODES} nodes"),))
    if kinds.total() < count:
        raise ConfigError((Problem(file, 0, "", f"holds {kinds.total()} nodes, too few for {count} members"),))
    names = _names(kinds)
    return tuple(
        SimMember(_terms(f"m{place + 1}"), tuple(_groups(kinds, names, place, count))) for place in range(count)
    )


def _terms(name: str) -> MemberTerms:
    """A site's own nodes: whoever runs there may stay as long as the policy lets them."""
    return MemberTerms(name, mode="on", share="group", max_lifetime_s=LONGEST_S)


def _csv(found: Iterable[Line]) -> Iterator[tuple[_Kind, int]]:
    for line, row in table(found, _COLUMNS):
        cores, memory, gpus = (line.amount(name, row[name] or "0") for name in ("cpu_milli", "memory_mib", "gpu"))
        if not cores or not memory:
            raise line.wrong("a node without cores or memory")
        model = row["model"].strip()
        yield _Kind(model.lower() or f"c{cores // 1000}", Resources(cores, memory, DISK_MIB, gpus, PODS), model), 1


def _machines(found: Iterable[Line]) -> Iterator[tuple[_Kind, int]]:
    for line in found:
        cells = line.text.split()
        if cells and len(cells) != _MACHINE:
            raise line.wrong(f"expected {_MACHINE} columns (id, name, nodes, cores, speed, KiB), not {len(cells)}")
        if cells:
            nodes, cores, memory = (line.amount(name, cells[n]) for name, n in (("nodes", 2), ("cores", 3), ("KiB", 5)))
            yield _Kind(cells[1].lower(), Resources(cores * 1000, memory // KIB_PER_MIB, DISK_MIB, 0, PODS)), nodes


def _names(kinds: Iterable[_Kind]) -> dict[_Kind, str]:
    """A name for each kind of node, as node groups may be called; the same word twice gets a number."""
    seen: Counter[str] = Counter()
    names = {}
    for kind in sorted(kinds):
        word = re.sub(r"[^a-z0-9]+", "-", kind.name).strip("-")[:30] or "node"
        seen[word] += 1
        names[kind] = word if seen[word] == 1 else f"{word}-{seen[word]}"
    return names


def _groups(kinds: Counter[_Kind], names: dict[_Kind, str], place: int, count: int) -> Iterator[SimNodeGroup]:
    """What of each kind the member at `place` gets; what does not divide goes round from kind to kind."""
    turn = 0
    for kind in sorted(kinds):
        each, rest = divmod(kinds[kind], count)
        nodes = each + ((place - turn) % count < rest)
        turn += rest
        if nodes:
            model = (("GPUs_DeviceName", quote(kind.model)),) if kind.model else ()
            gpu = GPU if kind.size.gpus else ""
            yield SimNodeGroup(names[kind], nodes, kind.size, attributes=model, gpu_resource=gpu)
