"""What would help a Job that waits is told when deciding again with it has that effect, and not otherwise (RE2)."""

from __future__ import annotations

from typing import Any

import pytest

from fedsched.matchmaker.explain.counterfactuals import counterfactuals
from fedsched.matchmaker.model import Order, Policy, Snapshot
from fedsched.matchmaker.model.terms import JobTerms
from fedsched.matchmaker.negotiate import negotiate
from tests.answers.jobs import cycle, job, queue, shape, takes
from tests.matchmaker.builders import T0, member, res, terms


def helps(snap: Snapshot) -> set[str]:
    policy = Policy()
    (report,) = negotiate(snap, policy).classes
    assert report.unmet
    return {one.found.text for one in counterfactuals(snap, policy, report) if one.found is not None}


def wanting(**of_shape: Any) -> Any:
    return queue(job(), demand=shape(shape=of_shape))


@pytest.mark.parametrize(
    ("snap", "says"),
    [
        (
            cycle(queue(job()), terms=(takes("m1", jobs=JobTerms(namespaces=("cms",))),)),
            {"would start now if m1 admitted default under `jobs.namespaces`"},
        ),
        (
            cycle(wanting(objects=(("ConfigMap", "c"),))),
            {"would start now if m1 admitted ConfigMap under `jobs.copied`"},
        ),
        (
            cycle(
                wanting(objects=(("PersistentVolumeClaim", "w"),)),
                terms=(takes("m1", jobs=JobTerms(objects=("PersistentVolumeClaim/*",))),),
            ),
            {"would start now if PersistentVolumeClaim/w were in our namespace at m1"},
        ),
        (
            cycle(wanting(grants=("hostNetwork spec.template.spec.hostNetwork",))),
            {"would start now if m1 admitted hostNetwork under `jobs.grants`"},
        ),
        (cycle(wanting(pods=1000, gang=True)), {"would start now with at most 80 pods at once"}),
        (cycle(queue(job()), terms=(terms("m1"),)), {"would start now if m1 admitted job under `forms`"}),
        (cycle(queue(job(), demand=shape(request=res(20)))), {"would start now with at most 8 cores"}),
        (
            cycle(queue(job()), orders=(Order("cordon", "m1", "disks", "ann", T0),)),
            {"would start now if m1 were uncordoned"},
        ),
    ],
)
def test_the_one_change_that_lets_a_job_start_is_told(snap: Snapshot, says: set[str]) -> None:
    assert helps(snap) == says


def test_what_is_not_enough_is_not_told() -> None:
    both = wanting(objects=(("PersistentVolumeClaim", "w"),), grants=("hostNetwork x",))
    assert helps(cycle(both, members=(member("m1"),))) == set()
