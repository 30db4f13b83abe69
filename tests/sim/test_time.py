"""Virtual time: a world's history is its own, however its time is cut into steps and whoever looks meanwhile."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import CreateObject, DeletePod, Observation, OrderLeave
from fedsched.sim.scenario import (
    Admission,
    Batch,
    Faults,
    NodeLoss,
    Owner,
    QuotaCut,
    Scenario,
    Stale,
    Window,
)
from fedsched.sim.world import SimWorld
from tests.sim.builders import ANN, JOB, NODE, jobs, member, placement, trace_job, world

MINUTES = 25


def troubled() -> Scenario:
    """Every kind of event, at times that are no whole seconds."""
    faults = Faults(
        silent=(Window(300.5, 400.25),),
        lost_answer=0.1,
        timeout=0.1,
        no_join=0.1,
        no_start=0.1,
        losses=((333.3, 1),),
        node_losses=(NodeLoss(500.7, "std", 1, 700.1),),
        stale=(Stale(Window(800.0, 1000.0), 33.3),),
        admission=(Admission(Window(100.0, 200.0), 0.5),),
        quotas=(QuotaCut(Window(600.0, 650.0), 3),),
    )
    owner = Owner(150.5, "std", 2, msgspec.structs.replace(NODE, pods=1), lasts_s=77.7)
    first = msgspec.structs.replace(member("m1", faults, 3), owners=(owner,))
    batches = (
        Batch(0.0, "ce1", ANN, 20, JOB, 90.0, over_s=600.0, patience_s=300.0),
        Batch(60.0, "ce2", ANN, 20, JOB, 120.0, over_s=900.0),
    )
    return Scenario(
        (first, member("m2")),
        batches,
        tuple(trace_job(number, at=number * 7.3, runs_s=55.5) for number in range(100, 140)),
        lease_s=100.0,
        silent_schedds=(("ce1", Window(200.0, 310.0)),),
        gone_schedds=(("ce2", Window(450.0, 620.0)),),
        silent_hub=(Window(1100.0, 1130.0),),
    )


def history(cuts: tuple[float, ...], looks: int = 1) -> list[object]:
    """What is seen at every full minute, when minutes pass in these parts, looked at so often in between."""
    made = SimWorld(troubled(), seed=7)
    seen: list[object] = []
    for name in made.members:
        made.claim(name, 1)
    for minute in range(MINUTES):
        for name in sorted(made.members):
            one = msgspec.structs.replace(
                placement(made.now(), minute), id=f"{name}-{minute}", member=name, share="any"
            )
            made.act(CreateObject(name, one))
        for part in cuts:
            made.sleep(part)
            for _ in range(looks - 1):
                made.observe(made.now())
        now = made.observe(made.now())
        seen.append(now)
        pods = [(thing.member, pod) for thing in now.objects for pod in thing.pods if pod.phase == "running"]
        for where, pod in pods[:1]:
            order = OrderLeave(where, "p", pod.name, pod.uid, made.now())
            made.act(order if minute % 2 else DeletePod(where, "p", pod.name, pod.uid, grace_s=30))
    seen.append(tuple((job.id, job.starts, job.done_at, job.lost_s) for job in jobs(made).values()))
    return seen


@pytest.fixture(scope="module")
def whole() -> list[object]:
    return history((60.0,))


def test_sixty_steps_of_a_second_are_a_minute(whole: list[object]) -> None:
    seen = [one for one in whole if isinstance(one, Observation)]
    assert any(slot.claims for one in seen for slot in one.pools[0].slots)
    assert history((1.0,) * 60) == whole


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=8))
def test_a_history_does_not_depend_on_how_time_is_cut(parts: list[int]) -> None:
    total = 2 ** max(parts).bit_length()
    cuts = [60.0 * part / 8 / total for part in parts]
    assert history((*cuts, 60.0 - sum(cuts))) == history((60.0,))


def test_who_looks_changes_nothing(whole: list[object]) -> None:
    assert history((10.0,) * 6, looks=3) == whole


class Counted(SimWorld):
    """Counts the moments in which anything happens."""

    steps = 0

    def _step(self) -> None:
        self.steps += 1
        super()._step()


def test_empty_time_costs_nothing() -> None:
    made = Counted(Scenario((member(),), jobs=(trace_job(1, at=1e6),)))
    before = made.steps
    made.sleep(999_000)
    assert made.steps == before
    made.sleep(2_000)
    assert before < made.steps < before + 10


def test_a_world_never_sleeps_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("slept"))
    made = world()
    assert made.wait(3600) is False
    assert made.monotonic() == 3600
