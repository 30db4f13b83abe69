"""Members that hang, die, or vanish all together: the cycle keeps its pace, nothing moves too early (R1 R2 R3 R6)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.federation.harness import Federation, eventually
from tests.federation.kept import (
    BRISK,
    PATIENT,
    cycles_after,
    events,
    give_node_groups,
    identities,
    issued_after,
    joined,
    settled,
    told,
    typical_s,
    waiting_jobs,
)
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

SILENT_S, LOST_S = 8, 20
IMPATIENT = PATIENT.replace("silent_s = 10", f"silent_s = {SILENT_S}").replace("lost_s = 40", f"lost_s = {LOST_S}")
JITTER_S = 1.5
"""A cycle and a probe: so much earlier than our own watch the hub may have heard of a member last."""


@pytest.fixture(scope="module")
def planes(lab: Laboratory) -> Iterator[dict[str, ControlPlane]]:
    """Three members of these tests alone, for they are stopped and killed."""
    with lab.part() as part:
        made = part.control_planes("o1", "o2", "o3")
        give_node_groups(made.values())
        yield made


@pytest.fixture
def hub(federation: Callable[..., Federation]) -> Federation:
    return federation(policy=IMPATIENT, cadence=BRISK)


def kept_pace(hub: Federation, before_s: float, at: float) -> float:
    """Median length of 20 cycles in a row that began after `at` and are no slower than before, in seconds.

    The first such 20 count: who waits for a silent member delays every cycle, a busy machine only some.
    """

    def no_slower() -> float | None:
        cycles = [cycle for cycle in events(hub, "cycle") if cycle["at"] > at]
        paces = [typical_s(cycles[first : first + 20]) for first in range(len(cycles) - 19)]
        return next((pace for pace in paces if pace <= 1.1 * before_s + 0.05), None)

    found: float = eventually(f"20 cycles as fast as before ({1000 * before_s:.1f} ms)", no_slower, 60)
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["hangs", "dies"])
def test_a_member_that_falls_silent_delays_nobody_and_is_replaced_once_and_only_when_it_is_lost(
    hub: Federation, planes: dict[str, ControlPlane], guest_pool: Pool, how: str
) -> None:
    namespace = joined(hub, planes, f"one-{how}")
    hub.start()
    with waiting_jobs(guest_pool, (1, 4)):
        before = settled(hub, planes, 4, namespace)
        pace = typical_s(cycles_after(hub, time.time(), 20))
        first = planes["o1"]
        silent_from = time.time()
        (first.pause if how == "hangs" else first.kill)()
        later = kept_pace(hub, pace, silent_from + 1)
        eventually(
            "it is lost", lambda: any("is lost" in t for _, t in told(hub, "member-state", silent_from, "o1")), 60
        )
        others = {name: plane for name, plane in planes.items() if name != "o1"}
        eventually("its two placements stand elsewhere", lambda: len(identities(hub, others, namespace)) == 4, 60)
        moved = time.time()
        cycles_after(hub, moved, 6)
        stages = told(hub, "member-state", silent_from, "o1")
        changes = issued_after(hub, silent_from)
        print(f"{how}: median cycle {1000 * pace:.1f} ms before, {1000 * later:.1f} ms while silent")
        print(f"{how}: states {[(round(at, 1), text) for at, text in stages]}, changes {changes}")
        (first.resume if how == "hangs" else first.restart)()
        eventually("it is ready again", lambda: _states(hub)["o1"] == "ready", 120)
        cycles_after(hub, time.time(), 6)
    limits = {"slow": 4, "unreachable": SILENT_S, "lost": LOST_S}
    for state, limit in limits.items():
        at = next(at for at, text in stages if f"is {state}" in text)
        assert limit - JITTER_S <= at <= limit + 10, f"{state} after {at:.1f} s, limit {limit} s"
    assert [kinds for _, kinds in changes] == [{"create": 2}], "the lost demand is placed elsewhere, once"
    assert changes[0][0] >= LOST_S - JITTER_S, "and not before it was lost"
    there = identities(hub, planes, namespace)
    assert before.items() <= there.items(), "what stood when it fell silent is adopted again, untouched"
    assert len(there) == 6
    assert hub.stop() == 0


@pytest.mark.timeout(900)
def test_when_all_vanish_together_nothing_moves_or_expires_not_even_across_a_restart(
    hub: Federation, planes: dict[str, ControlPlane], guest_pool: Pool
) -> None:
    namespace = joined(hub, planes, "all")
    hub.start()
    with waiting_jobs(guest_pool, (1, 4)):
        before = settled(hub, planes, 4, namespace)
        pace = typical_s(cycles_after(hub, time.time(), 20))
        silent_from = time.time()
        planes["o1"].kill()
        for name in ("o2", "o3"):
            planes[name].pause()
        later = kept_pace(hub, pace, silent_from + 1)
        eventually("it is frozen", lambda: told(hub, "frozen", silent_from), 30)
        assert hub.stop(signal.SIGKILL) == -signal.SIGKILL
        hub.start()
        again_from = time.time()
        after_restart = kept_pace(hub, pace, again_from)
        eventually("longer than a loss takes", lambda: time.time() > silent_from + LOST_S + 8, 60)
        states = _states(hub)
        told_to_people = hub.run("clusters", check=False).stdout
        changes = issued_after(hub, silent_from)
        frozen = told(hub, "frozen", silent_from)
        print(
            f"all: median cycle {1000 * pace:.1f} ms before, {1000 * later:.1f} ms while silent, "
            f"{1000 * after_restart:.1f} ms after a restart; frozen after {frozen[0][0]:.1f} s; states {states}"
        )
        planes["o1"].restart()
        for name in ("o2", "o3"):
            planes[name].resume()
        back = time.time()
        eventually("it thaws", lambda: told(hub, "thawed", silent_from), 120)
        eventually("all are ready", lambda: set(_states(hub).values()) == {"ready"}, 120)
        cycles_after(hub, time.time(), 10)
    assert SILENT_S - JITTER_S <= frozen[0][0] <= SILENT_S + 10
    assert len(frozen) == 1, "the restart knows that it is frozen"
    assert "frozen" in told_to_people
    assert "lost" not in states.values(), "no timer runs while we suspect ourselves"
    assert changes == []
    assert issued_after(hub, back) == [], "and nothing is made up for afterwards"
    assert identities(hub, planes, namespace) == before
    assert not [event for event in events(hub, "notice") if event["kind"] in {"orphan", "placement-failed"}]
    assert hub.stop() == 0


def _states(hub: Federation) -> dict[str, str]:
    return {row["name"]: row["state"] for row in hub.json("clusters")["members"]}
