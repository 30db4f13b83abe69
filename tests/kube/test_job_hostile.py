"""Jobs that nobody means well with: refused in one printable line, whatever they are; nothing raises, nothing leaks."""

from __future__ import annotations

from typing import Any

import pytest

from fedsched.kube.jobs.fields import LARGEST_JOB, read
from fedsched.kube.jobs.grammar import MOST_PROBLEMS
from fedsched.kube.jobs.spec import LONGEST_REFUSAL, Refusal
from tests.kube.job_builders import job, problems_of, sent


def test_a_text_that_may_be_a_secret_is_never_shown() -> None:
    refusal = read(job(container={"env": [{"name": "PASSWORD", "value": "hunter2\0"}]}))
    assert isinstance(refusal, Refusal)
    assert "hunter2" not in str(refusal)


def test_a_job_of_more_than_a_mebibyte_is_refused() -> None:
    made = job(container={"env": [{"name": f"X{n}", "value": "x" * 200_000} for n in range(6)]})
    refusal = read(made)
    assert isinstance(refusal, Refusal)
    assert [problem.path for problem in refusal.problems] == ["spec"]
    assert str(LARGEST_JOB) in str(refusal)


@pytest.mark.parametrize(
    "manifest",
    [
        *(None, [], "job", 7, {}, {"apiVersion": "batch/v1", "kind": "Job"}),
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "namespace": "b"}, "spec": []},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "namespace": "b"}, "spec": {}},
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": ["a"], "namespace": {}},
            "spec": {"template": 1},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": {}},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"labels": {1: object()}}, "spec": None},
    ],
)
def test_what_is_no_job_is_refused_and_never_raises(manifest: Any) -> None:
    assert isinstance(read(manifest), Refusal)


def nested(depth: int) -> Any:
    found: Any = {}
    for _ in range(depth):
        found = {"x": found}
    return found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("containers", {}),
        ("containers", []),
        ("containers", [None]),
        ("containers", [{"name": "x" * 100, "image": "i"}]),
        ("containers", [{"name": "a", "image": "i"}] * 200),
        ("volumes", "all"),
        ("volumes", [{"name": "a", "configMap": nested(5000)}]),
        ("nodeSelector", {"a": None}),
        ("nodeSelector", {"\u202e": "x"}),
        ("tolerations", [["x"]]),
        ("initContainers", [{"name": "\n", "image": "i"}]),
        ("terminationGracePeriodSeconds", 1e300),
        ("terminationGracePeriodSeconds", True),
        ("hostname", "\ud800"),
    ],
)
def test_hostile_values_are_refused_in_one_printable_line(field: str, value: Any) -> None:
    refusal = read(job({field: value}))
    assert isinstance(refusal, Refusal)
    assert str(refusal).isprintable()
    assert len(refusal.problems) <= MOST_PROBLEMS
    assert len(str(refusal)) <= LONGEST_REFUSAL


def test_many_problems_are_told_together_and_not_all() -> None:
    made = job({"hostile" + str(n): 1 for n in range(100)})
    assert len(problems_of(made)) == MOST_PROBLEMS


def test_reading_changes_nothing_in_what_was_given() -> None:
    made = job({"serviceAccount": "default", "volumes": []}, parallelism=0)
    before = sent(made)
    read(made)
    assert made == before
