"""`submit` into a queue of Jobs: whole or not at all, with the field at fault, and as its dry run said."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fedsched.cli import submit_wait
from fedsched.cli.planned import planned
from fedsched.config import load_federation
from fedsched.federation.journal_queue import JournalQueue
from fedsched.federation.queue_links import LOCAL
from fedsched.journal import open_jobs, open_journal
from fedsched.loop import Decision, Mind, decide
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import (
    CreateObject,
    JobCondition,
    JobStatus,
    Observation,
    Plan,
    Snapshot,
    TellJob,
)
from fedsched.matchmaker.negotiate import negotiate
from tests.cli.conftest import Fedsched

SUBMIT = """container_image = docker://registry.example/sim:1
executable = /opt/sim
arguments = "--seed $(Process)"
request_cpus = 4
request_memory = 2 GB
accounting_group = physics.cms
priority = 7
queue 3
"""


def manifest(name: str = "hello", **spec: Any) -> dict[str, Any]:
    container = {
        "name": "c",
        "image": "registry.example/a:1",
        "resources": {"requests": {"cpu": "4", "memory": "2Gi", "ephemeral-storage": "1Gi"}},
    }
    pod = {"restartPolicy": "Never", "containers": [container], **spec.pop("pod", {})}
    metadata = {"name": name, **spec.pop("metadata", {})}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod}, **spec}}


def written(folder: Path, *jobs: dict[str, Any], name: str = "jobs.json") -> str:
    file = folder / name
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(jobs)}))
    return str(file)


def kept(laptop: Path) -> dict[str, Any]:
    """Manifests of what waits in the journal, by id."""
    with closing(open_jobs(f"sqlite:{laptop / 'fedsched.db'}", reading=True)) as table:
        return {job.id: json.loads(table.manifest(job.uid) or b"") for job in table.since(0)}


def test_an_unmodified_job_is_submitted_and_one_federated_id_is_printed(ann: Fedsched, laptop: Path) -> None:
    file = laptop / "job.yaml"
    file.write_text(
        "# as from kubectl create job --dry-run=client -o yaml\n"
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: hello, namespace: default, creationTimestamp: null}\n"
        "spec:\n  template:\n    spec:\n      restartPolicy: Never\n"
        "      containers: [{name: c, image: busybox, command: [date], resources: {}}]\nstatus: {}\n"
        "---\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: step-}\n"
        "spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}\n"
    )
    said = ann("submit", str(file))
    assert said.code == 0, said.err
    first, second = said.out.split()
    assert first == "local:ann/hello"
    assert second.startswith("local:ann/step-")
    assert "undo: fedsched cancel local:ann/hello" in said.err
    assert set(kept(laptop)) == {first.partition(":")[2], second.partition(":")[2]}


def test_a_list_and_standard_input_are_read(ann: Fedsched, laptop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        ann("submit", written(laptop, manifest("a"), manifest("b")), "-o", "name").out == "local:ann/a\nlocal:ann/b\n"
    )
    piped = io.TextIOWrapper(io.BytesIO(json.dumps(manifest("c")).encode()))
    monkeypatch.setattr("sys.stdin", piped)
    assert ann("submit", "-", "-o", "name").out == "local:ann/c\n"


def test_a_submit_file_becomes_jobs_with_its_arguments_group_and_priority(ann: Fedsched, laptop: Path) -> None:
    (laptop / "sim.sub").write_text(SUBMIT)
    said = ann("submit", str(laptop / "sim.sub"), "-o", "json").json()
    ids = [job["id"] for job in said["jobs"]]
    assert ids == [f"local:ann/sim-1-{process}" for process in range(3)]
    assert {(job["principal"]["group"], job["principal"]["user"]) for job in said["jobs"]} == {("physics.cms", "ann")}
    container = kept(laptop)["ann/sim-1-2"]["spec"]["template"]["spec"]["containers"][0]
    assert (container["command"], container["args"]) == (["/opt/sim"], ["--seed", "2"])
    with closing(open_jobs(f"sqlite:{laptop / 'fedsched.db'}", reading=True)) as table:
        assert {job.priority for job in table.since(0)} == {7}
    assert "/opt/sim is taken from the image" in said["notes"][0]


def test_the_program_of_a_job_without_a_pool_needs_no_schedd(ann: Fedsched, laptop: Path) -> None:
    (laptop / "sim.sub").write_text(SUBMIT)
    assert ann("submit", "--dry-run", str(laptop / "sim.sub")).out.startswith("3 now (3 at m1/g1)")
    said = ann("submit", str(laptop / "sim.sub"), "--schedd", "ce1")
    assert (said.code, "condor_submit" in said.err) == (2, True)


REFUSED = {
    "a host path": (
        manifest(pod={"volumes": [{"name": "v", "hostPath": {"path": "/etc/../etc"}}]}),
        "jobs.json, line 1, items[0]: spec.template.spec.volumes",
    ),
    "a field that nobody knows": (manifest(magic=1), "spec.magic"),
    "another's group": (
        manifest(metadata={"labels": {"fedsched.io/group": "biology"}}),
        "metadata.labels[fedsched.io/group]: namespace ann may not charge group",
    ),
    "another queue": (manifest(metadata={"labels": {"fedsched.io/queue": "hub"}}), "names another queue than local"),
    "no name": (manifest("Not A Name"), "metadata.name"),
    "a megabyte": (manifest(metadata={"annotations": {"a": "x" * (1 << 20)}}), "at most 1048576 may be"),
    "no map": (manifest() | {"metadata": ["x"]}, "metadata: must be a map"),
}


@pytest.mark.parametrize(("job", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_may_not_go_to_a_member_is_refused_with_its_field_and_nothing_is_submitted(
    ann: Fedsched, laptop: Path, job: dict[str, Any], expected: str
) -> None:
    file = written(laptop, job, manifest("good"))
    for words in (("submit", file), ("submit", "--dry-run", file)):
        said = ann(*words)
        assert (said.code, expected in said.err, said.out) == (1, True, ""), said.err
    assert kept(laptop) == {}


def test_a_name_that_is_taken_is_refused_by_the_dry_run_and_for_real(ann: Fedsched, laptop: Path) -> None:
    file = written(laptop, manifest("a"))
    assert ann("submit", file).code == 0
    for words in (("submit", "--dry-run", file), ("submit", file), ("submit", file, file, "--name", "b")):
        said = ann(*words)
        assert (said.code, said.out) == (1, "") if words[-1] != "b" else (0, said.out)
        assert "there already: ann/a (uid " in said.err or words[-1] == "b"
    assert min(kept(laptop)) == "ann/a"
    assert [name[:6] for name in sorted(kept(laptop))[1:]] == ["ann/b-", "ann/b-"]


def test_no_file_is_half_submitted(ann: Fedsched, laptop: Path) -> None:
    said = ann("submit", written(laptop, manifest("a")), written(laptop, manifest("b"), manifest("b"), name="2.json"))
    assert (said.code, kept(laptop)) == (1, {})
    assert "ann/b (twice)" in said.err


def test_files_of_no_kind_and_no_files_are_told_as_that(ann: Fedsched, laptop: Path) -> None:
    (laptop / "x").write_text("hello")
    assert "neither a Kubernetes manifest" in ann("submit", str(laptop / "x")).err
    assert ann("submit", str(laptop / "none")).code == 2
    assert ann("submit", "-", "-").code == 2
    (laptop / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\n")
    assert "expected batch/v1 Job, got 'v1' 'Pod'" in ann("submit", str(laptop / "pod.yaml")).err


def test_a_job_that_is_suspended_by_its_file_waits_on_hold_for_release(ann: Fedsched, laptop: Path) -> None:
    said = ann("submit", written(laptop, manifest("a", suspend=True)))
    assert "1 on hold until `fedsched release`" in said.err
    assert "suspend" not in kept(laptop)["ann/a"]["spec"]
    assert "hold" in ann("orders").out
    assert ann("release", "a").code == 0
    assert ann("orders").out == "No order stands.\n"


def test_a_group_may_be_named_for_all_and_the_queue_too(ann: Fedsched, laptop: Path) -> None:
    words = ("submit", written(laptop, manifest("a")), "--as-group", "physics", "--queue", "local", "-o", "json")
    assert ann(*words).json()["jobs"][0]["principal"]["group"] == "physics"
    said = ann("submit", written(laptop, manifest("b")), "--queue", "other")
    assert (said.code, "no queue 'other'; there are: local" in said.err) == (2, True)


def test_a_dry_run_says_what_the_next_cycle_then_does(ann: Fedsched, laptop: Path) -> None:
    """Eight Jobs of four cores fit; of ten alike two do not, and the ramp lets fewer begin at once."""
    file = written(laptop, *(manifest(f"j{number}") for number in range(10)))
    said = ann("submit", "--dry-run", file, "-o", "json")
    assert said.code == 0, said.err
    (verdict,) = said.json()["verdicts"]
    assert kept(laptop) == {}
    assert ann("submit", file).code == 0
    found = Counter(change.placement.member for change in _next_cycle(laptop) if isinstance(change, CreateObject))
    assert found == {one["member"]: one["startds"] for one in verdict["where"]}
    assert verdict["now"] == found["m1"] > 0
    assert verdict["waiting"] == 10 - verdict["now"]


def test_a_dry_run_says_never_and_what_would_help(ann: Fedsched, laptop: Path) -> None:
    big = manifest("big")
    big["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "64"
    said = ann("submit", "--dry-run", written(laptop, big))
    assert (said.code, said.out.startswith("1 never: ")) == (1, True)
    assert "nearest: with 8 cores instead of 64" in said.out


def test_jobs_on_hold_take_nothing_in_a_dry_run(ann: Fedsched, laptop: Path) -> None:
    said = ann("submit", "--dry-run", written(laptop, manifest("a", suspend=True)), "-o", "json").json()
    assert (said["jobs"], said["held"], said["verdicts"]) == (1, 1, [])


def _next_cycle(laptop: Path) -> tuple[Any, ...]:
    """What the next cycle would change, the laptop being as it was in the last one."""
    settings = load_federation(laptop / "fedsched.toml")
    with closing(open_journal(settings.journal)) as journal:
        last = journal.last_cycle()
        assert last is not None
        policy = journal.policy(last.policy)
        assert policy is not None
    queue = JournalQueue(settings.queues[0] if settings.queues else LOCAL, settings, lambda: None)
    queue.start()
    try:
        end = time.monotonic() + 10
        while (view := queue.latest()) is None or not view.jobs:
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        queue.stop()
    seen = last.snapshot.observation
    with_it = Snapshot(
        type(seen)(seen.at, (view,), seen.members, seen.pools, seen.objects),
        last.snapshot.memory,
        last.snapshot.terms,
        epoch=last.snapshot.epoch,
        pools=last.snapshot.pools,
    )
    _, wanted = decide(Mind(negotiate, changes, policy, with_it.terms, with_it.pools), with_it)
    return wanted


COMPLETE = JobStatus(succeeded=1, conditions=(JobCondition("Complete", "True"),))
FAILED = JobStatus(failed=1, conditions=(JobCondition("Failed", "True", "BackoffLimitExceeded", "exit code 7"),))


@pytest.mark.parametrize(
    ("end", "code", "told"),
    [(COMPLETE, 0, "1 complete"), (FAILED, 1, "local:ann/a failed: BackoffLimitExceeded: exit code 7")],
)
def test_waiting_ends_with_the_job_and_says_how(
    ann: Fedsched, laptop: Path, monkeypatch: pytest.MonkeyPatch, end: JobStatus, code: int, told: str
) -> None:
    monkeypatch.setattr(submit_wait, "LOOK_S", 0.02)
    ending = threading.Thread(target=_live, args=(laptop, (JobStatus(active=1, ready=1), end)))
    ending.start()
    said = ann("submit", written(laptop, manifest("a")), "--wait", "--timeout", "30s")
    ending.join()
    assert (said.code, told in said.err) == (code, True), said.err


def _live(laptop: Path, statuses: tuple[JobStatus, ...]) -> None:
    """Plays the daemon: tells the first Job that comes one status after the other."""
    with closing(open_jobs(f"sqlite:{laptop / 'fedsched.db'}")) as table:
        end = time.monotonic() + 20
        while not table.since(0) and time.monotonic() < end:
            time.sleep(0.02)
        for status in statuses:
            (job,) = table.since(0)
            table.tell(job.uid, job.revision, status, time.time())


def test_who_stops_waiting_stops_no_job(ann: Fedsched, laptop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    said = ann("submit", written(laptop, manifest("a")), "--wait")
    assert (said.code, "they go on" in said.err) == (3, True)
    assert list(kept(laptop)) == ["ann/a"]


def test_waiting_without_a_daemon_ends_with_4_when_the_time_is_over(ann: Fedsched, laptop: Path) -> None:
    said = ann("submit", written(laptop, manifest("a")), "--wait", "--timeout", "1s")
    assert (said.code, "next: fedsched serve" in said.err) == (4, True)


@pytest.mark.parametrize(
    "words", [("--dry-run", "--wait"), ("--timeout", "3s"), ("--live",), ("--wait", "--timeout", "x")]
)
def test_options_that_do_not_go_together_are_usage(ann: Fedsched, laptop: Path, words: tuple[str, ...]) -> None:
    assert ann("submit", written(laptop, manifest("a")), *words).code == 2
    assert kept(laptop) == {}


def test_a_federation_without_pools_says_so_where_one_is_needed(ann: Fedsched) -> None:
    for verb in ("flock-config", "negotiator-config"):
        said = ann(verb)
        assert (said.code, "fedsched.toml names no pool" in said.err) == (2, True)


def test_plan_shows_copies_and_statuses_of_jobs(ann: Fedsched, laptop: Path) -> None:
    ann("submit", written(laptop, manifest("a")))
    told = planned(Decision(_plan(laptop), _next_cycle(laptop)), Observation(0.0))
    assert [(one.member, one.form, one.count) for one in told.created] == [("m1", "job", 1)]
    assert [(one.verb, one.name) for one in told.altered] in ([], [("tell-job", "local:ann/a")])
    change = TellJob("local", "ann/a", "uid", "1", COMPLETE)
    (row,) = planned(Decision(_plan(laptop), (change,)), Observation(0.0)).altered
    assert (row.verb, row.name, row.why) == ("tell-job", "local:ann/a", "Its status says Complete.")


def _plan(laptop: Path) -> Plan:
    with closing(open_journal(f"sqlite:{laptop / 'fedsched.db'}", reading=True)) as journal:
        last = journal.last_cycle()
    assert last is not None
    return last.plan
