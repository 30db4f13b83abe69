"""A submit file job by job: HTCondor's own reader says what macros, arguments and environment are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import JobCommands, ReadJobs, SubmitJobs
from fedsched.config.settings import PoolSettings

ONE_CHILD = Children(PoolSettings("none", "127.0.0.1:9618"), 20.0)


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    yield
    ONE_CHILD.close()


def read(text: str, most: int = 10_000, count: int = 0) -> tuple[JobCommands, ...]:
    said = ONE_CHILD.ask(ReadJobs(text, 42, 1.8e9, most, count))
    assert isinstance(said, SubmitJobs)
    return said.jobs


def test_macros_are_those_of_each_job() -> None:
    jobs = read("X = a\narguments = $(Cluster).$(Process) $(X)$(Item)-$(Step)-$(ItemIndex)\nqueue 2 Item in (p, q)")
    assert [job.arguments for job in jobs] == [
        ("42.0", "ap-0-0"),
        ("42.1", "ap-1-0"),
        ("42.2", "aq-0-1"),
        ("42.3", "aq-1-1"),
    ]
    assert [job.arguments[1] for job in read("arguments = 1 $(A)$(B)\nqueue A,B from (\n1 2\n3 4\n)")] == ["12", "34"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("a b  c", ("a", "b", "c")),
        ('a \\"b\\"', ("a", '"b"')),
        ('"one \'two three\' ""four"" it\'\'s"', ("one", "two three", '"four"', "its")),
        ('"-c \'print(""x"")\'"', ("-c", 'print("x")')),
        ("", ()),
    ],
)
def test_arguments_have_two_spellings(said: str, found: tuple[str, ...]) -> None:
    assert read(f"arguments = {said}\nqueue")[0].arguments == found


@pytest.mark.parametrize("said", ["A=1;B=x y", "\"A=1 B='x y'\""])
def test_the_environment_has_two_spellings(said: str) -> None:
    assert read(f"environment = {said}\nqueue")[0].environment == (("A", "1"), ("B", "x y"))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('arguments = "a\nqueue', 'arguments: a " inside'),
        ('arguments = "a \'b"\nqueue', "arguments: HTCondor cannot take it apart"),
        ('environment = "A"\nqueue', "environment: expected NAME=VALUE"),
        ("executable = $$(Cmd)\nqueue", "executable: $$(…) is known only to a schedd"),
        ("a = $ENV(HOME)\nqueue", "a: $ENV(…) is known only"),
        ("queue X from list.txt", "write the items into it"),
        ("queue 30", "30 jobs: at most 20 are submitted at once"),
    ],
)
def test_what_cannot_be_read_for_jobs_is_refused(text: str, cause: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        read(text, most=20)
    assert cause in str(refused.value)


def test_a_count_takes_the_place_of_the_queue_statement() -> None:
    assert len(read("queue X from list.txt", count=3)) == 3
