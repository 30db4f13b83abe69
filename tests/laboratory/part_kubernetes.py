"""How kubeone (Kubernetes as one binary), kubectl and KWOK are built from the Go module proxy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.laboratory import places
from tests.laboratory.parts import Part

SOURCE = Path(__file__).parent / "build"
KUBERNETES = "1.36.3"
KWOK = "v0.8.0"
KWOK_MODULE = f"sigs.k8s.io/kwok@{KWOK}"
VERSION_PACKAGE = "k8s.io/component-base/version"
STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)


def go_command() -> str | None:
    """The Go command: on the PATH or at Go's usual place."""
    return shutil.which("go") or shutil.which("/usr/local/go/bin/go")


def no_go() -> str | None:
    """Why nothing can be compiled here."""
    return None if go_command() else "no Go compiler (go) on the PATH or in /usr/local/go/bin"


def go(*arguments: str, folder: Path = SOURCE, env: dict[str, str] | None = None) -> str:
    """Runs Go without cgo; its caches stay where this user has them.

    LaboratoryError with the last lines when it fails.
    """
    command = go_command() or "go"
    home = places.home()
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "CGO_ENABLED": "0", **(env or {})}
    done = subprocess.run(
        [command, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading")]
        raise places.LaboratoryError(f"go {arguments[0]}: {' | '.join(lines[-4:])[:500]}")
    return done.stdout


def version_flags() -> str:
    """Linker flags without which the server calls itself v0.0.0-master and clients misread it."""
    major, minor, _ = KUBERNETES.split(".")
    named = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(["-s -w", *(f"-X {VERSION_PACKAGE}.{name}={value}" for name, value in named.items())])


def build_kubeone(folder: Path) -> None:
    """One static binary."""
    go(
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-tags",
        "providerless selinux",
        "-ldflags",
        version_flags(),
        "-o",
        str(folder / "kubeone"),
        ".",
    )


def build_kubectl(folder: Path) -> None:
    """The client of the same version: kubeone's module, and the sums of what only the client needs."""
    module = folder / "module"
    module.mkdir()
    for name in ("go.mod", "main.go"):
        shutil.copyfile(SOURCE / name, module / name)
    (module / "go.sum").write_bytes(b"".join((SOURCE / name).read_bytes() for name in ("go.sum", "kubectl.sum")))
    go(
        "build",
        "-mod=mod",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        version_flags(),
        "-o",
        str(folder / "kubectl"),
        "k8s.io/kubernetes/cmd/kubectl",
        folder=module,
    )
    shutil.rmtree(module)


def build_kwok(folder: Path) -> None:
    """The binary, and the Stage files that come with its module."""
    module = json.loads(go("mod", "download", "-json", KWOK_MODULE, folder=folder))
    stages = Path(module["Dir"]) / "kustomize" / "stage"
    for name in STAGES:
        shutil.copyfile(stages / name, folder / Path(name).name)
    go(
        "install",
        "-trimpath",
        "-ldflags=-s -w",
        KWOK_MODULE.replace("@", "/cmd/kwok@"),
        folder=folder,
        env={"GOBIN": str(folder)},
    )


def sources() -> bytes:
    """All that kubeone's content depends on."""
    return b"".join((SOURCE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go")) + version_flags().encode()


KUBEONE_PART = Part("kubeone", sources(), build_kubeone, no_go, "about 6 min on two cores, once")
KUBECTL_PART = Part(
    "kubectl",
    sources() + (SOURCE / "kubectl.sum").read_bytes(),
    build_kubectl,
    no_go,
    "about 1 min on two cores after kubeone, once",
)
KWOK_PART = Part("kwok", f"{KWOK} {STAGES}".encode(), build_kwok, no_go, "about 1 min, once")
