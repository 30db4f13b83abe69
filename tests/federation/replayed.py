"""What a federation of real parts recorded is decided again: live cycles, with all that only real parts bring in."""

from __future__ import annotations

from contextlib import closing

from fedsched.journal import open_journal
from fedsched.replay import class_names, replay, tell
from tests.federation.harness import Federation


def replayed(hub: Federation) -> int:
    """How many cycles of its journal were decided again; AssertionError, naming what differs, unless all are exact."""
    path = hub.folder / "fedsched.db"
    if not path.exists():
        return 0
    cycles, wrong = 0, []
    with closing(open_journal(f"sqlite:{path}")) as journal:
        for recorded in journal.history(0, 2**62):
            policy = journal.policy(recorded.policy)
            assert policy is not None, f"cycle {recorded.plan.cycle} names a policy that is not kept"
            made = replay(recorded, policy)
            cycles += 1
            if not made.exact:
                told = tell(made.found, class_names(recorded.observation))
                wrong.append(f"cycle {made.cycle}: {' '.join(told)} {made.unasked or ''}")
    assert not wrong, f"{len(wrong)} of {cycles} cycles are not decided as they were:\n" + "\n".join(wrong[:5])
    return cycles
