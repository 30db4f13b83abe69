"""KWOK beside a control plane.

Simulated nodes, how long their pods run and how they end, and which pods it leaves to the pod runner.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import yaml

from tests.laboratory import parts
from tests.laboratory.part_kubernetes import KWOK_PART
from tests.laboratory.places import LaboratoryError, tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.laboratory.session import Process, Session

FAKE = "kwok.x-k8s.io/node"
SECONDS, EXIT = '.metadata.annotations["sim/seconds"]', '.metadata.annotations["sim/exit"]'


class Kwok:
    """One KWOK process; it manages the nodes that carry the annotation kwok.x-k8s.io/node=fake."""

    def __init__(self, session: Session, folder: Path, kubeconfig: Path) -> None:
        self.session, self.folder, self.kubeconfig = session, folder, kubeconfig
        self.part = parts.ensure(KWOK_PART)
        self.log = folder / "kwok.log"
        self.left: dict[str, str] = {}
        self._process: Process | None = None

    def start(self) -> None:
        """Starts it unless it runs."""
        if self._process and self._process.running():
            return
        config = self.folder / "kwok.yaml"
        config.write_text(yaml.safe_dump_all(stages(self.part, self.left)))
        command = [
            str(self.part / "kwok"),
            f"--kubeconfig={self.kubeconfig}",
            "--manage-all-nodes=false",
            f"--manage-nodes-with-annotation-selector={FAKE}=fake",
            f"--config={config}",
            "--node-lease-duration-seconds=40",
        ]
        self._process = self.session.spawn("kwok", command, self.log)

    def cpu_s(self) -> float:
        """CPU seconds that it used since it was started."""
        return self._process.cpu_s() if self._process else 0.0

    def leave(self, labels: Mapping[str, str]) -> None:
        """From now on pods with any of these labels are nobody's but the pod runner's; starts KWOK again."""
        if dict(labels) == self.left:
            return
        self.left = dict(labels)
        self.stop()
        self.start()

    def stop(self) -> None:
        """Ends it; its nodes go NotReady after 40 s."""
        if self._process:
            self._process.end()

    def check(self) -> None:
        """LaboratoryError with its last words when it has ended by itself."""
        if self._process and not self._process.running():
            raise LaboratoryError(f"KWOK ended{tail(self.log)}")


def stages(part: Path, left: Mapping[str, str]) -> list[dict[str, Any]]:
    """KWOK's own Stage files; pods end as the annotations sim/seconds and sim/exit say."""
    found = {file.stem: yaml.safe_load(file.read_text()) for file in sorted(part.glob("*.yaml"))}
    complete = found["pod-complete"]
    complete["spec"]["delay"] = {"durationMilliseconds": 200, "durationFrom": {"expressionFrom": SECONDS}}
    failing = copy.deepcopy(complete)
    failing["metadata"]["name"] = "pod-fail"
    template = failing["spec"]["next"]["statusTemplate"]
    template = template.replace("exitCode: 0", 'exitCode: {{ index $root.metadata.annotations "sim/exit" }}')
    failing["spec"]["next"]["statusTemplate"] = template.replace("reason: Completed", "reason: Error").replace(
        "Succeeded", "Failed"
    )
    expressions(complete).append({"key": EXIT, "operator": "DoesNotExist"})
    expressions(failing).append({"key": EXIT, "operator": "Exists"})
    found["pod-fail"] = failing
    for stage in found.values():
        if stage["spec"]["resourceRef"]["kind"] == "Pod":
            others = [
                {"key": f'.metadata.labels["{name}"]', "operator": "NotIn", "values": [value]}
                for name, value in left.items()
            ]
            expressions(stage).extend(others)
    return list(found.values())


def expressions(stage: dict[str, Any]) -> list[dict[str, Any]]:
    """A stage's match expressions, to be added to."""
    found: list[dict[str, Any]] = stage["spec"]["selector"]["matchExpressions"]
    return found


def fake_node(
    name: str,
    *,
    cpu: float = 96,
    memory: str = "1024Gi",
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
    extended: Mapping[str, int] | None = None,
    pods: int = 110,
    ephemeral_storage: str = "500Gi",
    allocatable: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A Node object that KWOK manages.

    `cpu` in cores, `memory` and `ephemeral_storage` as Kubernetes quantities, `extended` counts.
    """
    capacity = {"cpu": str(cpu), "memory": memory, "pods": str(pods), "ephemeral-storage": ephemeral_storage}
    capacity |= {resource: str(count) for resource, count in (extended or {}).items()}
    standing = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {FAKE: "fake"}, "labels": standing | dict(labels or {})},
        "spec": {"taints": [dict(taint) for taint in taints]},
        "status": {"capacity": capacity, "allocatable": capacity | dict(allocatable or {})},
    }
