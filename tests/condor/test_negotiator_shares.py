"""Who gets how many slots: a real negotiator and our core agree within one slot per submitter, or it is said why not.

Same users, groups, quotas, factors, floors, ceilings and jobs; slot weight Cpus; the pool's configuration is what
`fedsched negotiator-config` prints.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.condor.against_negotiator import CORES, DAEMONS, STARTD, Scenario, real
from tests.condor.negotiator_scenarios import SCENARIOS
from tests.condor.our_side import ours

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tests.laboratory import Laboratory
    from tests.laboratory.pool import Pool

pytestmark = [pytest.mark.condor, pytest.mark.timeout(1200)]
POOLS = 3
"""Pools at work at once: a scenario is mostly waiting for the next negotiation cycle."""
Judged = dict[str, int]


@pytest.fixture(scope="module")
def judged(lab: Laboratory, request: pytest.FixtureRequest) -> dict[str, Future[Judged]]:
    """What the real negotiators gave, by the name of each scenario that this run asks for."""
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    asked = {call.params["scenario"].name for call in calls if call and "scenario" in call.params}
    chosen = [one for one in SCENARIOS if one.name in asked]
    results: dict[str, Future[Judged]] = {}
    with lab.part() as part, ThreadPoolExecutor(POOLS) as threads:
        pools = [part.pool(f"share{n}", daemons=DAEMONS, config=STARTD) for n in range(min(POOLS, len(chosen)))]
        free = list(pools)

        def one(scenario: Scenario) -> Judged:
            pool: Pool = free.pop()  # as many threads as pools: there is always one
            try:
                return real(pool, scenario)
            finally:
                free.append(pool)

        for pool in pools:
            pool.wait("its slot", pool.slots, 60)
        for scenario in chosen:
            results[scenario.name] = threads.submit(one, scenario)
    return results


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_a_real_negotiator_and_ours_give_everybody_the_same_or_it_is_said_why(
    judged: dict[str, Future[Judged]], scenario: Scenario
) -> None:
    theirs, mine = judged[scenario.name].result(), ours(scenario)
    print(f"{scenario.name}: negotiator {theirs}, ours {mine}")
    assert theirs.keys() == mine.keys()
    assert sum(theirs.values()) <= CORES
    assert sum(mine.values()) <= CORES
    if scenario.differs:
        assert mine == scenario.ours
        for user, (least, most) in scenario.theirs.items():
            assert least <= theirs[user] <= most, scenario.differs
        return
    for user, cores in theirs.items():
        assert abs(cores - mine[user]) <= scenario.unit(user), f"{user}: negotiator {theirs}, ours {mine}"


def test_the_scenarios_are_contended_and_most_must_agree() -> None:
    """Somebody wants more than there is in each, and no two mean the same users."""
    assert sum(1 for one in SCENARIOS if not one.differs) >= 20
    assert len({one.tag for one in SCENARIOS}) == len(SCENARIOS)
    for one in SCENARIOS:
        assert sum(work.jobs * work.cpus for work in (*one.before, *one.work) if work.fits) > CORES
        assert bool(one.differs) == bool(one.theirs) == bool(one.ours)
