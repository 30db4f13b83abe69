"""Which Jobs of queues are meant by what people type: ids, uids, globs; orders for them are given elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fedsched.cli.account import account, namespace_of
from fedsched.cli.output import Exit, Failure

if TYPE_CHECKING:
    from fedsched.config.settings import Federation
    from fedsched.matchmaker.model import Order

CONDOR = re.compile(r"(?:[^\s/:#]+#)?([0-9]+(?:\.[0-9]+)?)(?:#[0-9]+)?")
"""HTCondor's job ids: CLUSTER, CLUSTER.PROC, with a schedd or a GlobalJobId's tail."""
COMMANDS = {"cancel": "condor_rm", "hold": "condor_hold", "release": "condor_release", "prio": "condor_prio -p N"}
_GLOB = re.compile(r"[*?\[]")
SHOWN = 5


class Target(NamedTuple):
    """One Job. id: "namespace/name". own: who types submitted it. priority: as it holds without an order."""

    queue: str
    id: str
    uid: str
    own: bool
    over: bool
    priority: int
    orders: tuple[Order, ...]

    @property
    def spelled(self) -> str:
        """Its name in full."""
        return f"{self.queue}:{self.id}"

    def order(self, kind: str) -> Order | None:
        """The standing order of that kind for it."""
        return next((order for order in self.orders if order.kind == kind), None)


def targets(settings: Federation) -> tuple[Target, ...]:
    """All Jobs: the journal's as they are now, those of hubs as the last cycle saw them."""
    from fedsched.federation.queue_links import LOCAL
    from fedsched.journal import open_jobs, open_journal

    if not Path(settings.journal.partition(":")[2]).is_file():
        return ()
    with closing(open_journal(settings.journal)) as journal:
        orders: dict[str, list[Order]] = {}
        for order in journal.orders():
            orders.setdefault(order.target, []).append(order)
        cycle = journal.last_cycle()
    own = next((queue.name for queue in settings.queues or (LOCAL,) if queue.kind == "journal"), "")
    me = account()
    found = []
    with closing(open_jobs(settings.journal, reading=True)) as table:
        for job in table.since(0) if own else ():
            mine = job.account == me
            given = tuple(orders.get(job.uid, ()))
            found.append(Target(own, job.id, job.uid, mine, job.status.over, job.priority, given))
    for view in cycle.observation.schedds if cycle is not None else ():
        for seen in view.jobs if view.kind == "jobs" and view.name != own else ():
            mine = seen.principal.user.partition("@")[0] == me
            given = tuple(orders.get(seen.uid, ()))
            found.append(Target(view.name, seen.id, seen.uid, mine, seen.state == "over", seen.priority, given))
    return tuple(sorted(found))


def chosen(verb: str, words: Sequence[str], everything: bool, known: Sequence[Target]) -> tuple[Target, ...]:
    """The Jobs that are meant, without those that are over. Failure where a word means none; nothing is done then."""
    if bool(words) == everything:
        raise Failure(Exit.USAGE, "name Jobs, or give --all", "see them: fedsched q --jobs")
    if everything:
        return _some("--all", (one for one in known if one.own and not one.over))
    found: dict[str, Target] = {}
    for word in words:
        found |= {one.uid: one for one in _meant(verb, word, known)}
    return tuple(found.values())


def _meant(verb: str, word: str, known: Sequence[Target]) -> tuple[Target, ...]:
    fitting = tuple(_fitting(word, known))
    if _GLOB.search(word):
        return _some(word, (one for one in fitting if not one.over))
    if fitting and all(one.over for one in fitting):
        raise Failure(
            Exit.REFUSED, f"{fitting[0].spelled} is over", f"see how it ended: fedsched explain {fitting[0].spelled}"
        )
    alive = tuple(one for one in fitting if not one.over)
    if not alive and (condor := CONDOR.fullmatch(word)):
        text = f"{word} is a job of HTCondor: its schedd decides about it"
        raise Failure(Exit.USAGE, text, f"{COMMANDS[verb]} {condor[1]}")
    if not alive:
        raise Failure(Exit.REFUSED, f"no Job {word}", "see them: fedsched q --jobs")
    if len(alive) > 1:
        names = ", ".join(one.spelled for one in alive[:SHOWN])
        raise Failure(Exit.REFUSED, f"{word} could be any of these: {names}", "name one in full")
    return alive


def _fitting(word: str, known: Iterable[Target]) -> Iterator[Target]:
    queue, colon, rest = word.rpartition(":")
    wanted = rest if "/" in rest else f"{namespace_of(account())}/{rest}"
    for one in known:
        in_queue = not colon or fnmatchcase(one.queue, queue)
        if word == one.uid or (in_queue and (one.id == wanted or fnmatchcase(one.id, wanted))):
            yield one


def _some(word: str, found: Iterable[Target]) -> tuple[Target, ...]:
    some = tuple(found)
    if not some:
        raise Failure(Exit.REFUSED, f"{word}: no Job that is not over", "see them: fedsched q --jobs")
    return some
