"""flock-config: its texts make a guest flock and a startd join, for real; its check finds what a guest lacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from fedsched.cli import main
from fedsched.condor.flock import flock_config
from fedsched.condor.flock_check import Said, check_guest
from fedsched.config.settings import PoolSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fedsched.condor.flock_check import Finding
    from tests.condor.worker_pod import WorkerPod
    from tests.laboratory.pool import Pool

    FreshPool = Callable[..., Pool]

JOB = """\
executable = /bin/sleep
arguments = 1
transfer_executable = false
request_memory = 64
request_disk = 1
queue
"""
CENTRAL = ("COLLECTOR", "NEGOTIATOR")
IDTOKENS_ONLY = "SEC_DEFAULT_AUTHENTICATION_METHODS = IDTOKENS\n"


def check(guest: Pool, target: str) -> dict[str, Finding]:
    """The check as root on the guest's host; findings by their first words."""

    def run(command: Sequence[str]) -> Said:
        done = guest.sandbox.run(*command, env=guest._environment("root"))
        return Said(done.returncode, (done.stdout or done.stderr).strip())

    return {" ".join(finding.what.split()[:2]): finding for finding in check_guest(target, run)}


def token_by(command: str, pool: Pool) -> str:
    """Runs a printed command on the central manager and reads the file that it writes."""
    file = command.rpartition("> ")[2]
    return pool.run("/bin/sh", "-c", f"cd /tmp && {command} && cat {file} && rm {file}").strip()


def test_a_guest_set_up_by_the_printed_texts_and_commands_flocks_and_its_job_runs(
    fresh_pool: FreshPool, worker: Callable[..., WorkerPod]
) -> None:
    texts = flock_config(PoolSettings("f", "unknown:9618"), ["g"], 5)
    target = fresh_pool("f", daemons=CENTRAL, config=IDTOKENS_ONLY + texts.target)
    texts = flock_config(PoolSettings("f", target.address), ["g"], 5)
    guest = fresh_pool("g", config=texts.guests)
    guest.store_token("f", token_by(texts.target_commands[0], target))
    guest.run("condor_reconfig")
    findings = check(guest, target.address)
    assert [finding for finding in findings.values() if not finding.ok] == []

    startd = token_by(texts.target_commands[2].replace("MEMBER", "m1"), target)
    pod = worker({"FEDSCHED_USER": "alice@pool-g"}, pool=target, token=startd)
    assert pod.wait_slot()["AuthenticatedIdentity"] == "startd-m1@pool-f"
    job = guest.submit("alice", JOB)
    done = guest.wait("the job", lambda: guest.history(f"ClusterId == {job}"), 120)
    assert (done[0]["ExitCode"], done[0]["JobLeaseDuration"]) == (0, 300)


def test_a_guest_without_a_token_or_a_right_is_told_which_and_what_to_do(fresh_pool: FreshPool) -> None:
    target = fresh_pool("h", daemons=CENTRAL, rights_for="fedsched@pool-h", config=IDTOKENS_ONLY)
    guest = fresh_pool("i")
    findings = check(guest, target.address)
    assert not findings["FLOCK_TO names"].ok
    assert not findings["a token"].ok
    assert "condor_reconfig" in findings["a token"].fix
    assert findings["a job"].seen == "lease of 40 min"

    guest.store_token("h", target.token("stranger@pool-h", ["READ", "ADVERTISE_SCHEDD"]))
    findings = check(guest, target.address)
    assert findings["a token"].ok
    assert not findings["the right"].ok
    assert "ALLOW_ADVERTISE_SCHEDD" in findings["the right"].fix
    assert "stranger@pool-h" in findings["the right"].fix


def test_a_pool_that_does_not_answer_is_told_apart_from_a_token_that_is_refused(guest_pool: Pool) -> None:
    assert "no connection" in check(guest_pool, f"{guest_pool.host}:9")["a token"].seen


def test_a_port_that_nobody_can_call_is_found() -> None:
    said = {"MyAddress": Said(0, "<10.1.2.3:9618?addrs=10.1.2.3-9618>")}

    def run(command: Sequence[str]) -> Said:
        return next((answer for word, answer in said.items() if word in command), Said(1, ""))

    def port(target: str) -> Finding:
        return check_guest(target, run, lambda *_: "Connection refused")[3]

    assert "private" in port("192.0.3.4:9618").seen or "refused" in port("10.9.9.9:9618").seen
    assert not port("10.9.9.9:9618").ok
    assert "TCP_FORWARDING_HOST" in port("8.8.8.8:9618").fix
    said["MyAddress"] = Said(0, "<127.0.0.1:9618>")
    assert "loopback" in port("10.9.9.9:9618").seen


def test_the_helm_values_are_yaml_and_hold_the_same_lines() -> None:
    texts = flock_config(PoolSettings("cm", "cm.example.org:9618"), ["physics"])
    values = yaml.safe_load(texts.helm)
    assert values["condorHost"] == "cm.example.org"
    assert "FLOCK_TO = cm.example.org:9618" in values["config"]["schedd"]["50-fedsched.conf"]
    assert "schedd-physics@$(TRUST_DOMAIN)" in values["config"]["master"]["50-fedsched.conf"]


@pytest.mark.parametrize("name", ["x y", 'a"', "", "$(X)", "x\nALLOW_WRITE = *"])
def test_a_guest_name_that_could_be_configuration_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="guest"):
        flock_config(PoolSettings("p", "h:9618"), [name])


def test_the_verb_prints_json_and_leaves_with_one_when_a_check_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as printed:
        main(["flock-config", "--target", "cm.example.org:9618", "--guest", "physics", "-o", "json"])
    assert printed.value.code == 0
    assert json.loads(capsys.readouterr().out)["config"]["collector"] == "cm.example.org:9618"
    with pytest.raises(SystemExit) as checked:  # no HTCondor tools, or no guest, on this machine
        main(["flock-config", "--check", "--target", "127.0.0.1:9", "-o", "json"])
    assert checked.value.code == 1
