"""The pod runner: watches one control plane and runs the labelled pods of its simulated nodes as processes.

How one pod runs lives in podprocess.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.laboratory import parts
from tests.laboratory.kubeapi import Api, ApiError
from tests.laboratory.kwok import FAKE
from tests.laboratory.network import Bridge, PodNetwork
from tests.laboratory.part_images import BUSYBOX, IMAGES_PART, STARTD
from tests.laboratory.places import LaboratoryError
from tests.laboratory.podprocess import FORCED_S, PodProcess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.laboratory.controlplane import ControlPlane
    from tests.laboratory.network import PodAddress
    from tests.laboratory.podspec import Object

PLURAL = {"ConfigMap": "configmaps", "Secret": "secrets"}
MANAGED = {"app.kubernetes.io/managed-by": "fedsched"}
REFRESH_S = 1.0
FINISHED = {"Succeeded", "Failed"}


class PodRunner:
    """Needs root. From its start KWOK leaves pods with the selector's labels alone."""

    def __init__(self, control_plane: ControlPlane, selector: Mapping[str, str] | None = None) -> None:
        if control_plane.kwok is None:
            raise LaboratoryError(f"control plane {control_plane.name} was started without KWOK")
        self.control_plane, self.session = control_plane, control_plane.session
        self.selector = dict(MANAGED if selector is None else selector)
        self.name = f"runner-{control_plane.name}"
        self.start_delay_s = 0.0
        images = parts.ensure(IMAGES_PART)
        self.images: dict[str, Path] = {STARTD: images / "startd", BUSYBOX: images / "busybox"}
        self.bridge = Bridge(self.session)
        self.folder = self.session.folder / f"{self.name}-{self.bridge.number}"
        self.folder.mkdir()
        self.network = PodNetwork(self.bridge)
        self.api = Api(control_plane.server, control_plane.ca_pem, control_plane.admin_token)
        self._known: dict[str, PodProcess] = {}  # by uid, ended ones included until their object is gone
        self._nodes: dict[str, Object] = {}
        self._objects: dict[tuple[str, str, str], Object | None] = {}
        self._mutex = threading.RLock()
        self._stopped = threading.Event()
        control_plane.kwok.leave(self.selector)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._watch, self._refresh)]
        for thread in self._threads:
            thread.start()

    # --- for tests

    def pods(self) -> list[tuple[str, str]]:
        """(namespace, name) of the pods that have a running process."""
        return sorted((p.namespace, p.name) for p in self._all() if p.running())

    def log(self, namespace: str, name: str) -> str:
        """What a pod's containers wrote, also after its end; the last pod of that name."""
        return self._find(namespace, name).log()

    def kill(self, namespace: str, name: str) -> None:
        """The pod's processes vanish and nobody tells the API server: a lost node."""
        self._find(namespace, name).lose()

    def report(self, namespace: str, name: str) -> None:
        """The node of a killed pod is back: the API server hears that it failed."""
        self._find(namespace, name).report_lost()

    def pause(self, namespace: str, name: str) -> None:
        """SIGSTOP to all of a pod's processes: a hung pod."""
        self._find(namespace, name).signal_all(signal.SIGSTOP)

    def resume(self, namespace: str, name: str) -> None:
        """SIGCONT."""
        self._find(namespace, name).signal_all(signal.SIGCONT)

    def close_inbound(self) -> None:
        """New connections to its pods are dropped."""
        self.bridge.close_inbound()

    def open_inbound(self) -> None:
        """Takes `close_inbound` back."""
        self.bridge.open_inbound()

    def cut(self, address: str, port: int | None = None) -> None:
        """Its pods cannot reach an address, or one TCP port of it."""
        self.bridge.cut(address, port)

    def heal(self) -> None:
        """Takes every `cut` back."""
        self.bridge.heal()

    def stop(self) -> None:
        """Ends its pods hard, removes its network; KWOK takes the pods back."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        for pod in self._all():
            pod.lose()
        for pod in self._all():
            pod.thread.join(5)
            if pod.net:
                pod.net.leave()
        self.bridge.remove()
        if self.control_plane.kwok:
            self.control_plane.kwok.leave({})

    # --- what a pod needs (podprocess.Host)

    def image(self, name: str) -> Path | None:
        """The folder of an image; a digest is taken off, a name without tag has the laboratory's."""
        plain = name.split("@", maxsplit=1)[0]
        return self.images.get(plain) or self.images.get(f"{plain}:lab")

    def lookup(self, namespace: str, kind: str, name: str) -> Object | None:
        """A ConfigMap or Secret; asked once per second at most."""
        key = (namespace, kind, name)
        with self._mutex:
            if key in self._objects:
                return self._objects[key]
        found = self.api.find(f"/api/v1/namespaces/{namespace}/{PLURAL[kind]}/{name}")
        with self._mutex:
            if found is not None:
                self._objects[key] = found
        return found

    def node(self, name: str) -> Object:
        """A Node object as first seen."""
        if name not in self._nodes:
            self._nodes[name] = self.api.get(f"/api/v1/nodes/{name}")
        return self._nodes[name]

    def address(self, pod: Object) -> tuple[str, PodAddress | None]:
        """A network of the pod's own; for a hostNetwork pod an address on lo."""
        if pod["spec"].get("hostNetwork"):
            return self.session.address(), None
        joined = self.network.join()
        return joined.ip, joined

    def tell(self, pod: Object, status: Object) -> None:
        """Patches a pod's status; tries again while the API server is away, gives up when the object is gone."""
        path = f"{path_of(pod)}/status"
        change = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        while not self._stopped.is_set():
            try:
                self.api.patch(path, change, "strategic-merge")
            except ApiError as error:
                if error.status in {404, 409, 422}:
                    return
            except OSError:
                pass
            else:
                return
            self._stopped.wait(0.5)

    def forget(self, pod: Object) -> None:
        """Finishes a deletion: removes the object with grace 0 if somebody has deleted it."""
        while not self._stopped.is_set():
            try:
                seen = self.api.find(path_of(pod))
                if (
                    seen
                    and seen["metadata"]["uid"] == pod["metadata"]["uid"]
                    and seen["metadata"].get("deletionTimestamp")
                ):
                    self.api.delete(path_of(pod), grace_s=0)
            except (ApiError, OSError):
                self._stopped.wait(0.5)
            else:
                return

    # --- its threads

    def _watch(self) -> None:
        labels = quote(",".join(f"{name}={value}" for name, value in self.selector.items()))
        path = f"/api/v1/pods?labelSelector={labels}&fieldSelector={quote('spec.nodeName!=')}"
        while not self._stopped.is_set():
            with contextlib.suppress(ApiError, OSError, ValueError):
                listed = self.api.get(path)
                self._relisted([{**item, "kind": "Pod"} for item in listed.get("items") or []])
                version = listed["metadata"]["resourceVersion"]
                for event in self.api.watch(
                    f"{path}&watch=1&timeoutSeconds=30&resourceVersion={version}", silence_s=35
                ):
                    if self._stopped.is_set() or event["type"] == "ERROR":
                        break
                    self._seen(event["object"], gone=event["type"] == "DELETED")
            self._stopped.wait(0.2)

    def _refresh(self) -> None:
        while not self._stopped.wait(REFRESH_S):
            with self._mutex:
                self._objects.clear()
            for pod in self._all():
                if pod.thread.is_alive():
                    pod.refresh()

    def _relisted(self, pods: list[Object]) -> None:
        present = {pod["metadata"]["uid"] for pod in pods}
        for uid in set(self._known) - present:
            self._seen(self._known[uid].pod, gone=True)
        for pod in pods:
            self._seen(pod)

    def _seen(self, pod: Object, *, gone: bool = False) -> None:
        uid = pod["metadata"]["uid"]
        known = self._known.get(uid)
        if gone:
            if known and known.thread.is_alive():
                known.end(FORCED_S)
        elif known:
            known.update(pod)
            if pod["metadata"].get("deletionTimestamp") and not known.thread.is_alive() and not known.lost:
                self.forget(pod)
        elif pod.get("status", {}).get("phase") in FINISHED or pod["metadata"].get("deletionTimestamp"):
            self.forget(pod)
        elif FAKE in (self.node(pod["spec"]["nodeName"])["metadata"].get("annotations") or {}):
            self._known[uid] = PodProcess(self, pod, self.folder / f"{pod['metadata']['name']}-{uid[:8]}")
            self._known[uid].thread.start()

    def _all(self) -> list[PodProcess]:
        return list(self._known.values())

    def _find(self, namespace: str, name: str) -> PodProcess:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            found = [pod for pod in self._all() if (pod.namespace, pod.name) == (namespace, name)]
            if found:
                return found[-1]
            time.sleep(0.1)
        raise LaboratoryError(f"the pod runner never saw {namespace}/{name}")


def path_of(pod: Object) -> str:
    """The path of a pod."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
