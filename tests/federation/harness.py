"""A fedsched in a folder: its files, its daemon process and its command line, for tests on real parts.

Everything goes through the program as a user would start it; nothing here imports the matchmaker's decisions.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool
from tests.laboratory.session import Session

IMAGE = "docker.io/fedsched/startd:lab"
STARTD_RIGHTS = ["READ", "ADVERTISE_STARTD", "ADVERTISE_MASTER"]

FAST = """
[cadence]
cycle_s = 2
debounce_s = 0.3
poll_s = 1
slots_s = 1
contact_s = 1
"""
"""A cadence for tests of behaviour; latency is measured under the default one."""

POLICY = """
[ramp]
first = 4
ramp_interval_s = 3

[silence]
slow_s = 4
silent_s = 10
lost_s = 40
stale_demand_s = 20
stale_pool_s = 30

[startds]
lifetime_s = 3600
retire_s = 600
idle_s = 20
gpu_idle_s = 20
pending_s = 60
join_s = 40
keep_finished_s = 3
"""

PRINCIPALS = """
[[principal]]
schedd = "schedd-b@*"
groups = ["group_atlas", "group_atlas.*"]
"""
"""Which groups a schedd's jobs may name: who is charged is never free text."""


def eventually(
    what: str, check: Callable[[], Any], timeout_s: float = 60.0, instead: Callable[[], str] | None = None
) -> Any:
    """Polls until `check` gives something true; AssertionError with `what` and the last answer otherwise.

    instead: what can be said then of how things are.
    """
    end = time.monotonic() + timeout_s
    last: Any = None
    while time.monotonic() < end:
        last = check()
        if last:
            return last
        time.sleep(0.1)
    more = f"\n{instead()}" if instead else ""
    raise AssertionError(f"not within {timeout_s:g} s: {what} (last: {last!r}){more}")


STARTED: WeakSet[Federation] = WeakSet()
"""Those of this process that had a daemon and are still in use."""


class Federation:
    """One federation: a folder with fedsched.toml, members, credentials, journal; and one daemon at a time."""

    def __init__(
        self,
        folder: Path,
        pool: Pool | None,
        *,
        session: Session | None = None,
        policy: str = POLICY,
        cadence: str = FAST,
        principals: str = PRINCIPALS,
    ) -> None:
        """A federation of Jobs alone has no pool, and says whose session's ports are free."""
        session = pool.session if pool else session
        assert session is not None
        self.folder = folder
        (self.port,) = session.ports(1)  # no connection that goes out is given it
        self.daemon: subprocess.Popen[bytes] | None = None
        for name in ("clusters", "policies", "credentials", "tokens"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        pools = ""
        if pool:
            self.pool = pool
            self.write_token("fedsched", pool.token(f"fedsched@{pool.trust_domain}"))
            self.renew_startd_token(lifetime_s=86_400)
            pools = (
                f'[[pool]]\nname = "a"\ncollector = "{pool.address}"\ntoken_file = "tokens/fedsched"\n'
                'startd_token_file = "tokens/startd"\n' + principals
            )
        (folder / "policies" / "lab.toml").write_text(policy)
        self.settings = f'id = "lab"\npolicy = "lab"\nlisten = "127.0.0.1:{self.port}"\n' + pools + cadence
        (folder / "fedsched.toml").write_text(self.settings)

    # -- files ---------------------------------------------------------------------------------------------------

    def write_token(self, name: str, token: str) -> None:
        path = self.folder / "tokens" / name
        path.touch(mode=0o600)
        path.write_text(token + "\n")

    def renew_startd_token(self, lifetime_s: int) -> None:
        """A token for startds, of the identity that the target pool lets advertise them."""
        self.write_token("startd", self.pool.token(f"fedsched@{self.pool.trust_domain}", STARTD_RIGHTS, lifetime_s))

    def member_file(self, name: str) -> Path:
        return self.folder / "clusters" / f"{name}.toml"

    def edit_member(self, name: str, *edits: tuple[str, str]) -> None:
        """Replace text in a member's file; every text must be there."""
        text = self.member_file(name).read_text()
        for old, new in edits:
            assert old in text, f"{old!r} is not in {name}.toml:\n{text}"
            text = text.replace(old, new, 1)
        self.member_file(name).write_text(text)

    def add_to_member(self, name: str, table: str, text: str) -> None:
        """Add lines to a table of a member's file."""
        whole = self.member_file(name).read_text()
        head = f"[{table}]\n"
        whole = whole.replace(head, head + text + "\n", 1) if head in whole else f"{whole}\n{head}{text}\n"
        self.member_file(name).write_text(whole)

    # -- commands ------------------------------------------------------------------------------------------------

    def run(self, *arguments: str, check: bool = True, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """`fedsched …` in the federation's folder."""
        done = subprocess.run(
            [sys.executable, "-m", "fedsched", *arguments],
            cwd=self.folder,
            env=self._environment(),
            text=True,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"fedsched {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def said(self, *arguments: str) -> str:
        """What a command says just now, for the message of a test that failed."""
        done = self.run(*arguments, check=False)
        return f"$ fedsched {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}{done.stdout}".rstrip()

    def json(self, *arguments: str) -> Any:
        """The JSON that a command prints with -o json."""
        end = time.monotonic() + 20
        while True:
            done = self.run(*arguments, "-o", "json", check=False)
            if done.returncode == 0 or "no cycle is recorded" not in done.stdout or time.monotonic() > end:
                break
        assert done.returncode in {0, 4}, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def join(
        self, plane: ControlPlane, name: str = "", *arguments: str, mode: str = "on", lower_priority: bool = True
    ) -> str:
        """Join a control plane with a worker image that needs no registry; the member's name.

        lower_priority: whether the site has a PriorityClass for us.
        """
        name = name or plane.name
        self.as_site_admin(plane, lower_priority=lower_priority)
        done = self.run(
            "join",
            name,
            "--kubeconfig",
            str(plane.kubeconfig),
            "--cluster-context",
            plane.name,
            "--mode",
            mode,
            *arguments,
            check=False,
            timeout_s=120,
        )
        assert done.returncode in {0, 3}, done.stdout + done.stderr
        self.add_to_member(name, "overrides", f'image = "{IMAGE}"\nimage_pull_policy = "Never"')
        return name

    @staticmethod
    def as_site_admin(plane: ControlPlane, *, lower_priority: bool = True) -> None:
        """What a site gives beside a namespace: a PriorityClass below its own pods that never preempts (OW1)."""
        path = "/apis/scheduling.k8s.io/v1/priorityclasses"
        there = plane.api.items(f"{path}?fieldSelector=metadata.name%3Dopportunistic")
        if there and not lower_priority:
            plane.api.delete(f"{path}/opportunistic")
        if lower_priority and not there:
            plane.api.create(
                {
                    "apiVersion": "scheduling.k8s.io/v1",
                    "kind": "PriorityClass",
                    "metadata": {"name": "opportunistic"},
                    "value": -10,
                    "preemptionPolicy": "Never",
                }
            )

    @staticmethod
    def _environment(more: dict[str, str] | None = None) -> dict[str, str]:
        keep = {
            k: v for k, v in os.environ.items() if not k.startswith(("FEDSCHED_", "_CONDOR", "CONDOR", "KUBECONFIG"))
        }
        return {
            **keep,
            "NO_COLOR": "1",
            "PYTHONPATH": ":".join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]),
            **(more or {}),
        }

    # -- the daemon ----------------------------------------------------------------------------------------------

    def start(self, *arguments: str, environment: dict[str, str] | None = None, wait: bool = True) -> None:
        """`fedsched serve` in the background; waits for its first recorded cycle."""
        STARTED.add(self)
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(
                [sys.executable, "-m", "fedsched", "serve", *arguments],
                cwd=self.folder,
                env=self._environment(environment),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        if wait:
            eventually("the daemon answers", self._healthy, 90)

    def _healthy(self) -> bool:
        assert self.daemon is not None
        if self.daemon.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.daemon.returncode}:\n{self.log()[-3000:]}")
        ask = ["curl", "-sf", "-m", "4", f"http://127.0.0.1:{self.port}/healthz"]
        done = subprocess.run(ask, capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the daemon; its exit code."""
        if self.daemon is None:
            return 0
        if self.daemon.poll() is None:
            self.daemon.send_signal(how)
        try:
            code = self.daemon.wait(20)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
            raise
        self.daemon = None
        return code

    def send(self, what: signal.Signals) -> None:
        """Send the daemon a signal: SIGHUP makes it read policies and members' files again, SIGSTOP cuts it off."""
        assert self.daemon is not None
        self.daemon.send_signal(what)

    def log(self) -> str:
        path = self.folder / "daemon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def complaints(self) -> str:
        """What a failed test wants to know of a daemon: whether it runs, its last cycle, and what was wrong with it."""
        lines = self.log().splitlines()
        cycles = [line for line in lines if '"event": "cycle"' in line]
        wrong = [line for line in lines if not any(f'"level": "{level}"' in line for level in ("info", "debug"))]
        state = "runs" if self.daemon is not None and self.daemon.poll() is None else "does not run"
        return "\n".join([f"daemon of {self.folder.name} {state}", *wrong[-6:], *cycles[-1:]])

    # -- what is there -------------------------------------------------------------------------------------------

    @staticmethod
    def objects(plane: ControlPlane, namespace: str = "fedsched") -> list[dict[str, Any]]:
        """Jobs, DaemonSets and pods of ours in a member."""
        selector = "labelSelector=app.kubernetes.io/managed-by%3Dfedsched"
        found: list[dict[str, Any]] = []
        for kind in ("apis/batch/v1/{}/jobs", "apis/apps/v1/{}/daemonsets", "api/v1/{}/pods"):
            path = "/" + kind.format(f"namespaces/{namespace}") + "?" + selector
            found += plane.api.items(path)
        return found

    @staticmethod
    def jobs(plane: ControlPlane, namespace: str = "fedsched") -> list[dict[str, Any]]:
        return plane.api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs?labelSelector=fedsched.io%2Fplacement")

    @staticmethod
    def pods(plane: ControlPlane, namespace: str = "fedsched") -> list[dict[str, Any]]:
        return plane.api.items(f"/api/v1/namespaces/{namespace}/pods?labelSelector=fedsched.io%2Fplacement")


def slots(pool: Pool) -> list[dict[str, Any]]:
    """Slot ads of startds of ours in the pool's collector, partitionable and dynamic."""
    return pool.ads("Any", 'MyType == "Machine" && FedschedMember =!= undefined')


def claimed(pool: Pool) -> list[dict[str, Any]]:
    """Those of them that hold a claim."""
    return [ad for ad in slots(pool) if ad.get("State") == "Claimed"]


def sleep_job(seconds: float, cpus: int = 1, memory_mib: int = 64, more: str = "", count: int = 1) -> str:
    """A submit file of sleeping jobs."""
    return (
        "executable = /bin/sleep\ntransfer_executable = false\n"
        f"arguments = {seconds:g}\nshould_transfer_files = YES\nwhen_to_transfer_output = ON_EXIT\n"
        f"request_cpus = {cpus}\nrequest_memory = {memory_mib}\nrequest_disk = 1024\nlog = $(Cluster).log\n"
        f"{more}\nqueue {count}\n"
    )
