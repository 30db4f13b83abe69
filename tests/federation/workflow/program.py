"""Prefect as its users run it: a server, a Kubernetes worker and a flow, as processes of its own environment.

What its steps do stands in step.sh, the flow in fan_out.py; nothing here knows fedsched.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.federation.harness import eventually

HERE = Path(__file__).parent
IMAGE = "docker.io/fedsched/busybox:lab"
MEMORY_DATABASE = "sqlite+aiosqlite:///file::memory:?cache=shared&uri=true&check_same_thread=false"


class Prefect:
    """Its server listens on an address that pods reach. `stop` ends what was started, and nothing else."""

    def __init__(self, python: Path, folder: Path, address: str, port: int) -> None:
        self._python, self._folder = python, folder
        self._address, self._port = address, port
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True)

    @property
    def url(self) -> str:
        """Of its API."""
        return f"http://{self._address}:{self._port}/api"

    def start_server(self) -> None:
        """Returns at once; it takes some ten seconds to answer."""
        self._start("server", "server", "start", "--host", self._address, "--port", str(self._port), "--no-services")

    def wait_for_server(self, timeout_s: float = 120) -> None:
        """Until its API answers."""
        eventually("Prefect's server answers", self._answers, timeout_s)

    def start_worker(self, kubeconfig: Path, namespace: str) -> None:
        """A Kubernetes worker for the pool "jobs", with a user's rights in one namespace."""
        rights = {
            "KUBECONFIG": str(kubeconfig),
            "PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES": namespace,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
        self._start("worker", "worker", "start", "--pool", "jobs", "--type", "kubernetes", "--limit", "4", more=rights)

    def fan_out(self, steps: int, failing: int, namespace: str, labels: dict[str, str]) -> list[dict[str, str]]:
        """Runs the flow to its end; what it printed of each step."""
        variables: dict[str, Any] = {
            "labels": labels,
            "namespace": namespace,
            "image": IMAGE,
            "image_pull_policy": "Never",
            "command": shlex.join(["/bin/sh", "-ec", (HERE / "step.sh").read_text()]),
            **{f"cpu_{kind}": "100m" for kind in ("request", "limit")},
            **{f"memory_{kind}": "64Mi" for kind in ("request", "limit")},
        }
        done = subprocess.run(
            [self._python, HERE / "fan_out.py", json.dumps(variables), str(steps), str(failing)],
            env=self._environment({}),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found: list[dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
        return found

    def log(self, name: str) -> str:
        """What the server or the worker wrote."""
        path = self._folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """The worker first: its last words are for the server."""
        for process in reversed(self._running.values()):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def _start(self, name: str, *words: str, more: dict[str, str] | None = None) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                [self._python, "-m", "prefect", *words],
                env=self._environment(more or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _answers(self) -> bool:
        ended = self._running["server"].poll()
        assert ended is None, f"Prefect's server ended with {ended}:\n{self.log('server')[-3000:]}"
        ask = ["curl", "-sf", "-m", "4", f"{self.url}/health"]
        return subprocess.run(ask, capture_output=True, check=False, timeout=60).returncode == 0

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        """Nothing of ours, nothing of the machine's user; no telemetry, no dashboard, no file of its database."""
        keep = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        return keep | {
            "HOME": str(self._folder),
            "PREFECT_HOME": str(self._folder / "home"),
            "PREFECT_API_URL": self.url,
            "PREFECT_API_DATABASE_CONNECTION_URL": MEMORY_DATABASE,
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            **more,
        }
