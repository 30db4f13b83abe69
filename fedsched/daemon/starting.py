"""What must be so before the first cycle: everybody looked at once, and an epoch above every epoch that can be seen."""

from __future__ import annotations

from fedsched.journal import Journal
from fedsched.loop import Agenda, Clock, World
from fedsched.matchmaker.model import Observation


def first_look(world: World, clock: Clock, agenda: Agenda, limit_s: float) -> Observation:
    """An observation in which everybody was asked once, or what there is after `limit_s` seconds."""
    until = clock.monotonic() + limit_s
    while True:
        seen = world.observe(clock.now())
        if _all_asked(seen) or agenda.is_stopping() or clock.monotonic() >= until:
            return seen
        world.wait(0.1)


def new_epoch(journal: Journal, seen: Observation, at: float) -> int:
    """An epoch that was never used, raised in the journal (FA5).

    Above the journal's and above every fence that can be read. Never below the present time in seconds: so even
    without a journal and with a member that is silent now it is above what an earlier run wrote there.
    """
    fences = [member.fence_epoch for member in seen.members]
    epoch = max([journal.epoch(), int(at), *fences]) + 1
    journal.raise_epoch(epoch)
    return epoch


def _all_asked(seen: Observation) -> bool:
    # Who answers must have been read whole: what stands there and is not known yet would be placed again elsewhere.
    members = all(m.seen_at is not None if m.contact == "ok" else m.contact != "never" for m in seen.members)
    pools = all((pool.seen_at is not None or pool.error) and not pool.schedds_unasked for pool in seen.pools)
    return members and pools and all(schedd.seen_at is not None or schedd.error for schedd in seen.schedds)
