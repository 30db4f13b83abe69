"""What must be so before the first cycle: everybody looked at once, and an epoch above every epoch that can be seen."""

from __future__ import annotations

from fedsched.loop import Agenda, Clock, World, new_epoch
from fedsched.matchmaker.model import Observation


def first_look(world: World, clock: Clock, agenda: Agenda, limit_s: float) -> Observation:
    """An observation in which everybody was asked once, or what there is after `limit_s` seconds."""
    until = clock.monotonic() + limit_s
    while True:
        seen = world.observe(clock.now())
        if _all_asked(seen) or agenda.is_stopping() or clock.monotonic() >= until:
            return seen
        world.wait(0.1)


def _all_asked(seen: Observation) -> bool:
    # Who answers must have been read whole: what stands there and is not known yet would be placed again elsewhere.
    members = all(m.seen_at is not None if m.contact == "ok" else m.contact != "never" for m in seen.members)
    pools = all((pool.seen_at is not None or pool.error) and not pool.schedds_unasked for pool in seen.pools)
    return members and pools and all(schedd.seen_at is not None or schedd.error for schedd in seen.schedds)


__all__ = ["first_look", "new_epoch"]
