"""A simulated member's API data, kept and brought back: what it says then is older than what runs; nobody asks here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from fedsched.sim.apiserver import ApiServer, Thing
from fedsched.sim.nodes import Pod


class Backup(NamedTuple):
    """What of ours stood in the API at one moment, by name, and the fence."""

    fence: int
    things: dict[str, Thing]


class Restored(NamedTuple):
    """What a restore changed: uids of objects that are back, or unfinished again; pods that nobody knows any more."""

    revived: tuple[str, ...]
    killed: tuple[Pod, ...]


def backup(api: ApiServer) -> Backup:
    """What stands there now."""
    return Backup(api.fence, {thing.name: _kept(thing) for thing in api.things.values() if thing.ours})


def restore(api: ApiServer, kept: Backup, at: float) -> Restored:
    """Bring it back: newer objects are gone with their pods; what was deleted or has finished since stands as it stood.

    What ran then and runs still goes on.
    """
    api.fence = kept.fence
    killed = tuple(_newer(api, kept))
    revived = []
    for name, then in kept.things.items():
        now = api.things.get(name)
        if now is not None and (not now.ours or not _ended_since(now, then)):
            continue
        if now is not None:
            api.remove(now)
        api.revive(_kept(then), at)
        revived.append(then.uid)
    return Restored(tuple(revived), killed)


def _newer(api: ApiServer, kept: Backup) -> Iterator[Pod]:
    """Removes what did not stand there then; its pods that ran."""
    for thing in [thing for thing in api.things.values() if thing.ours]:
        then = kept.things.get(thing.name)
        if then is None or then.uid != thing.uid:
            yield from [pod for pod in thing.pods if pod.ended_at is None]
            api.remove(thing)


def _ended_since(now: Thing, then: Thing) -> bool:
    """Whether it has ended, or was told to go, since then."""
    if now.copy is not None and then.copy is not None:
        return (bool(now.finished) or now.copy.deletes) and not (then.finished or then.copy.deletes)
    return bool(now.finished) and not then.finished


def _kept(thing: Thing) -> Thing:
    """As the API tells of it, without pods."""
    copy = thing.copy.as_it_was() if thing.copy is not None else None
    return replace(thing, pods=[] if copy is None else copy.pods, copy=copy)
