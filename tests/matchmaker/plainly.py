"""The reference for what is found of all places at once: each option asked by itself, in words."""

from __future__ import annotations

import numpy as np
import pytest

from fedsched.matchmaker.fill import Ends, Round, filling
from fedsched.matchmaker.fill.rotation import Rotation
from fedsched.matchmaker.model import DemandClass, Plan, Policy, Snapshot
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.options import Options
from fedsched.matchmaker.options.sweep import Sweep
from fedsched.matchmaker.reasons import Cause


def place_by_place(snapshot: Snapshot, policy: Policy) -> Plan:
    """The plan where nothing is counted beforehand, kept from one turn to the next, or said of several places."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Round, "in_the_way", lambda _, __, options: Ends.uncounted(len(options)))
        patch.setattr(Round, "columns", lambda *_: None)
        patch.setattr(Round, "roomy", lambda _, options: list(range(len(options))))
        patch.setattr(Round, "shut", lambda *asked: _cause(*asked) is not None)
        patch.setattr(Round, "cause", _cause)
        patch.setattr(Round, "lasts", lambda *_: False)
        patch.setattr(Sweep, "kinds", lambda _, numbers: np.full(len(numbers), -1))
        return negotiate(snapshot, policy)


def one_at_a_time(snapshot: Snapshot, policy: Policy) -> Plan:
    """The plan where every startd is a turn of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filling, "in_a_row", lambda *_: 1)
        patch.setattr(Rotation, "again", lambda *_: None)
        return negotiate(snapshot, policy)


def _cause(rounds: Round, demand: DemandClass, options: Options, position: int) -> Cause | None:
    reason = rounds.no_room(demand, options[position])
    return reason.cause if reason is not None else None
