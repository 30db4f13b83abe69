"""Why a job waits, as its user reads it in a terminal, for situations that were really made (E1, E2, N2)."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.browser.looking import look
from tests.federation.harness import PRINCIPALS, Federation, eventually, slots
from tests.federation.replayed import replayed
from tests.federation.situations import ASKED, CROWD, MEMBERS, POLICY_OF_ANSWERS, Asked, furnish, join_all
from tests.laboratory import Laboratory, LaboratoryError
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

GOLDEN = Path(__file__).parent / "answers"
WRITE = os.environ.get("FEDSCHED_GOLDEN") == "write"
VARIES = (
    (re.compile(r"\b\d+-\d+-\d+-\d+\.[a-z]\.lab\b"), "SCHEDD"),
    (re.compile(r"\b\d+\.\d+@SCHEDD"), "JOB"),
    (re.compile(r"\b[0-9a-f]{20}\b"), "CLASS"),
    (re.compile(r"\b(?:fs-)?[0-9a-f]{8}-\d+(?:-[a-z0-9]{5})?\b"), "STARTD"),
    (re.compile(r" \(\d+ more in the way: see below\)"), ""),
    (re.compile(r"\b\d+(?= in this spike)"), "MANY"),
    (re.compile(r"^(?:All \d+|\d+ of \d+)(?= idle jobs)"), "SOME"),
    (re.compile(r"\b\d+ (?:s|min|h|d)\b(?: \d+ (?:min|h)\b)?"), "TIME"),
)
"""What differs from run to run, and what stands for it."""


ONLY = ("--no-estimate", "--no-counterfactuals")
SLOW = {"backing-off", "member-silent", "member-lost"}
"""What takes its time to be known."""


class Made(NamedTuple):
    """A federation in which every situation is, and the job of each."""

    hub: Federation
    away: ControlPlane
    lab: Laboratory
    jobs: dict[str, int]


@pytest.fixture(scope="module")
def made(
    lab: Laboratory, target_pool: Pool, guest_pool: Pool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    hub = Federation(
        tmp_path_factory.mktemp("answers") / "hub", target_pool, policy=POLICY_OF_ANSWERS, principals=PRINCIPALS
    )
    with lab.part() as part:
        plane, away = part.control_plane("site"), part.control_plane("away")
        furnish(plane)
        away.add_fake_nodes("n", 1, cpu=16, memory="64Gi")
        part.pod_runner(plane)
        begun = time.monotonic()
        join_all(hub, plane, away)
        print(f"joined after {time.monotonic() - begun:.0f} s")
        jobs = {n: guest_pool.submit("alice", asked.text()) for n, asked in ASKED.items() if not asked.late}
        settings = hub.folder / "fedsched.toml"
        settings.write_text(hub.settings.replace('name = "a"\n', 'name = "a"\nnegotiator = "ignore"\n'))
        for verb in ("cordon", "drain", "pause"):
            name = {"cordon": "cordoned", "drain": "drained", "pause": "paused"}[verb]
            hub.run(verb, name, "--reason", "the cooling is being mended")
        hub.run("deny", "group_atlas.banned.*", "--reason", "asked for by their own spokesperson")
        hub.run("deny", "*.bob@*", "--reason", "his account is being looked into")
        hub.start()
        try:
            eventually("all members were seen", lambda: all(seen(hub)), 60)
            plane.api.delete("/api/v1/namespaces/ns-revoked/serviceaccounts/fedsched")
            away.pause()
            eventually(
                "two are troubled", lambda: troubled(hub) == {"away": "unreachable", "revoked": "credential"}, 90
            )
            jobs |= {n: guest_pool.submit("alice", asked.text()) for n, asked in ASKED.items() if asked.late}
            yield Made(hub, away, part, jobs)
        finally:
            away.resume()
            print(f"--- daemon, last lines\n{hub.log()[-2000:]}")
            hub.stop()
            guest_pool.run("condor_rm", *map(str, jobs.values()), user="alice")
            leave(plane, target_pool, MEMBERS)
    assert replayed(hub)


def leave(plane: ControlPlane, pool: Pool, members: Iterable[str]) -> None:
    """End what still runs there, so that no ad of it stays in a pool that others use."""
    for pod in plane.api.items("/api/v1/pods?labelSelector=fedsched.io%2Fplacement"):
        meta = pod["metadata"]
        plane.api.delete(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", grace_s=10)
    names = set(members)
    eventually("its ads are gone", lambda: not [ad for ad in slots(pool) if ad["FedschedMember"] in names], 60)


def seen(hub: Federation) -> list[bool]:
    """For each member whether its last contact was good."""
    return [row["contact"] == "ok" for row in hub.json("clusters")["members"]]


def troubled(hub: Federation) -> dict[str, str]:
    """States of members that are not well, by name."""
    states = {row["name"]: row["state"] for row in hub.json("clusters")["members"]}
    return {name: state for name, state in states.items() if state not in {"ready", "slow"}}


def answer(hub: Federation, job: str) -> dict[str, Any]:
    """What `explain` says for programs; {} without an answer."""
    done = hub.run("explain", job, *ONLY, "-o", "json", check=False)
    return dict(json.loads(done.stdout)) if done.returncode in {0, 4} else {}


def waits_for(hub: Federation, cause: str, jobs: Sequence[str]) -> str:
    """The first of the jobs that waits for this cause, or that nobody makes room for because of it; "" for none.

    The report is of all jobs alike: one that runs has it, too.
    """
    for job in jobs:
        said = answer(hub, job)
        report = said.get("report") or {}
        if said.get("state") == "idle" and cause in {
            (report.get(which) or {}).get("cause") for which in ("why", "spared")
        }:
            return job
    return ""


def waits_behind(hub: Federation, cause: str, jobs: Sequence[str]) -> str:
    """The same, once another of the jobs runs; "" before."""
    running = any(answer(hub, job).get("state") == "running" for job in jobs)
    return waits_for(hub, cause, jobs) if running else ""


def steady(text: str, member: str) -> str:
    """Of what a person reads, all that is the same in every run.

    The first two lines; the links before the one that holds, and all that is said of that; the wanted member's row.
    What else must change may be so or not yet.
    """
    head, chain, members, *_ = text.split("\n\n")
    kept = [*head.splitlines(), ""]
    title, *links = chain.splitlines()
    holding = next((number for number, row in enumerate(links) if re.search(r"  holds  ", row)), len(links))
    kept += [title, *(re.split(r"  +", row)[0] for row in links[:holding]), *links[holding : holding + 1]]
    rows = members.splitlines()
    kept += ["", rows[0], *(row for row in rows[1:] if row.split()[0] == member)]
    found = "\n".join(kept) + "\n"
    for pattern, word in VARIES:
        found = pattern.sub(word, found)
    return re.sub(r"  +", "  ", found)


def held_against(
    what: str, name: str, hub: Federation, waiting: Callable[[], str], member: str, limit_s: float
) -> None:
    """What a person reads of the job that waits, as it was the last time that somebody looked at it closely.

    waiting: the job's id, "" for none. It is asked again before each look: between two looks a job may begin to run,
    and what else the member says may be so a moment later.
    """
    file = GOLDEN / f"{name}.txt"
    read: dict[str, str] = {}

    def as_kept() -> bool:
        if not (job := waiting()):
            return False
        read["whole"] = hub.run("explain", job, *ONLY, check=False).stdout
        read["steady"] = steady(read["whole"], member)
        return WRITE or read["steady"] == file.read_text()

    with suppress(AssertionError):
        eventually(what, as_kept, limit_s)
    print(f"--- {name}\n{read.get('whole')}")
    assert read, f"not within {limit_s:g} s: {what}\n{hub.said('spikes')}\n{hub.said('q')}"
    if WRITE:
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(read["steady"])
    assert read["steady"] == file.read_text(), f"{file.name}: look at it, then FEDSCHED_GOLDEN=write"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ASKED)
def test_a_job_that_waits_is_told_why(made: Made, name: str) -> None:
    asked = ASKED[name]
    jobs = [f"{made.jobs[name]}.{number}" for number in range(asked.jobs)]
    limit_s = 150 if asked.cause in SLOW else 40
    waiting = partial(waits_behind if asked.jobs > 1 else waits_for, made.hub, asked.cause, jobs)
    held_against(f"{name} waits for {asked.cause}", name, made.hub, waiting, asked.member or "open", limit_s)


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_the_dashboard_of_a_live_federation_says_what_the_terminal_says(made: Made, tmp_path: Path) -> None:
    names = ("quota", "cordoned", "never")
    jobs = {name: f"{made.jobs[name]}.0" for name in names}
    with ThreadPoolExecutor(1) as elsewhere:  # a browser's loop wants a thread without one
        seen = elsewhere.submit(look, f"http://127.0.0.1:{made.hub.port}/", tmp_path, tuple(jobs.values())).result()
    assert set(seen.clusters) == {*MEMBERS, "away"}
    for name, job in jobs.items():
        assert seen.sentences[job] == made.hub.run("explain", job, *ONLY, check=False).stdout.splitlines()[0]
        holding = [link for link, verdict in seen.chains[job] if verdict == "holds"]
        assert len(holding) == 1, name


@contextmanager
def submitted(pool: Pool, user: str, asked: Asked) -> Iterator[list[str]]:
    """Jobs that are removed afterwards."""
    cluster = pool.submit(user, asked.text())
    try:
        yield [f"{cluster}.{number}" for number in range(asked.jobs)]
    finally:
        pool.run("condor_rm", str(cluster), user=user)


@pytest.mark.timeout(300)
def test_a_startd_that_the_negotiator_has_not_given_away_yet_is_what_a_job_waits_for(
    made: Made, target_pool: Pool, guest_pool: Pool
) -> None:
    def unclaimed() -> bool:
        chain = (answer(made.hub, jobs[0]).get("explanation") or {}).get("chain") or [{}]
        return chain[-1].get("verdict") in {"waits", "holds"}

    target_pool.pause_daemon("NEGOTIATOR")
    try:
        with submitted(guest_pool, "alice", Asked("", "unclaimed")) as jobs:
            there = "its startd is there and unclaimed"
            held_against(there, "unclaimed", made.hub, lambda: jobs[0] if unclaimed() else "", "unclaimed", 60)
    finally:
        target_pool.resume_daemon("NEGOTIATOR")


@pytest.mark.timeout(300)
def test_a_job_of_a_schedd_that_does_not_answer_is_told_so(made: Made, target_pool: Pool) -> None:
    with made.lab.part() as part:
        pool = part.pool("c", flock_to=target_pool)
        cluster = pool.submit("alice", Asked("", "quota").text())
        job = f"{cluster}.0@{pool.host.replace('.', '-')}.c.lab"
        eventually("it is seen", lambda: waits_for(made.hub, "quota-full", [job]), 60)
        pool.pause_daemon("SCHEDD")
        waiting = partial(waits_for, made.hub, "schedd-stale", [job])
        held_against("its schedd is silent", "schedd-stale", made.hub, waiting, "quota", 90)


@pytest.mark.timeout(300)
def test_startds_that_others_claim_are_not_replaced_without_end(
    made: Made, target_pool: Pool, guest_pool: Pool
) -> None:
    """The pool's negotiator prefers bob, who gets nothing of his own; the member lets anybody claim.

    He has far more jobs than startds can come: with as many as she has, what came late was hers, and her job ran.
    """
    target_pool.run("condor_userprio", "-setfactor", "alice@pool-b", "1000000000")
    his, hers = Asked("", "shared", jobs=60), Asked("", "shared", jobs=8)
    with submitted(guest_pool, "bob", his), submitted(guest_pool, "alice", hers) as jobs:
        waiting = partial(waits_for, made.hub, "leaked", jobs)
        held_against("others took them", "leaked", made.hub, waiting, "shared", 180)
    target_pool.run("condor_userprio", "-setfactor", "alice@pool-b", "1000")


@pytest.fixture(scope="module")
def crowd(lab: Laboratory, target_pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """One member of four cores, and another that refuses every startd."""
    hub = Federation(tmp_path_factory.mktemp("crowd") / "hub", target_pool, policy=CROWD)
    with lab.part() as part:
        plane = part.control_plane("crowd")
        plane.add_fake_nodes("a", 1, cpu=4, memory="16Gi", labels={"farm": "a"})
        plane.add_fake_nodes("b", 1, cpu=1, memory="16Gi", labels={"farm": "b"})
        part.pod_runner(plane)
        for name, farm in (("crowd", "a"), ("broken", "b")):
            hub.join(plane, name, "--namespace", name)
            hub.add_to_member(name, "overrides", f'node_selector = {{ farm = "{farm}" }}')
        hub.add_to_member("broken", "overrides", 'probe = "exit 3"')
        hub.start()
        yield hub
        print(f"--- daemon, last lines\n{hub.log()[-2000:]}")
        hub.stop()
        leave(plane, target_pool, ("crowd", "broken"))
    assert replayed(hub)


@pytest.mark.timeout(300)
def test_who_holds_more_than_a_share_waits_for_it_and_who_holds_less_waits_for_who_has_just_begun(
    crowd: Federation, guest_pool: Pool
) -> None:
    many = Asked("", "crowd", group="group_atlas.a", jobs=8)
    with submitted(guest_pool, "alice", many) as first:
        eventually("one has everything", lambda: len(running(guest_pool, first)) == 4, 120)
        with submitted(guest_pool, "alice", Asked("", "crowd", group="group_atlas.b", jobs=4)) as second:
            held_against("it waits for its share", "share", crowd, partial(above_its_right, crowd, first), "crowd", 60)
            waiting = partial(waits_for, crowd, "protected", second)
            held_against("the other waits", "protected", crowd, waiting, "crowd", 60)


@pytest.mark.timeout(300)
def test_a_class_whose_startds_fail_at_once_is_kept_from_that_member(crowd: Federation, guest_pool: Pool) -> None:
    with submitted(guest_pool, "alice", Asked("", "broken", group="group_atlas.a")) as jobs:
        waiting = partial(waits_for, crowd, "failing-fast", jobs)
        held_against("it is kept away", "failing-fast", crowd, waiting, "broken", 120)


def above_its_right(hub: Federation, jobs: Sequence[str]) -> str:
    """The first of the jobs that is told that others have the better right, "" for none."""
    said = {job: (answer(hub, job).get("explanation") or {}).get("sentence", "") for job in jobs}
    return next((job for job, sentence in said.items() if "its right while" in sentence), "")


def running(pool: Pool, jobs: Sequence[str]) -> list[str]:
    """Which of the jobs run; none while a busy schedd does not say."""
    try:
        ads = pool.jobs("JobStatus == 2", ["ClusterId", "ProcId"])
    except LaboratoryError:
        return []
    return sorted({f"{ad['ClusterId']}.{ad['ProcId']}" for ad in ads} & set(jobs))
