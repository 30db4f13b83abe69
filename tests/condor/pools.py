"""What tests of reading pools share: settings for a pool of the laboratory, pollers that end, waiting."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from fedsched.condor.demand import DemandPoller
from fedsched.condor.pool import PoolPoller
from fedsched.config.settings import Cadence, Federation, PoolSettings, PrincipalRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fedsched.matchmaker.model import ScheddView
    from tests.laboratory.pool import Pool

Seen = TypeVar("Seen")

JOB = """\
executable = /bin/sleep
transfer_executable = false
arguments = 600
request_disk = 1024
{more}
queue {count}
"""
RULES = (PrincipalRule(schedd="schedd-*@pool-*", groups=("group_atlas", "group_atlas.*")),)


def job(count: int = 1, **more: object) -> str:
    """A submit description of sleeping jobs; keywords become its lines, "plus_X" becomes "+X"."""
    lines = (f"{name.replace('plus_', '+')} = {value}" for name, value in more.items())
    return JOB.format(more="\n".join(lines), count=count)


def settings(pool: Pool, folder: Path, name: str = "") -> PoolSettings:
    """Settings for a laboratory pool, with a token that may read and invalidate."""
    file = folder / f"token-{pool.name}"
    file.touch(mode=0o600)
    file.write_text(pool.token(f"fedsched@{pool.trust_domain}", authz=["READ", "ADVERTISE_STARTD"]))
    return PoolSettings(name or pool.name, pool.address, token_file=file)


def federation(*pools: PoolSettings, **cadence: Any) -> Federation:
    """A federation of these pools that polls every half second."""
    return Federation("test", pools, principals=RULES, cadence=Cadence(**{"poll_s": 0.5, "slots_s": 0.5, **cadence}))


@contextmanager
def polling(made: Federation, changed: Callable[[], None] = lambda: None) -> Iterator[DemandPoller]:
    """A demand poller at work."""
    poller = DemandPoller(made, 1000, changed)
    poller.start()
    try:
        yield poller
    finally:
        poller.stop()


@contextmanager
def watching(made: Federation) -> Iterator[PoolPoller]:
    """A poller of slots of the federation's first pool, at work."""
    poller = PoolPoller(made, made.pools[0])
    poller.start()
    try:
        yield poller
    finally:
        poller.stop()


def until(what: str, look: Callable[[], Seen], timeout_s: float = 60.0) -> Seen:
    """What `look` gives once it is true."""
    end = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < end, f"not seen within {timeout_s:g} s: {what}"
        time.sleep(0.05)
    return seen


def idle(view: ScheddView) -> int:
    """Idle jobs of a schedd, as its classes count them."""
    return sum(one.idle for one in view.classes)


def by_name(poller: DemandPoller) -> dict[str, ScheddView]:
    """The schedds that a poller knows."""
    return {view.name: view for view in poller.latest()}
