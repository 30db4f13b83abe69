"""Nothing but the snapshot decides: not the clock, not the hash seed, not the zone, not the order of what was seen."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from fedsched.journal import Recorded
from fedsched.matchmaker.model import (
    Group,
    MemberTerms,
    Order,
    Plan,
    Policy,
    Preemption,
    PrincipalTerms,
    Ramp,
    Reservation,
    Sharing,
    SitePod,
    Snapshot,
    SurgeTerms,
    Tier,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from fedsched.replay import FORMAT, Saved, differences, tell, write
from fedsched.replay.deciding import plan_bytes
from fedsched.replay.differences import first_value
from tests.bench.match import round_of
from tests.bench.standing import at_work, remembered
from tests.matchmaker import builders
from tests.replay.worlds import first, ran, story
from tests.sim.spike import conference_spike
from tests.sim.spike import policy as conference_policy

ROOT = Path(__file__).parents[2]
GROUPS = (
    Group("physics", weight=0.1, accept_surplus=True),
    *(
        Group(f"physics.g{n}", weight=0.1 + n / 7, quota_fraction=0.1 if n % 3 == 0 else 0.0, accept_surplus=True)
        for n in range(8)
    ),
)


def busy(*, full: bool, tiers: bool) -> Saved:
    """Many classes, members and startds with prices, floors, tiers and a person's orders, in the second cycle."""
    snapshot = at_work(round_of(70, 6, 30), 160, full=full)
    chance = random.Random(2)  # noqa: S311 - the same each time, no secret
    held = tuple(
        msgspec.structs.replace(
            one, placement=msgspec.structs.replace(one.placement, price_per_hour=chance.uniform(0.01, 3), tier="paid")
        )
        for one in snapshot.memory.held
    )
    site = SitePod("site/urgent", Resources(1000, 1024, 0, 0, 1), snapshot.at - 300, ())
    views = snapshot.observation.members
    rooms = tuple(room.node for room in views[0].node_rooms)
    views = (
        msgspec.structs.replace(views[0], site_pods=(msgspec.structs.replace(site, nodes=rooms[:9]),)),
        *views[1:],
    )
    terms: tuple[MemberTerms, ...] = tuple(
        msgspec.structs.replace(one, price_per_core_hour=0.01 + number / 90)
        for number, one in enumerate(snapshot.terms)
    )
    orders = (Order("cordon", terms[1].name, "new kernel"), Order("deny", "*user7@site", "asked us to"))
    rules = Policy(
        groups=GROUPS,
        principals=(PrincipalTerms("*user3@*", factor=3.0, floor=2.0), PrincipalTerms("*", factor=1.1)),
        preemption=Preemption(way="vacate", protect_s=0.0),
        sharing=Sharing(half_life_s=77.0, waste_weight=0.3, low_use_factor=2.0),
        ramp=Ramp(first=7, max_starts=60),
        surge=SurgeTerms(on=1.0, on_s=1.0),
        tiers=(Tier("own", 0, ("m000", "m001")), Tier("paid", 1, budget=1000.0)) if tiers else (),
        reservations=(Reservation("physics.g1", snapshot.at - 9, snapshot.at + 99, quota_fraction=0.2),),
    )
    seen = msgspec.structs.replace(snapshot.observation, members=views)
    memory = msgspec.structs.replace(snapshot.memory, held=held)
    snapshot = msgspec.structs.replace(snapshot, observation=seen, memory=memory, terms=terms, orders=orders)
    snapshot = remembered(snapshot, negotiate(snapshot, rules).memory, 30.0)
    return as_saved(with_new_claims(snapshot, chance), rules)


def with_new_claims(snapshot: Snapshot, chance: random.Random) -> Snapshot:
    """Every second claim began since the last look, each at a moment of its own: amounts with many digits."""
    seen, at = snapshot.observation, snapshot.at
    pools = []
    for pool in seen.pools:
        slots = []
        for slot in pool.slots:
            claims = tuple(
                msgspec.structs.replace(claim, since=at - chance.uniform(0.1, 29.9)) if chance.random() < 0.5 else claim
                for claim in slot.claims
            )
            slots.append(msgspec.structs.replace(slot, claims=claims, seen_at=at - chance.uniform(0.0, 3.0)))
        pools.append(msgspec.structs.replace(pool, slots=tuple(slots)))
    return msgspec.structs.replace(snapshot, observation=msgspec.structs.replace(seen, pools=tuple(pools)))


def as_saved(snapshot: Snapshot, rules: Policy) -> Saved:
    return Saved(FORMAT, "", rules, Recorded(snapshot, negotiate(snapshot, rules)))


def conference() -> Saved:
    with ran(conference_spike(), conference_policy(), 1200.0) as run:
        return first(run, lambda cycle: cycle.plan.cycle == 115)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Plan]]:
    """A folder of snapshot files, and the plan that this process makes of each."""
    folder = tmp_path_factory.mktemp("snapshots")
    made = {
        "conference": conference(),
        "evicted": story("a-borrower-is-evicted"),
        "full": busy(full=True, tiers=False),
        "paid": busy(full=False, tiers=True),
    }
    for name, saved in made.items():
        write(saved, folder / f"{name}.json")
    return folder, {f"{name}.json": saved.recorded.plan for name, saved in made.items()}


def test_the_snapshots_are_rich_enough_to_leak(plans: tuple[Path, dict[str, Plan]]) -> None:
    _, mine = plans
    assert any(held.yields_to for held in mine["full.json"].held), "somebody is evicted"
    assert any(held.why and held.why.cause == "owner" for held in mine["full.json"].held), "the owner takes a node back"
    assert sum(held.written_at is None for held in mine["paid.json"].held) > 5, "something is placed"
    assert mine["paid.json"].memory.spending, "something is paid"
    assert mine["paid.json"].memory.surge.above_since is not None or mine["paid.json"].memory.surge.spikes
    assert len(mine["full.json"].shares) > 30


@pytest.mark.parametrize(("seed", "zone"), [(1, "Asia/Kathmandu"), (2, "America/St_Johns"), (3, "UTC")])
def test_another_process_with_other_hashes_zone_clock_and_order_decides_the_same(
    plans: tuple[Path, dict[str, Plan]], tmp_path: Path, seed: int, zone: str
) -> None:
    folder, mine = plans
    done = subprocess.run(
        [sys.executable, "-m", "tests.replay.elsewhere", str(folder), str(seed), str(tmp_path)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONHASHSEED": str(seed),
            "TZ": zone,
            "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)]).strip(os.pathsep),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wrong = {}
    for name, plan in mine.items():
        theirs = (tmp_path / name).read_bytes()
        if theirs != plan_bytes(plan):
            other = msgspec.msgpack.decode(theirs, type=Plan)
            named = tell(differences(plan, other))
            wrong[name] = [str(first_value(msgspec.to_builtins(plan), msgspec.msgpack.decode(theirs))), *named]
    assert not wrong


def test_the_order_in_which_orders_are_told_changes_no_reason() -> None:
    asked = builders.snapshot()
    orders = (
        Order("cordon", "m1", "new kernel"),
        Order("deny", "*alice@b", "asked us to"),
        Order("pause", "*", "fire"),
    )
    plans = {
        plan_bytes(negotiate(msgspec.structs.replace(asked, orders=order), Policy())) for order in permutations(orders)
    }
    assert len(plans) == 1


def test_a_sum_over_nobody_is_written_as_every_other_one() -> None:
    plan = negotiate(builders.snapshot(), Policy(groups=(Group("nobody"),)))
    assert [type(line.usage) for line in plan.shares] == [float] * len(plan.shares)
    assert plan_bytes(msgspec.msgpack.decode(plan_bytes(plan), type=Plan)) == plan_bytes(plan)
