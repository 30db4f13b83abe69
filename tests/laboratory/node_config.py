"""The configuration files of a real node: containerd, kubelet, pod network; nothing that runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.laboratory.part_images import PAUSE

if TYPE_CHECKING:
    from pathlib import Path

CONTAINERD = """\
version = 2
root = "{folder}/images"
state = "{folder}/containers"
[grpc]
  address = "{socket}"
[ttrpc]
  address = "{socket}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/network"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{folder}/runc"
"""


def containerd(folder: Path, socket: Path, plugins: Path) -> str:
    """Containerd with root, state, socket and network of its own.

    `restrict_oom_score_adj` for a root without CAP_SYS_RESOURCE.
    """
    return CONTAINERD.format(folder=folder, socket=socket, plugins=plugins, pause=PAUSE)


def network(folder: Path, bridge: str, subnet: str) -> str:
    """A bridge for pods; addresses are given out by a file of this node."""
    ipam = {
        "type": "host-local",
        "dataDir": str(folder / "network-state"),
        "ranges": [[{"subnet": subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugin = {"type": "bridge", "bridge": bridge, "isGateway": True, "ipMasq": False, "ipam": ipam}
    return json.dumps({"cniVersion": "0.4.0", "name": bridge, "plugins": [plugin]}, indent=1)


def kubelet(*, folder: Path, socket: Path, address: str, cgroup: str, client_ca: Path) -> dict[str, Any]:
    """A kubelet that shares the machine with others: own cgroup, own ports by its own address, no firewall chains."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": ["pods"],
        "makeIPTablesUtilChains": False,  # KUBE-FIREWALL would stay on the machine and drop traffic to 127.x
        "address": address,
        "port": 10250,
        "healthzBindAddress": address,
        "healthzPort": 10248,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(client_ca)},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{socket}",
        "imageServiceEndpoint": f"unix://{socket}",
        "resolvConf": "/etc/resolv.conf",
        "podLogsDir": str(folder / "pod-logs"),
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 99,
        "imageGCLowThresholdPercent": 98,
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "5s",  # a changed ConfigMap, Secret or annotation reaches files within seconds
        "configMapAndSecretChangeDetectionStrategy": "Watch",
        "volumePluginDir": str(folder / "volume-plugins"),
        "shutdownGracePeriod": "0s",
    }
