"""One pod of a simulated node, run for real.

Its containers as processes, and what the API server is told about them, as a kubelet tells it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from tests.laboratory import podspec, sandbox
from tests.laboratory.kubeapi import ApiError
from tests.laboratory.places import LaboratoryError
from tests.laboratory.podspec import MissingError
from tests.laboratory.podvolumes import Root, Volumes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.laboratory.network import PodAddress
    from tests.laboratory.podspec import Object
    from tests.laboratory.session import Process, Session

RETRY_S = 1.0
BACK_OFF_S, LONGEST_BACK_OFF_S = 1.0, 10.0
FORCED_S = 2.0  # what a kubelet still gives a pod whose object is gone


class Host(Protocol):
    """What a pod needs of the pod runner."""

    session: Session
    start_delay_s: float

    def image(self, name: str) -> Path | None: ...
    def lookup(self, namespace: str, kind: str, name: str) -> Object | None: ...
    def node(self, name: str) -> Object: ...
    def address(self, pod: Object) -> tuple[str, PodAddress | None]: ...
    def tell(self, pod: Object, status: Object) -> None: ...
    def forget(self, pod: Object) -> None: ...


def now() -> str:
    """The present as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def terminated(code: int, since: str, reason: str = "") -> Object:
    """The state of a container that has ended."""
    word = reason or ("Completed" if code == 0 else "Error")
    return {"terminated": {"exitCode": code, "reason": word, "startedAt": since, "finishedAt": now()}}


class Container:
    """One container's process and its state as Kubernetes shows it."""

    def __init__(self, spec: Object) -> None:
        self.name, self.spec = spec["name"], spec
        self.state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self.restarts = 0
        self.process: Process | None = None
        self.inside = 0

    def status(self) -> Object:
        """Its entry in containerStatuses."""
        running = "running" in self.state
        image = self.spec["image"]
        head = {"name": self.name, "image": image, "imageID": "", "ready": running, "started": running}
        return {**head, "restartCount": self.restarts, "state": self.state}

    def send(self, number: int) -> None:
        """A signal to the container's first process."""
        if self.process and self.process.running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.inside, number)

    def exit_code(self) -> int | None:
        """The code of an ended container."""
        return self.state["terminated"]["exitCode"] if "terminated" in self.state else None


class PodProcess:
    """Runs a pod in a thread of its own from `start` until its end is told or it is lost."""

    def __init__(self, host: Host, pod: Object, folder: Path) -> None:
        self.host, self.pod, self.folder = host, pod, folder
        self.namespace, self.name, self.uid = (pod["metadata"][key] for key in ("namespace", "name", "uid"))
        folder.mkdir(parents=True)
        self.volumes = Volumes(folder / "volumes")
        self.init = [Container(spec) for spec in pod["spec"].get("initContainers") or []]
        self.main = [Container(spec) for spec in pod["spec"]["containers"]]
        self.ending = threading.Event()  # deletion, deadline or the runner's stop
        self.lost = False  # nobody tells the API server any more
        self.grace_s = float(pod["spec"].get("terminationGracePeriodSeconds") or 30)
        self.failure = ""
        self.since = now()
        self.ip = ""
        self.net: PodAddress | None = None
        self._told = threading.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True, name=f"pod-{self.name}")

    # --- called by the runner

    def update(self, pod: Object) -> None:
        """A newer object: annotations reach the files at once, a deletion begins the end."""
        self.pod = {**pod, "status": {**self.pod.get("status", {}), **pod.get("status", {})}}
        if pod["metadata"].get("deletionTimestamp"):
            self.end(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
        self.refresh()

    def refresh(self) -> None:
        """Brings the volumes' files up to date; a source that is gone changes nothing."""
        if not self.ip or self.lost:
            return
        with contextlib.suppress(MissingError, ApiError, OSError):
            self.volumes.write(self.pod, self._lookup, self._allocatable())

    def end(self, grace_s: float) -> None:
        """SIGTERM now, SIGKILL after `grace_s` seconds; a later and shorter limit counts."""
        self.grace_s = grace_s
        if not self.ending.is_set():
            self.ending.set()
        threading.Thread(target=self._terminate, args=(grace_s,), daemon=True).start()

    def lose(self) -> None:
        """Everything is gone at once and nobody says so."""
        self.lost = True
        self.ending.set()
        self._kill()

    def signal_all(self, number: int) -> None:
        """A signal to every process of the pod."""
        for container in self.main:
            for pid in sandbox.members(container.inside) if container.inside else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def running(self) -> bool:
        """Whether a container of it runs and the API server hears of it."""
        return not self.lost and any("running" in container.state for container in [*self.init, *self.main])

    def log(self) -> str:
        """All that its containers wrote."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))

    def report_lost(self) -> None:
        """Tells at last that a lost pod failed (exit 137) and finishes its deletion."""
        self.lost = False
        for container in self.main:
            container.state = terminated(137, self.since, "Error")
        self._tell("Failed")
        self._finish()

    # --- its thread

    def _run(self) -> None:
        try:
            self._prepare()
            if not self.ending.is_set() and self._run_init():
                self._run_main()
            self._conclude()
        except (LaboratoryError, OSError, ValueError) as error:
            self.failure = str(error)
            self._conclude()
        finally:
            self._kill()
            if self.net and not self.lost:
                self.net.leave()

    def _prepare(self) -> None:
        """Waits the start delay, takes an address, and writes the volumes as soon as their sources exist."""
        self.ending.wait(self.host.start_delay_s)
        self.ip, self.net = self.host.address(self.pod)
        self.pod.setdefault("status", {}).update({"podIP": self.ip, "podIPs": [{"ip": self.ip}]})
        while not self.ending.is_set():
            try:
                self.volumes.write(self.pod, self._lookup, self._allocatable())
            except (MissingError, ApiError, OSError) as error:
                self._waiting(self.main, "ContainerCreating", str(error))
            else:
                return

    def _run_init(self) -> bool:
        for container in self.init:
            self._start(container)
            self._wait(container)
            if container.exit_code() != 0:
                return False
        return True

    def _run_main(self) -> None:
        threads = [threading.Thread(target=self._keep, args=(container,), daemon=True) for container in self.main]
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(0.5) if threads[0].is_alive() else time.sleep(0.05)
            if deadline and time.monotonic() - begin > deadline and not self.ending.is_set():
                self.failure = "DeadlineExceeded"
                self.end(self.grace_s)

    def _keep(self, container: Container) -> None:
        """Runs one container to its end; what goes wrong here is the pod's failure."""
        try:
            self._repeat(container)
        except (LaboratoryError, OSError, ValueError, KeyError) as error:
            self.failure = f"{container.name}: {error}"

    def _repeat(self, container: Container) -> None:
        """Runs one container, again and again where the restart policy says so."""
        policy, pause = self.pod["spec"].get("restartPolicy", "Always"), BACK_OFF_S
        while True:
            self._start(container)
            self._wait(container)
            again = policy == "Always" or (policy == "OnFailure" and container.exit_code() != 0)
            if not again or self.ending.wait(pause):
                return
            pause = min(2 * pause, LONGEST_BACK_OFF_S)
            container.restarts += 1

    def _start(self, container: Container) -> None:
        """Starts a container as soon as its image and environment allow, and says Running."""
        while not self.ending.is_set():
            image = self.host.image(container.spec["image"])
            if image is None:
                self._waiting(
                    [container], "ErrImageNeverPull", f'Container image "{container.spec["image"]}" is not present'
                )
                continue
            try:
                env = podspec.environment(self.pod, container.spec, self._lookup, self._allocatable())
                uid, gid = podspec.user(self.pod, container.spec)
            except (MissingError, ApiError, OSError) as error:
                self._waiting([container], "CreateContainerConfigError", str(error))
                continue
            self._spawn(container, image, env, (uid, gid))
            return

    def _spawn(self, container: Container, image: Path, env: dict[str, str], ids: tuple[int, int]) -> None:
        folder = self.folder / f"{container.name}-{container.restarts}"
        writable = not podspec.security(container.spec, "readOnlyRootFilesystem")
        root = Root(folder, image, writable=writable)
        lines = [
            f"echo {self.name[:63]} > /proc/sys/kernel/hostname",
            *root.lines(self.volumes.mounts(self.pod, container.spec)),
        ]
        words = podspec.command(container.spec, env)
        if workdir := container.spec.get("workingDir"):
            words = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', workdir, *words]
        privileges = (
            [] if podspec.security(container.spec, "privileged") else [sandbox.tool("setpriv"), "--no-new-privs"]
        )
        enter = [
            *privileges,
            sandbox.tool("chroot"),
            f"--userspec={ids[0]}:{ids[1]}",
            "--groups=",
            str(root.root),
            *words,
        ]
        net = [sandbox.tool("nsenter"), f"--net={self.net.path}"] if self.net else []
        command = [*net, *sandbox.enter_command(lines, enter)]
        process = self.host.session.spawn(f"pod-{self.name}", command, self.folder / f"{container.name}.log", env=env)
        container.process = process
        with contextlib.suppress(LaboratoryError):
            container.inside = sandbox.first_inside(process.pid)
        container.state = {"running": {"startedAt": now()}}
        self._tell("Running" if container in self.main else "Pending")
        if self.lost:
            self._kill()

    def _wait(self, container: Container) -> None:
        if container.process is None:
            container.state = terminated(137, self.since, "ContainerStatusUnknown")
            return
        code = container.process.child.wait()
        since = container.state.get("running", {}).get("startedAt", self.since)
        container.state = terminated(code if code >= 0 else 128 - code, since)
        if not self.ending.is_set():
            self._tell("Running" if container in self.main else "Pending")

    def _terminate(self, grace_s: float) -> None:
        end = time.monotonic() + grace_s
        for container in [*self.init, *self.main]:
            container.send(signal.SIGTERM)
        while time.monotonic() < end and self.thread.is_alive():
            self.thread.join(min(0.1, max(0.0, end - time.monotonic())))
        self._kill()

    def _kill(self) -> None:
        for container in [*self.init, *self.main]:
            container.send(signal.SIGKILL)

    def _waiting(self, containers: list[Container], reason: str, message: str) -> None:
        for container in containers:
            container.state = {"waiting": {"reason": reason, "message": message}}
        self._tell("Pending")
        self.ending.wait(RETRY_S)

    # --- what the API server hears

    def _conclude(self) -> None:
        if self.lost:
            return
        codes = [container.exit_code() for container in [*self.init, *self.main]]
        for container in self.main:
            if container.exit_code() is None:
                container.state = terminated(137, self.since, "ContainerStatusUnknown")
        self._tell("Succeeded" if not self.failure and all(code == 0 for code in codes) else "Failed")
        self._finish()

    def _finish(self) -> None:
        """Removes the object when its deletion waits for this, now or later."""
        self.host.forget(self.pod)

    def _tell(self, phase: str) -> None:
        if self.lost:
            return
        status: dict[str, Any] = {"phase": phase, "startTime": self.since}
        ready = "True" if phase == "Running" and all("running" in c.state for c in self.main) else "False"
        conditions = {"Initialized": "True", "ContainersReady": ready, "Ready": ready}
        status["conditions"] = [
            {"type": kind, "status": value, "lastTransitionTime": now()} for kind, value in conditions.items()
        ]
        status["containerStatuses"] = [container.status() for container in self.main]
        if self.init:
            status["initContainerStatuses"] = [container.status() for container in self.init]
        if self.ip:
            status |= {"podIP": self.ip, "podIPs": [{"ip": self.ip}]}
        if self.failure:
            status |= {
                "reason": self.failure if self.failure == "DeadlineExceeded" else "Error",
                "message": self.failure[:500],
            }
        with self._told:
            self.host.tell(self.pod, status)

    def _lookup(self, kind: str, name: str) -> Object | None:
        return self.host.lookup(self.namespace, kind, name)

    def _allocatable(self) -> Object:
        found: Object = self.host.node(self.pod["spec"]["nodeName"])["status"]["allocatable"]
        return found
