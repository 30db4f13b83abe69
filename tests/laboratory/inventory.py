"""What this machine can run: parts and programs that each kind of test needs, and the reason when one is missing."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

from tests.laboratory import parts
from tests.laboratory.part_condor import CHROOT_PART, not_root
from tests.laboratory.part_images import IMAGES_PART
from tests.laboratory.part_kubernetes import KUBECTL_PART, KUBEONE_PART, KWOK_PART
from tests.laboratory.part_workflow import WORKFLOW_PART
from tests.laboratory.parts import Part
from tests.laboratory.places import LeftOutError

CNI_PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
PROGRAMS = {
    "kube": {"openssl": "openssl"},
    "condor": {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "iptables": "iptables"},
    "realnode": {
        "containerd": "containerd",
        "ctr": "containerd",
        "runc": "runc",
        "iptables": "iptables",
        "ip": "iproute2",
    },
    "browser": {"chromium": "chromium"},
    "workflow": {},
}
PARTS: dict[str, tuple[Part, ...]] = {
    "kube": (KUBEONE_PART, KWOK_PART),
    "condor": (CHROOT_PART, IMAGES_PART),
    "realnode": (KUBEONE_PART, KUBECTL_PART, IMAGES_PART),
    "browser": (),
    "workflow": (WORKFLOW_PART,),
}


def plugins() -> Path | None:
    """The folder of the pod network's plugins."""
    return next((folder for folder in CNI_PLUGINS if (folder / "bridge").exists()), None)


def absent(kind: str) -> str | None:
    """The first program that tests of a kind need and this machine lacks."""
    if kind in {"condor", "realnode"} and (why := not_root("it")):
        return f"{kind}: {why}"
    for program, package in PROGRAMS[kind].items():
        if not shutil.which(program, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"):
            return f"{kind}: no {program} (apt-get install {package})"
    if kind == "realnode" and plugins() is None:
        return "realnode: no pod network plugins (apt-get install containernetworking-plugins)"
    return None


@functools.cache
def prepare(kind: str) -> str | None:
    """Builds what tests of a kind need; the reason in one line when this machine cannot."""
    if os.environ.get("FEDSCHED_LABORATORY") == "off":
        return f"{kind}: FEDSCHED_LABORATORY=off"
    if why := absent(kind):
        return why
    try:
        for part in PARTS[kind]:
            parts.ensure(part)
    except LeftOutError as error:
        return str(error)
    return None
