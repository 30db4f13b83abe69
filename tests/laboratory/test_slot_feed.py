"""Slots that no startd stands behind are slots to a real negotiator, and its cycle is read as it was."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from fedsched.matchmaker.columns import verdicts
from tests.bench.negotiator_ours import AT, measured
from tests.bench.negotiator_pool import Case, cycle_of, read
from tests.laboratory.slotfeed import PACKET, packets

if TYPE_CHECKING:
    from tests.laboratory import Laboratory

LOG = """\
11/22/26 23:59:58.000 ---------- Started Negotiation Cycle ----------
11/22/26 23:59:58.100 Phase 1:  Obtaining ads from collector ...
11/22/26 23:59:58.600 Phase 2:  Performing accounting ...
11/22/26 23:59:59.000 Phase 4.1:  Negotiating with schedds ...
11/22/26 23:59:59.000     Request 00001.00000: autocluster 1 (request count 1 of 2)
11/22/26 23:59:59.500       Successfully matched with slot1@n1.m01
11/22/26 23:59:59.500     Request 00001.00000: autocluster 1 (request count 2 of 2)
11/22/26 23:59:59.500       Successfully matched with slot1@n2.m02
11/22/26 23:59:59.500     Request 00001.00002: autocluster 2 (request count 1 of 2)
11/22/26 23:59:59.750       Rejected 1.2 alice@pool <127.0.0.1:9618>: no match found
11/23/26 00:00:01.000     Request 00001.00004: autocluster 1 (request count 1 of 1)
11/23/26 00:00:01.250       Successfully matched with slot1@n3.m03
11/23/26 00:00:01.500 ---------- Finished Negotiation Cycle ----------
"""


def test_a_message_of_any_length_goes_in_packets_of_which_only_the_last_says_so() -> None:
    for length in (0, 1, PACKET - 1, PACKET, PACKET + 1, 3 * PACKET):
        sent, bodies = packets(b"x" * length), b""
        ends: list[int] = []
        while sent:
            end, size = struct.unpack(">BI", sent[:5])
            bodies, ends, sent = bodies + sent[5 : 5 + size], [*ends, end], sent[5 + size :]

        assert bodies == b"x" * length
        assert ends == [0] * (len(ends) - 1) + [1]


def test_a_pair_is_counted_for_each_slot_that_is_left_whenever_another_autocluster_asks() -> None:
    told = {
        "LastNegotiationCycleCandidateSlots0": 5,
        "LastNegotiationCyclePhase4CpuTime0": 1.25,
        "LastNegotiationCycleSubmittersOutOfTime0": "alice@pool",
    }

    cycle = read(LOG, told)

    assert (cycle.matches, cycle.pairs, cycle.cut) == (3, 5 + 3 + 3, True)
    assert (cycle.wall, cycle.cpu, cycle.fetch) == (2.5, 1.25, 0.5)


def test_a_negotiator_matches_slots_without_a_startd_and_both_sides_find_as_many(lab: Laboratory) -> None:
    case = Case(slots=12, autoclusters=4, interleaved=True, idle=40)

    cycle, ads = cycle_of(lab, case)
    told, _ = verdicts(ads.jobs, ads.slots, AT)

    assert (len(ads.jobs), len(ads.slots)) == (4, 12)
    assert told.all()
    assert cycle.matches == measured(ads).placed == 12
    assert cycle.pairs >= sum(range(1, 13))


def test_jobs_that_the_last_clause_bars_match_nothing_on_either_side(lab: Laboratory) -> None:
    cycle, ads = cycle_of(lab, Case(slots=6, autoclusters=2, barred=True, idle=10))
    told, _ = verdicts(ads.jobs, ads.slots, AT)

    assert not told.any()
    assert (cycle.matches, cycle.pairs) == (0, 12)
    assert measured(ads).placed == 0
