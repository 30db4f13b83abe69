"""Broken and hostile peers and files, all at once, under a running daemon: clear errors, nothing lost (E2, M25).

What is refused before anything runs is tested where it is read: kubeconfigs (43 kinds), redirects and endless answers
in tests/kube/test_kubeconfig_gate; a kubeconfig without rights in tests/kube/test_join; the files of members,
policies and the federation in tests/config; single questions to peers that are no HTCondor in
tests/condor/test_pool_hostile; expressions in tests/condor/test_gate; broken tokens in tests/condor/test_pool_tokens.
"""

from __future__ import annotations

import base64
import json
import signal
import socket
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest

from tests.federation.harness import Federation, eventually, sleep_job
from tests.federation.kept import events
from tests.federation.replayed import replayed
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

HUGE = " || ".join(f'TARGET.Name == "node{number:06d}.example.org"' for number in range(25_000))
"""Requirements of more than 1 MiB."""
QUERY_LIMIT_S = 4
"""So long a peer that never answers is asked; a cycle that waited for one would last as long."""

PASTED = "eyJhbGciOiJIUzI1NiJ9.cGFzdGVkLWJ5LW1pc3Rha2U.c2lnbmF0dXJl"
"""A token in the wrong place."""


@contextmanager
def no_collector(answer: bytes | None) -> Iterator[str]:
    """A TCP server that answers everything alike, or (None) never says a word; its address."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                    kept.append(peer)
                    if answer is not None:
                        peer.recv(1)
                        peer.sendall(answer)
                        peer.close()
                except OSError:
                    if listening.fileno() < 0 or not kept:
                        return

        threading.Thread(target=serve, daemon=True).start()
        host, port = listening.getsockname()
        yield f"{host}:{port}"
        listening.shutdown(socket.SHUT_RDWR)
    for peer in kept:
        peer.close()


class Siege(NamedTuple):
    """A daemon among peers of which most are broken. good, hostile: clusters of jobs at the two guests."""

    hub: Federation
    plane: ControlPlane
    target: Pool
    guest: Pool
    good: int
    hostile: dict[str, int]


def advertise(pool: Pool, command: str, ad: bytes) -> None:
    """Put an ad into the pool's collector as it stands, byte for byte."""
    file = pool.folder / "hostile.ad"
    file.write_bytes(ad)
    pool.run("condor_advertise", command, str(file))


def strange_ads(pool: Pool, silent: str) -> None:
    """A schedd that never answers, one whose name is no text, and a slot that says it is ours and lies."""
    mute = (
        f'MyType = "Scheduler"\nName = "mute"\nMyAddress = "<{silent}>"\nCondorVersion = "$CondorVersion: 23.9.6 $"\n'
    )
    advertise(pool, "UPDATE_SCHEDD_AD", mute.encode())
    advertise(pool, "UPDATE_SCHEDD_AD", mute.replace("mute", "caf@").encode().replace(b"@", b"\xe9\xff"))
    slot = (
        'MyType = "Machine"\nName = "slot1@liar@"\nMyAddress = "<127.0.0.1:1>"\nFedschedPlacement = "1-@"\n'
        'FedschedMember = "good"\nFedschedPod = "@"\nCpus = "many"\nMemory = -1\nState = "Cl@imed"\n'
        'SlotType = "Partitionable"\nPartitionableSlot = true\nChildName = { 1, "@", error }\n'
    )
    advertise(pool, "UPDATE_STARTD_AD", slot.encode().replace(b"@", b"\xe9\xff"))


def strange_jobs(guest: Pool) -> dict[str, int]:
    """Jobs that nothing may choke on: kind -> cluster."""
    odd = sleep_job(1, 1, 64, '+Foo = "caf@"\nrequirements = TARGET.Z =?= Foo', 3).encode().replace(b"@", b"\xe9\xff")
    file = guest.home("bob") / "odd.sub"
    file.write_bytes(odd)
    told = guest.run("/bin/sh", "-c", f"cd {file.parent} && exec condor_submit -terse {file}", user="bob")
    return {
        "huge": guest.submit("carol", sleep_job(1, 1, 64, f"requirements = {HUGE}", 2)),
        "random": guest.submit("carol", sleep_job(1, 1, 64, "requirements = random(10) < 5", 2)),
        "not UTF-8": int(told.split(".")[0]),
    }


@pytest.fixture(scope="module")
def siege(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with ExitStack() as stack:
        part = stack.enter_context(lab.part())
        target = part.pool("s", daemons=("COLLECTOR", "NEGOTIATOR"), rights_for="fedsched@pool-s")
        guest, other = part.pool("sg", flock_to=target), part.pool("sh", flock_to=target)
        plane = part.control_plane("siege")
        plane.add_fake_nodes("n", 2, cpu=8, memory="32Gi")
        part.pod_runner(plane)
        silent = stack.enter_context(no_collector(None))
        garbage = stack.enter_context(no_collector(b"\xff" * 100_000))
        page = stack.enter_context(no_collector(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno\n"))
        hub = Federation(tmp_path_factory.mktemp("siege") / "hub", target)
        pools = "".join(
            f'[[pool]]\nname = "{name}"\ncollector = "{address}"\n'
            for name, address in (("mute", silent), ("garbage", garbage), ("page", page))
        )
        text = (
            (hub.folder / "fedsched.toml")
            .read_text()
            .replace("[cadence]\n", f"[cadence]\nquery_limit_s = {QUERY_LIMIT_S}\n")
        )
        (hub.folder / "fedsched.toml").write_text(text + pools)
        hub.join(plane, "good", "--namespace", "good")
        hub.join(plane, "rightless", "--namespace", "rightless")
        for kind in ("roles", "rolebindings"):
            path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/rightless/{kind}"
            for each in plane.api.items(path):
                plane.api.delete(f"{path}/{each['metadata']['name']}")
        for kind in ("clusterroles", "clusterrolebindings"):
            path = f"/apis/rbac.authorization.k8s.io/v1/{kind}"
            for each in plane.api.items(f"{path}?labelSelector=fedsched.io%2Fmember%3Drightless"):
                plane.api.delete(f"{path}/{each['metadata']['name']}")
        strange_ads(target, silent)
        hostile = strange_jobs(other)
        good = guest.submit("alice", sleep_job(2, 1, 128, count=4))
        hub.start()
        try:
            yield Siege(hub, plane, target, guest, good, hostile)
        finally:
            print(f"--- daemon, last lines\n{hub.log()[-3000:]}")
            hub.stop()
        assert replayed(hub)


def secrets_of(hub: Federation) -> list[str]:
    """Everything in the federation's folder that nobody may see elsewhere."""
    found = [file.read_text().strip() for file in (hub.folder / "tokens").iterdir()]
    for file in (hub.folder / "credentials").rglob("*"):
        if file.is_file():
            text = file.read_text()
            values = json.loads(text) if text.startswith("{") else tomllib.loads(text)
            found += [value for value in values.values() if isinstance(value, str) and len(value) > 100]
    return found


def everything_said(hub: Federation) -> str:
    """The log, and what the read verbs print, as tables and as JSON."""
    said = [hub.log()]
    for verb in ("q", "clusters"):
        for form in ("table", "json"):
            done = hub.run(verb, "-o", form, check=False)
            assert done.returncode in {0, 3}, done.stderr
            said += [done.stdout, done.stderr]
    return "\n".join(said)


def of_cluster(hub: Federation, cluster: int) -> dict[str, Any] | None:
    """The row of `q` with that cluster's jobs."""
    for row in hub.json("q")["classes"]:
        if any(example.startswith(f"{cluster}.") for example in row["demand"]["examples"]):
            found: dict[str, Any] = row
            return found
    return None


@pytest.mark.timeout(600)
def test_among_broken_peers_the_good_jobs_are_served_and_cycles_stay_short(siege: Siege) -> None:
    hub = siege.hub
    eventually("the good jobs are done", lambda: len(siege.guest.history(f"ClusterId == {siege.good}")) == 4, 150)
    assert {job["ExitCode"] for job in siege.guest.history(f"ClusterId == {siege.good}")} == {0}
    cycles = events(hub, "cycle")
    longest = max(cycle["total_s"] for cycle in cycles)
    print(f"{len(cycles)} cycles, the longest {longest:.2f} s")
    assert longest < QUERY_LIMIT_S, "nobody waits for a peer"
    for broken in ("cycle-failed", "act failed", "upkeep-failed", "Traceback"):
        assert broken not in hub.log()


@pytest.mark.timeout(120)
def test_every_broken_peer_is_named_with_what_is_wrong(siege: Siege) -> None:
    hub = siege.hub
    wanted = {"pool mute", "pool garbage", "pool page", "schedd mute", "member rightless"}
    eventually("all are known to be blind spots", lambda: wanted <= set(events(hub, "cycle")[-1]["blind"]), 60)
    told = " ".join(hub.run("clusters", check=False).stdout.split())
    print(told)
    for name in ("mute", "garbage", "page", "rightless"):
        assert f"! {name}: " in told or f"pool {name}: " in told, f"nothing said of {name}"
    queue = " ".join(hub.run("q", check=False).stdout.split())
    assert "schedd mute: never answered yet" in queue


@pytest.mark.timeout(120)
def test_hostile_jobs_are_counted_and_refused_with_the_reason(siege: Siege) -> None:
    hub = siege.hub
    for kind, jobs, words in (
        ("huge", 2, "longer than 64 KiB"),
        ("random", 2, "function random() is not allowed"),
        ("not UTF-8", 3, ""),
    ):
        row = eventually(f"{kind} jobs are seen", partial(of_cluster, hub, siege.hostile[kind]), 30)
        assert row["demand"]["idle"] == jobs
        assert not words or row["report"]["unmet"] == jobs, "what is refused is not placed for"
        done = hub.run("explain", row["demand"]["key"], "--no-counterfactuals", check=False)
        print(f"{kind}: {done.stdout.splitlines()[0]}")
        assert done.returncode in {0, 3}
        assert words in done.stdout.replace("\n", " ")


def refused_since(hub: Federation, before: int) -> bool:
    """Whether files were refused once more."""
    return len(events(hub, "reload-refused")) > before


@pytest.mark.timeout(120)
def test_broken_files_change_nothing_and_no_secret_in_them_is_repeated(siege: Siege) -> None:
    hub = siege.hub
    member, policy = hub.member_file("good"), hub.folder / "policies" / "lab.toml"
    assert hub.daemon is not None
    for file, text in (
        (member, f'mode = "{PASTED}"\n'),
        (member, f'namespace = "x"\ntoken = "{PASTED}"\n'),
        (member, "= = =\n\0"),
        (policy, f'[ramp]\nfirst = "{PASTED}"\n'),
        (policy, "[startds]\nlifetime_s = -1\n"),
    ):
        whole, before = file.read_text(), len(events(hub, "reload-refused"))
        file.write_text(text)
        hub.daemon.send_signal(signal.SIGHUP)
        eventually("it is refused", partial(refused_since, hub, before), 20)
        file.write_text(whole)
        said = events(hub, "reload-refused")[-1]
        assert file.name in " ".join(said["problems"])
        print(said["problems"][0].removeprefix(str(hub.folder)))
    hub.daemon.send_signal(signal.SIGHUP)
    eventually("the mended files are taken", lambda: events(hub, "reloaded"), 20)
    assert PASTED not in everything_said(hub)


@pytest.mark.timeout(120)
def test_no_secret_is_said_and_the_daemon_ends_in_time(siege: Siege) -> None:
    hub = siege.hub
    said = everything_said(hub)
    for secret in secrets_of(hub):
        assert secret not in said
        assert secret.rsplit(".", 1)[-1] not in said, "not even a token's signature"
        assert base64.b64encode(secret.encode()).decode() not in said
    assert len(secrets_of(hub)) >= 4
    assert hub.daemon is not None
    assert hub.stop() == 0, "SIGTERM ends it in time whatever hangs"
