"""`python -m tests.laboratory build | status | sweep`.

Builds the parts and says how long each took, lists them, clears what crashed runs left.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.laboratory import inventory, parts, places, session
from tests.laboratory.part_condor import CHROOT_PART
from tests.laboratory.part_images import IMAGES_PART
from tests.laboratory.part_kubernetes import KUBECTL_PART, KUBEONE_PART, KWOK_PART
from tests.laboratory.part_workflow import WORKFLOW_PART
from tests.laboratory.parts import Part

# Compiling keeps all cores busy; the HTCondor folder mostly waits for the network. Two lanes use both.
LANES = ((KUBEONE_PART, KUBECTL_PART, KWOK_PART), (CHROOT_PART, IMAGES_PART, WORKFLOW_PART))


def built(part: Part) -> tuple[str, str]:
    """Builds one part; its name and what came of it."""
    begin, cached = time.monotonic(), part.built()
    try:
        parts.ensure(part)
    except places.LeftOutError as error:
        return part.name, f"LEFT OUT: {error}"
    return part.name, "in the cache" if cached else f"built in {time.monotonic() - begin:.1f} s"


def build() -> int:
    """Builds everything; 1 when something is left out although nothing may be."""
    places.cache()
    with ThreadPoolExecutor(len(LANES)) as lanes:
        results = dict(
            entry for lane in lanes.map(lambda lane: [built(part) for part in lane], LANES) for entry in lane
        )
    for name, result in results.items():
        print(f"{name:10} {result}")
    reasons = [why for kind in inventory.PROGRAMS if (why := inventory.absent(kind))]
    for why in reasons:
        print(f"{'tests':10} LEFT OUT: {why}")
    incomplete = bool(reasons) or any(result.startswith("LEFT OUT") for result in results.values())
    return int(incomplete and os.environ.get("FEDSCHED_LABORATORY") == "required")


def status() -> int:
    """One line for each part and each session."""
    for part in (part for lane in LANES for part in lane):
        state = "in the cache" if part.built() else parts.reason(part) or "can be built"
        print(f"{part.name:10} {state}  {part.folder() if part.built() else ''}")
    for folder in sorted(places.sessions().iterdir()):
        free = session.lock_of(folder)
        print(f"session {folder.name}: {'left by a crashed run (sweep clears it)' if free else 'running'}")
        if free:
            free.close()
    return 0


def sweep() -> int:
    """Clears what sessions left that did not close."""
    for line in session.sweep() or ["nothing to clear"]:
        print(line)
    return 0


def main() -> int:
    """The command line."""
    verbs = {"build": build, "status": status, "sweep": sweep}
    parser = argparse.ArgumentParser(prog="python -m tests.laboratory", description=__doc__)
    parser.add_argument("verb", choices=verbs)
    return verbs[parser.parse_args().verb]()


if __name__ == "__main__":
    sys.exit(main())
