"""The command line of a whole control plane in one process: etcd, API server, controllers, scheduler.

It starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.laboratory.certificates import Authority

LOCALHOST = "127.0.0.1"
FAST_CLIENT = ("--kube-api-qps=500", "--kube-api-burst=1000")  # the defaults are far lower and would throttle tests


@dataclass(frozen=True)
class Ports:
    """The ports of one control plane on 127.0.0.1."""

    api: int
    etcd: int
    peer: int
    controllers: int
    scheduler: int


def etcd(folder: Path, ports: Ports) -> list[str]:
    """In-process etcd, without fsync."""
    client, peer = f"http://{LOCALHOST}:{ports.etcd}", f"http://{LOCALHOST}:{ports.peer}"
    return ["etcd", "-data-dir", str(folder / "etcd"), "-listen-client", client, "-listen-peer", peer]


def api_server(folder: Path, ports: Ports, authority: Authority) -> list[str]:
    """Node and RBAC authorisation, default admission, static tokens and a client CA."""
    signing_key, public_key = authority.signing_pair()
    serving = authority.server("apiserver", [LOCALHOST, "10.96.0.1"])
    kubelet_client = authority.client("apiserver-kubelet", ["system:masters"])
    return [
        "kube-apiserver",
        f"--etcd-servers=http://{LOCALHOST}:{ports.etcd}",
        f"--bind-address={LOCALHOST}",
        f"--advertise-address={LOCALHOST}",
        "--endpoint-reconciler-type=none",  # a loopback address is no valid endpoint
        f"--secure-port={ports.api}",
        f"--tls-cert-file={serving[0]}",
        f"--tls-private-key-file={serving[1]}",
        f"--cert-dir={folder / 'pki'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={signing_key}",
        f"--service-account-key-file={public_key}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--client-ca-file={authority.certificate}",
        f"--kubelet-client-certificate={kubelet_client[0]}",
        f"--kubelet-client-key={kubelet_client[1]}",
        "--max-requests-inflight=2000",
        "--max-mutating-requests-inflight=1000",
    ]


def follower(name: str, config: Path, folder: Path, port: int) -> list[str]:
    """What controller-manager and scheduler have in common."""
    return [
        f"kube-{name}",
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        f"--bind-address={LOCALHOST}",
        f"--secure-port={port}",
        f"--cert-dir={folder / f'pki-{name}'}",
        "--leader-elect=false",
        *FAST_CLIENT,
    ]


def controller_manager(folder: Path, ports: Ports, authority: Authority) -> list[str]:
    """All default controllers, each with its own service account."""
    return [
        *follower("controller-manager", folder / "controllers.kubeconfig", folder, ports.controllers),
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={authority.signing_pair()[0]}",
        f"--root-ca-file={authority.certificate}",
    ]


def whole(binary: Path, folder: Path, ports: Ports, authority: Authority) -> list[str]:
    """`kubeone multi`: controllers and scheduler wait until the API server is ready, for they give up after 10 s."""
    parts = [
        etcd(folder, ports),
        api_server(folder, ports, authority),
        ["wait", f"https://{LOCALHOST}:{ports.api}/readyz"],
        controller_manager(folder, ports, authority),
        follower("scheduler", folder / "scheduler.kubeconfig", folder, ports.scheduler),
    ]
    command = [str(binary), "multi"]
    for part in parts:
        command += [*part, "--"]
    return command[:-1]
