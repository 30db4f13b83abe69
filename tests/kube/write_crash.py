"""A process that places one object and is killed before its nth write; run by tests in a child of its own."""

from __future__ import annotations

import os
import signal

from fedsched.config.settings import Credential, MemberFile
from fedsched.kube.actuator import Actuator
from fedsched.kube.transport import Transport
from fedsched.matchmaker.model import CreateObject, Placement
from tests.kube.write_builders import FEDERATION, NOW, worker


def place(credential: Credential, member: MemberFile, placement: Placement, nth: int) -> None:
    """Kills itself with SIGKILL when the nth write is due; ends with status 0 when there are fewer."""
    left = nth

    def checkpoint(_name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    actuator = Actuator(member, Transport(credential), FEDERATION, checkpoint)
    outcome = actuator.act(CreateObject("m1", placement), worker(), placement.epoch, NOW)
    if outcome.result != "done":
        raise SystemExit(outcome.what)
