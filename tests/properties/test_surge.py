"""SU1-SU7: supply, growth, trust, tiers, budgets and spikes, whatever jobs come and go."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import (
    Held,
    JobLength,
    Memory,
    Pending,
    Plan,
    Policy,
    Preemption,
    Ramp,
    Ramping,
    Startds,
    SurgeTerms,
    Tier,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.surge import ALL, asked, grow, ramps_after, supply, together, trust_key
from tests.matchmaker.builders import SEEN, T0, demand, held, placement, pod, res, schedd, slot, snapshot, thing
from tests.properties.surge_world import USERS, World

amounts = st.builds(res, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 2), st.just(0))
requests = st.builds(res, st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), st.integers(0, 1))


def how_often(request: Resources, free: Resources) -> int:
    """By taking one away as long as nothing falls below zero."""
    names = ("cpu_milli", "memory_mib", "disk_mib", "gpus")
    left = {name: free.get(name) for name in names}
    count = 0
    while all(left[name] >= request.get(name) for name in names):
        left = {name: left[name] - request.get(name) for name in names}
        count += 1
    return count


@given(
    requests,
    st.integers(0, 30),
    st.lists(st.tuples(amounts, st.integers(0, 40_000), st.booleans()), max_size=6),
    st.integers(60, 30_000),
)
@example(res(1, 1, 1), 20, [(res(8, 9, 9), 40_000, False), (res(8, 9, 9), 0, False)], 3_600)  # one ends too early
def test_supply_is_what_the_scarcest_resource_of_startds_that_live_long_enough_holds(
    request: Resources, idle: int, startds: list[tuple[Resources, int, bool]], length_s: int
) -> None:
    """SU2, D8: cores without memory are none, and a startd that ends before the job would is none."""
    wanted = demand("c1", idle=max(1, idle), request=request, length=JobLength(length_s, "MaxWallTimeMins"))
    stands, fit = [], 0
    for number, (free, age_s, leaving) in enumerate(startds):
        what = placement(f"1-{number}", class_key="other", created_at=T0 - age_s)
        stands.append(Standing(held(what), thing(what, pod()), (slot(what, free=free, leaving=leaving),)))
        lives = T0 + length_s <= what.created_at + what.lifetime_s
        takes = what.created_at + what.lifetime_s - what.retire_s >= T0
        fit += how_often(request, free) if lives and takes and not leaving else 0
    served = supply(asked((schedd(wanted),), T0), stands, frozenset())
    assert served.get("c1", 0) == min(wanted.idle, fit)


@given(
    st.integers(1, 8),
    st.integers(1, 60),
    st.lists(st.floats(0.5, 40.0), min_size=5, max_size=40),
    st.lists(st.integers(0, 500), min_size=1, max_size=6),
)
def test_all_classes_together_start_at_most_max_starts_in_an_interval_however_the_cycles_fall(
    first: int, most: int, steps: list[float], wants: list[int]
) -> None:
    """SU3: and each class at most `first`, doubled once for each interval that passed."""
    rules = Ramp(first=first, ramp_interval_s=10.0, max_starts=most)
    ramps: dict[str, Ramping] = {}
    left = {f"c{number}": jobs for number, jobs in enumerate(wants)}
    in_interval: Counter[float] = Counter()
    began: dict[str, float] = {}
    done: Counter[str] = Counter()
    at = T0
    for step in steps:
        at += step
        shared = together(ramps, rules, at)
        rest, started = shared.allowance - shared.used, {}
        for key, waits in left.items():
            ramp = grow(ramps, key, rules, at)
            started[key] = max(0, min(waits, ramp.allowance - ramp.used, rest))
            rest -= started[key]
            left[key] -= started[key]
            began.setdefault(key, at)
            done[key] += started[key]
            intervals = math.floor((at - began[key]) / rules.ramp_interval_s)
            assert done[key] <= first * (2 ** (intervals + 1) - 1)
        in_interval[shared.until] += sum(started.values())
        ramps = ramps_after(ramps, left, started, rules, at)
        assert ramps[ALL].used <= most
    assert max(in_interval.values()) <= most


@given(st.integers(1, 8), st.integers(1, 2000), st.floats(0.7, 9.9))
def test_growth_reaches_95_percent_within_the_rules_intervals_however_often_cycles_run(
    first: int, target: int, step: float
) -> None:
    """SU3: ceil(log2(0.95 target / first)) + 1 intervals, and at most one cycle; never more than the target."""
    rules = Ramp(first=first, ramp_interval_s=10.0, max_starts=100_000)
    ramps: dict[str, Ramping] = {}
    done, cycles = 0, 0
    while done < 0.95 * target:
        at = T0 + step * cycles
        ramp = grow(ramps, "c1", rules, at)
        started = min(ramp.allowance - ramp.used, target - done)
        ramps = ramps_after(ramps, ["c1"], {"c1": started}, rules, at)
        done, cycles = done + started, cycles + 1
        assert done <= target
    bound = max(1, math.ceil(math.log2(max(1.0, 0.95 * target / first))) + 1)
    assert step * (cycles - 1) <= 10.0 * bound + step


TIER = Tier("rented", 1, ("cloud",), budget=0.2, budget_window_s=600.0, dwell_s=40.0)
POLICY = Policy(
    ramp=Ramp(first=2, ramp_interval_s=20.0, max_starts=9),
    startds=Startds(lifetime_s=1200, retire_s=100, idle_s=60, keep_finished_s=10.0),
    surge=SurgeTerms(on=6.0, on_s=30.0, off=1.0, off_s=60.0),
    pending=Pending(least_s=60.0),
    tiers=(TIER,),
    preemption=Preemption(mode="never"),
)

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""A story is told as it was found: to make it shorter takes minutes, and the world has no chance in it."""

stories = st.lists(
    st.tuples(st.sampled_from((5.0, 10.0, 10.0, 25.0)), st.integers(0, 25), st.integers(0, 4), st.integers(0, 9)),
    min_size=12,
    max_size=60,
)
"""Each cycle: seconds since the last, jobs that come for the first user, for the second, and (0: all) are removed."""


CAMPUS_CORES = 8


class Watched:
    """A world that lives through a story, with every promise checked at every cycle."""

    def __init__(self, delay_s: float, job_s: float) -> None:
        self.world = World(POLICY, campus=2, cloud=4, delay_s=delay_s, job_s=job_s)
        self.at = self.looked_at = T0
        self.full_since: float | None = None
        self.needed_at: float | None = None
        self.starts: Counter[float] = Counter()

    def cycle(self, step: float, first: int, second: int, removed: int) -> None:
        world, before = self.world, self.world.memory
        world.idle["c1"] += first
        world.idle["c2"] += second
        if removed == 0:
            world.idle.clear()
        since = self.looked_at = self.at
        self.at += step
        made = len(world.made)
        plan = world.cycle(self.at, since)
        new = [one for one in plan.held if one.placement.id in {p.id for p in world.made[made:]}]
        self.budgets()
        self.dwell(new, plan)
        self.trust(new, before, plan)
        self.ramp(new, plan)
        self.spikes(plan)
        self.over_commit()

    def budgets(self) -> None:
        """SU4: what was really paid in each window never passes the budget, and the purse knows of all of it."""
        window = int(self.at // TIER.budget_window_s)
        assert all(paid <= TIER.budget + 1e-9 for paid in self.world.paid.values())
        spent = self.world.memory.spending["tier/rented"].spent
        assert spent >= self.world.paid[window] - 1e-9

    def dwell(self, new: list[Held], plan: Plan) -> None:
        """SU4: the cloud is used after its dwell of a full campus, then until a look that finds a dwell of rest."""
        if any(one.placement.tier == "rented" for one in new):
            patient = self.full_since is not None and self.at - self.full_since >= TIER.dwell_s
            assert patient or self.rests_for_s < TIER.dwell_s
            self.needed_at = self.at
        # what ended or was called back is held until its end is seen
        held = [one for one in plan.held if one.placement.member == "campus" and one.phase != "gone"]
        known = sum(one.placement.size.cpu_milli for one in held) // 1000
        ready = any(report.unmet for report in plan.classes)
        full = ready and (known >= CAMPUS_CORES or sum(self.world.free("campus")) == 0)
        self.full_since = (self.full_since or self.at) if full else None
        opens = self.full_since is not None and self.at - self.full_since >= TIER.dwell_s
        if full and (opens or self.rests_for_s < TIER.dwell_s):
            self.needed_at = self.at

    @property
    def rests_for_s(self) -> float:
        """For how long nobody had needed the cloud when it was last looked at."""
        return math.inf if self.needed_at is None else self.looked_at - self.needed_at

    def trust(self, new: list[Held], before: Memory, plan: Plan) -> None:
        """SU7: unclaimed startds of a principal are at most max(first, twice what it claimed), one after a waste."""
        for who in USERS.values():
            earned = plan.memory.trust.get(trust_key("schedd-b", who))
            claimed, wasted = (earned.claimed, earned.unclaimed) if earned else (0, 0)
            most = 1 if wasted else max(POLICY.ramp.first, 2 * claimed)
            mine = [one for one in plan.held if one.placement.principal == who and one.wanted == "run"]
            open_ = [one for one in mine if one.phase in {"intended", "starting", "unclaimed"} and not one.claimed_at]
            started = [one for one in new if one.placement.principal == who]
            assert not started or len(open_) <= most
        assert before.cycle + 1 == plan.cycle

    def ramp(self, new: list[Held], plan: Plan) -> None:
        """SU3: all classes together."""
        self.starts[plan.memory.ramps[ALL].until] += len(new)
        assert max(self.starts.values()) <= POLICY.ramp.max_starts

    def spikes(self, plan: Plan) -> None:
        """SU6: each placement is in one spike or none, and is at last claimed or not, with its cause."""
        spikes = plan.memory.surge.spikes
        ids = [key for spike in spikes for key in spike.open_ids]
        assert len(ids) == len(set(ids))
        here = {one.placement.id: one for one in plan.held}
        for spike in spikes:
            waits = sum(here[key].claimed_at is None for key in spike.open_ids)
            assert spike.claimed + waits + sum(count for _, count in spike.never_claimed) == spike.added
            until = math.inf if spike.ended_at is None else spike.ended_at
            assert spike.added <= sum(spike.began_at <= one.created_at < until for one in self.world.made)
            assert (spike.zero_at is None) or (spike.ended_at is not None and not spike.open_ids)

    def over_commit(self) -> None:
        """S3: no pod without a node, for nothing but us is there."""
        assert all(one.node >= 0 for one in self.world.startds.values())


QUIET = (10.0, 0, 0, 1)
NOBODY_CAME = [(10.0, 6, 0, 1), (10.0, 0, 0, 0), *[QUIET] * 9, (10.0, 9, 0, 1), QUIET, QUIET]
"""Jobs are removed before their startds are there; when others come, trust is down to one probe."""


@settings(max_examples=60, deadline=None, phases=PHASES)
@example(NOBODY_CAME, 8.0, 200.0)
@given(stories, st.sampled_from((0.0, 8.0, 30.0)), st.sampled_from((30.0, 200.0, 600.0)))
def test_budgets_dwell_trust_ramp_and_spikes_keep_their_promises_in_every_story(
    story: list[tuple[float, int, int, int]], delay_s: float, job_s: float
) -> None:
    watched = Watched(delay_s, job_s)
    for step, first, second, removed in story:
        watched.cycle(step, first, second, removed)


@settings(max_examples=25, deadline=None, phases=PHASES)
@given(stories, st.sampled_from((0.0, 30.0)))
def test_after_the_last_job_nothing_of_ours_is_left_and_the_report_is_whole(
    story: list[tuple[float, int, int, int]], delay_s: float
) -> None:
    """SU5, SU6."""
    watched = Watched(delay_s, 30.0)
    for step, first, second, removed in story:
        watched.cycle(step, first, second, removed)
    for _ in range(40):
        watched.cycle(10.0, 0, 0, 0)
    assert watched.world.startds == {}
    assert watched.world.memory.held == ()
    assert all(spike.zero_at is not None for spike in watched.world.memory.surge.spikes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_a_drop_to_nothing_counts_after_two_reads_and_a_rise_after_one(reads: list[tuple[bool, bool]]) -> None:
    """SU7: (read anew, has a job) per cycle; the pending startd goes only when two reads in a row had no job."""
    what = placement(created_at=T0)
    memory = Memory(at=T0, held=(held(what, "starting", written_at=T0),), pairs={"m1/g/": SEEN})
    waits = thing(what, pod("x", "pending", created_at=T0, started_at=None))
    count, empty_reads, wanted, has_job = 7, 0, "run", True
    for number, (anew, job) in enumerate(reads):
        if anew or not number:
            count, has_job = count + 1, job
            empty_reads = 0 if job else empty_reads + 1
        at = T0 + 5 * (number + 1)
        asks = schedd(*([demand()] if has_job else []), seen_at=at, reads=count)
        plan = negotiate(snapshot(at=at, memory=memory, objects=(waits,), schedds=(asks,)), Policy())
        memory, before = plan.memory, wanted
        wanted = next(one.wanted for one in plan.held if one.placement.id == what.id)
        if before == "run":
            assert (wanted == "withdraw") is (empty_reads >= 2)
        elif has_job and not any(report.served for report in plan.classes):
            assert plan.classes[0].placed == 1
