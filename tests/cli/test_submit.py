"""`submit --dry-run`: a submit file is read without trusting it, and its verdict has numbers, causes and a way out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedsched.condor import submit_reader
from fedsched.condor.principals import Origin
from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import ReadSubmit, Submitted, Terms
from fedsched.config.settings import PoolSettings, PrincipalRule
from fedsched.matchmaker.model import JobLength, Principal
from fedsched.matchmaker.resources import Resources
from tests.cli.conftest import Fedsched

SCHEDD = "ce1.physics.example"
RULES = (PrincipalRule("*", groups=("physics", "physics.*")),)
TERMS = Terms(RULES, ("AllowedJobDuration", "MaxWallTimeMins"), 3600, {"Fpga": "vendor.example/fpga"}, 1000)


ONE_CHILD = Children(PoolSettings("none", "127.0.0.1:9618"), 20.0)
"""A child process for all files of these tests; the verb makes one for each."""


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    yield
    ONE_CHILD.close()


def asked(text: str, **more: object) -> ReadSubmit:
    return ReadSubmit(text, Origin("ce1", "id@pool", "target"), TERMS, "ann@p.example", 1.8e9, **more)  # type: ignore[arg-type]  # keywords of the struct


def read(text: str, **more: object) -> Submitted:
    said = ONE_CHILD.ask(asked(text, **more))
    assert isinstance(said, Submitted)
    return said


def refusal(text: str) -> str:
    with pytest.raises(QueryFailed) as refused:
        read(text)
    return str(refused.value)


def test_sizes_lengths_priority_and_principal_come_from_the_file() -> None:
    said = read(
        "executable = /bin/x\nrequest_cpus = 4\nRequest_Memory = 8GB\nrequest_disk = 20 GB\npriority = 5\n"
        "accounting_group = physics.cms\nallowed_job_duration = 7200\nrequest_fpga = 2\nqueue 5\n"
    )
    (one,) = said.classes
    assert one.request == Resources(4000, 8192, 20480, 0, 1, (("vendor.example/fpga", 2),))
    assert one.length == JobLength(7200, "AllowedJobDuration")
    assert one.principal == Principal("physics.cms", "ann@p.example")
    assert (one.idle, one.priorities, said.jobs, said.held) == (5, ((5, 5),), 5, False)


def test_a_group_that_the_rules_do_not_list_is_charged_to_the_schedds_guests() -> None:
    (one,) = read("accounting_group = mine\nqueue").classes
    assert one.principal.group == "guest.ce1"
    (one,) = read("accounting_group = mine\nqueue", group="physics").classes
    assert one.principal.group == "physics"


def test_items_of_different_size_are_different_classes() -> None:
    said = read("request_memory = $(M)\nqueue 2 M in (1GB, 2GB 1GB)\n")
    assert {(one.request.memory_mib, one.idle) for one in said.classes} == {(1024, 4), (2048, 2)}
    said = read("request_cpus = $(C)\nqueue C,Other from (\n1 a\n2 b\n)\n")
    assert {(one.request.cpu_milli, one.idle) for one in said.classes} == {(1000, 1), (2000, 1)}


@pytest.mark.parametrize(
    ("queue", "jobs"), [("queue", 1), ("Queue 7", 7), ("N = 3\nqueue 2*$(N)", 6), ("queue X in a b", 2)]
)
def test_the_queue_statement_says_how_many(queue: str, jobs: int) -> None:
    assert read(f"executable = /bin/x\n{queue}\n").jobs == jobs


def test_jobs_of_a_factory_are_announced_beyond_what_is_made() -> None:
    (one,) = read("max_materialize = 3\nqueue 10").classes
    assert (one.idle, one.announced) == (3, 7)


def test_jobs_on_hold_are_said_to_be() -> None:
    assert read("hold = true\nqueue").held


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("x", "HTCondor cannot read it"),
        ("executable = a", "exactly one queue statement"),
        ("queue 3\nqueue 4", "exactly one queue statement"),
        ("universe = local\nqueue", "universe local"),
        ("include : /etc/passwd\nqueue", "read other files"),
        ("use feature : x\nqueue", "read other files"),
        ("queue 99999999999", "expected 1 to"),
        ("queue 0", "expected 1 to"),
        ("requirements = foo(\nqueue", "requirements: "),
        ("requirements = " + "(" * 500 + "\nqueue", "requirements: nested deeper"),
        ("queue\0", "NUL"),
        ("a = " + "x" * 300_000 + "\nqueue", "longer than"),
    ],
)
def test_what_is_no_submit_file_is_refused_with_its_cause(text: str, cause: str) -> None:
    assert cause in refusal(text)


def test_a_macro_that_stands_for_itself_costs_seconds_not_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit_reader, "LIMIT_S", 1.0)
    began = time.monotonic()
    with pytest.raises(QueryFailed, match="does a macro of it stand for itself"):
        submit_reader.read_submit(asked("a = $(b)\nb = $(a)\nrequest_memory = $(a)\nqueue"))
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "queue",
    [
        "queue f from {program} |",
        "queue f from {program}|",
        "queue in from {program} |",
        "Q = from {program} |\nqueue $(Q)",
        "Q = f from {program} |\nqueue 1 $(Q)",
        "queue f from [0:1] {program} |",
        "queue f in (a) from {program} |",
        "queue f matching {program}",
        "queue f from {secret}",
        "include command : {program}\nqueue",
        "include command into /tmp/x : {program}\nqueue",
        "@include : {program} |\nqueue",
        "include ifexist : {secret}\nqueue",
    ],
)
def test_no_program_is_run_and_no_other_file_is_read(tmp_path: Path, queue: str) -> None:
    ran, secret = tmp_path / "ran", tmp_path / "secret"
    secret.write_text("request_cpus=64\n" * 3)
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\necho a\n")
    program.chmod(0o755)
    text = "executable = /bin/x\n" + queue.format(program=program, secret=secret) + "\n"
    try:
        said = read(text)
    except QueryFailed:
        pass
    else:
        assert said.jobs == 1
        assert said.classes[0].request.cpu_milli == 1000
    assert not ran.exists()


def test_a_verdict_has_numbers_and_places_or_a_cause_and_a_way_out(fedsched: Fedsched, tmp_path: Path) -> None:
    file = tmp_path / "job.sub"
    file.write_text("executable = /bin/x\nrequest_cpus = 2\nqueue 30\n")
    words = ("submit", "--dry-run", str(file), "--schedd", SCHEDD, "--as", "ann@physics.example")
    said = fedsched(*words)
    assert said.code == 0, said.err
    assert said.out.startswith("30 not now: ")
    assert "as if they had been there in cycle" in said.out
    (one,) = fedsched(*words, "--count", "3", "-o", "json").json()["verdicts"]
    assert (one["word"], one["jobs"], one["waiting"], one["now"]) == ("not now", 3, 3, 0)
    assert one["reason"]["cause"]


def test_what_can_never_run_says_what_could_and_ends_with_1(fedsched: Fedsched, tmp_path: Path) -> None:
    file = tmp_path / "job.sub"
    file.write_text("executable = /bin/x\nrequest_memory = 4TB\nqueue\n")
    said = fedsched("submit", "--dry-run", str(file), "--schedd", SCHEDD)
    assert said.code == 1
    assert said.out.startswith("1 never: ")
    assert "nearest: with 255.8 GiB of memory instead of 4096 GiB" in said.out


def test_real_submission_is_left_to_condor_submit(fedsched: Fedsched, tmp_path: Path) -> None:
    file = tmp_path / "job.sub"
    file.write_text("queue")
    said = fedsched("submit", str(file))
    assert said.code == 2
    assert "condor_submit" in said.err
    assert "--dry-run" in said.err


def test_of_several_schedds_one_must_be_named_and_a_new_one_may_be(fedsched: Fedsched, tmp_path: Path) -> None:
    file = tmp_path / "job.sub"
    file.write_text("queue")
    said = fedsched("submit", "--dry-run", str(file))
    assert said.code == 2
    assert SCHEDD in said.err
    said = fedsched("submit", "--dry-run", str(file), "--schedd", "new.example", "--as", "kim@new.example")
    assert said.code == 0
    assert "taken as one that flocks here for the first time" in said.err
    assert "guest.new.example.kim@new.example" in said.out


def test_a_file_that_is_not_there_is_a_usage_error(fedsched: Fedsched, tmp_path: Path) -> None:
    said = fedsched("submit", "--dry-run", str(tmp_path / "none.sub"), "--schedd", SCHEDD)
    assert said.code == 2
    assert "No such file" in said.err
