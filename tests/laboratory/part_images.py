"""Which files the laboratory's container images hold.

Made from the HTCondor folder, as folders (for the pod runner) and as archives.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.laboratory import oci
from tests.laboratory.part_condor import CHROOT_PART, PATH, missing
from tests.laboratory.parts import Part
from tests.laboratory.places import LaboratoryError

STARTD, BUSYBOX, PAUSE = (f"docker.io/fedsched/{name}:lab" for name in ("startd", "busybox", "pause"))
PROGRAMS = (
    "/usr/sbin/condor_master",
    "/usr/sbin/condor_startd",
    "/usr/sbin/condor_starter",
    "/usr/sbin/condor_procd",
    "/usr/sbin/condor_off",
    "/usr/libexec/condor/condor_shared_port",
    "/usr/libexec/condor/condor_gpu_discovery",
    "/usr/libexec/condor/condor_pid_ns_init",
    "/usr/libexec/condor/condor_chirp",
    "/usr/libexec/condor/curl_plugin",
    "/usr/libexec/condor/condor_kflops",
    "/usr/libexec/condor/condor_mips",
    "/usr/libexec/condor/condor_power_state",
    "/usr/libexec/condor/condor_ssh_to_job_sshd_setup",
    "/usr/bin/condor_who",
    "/usr/bin/condor_status",
    "/usr/bin/condor_config_val",
    "/usr/bin/condor_drain",
    "/usr/bin/condor_version",
    "/usr/bin/condor_ping",
    "/usr/bin/bash",
    "/usr/bin/sleep",
    "/usr/bin/env",
    "/usr/bin/cat",
)
LOADED = ("libnss_files*", "libnss_dns*", "libcondor_utils*", "libclassad*")  # opened at run time, so ldd does not tell
TEXTS = ("etc/passwd", "etc/group", "etc/nsswitch.conf")
FOLDERS = ("tmp", "proc", "sys", "dev", "etc", "var/tmp", "run", "root")
PAUSE_COMMAND = ("/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done")


def build(folder: Path) -> None:
    """Three folders and three archives."""
    root = CHROOT_PART.folder() / "root"
    startd, busybox = folder / "startd", folder / "busybox"
    busybox_tree(root, busybox)
    shutil.copytree(busybox, startd, symlinks=True)
    for name in needed(root):
        copy(root, startd, name)
    for text in TEXTS:
        copy(root, startd, f"/{text}")
    oci.write(folder / "startd.tar", STARTD, startd)
    oci.write(folder / "busybox.tar", BUSYBOX, busybox, ["/bin/sh"])
    oci.write(folder / "pause.tar", PAUSE, busybox, PAUSE_COMMAND)


def inside(root: Path, *command: str) -> list[str]:
    """Lines that a program of the HTCondor folder prints."""
    done = subprocess.run(
        ["chroot", str(root), *command],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": PATH},
        stdin=subprocess.DEVNULL,
    )
    if not done.stdout:
        raise LaboratoryError(f"{command[0]} in the HTCondor folder: {done.stderr.strip()[-300:]}")
    return done.stdout.splitlines()


def busybox_tree(root: Path, folder: Path) -> None:
    """Busybox and a link for each of its tools; /bin, /sbin and /lib are links into /usr as Debian has them."""
    for name in (*FOLDERS, "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/libexec"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (folder / name).symlink_to(f"usr/{name}")
    (folder / "tmp").chmod(0o1777)
    (folder / "var/tmp").chmod(0o1777)
    shutil.copy(root / "usr/bin/busybox", folder / "usr/bin/busybox")
    for name in set(inside(root, "/usr/bin/busybox", "--list")) - {"busybox"}:
        (folder / "usr/bin" / name).symlink_to("busybox")
    for text in TEXTS[:2]:
        shutil.copy(root / text, folder / text)


def needed(root: Path) -> set[str]:
    """The programs and every library that they load, as paths inside the folder."""
    programs = [name for name in PROGRAMS if (root / name[1:]).exists()]
    found = set(programs)
    for line in inside(root, "ldd", *programs):
        words = line.split()
        found |= {word for word in words if word.startswith("/") and not word.endswith(":")}
    for pattern in LOADED:
        found |= {f"/{path.relative_to(root)}" for path in (root / "usr/lib").rglob(pattern)}
    return found


def copy(root: Path, folder: Path, name: str) -> None:
    """Copies a file, and the file it links to under that file's own name."""
    source, target = root / name[1:], folder / name[1:]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
        real = inside(root, "readlink", "-f", name)[0]
        if not (folder / real[1:]).exists():
            copy(root, folder, real)
    else:
        shutil.copy(source, target)


RECIPE = (
    repr((PROGRAMS, LOADED, TEXTS, FOLDERS, PAUSE_COMMAND)).encode()
    + Path(oci.__file__).read_bytes()
    + Path(__file__).read_bytes()
)
IMAGES_PART = Part("images", RECIPE, build, missing, "some seconds", (CHROOT_PART,))
