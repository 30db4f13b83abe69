"""A redacted snapshot names no Job, namespace or owner of a queue, and what is decided differs in names alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.journal import Recorded
from fedsched.matchmaker.model import JobCondition, JobStatus, Order, Policy, Principal, Snapshot
from fedsched.matchmaker.model.terms import JobTerms
from fedsched.matchmaker.negotiate import negotiate
from fedsched.replay import FORMAT, Saved, encode, redact, replay
from tests.answers.jobs import after, copy_of, cycle, job, queue, shape, takes
from tests.matchmaker.builders import T0, member, pod

ANNE = Principal("guest.annemarie", "annemarie")
SECRETS = ("annemarie", "nobel-fit", "thesis", "laptop", "hub-of-hamburg", "fitzgerald")


def recorded(namespaces: tuple[str, ...]) -> Recorded:
    his: dict[str, Any] = {"namespace": "annemarie", "principal": ANNE}
    told = JobStatus(conditions=(JobCondition("fedsched.io/Preempted", "True", "Preempted", "for fitzgerald by PR2"),))
    jobs = (
        job("nobel-fit", class_key="k", uid="u1", status=told, **his),
        job("thesis", class_key="k", uid="u2", **his),
        job("third", class_key="k", uid="u3", state="refused", problem="spec.x of annemarie/third", **his),
    )
    wanted = shape(key="k", principal=ANNE, shape={})
    assert wanted.job is not None
    wanted = msgspec.structs.replace(wanted, job=msgspec.structs.replace(wanted.job, namespace="annemarie"))
    policy = Policy()
    snap = cycle(
        queue(*jobs, name="hub-of-hamburg", demand=wanted),
        queue(name="other", demand=shape(key="f", principal=Principal("physics", "fitzgerald"))),
        terms=(takes("m1", jobs=JobTerms(namespaces=namespaces)),),
        members=(member("m1"),),
    )
    plan = negotiate(snap, policy)
    order = Order("hold", "u2", "the laptop was stolen", "annemarie", T0)
    things = (copy_of(plan, pod("fs-x-1", started_at=T0 + 5)),) if plan.held else ()
    then: Snapshot = after(snap, plan, *things)
    then = msgspec.structs.replace(then, orders=(order,))
    return Recorded(then, negotiate(then, policy))


@pytest.mark.parametrize("namespaces", [(), ("anne*",), ("annemarie", "cms"), ("cms",)])
def test_no_name_of_a_queue_is_left_and_the_decision_is_the_same(namespaces: tuple[str, ...]) -> None:
    found = recorded(namespaces)
    made = redact(Saved(FORMAT, "", Policy(), found))
    assert bool(found.plan.held) == (namespaces != ("cms",))
    assert made.changed == ()
    text = encode(made.saved).decode()
    assert not [name for name in SECRETS if name in text]
    seen = made.saved.recorded.observation
    ids = [one.id for view in seen.schedds for one in view.jobs]
    assert len(set(ids)) == 3
    assert all(one.startswith("space-") for one in ids)
    held = made.saved.recorded.plan.held
    assert {one.placement.job for one in held} <= set(ids)
    assert replay(made.saved.recorded, made.saved.policy).exact
