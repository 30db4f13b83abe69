"""Which epoch a loop begins under: above every one that was ever used, so that older writers are fenced."""

from __future__ import annotations

from fedsched.journal import Journal
from fedsched.matchmaker.model import Observation


def new_epoch(journal: Journal, seen: Observation, at: float) -> int:
    """An epoch that was never used, raised in the journal (FA5).

    Above the journal's and above every fence that can be read. Never below the present time in seconds: so even
    without a journal and with a member that is silent now it is above what an earlier run wrote there.
    """
    fences = [member.fence_epoch for member in seen.members]
    epoch = max([journal.epoch(), int(at), *fences]) + 1
    journal.raise_epoch(epoch)
    return epoch
