"""How the HTCondor folder is made: Debian trixie by debootstrap, the condor package, the laboratory's users.

Nothing runs in it here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.laboratory import places
from tests.laboratory.parts import Part

SUITE = "trixie"
PACKAGES = ("condor", "busybox-static")
USERS = {"alice": 2101, "bob": 2102, "carol": 2103}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UNNEEDED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")


def not_root(what: str) -> str | None:
    """Why something that needs root cannot be done."""
    return None if os.geteuid() == 0 else f"{what} needs root"


def missing() -> str | None:
    """Why the folder cannot be made on this machine."""
    if why := not_root("a chroot"):
        return why
    if not shutil.which("debootstrap"):
        return "no debootstrap (apt-get install debootstrap)"
    return (
        None
        if mirror()
        else "no Debian mirror in this machine's apt configuration (FEDSCHED_LABORATORY_MIRROR names one)"
    )


def output(*command: str) -> str:
    """What a command prints, empty when it fails or is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL).stdout
    except OSError:
        return ""


def mirror() -> str | None:
    """The Debian mirror that this machine itself uses."""
    if named := os.environ.get("FEDSCHED_LABORATORY_MIRROR"):
        return named
    release = Path("/etc/os-release").read_text()
    if "\nID=debian" not in f"\n{release}":
        return None
    codename = next(
        (line.split("=")[1].strip('"') for line in release.splitlines() if line.startswith("VERSION_CODENAME=")), ""
    )
    listed = output(
        "apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"
    )
    found = [line.split(maxsplit=2)[2] for line in listed.splitlines() if line.startswith(f"{codename} main ")]
    return found[0].rstrip("/") if found else None


def proxy_environment() -> dict[str, str]:
    """The proxy that this machine's apt uses, as debootstrap's wget wants it."""
    lines = output("apt-config", "shell", "proxy", "Acquire::http::Proxy").strip()
    value = lines.partition("=")[2].strip("'")
    return {"http_proxy": value} if value and value != "DIRECT" else {}


def run(*command: str) -> None:
    """Runs one step; LaboratoryError with its last lines when it fails."""
    env = {**os.environ, **proxy_environment(), "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-4:]
        raise places.LaboratoryError(f"{Path(command[0]).name}: {' | '.join(said)[:500]}")


def build(folder: Path) -> None:
    """About 70 s: the base system, the condor package, users; caches and documentation are thrown away."""
    root = folder / "root"
    run("debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(root), mirror() or "")
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # packages must not start daemons
    policy.chmod(0o755)
    apt = (
        "chroot",
        str(root),
        "apt-get",
        "-q",
        "-o",
        "Acquire::Check-Valid-Until=false",
    )  # a machine's clock may be ahead of the mirror
    run(*apt, "update")
    run(*apt, "install", "-y", "--no-install-recommends", *PACKAGES)
    for name, uid in USERS.items():
        run(
            "chroot",
            str(root),
            "useradd",
            "--uid",
            str(uid),
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/tmp",
            name,
        )
    for name in UNNEEDED:
        shutil.rmtree(root / name, ignore_errors=True)


CHROOT_PART = Part("condor", repr((SUITE, PACKAGES, USERS, UNNEEDED)).encode(), build, missing, "about 70 s, once")
