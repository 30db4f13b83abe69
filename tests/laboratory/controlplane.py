"""A real Kubernetes control plane as one process, its credentials, its faults, and the simulated nodes beside it.

Real nodes live elsewhere.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

from tests.laboratory import components, kubeconfig, parts
from tests.laboratory.certificates import Authority
from tests.laboratory.kubeapi import Api, ApiError
from tests.laboratory.kwok import Kwok, fake_node
from tests.laboratory.part_kubernetes import KUBECTL_PART, KUBEONE_PART
from tests.laboratory.places import LaboratoryError, tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.laboratory.session import Process, Session

READY_LIMIT_S = 120  # 3-5 s alone; a loaded machine takes longer
STARTS = 4
TAKEN = "address already in use"
USERS = (
    ("admin", "admin", "system:masters"),
    ("controllers", "system:kube-controller-manager", ""),
    ("scheduler", "system:kube-scheduler", ""),
)


class ControlPlane:
    """etcd, API server, controller-manager and scheduler of one cluster.

    Started by `start`, which does not wait, and `wait_ready`.
    """

    def __init__(self, session: Session, name: str, *, kwok: bool = True) -> None:
        self.name, self.session = name, session
        self.folder: Path = session.fresh_folder(f"kube-{name}")
        self.folder.mkdir()
        self.binary: Path = parts.ensure(KUBEONE_PART) / "kubeone"
        self.ports = components.Ports(*session.ports(5))
        self.server = f"https://{components.LOCALHOST}:{self.ports.api}"
        self.authority = Authority(self.folder / "pki")
        self.ca_pem = self.authority.pem()
        self.admin_token = self._make_users()
        self.kubeconfig = self.folder / "admin.kubeconfig"
        self.api = Api(self.server, self.ca_pem, self.admin_token)
        self.kwok = Kwok(session, self.folder, self.kubeconfig) if kwok else None
        self.log = self.folder / "controlplane.log"
        self._process: Process | None = None

    def start(self) -> None:
        """Starts the processes on whatever data there is."""
        command = components.whole(self.binary, self.folder, self.ports, self.authority)
        self._process = self.session.spawn(f"kube-{self.name}", command, self.log)

    def wait_ready(self, limit_s: float = READY_LIMIT_S) -> None:
        """Waits for /readyz, the controllers and the scheduler; starts KWOK.

        LaboratoryError when the process ends or the limit passes. One that ends because a port of it is in use is
        started again: where the kernel gives out all ports, any program's connection may sit on one for a while.
        """
        end = time.monotonic() + limit_s
        for left in reversed(range(STARTS)):
            try:
                return self._wait_up(end)
            except (LaboratoryError, OSError):
                if self._running().running():
                    raise
                if not left or TAKEN not in self.log.read_text(errors="replace")[-4000:]:
                    raise LaboratoryError(f"control plane {self.name} ended{tail(self.log)}") from None
                self.start()
        return None

    def _wait_up(self, end: float) -> None:
        while not ready(self.server):
            if not self._running().running():
                raise LaboratoryError(
                    f"control plane {self.name} ended with {self._running().child.returncode}{tail(self.log)}"
                )
            if time.monotonic() > end:
                raise LaboratoryError(f"control plane {self.name} not ready in time{tail(self.log)}")
            time.sleep(0.05)
        if self.kwok:
            self.kwok.start()
        self.api.wait(
            "/api/v1/namespaces/default/serviceaccounts/default", bool, timeout_s=max(1, end - time.monotonic())
        )
        while not listening(self.ports.scheduler):
            if not self._running().running() or time.monotonic() > end:
                raise LaboratoryError(f"control plane {self.name} has no scheduler{tail(self.log)}")
            time.sleep(0.05)

    def pause(self) -> None:
        """SIGSTOP: connections are accepted by the kernel and never answered."""
        self._running().send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._running().send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL: connections are refused; data, ports and tokens stay."""
        self._running().end()

    def restart(self) -> None:
        """Kills what runs and starts again on the same data; waits until ready (3.5 s)."""
        self._running().end()
        self.start()
        self.wait_ready()

    def cpu_s(self) -> float:
        """CPU seconds that it and its KWOK used since they were started."""
        return self._running().cpu_s() + (self.kwok.cpu_s() if self.kwok else 0.0)

    def save(self) -> Path:
        """A copy of its data as they are now, for `restore`; it is down for the 3.5 s of a restart."""
        copy = self.folder / f"saved-{len(list(self.folder.glob('saved-*')))}"
        self._running().end()
        shutil.copytree(self.folder / "etcd", copy)
        self.restart()
        return copy

    def restore(self, copy: Path) -> None:
        """As an admin does with a backup: all that it knew since `save` is forgotten, its nodes run on."""
        self._running().end()
        shutil.rmtree(self.folder / "etcd")
        shutil.copytree(copy, self.folder / "etcd")
        self.restart()

    def stop(self) -> None:
        """Ends it and KWOK; the folder stays until the session closes."""
        if self.kwok:
            self.kwok.stop()
        if self._process:
            self._process.end()

    def client(self) -> Any:
        """A new `kubernetes.client.ApiClient` as admin."""
        from kubernetes import config  # noqa: PLC0415 - 0.3 s that most users of this module do not need

        return config.new_client_from_config(str(self.kubeconfig))

    def kubeconfig_for(
        self, user: str, groups: Sequence[str] = (), *, token: str | None = None, namespace: str = "default"
    ) -> Path:
        """A kubeconfig for a user with a signed client certificate, or for a bearer token; usable at once."""
        entry = kubeconfig.bearer(token) if token else kubeconfig.certificate(self.authority.client(user, groups))
        file = self.folder / f"{user.replace(':', '-').replace('/', '-')}.kubeconfig"
        return kubeconfig.write(
            file, name=self.name, server=self.server, ca_pem=self.ca_pem, user=entry, namespace=namespace
        )

    def kubectl(self, *arguments: str, stdin: str = "", limit_s: float = 60) -> str:
        """What kubectl of the same version prints, as admin; LaboratoryError with what it says when it fails."""
        done = subprocess.run(
            [*self.kubectl_command(), *arguments],
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
            timeout=limit_s,
        )
        if done.returncode:
            raise LaboratoryError(f"kubectl {' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def kubectl_command(self) -> list[str]:
        """How kubectl is started for this cluster, as admin."""
        return [str(parts.ensure(KUBECTL_PART) / "kubectl"), f"--kubeconfig={self.kubeconfig}"]

    def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """Creates a namespace and waits for its default ServiceAccount, without which pods are refused."""
        self.api.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}
        )
        self.api.wait(f"/api/v1/namespaces/{name}/serviceaccounts/default", bool)
        return name

    def add_fake_nodes(self, prefix: str, count: int, *, ready: bool = True, **shape: Any) -> list[str]:
        """Adds simulated nodes `prefix-0` …; `shape` as `kwok.fake_node` takes it.

        Waits for Ready unless told not to.
        """
        if self.kwok is None:
            raise LaboratoryError(f"control plane {self.name} was started without KWOK")
        names = [f"{prefix}-{number}" for number in range(count)]
        for name in names:
            self.api.create(fake_node(name, **shape))
        for name in names if ready else ():
            self.api.wait(f"/api/v1/nodes/{name}", node_ready, timeout_s=60)
        return names

    def _running(self) -> Process:
        if self._process is None:
            raise LaboratoryError(f"control plane {self.name} was never started")
        return self._process

    def _make_users(self) -> str:
        tokens = {who: secrets.token_hex(16) for who, _, _ in USERS}
        rows = [f"{tokens[who]},{user},{user}" + (f',"{group}"' if group else "") for who, user, group in USERS]
        (self.folder / "tokens.csv").write_text("\n".join(rows) + "\n")
        for who, token in tokens.items():
            file = self.folder / f"{who}.kubeconfig"
            kubeconfig.write(
                file, name=self.name, server=self.server, ca_pem=self.ca_pem, user=kubeconfig.bearer(token)
            )
        return tokens["admin"]


def ready(server: str) -> bool:
    """Whether an API server says that it is ready."""
    blind = ssl._create_unverified_context()  # noqa: S323 - only asks whether somebody is there
    try:
        with urllib.request.urlopen(f"{server}/readyz", context=blind, timeout=2) as answer:  # noqa: S310 - always https
            return bool(answer.status == 200)
    except (OSError, ApiError):
        return False


def listening(port: int) -> bool:
    """Whether somebody takes connections at a port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((components.LOCALHOST, port)) == 0


def node_ready(node: dict[str, Any] | None) -> bool:
    """Whether a Node object says Ready."""
    conditions = (node or {}).get("status", {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
