"""A workflow program that makes Kubernetes Jobs, in a virtual environment of its own, from the hashed lock.

What it is and how it is run is not known here.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.laboratory import places
from tests.laboratory.parts import Part

LOCK = Path(__file__).parents[2] / "requirements/workflow.txt"
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input")


def run(*command: str) -> None:
    """Runs a command; LaboratoryError with its last lines when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise places.LaboratoryError(" | ".join(done.stderr.strip().splitlines()[-3:])[:500])


def build(folder: Path) -> None:
    """The environment. It is moved afterwards: run its python, not its scripts, which know where they were."""
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    into = ("--python", str(folder / "bin/python"))
    run(sys.executable, *PIP, *into, "install", "--no-compile", "--require-hashes", "-r", str(LOCK))


WORKFLOW_PART = Part(
    "workflow",
    recipe=LOCK.read_bytes() + f"{sys.version_info[:2]} {sysconfig.get_platform()}".encode(),
    build=build,
    missing=lambda: None,
    hint="about half a minute",
)
