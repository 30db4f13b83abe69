"""Orders for Jobs: who is meant, what is asked first, what undoes them; and that the daemon's queue hears of them."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from fedsched.journal import NewJob, SubmittedJob, open_jobs, open_journal
from fedsched.matchmaker.model import JobCondition, JobStatus, Order, Principal
from tests.cli.conftest import Fedsched

COMPLETE = JobStatus(succeeded=1, conditions=(JobCondition("Complete", "True"),))


@pytest.fixture(autouse=True)
def _submitted(laptop: Path) -> None:
    """Three of ann's, one of bob's, one that is over."""
    with closing(open_jobs(f"sqlite:{laptop / 'fedsched.db'}")) as table:
        table.add(
            NewJob(
                SubmittedJob(f"uid-{who}-{name}", who, name, who, Principal("guest", who), time.time(), priority=2),
                b"{}",
            )
            for who, name in (("ann", "sim-0"), ("ann", "sim-1"), ("ann", "fit"), ("bob", "sim-0"), ("ann", "done"))
        )
        (done,) = (job for job in table.since(0) if job.name == "done")
        table.tell(done.uid, done.revision, COMPLETE, time.time())


def orders(laptop: Path) -> list[tuple[str, str, str, int]]:
    with closing(open_journal(f"sqlite:{laptop / 'fedsched.db'}", reading=True)) as journal:
        return sorted((one.kind, one.target, one.reason, one.value) for one in journal.orders())


@pytest.mark.parametrize("word", ["local:ann/sim-0", "ann/sim-0", "sim-0", "uid-ann-sim-0"])
def test_a_job_of_ones_own_needs_no_reason_however_it_is_named(ann: Fedsched, laptop: Path, word: str) -> None:
    said = ann("hold", word)
    assert (said.code, orders(laptop)) == (0, [("hold", "uid-ann-sim-0", "", 0)])
    assert "undo: fedsched release local:ann/sim-0" in said.out
    assert "no daemon runs" in said.err


def test_other_peoples_jobs_need_a_reason(ann: Fedsched, laptop: Path) -> None:
    said = ann("cancel", "bob/sim-0")
    assert (said.code, "local:bob/sim-0 is not yours" in said.err, orders(laptop)) == (2, True, [])
    assert ann("cancel", "bob/sim-0", "--reason", "it fills the disk").code == 0
    assert orders(laptop) == [("cancel", "uid-bob-sim-0", "it fills the disk", 0)]


def test_globs_ask_first_and_leave_out_what_is_over(ann: Fedsched, laptop: Path) -> None:
    said = ann("cancel", "ann/*")
    assert (said.code, "cancel would touch 3 Jobs" in said.err, orders(laptop)) == (2, True, [])
    assert ann("cancel", "ann/*", "--dry-run").out.count("would be cancelled") == 3
    assert orders(laptop) == []
    assert ann("cancel", "ann/sim-*", "--yes").code == 0
    assert [target for _, target, _, _ in orders(laptop)] == ["uid-ann-sim-0", "uid-ann-sim-1"]


def test_all_means_ones_own(ann: Fedsched, laptop: Path) -> None:
    assert ann("hold", "--all", "-y").code == 0
    assert [target for _, target, _, _ in orders(laptop)] == ["uid-ann-fit", "uid-ann-sim-0", "uid-ann-sim-1"]
    assert ann("hold", "--all", "fit").code == 2
    assert ann("hold").code == 2


def test_release_lifts_hold_and_its_undo_gives_the_reason_back(ann: Fedsched, laptop: Path) -> None:
    assert ann("release", "fit").code == 1
    ann("hold", "fit", "--reason", "wrong input")
    said = ann("release", "fit")
    assert "undo: fedsched hold local:ann/fit --reason 'wrong input'" in said.out
    assert orders(laptop) == []


def test_a_priority_may_be_negative_and_its_undo_is_the_one_before(ann: Fedsched, laptop: Path) -> None:
    assert "undo: fedsched prio local:ann/fit -p 2" in ann("prio", "fit", "-p", "-5").out
    assert "undo: fedsched prio local:ann/fit -p -5" in ann("prio", "fit", "-p", "9").out
    assert orders(laptop) == [("prio", "uid-ann-fit", "", 9)]
    assert ann("prio", "fit").code == 2


def test_what_is_cancelled_or_over_takes_no_other_order(ann: Fedsched, laptop: Path) -> None:
    ann("cancel", "fit")
    said = ann("hold", "fit")
    assert (said.code, "is being cancelled" in said.err) == (1, True)
    said = ann("cancel", "done")
    assert (said.code, "local:ann/done is over" in said.err) == (1, True)
    assert ann("cancel", "fit").code == 0, "once more is no mistake"
    assert len(orders(laptop)) == 1


@pytest.mark.parametrize(
    ("verb", "word", "instead"),
    [
        ("cancel", "4711.3", "condor_rm 4711.3"),
        ("hold", "ce1#4711.0", "condor_hold 4711.0"),
        ("release", "4711", "condor_release 4711"),
        ("cancel", "ce1#4711.0#1700000000", "condor_rm 4711.0"),
    ],
)
def test_jobs_of_htcondor_are_answered_with_its_own_command(
    ann: Fedsched, laptop: Path, verb: str, word: str, instead: str
) -> None:
    said = ann(verb, word)
    assert (said.code, instead in said.err, orders(laptop)) == (2, True, [])


def test_where_one_word_means_none_nothing_is_ordered(ann: Fedsched, laptop: Path) -> None:
    for words in (("ann/fit", "ann/none"), ("other:ann/fit",), ("none*",)):
        said = ann("cancel", *words)
        assert (said.code, orders(laptop)) == (1, [])


def test_orders_are_listed_with_the_jobs_names(ann: Fedsched) -> None:
    ann("prio", "fit", "-p", "3", "--reason", "the paper")
    listed = ann("orders").out.splitlines()[1]
    assert listed.startswith("prio 3  local:ann/fit")
    assert listed.endswith("the paper")


def test_programs_get_what_was_ordered_as_json(ann: Fedsched) -> None:
    said = ann("hold", "fit", "-o", "json").json()
    assert (said["kind"], said["order"], said["dry_run"]) == ("job-order", "hold", False)
    assert said["jobs"] == [{"id": "local:ann/fit", "uid": "uid-ann-fit"}]


def test_an_order_for_a_member_and_one_for_a_job_stand_beside_each_other(ann: Fedsched, laptop: Path) -> None:
    with closing(open_journal(f"sqlite:{laptop / 'fedsched.db'}")) as journal:
        journal.add_order(Order("cordon", "m1", "why"))
    ann("hold", "fit")
    ann("release", "fit")
    assert [kind for kind, *_ in orders(laptop)] == ["cordon"]
