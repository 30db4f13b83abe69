"""A startd's pod without Kubernetes: the real files at their real places in the image, read-only, as any uid."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedsched.condor.worker import worker_files
from tests.laboratory import parts
from tests.laboratory.part_images import IMAGES_PART
from tests.laboratory.places import LaboratoryError, tail
from tests.laboratory.sandbox import Sandbox, common_mounts, members, tool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.laboratory.pool import Pool
    from tests.laboratory.session import Session

NUMBERS = itertools.count(1)
PLACES = ("etc/fedsched", "etc/fedsched-token", "etc/fedsched-pod", "pilot", "tmp")
STARTD_RIGHTS = ("ADVERTISE_STARTD", "ADVERTISE_MASTER", "READ")
QUICK = {"FEDSCHED_UPDATE_S": "5"}


class WorkerPod:
    """Runs `/bin/sh /etc/fedsched/start` as the pod contract says; `end` is what the kubelet does on deletion."""

    def __init__(
        self,
        session: Session,
        pool: Pool,
        settings: Mapping[str, str] | None = None,
        *,
        uid: int = 64_000,
        probe: str = "",
        token: str | None = None,
        annotations: str = "",
        hosts: str = "",
    ) -> None:
        self.name = f"fs-w{next(NUMBERS)}-{session.id}"
        self.pool, self.uid, self.session = pool, uid, session
        self.folder = session.folder / self.name
        self.log = self.folder / "pod.log"
        self.code = self.folder / "code"
        for place in ("root", "upper", "work", *PLACES):
            (self.folder / place).mkdir(parents=True)
        for place in PLACES:
            (self.folder / "upper" / place).mkdir(parents=True, exist_ok=True)
        if hosts:
            (self.folder / "upper/etc/hosts").write_text(hosts)
        (self.folder / "pilot").chmod(0o777)
        (self.folder / "tmp").chmod(0o1777)
        for name, text in worker_files(probe=probe).items():
            (self.folder / "etc/fedsched" / name).write_text(text)
        self.give_token(pool.token(f"glidein@{pool.trust_domain}", STARTD_RIGHTS) if token is None else token)
        self.annotate(annotations)
        self.environment = self._environment({**QUICK, **(settings or {})})
        self.sandbox = self._open()
        self._start()

    # --- what the kubelet does

    def annotate(self, text: str) -> None:
        """Writes the downward API's file, in one step as the kubelet does."""
        self._replace("etc/fedsched-pod/annotations", text)

    def order_leave(self) -> None:
        """The leave order as it reaches the pod."""
        self.annotate(f'kubernetes.io/other="x"\nfedsched.io/leave="{int(time.time())}"\n')

    def give_token(self, token: str) -> None:
        """The Secret's file: owned by root, readable by all."""
        self._replace("etc/fedsched-token/token", token)

    def end(self) -> None:
        """SIGTERM to the first process of the pod, as on deletion."""
        for pid in self._first():
            os.kill(pid, signal.SIGTERM)

    # --- what a test looks at

    def text(self) -> str:
        """What the pod wrote so far."""
        return self.log.read_text(errors="replace")

    def exit_code(self) -> int | None:
        """Of the entry script; None while it runs."""
        return int(self.code.read_text()) if self.code.exists() and self.code.read_text() else None

    def slots(self, constraint: str = "true") -> list[dict[str, Any]]:
        """Its slot ads in the collector."""
        return self.pool.ads("Slots", f'FedschedPod == "{self.name}" && ({constraint})')

    def slot(self) -> dict[str, Any] | None:
        """The partitionable slot's ad."""
        return next(iter(self.slots("PartitionableSlot")), None)

    def wait(self, what: str, test: Callable[[], Any], timeout_s: float = 90) -> Any:
        """Polls until true; the pod's last lines are in the error."""
        end = time.monotonic() + timeout_s
        while not (seen := test()):
            if time.monotonic() > end:
                raise LaboratoryError(f"{self.name}: no {what} after {timeout_s} s{tail(self.log)}")
            time.sleep(0.1)
        return seen

    def wait_slot(self) -> dict[str, Any]:
        """Waits for the slot's ad."""
        found: dict[str, Any] = self.wait("slot", self.slot)
        return found

    def wait_gone(self) -> None:
        """Waits until the collector has none of its slots: it may take them out a moment after the pod's end."""
        self.wait("end of its slots", lambda: not self.slots(), 30)

    def wait_end(self, timeout_s: float = 90) -> int:
        """Waits for the end; its exit code."""
        self.wait("end", lambda: self.exit_code() is not None, timeout_s)
        return int(self.code.read_text())

    def processes(self, name: str) -> list[int]:
        """PIDs of what runs in the pod under this name."""
        return self.sandbox.pids(name)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Runs something in the pod as `kubectl exec` does; exit code and output."""
        done = self.sandbox.run(
            *arguments, env={**self.environment, "CONDOR_CONFIG": "/etc/fedsched/condor_config"}, uid=self.uid
        )
        return done.returncode, done.stdout + done.stderr

    def stop(self) -> None:
        """Ends it in order if possible; one that had to be killed is taken out of the collector."""
        if self.exit_code() is None:
            self.end()
            with contextlib.suppress(LaboratoryError):
                self.wait_end(20)
        self.sandbox.close()
        if self.slots():
            self._forget()

    # --- inside

    def _forget(self) -> None:
        """A ghost would be matched again and again, and the next test's jobs would wait for it."""
        file = self.pool.folder / f"{self.name}.gone"
        file.write_text(f'MyType = "Query"\nTargetType = "Machine"\nRequirements = FedschedPod == "{self.name}"\n')
        with contextlib.suppress(LaboratoryError):
            self.pool.run("condor_advertise", "INVALIDATE_STARTD_ADS", str(file))

    def _replace(self, name: str, text: str) -> None:
        new = self.folder / f"{name}.new"
        new.write_text(text)
        new.rename(self.folder / name)

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        address = self.session.address()
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "FEDSCHED_MEMBER": "m1",
            "FEDSCHED_PLACEMENT": self.name.removeprefix("fs-"),
            "FEDSCHED_NODE_GROUP": "cpu",
            "FEDSCHED_POD": self.name,
            "FEDSCHED_NODE": "node-1",
            "FEDSCHED_POD_IP": address,
            "FEDSCHED_FORM": "startd-job",
            "FEDSCHED_CPUS": "2",
            "FEDSCHED_MEMORY_MIB": "512",
            "FEDSCHED_DISK_MIB": "1024",
            "FEDSCHED_COLLECTOR": self.pool.address,
            "FEDSCHED_CCB": self.pool.address,
            "FEDSCHED_USER": "alice@pool-b",
            "FEDSCHED_IDLE_S": "600",
            **settings,
        }

    def _open(self) -> Sandbox:
        root, image = self.folder / "root", parts.ensure(IMAGES_PART) / "startd"
        mount = tool("mount")
        layers = f"lowerdir={image},upperdir={self.folder}/upper,workdir={self.folder}/work"
        binds = [f"{mount} --bind {self.folder}/{place} {root}/{place}" for place in PLACES]
        setup = [
            f"{mount} -t overlay overlay -o {layers} {root}",
            *common_mounts(root),
            *binds,
            f"{mount} -o remount,ro,bind {root}/etc/fedsched",
            f"{mount} -o remount,ro {root}",
        ]
        return Sandbox(self.session, self.name, root, setup, self.folder / "sandbox.log")

    def _start(self) -> None:
        self.log.touch()
        self.code.touch()
        script = f'"$@" >> {self.log} 2>&1 < /dev/null; echo $? > {self.code}'
        inside = self.sandbox.command("/bin/sh", "/etc/fedsched/start", uid=self.uid)
        self.session.spawn(
            f"{self.name}-entry",
            [tool("sh"), "-c", script, "sh", *inside],
            self.folder / "entry.log",
            env=self.environment,
        )

    def _first(self) -> list[int]:
        """The entry script: a shell whose parent is not in the pod."""
        inside = members(self.sandbox.inside)
        return [
            pid
            for pid, name in inside.items()
            if name == "sh" and pid != self.sandbox.inside and parent(pid) not in inside
        ]


def parent(pid: int) -> int:
    """The parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
