"""A real node of a control plane: containerd and the real kubelet with a pod network of its own.

All of it gone after `stop`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from tests.laboratory import inventory, ledger, node_config, parts
from tests.laboratory.controlplane import node_ready
from tests.laboratory.ledger import CGROUPS
from tests.laboratory.network import Bridge
from tests.laboratory.part_condor import not_root
from tests.laboratory.part_images import IMAGES_PART
from tests.laboratory.places import LaboratoryError, LeftOutError, tail
from tests.laboratory.sandbox import tool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.laboratory.controlplane import ControlPlane
    from tests.laboratory.session import Process

ARCHIVES = ("pause.tar", "busybox.tar", "startd.tar")
READY_LIMIT_S = 60  # 2 s alone


class RealNode:
    """Ready when the constructor returns. Needs root; LeftOutError says what the machine lacks."""

    def __init__(self, control_plane: ControlPlane, name: str, labels: Mapping[str, str] | None = None) -> None:
        plugins = inventory.plugins()
        why = not_root("a real node") or inventory.absent("realnode")
        if why or plugins is None:
            raise LeftOutError(why or "no pod network plugins")
        self.control_plane, self.name, self.session = control_plane, name, control_plane.session
        self.labels = dict(labels or {})
        self.bridge = Bridge(self.session)
        self.folder: Path = self.session.folder / f"node-{self.bridge.number}"
        self.folder.mkdir()
        self.socket = self.folder / "c.sock"
        self.address = self.session.address()
        self.cgroup = f"fslab{self.bridge.number}"
        self._processes: dict[str, Process] = {}
        self.session.ledger.record("pods", bridge=self.bridge.name)
        self.session.ledger.record("mounts", folder=str(self.folder))
        self.session.ledger.record("cgroup", name=self.cgroup)
        self.session.ledger.record("shims", socket=str(self.socket))
        make_cgroup(self.cgroup)
        self._write_files(plugins)
        self._start_containerd()
        self._start_kubelet()
        self.control_plane.api.wait(f"/api/v1/nodes/{name}", node_ready, READY_LIMIT_S)

    def import_image(self, archive: Path) -> None:
        """Makes an OCI archive's image known to this node."""
        self.ctr("images", "import", str(archive))

    def ctr(self, *arguments: str) -> str:
        """Runs containerd's own tool in Kubernetes' namespace; its output."""
        command = [tool("ctr"), "-a", str(self.socket), "-n", "k8s.io", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise LaboratoryError(f"ctr {' '.join(arguments)}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def close_inbound(self) -> None:
        """New TCP connections to this node's pods are dropped; only outbound is possible."""
        self.bridge.close_inbound()

    def open_inbound(self) -> None:
        """Takes `close_inbound` back."""
        self.bridge.open_inbound()

    def cut(self, address: str, port: int | None = None) -> None:
        """This node's pods cannot reach an address, or one TCP port of it; open connections hang."""
        self.bridge.cut(address, port)

    def heal(self) -> None:
        """Takes every `cut` back."""
        self.bridge.heal()

    def pause(self) -> None:
        """SIGSTOP to the kubelet: pods run on, the API server hears nothing more."""
        self._processes["kubelet"].send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._processes["kubelet"].send(signal.SIGCONT)

    def stop(self) -> None:
        """Ends kubelet, pods and containerd; no mount, shim, cgroup, bridge or firewall rule stays.

        The Node object goes too, if it can.
        """
        if not self._processes:
            return
        self._processes["kubelet"].end()
        ledger.end_shims(str(self.socket))
        ledger.remove_cgroup(self.cgroup)
        self._processes["containerd"].end(signal.SIGTERM, 5)
        ledger.unmount_under(str(self.folder))
        ledger.forget_network(self.bridge.name)
        self.bridge.remove()
        ledger.undo({"kind": "address", "address": self.address})
        self._processes.clear()
        try:
            self.control_plane.api.delete(f"/api/v1/nodes/{self.name}")
        except (LaboratoryError, OSError):
            return

    def _write_files(self, plugins: Path) -> None:
        (self.folder / "network").mkdir()
        (self.folder / "network/10-pods.conflist").write_text(
            node_config.network(self.folder, self.bridge.name, self.bridge.subnet)
        )
        (self.folder / "containerd.toml").write_text(node_config.containerd(self.folder, self.socket, plugins))
        settings = node_config.kubelet(
            folder=self.folder,
            socket=self.socket,
            address=self.address,
            cgroup=self.cgroup,
            client_ca=self.control_plane.authority.certificate,
        )
        (self.folder / "kubelet.yaml").write_text(json.dumps(settings, indent=1))

    def _start_containerd(self) -> None:
        command = [tool("containerd"), "--config", str(self.folder / "containerd.toml")]
        self._spawn("containerd", command)
        images = parts.ensure(IMAGES_PART)
        end = time.monotonic() + 20
        while True:
            try:
                self.ctr("version")
            except LaboratoryError:
                if time.monotonic() > end or not self._processes["containerd"].running():
                    raise
                time.sleep(0.05)
            else:
                break
        for archive in ARCHIVES:
            self.import_image(images / archive)

    def _start_kubelet(self) -> None:
        config = self.control_plane.kubeconfig_for(f"system:node:{self.name}", ["system:nodes"])
        labels = ",".join(f"{key}={value}" for key, value in self.labels.items())
        command = [
            str(self.control_plane.binary),
            "kubelet",
            f"--config={self.folder / 'kubelet.yaml'}",
            f"--kubeconfig={config}",
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'kubelet-pki'}",
            f"--hostname-override={self.name}",
            f"--node-ip={self.address}",
            *([f"--node-labels={labels}"] if labels else []),
        ]
        self._spawn("kubelet", command)

    def _spawn(self, name: str, command: list[str]) -> None:
        log = self.folder / f"{name}.log"
        self._processes[name] = self.session.spawn(f"{name}-{self.name}", command, log)
        time.sleep(0.05)
        if not self._processes[name].running():
            raise LaboratoryError(f"{name} of node {self.name} ended at once{tail(log)}")


def make_cgroup(name: str) -> None:
    """A cgroup in every mounted hierarchy, which a kubelet wants to find; cpuset needs its parent's values."""
    if (CGROUPS / "cgroup.controllers").exists():
        (CGROUPS / name).mkdir(exist_ok=True)
        return
    for hierarchy in CGROUPS.iterdir():
        if not hierarchy.is_dir() or hierarchy.is_symlink() or not (hierarchy / "cgroup.procs").exists():
            continue
        (hierarchy / name).mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / file).exists():
                (hierarchy / name / file).write_text((hierarchy / file).read_text())
